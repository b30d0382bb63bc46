//! Tables of what is an orphan, what is missing, and what may be deleted.

use super::*;
use crate::{
    id::{ContainerId, InstanceId},
    spec::DesiredState,
    workspace::Deletion,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const HOME: &str = "0195a0000000700080000000000000a1";
const NOBODY: &str = "0195a0000000700080000000000000ff";
const NAME: &str = "trueup-web-0000000000a1";
const NOW: &str = "2026-11-22T10:00:00Z";

fn policy() -> Policy {
    let strict_range = Some("10.200.0.0/16".to_owned());
    Policy { network_shards: 1, strict_range, ..Policy::new(InstanceId::new("test")) }
}

/// The workspace `alice/web` with that in its spec, and the container that its status names.
fn web(spec: &Value, recorded: Option<&str>) -> Workspace {
    let mut whole = json!({"image": "debian:12"});
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    let mut workspace: Workspace = serde_json::from_value(json!({
        "id": HOME,
        "metadata": {"name": "web", "owner": "alice"},
        "spec": whole,
        "generation": 1, "resourceVersion": 1, "createdAt": "2026-11-22T09:00:00Z",
    }))
    .unwrap();
    workspace.status.container = recorded.map(|id| {
        let container = json!({
            "id": id, "name": NAME, "state": "running", "image": "debian:12",
            "imageId": "sha256:1", "oomKilled": false, "restartCount": 0,
        });
        serde_json::from_value(container).unwrap()
    });
    workspace
}

/// Something made an hour ago for that workspace.
fn object(kind: ObjectKind, id: &str, name: &str, workspace: Option<&str>) -> Object {
    Object {
        kind,
        id: id.to_owned(),
        name: name.to_owned(),
        workspace: workspace.map(|id| id.parse().unwrap()),
        owner: None,
        workspace_name: None,
        created_at: Some("2026-11-22T09:00:00Z".parse().unwrap()),
        in_use: false,
    }
}

fn container(id: &str, name: &str, workspace: &str) -> Object {
    object(ObjectKind::Container, id, name, Some(workspace))
}

fn stock(objects: Vec<Object>) -> Stock {
    Stock { at: NOW.parse().unwrap(), objects, strangers: BTreeSet::new() }
}

/// The names, reasons and fates of the orphans.
fn told(
    objects: Vec<Object>,
    workspaces: impl IntoIterator<Item = Workspace>,
) -> Vec<(String, OrphanReason, Fate)> {
    let workspaces: Vec<_> = workspaces.into_iter().map(Arc::new).collect();
    let report = orphans(&stock(objects), &workspaces, &policy());
    report.orphans.into_iter().map(|one| (one.object.id, one.reason, one.fate)).collect()
}

/// The kinds and names of what is missing.
fn missing(objects: Vec<Object>, workspace: Workspace) -> Vec<(ObjectKind, String)> {
    let report = orphans(&stock(objects), &[Arc::new(workspace)], &policy());
    report.missing.into_iter().map(|one| (one.kind, one.name)).collect()
}

#[test]
fn whatever_names_a_workspace_that_is_not_stored_is_an_orphan_and_volumes_keep_their_data() {
    use ObjectKind::{Container, Network, Volume};
    let of_nobody = |kind, id| object(kind, id, id, Some(NOBODY));
    let objects = vec![of_nobody(Volume, "v"), of_nobody(Network, "n"), of_nobody(Container, "c")];
    assert_eq!(
        told(objects, [web(&json!({}), None)]),
        [
            ("c".to_owned(), OrphanReason::NoWorkspace, Fate::Deletable),
            ("n".to_owned(), OrphanReason::NoWorkspace, Fate::Deletable),
            ("v".to_owned(), OrphanReason::NoWorkspace, Fate::OnlyWithVolumes),
        ]
    );
}

#[test]
fn what_lost_its_label_s_meaning_is_an_orphan() {
    let objects = vec![object(ObjectKind::Container, "c", "c", None)];
    assert_eq!(
        told(objects, []),
        [("c".to_owned(), OrphanReason::NamesNoWorkspace, Fate::Deletable)]
    );
}

#[test]
fn what_is_young_or_of_unknown_age_is_never_deletable() {
    let cases = [
        (Some("2026-11-22T09:59:01Z"), Fate::TooYoung),
        (Some("2026-11-22T09:59:00Z"), Fate::Deletable),
        // The clock went back since.
        (Some("2026-11-22T11:00:00Z"), Fate::TooYoung),
        (None, Fate::TooYoung),
    ];
    for (made, fate) in cases {
        let created_at = made.map(|made| made.parse().unwrap());
        let objects = vec![Object { created_at, ..container("c", "c", NOBODY) }];
        assert_eq!(told(objects, [])[0].2, fate, "{made:?}");
    }
}

#[test]
fn only_what_is_deletable_goes_and_volumes_only_when_they_were_named() {
    let cases = [
        (Fate::Deletable, true, true),
        (Fate::OnlyWithVolumes, false, true),
        (Fate::TooYoung, false, false),
        (Fate::WithItsWorkspace, false, false),
    ];
    for (fate, without, with) in cases {
        let reason = OrphanReason::NoWorkspace;
        let orphan = Orphan { object: container("c", "c", NOBODY), reason, fate };
        assert_eq!((orphan.is_deletable(false), orphan.is_deletable(true)), (without, with));
    }
}

#[test]
fn of_several_containers_the_recorded_one_stays() {
    let two = || vec![container("c1", "renamed", HOME), container("c2", "other", HOME)];
    let second = |id: &str| (id.to_owned(), OrphanReason::SecondContainer, Fate::Deletable);
    assert_eq!(told(two(), [web(&json!({}), Some("c2"))]), [second("c1")]);
    assert_eq!(told(two(), [web(&json!({}), Some("c1"))]), [second("c2")]);
}

#[test]
fn of_several_containers_that_nobody_recorded_the_named_one_stays_or_else_the_running_one() {
    let second = |id: &str| (id.to_owned(), OrphanReason::SecondContainer, Fate::Deletable);
    let named = vec![container("c1", "other", HOME), container("c2", NAME, HOME)];
    assert_eq!(told(named, [web(&json!({}), None)]), [second("c1")]);
    let runs = Object { in_use: true, ..container("c2", "other", HOME) };
    let running = vec![container("c1", "another", HOME), runs];
    assert_eq!(told(running, [web(&json!({}), None)]), [second("c1")]);
}

#[test]
fn the_container_that_is_being_replaced_is_no_second_one() {
    let previous = format!("{NAME}-previous");
    let both = vec![container("c1", &previous, HOME), container("c2", NAME, HOME)];
    for recorded in [None, Some("c1"), Some("c2")] {
        assert_eq!(told(both.clone(), [web(&json!({}), recorded)]), [], "{recorded:?}");
    }
}

#[test]
fn a_labelled_container_beside_an_adopted_one_is_a_second_one_and_the_adopted_one_is_not_missed() {
    let workspaces = [Arc::new(web(&json!({}), Some("adopted")))];
    let stock = Stock {
        strangers: [ContainerId::new("adopted"), ContainerId::new("other")].into(),
        ..stock(vec![container("c1", "other", HOME)])
    };
    let report = orphans(&stock, &workspaces, &policy());
    assert_eq!(report.orphans[0].reason, OrphanReason::SecondContainer);
    assert_eq!(report.missing, []);
}

#[test]
fn a_shared_network_is_an_orphan_once_nothing_uses_it_and_nobody_wants_it() {
    let shared = |name: &str| object(ObjectKind::Network, "n", name, None);
    let cases = [
        ("trueup-test-shared-0", "running", false, false),
        ("trueup-test-shared-0", "stopped", false, false),
        ("trueup-test-shared-0", "archived", false, true),
        // A shard from when there were more of them.
        ("trueup-test-shared-3", "running", false, true),
        ("trueup-test-shared-3", "running", true, false),
    ];
    for (name, state, in_use, is_orphan) in cases {
        let network = Object { in_use, ..shared(name) };
        let found = told(vec![network], [web(&json!({"state": state}), None)]);
        assert_eq!(!found.is_empty(), is_orphan, "{name} {state} {in_use}");
    }
}

#[test]
fn a_network_of_a_workspaces_own_is_an_orphan_once_the_workspace_wants_another() {
    let own = || object(ObjectKind::Network, "n", NAME, Some(HOME));
    assert_eq!(told(vec![own()], [web(&json!({"isolation": "strict"}), None)]), []);
    let outgrown = told(vec![own()], [web(&json!({"isolation": "standard"}), None)]);
    assert_eq!(outgrown, [("n".to_owned(), OrphanReason::Unwanted, Fate::Deletable)]);
    let used = Object { in_use: true, ..own() };
    assert_eq!(told(vec![used], [web(&json!({"isolation": "standard"}), None)]), []);
}

#[test]
fn a_volume_that_is_not_declared_any_more_waits_for_its_workspaces_end() {
    let volume = |in_use| Object {
        in_use,
        ..object(ObjectKind::Volume, "v", &format!("{NAME}-home"), Some(HOME))
    };
    let declared = json!({"volumes": [{"name": "home", "target": "/home/dev"}]});
    assert_eq!(told(vec![volume(false)], [web(&declared, None)]), []);
    assert_eq!(told(vec![volume(true)], [web(&json!({}), None)]), []);
    let found = told(vec![volume(false)], [web(&json!({}), None)]);
    assert_eq!(found, [("v".to_owned(), OrphanReason::Undeclared, Fate::WithItsWorkspace)]);
}

#[test]
fn a_container_is_missed_where_there_should_be_one() {
    let named = || (ObjectKind::Container, NAME.to_owned());
    let cases = [
        ("running", None, true),
        ("running", Some("c1"), true),
        ("paused", Some("c1"), true),
        ("stopped", Some("c1"), true),
        ("stopped", None, false),
        ("archived", Some("c1"), false),
    ];
    for (state, recorded, is_missed) in cases {
        let found = missing(vec![], web(&json!({"state": state}), recorded));
        let wanted = if is_missed { vec![named()] } else { vec![] };
        assert_eq!(found, wanted, "{state} {recorded:?}");
        let there = missing(vec![container("c9", NAME, HOME)], web(&json!({"state": state}), None));
        assert_eq!(there, [], "{state}");
    }
}

#[test]
fn a_declared_volume_is_missed_once_a_container_was_made() {
    let spec = json!({"volumes": [{"name": "home", "target": "/home/dev"}], "state": "stopped"});
    let volume = format!("{NAME}-home");
    let found = |recorded, objects| missing(objects, web(&spec, recorded));
    assert_eq!(found(None, vec![]), []);
    let present =
        vec![container("c1", NAME, HOME), object(ObjectKind::Volume, &volume, &volume, Some(HOME))];
    assert_eq!(found(Some("c1"), present), []);
    let without = vec![container("c1", NAME, HOME)];
    assert_eq!(found(Some("c1"), without), [(ObjectKind::Volume, volume)]);
}

#[test]
fn nothing_is_missed_of_what_is_to_be_deleted_and_nothing_of_it_is_an_orphan() {
    let mut ending = web(&json!({"volumes": [{"name": "home", "target": "/h"}]}), Some("c1"));
    let requested_at = NOW.parse().unwrap();
    ending.deletion = Some(Deletion { requested_at, actor: "alice".to_owned(), volumes: false });
    assert_eq!(missing(vec![], ending.clone()), []);
    assert_eq!(told(vec![container("c1", NAME, HOME)], [ending]), []);
}

#[test]
fn a_stock_that_matches_what_is_stored_has_neither() {
    let spec = json!({"volumes": [{"name": "home", "target": "/h"}], "isolation": "strict"});
    let web = web(&spec, Some("c1"));
    assert_eq!(web.spec.desired_state(), DesiredState::Running);
    let volume = format!("{NAME}-home");
    let objects = vec![
        container("c1", NAME, HOME),
        Object { in_use: true, ..object(ObjectKind::Network, "n1", NAME, Some(HOME)) },
        Object { in_use: true, ..object(ObjectKind::Volume, &volume, &volume, Some(HOME)) },
    ];
    let report = orphans(&stock(objects), &[Arc::new(web)], &policy());
    assert_eq!(report, Report::default());
}
