//! The stream of inputs: the store's changes and what the observer tells as one.
//!
//! The store is subscribed to before it is read, so that nothing falls between the two.

use super::Input;
use futures::{Stream, StreamExt, stream};
use std::{sync::Arc, time::Duration};
use trueup_domain::port::{Change, Changes, WatchEvent, Workspaces};

/// How long to wait before a store that failed is read again.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Everything that may wake a pass, beginning with all workspaces. `watched` is what [`watch`] tells; it
/// is first polled when the workspaces are known.
///
/// [`watch`]: super::watch
pub fn inputs<W>(
    workspaces: Arc<dyn Workspaces>,
    changes: &dyn Changes,
    watched: W,
) -> impl Stream<Item = Input> + Send + use<W>
where
    W: Stream<Item = WatchEvent> + Send,
{
    let changes = changes.subscribe();
    let first = stream::once(load(Arc::clone(&workspaces)));
    let stored = changes.then(move |change| input(Arc::clone(&workspaces), change));
    let watched = watched.map(Input::Watched);
    // The engine's reports mean nothing before the workspaces are known.
    first.chain(stream::select(stored.filter_map(std::future::ready), watched))
}

async fn input(workspaces: Arc<dyn Workspaces>, change: Change) -> Option<Input> {
    match change {
        Change::Workspace { old, new, .. } => {
            let id = new.as_ref().or(old.as_ref())?.id;
            Some(Input::Stored { id, new })
        }
        Change::Missed(missed) => {
            tracing::warn!(missed, "fell behind the store's changes; reading all workspaces again");
            Some(load(workspaces).await)
        }
    }
}

/// Reads all workspaces, for as long as it takes: without them there is nothing to do.
async fn load(workspaces: Arc<dyn Workspaces>) -> Input {
    loop {
        match workspaces.list().await {
            Ok(all) => return Input::Loaded(all),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "cannot read the store");
                tokio::time::sleep(READ_AGAIN_AFTER).await;
            }
        }
    }
}
