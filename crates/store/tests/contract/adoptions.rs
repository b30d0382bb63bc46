//! Containers that were taken over.

use super::*;
use trueup_domain::{error::StoreError, id::ContainerId, spec::DesiredState::Stopped};

fn adopt(number: u64, name: &str, container: &str) -> SpecWrite {
    SpecWrite::Adopt {
        id_if_new: id(number),
        metadata: metadata(name),
        spec: Box::new(spec("debian:12")),
        container: ContainerId::new(container),
    }
}

async fn conflict(store: &impl Store, write: SpecWrite) -> String {
    match store.write(vec![write], "alice", at(0)).await {
        Err(StoreError::Conflict { subject }) => subject,
        other => panic!("{other:?} instead of a conflict"),
    }
}

pub(crate) async fn an_adopted_container_is_kept_with_its_workspace(store: &impl Store) {
    let web = changed(store, adopt(1, "web", "c1")).await;
    assert_eq!((&web.adopted, web.generation), (&Some(ContainerId::new("c1")), Generation(1)));
    assert_eq!(store.get(id(1)).await.unwrap(), Some(web.clone()));
    assert_eq!(store.find(&key("web")).await.unwrap(), Some(web.clone()));
    assert_eq!(store.list().await.unwrap(), [web]);
    let event = all_events(store).await.pop().unwrap().what;
    assert_eq!(event.reason, "workspace_adopted");
    assert_eq!(event.message, "alice adopted the container c1 with debian:12");
    let other = changed(store, apply(2, "other", spec("debian:12"))).await;
    assert_eq!(other.adopted, None);
}

pub(crate) async fn adopting_the_same_again_changes_nothing(store: &impl Store) {
    let web = changed(store, adopt(1, "web", "c1")).await;
    let events = all_events(store).await;
    assert_eq!(unchanged(store, adopt(2, "web", "c1")).await, web);
    assert_eq!(all_events(store).await, events);
}

pub(crate) async fn a_name_that_is_taken_adopts_nothing(store: &impl Store) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    assert_eq!(conflict(store, adopt(2, "web", "c1")).await, "alice/web");
    assert_eq!(store.list().await.unwrap(), [web]);
    changed(store, delete("web", false)).await;
    let refused = store.write(vec![adopt(2, "web", "c1")], "alice", at(0)).await;
    assert!(matches!(refused, Err(StoreError::Deleting { .. })), "{refused:?}");
}

pub(crate) async fn one_container_is_adopted_once(store: &impl Store) {
    changed(store, adopt(1, "web", "c1")).await;
    let subject = conflict(store, adopt(2, "other", "c1")).await;
    assert_eq!(subject, "container c1 of alice/web");
    assert_eq!(store.find(&key("other")).await.unwrap(), None);
    // In one call, too, and then neither of them is.
    let both = vec![adopt(3, "third", "c3"), adopt(4, "fourth", "c3")];
    assert!(matches!(store.write(both, "alice", at(0)).await, Err(StoreError::Conflict { .. })));
    assert_eq!(store.list().await.unwrap().len(), 1);
}

pub(crate) async fn a_state_and_limits_keep_the_adoption_and_another_container_ends_it(
    store: &impl Store,
) {
    let adopted = Some(ContainerId::new("c1"));
    changed(store, adopt(1, "web", "c1")).await;
    assert_eq!(changed(store, set_state("web", Stopped)).await.adopted, adopted);
    let mut limited = spec("debian:12");
    limited.resources.pids = 64;
    assert_eq!(changed(store, apply(1, "web", limited)).await.adopted, adopted);
    let write = apply_as(1, labelled("web", "payments"), spec("debian:12"), None);
    assert_eq!(changed(store, write).await.adopted, adopted);
    let other = changed(store, apply(1, "web", spec("debian:13"))).await;
    assert_eq!(other.adopted, None);
    assert_eq!(store.get(id(1)).await.unwrap(), Some(other));
    // What was given up is free for another.
    changed(store, adopt(2, "next", "c1")).await;
}

pub(crate) async fn a_container_can_be_adopted_anew_once_its_workspace_is_gone(store: &impl Store) {
    changed(store, adopt(1, "web", "c1")).await;
    let marked = changed(store, delete("web", false)).await;
    assert_eq!(marked.adopted, Some(ContainerId::new("c1")));
    let end = PassRecord { remove: true, ..record(&marked) };
    assert!(matches!(store.record(end).await.unwrap(), Recorded::Removed));
    assert_eq!(changed(store, adopt(2, "web", "c1")).await.id, id(2));
}
