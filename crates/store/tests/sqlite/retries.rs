//! The failures in the file: across a reopening, in old databases, and when storing them fails.

use crate::{
    PATIENCE, connect,
    contract::{
        all_events, apply, at, changed, id, key,
        retries::{failed, keep, kept},
        spec,
    },
    file::{MIGRATION_1, MIGRATION_2, ROWS_1, make_database},
    open, options, root_cause, run,
};
use trueup_domain::{
    error::StoreError,
    port::{Retries, RetryState, Workspaces},
};
use trueup_store::SqliteStore;

#[tokio::test]
async fn a_reopened_store_has_the_failures() {
    let (store, _folder) = open().await;
    for number in 1..=3 {
        changed(&store, apply(number, &format!("w-{number}"), spec("debian:12"))).await;
    }
    let held_back = RetryState { retry_at: None, ..failed(2) };
    keep(&store, [(1, Some(failed(9))), (2, Some(held_back)), (3, Some(failed(3)))]).await;
    keep(&store, [(3, None)]).await;
    store.close(PATIENCE).await.unwrap();
    assert!(store.load().await.is_err() && store.record(Vec::new()).await.is_err());

    let again = SqliteStore::open(store.path(), options()).await.unwrap();
    assert_eq!(kept(&again).await, [(id(1), failed(9)), (id(2), held_back)]);
}

#[tokio::test]
async fn a_call_that_fails_changes_none_of_its_failures() {
    let (store, _folder) = open().await;
    for number in 1..=3 {
        changed(&store, apply(number, &format!("w-{number}"), spec("debian:12"))).await;
    }
    keep(&store, [(1, Some(failed(1))), (2, Some(failed(2)))]).await;
    let mut other = connect(store.path()).await;
    run(
        &mut other,
        "CREATE TRIGGER refuse BEFORE INSERT ON retries WHEN new.failures = 13 \
         BEGIN SELECT raise(ABORT, 'refused by the test'); END",
    )
    .await;
    let unlucky = vec![(id(1), None), (id(2), Some(failed(5))), (id(3), Some(failed(13)))];
    let (refused, ()) = tokio::join!(store.record(unlucky), keep(&store, [(3, Some(failed(3)))]));
    let error = refused.unwrap_err();
    assert!(matches!(error, StoreError::Backend { operation: "record retries", .. }), "{error:?}");
    assert!(root_cause(&error).contains("refused by the test"), "{error:?}");
    let rest = [(id(1), failed(1)), (id(2), failed(2)), (id(3), failed(3))];
    assert_eq!(kept(&store).await, rest);
}

#[tokio::test]
async fn a_stored_failure_is_a_sign_of_health_and_nothing_to_store_is_none() {
    let (store, _folder) = open().await;
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    let mut other = connect(store.path()).await;
    run(
        &mut other,
        "CREATE TRIGGER refuse BEFORE DELETE ON retries \
         BEGIN SELECT raise(ABORT, 'refused by the test'); END",
    )
    .await;
    keep(&store, [(1, Some(failed(1)))]).await;
    store.record(vec![(id(1), None)]).await.unwrap_err();
    let failure = store.health().unwrap_err();
    // Nobody has these, so that nothing is written.
    keep(&store, [(2, Some(failed(1))), (3, None)]).await;
    assert_eq!(store.health(), Err(failure));
    keep(&store, [(1, Some(failed(2)))]).await;
    assert_eq!(store.health(), Ok(()));
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_named_and_not_left_out() {
    let (store, _folder) = open().await;
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    let mut other = connect(store.path()).await;
    for damage in [
        "UPDATE retries SET retry_at = 'soon'",
        "UPDATE retries SET failures = -1",
        "UPDATE retries SET step = 4294967296",
    ] {
        keep(&store, [(1, Some(failed(1)))]).await;
        run(&mut other, damage).await;
        let error = store.load().await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(source, format!("the row {} of retries cannot be read", id(1)), "{damage}");
    }
}

#[tokio::test]
async fn a_database_from_before_the_retries_gets_room_for_them_and_keeps_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.db");
    make_database(&path, &[MIGRATION_1], &[ROWS_1]).await;
    let store = SqliteStore::open(&path, options()).await.unwrap();
    assert_eq!(kept(&store).await, []);
    keep(&store, [(7, Some(failed(1)))]).await;
    store.close(PATIENCE).await.unwrap();

    let again = SqliteStore::open(&path, options()).await.unwrap();
    assert_eq!(kept(&again).await, [(id(7), failed(1))]);
    assert_eq!(again.find(&key("web")).await.unwrap().unwrap().id, id(7));
    assert_eq!(all_events(&again).await.len(), 1);
}

/// The rows of version 2 as they were when it was the newest; this test stays as it is.
#[tokio::test]
async fn a_database_of_the_second_version_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.db");
    let rows = [ROWS_1, include_str!("rows_of_version_2.sql")];
    make_database(&path, &[MIGRATION_1, MIGRATION_2], &rows).await;
    let store = SqliteStore::open(&path, options()).await.unwrap();
    let retry_at = Some("2026-11-22T10:00:01.5Z".parse().unwrap());
    assert_eq!(kept(&store).await, [(id(7), RetryState { failures: 5, step: 3, retry_at })]);
    // A referenced row is changed in its place.
    store.write(vec![crate::contract::delete("web", true)], "bob", at(0)).await.unwrap();
    assert_eq!(kept(&store).await.len(), 1);
}
