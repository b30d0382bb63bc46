//! The newest figures, for whoever asks: passes, the API, subscribers. Nobody waits for anybody.
//!
//! Bounded by the number of running workspaces; a subscriber that falls behind misses figures.

use futures::{Stream, StreamExt, future::ready};
use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use trueup_domain::{
    id::WorkspaceId,
    port::Meter,
    usage::{Measured, Usage},
};

/// How many figures a subscriber may be behind.
const BEHIND: usize = 4096;

/// What is known of all running workspaces.
#[derive(Debug)]
pub struct Figures {
    of: RwLock<HashMap<WorkspaceId, Figure>>,
    news: broadcast::Sender<(WorkspaceId, Usage)>,
}

/// What is known of one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    /// `None`: it cannot be read now.
    pub(super) usage: Option<Usage>,
    pub(super) measured: Measured,
}

impl Default for Figures {
    fn default() -> Self {
        Self { of: RwLock::default(), news: broadcast::Sender::new(BEHIND) }
    }
}

impl Figures {
    /// The newest figures of a workspace that runs.
    pub fn usage(&self, id: WorkspaceId) -> Option<Usage> {
        self.look(id, |figure| figure.usage)?
    }

    /// Each new figure from now on.
    pub fn subscribe(&self) -> impl Stream<Item = (WorkspaceId, Usage)> + Send + use<> {
        BroadcastStream::new(self.news.subscribe()).filter_map(|news| ready(news.ok()))
    }

    /// Whether what is said of its source and pressures is new.
    pub(super) fn set(&self, id: WorkspaceId, figure: Figure) -> bool {
        if let Some(usage) = figure.usage {
            // An error means that nobody listens.
            let _ = self.news.send((id, usage));
        }
        let mut of = self.of.write().unwrap_or_else(PoisonError::into_inner);
        let measured = figure.measured.clone();
        let before = of.insert(id, figure);
        before.is_none_or(|before| before.measured != measured)
    }

    pub(super) fn remove(&self, id: WorkspaceId) {
        self.of.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
    }

    fn look<T>(&self, id: WorkspaceId, look: impl FnOnce(&Figure) -> T) -> Option<T> {
        self.of.read().unwrap_or_else(PoisonError::into_inner).get(&id).map(look)
    }
}

impl Meter for Figures {
    fn measured(&self, workspace: WorkspaceId) -> Option<Measured> {
        self.look(workspace, |figure| figure.measured.clone())
    }
}
