//! What passes record.

use super::*;
use trueup_domain::{error::StoreError, spec::DesiredState::Stopped};

pub(crate) async fn a_record_stores_status_events_and_history_together(store: &impl Store) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    let record = record(&web);
    let recorded = stored(store.record(record.clone()).await.unwrap());
    assert_eq!(recorded.status, record.status);
    assert_eq!(store.get(web.id).await.unwrap(), Some(recorded));
    let events = all_events(store).await;
    assert_eq!(events.last().unwrap().what, record.events[0]);
    assert_eq!(events.last().unwrap().workspace_id, web.id);
    assert_eq!(store.passes(web.id, 10).await.unwrap(), [record.pass]);
}

pub(crate) async fn a_record_keeps_generation_and_version(store: &impl Store) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    let recorded = stored(store.record(record(&web)).await.unwrap());
    assert_eq!(Workspace { status: web.status.clone(), ..(*recorded).clone() }, *web);
}

pub(crate) async fn a_record_of_an_old_generation_is_stale_and_writes_nothing(store: &impl Store) {
    let old = changed(store, apply(1, "web", spec("debian:12"))).await;
    let new = changed(store, apply(1, "web", spec("debian:13"))).await;
    let events = all_events(store).await;
    let ahead = PassRecord { generation: new.generation.next(), ..record(&new) };
    for record in [record(&old), ahead] {
        let recorded = store.record(record).await.unwrap();
        assert!(matches!(recorded, Recorded::Stale), "{recorded:?}");
    }
    assert_eq!(store.get(id(1)).await.unwrap(), Some(new));
    assert_eq!(all_events(store).await, events);
    assert_eq!(store.passes(id(1), 10).await.unwrap(), []);
}

pub(crate) async fn a_record_that_does_not_know_of_the_deletion_is_stale(store: &impl Store) {
    let before = changed(store, apply(1, "web", spec("debian:12"))).await;
    let marked = changed(store, delete("web", false)).await;
    let with_volumes = changed(store, delete("web", true)).await;
    for unaware in [before, marked] {
        let remove = PassRecord { remove: true, ..record(&unaware) };
        let recorded = store.record(remove).await.unwrap();
        assert!(matches!(recorded, Recorded::Stale), "{recorded:?}");
    }
    assert_eq!(store.get(id(1)).await.unwrap(), Some(with_volumes));
}

pub(crate) async fn a_record_of_an_unknown_workspace_is_stale(store: &impl Store) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    let unknown = PassRecord { workspace: id(2), ..record(&web) };
    assert!(matches!(store.record(unknown).await.unwrap(), Recorded::Stale));
    assert_eq!(store.passes(id(2), 10).await.unwrap(), []);
}

pub(crate) async fn an_observed_generation_is_never_ahead_and_never_goes_back(store: &impl Store) {
    changed(store, apply(1, "web", spec("debian:12"))).await;
    let web = changed(store, set_state("web", Stopped)).await;
    let observing = |generation| {
        let mut record = record(&web);
        record.status.observed_generation = generation;
        record
    };
    let refused = store.record(observing(Generation(3))).await;
    assert!(matches!(refused, Err(StoreError::Backend { .. })), "{refused:?}");
    stored(store.record(observing(Generation(1))).await.unwrap());
    stored(store.record(observing(Generation(2))).await.unwrap());
    let refused = store.record(observing(Generation(1))).await;
    assert!(matches!(refused, Err(StoreError::Backend { .. })), "{refused:?}");
    let now = store.get(id(1)).await.unwrap().unwrap();
    assert_eq!(now.status.observed_generation, Generation(2));
    assert_eq!(store.passes(id(1), 10).await.unwrap().len(), 2);
}

pub(crate) async fn a_removed_workspace_leaves_its_events_and_history(store: &impl Store) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    stored(store.record(record(&web)).await.unwrap());
    let marked = changed(store, delete("web", false)).await;
    let removed = store.record(PassRecord { remove: true, ..record(&marked) }).await.unwrap();
    assert!(matches!(removed, Recorded::Removed), "{removed:?}");
    assert_eq!(store.get(id(1)).await.unwrap(), None);
    assert_eq!(store.find(&key("web")).await.unwrap(), None);
    assert_eq!(store.list().await.unwrap(), []);
    assert_eq!(all_events(store).await.len(), 4);
    assert_eq!(store.passes(id(1), 10).await.unwrap().len(), 2);
    let again = store.record(PassRecord { remove: true, ..record(&marked) }).await.unwrap();
    assert!(matches!(again, Recorded::Stale), "{again:?}");
}

pub(crate) async fn a_workspace_that_nobody_deleted_is_not_removed(store: &impl Store) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    let refused = store.record(PassRecord { remove: true, ..record(&web) }).await;
    assert!(matches!(refused, Err(StoreError::Backend { .. })), "{refused:?}");
    assert_eq!(store.get(id(1)).await.unwrap(), Some(web));
}

pub(crate) async fn a_name_can_be_used_again_after_the_removal(store: &impl Store) {
    changed(store, apply(1, "web", spec("debian:12"))).await;
    let first = changed(store, delete("web", false)).await;
    store.record(PassRecord { remove: true, ..record(&first) }).await.unwrap();
    let second = changed(store, apply(2, "web", spec("debian:12"))).await;
    assert_eq!((second.id, second.generation), (id(2), Generation(1)));
    assert!(second.resource_version > first.resource_version);
    assert!(matches!(store.record(record(&first)).await.unwrap(), Recorded::Stale));
}

pub(crate) async fn the_newest_passes_come_first(store: &impl Store) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    changed(store, apply(2, "other", spec("debian:12"))).await;
    for why in ["first", "second", "third"] {
        let pass = pass(web.generation, why);
        stored(store.record(PassRecord { pass, ..record(&web) }).await.unwrap());
    }
    let passes = store.passes(web.id, 2).await.unwrap();
    let why: Vec<_> = passes.iter().map(|pass| pass.why.as_str()).collect();
    assert_eq!(why, ["third", "second"]);
    assert_eq!(store.passes(web.id, 0).await.unwrap(), []);
    assert_eq!(store.passes(id(2), 10).await.unwrap(), []);
}
