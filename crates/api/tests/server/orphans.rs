//! What belongs to nothing: shown, and deleted as far as it may be.

use crate::harness::{Harness, key, problem, refused};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use trueup_api::{
    ProblemKind,
    domain::{
        Object, ObjectKind,
        orphan::{Fate, OrphanReason},
        status::Status,
    },
    wire::DeleteOrphansResponse,
};
use trueup_domain::port::Removal;

/// Made an hour before the fake's time, for a workspace that does not exist.
fn object(kind: ObjectKind, id: &str) -> Object {
    Object {
        kind,
        id: id.to_owned(),
        name: format!("name-of-{id}"),
        workspace: Some("0195a0000000700080000000000000ff".parse().unwrap()),
        owner: Some("alice".to_owned()),
        workspace_name: Some("gone".to_owned()),
        created_at: Some("2026-11-22T09:00:00Z".parse().unwrap()),
        in_use: false,
    }
}

fn stocked(harness: &Harness, objects: Vec<Object>) {
    *harness.fake.removals.lock().unwrap() =
        objects.iter().map(|object| (object.id.clone(), Removal::Removed)).collect();
    *harness.fake.objects.lock().unwrap() = objects;
}

/// The ids of what was deleted, kept and could not be deleted.
fn ids(response: &DeleteOrphansResponse) -> [Vec<&str>; 3] {
    [
        response.deleted.iter().map(|one| one.object.id.as_str()).collect(),
        response.kept.iter().map(|one| one.orphan.object.id.as_str()).collect(),
        response.failed.iter().map(|one| one.orphan.object.id.as_str()).collect(),
    ]
}

#[tokio::test]
async fn orphans_are_shown_with_why_and_what_would_become_of_them() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let young = Object {
        created_at: Some("2026-11-22T09:59:30Z".parse().unwrap()),
        ..object(ObjectKind::Container, "c2")
    };
    let objects =
        vec![object(ObjectKind::Volume, "v1"), object(ObjectKind::Container, "c1"), young];
    stocked(&harness, objects);
    let report = harness.client.orphans(None).await.unwrap();
    let told: Vec<_> =
        report.orphans.iter().map(|one| (one.object.id.as_str(), one.reason, one.fate)).collect();
    assert_eq!(
        told,
        [
            ("c1", OrphanReason::NoWorkspace, Fate::Deletable),
            ("c2", OrphanReason::NoWorkspace, Fate::TooYoung),
            ("v1", OrphanReason::NoWorkspace, Fate::OnlyWithVolumes),
        ]
    );
    let missing: Vec<_> = report.missing.iter().map(|one| one.workspace.to_string()).collect();
    assert_eq!(missing, ["alice/web"]);
    assert!(harness.fake.removed.lock().unwrap().is_empty(), "looking has removed something");
}

#[tokio::test]
async fn orphans_travel_in_words_that_programs_can_rely_on() {
    let harness = Harness::start().await;
    stocked(&harness, vec![object(ObjectKind::Container, "c1")]);
    let answer: Value =
        harness.raw("GET", "/v1/orphans").send().await.unwrap().json().await.unwrap();
    assert_eq!(
        answer,
        json!({
            "orphans": [{
                "kind": "container", "id": "c1", "name": "name-of-c1", "owner": "alice", "workspaceName": "gone",
                "workspace": "0195a0000000700080000000000000ff",
                "createdAt": "2026-11-22T09:00:00Z", "inUse": false,
                "reason": "noWorkspace", "fate": "deletable",
            }],
            "missing": [],
        })
    );
}

#[tokio::test]
async fn a_deletion_takes_containers_first_and_volumes_only_when_they_were_named() {
    let harness = Harness::start().await;
    let objects = || {
        vec![
            object(ObjectKind::Volume, "v1"),
            object(ObjectKind::Network, "n1"),
            object(ObjectKind::Container, "c1"),
        ]
    };
    stocked(&harness, objects());
    let response = harness.client.delete_orphans(None, false).await.unwrap();
    assert_eq!(ids(&response), [vec!["c1", "n1"], vec!["v1"], vec![]]);
    assert_eq!(response.kept[0].why, "goes with --delete --volumes");
    assert_eq!(*harness.fake.removed.lock().unwrap(), ["c1", "n1"]);
    let response = harness.client.delete_orphans(None, true).await.unwrap();
    assert_eq!(ids(&response), [vec!["c1", "n1", "v1"], vec![], vec![]]);
}

#[tokio::test]
async fn what_is_used_is_kept_and_what_fails_is_told_beside_what_went() {
    let harness = Harness::start().await;
    stocked(&harness, vec![object(ObjectKind::Container, "c1"), object(ObjectKind::Network, "n1")]);
    harness.fake.removals.lock().unwrap().insert("n1".to_owned(), Removal::InUse);
    harness.fake.removals.lock().unwrap().remove("c1");
    harness.fake.objects.lock().unwrap().push(object(ObjectKind::Container, "c2"));
    harness.fake.removals.lock().unwrap().insert("c2".to_owned(), Removal::Gone);
    let response = harness.client.delete_orphans(None, false).await.unwrap();
    assert_eq!(ids(&response), [vec!["c2"], vec!["n1"], vec!["c1"]]);
    assert_eq!(response.kept[0].why, "is used by a container");
    assert_eq!(response.failed[0].why, "remove container: it is stuck");
}

#[tokio::test]
async fn an_owner_sees_and_deletes_only_what_is_labelled_as_his() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let robert = Object { owner: Some("robert".to_owned()), ..object(ObjectKind::Container, "c2") };
    let shared = Object { owner: None, workspace: None, ..object(ObjectKind::Network, "n1") };
    stocked(&harness, vec![object(ObjectKind::Container, "c1"), robert, shared]);
    let owner = "robert".parse().unwrap();
    let report = harness.client.orphans(Some(&owner)).await.unwrap();
    assert_eq!((report.orphans.len(), report.missing.len()), (1, 0));
    let response = harness.client.delete_orphans(Some(&owner), true).await.unwrap();
    assert_eq!(ids(&response), [vec!["c2"], vec![], vec![]]);
    assert_eq!(*harness.fake.removed.lock().unwrap(), ["c2 with its volumes"]);
}

#[tokio::test]
async fn the_container_of_a_workspace_is_never_deleted() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let id = harness.client.get(&key("alice/web")).await.unwrap().workspace.id;
    let container = json!({
        "id": "c1", "name": "web", "state": "running", "image": "debian:12",
        "imageId": "sha256:1", "oomKilled": false, "restartCount": 0,
    });
    let container = serde_json::from_value(container).unwrap();
    let status = Status { container: Some(container), ..Status::default() };
    harness.fake.set_status(&key("alice/web"), status);
    let own = |name| Object { workspace: Some(id), ..object(ObjectKind::Container, name) };
    stocked(&harness, vec![own("c1"), own("c2")]);
    let response = harness.client.delete_orphans(None, true).await.unwrap();
    assert_eq!(ids(&response), [vec!["c2"], vec![], vec![]]);
}

#[tokio::test]
async fn an_engine_that_is_away_is_unavailable_and_nothing_is_taken_for_an_orphan() {
    let harness = Harness::start().await;
    harness.fake.engine_lost.store(true, Ordering::SeqCst);
    let refusal = refused(harness.client.orphans(None).await);
    assert_eq!(refusal.kind, ProblemKind::Unavailable);
    assert!(refusal.detail.contains("no such socket"), "{refusal}");
    harness.fake.engine_lost.store(false, Ordering::SeqCst);
    stocked(&harness, vec![object(ObjectKind::Container, "c1")]);
    harness.fake.broken.store(true, Ordering::SeqCst);
    assert_eq!(
        refused(harness.client.delete_orphans(None, true).await).kind,
        ProblemKind::Unavailable
    );
    assert!(harness.fake.removed.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_misspelt_field_never_passes_for_one_that_was_not_given() {
    let harness = Harness::start().await;
    let request = harness.raw("POST", "/v1/orphans/delete").json(&json!({"volume": true}));
    assert_eq!(problem(request.send().await.unwrap()).await.kind, ProblemKind::BadRequest);
    let request = harness.raw("GET", "/v1/orphans?volumes=true");
    assert_eq!(problem(request.send().await.unwrap()).await.kind, ProblemKind::BadRequest);
}
