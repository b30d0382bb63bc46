//! The manifest: strict YAML in, checked documents out.
