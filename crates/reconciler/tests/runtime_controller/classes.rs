//! Classes of errors: each is followed by what its policy says.

use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, future};
use tokio::time::Instant;
use trueup_reconciler::runtime::{
    Backoff, ErrorPolicy, Next, PassResult, Policies, Priority, Trigger,
};

use super::support::{
    Asked, Key, Log, Passed, at, controller, expect_quiet, next, seconds, triggers,
};

/// Whatever heals is retried within seconds, the unknown within hours.
fn policies() -> Policies {
    Policies {
        retry: Backoff::exponential(seconds(1), seconds(1)),
        unknown: Backoff::exponential(seconds(100_000), seconds(100_000)),
        terminal: None,
    }
}

/// The one outcome of a pass of this reconcile, and when it came.
async fn outcome<F>(reconcile: fn(Asked, Arc<Log>) -> F, policy: ErrorPolicy) -> (Passed, Instant)
where
    F: Future<Output = Result<Next, &'static str>> + Send + 'static,
{
    let controller = controller()
        .policies(policies())
        .timeout(seconds(30))
        .watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let on_error = move |_: &Key, _: &&str, _: &Arc<Log>| policy;
    let outcome = next(&mut controller.run(reconcile, on_error, Log::new())).await;
    (outcome, Instant::now())
}

/// The first delay that a controller of these tests draws from this backoff.
fn first_delay(backoff: Backoff) -> Duration {
    backoff.delay(0, &mut fastrand::Rng::with_seed(11))
}

#[tokio::test(start_paused = true)]
async fn a_panic_a_timeout_and_an_unknown_error_have_the_backoff_for_the_unknown() {
    let broken = |_: Asked, _: Arc<Log>| future::ready(Err("broken"));
    let panics = |request: Asked, _: Arc<Log>| {
        async move { if request.attempt == 0 { panic!("broken badly") } else { Err("never") } }
            .boxed()
    };
    let hangs = |_: Asked, _: Arc<Log>| future::pending();
    let unknown = first_delay(policies().unknown);
    for (outcome, now) in [
        outcome(broken, ErrorPolicy::Unknown).await,
        outcome(panics, ErrorPolicy::Retry).await,
        outcome(hangs, ErrorPolicy::Retry).await,
    ] {
        let delay = outcome.next_retry.unwrap() - now;
        assert!(delay.abs_diff(unknown) <= Duration::from_millis(2), "{:?}", outcome.result);
    }
    let (known, now) = outcome(broken, ErrorPolicy::Retry).await;
    assert!(known.next_retry.unwrap() - now <= first_delay(policies().retry));
}

#[tokio::test(start_paused = true)]
async fn a_second_look_at_what_is_terminal_is_a_wake_up_and_no_failure_remains() {
    let log = Log::new();
    let policies = Policies { terminal: Some(seconds(600)), ..policies() };
    let controller = controller().policies(policies).watches(at(&[(0, "a")]), |key| [(key, 0)]);
    let handle = controller.handle();
    let reconcile = async |request: Asked, log: Arc<Log>| {
        let _running = log.enter(request.key);
        if log.starts().len() < 3 { Err("never") } else { Ok(Next::await_change()) }
    };
    let terminal = |_: &Key, _: &&str, _: &Arc<Log>| ErrorPolicy::Terminal;
    let mut outcomes = controller.run(reconcile, terminal, Arc::clone(&log));
    for cause in [Trigger::Caller(0), Trigger::WakeUp] {
        let outcome = next(&mut outcomes).await;
        assert_eq!((outcome.attempt, outcome.next_retry), (0, None));
        assert_eq!(triggers(&outcome), [cause]);
        assert_eq!(handle.state(&"a").unwrap().failures, 0);
    }
    assert!(matches!(next(&mut outcomes).await.result, PassResult::Ok(_)));
    expect_quiet(&mut outcomes).await;
    assert_eq!(log.starts(), [("a", 0), ("a", 600), ("a", 1_200)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_named_runs_whatever_its_last_error_was() {
    let reconcile = async |_: Asked, _: Arc<Log>| Err::<Next, _>("broken");
    let controller = controller().policies(policies());
    let handle = controller.handle();
    let policy = |_: &Key, _: &&str, _: &Arc<Log>| ErrorPolicy::Unknown;
    let mut outcomes = controller.run(reconcile, policy, Log::new());
    for attempt in 0..3 {
        handle.enqueue("a", attempt, Priority::Event);
        let outcome = next(&mut outcomes).await;
        assert_eq!(
            (outcome.attempt, triggers(&outcome)),
            (attempt, vec![Trigger::Caller(attempt)])
        );
    }
}
