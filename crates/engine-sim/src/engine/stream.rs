//! A subscription to events, as unreliable as the faults say.
//!
//! Invariants: only events of containers with our label come; what was told before a cut is still read.
//! Dropping it ends the subscription.

use super::Shared;
use crate::{
    Event, EventKind, StreamFault,
    model::event::{Subscriber, Told},
};
use futures::{StreamExt, stream, stream::BoxStream};
use std::{collections::VecDeque, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use trueup_domain::{
    id::{ContainerId, InstanceId},
    label,
    port::{EngineEvent, Unreadable},
};

type Item = Result<EngineEvent, Unreadable>;

/// How long an event out of order waits for one to come before it.
const HELD_FOR: Duration = Duration::from_millis(500);

pub(super) struct Subscription {
    shared: Arc<Shared>,
    instance: InstanceId,
    subscriber: Subscriber,
    ready: VecDeque<Item>,
    /// An event that comes late, and until when.
    held: Option<(Instant, Item)>,
    silent_until: Option<Instant>,
    is_over: bool,
}

impl Subscription {
    pub(super) const fn new(
        shared: Arc<Shared>,
        instance: InstanceId,
        subscriber: Subscriber,
    ) -> Self {
        let ready = VecDeque::new();
        Self { shared, instance, subscriber, ready, held: None, silent_until: None, is_over: false }
    }

    pub(super) fn stream(self) -> BoxStream<'static, Item> {
        stream::unfold(self, |mut subscription| async {
            let item = subscription.next().await?;
            Some((item, subscription))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<Item> {
        let shared = Arc::clone(&self.shared);
        loop {
            let mut bell = std::pin::pin!(shared.bell.notified());
            // From here on no ring is missed.
            bell.as_mut().enable();
            let next = self.look();
            if let Some(item) = self.ready.pop_front() {
                return Some(item);
            }
            if self.is_over {
                return None;
            }
            match next {
                Some(next) => {
                    // Either way there is something to look at.
                    let _ = timeout_at(next, bell).await;
                }
                None => bell.await,
            }
        }
    }

    /// Takes in what has been told; gives the time at which there may be more.
    fn look(&mut self) -> Option<Instant> {
        let shared = Arc::clone(&self.shared);
        while self.ready.is_empty() && !self.is_over {
            match shared.with(|world| world.model.tell_next(self.subscriber)) {
                Told::Event(event) => {
                    if let Some(event) = self.read(event) {
                        let fault =
                            shared.with(|world| world.faults.draw_event(&mut world.chance.events));
                        self.pass_on(event, fault);
                    }
                }
                Told::Nothing => break,
                Told::Over => self.is_over = true,
            }
        }
        let now = Instant::now();
        if self.held.as_ref().is_some_and(|(until, _)| *until <= now || self.is_over) {
            self.ready.extend(self.held.take().map(|(_, item)| item));
        }
        let due = shared.with(|world| world.model.next_due()).map(|due| shared.instant(due));
        let held = self.held.as_ref().map(|(until, _)| *until);
        [due, held].into_iter().flatten().min()
    }

    fn pass_on(&mut self, event: EngineEvent, fault: Option<StreamFault>) {
        let now = Instant::now();
        if self.silent_until.is_some_and(|until| now < until) {
            return;
        }
        self.silent_until = None;
        let before = self.held.take().map(|(_, item)| item);
        match fault {
            None => self.ready.push_back(Ok(event)),
            Some(StreamFault::Lose) => {}
            Some(StreamFault::Duplicate) => self.ready.extend([Ok(event.clone()), Ok(event)]),
            Some(StreamFault::Unreadable) => self.ready.push_back(Err(Unreadable)),
            Some(StreamFault::Reorder) => self.held = Some((now + HELD_FOR, Ok(event))),
            Some(StreamFault::Silence(length)) => self.silent_until = Some(now + length),
            Some(StreamFault::Cut) => {
                self.is_over = true;
                self.shared.with(|world| world.model.end_subscription(self.subscriber));
            }
        }
        self.ready.extend(before);
    }

    /// The event as the port tells it, if it is one of ours.
    fn read(&self, event: Event) -> Option<EngineEvent> {
        let is_ours = event.labels.get(label::INSTANCE_ID).map(String::as_str)
            == Some(self.instance.as_str());
        if event.kind != EventKind::Container || !is_ours || event.action.starts_with("exec_") {
            return None;
        }
        let word = event.action.split_once(':').map_or(&*event.action, |(word, _)| word).trim();
        Some(EngineEvent {
            at: event.at,
            workspace: event.labels.get(label::WORKSPACE_ID).and_then(|id| id.parse().ok()),
            container: ContainerId::new(event.subject),
            action: word.to_owned(),
        })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.with(|world| world.model.end_subscription(self.subscriber));
    }
}
