//! An observer at work, and words for what is told.

use crate::engine::{FakeEngine, at};
use futures::{
    FutureExt, StreamExt,
    stream::{self, BoxStream},
};
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};
use trueup_domain::{
    id::{ContainerId, WorkspaceId},
    port::{EngineEvent, Unreadable, WatchEvent},
};
use trueup_reconciler::workspace::{ObserverOptions, watch};

/// An observer and the engine that it observes.
pub(crate) struct Scene {
    pub(crate) engine: Arc<FakeEngine>,
    pub(crate) told: BoxStream<'static, WatchEvent>,
}

impl Scene {
    /// Nobody has polled yet.
    pub(crate) fn new() -> Self {
        Self::with(ObserverOptions::default())
    }

    pub(crate) fn with(options: ObserverOptions) -> Self {
        let engine = FakeEngine::new();
        let told = watch(engine.clone(), options).boxed();
        Self { engine, told }
    }

    /// Observed and listed once.
    pub(crate) async fn listed() -> Self {
        let mut scene = Self::new();
        assert_eq!(scene.next().await, "listed 0");
        scene
    }

    /// What is told next, in words.
    pub(crate) async fn next(&mut self) -> String {
        let next = timeout(Duration::from_hours(24), self.told.next()).await;
        words(&next.expect("nothing is ever told").unwrap())
    }

    /// What is told by now.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let next = || self.told.next().now_or_never().map(|event| words(&event.unwrap()));
        std::iter::from_fn(next).collect()
    }

    /// Tells that something happened, and waits until it was taken in.
    pub(crate) async fn happen(&self, event: EngineEvent) {
        self.engine.tell(Ok(event)).await;
        settle().await;
    }

    /// Tells what cannot be read.
    pub(crate) async fn babble(&self) {
        self.engine.tell(Err(Unreadable)).await;
        settle().await;
    }

    /// What is told within that time, each with when, in ms since the beginning.
    pub(crate) async fn told_within(&mut self, time: Duration) -> Vec<(u128, String)> {
        let (end, engine) = (Box::pin(sleep(time)), Arc::clone(&self.engine));
        let told = stream::poll_fn(|context| self.told.poll_next_unpin(context));
        told.take_until(end).map(|event| (engine.elapsed(), words(&event))).collect().await
    }
}

/// Lets everybody else do what they can do without waiting.
pub(crate) async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn words(event: &WatchEvent) -> String {
    match event {
        WatchEvent::Changed(change) => {
            format!("{} {} {}", number(change.workspace), change.container, change.action)
        }
        WatchEvent::Listed(rows) => format!("listed {}", rows.len()),
        WatchEvent::Lost(error) => format!("lost: {error}"),
    }
}

pub(crate) fn id(number: u128) -> WorkspaceId {
    format!("{number:032x}").parse().unwrap()
}

fn number(id: WorkspaceId) -> u128 {
    u128::from_str_radix(&id.to_string(), 16).unwrap()
}

/// Something happened to the container of a workspace, that many ms after the beginning by the engine's
/// clock.
pub(crate) fn event(workspace: u128, action: &str, millis: i64) -> EngineEvent {
    EngineEvent {
        at: at(millis),
        workspace: Some(id(workspace)),
        container: ContainerId::new(format!("c{workspace}")),
        action: action.to_owned(),
    }
}
