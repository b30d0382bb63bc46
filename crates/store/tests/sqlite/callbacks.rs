//! Subscribers and callbacks that are slow or panic.

use crate::{
    connect,
    contract::{apply, changed, spec},
    eventually, open, open_with, options,
};
use futures::StreamExt;
use sqlx::Row;
use std::{
    sync::{
        Arc, Mutex,
        mpsc::{channel, sync_channel},
    },
    time::Duration,
};
use trueup_domain::port::{Change, Changes};
use trueup_store::{Options, SqliteStore};

async fn change_times(store: &SqliteStore, numbers: std::ops::RangeInclusive<u64>) {
    for n in numbers {
        changed(store, apply(n, &format!("w-{n}"), spec("debian:12"))).await;
    }
}

fn place_of(change: &Change) -> u64 {
    match change {
        Change::Workspace { events, .. } => events[0].id.0,
        Change::Missed(count) => panic!("{count} changes were missed"),
    }
}

#[tokio::test]
async fn a_subscriber_that_is_too_slow_is_told_once_how_much_it_missed() {
    let (store, _folder) = open_with(Options { change_buffer: 4, ..options() }).await;
    let mut slow = store.subscribe();
    change_times(&store, 1..=20).await;
    assert!(matches!(slow.next().await, Some(Change::Missed(16))));
    for place in 17..=20 {
        assert_eq!(place_of(&slow.next().await.unwrap()), place);
    }
    change_times(&store, 21..=21).await;
    assert_eq!(place_of(&slow.next().await.unwrap()), 21);
}

#[tokio::test]
async fn a_subscription_ends_with_the_store() {
    let (store, _folder) = open().await;
    let mut changes = store.subscribe();
    change_times(&store, 1..=1).await;
    store.close(crate::PATIENCE).await.unwrap();
    assert_eq!(changes.next().await.as_ref().map(place_of), Some(1));
    assert!(changes.next().await.is_none());
    assert!(store.subscribe().next().await.is_none());
}

#[tokio::test]
async fn a_callback_is_called_on_every_change_in_order_until_its_guard_is_dropped() {
    let (store, _folder) = open().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let callback =
        store.on_change("sink", move |change| sink.lock().unwrap().push(place_of(change)));
    assert_eq!(callback.name(), "sink");
    change_times(&store, 1..=10).await;
    eventually("ten calls", || callback.calls() == 10).await;
    drop(callback);
    change_times(&store, 11..=12).await;
    assert_eq!(*seen.lock().unwrap(), (1..=10).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_callback_that_panics_harms_nobody_and_goes_on() {
    let (store, _folder) = open().await;
    let broken = store.on_change("broken", |change| {
        assert!(place_of(change) > 3, "this panic belongs to the test");
    });
    let sound = store.on_change("sound", |_| {});
    change_times(&store, 1..=5).await;
    eventually("five calls of each", || broken.calls() == 5 && sound.calls() == 5).await;
    assert_eq!((broken.panics(), sound.panics()), (3, 0));
}

#[tokio::test]
async fn a_callback_that_hangs_holds_up_nobody_and_learns_what_it_missed() {
    let (store, _folder) = open_with(Options { change_buffer: 4, ..options() }).await;
    let (release, wait) = channel::<()>();
    let hanging = store.on_change("hanging", move |_| {
        let _ = wait.recv_timeout(Duration::from_secs(30));
    });
    let sound = store.on_change("sound", |_| {});
    for n in 1..=30 {
        change_times(&store, n..=n).await;
        eventually("the sound callback keeps up", || sound.calls() == n).await;
    }
    assert_eq!(hanging.calls(), 0);
    drop(release);
    eventually("the rest", || hanging.missed() > 0 && hanging.calls() >= 5).await;
    assert!(hanging.missed() >= 25, "it missed {}", hanging.missed());
    assert_eq!(sound.missed(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_on_the_disk_before_it_is_announced() {
    let (store, _folder) = open().await;
    let (tell, told) = sync_channel(1000);
    let (path, runtime) = (store.path().to_owned(), tokio::runtime::Handle::current());
    let _checking = store.on_change("checking", move |change| {
        let place = i64::try_from(place_of(change)).unwrap();
        let found = runtime.block_on(async {
            let mut other = connect(&path).await;
            let query =
                sqlx::query("SELECT count(*) AS found FROM events WHERE id = ?1").bind(place);
            query.fetch_one(&mut other).await.unwrap().get::<i64, _>("found")
        });
        tell.send(found).unwrap();
    });
    change_times(&store, 1..=20).await;
    for _ in 1..=20 {
        let found = tokio::task::block_in_place(|| told.recv_timeout(crate::PATIENCE)).unwrap();
        assert_eq!(found, 1, "it was announced, but another connection does not see it");
    }
}
