//! Failures of the storage: who is told, and that the store goes on.

use crate::{
    connect,
    contract::{apply, at, changed, delete, id, record, spec, stored},
    eventually, open_with, options, root_cause, run,
};
use futures::future::join_all;
use sqlx::Connection;
use std::{error::Error as _, time::Duration};
use tokio::time::{Instant, timeout};
use trueup_domain::{
    error::{ErrorClass, StoreError},
    id::EventId,
    port::{EventLog, PassLog, Workspaces},
    spec::Spec,
};
use trueup_store::{Error, Options};

/// A spec that takes so many bytes.
fn large_spec(bytes: usize) -> Spec {
    let env = [("FILL".to_owned().try_into().unwrap(), "x".repeat(bytes))].into();
    Spec { env, ..spec("debian:12") }
}

#[tokio::test]
async fn a_full_disk_fails_the_one_that_meets_it_and_nobody_else() {
    let (store, _folder) = open_with(Options { largest_file: Some(1 << 20), ..options() }).await;
    for round in 0..3 {
        let calls = [
            vec![apply(10 + round, &format!("before-{round}"), spec("debian:12"))],
            vec![apply(99, "small", spec("debian:12")), apply(98, "large", large_spec(2 << 20))],
            vec![apply(20 + round, &format!("after-{round}"), spec("debian:12"))],
        ];
        let answers = join_all(calls.map(|writes| store.write(writes, "alice", at(0)))).await;
        assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
        let error = answers[1].as_ref().unwrap_err();
        assert!(matches!(error, StoreError::Backend { .. }), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Unknown);
    }
    let listed = store.list().await.unwrap();
    assert_eq!(listed.len(), 6);
    stored(store.record(record(&listed[0])).await.unwrap());
    assert_eq!(store.newest_event().await.unwrap(), EventId(7));
}

#[tokio::test]
async fn a_full_store_can_still_be_read() {
    let (store, _folder) = open_with(Options { largest_file: Some(256 << 10), ..options() }).await;
    let mut written = 0;
    let refused = loop {
        let write = apply(written + 1, &format!("w-{written}"), large_spec(8 << 10));
        match store.write(vec![write], "alice", at(0)).await {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
        assert!(written < 1000, "the store has no bound");
    };
    assert!(matches!(refused, StoreError::Backend { .. }), "{refused:?}");
    assert!(root_cause(&refused).contains("database or disk is full"), "{refused:?}");
    assert!(written > 3, "only {written} fitted in");
    assert_eq!(store.list().await.unwrap().len() as u64, written);
    assert_eq!(store.newest_event().await.unwrap().0, written);
}

#[tokio::test]
async fn a_locked_file_fails_writes_until_it_is_free() {
    let busy_timeout = Duration::from_millis(20);
    let (store, _folder) = open_with(Options { busy_timeout, ..options() }).await;
    let web = changed(&store, apply(1, "web", spec("debian:12"))).await;
    let mut other = connect(store.path()).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    let answers = join_all((2..=4).map(|n| {
        let write = apply(n, &format!("w-{n}"), spec("debian:12"));
        store.write(vec![write], "alice", at(0))
    }))
    .await;
    for answer in answers {
        assert!(matches!(&answer, Err(StoreError::Backend { .. })), "{answer:?}");
    }
    assert_eq!(store.get(id(1)).await.unwrap(), Some(web));
    run(&mut other, "ROLLBACK").await;
    changed(&store, apply(2, "w-2", spec("debian:12"))).await;
    assert_eq!(store.list().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_full_disk_is_told_until_something_is_stored() {
    let (store, _folder) = open_with(Options { largest_file: Some(1 << 20), ..options() }).await;
    let web = changed(&store, apply(1, "web", spec("debian:12"))).await;
    assert_eq!(store.health(), Ok(()));
    let large = vec![apply(2, "large", large_spec(2 << 20))];
    store.write(large, "alice", at(0)).await.unwrap_err();
    let failure = store.health().unwrap_err();
    assert!(failure.contains("database or disk is full"), "{failure}");
    // What is so already is not stored again.
    let same = vec![apply(1, "web", spec("debian:12"))];
    store.write(same, "alice", at(0)).await.unwrap();
    assert_eq!(store.health(), Err(failure));
    stored(store.record(record(&web)).await.unwrap());
    assert_eq!(store.health(), Ok(()));
}

#[tokio::test]
async fn a_refused_call_is_no_sign_of_ill_health() {
    let (store, _folder) = open_with(options()).await;
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    let taken = vec![apply(1, "other", spec("debian:12"))];
    store.write(taken, "alice", at(0)).await.unwrap_err();
    store.write(vec![delete("nobody", false)], "alice", at(0)).await.unwrap_err();
    assert_eq!(store.health(), Ok(()));
}

#[tokio::test]
async fn a_store_that_failed_recovers_though_nobody_writes() {
    let short = Duration::from_millis(20);
    let (store, _folder) =
        open_with(Options { busy_timeout: short, upkeep_after: short, ..options() }).await;
    let mut other = connect(store.path()).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    store.write(vec![apply(1, "web", spec("debian:12"))], "alice", at(0)).await.unwrap_err();
    assert!(store.health().unwrap_err().contains("locked"));
    run(&mut other, "ROLLBACK").await;
    eventually("healthy", || store.health().is_ok()).await;
}

#[tokio::test]
async fn a_reader_does_not_hold_up_the_writer_nor_the_writer_a_reader() {
    let (store, _folder) = open_with(options()).await;
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    let mut reader = connect(store.path()).await;
    run(&mut reader, "BEGIN; SELECT * FROM workspaces").await;
    changed(&store, delete("web", false)).await;
    run(&mut reader, "COMMIT; BEGIN IMMEDIATE").await;
    let read = timeout(Duration::from_secs(2), store.list()).await.expect("it waited");
    assert_eq!(read.unwrap().len(), 1);
    run(&mut reader, "ROLLBACK").await;
    reader.close().await.unwrap();
}

#[tokio::test]
async fn a_call_does_not_wait_beyond_its_deadline() {
    let deadline = Duration::from_millis(100);
    let (store, _folder) = open_with(Options { deadline, ..options() }).await;
    let mut other = connect(store.path()).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    let begun = Instant::now();
    let given_up = store.write(vec![apply(1, "web", spec("debian:12"))], "alice", at(0)).await;
    assert!(begun.elapsed() < Duration::from_secs(3), "it took {:?}", begun.elapsed());
    let error = given_up.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unknown);
    let source = error.source().and_then(|source| source.downcast_ref::<Error>());
    assert!(matches!(source, Some(Error::DeadlineExceeded(_))), "{error:?}");

    // This one is given up before its turn, and so it is not carried out.
    let behind = store.write(vec![apply(2, "behind", spec("debian:12"))], "alice", at(0)).await;
    assert!(behind.is_err());
    run(&mut other, "ROLLBACK").await;
    let patient = timeout(Duration::from_secs(10), async {
        while store.write(vec![apply(3, "last", spec("debian:12"))], "alice", at(0)).await.is_err()
        {
        }
    });
    patient.await.expect("the writer never came back");
    let names: Vec<_> =
        store.list().await.unwrap().iter().map(|w| w.metadata.name.to_string()).collect();
    assert_eq!(names, ["last", "web"]);
}
