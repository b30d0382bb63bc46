//! Changing: apply, the verbs, delete, sync, and in whose name.

use crate::harness::{Harness, key, manifest, manifest_json, problem, refused};
use serde_json::{Value, json};
use std::process::Command;
use trueup_api::{
    ProblemKind, WorkspaceFilter,
    domain::{
        id::{Generation, ResourceVersion},
        manifest::Manifest,
        pass::CauseKind,
        spec::DesiredState,
        status::Phase,
    },
    wire::{Outcome, Verb},
};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn an_apply_creates_then_finds_nothing_to_do_then_changes() {
    let harness = Harness::start().await;
    let outcome = async |manifest: &Manifest| {
        let response = harness.client.apply(std::slice::from_ref(manifest), false).await.unwrap();
        (
            response.items[0].outcome,
            response.items[0].workspace.clone().unwrap().workspace.generation,
        )
    };
    let mut web = manifest("alice/web");
    assert_eq!(outcome(&web).await, (Outcome::Created, Generation(1)));
    assert_eq!(outcome(&web).await, (Outcome::Unchanged, Generation(1)));
    web.spec.state = Some(DesiredState::Stopped);
    assert_eq!(outcome(&web).await, (Outcome::Configured, Generation(2)));
}

#[tokio::test]
async fn one_bad_manifest_keeps_all_of_them_out_and_every_fault_is_named() {
    let harness = Harness::start().await;
    let with_spec = |key: &str, spec: Value| {
        let mut manifest = manifest_json(key);
        manifest["spec"] = spec;
        manifest
    };
    let outside = json!({"image": "debian:12", "project": {"path": "/home/alice/x"}});
    let manifests = [
        manifest_json("alice/good"),
        with_spec("alice/bad", json!({"image": "debian:12", "colour": "red"})),
        with_spec("alice/outside", outside),
        manifest_json("alice/good"),
    ];
    let request = harness.raw("POST", "/v1/workspaces").json(&json!({"manifests": manifests}));
    let problem = problem(request.send().await.unwrap()).await;
    assert_eq!(problem.kind, ProblemKind::BadManifest);
    let errors: Vec<_> = problem.errors.iter().map(|e| (e.index, e.detail.as_str())).collect();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert_eq!(errors[0].0, 1);
    assert!(errors[0].1.starts_with("alice/bad: ") && errors[0].1.contains("colour"), "{errors:?}");
    assert_eq!(
        errors[1],
        (2, "alice/outside: project folder /home/alice/x is outside the configured roots")
    );
    assert_eq!(errors[2], (3, "alice/good: is declared twice in one request"));
    assert!(harness.client.list(&WorkspaceFilter::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_dry_run_tells_and_writes_nothing() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let mut changed = manifest("alice/web");
    changed.spec.resources.pids = 99;
    let outcomes = async |manifests: &[Manifest]| {
        let response = harness.client.apply(manifests, true).await.unwrap();
        assert!(response.dry_run);
        response.items.iter().map(|item| item.outcome).collect::<Vec<_>>()
    };
    assert_eq!(
        outcomes(&[manifest("alice/db"), changed]).await,
        [Outcome::Created, Outcome::Configured]
    );
    assert_eq!(outcomes(&[manifest("alice/web")]).await, [Outcome::Unchanged]);
    let all = harness.client.list(&WorkspaceFilter::default()).await.unwrap().items;
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].workspace.generation, Generation(1));
}

#[tokio::test]
async fn a_body_is_json_of_known_fields_and_of_bounded_size() {
    let harness = Harness::start().await;
    let send = async |body: String, media: &str| {
        let request =
            harness.raw("POST", "/v1/workspaces").header("content-type", media).body(body);
        problem(request.send().await.unwrap()).await
    };
    let json = "application/json; charset=utf-8";
    let unknown = send(json!({"manifests": [], "dryrun": true}).to_string(), json).await;
    assert_eq!(unknown.kind, ProblemKind::BadRequest);
    assert!(unknown.detail.contains("unknown field `dryrun`"), "{}", unknown.detail);
    assert_eq!(send("{".to_owned(), json).await.kind, ProblemKind::BadRequest);
    assert_eq!(send(String::new(), json).await.kind, ProblemKind::BadRequest);
    let form = send("manifests=1".to_owned(), "application/x-www-form-urlencoded").await;
    assert_eq!(form.kind, ProblemKind::UnsupportedMediaType);
    assert_eq!(send(" ".repeat(5 << 20), json).await.kind, ProblemKind::TooLarge);
}

#[tokio::test]
async fn each_verb_asks_for_its_state_and_only_resume_insists() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let web = key("alice/web");
    let set = async |verb| {
        let applied = harness.client.set_state(&web, verb, None).await.unwrap();
        (applied.outcome, applied.workspace.unwrap().workspace.spec.desired_state())
    };
    assert_eq!(set(Verb::Stop).await, (Outcome::Configured, DesiredState::Stopped));
    assert_eq!(set(Verb::Stop).await, (Outcome::Unchanged, DesiredState::Stopped));
    assert_eq!(set(Verb::Pause).await, (Outcome::Configured, DesiredState::Paused));
    assert_eq!(set(Verb::Archive).await, (Outcome::Configured, DesiredState::Archived));
    assert_eq!(set(Verb::Start).await, (Outcome::Configured, DesiredState::Running));
    assert_eq!(set(Verb::Start).await, (Outcome::Unchanged, DesiredState::Running));
    assert_eq!(set(Verb::Resume).await, (Outcome::Configured, DesiredState::Running));
    // The body is optional.
    let bare = harness.raw("POST", "/v1/workspaces/alice/web/stop").send().await.unwrap();
    assert_eq!(bare.status(), 200);
}

#[tokio::test]
async fn a_change_of_an_old_version_is_a_conflict() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let web = key("alice/web");
    let seen = harness.client.get(&web).await.unwrap().workspace.resource_version;
    harness.client.set_state(&web, Verb::Stop, Some(seen)).await.unwrap();
    let late = refused(harness.client.set_state(&web, Verb::Start, Some(seen)).await);
    assert_eq!((late.kind, late.status), (ProblemKind::Conflict, 409));
    let path = format!("/v1/workspaces/alice/web?resourceVersion={seen}");
    let late = problem(harness.raw("DELETE", &path).send().await.unwrap()).await;
    assert_eq!(late.kind, ProblemKind::Conflict);
    assert_eq!(seen, ResourceVersion(1));
}

#[tokio::test]
async fn a_deletion_shows_at_once_and_takes_no_more_changes() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let web = key("alice/web");
    let applied = harness.client.delete(&web, true).await.unwrap();
    let workspace = applied.workspace.unwrap().workspace;
    assert_eq!(workspace.status.phase, Phase::Deleting);
    assert!(workspace.deletion.unwrap().volumes);
    let start = refused(harness.client.set_state(&web, Verb::Start, None).await);
    assert_eq!((start.kind, start.status), (ProblemKind::Deleting, 409));
    for dry_run in [true, false] {
        let apply = refused(harness.client.apply(&[manifest("alice/web")], dry_run).await);
        assert_eq!(apply.kind, ProblemKind::Deleting, "dry run: {dry_run}");
    }
    let missing = refused(harness.client.delete(&key("alice/db"), false).await);
    assert_eq!(missing.kind, ProblemKind::NotFound);
}

#[tokio::test]
async fn a_change_is_recorded_under_the_name_that_the_kernel_gives() {
    let harness = Harness::start().await;
    let me = Command::new("id").arg("-un").output().unwrap().stdout;
    let me = String::from_utf8(me).unwrap().trim().to_owned();
    let body = json!({"manifests": [manifest_json("alice/web")]});
    let request = harness.raw("POST", "/v1/workspaces").header("trueup-actor", "mallory");
    assert!(request.json(&body).send().await.unwrap().status().is_success());
    assert_eq!(harness.fake.last_actor(), Some(me));
    let stop = harness.raw_tcp("POST", "/v1/workspaces/alice/web/stop").send().await.unwrap();
    assert_eq!(stop.status(), 200);
    let actor = harness.fake.last_actor().unwrap();
    assert!(actor.starts_with("tcp:127.0.0.1:"), "{actor}");
}

#[tokio::test]
async fn a_sync_reaches_the_controller_with_its_cause() {
    let harness = Harness::start().await;
    for key in ["alice/db", "alice/web"] {
        harness.declare(key).await;
    }
    let path = "/v1/workspaces/alice/web/sync";
    let response = harness.raw("POST", path).header("traceparent", TRACEPARENT).send();
    assert_eq!(response.await.unwrap().status(), 202);
    let web = harness.client.get(&key("alice/web")).await.unwrap().workspace.id;
    let syncs: Vec<_> = harness.fake.syncs.lock().unwrap().drain(..).collect();
    let [(id, cause)] = syncs.as_slice() else { panic!("{syncs:?}") };
    assert_eq!(*id, web);
    assert_eq!(cause.kind, CauseKind::Sync);
    assert!(cause.actor.is_some());
    assert_eq!(cause.traceparent.as_deref(), Some(TRACEPARENT));
    assert_eq!(harness.client.sync(None).await.unwrap().requested, 2);
    assert_eq!(harness.fake.syncs.lock().unwrap().len(), 2);
    let missing = harness.client.sync(Some(&key("bob/x"))).await;
    assert_eq!(refused(missing).kind, ProblemKind::NotFound);
}

#[tokio::test]
async fn a_traced_change_ties_its_pass_to_the_trace() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let stop = async |traceparent: &str| {
        let request = harness.raw("POST", "/v1/workspaces/alice/web/stop");
        request.header("traceparent", traceparent).send().await.unwrap();
        harness.fake.syncs.lock().unwrap().drain(..).collect::<Vec<_>>()
    };
    let causes = stop(TRACEPARENT).await;
    assert_eq!(causes.len(), 1);
    assert_eq!(causes[0].1.kind, CauseKind::SpecChange);
    assert_eq!(causes[0].1.detail, "stop");
    assert_eq!(causes[0].1.traceparent.as_deref(), Some(TRACEPARENT));
    // Nothing changed this time, so there is no pass to tie.
    assert!(stop(TRACEPARENT).await.is_empty());
    harness.client.set_state(&key("alice/web"), Verb::Start, None).await.unwrap();
    assert!(stop("nonsense").await.is_empty());
}
