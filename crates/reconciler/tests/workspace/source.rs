//! The stream of inputs: nothing falls between the subscription and the list, and what was missed is
//! read again.

use crate::support::{Stage, id, strict};
use futures::{FutureExt, Stream, StreamExt};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use trueup_domain::{
    error::{EngineError, ErrorClass, Reason},
    id::WorkspaceId,
    port::WatchEvent,
};
use trueup_reconciler::workspace::{Input, inputs};

fn stream(stage: &Stage) -> impl Stream<Item = Input> + Unpin + use<> {
    stream_with(stage, Vec::new())
}

/// With what the engine's observer tells.
fn stream_with(stage: &Stage, told: Vec<WatchEvent>) -> impl Stream<Item = Input> + Unpin + use<> {
    let watched = futures::stream::iter(told).chain(futures::stream::pending());
    Box::pin(inputs(stage.store.clone(), stage.store.as_ref(), watched))
}

async fn next(inputs: &mut (impl Stream<Item = Input> + Unpin)) -> Input {
    timeout(Duration::from_hours(1), inputs.next()).await.expect("no input came").unwrap()
}

fn loaded(input: &Input) -> Vec<WorkspaceId> {
    match input {
        Input::Loaded(all) => all.iter().map(|workspace| workspace.id).collect(),
        other => panic!("not a load: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_store_is_subscribed_to_before_it_is_read_so_that_no_change_falls_between() {
    let stage = Stage::new();
    stage.store.declare(id(1), "one", strict("running"));
    let mut inputs = stream(&stage);
    // Between the subscription and the read, and again right before the read is carried out.
    stage.store.declare(id(2), "two", strict("running"));
    let store = Arc::clone(&stage.store);
    stage.store.with(|rows| {
        rows.meanwhile = Some(Box::new(move || store.declare(id(3), "three", strict("running"))));
    });
    assert_eq!(loaded(&next(&mut inputs).await), [id(1), id(2), id(3)]);
    stage.store.declare(id(4), "four", strict("running"));
    for expected in [id(2), id(3), id(4)] {
        match next(&mut inputs).await {
            Input::Stored { id, new: Some(_) } => assert_eq!(id, expected),
            other => panic!("not a change: {other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_told_with_the_id_of_what_is_gone() {
    let (stage, id) = Stage::settled(strict("stopped"));
    stage.store.delete(id, false);
    let mut inputs = stream(&stage);
    next(&mut inputs).await;
    stage.settle(id);
    match next(&mut inputs).await {
        Input::Stored { id: gone, new: None } => assert_eq!(gone, id),
        other => panic!("not a removal: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn changes_that_were_missed_lead_to_a_reload_with_all_of_them() {
    let stage = Stage::new();
    let mut inputs = stream(&stage);
    assert_eq!(loaded(&next(&mut inputs).await), []);
    for number in 1..=20 {
        stage.store.declare(id(number), &format!("w{number}"), strict("running"));
    }
    let all: Vec<_> = (1..=20).map(id).collect();
    assert_eq!(loaded(&next(&mut inputs).await), all);
    assert!(matches!(next(&mut inputs).await, Input::Stored { .. }), "and it goes on from there");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_read_is_read_again_until_it_can() {
    let stage = Stage::new();
    stage.store.declare(id(1), "one", strict("running"));
    stage.store.with(|rows| rows.failures = 3);
    let (began, mut inputs) = (Instant::now(), stream(&stage));
    assert_eq!(loaded(&next(&mut inputs).await), [id(1)]);
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn the_engine_is_heard_after_the_workspaces_are_known_and_while_they_are_read_again() {
    let stage = Stage::new();
    let lost = WatchEvent::Lost(EngineError {
        operation: "watch",
        class: ErrorClass::Retryable,
        reason: Reason::EngineUnreachable,
        message: "connection refused".to_owned(),
    });
    let mut inputs = stream_with(&stage, vec![lost.clone(), lost]);
    assert_eq!(loaded(&next(&mut inputs).await), []);
    for number in 1..=20 {
        stage.store.declare(id(number), &format!("w{number}"), strict("running"));
    }
    stage.store.with(|rows| rows.failures = 1000);
    for _ in 0..2 {
        assert!(matches!(next(&mut inputs).await, Input::Watched(WatchEvent::Lost(_))));
    }
    assert!(inputs.next().now_or_never().is_none());
}
