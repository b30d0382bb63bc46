//! Control group files as hosts of each kind have them, and what may become of them.

mod files;
mod lives;
mod parse;
mod tree;
