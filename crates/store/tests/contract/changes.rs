//! What subscribers are told.

use super::*;
use futures::{StreamExt, stream::BoxStream};
use std::time::Duration;
use tokio::time::timeout;
use trueup_domain::{event::Event, port::Change};

const PATIENCE: Duration = Duration::from_secs(10);

type Told = (Option<Arc<Workspace>>, Option<Arc<Workspace>>, Arc<[Event]>);

async fn next(changes: &mut BoxStream<'static, Change>) -> Told {
    match timeout(PATIENCE, changes.next()).await.expect("no change came").expect("it ended") {
        Change::Workspace { old, new, events } => (old, new, events),
        Change::Missed(count) => panic!("{count} changes were missed"),
    }
}

pub(crate) async fn every_change_is_announced_once_and_in_order(store: &impl Store) {
    let (mut first, mut second) = (store.subscribe(), store.subscribe());
    let writes = (1..=20).map(|n| async move {
        changed(store, apply(n, &format!("w-{n}"), spec("debian:12"))).await
    });
    futures::future::join_all(writes).await;
    for changes in [&mut first, &mut second] {
        for event in all_events(store).await {
            let (_, _, events) = next(changes).await;
            assert_eq!(events[..], [event]);
        }
    }
    let mut late = store.subscribe();
    changed(store, delete("w-1", false)).await;
    assert_eq!(next(&mut late).await.2[0].id.0, 21);
}

pub(crate) async fn a_call_that_changes_nothing_announces_nothing(store: &impl Store) {
    let old = changed(store, apply(1, "web", spec("debian:12"))).await;
    let web = changed(store, apply(1, "web", spec("debian:13"))).await;
    let mut changes = store.subscribe();
    unchanged(store, apply(1, "web", spec("debian:13"))).await;
    assert!(store.write(vec![delete("nobody", false)], "alice", at(0)).await.is_err());
    assert!(matches!(store.record(record(&old)).await.unwrap(), Recorded::Stale));
    stored(store.record(record(&web)).await.unwrap());
    let (before, after, _) = next(&mut changes).await;
    assert_eq!(before, Some(web));
    assert_eq!(after.unwrap().status.phase, Phase::Running);
}

pub(crate) async fn a_change_tells_how_it_was_and_how_it_is(store: &impl Store) {
    let mut changes = store.subscribe();
    let created = changed(store, apply(1, "web", spec("debian:12"))).await;
    let (old, new, events) = next(&mut changes).await;
    assert_eq!((old, new), (None, Some(created.clone())));
    assert_eq!(events[..], all_events(store).await);

    let running = stored(store.record(record(&created)).await.unwrap());
    let (old, new, _) = next(&mut changes).await;
    assert_eq!((old, new), (Some(created), Some(running.clone())));

    let marked = changed(store, delete("web", true)).await;
    let (old, new, _) = next(&mut changes).await;
    assert_eq!((old, new), (Some(running), Some(marked.clone())));

    store.record(PassRecord { remove: true, ..record(&marked) }).await.unwrap();
    let (old, new, events) = next(&mut changes).await;
    assert_eq!((old, new), (Some(marked), None));
    assert_eq!(events.len(), 1);
}

pub(crate) async fn a_change_can_be_read_by_the_time_it_is_announced(store: &impl Store) {
    let mut changes = store.subscribe();
    let writing = async {
        for n in 1..=30 {
            changed(store, apply(n, &format!("w-{n}"), spec("debian:12"))).await;
        }
    };
    let reading = async {
        for _ in 1..=30 {
            let (_, new, events) = next(&mut changes).await;
            assert_eq!(store.get(new.as_ref().unwrap().id).await.unwrap(), new);
            assert!(store.newest_event().await.unwrap() >= events[0].id);
        }
    };
    tokio::join!(writing, reading);
}
