//! The failures that survive a restart.
//!
//! A store has two methods called `record`, so that the ports are named here.

use super::*;
use futures::{FutureExt, StreamExt};
use trueup_domain::port::{Retries, RetryState};

/// A state that differs for each number, with a time to the nanosecond.
pub(crate) fn failed(failures: u32) -> RetryState {
    RetryState { failures, step: failures / 2, retry_at: Some(at(failures.into())) }
}

pub(crate) async fn keep<const N: usize>(
    store: &impl Retries,
    changes: [(u64, Option<RetryState>); N],
) {
    let changes = changes.map(|(number, state)| (id(number), state)).into();
    store.record(changes).await.unwrap();
}

pub(crate) async fn kept(store: &impl Retries) -> Vec<(WorkspaceId, RetryState)> {
    store.load().await.unwrap()
}

async fn declare(store: &impl Workspaces, numbers: impl IntoIterator<Item = u64>) {
    let writes = numbers.into_iter().map(|n| apply(n, &format!("w-{n}"), spec("debian:12")));
    store.write(writes.collect(), "alice", at(0)).await.unwrap();
}

pub(crate) async fn recorded_failures_are_loaded_in_the_order_of_ids(
    store: &(impl Store + Retries),
) {
    assert_eq!(kept(store).await, []);
    declare(store, 1..=4).await;
    let extreme = RetryState { failures: u32::MAX, step: u32::MAX, retry_at: Some(Timestamp::MAX) };
    let held_back = RetryState { failures: 1, step: 0, retry_at: None };
    keep(store, [(4, Some(extreme)), (1, Some(failed(7)))]).await;
    keep(store, [(3, Some(held_back))]).await;
    assert_eq!(kept(store).await, [(id(1), failed(7)), (id(3), held_back), (id(4), extreme)]);
}

pub(crate) async fn a_state_takes_the_place_of_the_one_before(store: &(impl Store + Retries)) {
    declare(store, 1..=2).await;
    keep(store, [(1, Some(failed(3))), (2, Some(failed(1)))]).await;
    let held_back = RetryState { retry_at: None, ..failed(4) };
    keep(store, [(1, Some(held_back))]).await;
    assert_eq!(kept(store).await, [(id(1), held_back), (id(2), failed(1))]);
    keep(store, [(1, Some(failed(1)))]).await;
    assert_eq!(kept(store).await, [(id(1), failed(1)), (id(2), failed(1))]);
}

pub(crate) async fn forgotten_failures_are_gone(store: &(impl Store + Retries)) {
    declare(store, 1..=3).await;
    keep(store, [(1, Some(failed(1))), (2, Some(failed(2)))]).await;
    // What is not there can be forgotten too.
    keep(store, [(1, None), (3, None)]).await;
    assert_eq!(kept(store).await, [(id(2), failed(2))]);
    keep(store, []).await;
    assert_eq!(kept(store).await, [(id(2), failed(2))]);
}

pub(crate) async fn the_last_entry_of_a_workspace_counts(store: &(impl Store + Retries)) {
    declare(store, 1..=3).await;
    keep(store, [(1, Some(failed(2))), (2, Some(failed(2))), (1, Some(failed(1)))]).await;
    assert_eq!(kept(store).await, [(id(1), failed(1)), (id(2), failed(2))]);
    keep(store, [(1, Some(failed(5))), (2, None), (3, None), (1, None), (2, Some(failed(3)))])
        .await;
    assert_eq!(kept(store).await, [(id(2), failed(3))]);
}

pub(crate) async fn failures_of_a_workspace_that_does_not_exist_are_left_out(
    store: &(impl Store + Retries),
) {
    declare(store, [2]).await;
    keep(store, [(1, Some(failed(1))), (2, Some(failed(2))), (3, Some(failed(3))), (4, None)])
        .await;
    assert_eq!(kept(store).await, [(id(2), failed(2))]);
    declare(store, [3]).await;
    assert_eq!(kept(store).await, [(id(2), failed(2))]);
}

pub(crate) async fn failures_go_with_their_workspace_and_not_before(
    store: &(impl Store + Retries),
) {
    declare(store, 1..=2).await;
    keep(store, [(1, Some(failed(1))), (2, Some(failed(2)))]).await;
    let both = [(id(1), failed(1)), (id(2), failed(2))];
    let changed_spec = changed(store, apply(1, "w-1", spec("debian:13"))).await;
    stored(PassLog::record(store, record(&changed_spec)).await.unwrap());
    let marked = changed(store, delete("w-1", false)).await;
    assert_eq!(kept(store).await, both);

    let removal = PassRecord { remove: true, ..record(&marked) };
    let removed = PassLog::record(store, removal).await.unwrap();
    assert!(matches!(removed, Recorded::Removed), "{removed:?}");
    assert_eq!(kept(store).await, both[1..]);
    // The removal has overtaken this one.
    keep(store, [(1, Some(failed(3))), (2, Some(failed(3)))]).await;
    assert_eq!(kept(store).await, [(id(2), failed(3))]);
    changed(store, apply(3, "w-1", spec("debian:12"))).await;
    assert_eq!(kept(store).await, [(id(2), failed(3))]);
}

pub(crate) async fn failures_are_no_change_of_their_workspace(store: &(impl Store + Retries)) {
    declare(store, [1]).await;
    let (before, events) = (store.list().await.unwrap(), all_events(store).await);
    let mut changes = store.subscribe();
    keep(store, [(1, Some(failed(1)))]).await;
    keep(store, [(1, None)]).await;
    assert_eq!(store.list().await.unwrap(), before);
    assert_eq!(all_events(store).await, events);
    assert!(changes.next().now_or_never().is_none(), "it was announced");
}
