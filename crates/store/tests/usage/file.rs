//! The file: what may be opened, by whom, and what becomes of one that is no use.

use crate::{PATIENCE, append, ask, at, connect, number, open, options, reopen, row, run, samples};
use sqlx::Connection;
use std::{
    fs::{self, OpenOptions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use trueup_domain::port::UsageLog;
use trueup_store::{Error, SqliteUsageLog};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Opens what is at the path, checks that it works, and gives what was put aside.
async fn begins_anew(path: &Path) -> PathBuf {
    let log = SqliteUsageLog::open(path, options(), at(0)).await.unwrap();
    append(&log, &[row(0, 1)]).await;
    assert_eq!(samples(&ask(&log, (0, 10), 0, 10).await), 1);
    log.close(PATIENCE).await.unwrap();
    path.with_file_name("trueup-usage.db.corrupt-20270115T080000Z")
}

#[test]
fn it_lies_beside_the_store_and_is_called_after_it() {
    let beside = |store: &str| SqliteUsageLog::path_beside(Path::new(store));
    assert_eq!(beside("/var/lib/trueup/trueup.db"), Path::new("/var/lib/trueup/trueup-usage.db"));
    assert_eq!(beside("state"), Path::new("state-usage.db"));
}

#[tokio::test]
async fn a_reopened_history_has_everything() {
    let (log, folder) = open().await;
    append(&log, &[row(0, 1), row(10, 2)]).await;
    let before = ask(&log, (0, 20), 0, 20).await;
    let log = reopen(log).await;
    assert_eq!(ask(&log, (0, 20), 0, 20).await, before);
    log.close(PATIENCE).await.unwrap();
    assert_eq!(names(folder.path()), ["trueup-usage.db", "trueup-usage.db.lock"]);
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup-usage.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let log = SqliteUsageLog::open(&path, options(), at(0)).await.unwrap();
    append(&log, &[row(0, 1)]).await;
    let names = names(folder.path());
    assert_eq!(names.len(), 4, "{names:?}");
    for name in names {
        let mode = folder.path().join(&name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name} has mode {mode:o}");
    }
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_has_closed() {
    let (log, _folder) = open().await;
    let error = SqliteUsageLog::open(log.path(), options(), at(0)).await.unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error:?}");
    log.close(PATIENCE).await.unwrap();
    SqliteUsageLog::open(log.path(), options(), at(0)).await.unwrap();
}

#[tokio::test]
async fn a_folder_that_is_missing_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("trueup-usage.db");
    let error = SqliteUsageLog::open(path, options(), at(0)).await.unwrap_err();
    assert!(matches!(error, Error::NotWritable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_put_aside_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup-usage.db");
    let text = "milk, bread, ".repeat(1000);
    fs::write(&path, &text).unwrap();
    let aside = begins_anew(&path).await;
    assert_eq!(fs::read_to_string(aside).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_another_program_is_put_aside_with_all_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup-usage.db");
    let mut connection = connect(&path).await;
    run(&mut connection, "CREATE TABLE songs (title TEXT); INSERT INTO songs VALUES ('Aria')")
        .await;
    connection.close().await.unwrap();
    let aside = begins_anew(&path).await;
    assert_eq!(number(&aside, "SELECT count(*) FROM songs").await, 1);
}

#[tokio::test]
async fn a_history_of_another_version_is_put_aside() {
    for sql in ["PRAGMA user_version = 2", "PRAGMA user_version = 0"] {
        let (log, _folder) = open().await;
        append(&log, &[row(0, 1), row(1, 1)]).await;
        log.close(PATIENCE).await.unwrap();
        let mut connection = connect(log.path()).await;
        run(&mut connection, sql).await;
        connection.close().await.unwrap();
        let aside = begins_anew(log.path()).await;
        assert_eq!(number(&aside, "SELECT count(*) FROM raw").await, 2);
    }
}

/// Overwrites all pages but the first.
fn damage(path: &Path) {
    let length = path.metadata().unwrap().len();
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&vec![0xa5; usize::try_from(length).unwrap() - 4096]).unwrap();
}

#[tokio::test]
async fn damage_that_shows_only_later_is_told_once_and_then_the_file_is_put_aside() {
    let (log, folder) = open().await;
    append(&log, &[row(0, 1)]).await;
    log.close(PATIENCE).await.unwrap();
    damage(log.path());
    let log = SqliteUsageLog::open(log.path(), options(), at(0)).await.unwrap();
    log.append(vec![row(1, 1)], at(1)).await.unwrap_err();
    log.append(vec![row(2, 1)], at(2)).await.unwrap();
    assert_eq!(samples(&ask(&log, (0, 10), 0, 10).await), 1);
    let names = names(folder.path());
    assert!(names.contains(&"trueup-usage.db.corrupt-20270115T080002Z".to_owned()), "{names:?}");
}

#[tokio::test]
async fn damage_that_a_query_finds_is_put_aside_by_the_next_append() {
    let (log, _folder) = open().await;
    append(&log, &[row(0, 1)]).await;
    log.close(PATIENCE).await.unwrap();
    damage(log.path());
    let log = SqliteUsageLog::open(log.path(), options(), at(0)).await.unwrap();
    let range =
        trueup_domain::usage::Range { since: at(0), until: at(9), step: std::time::Duration::ZERO };
    log.history(crate::id(1), &range, at(9)).await.unwrap_err();
    append(&log, &[row(2, 1)]).await;
    assert_eq!(samples(&ask(&log, (0, 10), 0, 10).await), 1);
}

#[tokio::test]
async fn a_file_that_is_removed_in_use_is_begun_anew() {
    let (log, folder) = open().await;
    append(&log, &[row(0, 1)]).await;
    fs::remove_file(log.path()).unwrap();
    append(&log, &[row(1, 1), row(2, 1)]).await;
    assert_eq!(samples(&ask(&log, (0, 10), 0, 10).await), 2);
    log.close(PATIENCE).await.unwrap();
    assert_eq!(names(folder.path()), ["trueup-usage.db", "trueup-usage.db.lock"]);
    assert_eq!(number(log.path(), "SELECT count(*) FROM raw").await, 2);
}
