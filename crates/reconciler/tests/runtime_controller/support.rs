//! What the tests share: a clock in whole seconds, a log of passes, and ways to wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{Stream, StreamExt, future, stream};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use trueup_reconciler::runtime::{Controller, ErrorPolicy, Next, Outcome, Request, Trigger};

pub(crate) type Key = &'static str;
pub(crate) type Keys = Controller<Key, u32>;
pub(crate) type Asked = Request<Key, u32>;
pub(crate) type Passed<E = &'static str> = Outcome<Key, u32, E>;

pub(crate) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn controller() -> Keys {
    Controller::new("test", fastrand::Rng::with_seed(11))
}

/// A stream that yields each key at its second.
pub(crate) fn at(times: &[(u64, Key)]) -> impl Stream<Item = Key> + Send + use<> {
    let start = Instant::now();
    stream::iter(times.to_vec()).then(move |(second, key)| async move {
        sleep_until(start + seconds(second)).await;
        key
    })
}

/// The next outcome, or a failure of the test after a thousand hours without one.
pub(crate) async fn next<O>(outcomes: &mut (impl Stream<Item = O> + Unpin)) -> O {
    match timeout(seconds(3_600_000), outcomes.next()).await {
        Ok(Some(outcome)) => outcome,
        Ok(None) => panic!("the controller ended"),
        Err(tokio::time::error::Elapsed { .. }) => panic!("no outcome came"),
    }
}

/// Fails the test if any outcome comes within a thousand hours.
pub(crate) async fn expect_quiet<O>(outcomes: &mut (impl Stream<Item = O> + Unpin)) {
    let quiet = timeout(seconds(3_600_000), outcomes.next()).await;
    assert!(quiet.is_err(), "something ran, or the controller ended");
}

pub(crate) fn retry<E>(_key: &Key, _error: &E, _ctx: &Arc<Log>) -> ErrorPolicy {
    ErrorPolicy::Retry
}

/// The caller's causes of a pass.
pub(crate) fn numbers<E>(outcome: &Passed<E>) -> Vec<u32> {
    let number = |trigger: &Trigger<u32>| match trigger {
        Trigger::Caller(number) => Some(*number),
        Trigger::Retry | Trigger::WakeUp => None,
    };
    outcome.causes.iter().filter_map(|cause| number(&cause.trigger)).collect()
}

pub(crate) fn triggers<E>(outcome: &Passed<E>) -> Vec<Trigger<u32>> {
    outcome.causes.iter().map(|cause| cause.trigger.clone()).collect()
}

/// When which pass ran, in seconds since the log was made, and how many did at once.
pub(crate) struct Log {
    pub(crate) origin: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) starts: Vec<(Key, u64)>,
    pub(crate) running: HashMap<Key, usize>,
    pub(crate) most_at_once: usize,
    pub(crate) most_of_one_key: usize,
}

impl Log {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { origin: Instant::now(), state: Mutex::default() })
    }

    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn starts(&self) -> Vec<(Key, u64)> {
        self.state(|state| state.starts.clone())
    }

    pub(crate) fn elapsed(&self) -> u64 {
        self.origin.elapsed().as_secs()
    }

    /// Notes a pass from now until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>, key: Key) -> Running {
        let second = self.elapsed();
        self.state(|state| {
            state.starts.push((key, second));
            let of_key = state.running.entry(key).or_default();
            *of_key += 1;
            state.most_of_one_key = state.most_of_one_key.max(*of_key);
            state.most_at_once = state.most_at_once.max(state.running.values().sum());
        });
        Running { log: Arc::clone(self), key }
    }
}

pub(crate) struct Running {
    log: Arc<Log>,
    key: Key,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.log.state(|state| {
            if let Some(count) = state.running.get_mut(self.key) {
                *count -= 1;
            }
        });
    }
}

/// A reconcile that takes this long and succeeds.
pub(crate) fn takes(
    duration: Duration,
) -> impl Fn(Asked, Arc<Log>) -> future::BoxFuture<'static, Result<Next, &'static str>> {
    move |request, log| {
        Box::pin(async move {
            let _running = log.enter(request.key);
            sleep(duration).await;
            Ok(Next::await_change())
        })
    }
}
