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
    /// All that was saved, with what is left of each delay. Asked for once, before anything runs;
    /// if it fails, the controller starts without.
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
}

enum State<K> {
    Loading(Call<Vec<(K, RetryState)>>),
    Idle,
    Saving(Call<()>, Vec<K>),
    Pausing(Pin<Box<Sleep>>),
}

impl<K: Clone + Eq + Hash + Send + 'static> Retries<K> {
    pub(super) fn new(name: &'static str, store: Arc<dyn RetryStore<K>>) -> Self {
        let from = Arc::clone(&store);
        let load = in_time(async move { from.load().await });
        Self { name, store, state: State::Loading(load) }
    }

    /// Whether what was saved is not known yet, so that nothing may run.
    pub(super) fn is_loading(&self) -> bool {
        matches!(self.state, State::Loading(_))
    }

    /// Does what can be done; ready when there is nothing left to save.
    pub(super) fn poll<C>(&mut self, shared: &Shared<K, C>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match &mut self.state {
                State::Loading(call) => {
                    let loaded = std::task::ready!(call.poll_unpin(cx));
                    self.take_up(shared, loaded);
                    self.state = State::Idle;
                }
                State::Idle => {
                    let changes = shared.with(|queue, now| queue.take_unsaved(BATCH, now));
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
                    if let Err(error) = saved {
                        let controller = self.name;
                        let error = error.as_ref() as &dyn std::error::Error;
                        tracing::warn!(controller, error, "failures could not be saved");
                        shared.with(|queue, _| queue.put_back_unsaved(keys));
                        self.state = State::Pausing(Box::pin(sleep(PAUSE)));
                    }
                }
                State::Pausing(pause) => {
                    std::task::ready!(pause.as_mut().poll(cx));
                    self.state = State::Idle;
                }
            }
        }
    }

    fn take_up<C>(&self, shared: &Shared<K, C>, loaded: Result<Vec<(K, RetryState)>, StoreError>) {
        match loaded {
            Ok(states) => shared.with(|queue, now| {
                for (key, state) in states {
                    queue.restore_backoff(key, state, now);
                }
            }),
            Err(error) => {
                let (controller, error) = (self.name, error.as_ref() as &dyn std::error::Error);
                tracing::warn!(controller, error, "earlier failures are not known");
            }
        }
    }
}

fn in_time<T: Send + 'static>(
    call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
) -> Call<T> {
    async { timeout(CALL_DEADLINE, call).await.unwrap_or_else(|late| Err(late.into())) }.boxed()
}
