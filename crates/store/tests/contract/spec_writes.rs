//! What users write.

use super::*;
use trueup_domain::{error::StoreError, spec::DesiredState::*};

pub(crate) async fn a_new_workspace_has_generation_one_and_can_be_read_in_every_way(
    store: &impl Store,
) {
    let written = store.write(vec![apply(1, "web", spec("debian:12"))], "alice", at(5)).await;
    let [Written::Created(web)] = &written.unwrap()[..] else { panic!("it was not created") };
    assert_eq!((web.id, web.generation), (id(1), Generation(1)));
    assert_eq!((web.created_at, web.spec.state), (at(5), Some(Running)));
    assert_eq!(web.status, Status::default());
    assert_eq!(store.get(id(1)).await.unwrap().as_ref(), Some(web));
    assert_eq!(store.find(&key("web")).await.unwrap().as_ref(), Some(web));
    assert_eq!(store.list().await.unwrap(), std::slice::from_ref(web));
    assert_eq!(store.get(id(2)).await.unwrap(), None);
    assert_eq!(store.find(&key("other")).await.unwrap(), None);
}

pub(crate) async fn applying_the_same_again_changes_nothing(store: &impl Store) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    let events = all_events(store).await;
    assert_eq!(unchanged(store, apply(2, "web", spec("debian:12"))).await, web);
    let running = Spec { state: Some(Running), ..spec("debian:12") };
    assert_eq!(unchanged(store, apply(2, "web", running)).await, web);
    assert_eq!(all_events(store).await, events);
}

pub(crate) async fn a_new_spec_is_a_new_generation(store: &impl Store) {
    let before = changed(store, apply(1, "web", spec("debian:12"))).await;
    let after = changed(store, apply(2, "web", spec("debian:13"))).await;
    assert_eq!((after.id, after.generation), (id(1), Generation(2)));
    assert_eq!(after.spec.image.as_str(), "debian:13");
    assert!(after.resource_version > before.resource_version);
    assert_eq!(store.get(id(1)).await.unwrap(), Some(after));
}

pub(crate) async fn new_labels_alone_keep_the_generation(store: &impl Store) {
    let before = changed(store, apply(1, "web", spec("debian:12"))).await;
    let write = apply_as(1, labelled("web", "payments"), spec("debian:12"), None);
    let after = changed(store, write).await;
    assert_eq!(after.metadata, labelled("web", "payments"));
    assert_eq!(after.generation, before.generation);
    assert!(after.resource_version > before.resource_version);
    assert_eq!(all_events(store).await.last().unwrap().what.reason, "labels_changed");
}

pub(crate) async fn a_spec_without_a_state_keeps_the_stored_one(store: &impl Store) {
    changed(store, apply(1, "web", spec("debian:12"))).await;
    changed(store, set_state("web", Stopped)).await;
    let same = unchanged(store, apply(1, "web", spec("debian:12"))).await;
    assert_eq!(same.spec.state, Some(Stopped));
    let other = changed(store, apply(1, "web", spec("debian:13"))).await;
    assert_eq!(other.spec.state, Some(Stopped));
    let running = Spec { state: Some(Running), ..spec("debian:13") };
    assert_eq!(changed(store, apply(1, "web", running)).await.spec.state, Some(Running));
}

pub(crate) async fn a_new_state_is_a_new_generation_and_so_is_a_renewed_one(store: &impl Store) {
    changed(store, apply(1, "web", spec("debian:12"))).await;
    let stopped = changed(store, set_state("web", Stopped)).await;
    assert_eq!((stopped.generation, stopped.spec.desired_state()), (Generation(2), Stopped));
    assert_eq!(unchanged(store, set_state("web", Stopped)).await, stopped);
    let renewed =
        SpecWrite::SetState { key: key("web"), state: Stopped, renew: true, expected: None };
    assert_eq!(changed(store, renewed).await.generation, Generation(3));
}

pub(crate) async fn a_deletion_is_a_mark_that_can_only_grow(store: &impl Store) {
    changed(store, apply(1, "web", spec("debian:12"))).await;
    let marked = changed(store, delete("web", false)).await;
    let deletion = marked.deletion.clone().unwrap();
    assert_eq!((deletion.requested_at, deletion.actor.as_str()), (at(0), "alice"));
    assert_eq!((deletion.volumes, marked.generation), (false, Generation(2)));
    assert_eq!(unchanged(store, delete("web", false)).await, marked);

    let written = store.write(vec![delete("web", true)], "bob", at(9)).await.unwrap();
    let [Written::Changed(grown)] = &written[..] else { panic!("{written:?}") };
    assert_eq!(
        grown.deletion,
        Some(trueup_domain::workspace::Deletion { volumes: true, ..deletion })
    );
    assert_eq!(grown.generation, Generation(3));
    assert_eq!(&unchanged(store, delete("web", false)).await, grown);
    assert_eq!(store.get(id(1)).await.unwrap().as_ref(), Some(grown));
}

pub(crate) async fn a_workspace_under_deletion_takes_no_more_changes(store: &impl Store) {
    changed(store, apply(1, "web", spec("debian:12"))).await;
    changed(store, delete("web", false)).await;
    for write in [apply(2, "web", spec("debian:12")), set_state("web", Stopped)] {
        let refused = store.write(vec![write], "alice", at(0)).await;
        assert!(
            matches!(&refused, Err(StoreError::Deleting { subject }) if subject == "alice/web"),
            "{refused:?}"
        );
    }
}

pub(crate) async fn a_write_that_names_an_old_version_is_refused(store: &impl Store) {
    let gone = apply_as(1, metadata("web"), spec("debian:12"), Some(ResourceVersion(1)));
    let seen = changed(store, apply(1, "web", spec("debian:12"))).await.resource_version;
    let now = changed(store, set_state("web", Paused)).await.resource_version;
    let writes = |expected| {
        [
            apply_as(1, metadata("web"), spec("debian:13"), Some(expected)),
            SpecWrite::SetState {
                key: key("web"),
                state: Stopped,
                renew: false,
                expected: Some(expected),
            },
            SpecWrite::Delete { key: key("web"), volumes: false, expected: Some(expected) },
        ]
    };
    let never_there = SpecWrite::Apply {
        id_if_new: id(2),
        metadata: metadata("new"),
        spec: Box::new(spec("debian:12")),
        expected: Some(now),
    };
    for write in writes(seen).into_iter().chain([gone, never_there]) {
        let refused = store.write(vec![write], "alice", at(0)).await;
        assert!(matches!(&refused, Err(StoreError::Conflict { .. })), "{refused:?}");
    }
    let mut expected = now;
    for write in 0..3 {
        let write = writes(expected)[write].clone();
        expected = changed(store, write).await.resource_version;
    }
}

pub(crate) async fn what_is_not_there_cannot_be_stopped_or_deleted(store: &impl Store) {
    for write in [set_state("web", Stopped), delete("web", true)] {
        let refused = store.write(vec![write], "alice", at(0)).await;
        assert!(
            matches!(&refused, Err(StoreError::NotFound { subject }) if subject == "alice/web"),
            "{refused:?}"
        );
    }
}

pub(crate) async fn a_refused_write_takes_its_neighbours_of_the_same_call_along(
    store: &impl Store,
) {
    let web = changed(store, apply(1, "web", spec("debian:12"))).await;
    let writes = vec![
        apply(2, "new", spec("debian:12")),
        set_state("web", Stopped),
        set_state("nobody", Stopped),
    ];
    let refused = store.write(writes, "alice", at(0)).await;
    assert!(matches!(&refused, Err(StoreError::NotFound { .. })), "{refused:?}");
    assert_eq!(store.list().await.unwrap(), [web]);
    assert_eq!(all_events(store).await.len(), 1);
}

pub(crate) async fn the_same_workspace_may_come_twice_in_one_call(store: &impl Store) {
    let writes = vec![
        apply(1, "web", spec("debian:12")),
        apply(2, "web", spec("debian:13")),
        set_state("web", Stopped),
        delete("web", false),
    ];
    let written = store.write(writes, "alice", at(0)).await.unwrap();
    assert!(matches!(written[0], Written::Created(_)), "{written:?}");
    let web = store.find(&key("web")).await.unwrap().unwrap();
    assert_eq!((web.id, web.generation), (id(1), Generation(4)));
    assert!(web.deletion.is_some());
}

pub(crate) async fn two_owners_may_use_one_name(store: &impl Store) {
    changed(store, apply(1, "web", spec("debian:12"))).await;
    let of_bob = Metadata { owner: "bob".parse().unwrap(), ..metadata("web") };
    let second = changed(store, apply_as(2, of_bob.clone(), spec("debian:12"), None)).await;
    assert_eq!(second.generation, Generation(1));
    assert_eq!(store.find(&of_bob.key()).await.unwrap().unwrap().id, id(2));
    assert_eq!(store.find(&key("web")).await.unwrap().unwrap().id, id(1));
}

pub(crate) async fn versions_rise_over_the_whole_store(store: &impl Store) {
    let mut newest = ResourceVersion::default();
    for round in 0..3 {
        for (number, name) in [(1, "a"), (2, "b")] {
            let image = format!("debian:{round}");
            let version = changed(store, apply(number, name, spec(&image))).await.resource_version;
            assert!(version > newest, "{version} came after {newest}");
            newest = version;
        }
    }
}

pub(crate) async fn workspaces_are_listed_by_owner_and_name(store: &impl Store) {
    for (number, owner, name) in [(1, "bob", "a"), (2, "alice", "z"), (3, "alice", "a-1")] {
        let owner = owner.parse().unwrap();
        let metadata = Metadata { owner, ..metadata(name) };
        changed(store, apply_as(number, metadata, spec("debian:12"), None)).await;
    }
    let listed = store.list().await.unwrap();
    let keys: Vec<_> = listed.iter().map(|workspace| workspace.key().to_string()).collect();
    assert_eq!(keys, ["alice/a-1", "alice/z", "bob/a"]);
}

pub(crate) async fn every_change_says_who_did_what(store: &impl Store) {
    changed(store, apply(1, "web", spec("debian:12"))).await;
    let other = Spec { user: Some("1000".to_owned().try_into().unwrap()), ..spec("debian:13") };
    changed(store, apply_as(1, labelled("web", "x"), other, None)).await;
    changed(store, set_state("web", Stopped)).await;
    let renewed =
        SpecWrite::SetState { key: key("web"), state: Stopped, renew: true, expected: None };
    changed(store, renewed).await;
    changed(store, delete("web", false)).await;
    changed(store, delete("web", true)).await;
    let events = all_events(store).await;
    assert!(events.iter().all(|event| event.what.actor == "alice"
        && event.what.kind == EventType::ContainerUpdate
        && event.workspace == key("web")));
    let told: Vec<_> =
        events.iter().map(|e| (e.what.reason.as_str(), e.what.message.as_str())).collect();
    assert_eq!(
        told,
        [
            ("workspace_created", "alice declared it: running with debian:12"),
            ("spec_changed", "alice changed image, user, labels"),
            ("state_requested", "alice asked for state stopped (was running)"),
            ("state_requested", "alice asked for state stopped again"),
            ("deletion_requested", "alice asked for its deletion"),
            ("deletion_requested", "alice asked for its volumes to be deleted too"),
        ]
    );
}
