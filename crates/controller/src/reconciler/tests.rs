//! The settings seen at work: failures that outlive a restart, and owners that take turns.

use super::*;
use crate::{
    clock::SystemClock,
    stage::{Mood, Stage, declare},
};
use futures::{Stream, StreamExt};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use trueup_domain::{
    error::{EngineError, ErrorClass, Reason},
    pass::CauseKind,
    port::{RetryState, Workspaces},
    quantity::Period,
};
use trueup_reconciler::{
    runtime::{ErrorPolicy, Handle, Outcome, Trigger},
    workspace::{Error, policy_for, reconcile},
};

/// Far more than a loaded machine needs.
const PATIENCE: Duration = Duration::from_secs(30);

type Passed = Outcome<WorkspaceId, Cause, Error>;

/// A reconciler in its life, which nobody polls yet.
fn begin(
    stage: &Stage,
    store: &Arc<SqliteStore>,
    shutdown: &CancellationToken,
) -> (Handle<WorkspaceId, Cause>, impl Stream<Item = Passed> + Send + Unpin + use<>) {
    let engine = Arc::clone(&stage.engine) as _;
    let context =
        Arc::new(context(&stage.settings, (engine, Arc::new(())), store, Arc::new(SystemClock)));
    let reconciler = reconciler(&stage.settings, shutdown, &context, store, &Arc::default());
    let handle = reconciler.handle();
    (handle, reconciler.run(reconcile, |_, error, _| policy_for(error), context))
}

/// A whole life: that many passes and those that are under way then, an ordered end, a closed store.
async fn live(stage: &Stage, count: usize) -> Vec<Passed> {
    let (store, shutdown) = (stage.store().await, CancellationToken::new());
    let (_, mut outcomes) = begin(stage, &store, &shutdown);
    let mut passed = Vec::new();
    let life = async {
        passed.extend(outcomes.by_ref().take(count).collect::<Vec<_>>().await);
        shutdown.cancel();
        passed.extend(outcomes.collect::<Vec<_>>().await);
    };
    timeout(PATIENCE, life).await.expect("a life without end");
    store.close(PATIENCE).await.unwrap();
    passed
}

/// The failures that are stored between two lives.
async fn failures(stage: &Stage) -> Vec<RetryState> {
    let store = stage.store().await;
    let failures = store.load().await.unwrap().into_iter().map(|(_, state)| state).collect();
    store.close(PATIENCE).await.unwrap();
    failures
}

async fn stage_with(workspaces: &[(&str, &str)], change: impl FnOnce(&mut Settings)) -> Stage {
    let mut stage = Stage::new();
    change(&mut stage.settings);
    let store = stage.store().await;
    declare(&store, workspaces).await;
    store.close(PATIENCE).await.unwrap();
    stage
}

/// Waits of which none ends within a test.
fn wait_for_weeks(settings: &mut Settings) {
    let rules = &mut settings.reconcile;
    rules.backoff_base = Period::from(Duration::from_hours(24 * 7));
    rules.backoff_max = rules.backoff_base;
}

/// Waits of which many end within a test.
fn wait_for_an_instant(settings: &mut Settings) {
    let rules = &mut settings.reconcile;
    rules.backoff_base = Period::from(Duration::from_millis(2));
    rules.backoff_max = Period::from(Duration::from_millis(10));
}

fn is_of_the_start(outcome: &Passed) -> bool {
    let is_start = |trigger: &Trigger<Cause>| matches!(trigger, Trigger::Caller(cause) if cause.kind == CauseKind::Start);
    outcome.causes.iter().any(|cause| is_start(&cause.trigger))
}

#[tokio::test]
async fn a_restart_tries_what_failed_once_at_once_and_then_lets_it_wait_as_long_as_before() {
    let stage = stage_with(&[("alice", "w")], wait_for_weeks).await;
    let first = live(&stage, 1).await;
    assert!(first.len() == 1 && first[0].attempt == 0);
    let before = failures(&stage).await;
    assert_eq!((before[0].failures, before[0].step), (1, 1));

    for attempt in 1..4 {
        let again = live(&stage, 1).await;
        assert!(again.len() == 1 && is_of_the_start(&again[0]), "{again:?}");
        assert_eq!(again[0].attempt, attempt, "the failures before the restart are forgotten");
        let after = failures(&stage).await;
        assert_eq!((after[0].failures, after[0].step), (attempt + 1, 1), "it was not waited out");
        let (before, after) = (before[0].retry_at.unwrap(), after[0].retry_at.unwrap());
        // The delay is counted from a new now in each life.
        assert!(after.duration_since(before).abs() < PATIENCE.try_into().unwrap());
    }
}

#[tokio::test]
async fn a_restart_goes_on_with_the_count_of_failures_and_their_backoff() {
    let stage = stage_with(&[("alice", "w")], wait_for_an_instant).await;
    let mut passes = 0;
    for _ in 0..3 {
        let steps = failures(&stage).await.first().map_or(0, |state| state.step);
        for outcome in live(&stage, 4).await {
            assert_eq!(outcome.attempt, passes);
            passes += 1;
        }
        let after = failures(&stage).await;
        assert_eq!(after[0].failures, passes);
        assert!(after[0].step > steps, "waits that were over lengthen the next one");
    }
}

#[tokio::test]
async fn what_succeeds_after_a_restart_has_no_failures_any_more() {
    let stage = stage_with(&[("alice", "w")], wait_for_weeks).await;
    live(&stage, 1).await;
    assert_eq!(failures(&stage).await.len(), 1);
    stage.engine.set(Mood::Well);
    let passed = live(&stage, 1).await;
    assert!(passed[0].result.is_ok(), "{passed:?}");
    assert_eq!(failures(&stage).await, []);
}

/// So many workspaces of alice and one of bob.
fn one_among(many: usize) -> Vec<(&'static str, String)> {
    let of_alice = (0..many).map(|number| ("alice", format!("w{number:03}")));
    of_alice.chain([("bob", "w".to_owned())]).collect()
}

async fn stage_of_two(many: usize, change: impl FnOnce(&mut Settings)) -> (Stage, WorkspaceId) {
    let all = one_among(many);
    let all: Vec<_> = all.iter().map(|(owner, name)| (*owner, name.as_str())).collect();
    let stage = stage_with(&all, change).await;
    let store = stage.store().await;
    let rows = store.list().await.unwrap();
    let bobs = rows.iter().find(|row| row.metadata.owner.as_str() == "bob").unwrap().id;
    store.close(PATIENCE).await.unwrap();
    (stage, bobs)
}

#[tokio::test]
async fn owners_take_turns_however_many_workspaces_one_of_them_has() {
    let (stage, bobs) = stage_of_two(200, |settings| settings.reconcile.concurrency = 1).await;
    // In the second life all of them come from the store with a failure, before they are woken.
    for life in ["first", "second"] {
        let passed = live(&stage, 201).await;
        let turn = passed.iter().position(|outcome| outcome.key == bobs);
        assert!(turn.is_some_and(|turn| turn < 3), "in the {life} life: {turn:?} of 201");
    }
}

#[tokio::test]
async fn an_owner_with_a_limit_leaves_room_for_the_others() {
    let (stage, bobs) = stage_of_two(10, |settings| {
        settings.reconcile.concurrency = 8;
        settings.reconcile.concurrency_per_owner = Some(2);
    })
    .await;
    stage.engine.set(Mood::Silent);
    let store = stage.store().await;
    let (handle, outcomes) = begin(&stage, &store, &CancellationToken::new());
    let passes = tokio::spawn(outcomes.for_each(|_| std::future::ready(())));
    let settle = async {
        while handle.stats().running == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, settle).await.expect("nothing runs");
    let snapshot = handle.snapshot();
    assert_eq!((snapshot.running.len(), snapshot.queued.len()), (3, 8));
    assert!(snapshot.running.contains(&bobs));
    passes.abort();
}

#[test]
fn what_may_have_worked_is_told_from_what_did_not_and_both_are_retried() {
    let failed = |class| {
        let (reason, message) = (Reason::EngineFault, String::new());
        policy_for(&Error::Observe(EngineError { operation: "inspect", class, reason, message }))
    };
    assert_eq!(failed(ErrorClass::Unknown), ErrorPolicy::Unknown);
    assert_eq!(failed(ErrorClass::Retryable), ErrorPolicy::Retry);
    assert_eq!(failed(ErrorClass::Terminal), ErrorPolicy::Retry);
}
