//! Faults inside a transaction that no port can bring about: a panic, a transaction that SQLite drops,
//! a commit that fails.

use super::{SqliteStore, job::Operation, spec_write::SpecWrites};
use crate::{Error, Options};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;
use sqlx::{Row, SqliteConnection};
use std::{error::Error as _, path::PathBuf};
use tempfile::TempDir;
use trueup_domain::{
    error::StoreError,
    port::{Change, Changes, SpecWrite, Workspaces},
};

/// Runs SQL that the writer does not expect, and then succeeds, fails or panics.
struct Fault {
    sql: &'static str,
    end: End,
}

enum End {
    Success,
    Failure,
    Panic,
}

#[async_trait]
impl Operation for Fault {
    type Reply = ();
    const NAME: &'static str = "do harm";

    async fn carry_out(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<((), Vec<Change>), StoreError> {
        sqlx::raw_sql(self.sql).execute(connection).await.unwrap();
        match self.end {
            End::Success => Ok(((), Vec::new())),
            End::Failure => Err(Error::Refused("by the test".to_owned()).during(Self::NAME)),
            End::Panic => panic!("this panic belongs to the test"),
        }
    }
}

/// Reads a setting of the connection that writes.
struct Setting(&'static str);

#[async_trait]
impl Operation for Setting {
    type Reply = i64;
    const NAME: &'static str = "read a setting";

    async fn carry_out(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<(i64, Vec<Change>), StoreError> {
        let row = sqlx::query(self.0).fetch_one(connection).await.unwrap();
        Ok((row.get(0), Vec::new()))
    }
}

/// Removes a file inside a transaction, or within its commit.
struct Removal {
    path: PathBuf,
    in_commit: bool,
}

#[async_trait]
impl Operation for Removal {
    type Reply = ();
    const NAME: &'static str = "remove the file";

    async fn carry_out(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<((), Vec<Change>), StoreError> {
        let path = self.path.clone();
        if self.in_commit {
            let mut handle = connection.lock_handle().await.unwrap();
            handle.set_commit_hook(move || std::fs::remove_file(&path).is_ok());
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        Ok(((), Vec::new()))
    }
}

const DROP_TRANSACTION: &str = "ROLLBACK";
/// A reference to nothing, which SQLite is told to notice at the commit.
const SPOIL_COMMIT: &str = "PRAGMA defer_foreign_keys = ON; \
     INSERT INTO statuses (workspace_id, observed_generation, status) VALUES ('none', 0, '{}')";

async fn open() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.db");
    (SqliteStore::open(path, Options::new("test")).await.unwrap(), folder)
}

fn create(number: u64) -> SpecWrites {
    let metadata = serde_json::json!({ "name": format!("w-{number}") });
    let write = SpecWrite::Apply {
        id_if_new: format!("{number:032x}").parse().unwrap(),
        metadata: serde_json::from_value(metadata).unwrap(),
        spec: serde_json::from_value(serde_json::json!({ "image": "debian:12" })).unwrap(),
        expected: None,
    };
    SpecWrites { writes: vec![write], actor: "alice".to_owned(), now: Timestamp::UNIX_EPOCH }
}

/// Has a fault committed together with a write before it and one after it.
async fn meet(store: &SqliteStore, fault: Fault) -> [Result<(), StoreError>; 3] {
    let (before, faulty, after) =
        tokio::join!(store.submit(create(1)), store.submit(fault), store.submit(create(2)));
    [before.map(drop), faulty, after.map(drop)]
}

fn is_failed_transaction(answer: &Result<(), StoreError>) -> bool {
    let source = answer.as_ref().err().and_then(|error| error.source());
    matches!(source.and_then(|source| source.downcast_ref()), Some(Error::Transaction(_)))
}

async fn assert_usable(store: &SqliteStore, workspaces: usize) {
    assert_eq!(store.list().await.unwrap().len(), workspaces);
    store.submit(create(9)).await.unwrap();
    assert_eq!(store.list().await.unwrap().len(), workspaces + 1);
}

#[tokio::test]
async fn a_dropped_transaction_is_made_again_without_the_one_that_met_it() {
    let (store, _folder) = open().await;
    let answers = meet(&store, Fault { sql: DROP_TRANSACTION, end: End::Failure }).await;
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert!(matches!(answers[1], Err(StoreError::Backend { .. })), "{answers:?}");
    assert_usable(&store, 2).await;
}

#[tokio::test]
async fn a_transaction_that_is_gone_without_a_word_fails_all() {
    let (store, _folder) = open().await;
    let answers = meet(&store, Fault { sql: DROP_TRANSACTION, end: End::Success }).await;
    assert!(answers.iter().all(is_failed_transaction), "{answers:?}");
    assert_usable(&store, 0).await;
}

#[tokio::test]
async fn a_failed_commit_fails_all_and_announces_nothing() {
    let (store, _folder) = open().await;
    let mut changes = store.subscribe();
    let answers = meet(&store, Fault { sql: SPOIL_COMMIT, end: End::Success }).await;
    assert!(answers.iter().all(is_failed_transaction), "{answers:?}");
    assert!(changes.next().now_or_never().is_none(), "a change was announced");
    assert_eq!(store.commits(), 0);
    assert_usable(&store, 0).await;
}

#[tokio::test]
async fn a_failed_commit_is_told_until_something_is_stored() {
    let (store, _folder) = open().await;
    assert_eq!(store.health(), Ok(()));
    let answers = meet(&store, Fault { sql: SPOIL_COMMIT, end: End::Success }).await;
    assert!(answers.iter().all(is_failed_transaction), "{answers:?}");
    let failure = store.health().unwrap_err();
    assert!(failure.contains("FOREIGN KEY constraint failed"), "{failure}");
    // A commit of nothing proves nothing.
    store.submit(Setting("PRAGMA synchronous")).await.unwrap();
    assert_eq!(store.health(), Err(failure));
    store.submit(create(1)).await.unwrap();
    assert_eq!(store.health(), Ok(()));
}

#[tokio::test]
async fn the_writer_waits_for_the_disk_and_overwrites_what_is_deleted() {
    const FULL: i64 = 2;
    let (store, _folder) = open().await;
    for _ in 0..2 {
        assert_eq!(store.submit(Setting("PRAGMA synchronous")).await.unwrap(), FULL);
        assert_eq!(store.submit(Setting("PRAGMA secure_delete")).await.unwrap(), 1);
        // The second time the connection is a new one.
        let faulty = Fault { sql: DROP_TRANSACTION, end: End::Failure };
        store.submit(faulty).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_file_that_goes_before_the_commit_fails_all_and_gets_nothing() {
    let (store, _folder) = open().await;
    // A connection that has read before goes on reading what was removed.
    assert!(store.list().await.unwrap().is_empty());
    assert_lost(&store, false).await;
    assert!(store.list().await.unwrap().is_empty(), "it was committed");
}

#[tokio::test]
async fn a_file_that_goes_within_the_commit_fails_all() {
    let (store, _folder) = open().await;
    assert_lost(&store, true).await;
}

/// Has the file removed between two writes that share a commit.
async fn assert_lost(store: &SqliteStore, in_commit: bool) {
    let mut changes = store.subscribe();
    let removal = Removal { path: store.path().to_owned(), in_commit };
    let (before, removed, after) =
        tokio::join!(store.submit(create(1)), store.submit(removal), store.submit(create(2)));
    let answers = [before.map(drop), removed, after.map(drop)];
    assert!(answers.iter().all(is_failed_transaction), "{answers:?}");
    assert!(changes.next().now_or_never().is_none(), "a change was announced");
    assert_eq!(store.commits(), 0);
    assert!(store.health().unwrap_err().contains("removed or replaced"));
}

#[tokio::test]
async fn a_failed_call_leaves_no_spoiled_commit_behind() {
    let (store, _folder) = open().await;
    let answers = meet(&store, Fault { sql: SPOIL_COMMIT, end: End::Failure }).await;
    assert!(answers[0].is_ok() && answers[1].is_err() && answers[2].is_ok(), "{answers:?}");
    assert_usable(&store, 2).await;
}

#[tokio::test]
async fn a_panic_fails_its_commit_and_the_writer_goes_on() {
    let (store, _folder) = open().await;
    let answers = meet(&store, Fault { sql: "", end: End::Panic }).await;
    assert!(answers.iter().all(Result::is_err), "{answers:?}");
    assert_usable(&store, 0).await;
}
