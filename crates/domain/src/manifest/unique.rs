//! Documents of one input among each other: no two declare the same workspace, as the later would
//! silently win, and all are of the one owner that was asked for.

use super::{
    Manifest,
    error::{ManifestError, ManifestErrors, Source},
    node::{Mark, Node},
    path::Path,
};
use crate::name::Owner;
use std::{collections::HashMap, sync::Arc};

/// A manifest and where it was declared.
#[derive(Debug, Clone)]
pub struct Document {
    /// What was declared.
    pub manifest: Manifest,
    source: Arc<Source>,
    mark: Mark,
    owner_mark: Mark,
}

impl Document {
    pub(super) fn new(manifest: Manifest, tree: &Node, source: &Arc<Source>) -> Self {
        let metadata = Path::root().field("metadata");
        let find = |field| tree.find(&metadata.field(field)).unwrap_or(Mark::START);
        let (mark, owner_mark) = (find("name"), find("owner"));
        Self { manifest, source: Arc::clone(source), mark, owner_mark }
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

/// Gives the owner to the documents that name none, which are those of the default owner; refuses
/// those that name another.
pub fn set_owner(documents: &mut [Document], owner: &Owner) -> Result<(), ManifestErrors> {
    let mut errors = Vec::new();
    for document in documents {
        let declared = &mut document.manifest.metadata.owner;
        if *declared == Owner::default() {
            declared.clone_from(owner);
        } else if declared != owner {
            let what = format!("the owner here is `{declared}`, and `{owner}` was asked for");
            let help = format!(
                "remove the owner from the manifest, or ask for `{declared}` (`--owner`, \
                 `TRUEUP_OWNER`)"
            );
            errors.push(ManifestError::new(
                &document.source,
                document.owner_mark,
                &what,
                Some(&help),
            ));
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(ManifestErrors::new(errors)) }
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
