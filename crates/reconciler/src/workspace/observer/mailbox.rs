//! Where the reader leaves what it saw and the consumer takes it.
//!
//! Invariant: leaving never waits. A slow consumer finds changes merged: one per workspace (the
//! latest), the latest list, the latest loss. At the bound further workspaces are dropped; the next
//! resync lists them. Deliberately absent: order between a list and the changes, as both only
//! say where to look. A list and a loss keep theirs: the last one says how the engine is.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;
use trueup_domain::{
    container::ContainerSummary,
    error::EngineError,
    id::WorkspaceId,
    port::{EngineChange, WatchEvent},
};

/// More workspaces than one engine has.
const BOUND: usize = 65_536;

/// One consumer's mailbox.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    content: Mutex<Content>,
    arrival: Notify,
}

#[derive(Debug, Default)]
struct Content {
    lost: Option<EngineError>,
    listed: Option<Vec<ContainerSummary>>,
    changes: HashMap<WorkspaceId, EngineChange>,
    /// The workspaces of `changes` in order of their first change.
    order: VecDeque<WorkspaceId>,
}

impl Mailbox {
    pub(super) fn change(&self, change: EngineChange) {
        let mut content = self.content();
        let workspace = change.workspace;
        if content.changes.len() >= BOUND && !content.changes.contains_key(&workspace) {
            return;
        }
        if content.changes.insert(workspace, change).is_none() {
            content.order.push_back(workspace);
        }
        drop(content);
        self.arrival.notify_one();
    }

    /// A list proves that the engine is back, so that an untold loss is no news any more.
    pub(super) fn list(&self, rows: Vec<ContainerSummary>) {
        let mut content = self.content();
        content.lost = None;
        content.listed = Some(rows);
        drop(content);
        self.arrival.notify_one();
    }

    pub(super) fn lose(&self, error: EngineError) {
        self.content().lost = Some(error);
        self.arrival.notify_one();
    }

    /// Waits for something to tell; the caller may give up at any time and loses nothing.
    pub(super) async fn next(&self) -> WatchEvent {
        loop {
            if let Some(event) = self.content().take() {
                return event;
            }
            // A notice that came since the look is kept for this wait.
            self.arrival.notified().await;
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        // The content is consistent between any two statements that could panic.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn take(&mut self) -> Option<WatchEvent> {
        // A list that came after the loss would have outdated it.
        if let Some(rows) = self.listed.take() {
            return Some(WatchEvent::Listed(rows));
        }
        if let Some(error) = self.lost.take() {
            return Some(WatchEvent::Lost(error));
        }
        let workspace = self.order.pop_front()?;
        self.changes.remove(&workspace).map(WatchEvent::Changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use trueup_domain::{
        error::{ErrorClass, Reason},
        id::ContainerId,
    };

    fn change(number: u128, action: &str) -> EngineChange {
        EngineChange {
            workspace: format!("{number:032x}").parse().unwrap(),
            container: ContainerId::new("abc"),
            action: action.to_owned(),
        }
    }

    fn taken(mailbox: &Mailbox) -> Vec<WatchEvent> {
        std::iter::from_fn(|| mailbox.next().now_or_never()).collect()
    }

    fn lost() -> EngineError {
        EngineError {
            operation: "watch events",
            class: ErrorClass::Retryable,
            reason: Reason::EngineUnreachable,
            message: "gone".to_owned(),
        }
    }

    #[test]
    fn changes_of_one_workspace_are_merged_and_keep_their_turn() {
        let mailbox = Mailbox::default();
        for (number, action) in [(1, "kill"), (2, "start"), (1, "die")] {
            mailbox.change(change(number, action));
        }
        let expected = [change(1, "die"), change(2, "start")].map(WatchEvent::Changed);
        assert_eq!(taken(&mailbox), expected);
    }

    #[test]
    fn a_list_outdates_the_list_and_the_loss_before_it() {
        let mailbox = Mailbox::default();
        mailbox.lose(lost());
        mailbox.list(Vec::new());
        mailbox.list(Vec::new());
        assert_eq!(taken(&mailbox), [WatchEvent::Listed(Vec::new())]);
        mailbox.lose(lost());
        assert_eq!(taken(&mailbox), [WatchEvent::Lost(lost())]);
    }

    #[test]
    fn a_loss_is_told_after_the_list_before_it() {
        let mailbox = Mailbox::default();
        mailbox.list(Vec::new());
        mailbox.lose(lost());
        assert_eq!(taken(&mailbox), [WatchEvent::Listed(Vec::new()), WatchEvent::Lost(lost())]);
    }

    #[test]
    fn a_consumer_that_never_comes_costs_no_more_than_the_bound() {
        let mailbox = Mailbox::default();
        for number in 0..=u128::try_from(BOUND).unwrap() {
            mailbox.change(change(number, "die"));
        }
        assert_eq!(taken(&mailbox).len(), BOUND);
        mailbox.change(change(1, "die"));
        assert_eq!(taken(&mailbox).len(), 1);
    }

    #[tokio::test]
    async fn a_consumer_that_waits_is_woken() {
        let mailbox = Mailbox::default();
        let (event, ()) = tokio::join!(mailbox.next(), async {
            tokio::task::yield_now().await;
            mailbox.change(change(7, "die"));
        });
        assert_eq!(event, WatchEvent::Changed(change(7, "die")));
    }
}
