//! Secrets: what was replaced or deleted is in no file any more.

use crate::{
    PATIENCE, connect,
    contract::{apply, at, changed, delete, record, spec},
    eventually, open, open_with, options, run,
};
use std::{fs, path::Path, time::Duration};
use trueup_domain::{
    port::{PassLog, PassRecord, Recorded, Workspaces},
    spec::Spec,
};
use trueup_store::{Options, SqliteStore};

const MARK: &str = "swordfish-";

/// A spec with a secret of so many bytes.
fn secret_spec(bytes: usize) -> Spec {
    let env = [("SECRET".to_owned().try_into().unwrap(), MARK.repeat(bytes / MARK.len()))].into();
    Spec { env, ..spec("debian:12") }
}

fn has_secret(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let content = fs::read(entry.unwrap().path()).unwrap();
        content.windows(MARK.len()).any(|bytes| bytes == MARK.as_bytes())
    })
}

/// Declares workspaces with secrets, from small ones to such that span pages.
async fn keep_secrets(store: &SqliteStore) {
    let writes = (1..=60)
        .map(|n| apply(n, &format!("w-{n}"), secret_spec(usize::try_from(n * n * 4).unwrap())));
    store.write(writes.collect(), "alice", at(0)).await.unwrap();
}

/// Replaces half of the secrets, and removes the workspaces of the others, one by one.
async fn drop_secrets(store: &SqliteStore) {
    for n in 1..=60 {
        let name = format!("w-{n}");
        if n % 2 == 0 {
            changed(store, apply(n, &name, spec("debian:12"))).await;
            continue;
        }
        let marked = changed(store, delete(&name, false)).await;
        let removed = store.record(PassRecord { remove: true, ..record(&marked) }).await.unwrap();
        assert!(matches!(removed, Recorded::Removed), "{removed:?}");
    }
}

#[tokio::test]
async fn a_closed_store_has_no_secret_that_was_dropped() {
    let (store, folder) = open().await;
    keep_secrets(&store).await;
    assert!(has_secret(folder.path()), "the test looks in the wrong place");
    drop_secrets(&store).await;
    store.close(PATIENCE).await.unwrap();
    assert!(!has_secret(folder.path()));
}

#[tokio::test]
async fn a_store_at_leisure_has_no_secret_that_was_dropped() {
    let upkeep_after = Duration::from_millis(50);
    let (store, folder) = open_with(Options { upkeep_after, ..options() }).await;
    keep_secrets(&store).await;
    drop_secrets(&store).await;
    eventually("no secret", || !has_secret(folder.path())).await;
    assert_eq!(store.list().await.unwrap().len(), 30);
}

#[tokio::test]
async fn a_reader_in_the_way_puts_the_folding_off() {
    let upkeep_after = Duration::from_millis(20);
    let (store, folder) = open_with(Options { upkeep_after, ..options() }).await;
    keep_secrets(&store).await;
    let mut reader = connect(store.path()).await;
    run(&mut reader, "BEGIN; SELECT * FROM workspaces").await;
    drop_secrets(&store).await;
    assert!(has_secret(folder.path()), "the reader's view is gone");
    run(&mut reader, "COMMIT").await;
    eventually("no secret", || !has_secret(folder.path())).await;
}
