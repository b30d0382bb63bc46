//! The writer: what shares a commit, what a failure costs the neighbours, what is trimmed.

use crate::{
    PATIENCE,
    contract::{
        all_events, apply, at, changed, delete, id, pass, record, set_state, spec, status_event,
        stored,
    },
    open, open_with, options,
};
use futures::future::join_all;
use std::sync::Arc;
use trueup_domain::{
    error::StoreError,
    id::EventId,
    port::{EventLog, EventQuery, PassLog, PassRecord, Recorded, Workspaces},
    spec::DesiredState,
};
use trueup_store::{Options, SqliteStore};

#[tokio::test]
async fn records_that_come_together_share_commits() {
    let (store, _folder) = open().await;
    let writes = (1..=100).map(|n| apply(n, &format!("w-{n}"), spec("debian:12"))).collect();
    store.write(writes, "alice", at(0)).await.unwrap();
    let workspaces = store.list().await.unwrap();
    let before = store.commits();
    let recorded =
        join_all(workspaces.iter().map(|workspace| store.record(record(workspace)))).await;
    assert!(recorded.iter().all(|r| matches!(r, Ok(Recorded::Stored(_)))), "{recorded:?}");
    let commits = store.commits() - before;
    assert!((1..=5).contains(&commits), "100 records took {commits} commits");
    assert_eq!(store.newest_event().await.unwrap(), EventId(200));
}

#[tokio::test]
async fn a_batch_has_a_bound() {
    let (store, _folder) = open_with(Options { batch: 10, ..options() }).await;
    let before = store.commits();
    join_all((1..=50).map(|n| {
        let write = apply(n, &format!("w-{n}"), spec("debian:12"));
        store.write(vec![write], "alice", at(0))
    }))
    .await;
    assert!(store.commits() - before >= 5);
    assert_eq!(store.list().await.unwrap().len(), 50);
}

#[tokio::test]
async fn a_refused_call_harms_no_other_of_its_commit() {
    let (store, _folder) = open().await;
    let before = store.commits();
    let calls = [
        vec![apply(1, "a", spec("debian:12"))],
        vec![apply(2, "b", spec("debian:12")), delete("nobody", false)],
        // The id is taken, which the database itself refuses.
        vec![apply(3, "c", spec("debian:12")), apply(1, "d", spec("debian:12"))],
        vec![apply(4, "e", spec("debian:12"))],
        vec![set_state("a", DesiredState::Stopped)],
    ];
    let answers = join_all(calls.map(|writes| store.write(writes, "alice", at(0)))).await;
    assert!(matches!(answers[1], Err(StoreError::NotFound { .. })), "{:?}", answers[1]);
    assert!(matches!(answers[2], Err(StoreError::Backend { .. })), "{:?}", answers[2]);
    assert!(answers[0].is_ok() && answers[3].is_ok() && answers[4].is_ok(), "{answers:?}");
    assert_eq!(store.commits() - before, 1);
    let names: Vec<_> =
        store.list().await.unwrap().iter().map(|w| w.metadata.name.to_string()).collect();
    assert_eq!(names, ["a", "e"]);
    let places: Vec<_> = all_events(&store).await.iter().map(|event| event.id.0).collect();
    assert_eq!(places, [1, 2, 3], "what was taken back left a gap");
}

#[tokio::test]
async fn closing_writes_what_is_queued() {
    let (store, _folder) = open_with(Options { batch: 1, ..options() }).await;
    let writes = join_all((1..=100).map(|n| {
        let write = apply(n, &format!("w-{n}"), spec("debian:12"));
        store.write(vec![write], "alice", at(0))
    }));
    let (answers, closed) = tokio::join!(writes, store.close(PATIENCE));
    closed.unwrap();
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let again = SqliteStore::open(store.path(), options()).await.unwrap();
    assert_eq!(again.list().await.unwrap().len(), 100);
}

#[tokio::test]
async fn a_call_that_meets_the_closing_is_carried_out_or_refused() {
    let (store, _folder) = open_with(Options { queue: 16, batch: 4, ..options() }).await;
    let store = Arc::new(store);
    let writers = (1..=64).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let write = apply(n, &format!("w-{n}"), spec("debian:12"));
            (id(n), store.write(vec![write], "alice", at(0)).await.is_ok())
        })
    });
    let writers: Vec<_> = writers.collect();
    changed(&*store, apply(100, "first", spec("debian:12"))).await;
    store.close(PATIENCE).await.unwrap();
    let answers = join_all(writers).await;
    let again = SqliteStore::open(store.path(), options()).await.unwrap();
    for (id, acknowledged) in answers.into_iter().map(Result::unwrap) {
        assert_eq!(again.get(id).await.unwrap().is_some(), acknowledged, "{id}");
    }
}

#[tokio::test]
async fn a_workspace_keeps_its_newest_passes_only() {
    let (store, _folder) = open_with(Options { passes_per_workspace: 3, ..options() }).await;
    for name in ["a", "b"] {
        let number = u64::from(name.as_bytes()[0]);
        let workspace = changed(&store, apply(number, name, spec("debian:12"))).await;
        for why in ["1", "2", "3", "4", "5"] {
            let pass = pass(workspace.generation, why);
            stored(store.record(PassRecord { pass, ..record(&workspace) }).await.unwrap());
        }
        let kept = store.passes(workspace.id, 100).await.unwrap();
        let why: Vec<_> = kept.iter().map(|pass| pass.why.as_str()).collect();
        assert_eq!(why, ["5", "4", "3"]);
    }
}

#[tokio::test]
async fn removed_workspaces_keep_their_newest_passes_together() {
    let (store, _folder) = open_with(Options { passes_of_removed: 2, ..options() }).await;
    let stays = changed(&store, apply(9, "stays", spec("debian:12"))).await;
    stored(store.record(record(&stays)).await.unwrap());
    for number in 1..=3 {
        let name = format!("w-{number}");
        changed(&store, apply(number, &name, spec("debian:12"))).await;
        let marked = changed(&store, delete(&name, false)).await;
        store.record(PassRecord { remove: true, ..record(&marked) }).await.unwrap();
    }
    let mut kept = Vec::new();
    for number in [1, 2, 3, 9] {
        kept.push(store.passes(id(number), 10).await.unwrap().len());
    }
    assert_eq!(kept, [0, 1, 1, 1]);
}

#[tokio::test]
async fn the_event_log_is_trimmed_from_its_old_end() {
    let (store, _folder) = open_with(Options { events: 100, ..options() }).await;
    let web = changed(&store, apply(1, "web", spec("debian:12"))).await;
    for _ in 0..600 {
        let events = vec![status_event("again"); 3];
        stored(store.record(PassRecord { events, ..record(&web) }).await.unwrap());
    }
    let query = EventQuery { limit: 1, ..EventQuery::default() };
    let oldest = store.events(&query).await.unwrap().remove(0).id.0;
    let newest = store.newest_event().await.unwrap().0;
    assert_eq!(newest, 1801);
    let kept = newest - oldest + 1;
    assert!((100..=100 + 3 * 257).contains(&kept), "{kept} events were kept");
    assert_eq!(all_events(&store).await.first().unwrap().id.0, oldest);
}
