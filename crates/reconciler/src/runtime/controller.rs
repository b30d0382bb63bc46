//! The builder: what a controller watches, and within which bounds it works.
//!
//! It only collects settings; nothing happens until the stream that [`Controller::run`] returns
//! is polled. Each setting has a default, and each wait a deadline among them.

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use futures::future::{BoxFuture, pending};
use futures::stream::SelectAll;
use futures::{FutureExt, Stream};

use prometheus_client::registry::Registry;

use super::backoff::Backoff;
use super::flights::Flights;
use super::handle::Handle;
use super::metrics::Metrics;
use super::outcome::Outcome;
use super::owner::Owner;
use super::pass::{self, Deadline, Work};
use super::policy::{ErrorPolicy, Policies};
use super::queue::{HotLoopLimit, Limits, Queue, RateLimit};
use super::request::{Add, Next, Request};
use super::retries::{Retries, RetryStore};
use super::runner::Runner;
use super::shared::Shared;
use super::source::{self, Source};

/// Reconciles keys of type `K`, woken by causes of type `C`. See the [module](super).
pub struct Controller<K, C> {
    name: &'static str,
    shared: Arc<Shared<K, C>>,
    sources: Vec<Source<K, C>>,
    retries: Option<Arc<dyn RetryStore<K>>>,
    metrics: Option<Metrics>,
    deadline: Deadline,
    drain_timeout: Duration,
    shutdown: BoxFuture<'static, ()>,
}

impl<K, C> Controller<K, C>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    /// A controller without sources. `name` is for its log lines; `rng` is where all jitter comes
    /// from, so that the same seed and the same events give the same delays.
    pub fn new(name: &'static str, rng: Rng) -> Self {
        let queue = Queue::new(Limits::default(), Policies::default(), rng);
        Self {
            name,
            shared: Arc::new(Shared::new(queue)),
            sources: Vec::new(),
            retries: None,
            metrics: None,
            deadline: Deadline { timeout: Duration::from_mins(5), warning: Duration::from_secs(5) },
            drain_timeout: Duration::from_secs(30),
            shutdown: pending().boxed(),
        }
    }

    /// Adds a source: each item of the stream names zero or more keys to look at, as
    /// `(key, cause)` with [`Priority::Event`](super::Priority), as `(key, cause, priority)`, or
    /// as [`Add`]s. May be called any number of times. The end of a stream is logged; the
    /// controller goes on without it.
    pub fn watches<S, M, I>(mut self, stream: S, map: M) -> Self
    where
        S: Stream + Send + 'static,
        M: FnMut(S::Item) -> I + Send + 'static,
        I: IntoIterator,
        I::Item: Into<Add<K, C>>,
    {
        self.sources.push(source::watched(self.name, stream, map));
        self
    }

    /// Adds a periodic source: `list` names keys with [`Priority::Resync`](super::Priority), at
    /// once and then at every interval. A list that takes longer than the interval is dropped.
    /// Intervals are at least a millisecond.
    pub fn resync<L, F>(mut self, interval: Duration, list: L) -> Self
    where
        L: FnMut() -> F + Send + 'static,
        F: Future<Output: IntoIterator<Item = (K, C)>> + Send + 'static,
    {
        self.sources.push(source::periodic(self.name, interval, list));
        self
    }

    /// How many passes run at once: 10 by default, and at least one.
    pub fn concurrency(self, limit: usize) -> Self {
        self.limit(|limits| limits.concurrency = limit)
    }

    /// Makes it fair between owners: those with keys in line take turns, however many keys each has.
    /// The owner of a key is asked for when the key comes to be known, and kept until nothing about
    /// it is due any more. The function is called under the queue's lock and must be quick. Without
    /// it, all keys belong to one owner.
    pub fn fair_between(self, owner: impl Fn(&K) -> Owner + Send + Sync + 'static) -> Self {
        self.shared.with(|queue, _| queue.set_owner(owner));
        self
    }

    /// How many passes of one owner run at once: as many as there is room for by default. With less,
    /// there is always room for the others.
    pub fn concurrency_per_owner(self, limit: usize) -> Self {
        self.limit(|limits| limits.concurrency_per_owner = limit)
    }

    /// How many passes start within some time, over all keys: any number by default.
    pub fn rate_limit(self, rate: RateLimit) -> Self {
        self.limit(|limits| limits.rate = Some(rate))
    }

    /// How often a key may run before it is reported as a hot loop (see
    /// [`Outcome::hot_loop`]): a hundred times in ten seconds by default.
    pub fn hot_loop(self, limit: HotLoopLimit) -> Self {
        self.limit(|limits| limits.hot_loop = limit)
    }

    /// How many causes of one pass are kept: 64 by default, and at least one. The rest is counted.
    pub fn cause_limit(self, limit: usize) -> Self {
        self.limit(|limits| limits.causes = limit)
    }

    /// How long a key of some priority must have waited to go before a new one of the next higher
    /// priority: 10 s by default.
    pub fn aging(self, interval: Duration) -> Self {
        self.limit(|limits| limits.aging = interval)
    }

    /// How long one pass may take before it is dropped and retried: 5 min by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.deadline.timeout = timeout;
        self
    }

    /// How long before its deadline a pass is asked to end: 5 s by default, or all its time if
    /// that is less.
    pub fn timeout_warning(mut self, warning: Duration) -> Self {
        self.deadline.warning = warning;
        self
    }

    /// How long to wait after a failure of whatever class: 1 s to 5 min by default.
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.policies(Policies::all(backoff))
    }

    /// What follows a failure, for each class of errors.
    pub fn policies(self, policies: Policies) -> Self {
        self.shared.with(|queue, _| *queue.policies_mut() = policies);
        self
    }

    /// Where failures are kept while no controller runs, so that a restart does not forget how long
    /// to wait. Without it, it does.
    pub fn remember_retries(mut self, store: Arc<dyn RetryStore<K>>) -> Self {
        self.shared.with(|queue, _| queue.watch_retries());
        self.retries = Some(store);
        self
    }

    /// Registers the controller's metrics in a registry of the crate `prometheus-client` (0.25), whose
    /// `encoding::text::encode` prints them. Without it, nothing is measured. A registry takes one
    /// controller: a second would tell of each family anew, which strict parsers refuse.
    ///
    /// Under the names that client-go's work queue uses, with the label `name`: `workqueue_depth`,
    /// `_adds_total`, `_retries_total`, `_queue_duration_seconds`, `_work_duration_seconds`,
    /// `_unfinished_work_seconds`, `_longest_running_processor_seconds`. Under those of
    /// controller-runtime, with the label `controller`: `controller_runtime_reconcile_total` by
    /// `result`, `_reconcile_errors_total`, `_terminal_reconcile_errors_total`,
    /// `_reconcile_panics_total`, `_reconcile_timeouts_total`, `_reconcile_time_seconds`,
    /// `_active_workers`, `_max_concurrent_reconciles`. Of our own are `workqueue_hot_loops_total`
    /// and `controller_runtime_reconcile_cancellations_total`.
    pub fn metrics(mut self, registry: &mut Registry) -> Self {
        self.metrics = Some(Metrics::register(self.name, self.handle(), registry));
        self
    }

    /// Once this future is ready nothing starts any more, the passes under way are asked to end, and
    /// the stream ends as soon as they have. Without it, the controller runs until its stream is dropped.
    pub fn graceful_shutdown_on(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.shutdown = signal.boxed();
        self
    }

    /// How long the passes under way may take after the shutdown signal before they are aborted:
    /// 30 s by default.
    pub fn drain_timeout(mut self, deadline: Duration) -> Self {
        self.drain_timeout = deadline;
        self
    }

    /// A way to submit keys and to look into the queue, now and while the controller runs.
    pub fn handle(&self) -> Handle<K, C> {
        Handle::new(Arc::clone(&self.shared))
    }

    /// Starts the controller. It works while the stream is polled, on a tokio runtime with time
    /// enabled, where passes run in tasks of their own; dropping the stream aborts them.
    ///
    /// `reconcile` brings one key to where it should be and says when to look again; `on_error`
    /// says what to do about its errors. `ctx` is what they share.
    pub fn run<R, F, P, E, Ctx>(
        self,
        reconcile: R,
        on_error: P,
        ctx: Arc<Ctx>,
    ) -> impl Stream<Item = Outcome<K, C, E>> + Send + Unpin
    where
        R: Fn(Request<K, C>, Arc<Ctx>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Next, E>> + Send + 'static,
        P: Fn(&K, &E, &Arc<Ctx>) -> ErrorPolicy + Send + Sync + 'static,
        E: Send + 'static,
        Ctx: Send + Sync + 'static,
    {
        let shared_ctx = Arc::clone(&ctx);
        let work = Arc::new(Work { reconcile, ctx, deadline: self.deadline });
        let flights = Flights::new(Box::new(move |desk, reporter, tasks| {
            tasks.spawn(pass::work(Arc::clone(&work), desk, reporter))
        }));
        Runner {
            name: self.name,
            shared: self.shared,
            sources: self.sources.into_iter().collect::<SelectAll<_>>(),
            retries: self.retries.map(|store| Retries::new(self.name, store)),
            metrics: self.metrics,
            shutdown: self.shutdown,
            drain_timeout: self.drain_timeout,
            flights,
            judge: Box::new(move |key, error| on_error(key, error, &shared_ctx)),
            starting: Vec::new(),
            timer: None,
            drain: None,
        }
    }

    fn limit(self, set: impl FnOnce(&mut Limits)) -> Self {
        self.shared.with(|queue, _| set(queue.limits_mut()));
        self
    }
}
