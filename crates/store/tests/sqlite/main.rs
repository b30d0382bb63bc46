//! The SQLite backend: the contract of every store and the model, and what is its own.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "a child process talks to its test that way")]

mod adoptions;
mod callbacks;
mod commits;
#[path = "../contract/mod.rs"]
mod contract;
mod faults;
mod file;
mod kill;
mod place;
mod retries;
mod secrets;
mod spans;

use contract::{contract_tests, model};
use proptest::prelude::*;
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use std::{path::Path, time::Duration};
use tempfile::TempDir;
use trueup_store::{Options, SqliteStore};

/// How long a test waits for something before it fails.
const PATIENCE: Duration = Duration::from_secs(20);

async fn open() -> (SqliteStore, TempDir) {
    open_with(options()).await
}

async fn open_with(options: Options) -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("trueup.db"), options).await.unwrap();
    (store, folder)
}

fn options() -> Options {
    Options::new("test")
}

/// A connection past the store, as another process has it.
async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn run(connection: &mut SqliteConnection, sql: &'static str) {
    sqlx::raw_sql(sql).execute(connection).await.unwrap();
}

/// What the innermost source of an error says.
fn root_cause(error: &dyn std::error::Error) -> String {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    errors.last().unwrap().to_string()
}

/// Waits until something is so, looking again every few milliseconds.
async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let waiting = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("never so: {what}"));
}

contract_tests!(open);

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_calls_does_what_the_model_says(calls in model::calls()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (store, _folder) = open().await;
            model::check(&store, calls).await;
        });
    }
}
