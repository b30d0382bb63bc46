//! No two documents of one input declare the same workspace: the later would silently win.

use super::{
    Manifest,
    error::{ManifestError, ManifestErrors, Source},
    node::{Mark, Node},
    path::Path,
};
use std::{collections::HashMap, sync::Arc};

/// A manifest and where it was declared.
#[derive(Debug, Clone)]
pub struct Document {
    /// What was declared.
    pub manifest: Manifest,
    source: Arc<Source>,
    mark: Mark,
}

impl Document {
    pub(super) fn new(manifest: Manifest, tree: &Node, source: &Arc<Source>) -> Self {
        let name = Path::root().field("metadata").field("name");
        let mark = tree.find(&name).unwrap_or(Mark::START);
        Self { manifest, source: Arc::clone(source), mark }
    }

    /// What the file was called when it was read.
    pub fn source_name(&self) -> &str {
        self.source.name()
    }

    /// The line of its name, counted from 1.
    pub const fn line(&self) -> usize {
        self.mark.line
    }
}

/// Refuses the same owner and name twice, over all the files of one input; each error names both
/// places.
pub fn check_unique<'a>(
    documents: impl IntoIterator<Item = &'a Document>,
) -> Result<(), ManifestErrors> {
    let mut first: HashMap<_, &Document> = HashMap::new();
    let mut errors = Vec::new();
    for document in documents {
        let key = document.manifest.key();
        if let Some(earlier) = first.get(&key) {
            errors.push(twice(document, earlier));
        } else {
            first.insert(key, document);
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ManifestErrors::new(errors)) }
}

fn twice(later: &Document, earlier: &Document) -> ManifestError {
    let what = format!("the workspace `{}` is declared twice", later.manifest.key());
    let help = format!(
        "the first one is at {}:{}; rename one of them, or give it another owner",
        earlier.source_name(),
        earlier.line(),
    );
    ManifestError::new(&later.source, later.mark, &what, Some(&help))
}
