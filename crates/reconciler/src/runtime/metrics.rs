//! Metrics by the names of the field, in a registry that the caller hands in.
//!
//! The names, labels and units are those of client-go's work queue and of controller-runtime, so
//! that their dashboards and alerts work. Counters of the queue are read from it when somebody
//! asks; only durations and results are counted here. There is no global registry.

use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::handle::Handle;
use super::outcome::{Outcome, PassResult};
use super::policy::ErrorPolicy;

/// The bounds of the queue's histograms. Written out, since powers that are computed are not round.
const SECONDS: [f64; 10] =
    [0.000_001, 0.000_01, 0.000_1, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1_000.0];

/// The bounds for passes: finer where panels look.
const PASS_SECONDS: [f64; 17] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0];

/// Each is there from the beginning, so that a rate does not miss the first.
const RESULTS: [&str; 4] = ["success", "requeue_after", "error", "cancelled"];

/// What is counted as passes end.
pub(super) struct Metrics {
    queue_duration: Histogram,
    work_duration: Histogram,
    reconcile_time: Histogram,
    reconciles: Family<ResultLabel, Counter>,
    errors: Counter,
    terminal_errors: Counter,
    panics: Counter,
    timeouts: Counter,
    cancellations: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

impl Metrics {
    /// Registers everything for the controller of this name.
    pub(super) fn register<K, C>(
        name: &'static str,
        handle: Handle<K, C>,
        registry: &mut Registry,
    ) -> Self
    where
        K: Clone + Eq + Hash + Send + Sync + 'static,
        C: Send + Sync + 'static,
    {
        let metrics = Self::new();
        for result in RESULTS {
            drop(metrics.reconciles.get_or_create(&ResultLabel { result }));
        }
        let label = |label: &'static str| [(label.into(), name.into())].into_iter();
        let queue = registry.sub_registry_with_labels(label("name"));
        let seconds = |registry: &mut Registry, name, help, metric: &Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
        };
        let waited = "How long a key was ready to run before it did";
        seconds(queue, "workqueue_queue_duration", waited, &metrics.queue_duration);
        let worked = "How long processing a key took";
        seconds(queue, "workqueue_work_duration", worked, &metrics.work_duration);
        queue.register_collector(Box::new(QueueState(handle.clone())));

        let passes = registry.sub_registry_with_labels(label("controller"));
        let took = "How long a reconcile took";
        seconds(passes, "controller_runtime_reconcile_time", took, &metrics.reconcile_time);
        let reconciles = "Reconciles by result";
        passes.register("controller_runtime_reconcile", reconciles, metrics.reconciles.clone());
        for (name, help, counter) in [
            ("reconcile_errors", "Reconciles that failed, for whatever reason", &metrics.errors),
            (
                "terminal_reconcile_errors",
                "Reconciles that failed and are not retried",
                &metrics.terminal_errors,
            ),
            ("reconcile_panics", "Reconciles that panicked", &metrics.panics),
            ("reconcile_timeouts", "Reconciles that ran out of time", &metrics.timeouts),
            (
                "reconcile_cancellations",
                "Reconciles that were cut off by the end of the drain",
                &metrics.cancellations,
            ),
        ] {
            passes.register(format!("controller_runtime_{name}"), help, counter.clone());
        }
        passes.register_collector(Box::new(WorkerState(handle)));
        metrics
    }

    /// Counts a pass that has ended.
    pub(super) fn count<K, C, E>(&self, outcome: &Outcome<K, C, E>) {
        self.queue_duration.observe(outcome.queue_duration.as_secs_f64());
        self.work_duration.observe(outcome.work_duration.as_secs_f64());
        self.reconcile_time.observe(outcome.work_duration.as_secs_f64());
        let result = match &outcome.result {
            PassResult::Ok(next) if next.wake_up().is_some() => "requeue_after",
            PassResult::Ok(_) => "success",
            PassResult::Cancelled => "cancelled",
            _ => "error",
        };
        self.reconciles.get_or_create(&ResultLabel { result }).inc();
        if !matches!(outcome.result, PassResult::Ok(_) | PassResult::Cancelled) {
            self.errors.inc();
        }
        match &outcome.result {
            PassResult::Failed(_, ErrorPolicy::Terminal) => self.terminal_errors.inc(),
            PassResult::Panicked(_) => self.panics.inc(),
            PassResult::TimedOut => self.timeouts.inc(),
            PassResult::Cancelled => self.cancellations.inc(),
            PassResult::Ok(_) | PassResult::Failed(..) => 0,
        };
    }

    fn new() -> Self {
        let histogram = || Histogram::new(SECONDS);
        Self {
            queue_duration: histogram(),
            work_duration: histogram(),
            reconcile_time: Histogram::new(PASS_SECONDS),
            reconciles: Family::default(),
            errors: Counter::default(),
            terminal_errors: Counter::default(),
            panics: Counter::default(),
            timeouts: Counter::default(),
            cancellations: Counter::default(),
        }
    }
}

/// The queue's own numbers, read when they are asked for. The registry ends its help texts with a
/// full stop, and so do these.
struct QueueState<K, C>(Handle<K, C>);

/// How many passes run, and may.
struct WorkerState<K, C>(Handle<K, C>);

impl<K, C> Collector for QueueState<K, C>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let stats = self.0.stats();
        gauge(&mut encoder, "depth", "Keys that wait for a pass.", stats.queued)?;
        counter(&mut encoder, "adds", "Keys that came to wait for a pass.", stats.adds)?;
        counter(&mut encoder, "retries", "Failures that are to be retried.", stats.retries)?;
        let hot = "Keys that were found to be reconciled too often.";
        counter(&mut encoder, "hot_loops", hot, stats.hot_loops)?;
        let unfinished = "How long the passes under way have run, all together.";
        seconds(&mut encoder, "unfinished_work", unfinished, stats.unfinished_work)?;
        let longest = "How long the oldest pass under way has run.";
        seconds(&mut encoder, "longest_running_processor", longest, stats.longest_running)
    }
}

impl<K, C> Collector for WorkerState<K, C>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    C: Send + Sync + 'static,
{
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let (running, limit) = self
            .0
            .shared()
            .with(|queue, now| (queue.stats(now).running, queue.limits_mut().concurrency.max(1)));
        for (name, help, value) in [
            ("active_workers", "Passes under way.", running),
            ("max_concurrent_reconciles", "How many passes may run at once.", limit),
        ] {
            let name = format!("controller_runtime_{name}");
            ConstGauge::new(signed(value)).encode(encoder.encode_descriptor(
                &name,
                help,
                None,
                MetricType::Gauge,
            )?)?;
        }
        Ok(())
    }
}

// Derived, these would ask for `K: Debug`.
impl<K, C> fmt::Debug for QueueState<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueState").finish()
    }
}

impl<K, C> fmt::Debug for WorkerState<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerState").finish()
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: usize) -> fmt::Result {
    let name = format!("workqueue_{name}");
    let descriptor = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
    ConstGauge::new(signed(value)).encode(descriptor)
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    let name = format!("workqueue_{name}");
    let descriptor = encoder.encode_descriptor(&name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(descriptor)
}

fn seconds(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: Duration,
) -> fmt::Result {
    let (name, unit) = (format!("workqueue_{name}"), Unit::Seconds);
    let descriptor = encoder.encode_descriptor(&name, help, Some(&unit), MetricType::Gauge)?;
    ConstGauge::new(value.as_secs_f64()).encode(descriptor)
}

fn signed(value: usize) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
