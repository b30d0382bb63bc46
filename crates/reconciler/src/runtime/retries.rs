//! Failures that outlive the process: the port, and the part of the controller that uses it.
//!
//! What changed is saved beside the passes and never in their way: while one batch is under way,
//! further changes of the same key merge. A crash can lose the last of them, and costs a retry that
//! comes a little early. Deliberately absent: a wall clock, which is the store's.

use std::hash::Hash;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::time::{Sleep, sleep, timeout};

use super::queue::RetryState;
use super::shared::Shared;

/// Why a store did not do its part.
pub type StoreError = Box<dyn std::error::Error + Send + Sync>;

/// Where the failures of keys are kept while no controller runs.
#[async_trait]
pub trait RetryStore<K>: Send + Sync + 'static {
    /// All that was saved, with what is left of each delay. Asked for before anything runs; if it
    /// fails, the controller starts without, and asks again only to correct what is there.
    async fn load(&self) -> Result<Vec<(K, RetryState)>, StoreError>;

    /// Saves what changed, `None` for a key that has no failures any more. What could not be saved
    /// comes again, together with what changed since.
    async fn save(&self, changes: Vec<(K, Option<RetryState>)>) -> Result<(), StoreError>;
}

/// How many keys are saved in one go.
const BATCH: usize = 256;
/// How long one call of the store may take.
const CALL_DEADLINE: Duration = Duration::from_secs(10);
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);

type Call<T> = BoxFuture<'static, Result<T, StoreError>>;

/// What the controller is doing with its store.
pub(super) struct Retries<K> {
    name: &'static str,
    store: Arc<dyn RetryStore<K>>,
    state: State<K>,
    progress: Progress,
    /// How many keys are saved in one go: less after a failure, so that one key that cannot be saved
    /// holds up fewer others each time.
    batch: usize,
}

/// How far the loading has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// What was saved is not known yet, and nothing runs.
    Awaited,
    /// It could not be had in time, and passes run without. It is still asked for, to correct it.
    Late,
    Done,
}

enum State<K> {
    Loading(Call<Vec<(K, RetryState)>>),
    Idle,
    Saving(Call<()>, Vec<K>),
    Pausing(Pin<Box<Sleep>>),
}

impl<K: Clone + Eq + Hash + Send + 'static> Retries<K> {
    pub(super) fn new(name: &'static str, store: Arc<dyn RetryStore<K>>) -> Self {
        let state = loading(&store);
        Self { name, store, state, progress: Progress::Awaited, batch: BATCH }
    }

    /// Whether what was saved is not known yet, so that nothing may run.
    pub(super) fn is_loading(&self) -> bool {
        self.progress == Progress::Awaited
    }

    /// Does what can be done; ready when there is nothing left to save.
    pub(super) fn poll<C>(&mut self, shared: &Shared<K, C>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.state {
                State::Loading(call) => {
                    let loaded = std::task::ready!(call.poll_unpin(cx));
                    self.state = self.take_up(shared, loaded);
                }
                State::Idle => {
                    let changes = shared.with(|queue, now| queue.take_unsaved(self.batch, now));
                    if changes.is_empty() {
                        return Poll::Ready(());
                    }
                    let keys = changes.iter().map(|(key, _)| key.clone()).collect();
                    let store = Arc::clone(&self.store);
                    let call = in_time(async move { store.save(changes).await });
                    self.state = State::Saving(call, keys);
                }
                State::Saving(call, keys) => {
                    let saved = std::task::ready!(call.poll_unpin(cx));
                    let keys = std::mem::take(keys);
                    self.state = State::Idle;
                    self.batch = (2 * self.batch).min(BATCH);
                    if let Err(error) = saved {
                        self.batch = (self.batch / 4).max(1);
                        let controller = self.name;
                        let error = error.as_ref() as &dyn std::error::Error;
                        tracing::warn!(controller, error, "failures could not be saved");
                        shared.with(|queue, _| queue.put_unsaved(keys));
                        self.state = State::Pausing(Box::pin(sleep(PAUSE)));
                    }
                }
                State::Pausing(pause) => {
                    std::task::ready!(pause.as_mut().poll(cx));
                    self.state = match self.progress {
                        Progress::Done => State::Idle,
                        Progress::Awaited | Progress::Late => loading(&self.store),
                    };
                }
            }
        }
    }

    /// Takes up what was saved before anything ran. Later, it is only corrected: what has succeeded
    /// since must not be taken for failing at the next start.
    fn take_up<C>(
        &mut self,
        shared: &Shared<K, C>,
        loaded: Result<Vec<(K, RetryState)>, StoreError>,
    ) -> State<K> {
        match (loaded, self.progress) {
            (Ok(states), Progress::Awaited) => shared.with(|queue, now| {
                for (key, state) in states {
                    queue.restore_backoff(key, state, now);
                }
            }),
            (Ok(states), _) => shared.with(|queue, _| {
                queue.put_unsaved(states.into_iter().map(|(key, _)| key));
            }),
            (Err(error), _) => {
                // Once is enough; it is asked again and again.
                if self.progress == Progress::Awaited {
                    let (controller, error) = (self.name, error.as_ref() as &dyn std::error::Error);
                    tracing::warn!(controller, error, "earlier failures are not known");
                }
                self.progress = Progress::Late;
                return State::Pausing(Box::pin(sleep(PAUSE)));
            }
        }
        self.progress = Progress::Done;
        State::Idle
    }
}

fn loading<K: Send + 'static>(store: &Arc<dyn RetryStore<K>>) -> State<K> {
    let store = Arc::clone(store);
    State::Loading(in_time(async move { store.load().await }))
}

fn in_time<T: Send + 'static>(
    call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Call<T> {
    async { timeout(CALL_DEADLINE, call).await.unwrap_or_else(|late| Err(late.into())) }.boxed()
}
