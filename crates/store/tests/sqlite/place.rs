//! The place of the file: what is acknowledged is found there, or it is not acknowledged.

use crate::{
    PATIENCE,
    contract::{apply, at, changed, spec},
    eventually, open, open_with, options, root_cause,
};
use futures::future::join_all;
use std::{fs, path::PathBuf, time::Duration};
use trueup_domain::{error::StoreError, port::Workspaces};
use trueup_store::{Options, SqliteStore};

const MISSED: &str = "was removed or replaced while it was in use; restart with the right file";

fn log_of(store: &SqliteStore) -> PathBuf {
    format!("{}-wal", store.path().display()).into()
}

async fn assert_refuses_writes(store: &SqliteStore, missed: &str) {
    for number in [8, 9] {
        let write = apply(number, &format!("late-{number}"), spec("debian:12"));
        let error = store.write(vec![write], "alice", at(0)).await.unwrap_err();
        assert!(matches!(error, StoreError::Backend { .. }), "{error:?}");
        assert_eq!(root_cause(&error), format!("the database file {missed} {MISSED}"));
    }
    assert!(store.health().unwrap_err().contains(MISSED));
}

#[tokio::test]
async fn a_removed_file_takes_no_more_writes() {
    let (store, _folder) = open().await;
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    assert_eq!(store.list().await.unwrap().len(), 1);
    assert_eq!(store.health(), Ok(()));
    fs::remove_file(store.path()).unwrap();
    assert_refuses_writes(&store, &store.path().display().to_string()).await;
    assert!(!store.path().exists(), "a new file was made");
    // A connection that has read before still reads what was declared, so that it can be saved.
    assert_eq!(store.list().await.unwrap().len(), 1);
    store.close(PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_removed_file_is_told_before_anybody_writes() {
    let (store, _folder) = open().await;
    fs::remove_file(store.path()).unwrap();
    assert!(store.health().unwrap_err().contains(MISSED));
}

#[tokio::test]
async fn a_replaced_file_takes_no_more_writes_even_when_it_is_put_back() {
    let (store, folder) = open().await;
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    let (other, _other_folder) = open().await;
    changed(&other, apply(2, "other", spec("debian:12"))).await;
    other.close(PATIENCE).await.unwrap();
    let (own, others) = (folder.path().join("own.db"), fs::read(other.path()).unwrap());

    fs::rename(store.path(), &own).unwrap();
    fs::copy(other.path(), store.path()).unwrap();
    assert_refuses_writes(&store, &store.path().display().to_string()).await;
    assert!(fs::read(store.path()).unwrap() == others, "the other file was written");

    fs::rename(&own, store.path()).unwrap();
    assert_refuses_writes(&store, &store.path().display().to_string()).await;
    store.close(PATIENCE).await.unwrap();
    let again = SqliteStore::open(store.path(), options()).await.unwrap();
    assert_eq!(again.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_replaced_file_is_not_taken_for_the_right_one_by_readers() {
    let (deadline, upkeep_after) = (Duration::from_millis(500), Duration::from_millis(10));
    let (store, _folder) = open_with(Options { deadline, upkeep_after, ..options() }).await;
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    let log = log_of(&store);
    eventually("folded", || fs::metadata(&log).unwrap().len() == 0).await;
    let (other, _other_folder) = open().await;
    other.close(PATIENCE).await.unwrap();
    fs::rename(other.path(), store.path()).unwrap();
    // More than there are connections yet.
    for listed in join_all((0..8).map(|_| store.list())).await {
        assert!(listed.as_ref().map_or(true, |listed| listed.len() == 1), "{listed:?}");
    }
}

#[tokio::test]
async fn a_removed_log_takes_no_more_writes_and_loses_none() {
    let (store, _folder) = open().await;
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    let log = log_of(&store);
    // Readers keep the log open, so that closing alone does not fold it.
    assert_eq!(store.list().await.unwrap().len(), 1);
    assert!(fs::metadata(&log).unwrap().len() > 0);
    fs::remove_file(&log).unwrap();
    assert_refuses_writes(&store, &log.display().to_string()).await;
    // As after a kill: what counts is what the file has now.
    let copy = store.path().with_file_name("copy.db");
    fs::copy(store.path(), &copy).unwrap();
    let again = SqliteStore::open(&copy, options()).await.unwrap();
    assert_eq!(again.list().await.unwrap().len(), 1);
}
