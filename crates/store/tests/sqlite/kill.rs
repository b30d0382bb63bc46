//! A kill in the middle of work.
//!
//! The test starts itself a second time as the victim, which it knows by an environment variable.

use crate::{
    PATIENCE,
    contract::{apply, at, spec},
    options,
};
use futures::{StreamExt, stream};
use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};
use trueup_domain::port::{EventLog, Workspaces};
use trueup_store::{Error, SqliteStore};

const VICTIM: &str = "TRUEUP_STORE_TEST_VICTIM";
const ACKNOWLEDGED: &str = "acknowledged: ";

#[tokio::test]
async fn a_kill_loses_nothing_that_was_acknowledged() {
    if let Some(path) = env::var_os(VICTIM) {
        return write_until_killed(Path::new(&path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trueup.db");
    for round in 1..=3 {
        let acknowledged = acknowledged_before_the_kill(&path, 60 * round).await;
        let store = SqliteStore::open(&path, options()).await.unwrap();
        let listed = store.list().await.unwrap();
        for name in &acknowledged {
            assert!(listed.iter().any(|w| w.metadata.name.as_str() == name), "{name} is lost");
        }
        // Of a workspace and its event there are both or none.
        assert_eq!(store.newest_event().await.unwrap().0, listed.len() as u64);
        store.close(PATIENCE).await.unwrap();
    }
}

async fn acknowledged_before_the_kill(path: &Path, count: usize) -> Vec<String> {
    let mut victim = Command::new(env::current_exe().unwrap())
        .args(["--exact", "kill::a_kill_loses_nothing_that_was_acknowledged", "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(victim.stdout.take().unwrap()).lines().map(Result::unwrap);
    let name_in =
        |line: String| line.split_once(ACKNOWLEDGED).map(|(_, name)| name.trim().to_owned());
    let mut names: Vec<_> = lines.by_ref().filter_map(name_in).take(count).collect();
    assert_eq!(names.len(), count, "the victim ended by itself");
    let refused = SqliteStore::open(path, options()).await.expect_err("the victim has it open");
    assert!(matches!(refused, Error::InUse { .. }), "{refused:?}");
    victim.kill().unwrap();
    victim.wait().unwrap();
    names.extend(lines.filter_map(name_in));
    names
}

/// Writes, sixteen calls at a time, and says of each when it is acknowledged.
async fn write_until_killed(path: &Path) {
    let store = &SqliteStore::open(path, options()).await.unwrap();
    // Far from the numbers of the round before, of which some may be missing in between.
    let first = store.newest_event().await.unwrap().0 * 1000 + 1;
    let writes = stream::iter(first..first + 100_000).map(|n| async move {
        let name = format!("w-{n}");
        let write = apply(n, &name, spec("debian:12"));
        store.write(vec![write], "alice", at(0)).await.unwrap();
        name
    });
    writes
        .buffer_unordered(16)
        .for_each(|name| async move { println!("\n{ACKNOWLEDGED}{name}") })
        .await;
}
