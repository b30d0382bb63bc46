//! The metrics under the names that the dashboards of client-go and controller-runtime look for.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::{self, BoxFuture};
use futures::{FutureExt, StreamExt};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::time::{sleep, timeout};
use trueup_reconciler::runtime::{Backoff, ErrorPolicy, Next, Priority, Request};

use super::support::{Asked, Key, Keys, Log, controller, next, seconds};

/// What a scrape says: each series, as it is written, with its value.
fn scrape(registry: &Registry) -> BTreeMap<String, f64> {
    let mut text = String::new();
    encode(&mut text, registry).unwrap_or_else(|error| panic!("{error}"));
    assert!(text.ends_with("# EOF\n"));
    let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        Some((series.to_owned(), value.parse().ok()?))
    });
    series.collect()
}

/// The value of each of these series of the work queue, and of the controller.
fn assert_series(scraped: &BTreeMap<String, f64>, expected: &[(&str, f64)]) {
    for (name, value) in expected {
        let label = if name.starts_with("workqueue_") { "name" } else { "controller" };
        let series = match name.split_once(' ') {
            Some((name, result)) => format!(r#"{name}{{result="{result}",{label}="test"}}"#),
            None => format!(r#"{name}{{{label}="test"}}"#),
        };
        let other = match name.split_once(' ') {
            Some((name, result)) => format!(r#"{name}{{{label}="test",result="{result}"}}"#),
            None => series.clone(),
        };
        let found = scraped.get(&series).or_else(|| scraped.get(&other));
        let found = found.unwrap_or_else(|| panic!("{series} is missing in {scraped:#?}"));
        assert!((found - value).abs() < 1e-6, "{series} is {found} and not {value}");
    }
}

/// Does what the key says.
fn obey(
    Request { key, .. }: Asked,
    log: Arc<Log>,
) -> BoxFuture<'static, Result<Next, &'static str>> {
    async move {
        let _running = log.enter(key);
        match key {
            "requeue" => return Ok(Next::requeue_after(seconds(50_000))),
            "error" | "terminal" => return Err(key),
            "panic" => panic!("as it was told"),
            "timeout" => future::pending().await,
            "slow" => sleep(seconds(10)).await,
            _ => {}
        }
        Ok(Next::await_change())
    }
    .boxed()
}

fn on_error(_: &Key, error: &&'static str, _: &Arc<Log>) -> ErrorPolicy {
    match *error {
        "terminal" => ErrorPolicy::Terminal,
        _ => ErrorPolicy::RetryAfter(seconds(50_000)),
    }
}

fn measured(registry: &mut Registry) -> Keys {
    let rare = Backoff::exponential(seconds(1_000_000), seconds(1_000_000));
    controller().concurrency(2).timeout(seconds(30)).backoff(rare).metrics(registry)
}

#[tokio::test(start_paused = true)]
async fn every_end_of_a_pass_is_counted_under_its_own_name() {
    let mut registry = Registry::default();
    let controller = measured(&mut registry);
    let handle = controller.handle();
    let mut outcomes = controller.run(obey, on_error, Log::new());
    let keys = ["ok", "ok 2", "requeue", "error", "terminal", "panic", "slow", "timeout"];
    for key in keys {
        handle.enqueue(key, 0, Priority::Event);
        next(&mut outcomes).await;
    }
    assert_series(
        &scrape(&registry),
        &[
            ("workqueue_depth", 0.0),
            ("workqueue_adds_total", 8.0),
            ("workqueue_retries_total", 3.0),
            ("workqueue_hot_loops_total", 0.0),
            ("workqueue_queue_duration_seconds_count", 8.0),
            ("workqueue_queue_duration_seconds_sum", 0.0),
            ("workqueue_work_duration_seconds_count", 8.0),
            ("workqueue_work_duration_seconds_sum", 40.0),
            ("workqueue_unfinished_work_seconds", 0.0),
            ("workqueue_longest_running_processor_seconds", 0.0),
            ("controller_runtime_reconcile_total success", 3.0),
            ("controller_runtime_reconcile_total requeue_after", 1.0),
            ("controller_runtime_reconcile_total error", 4.0),
            ("controller_runtime_reconcile_errors_total", 4.0),
            ("controller_runtime_terminal_reconcile_errors_total", 1.0),
            ("controller_runtime_reconcile_panics_total", 1.0),
            ("controller_runtime_reconcile_timeouts_total", 1.0),
            ("controller_runtime_reconcile_cancellations_total", 0.0),
            ("controller_runtime_reconcile_time_seconds_count", 8.0),
            ("controller_runtime_reconcile_time_seconds_sum", 40.0),
            ("controller_runtime_active_workers", 0.0),
            ("controller_runtime_max_concurrent_reconciles", 2.0),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn what_runs_and_waits_is_seen_at_the_moment_of_the_scrape() {
    let mut registry = Registry::default();
    let controller = measured(&mut registry);
    let handle = controller.handle();
    for key in ["timeout", "slow", "a", "b", "c"] {
        handle.enqueue(key, 0, Priority::Event);
    }
    let mut outcomes = controller.run(obey, on_error, Log::new());
    assert!(timeout(seconds(6), outcomes.next()).await.is_err());
    assert_series(
        &scrape(&registry),
        &[
            ("workqueue_depth", 3.0),
            ("workqueue_adds_total", 5.0),
            ("workqueue_queue_duration_seconds_count", 0.0),
            ("workqueue_unfinished_work_seconds", 12.0),
            ("workqueue_longest_running_processor_seconds", 6.0),
            ("controller_runtime_active_workers", 2.0),
        ],
    );
    for _ in 0..4 {
        next(&mut outcomes).await;
    }
    assert_series(
        &scrape(&registry),
        &[
            ("workqueue_depth", 0.0),
            ("workqueue_queue_duration_seconds_count", 4.0),
            ("workqueue_queue_duration_seconds_sum", 30.0),
            ("workqueue_unfinished_work_seconds", 10.0),
            ("workqueue_longest_running_processor_seconds", 10.0),
            ("controller_runtime_active_workers", 1.0),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_end_of_the_drain_cuts_off_is_counted_too() {
    let mut registry = Registry::default();
    let controller =
        measured(&mut registry).graceful_shutdown_on(sleep(seconds(5))).drain_timeout(seconds(5));
    controller.handle().enqueue("timeout", 0, Priority::Event);
    assert_eq!(controller.run(obey, on_error, Log::new()).count().await, 1);
    assert_series(
        &scrape(&registry),
        &[
            ("controller_runtime_reconcile_total cancelled", 1.0),
            ("controller_runtime_reconcile_total error", 0.0),
            ("controller_runtime_reconcile_errors_total", 0.0),
            ("controller_runtime_reconcile_cancellations_total", 1.0),
            ("controller_runtime_active_workers", 0.0),
            ("workqueue_work_duration_seconds_sum", 10.0),
        ],
    );
}

#[test]
fn the_types_and_units_are_those_of_the_field() {
    let mut registry = Registry::default();
    let _controller = measured(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    for (name, kind) in [
        ("workqueue_depth", "gauge"),
        ("workqueue_adds", "counter"),
        ("workqueue_retries", "counter"),
        ("workqueue_queue_duration_seconds", "histogram"),
        ("workqueue_work_duration_seconds", "histogram"),
        ("workqueue_unfinished_work_seconds", "gauge"),
        ("workqueue_longest_running_processor_seconds", "gauge"),
        ("controller_runtime_reconcile_errors", "counter"),
        ("controller_runtime_terminal_reconcile_errors", "counter"),
        ("controller_runtime_reconcile_panics", "counter"),
        ("controller_runtime_reconcile_timeouts", "counter"),
        ("controller_runtime_reconcile_time_seconds", "histogram"),
        ("controller_runtime_active_workers", "gauge"),
        ("controller_runtime_max_concurrent_reconciles", "gauge"),
    ] {
        let line = format!("# TYPE {name} {kind}\n");
        assert!(text.contains(&line), "{line} is missing in\n{text}");
    }
}
