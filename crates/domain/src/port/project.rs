//! The host's file system, as far as it decides whether a project folder may be mounted.

use crate::{observed::ProjectFolder, spec::ProjectPath};
use async_trait::async_trait;

/// Looks at project folders.
#[async_trait]
pub trait Projects: Send + Sync + 'static {
    /// Resolves symbolic links and says whether the folder may be mounted now.
    ///
    /// Never waits without a deadline: a folder on a file system that hangs is `Forbidden`, with
    /// that as the reason.
    async fn look(&self, path: &ProjectPath) -> ProjectFolder;
}
