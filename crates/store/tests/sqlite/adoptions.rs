//! Adopted containers in the file: stores from before there were any, and the index that holds the rule.

use crate::{
    connect,
    contract::{apply, changed, id, key, metadata, spec},
    file::{MIGRATION_1, MIGRATION_2, ROWS_1, make_database},
    open, options,
};
use trueup_domain::{
    id::ContainerId,
    port::{SpecWrite, Workspaces},
};
use trueup_store::SqliteStore;

const ROWS_2: &str = include_str!("rows_of_version_2.sql");
const MIGRATION_3: &str = include_str!("../../migrations/0003_adopted.sql");

#[tokio::test]
async fn a_database_from_before_adoptions_opens_and_its_workspaces_have_adopted_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.db");
    make_database(&path, &[MIGRATION_1, MIGRATION_2], &[ROWS_1, ROWS_2]).await;
    let store = SqliteStore::open(&path, options()).await.unwrap();
    assert_eq!(store.find(&key("web")).await.unwrap().unwrap().adopted, None);
    let write = SpecWrite::Adopt {
        id_if_new: id(8),
        metadata: metadata("next"),
        spec: Box::new(spec("debian:12")),
        container: ContainerId::new("c8"),
    };
    let next = changed(&store, write).await;
    assert_eq!(next.adopted, Some(ContainerId::new("c8")));
    store.close(crate::PATIENCE).await.unwrap();
    let again = SqliteStore::open(&path, options()).await.unwrap();
    assert_eq!(again.find(&key("next")).await.unwrap(), Some(next));
}

/// The rows of version 3 as they were when it was the newest; this test stays as it is.
#[tokio::test]
async fn a_database_of_the_third_version_opens() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.db");
    let rows = [ROWS_1, ROWS_2, include_str!("rows_of_version_3.sql")];
    make_database(&path, &[MIGRATION_1, MIGRATION_2, MIGRATION_3], &rows).await;
    let store = SqliteStore::open(&path, options()).await.unwrap();
    let adopted = store.find(&key("adopted")).await.unwrap().unwrap();
    assert_eq!((adopted.id, &adopted.adopted), (id(9), &Some(ContainerId::new("c9"))));
}

#[tokio::test]
async fn the_file_itself_takes_no_container_twice() {
    let (store, _folder) = open().await;
    for (number, name) in [(1, "web"), (2, "other")] {
        changed(&store, apply(number, name, spec("debian:12"))).await;
    }
    let mut other = connect(store.path()).await;
    let twice = sqlx::raw_sql("UPDATE workspaces SET adopted = 'c1'").execute(&mut other).await;
    assert!(twice.is_err(), "two workspaces have the container");
}
