//! The file: what may be opened, by whom, and what is found in it the next time.

use crate::{
    PATIENCE, connect,
    contract::{all_events, apply, changed, delete, id, key, record, spec, stored},
    open, options, run,
};
use sqlx::{
    Connection, SqlSafeStr,
    migrate::{Migration, MigrationType, Migrator},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};
use trueup_domain::{
    id::Generation,
    port::{PassLog, Workspaces},
    spec::DesiredState,
    status::Phase,
};
use trueup_store::{Error, Options, SqliteStore};

pub(crate) const MIGRATION_1: &str = include_str!("../../migrations/0001_start.sql");
pub(crate) const MIGRATION_2: &str = include_str!("../../migrations/0002_retries.sql");
pub(crate) const ROWS_1: &str = include_str!("rows_of_version_1.sql");

/// Makes a database as an older version left it: with its migrations, from the first on, and its rows.
pub(crate) async fn make_database(path: &Path, migrations: &[&'static str], rows: &[&'static str]) {
    let mut connection = connect(path).await;
    let migrations = (1..).zip(migrations).map(|(version, sql)| {
        let sql = sql.into_sql_str();
        Migration::new(version, "".into(), MigrationType::Simple, sql, false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    migrator.run_direct(None, &mut connection, false).await.unwrap();
    for rows in rows {
        run(&mut connection, rows).await;
    }
    connection.close().await.unwrap();
}

async fn refusal(path: impl AsRef<Path>) -> Error {
    SqliteStore::open(path, options()).await.expect_err("it was opened")
}

#[tokio::test]
async fn a_reopened_store_has_everything() {
    let (store, folder) = open().await;
    let web = changed(&store, apply(1, "web", spec("debian:12"))).await;
    stored(store.record(record(&web)).await.unwrap());
    changed(&store, apply(2, "ending", spec("debian:12"))).await;
    changed(&store, delete("ending", true)).await;
    let (workspaces, events) = (store.list().await.unwrap(), all_events(&store).await);
    let passes = store.passes(web.id, 10).await.unwrap();
    store.close(PATIENCE).await.unwrap();

    let again =
        SqliteStore::open(folder.path().join("trueup.db"), Options::new("other")).await.unwrap();
    assert_eq!(again.list().await.unwrap(), workspaces);
    assert_eq!(all_events(&again).await, events);
    assert_eq!(again.passes(web.id, 10).await.unwrap(), passes);
    let next = changed(&again, apply(1, "web", spec("debian:13"))).await;
    assert!(workspaces.iter().all(|known| known.resource_version < next.resource_version));
    assert_eq!(all_events(&again).await.last().unwrap().id, events.last().unwrap().id.next());
}

#[tokio::test]
async fn the_instance_id_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.db");
    for offered in ["first", "second"] {
        let store = SqliteStore::open(&path, Options::new(offered)).await.unwrap();
        assert_eq!(store.instance_id().as_str(), "first");
        store.close(PATIENCE).await.unwrap();
    }
}

#[tokio::test]
async fn a_closed_store_leaves_one_database_file_and_its_lock_file() {
    let (store, folder) = open().await;
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    store.close(PATIENCE).await.unwrap();
    store.close(PATIENCE).await.unwrap();
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["trueup.db", "trueup.db.lock"]);
    assert!(
        store
            .write(vec![apply(2, "late", spec("debian:12"))], "a", crate::contract::at(0))
            .await
            .is_err()
    );
    assert!(store.list().await.is_err());
}

#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.db");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let store = SqliteStore::open(&path, options()).await.unwrap();
    changed(&store, apply(1, "web", spec("debian:12"))).await;
    let mut files = 0;
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?} has mode {mode:o}", entry.file_name());
        files += 1;
    }
    assert_eq!(files, 4, "the database, its log, the log's index and the lock file");
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_has_closed() {
    let (store, folder) = open().await;
    let error = refusal(store.path()).await;
    assert!(matches!(error, Error::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("trueup.db.lock"), "{error}");

    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(store.path(), &link).unwrap();
    assert!(matches!(refusal(&link).await, Error::InUse { .. }), "by another name it was opened");

    store.close(PATIENCE).await.unwrap();
    SqliteStore::open(&link, options()).await.unwrap();
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let error = refusal(missing.join("trueup.db")).await;
    assert!(matches!(error, Error::FolderMissing { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("no folder {}", missing.display())), "{error}");
}

#[tokio::test]
async fn an_unwritable_folder_is_named() {
    // Nobody can make a file in /sys, not even root, who can write to any folder of mode 0555.
    let error = refusal("/sys/trueup.db").await;
    assert!(matches!(error, Error::NotWritable { .. }), "{error:?}");
    assert!(error.to_string().contains("/sys/trueup.db"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let error = refusal(folder.path()).await;
    assert!(matches!(error, Error::NotWritable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    let text = "milk, bread, ".repeat(1000);
    fs::write(&path, &text).unwrap();
    let error = refusal(&path).await;
    assert!(matches!(error, Error::NoDatabase { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    let mut connection = connect(&path).await;
    run(&mut connection, "CREATE TABLE songs (title TEXT)").await;
    connection.close().await.unwrap();
    let error = refusal(&path).await;
    assert!(matches!(error, Error::Foreign { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let (store, _folder) = open().await;
    store.close(PATIENCE).await.unwrap();
    let mut connection = connect(store.path()).await;
    run(
        &mut connection,
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         VALUES (999, 'later', TRUE, x'00', 0)",
    )
    .await;
    connection.close().await.unwrap();
    let error = refusal(store.path()).await;
    assert!(matches!(error, Error::Newer { found: 999, .. }), "{error:?}");
}

/// The rows of version 1 as they were when it was the newest. A change that cannot read them any more
/// breaks every store that exists: it needs a migration, and this test stays as it is.
#[tokio::test]
async fn a_database_of_the_first_version_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.db");
    make_database(&path, &[MIGRATION_1], &[ROWS_1]).await;

    let store = SqliteStore::open(&path, options()).await.unwrap();
    assert_eq!(store.instance_id().as_str(), "old-instance");
    let web = store.find(&key("web")).await.unwrap().unwrap();
    assert_eq!((web.id, web.generation), (id(7), Generation(3)));
    assert_eq!(web.spec.desired_state(), DesiredState::Stopped);
    assert_eq!(web.status.phase, Phase::Running);
    assert!(web.deletion.as_ref().is_some_and(|deletion| deletion.volumes));
    assert_eq!(all_events(&store).await.len(), 1);
    assert_eq!(store.passes(id(7), 10).await.unwrap().len(), 1);
    let next = changed(&store, apply(8, "next", spec("debian:12"))).await;
    assert!(next.resource_version > web.resource_version);
}
