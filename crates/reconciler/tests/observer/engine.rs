//! An engine of which only the three questions of an observer matter: its time, its events, its list.

use async_trait::async_trait;
use futures::{StreamExt, future, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};
use tokio_stream::wrappers::ReceiverStream;
use trueup_domain::{
    action::Action,
    container::{Container, ContainerSummary},
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, WorkspaceId},
    observed::NetworkState,
    port::{Engine, EngineEvent, Unreadable},
    spec::Image,
};

/// A question of an observer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Time,
    Events,
    List,
}

/// What becomes of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is never answered.
    Hangs,
    /// It is refused.
    Fails,
    /// Whoever asks dies of it.
    Panics,
}

/// The engine.
pub(crate) struct FakeEngine {
    began: Instant,
    pub(crate) state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) faults: Vec<(Question, Fault)>,
    /// How far the engine's clock is from where it began.
    pub(crate) offset: SignedDuration,
    /// How long a list takes; it says what was so when it was asked for.
    pub(crate) list_takes: Duration,
    pub(crate) rows: Vec<ContainerSummary>,
    /// Whether each subscription ends as soon as it has begun.
    pub(crate) ends_at_once: bool,
    /// When each question came, in ms since the beginning.
    pub(crate) asked: Vec<(Question, u128)>,
    /// From when on events were asked for, in ms since the beginning by the engine's clock.
    pub(crate) since: Vec<i128>,
    subscriber: Option<Subscriber>,
}

/// What is told passes a place for one event: whoever tells it waits until it was read.
type Subscriber = mpsc::Sender<Result<EngineEvent, Unreadable>>;

/// What the engine's clock says at the beginning.
fn beginning() -> Timestamp {
    Timestamp::from_second(1_700_000_000).unwrap()
}

/// The engine's time that many ms after the beginning.
pub(crate) fn at(millis: i64) -> Timestamp {
    beginning() + SignedDuration::from_millis(millis)
}

impl FakeEngine {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), state: Mutex::default() })
    }

    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on.
    pub(crate) fn fault(&self, question: Question, fault: Fault) {
        self.with(|state| state.faults = vec![(question, fault)]);
    }

    pub(crate) fn heal(&self) {
        self.with(|state| state.faults.clear());
    }

    pub(crate) fn elapsed(&self) -> u128 {
        self.began.elapsed().as_millis()
    }

    /// When such a question came, in ms since the beginning.
    pub(crate) fn asked(&self, question: Question) -> Vec<u128> {
        self.with(|state| {
            let of_kind = state.asked.iter().filter(|(kind, _)| *kind == question);
            of_kind.map(|(_, at)| *at).collect()
        })
    }

    pub(crate) fn since(&self) -> Vec<i128> {
        self.with(|state| state.since.clone())
    }

    /// Tells something to whoever is subscribed, and waits until it was read.
    pub(crate) async fn tell(&self, what: Result<EngineEvent, Unreadable>) {
        let subscriber = self.with(|state| state.subscriber.clone()).expect("nobody listens");
        subscriber.send(what).await.expect("nobody listens any more");
    }

    /// Whether there is a subscription that somebody keeps.
    pub(crate) fn is_heard(&self) -> bool {
        self.with(|state| state.subscriber.as_ref().is_some_and(|it| !it.is_closed()))
    }

    /// Ends the subscription.
    pub(crate) fn hang_up(&self) {
        self.with(|state| state.subscriber = None);
    }

    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.began.elapsed()).unwrap();
        beginning() + elapsed + self.with(|state| state.offset)
    }

    async fn hear(&self, question: Question) -> Result<(), EngineError> {
        let now = self.elapsed();
        let fault = self.with(|state| {
            state.asked.push((question, now));
            state.faults.iter().find(|(of, _)| *of == question).map(|(_, fault)| *fault)
        });
        match fault {
            None => Ok(()),
            Some(Fault::Hangs) => future::pending().await,
            Some(Fault::Panics) => panic!("out of luck"),
            Some(Fault::Fails) => Err(EngineError {
                operation: "ask",
                class: ErrorClass::Retryable,
                reason: Reason::EngineUnreachable,
                message: "nobody answers".to_owned(),
            }),
        }
    }
}

#[async_trait]
impl Engine for FakeEngine {
    async fn inspect(&self, _: &ContainerId) -> Result<Option<Container>, EngineError> {
        unreachable!("an observer only says where to look")
    }

    async fn list(&self, of: Option<WorkspaceId>) -> Result<Vec<ContainerSummary>, EngineError> {
        assert_eq!(of, None);
        self.hear(Question::List).await?;
        let (rows, takes) = self.with(|state| (state.rows.clone(), state.list_takes));
        if !takes.is_zero() {
            sleep(takes).await;
        }
        Ok(rows)
    }

    async fn has_image(&self, _: &Image) -> Result<bool, EngineError> {
        unreachable!("an observer asks for no image")
    }

    async fn network(&self, _: &str) -> Result<Option<NetworkState>, EngineError> {
        unreachable!("an observer asks for no network")
    }

    async fn volumes(&self, _: WorkspaceId) -> Result<Vec<String>, EngineError> {
        unreachable!("an observer asks for no volume")
    }

    async fn perform(&self, _: &Action) -> Result<(), EngineError> {
        unreachable!("an observer changes nothing")
    }

    async fn time(&self) -> Result<Timestamp, EngineError> {
        self.hear(Question::Time).await?;
        Ok(self.now())
    }

    async fn events(
        &self,
        since: Timestamp,
    ) -> Result<BoxStream<'static, Result<EngineEvent, Unreadable>>, EngineError> {
        self.hear(Question::Events).await?;
        let (subscriber, events) = mpsc::channel(1);
        self.with(|state| {
            state.since.push(since.duration_since(beginning()).as_millis());
            state.subscriber = (!state.ends_at_once).then_some(subscriber);
        });
        Ok(ReceiverStream::new(events).boxed())
    }
}
