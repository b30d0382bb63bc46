//! The manifest: strict YAML (or JSON, which is YAML) in, checked documents out.
//!
//! The way of a text: `syntax` reads it into a tree of located `node`s, `decode` makes typed
//! values of a tree, `rules` looks at what must hold between values, and whatever is wrong becomes
//! a [`ManifestError`] that shows the place. A JSON value takes the same way from the tree on, so
//! that the API refuses exactly what a file is refused for.
//!
//! Invariant: a [`Manifest`] that these functions return obeys every rule; nobody checks it again.
//! Deliberately absent: reading files, and every rule that needs to look outside (whether the
//! project folder exists, whether the engine can make a network).

mod decode;
mod error;
mod fault;
mod foreign;
mod node;
mod path;
mod rules;
mod syntax;
mod unique;

pub use error::{ManifestError, ManifestErrors};
pub use rules::limit;
pub use syntax::{MAX_BYTES, MAX_ERRORS, looks_like_manifest};
pub use unique::{Document, check_unique, set_owner};

use crate::{
    name::WorkspaceKey,
    spec::{Metadata, Spec},
};
use error::Source;
use fault::Fault;
use node::Node;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One document: a workspace as a user declares it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// The version of this format.
    pub api_version: ApiVersion,
    /// What is declared.
    pub kind: Kind,
    /// Who and what it is.
    pub metadata: Metadata,
    /// What it should be.
    pub spec: Spec,
}

impl Manifest {
    /// A manifest of the one version and kind that there is.
    pub const fn new(metadata: Metadata, spec: Spec) -> Self {
        Self { api_version: ApiVersion::V1, kind: Kind::Workspace, metadata, spec }
    }

    /// `owner/name`.
    pub fn key(&self) -> WorkspaceKey {
        self.metadata.key()
    }
}

/// The version of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiVersion {
    /// The only one so far.
    #[serde(rename = "trueup/v1")]
    V1,
}

/// What a document declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A workspace, the only kind so far.
    Workspace,
}

/// Reads every document of a text. `source_name` is what errors call it, usually the file's path.
///
/// Empty documents are skipped. All documents are looked at before an error is returned, up to the
/// first fault of syntax and up to [`MAX_ERRORS`] errors.
pub fn parse(source_name: &str, text: &str) -> Result<Vec<Manifest>, ManifestErrors> {
    parse_bytes(source_name, text.as_bytes())
}

/// [`parse`] for the bytes of a file, which must be UTF-8.
pub fn parse_bytes(source_name: &str, bytes: &[u8]) -> Result<Vec<Manifest>, ManifestErrors> {
    let documents = parse_documents(source_name, bytes)?;
    Ok(documents.into_iter().map(|document| document.manifest).collect())
}

/// [`parse_bytes`], keeping each document's place, so that [`check_unique`] can compare several
/// files.
pub fn parse_documents(source_name: &str, bytes: &[u8]) -> Result<Vec<Document>, ManifestErrors> {
    let source = syntax::check_text(source_name, bytes)?;
    let mut documents = Vec::new();
    let mut errors = Vec::new();
    let mut empty = true;
    let mut text = source.inner().as_bytes();
    for tree in syntax::read(&mut text) {
        empty = false;
        match tree.and_then(|tree| read_document(&tree, &source)) {
            Ok(document) => documents.push(document),
            Err(faults) => {
                errors.extend(faults.into_iter().map(|fault| fault.locate(&source)));
            }
        }
        if errors.len() >= MAX_ERRORS {
            break;
        }
    }
    if empty {
        errors.push(syntax::no_document().locate(&source));
    }
    if let Err(more) = check_unique(&documents) {
        errors.extend(more);
    }
    if errors.is_empty() { Ok(documents) } else { Err(ManifestErrors::new(errors)) }
}

/// Reads a manifest that came as a JSON value, by the same rules; the errors name a path instead of
/// a line.
pub fn from_json(value: serde_json::Value) -> Result<Manifest, String> {
    check(&Node::from(value)).map_err(|faults| {
        let shown = |fault: &Fault| error::presentable(&fault.to_string());
        faults.iter().take(MAX_ERRORS).map(shown).collect::<Vec<_>>().join("\n")
    })
}

fn read_document(tree: &Node, source: &Arc<Source>) -> Result<Document, Vec<Fault>> {
    let manifest = check(tree)?;
    Ok(Document::new(manifest, tree, source))
}

/// From tree to manifest. The faults are located as far as the tree is.
fn check(tree: &Node) -> Result<Manifest, Vec<Fault>> {
    let manifest: Manifest = decode::decode(tree).map_err(|fault| vec![fault])?;
    let faults: Vec<Fault> =
        rules::check(&manifest.spec).into_iter().map(|broken| broken.fault(tree)).collect();
    if faults.is_empty() { Ok(manifest) } else { Err(faults) }
}
