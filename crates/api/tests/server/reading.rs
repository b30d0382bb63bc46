//! Reading: health, versions, workspaces, passes.

use crate::harness::{Harness, key, problem, refused};
use serde_json::json;
use std::sync::atomic::Ordering;
use trueup_api::{
    ProblemKind, WorkspaceFilter,
    domain::{
        id::Generation,
        status::{Phase, Status},
    },
    wire::LiveView,
};

#[tokio::test]
async fn a_controller_in_good_health_says_so() {
    let harness = Harness::start().await;
    assert!(harness.client.health().await.unwrap().ok);
    let ready = harness.client.readiness().await.unwrap();
    assert!(ready.ok);
    assert_eq!(ready.checks.len(), 2);
    assert_eq!(harness.client.version().await.unwrap().version, "9.9.9");
}

#[tokio::test]
async fn readiness_names_what_is_wrong_while_the_process_is_alive() {
    let harness = Harness::start().await;
    harness.fake.broken.store(true, Ordering::SeqCst);
    harness.fake.engine_lost.store(true, Ordering::SeqCst);
    let ready = harness.client.readiness().await.unwrap();
    assert!(!ready.ok);
    let found: Vec<_> =
        ready.checks.iter().map(|c| (c.name.as_str(), c.ok, c.message.as_str())).collect();
    assert_eq!(
        found,
        [
            ("store", false, "reading failed in the store: disk on fire"),
            ("engine", false, "no such socket")
        ]
    );
    assert_eq!(harness.raw("GET", "/readyz").send().await.unwrap().status(), 503);
    assert!(harness.client.health().await.unwrap().ok);
}

#[tokio::test]
async fn a_store_that_can_be_read_but_not_written_is_not_ready() {
    let harness = Harness::start().await;
    *harness.fake.ill.lock().unwrap() = Some("the disk is full".to_owned());
    let ready = harness.client.readiness().await.unwrap();
    assert!(!ready.ok);
    assert_eq!(ready.checks[0].message, "the disk is full");
    *harness.fake.ill.lock().unwrap() = None;
    assert!(harness.client.readiness().await.unwrap().ok);
}

#[tokio::test]
async fn metrics_are_handed_on_as_they_are_under_the_media_type_of_their_format() {
    let harness = Harness::start().await;
    let text = "# TYPE passes counter\npasses_total 3\n# EOF\n";
    *harness.fake.metrics.lock().unwrap() = Some(text);
    for request in [harness.raw("GET", "/metrics"), harness.raw_tcp("GET", "/metrics")] {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        let media_type = &response.headers()["content-type"];
        assert_eq!(media_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        assert_eq!(response.text().await.unwrap(), text);
    }
    let refused = harness.raw("GET", "/metrics?name=passes").send().await.unwrap();
    assert_eq!(problem(refused).await.kind, ProblemKind::BadRequest);
}

#[tokio::test]
async fn metrics_that_cannot_be_written_down_are_no_success() {
    let harness = Harness::start().await;
    let response = harness.raw("GET", "/metrics").send().await.unwrap();
    assert_eq!(problem(response).await.status, 500);
}

#[tokio::test]
async fn trouble_in_the_store_is_unavailable_and_says_why() {
    let harness = Harness::start().await;
    harness.fake.broken.store(true, Ordering::SeqCst);
    let response = harness.raw("GET", "/v1/workspaces").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "1");
    let problem = problem(response).await;
    assert_eq!(problem.kind, ProblemKind::Unavailable);
    assert_eq!(problem.detail, "reading failed in the store: disk on fire");
}

#[tokio::test]
async fn a_list_is_narrowed_by_owner_labels_and_phase() {
    let harness = Harness::start().await;
    for key in ["alice/db", "alice/web", "bob/web"] {
        harness.declare(key).await;
    }
    let running = Status { phase: Phase::Running, ..Status::default() };
    harness.fake.set_status(&key("bob/web"), running);
    let names = async |query: &str| {
        let path = format!("/v1/workspaces{query}");
        let list: serde_json::Value =
            harness.raw("GET", &path).send().await.unwrap().json().await.unwrap();
        let items = list["items"].as_array().unwrap().clone();
        let name = |item: &serde_json::Value| {
            format!(
                "{}/{}",
                item["metadata"]["owner"].as_str().unwrap(),
                item["metadata"]["name"].as_str().unwrap()
            )
        };
        items.iter().map(name).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["alice/db", "alice/web", "bob/web"]);
    assert_eq!(names("?owner=alice").await, ["alice/db", "alice/web"]);
    assert_eq!(names("?label=team=bob").await, ["bob/web"]);
    assert_eq!(names("?label=team%3Dbob&label=team=alice").await, [""; 0]);
    assert_eq!(names("?phase=Running").await, ["bob/web"]);
    let filter = WorkspaceFilter {
        owner: Some("alice".parse().unwrap()),
        labels: vec![("team".to_owned(), "alice".to_owned())],
    };
    assert_eq!(harness.client.list(&filter).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_and_named() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let cases = [
        ("/v1/workspaces?color=red", "unknown parameter `color`"),
        ("/v1/workspaces?owner=a&owner=b", "parameter `owner` is given more than once"),
        ("/v1/workspaces?owner=A", "owner `A` has the character `A`"),
        ("/v1/workspaces?label=team", "`team` is not `key=value`"),
        ("/v1/workspaces?phase=Sleeping", "unknown variant `Sleeping`"),
        ("/v1/workspaces/alice/Web", "name `Web` has the character `W`"),
        ("/v1/workspaces/alice/web?verbose=1", "unknown parameter `verbose`"),
        ("/v1/workspaces/alice/web/passes?limit=many", "parameter `limit`: `many`"),
        ("/v1/events?wait=61", "`wait` is 60 at most"),
        ("/v1/events?last=1&after=2", "unknown parameter `after`"),
        ("/healthz?x", "unknown parameter `x`"),
    ];
    for (path, words) in cases {
        let problem = problem(harness.raw("GET", path).send().await.unwrap()).await;
        assert_eq!(problem.kind, ProblemKind::BadRequest, "{path}");
        assert!(problem.detail.contains(words), "{path}: {}", problem.detail);
    }
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems_too() {
    let harness = Harness::start().await;
    let response = harness.raw("GET", "/v2/workspaces").send().await.unwrap();
    assert_eq!(problem(response).await.kind, ProblemKind::NotFound);
    let response = harness.raw("PUT", "/v1/workspaces").send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET,HEAD,POST");
    assert_eq!(problem(response).await.kind, ProblemKind::MethodNotAllowed);
    let response = harness.raw("POST", "/v1/workspaces/alice/web/explode").send().await.unwrap();
    assert_eq!(problem(response).await.kind, ProblemKind::NotFound);
}

#[tokio::test]
async fn a_workspace_is_shown_with_what_the_controller_knows_of_it() {
    let harness = Harness::start().await;
    assert_eq!(refused(harness.client.get(&key("alice/web")).await).kind, ProblemKind::NotFound);
    assert_eq!(harness.client.find(&key("alice/web")).await.unwrap(), None);
    harness.declare("alice/web").await;
    assert_eq!(harness.client.get(&key("alice/web")).await.unwrap().live, None);
    let live = LiveView {
        last_sync_attempt: Some("2026-11-22T10:00:05Z".parse().unwrap()),
        sync_attempts: 7,
        queued: true,
        running: false,
        next_wake: None,
    };
    *harness.fake.live.lock().unwrap() = Some(live.clone());
    let view = harness.client.get(&key("alice/web")).await.unwrap();
    assert_eq!(view.workspace.status.sync_attempts, 7);
    assert_eq!(view.workspace.status.last_sync_attempt, live.last_sync_attempt);
    assert_eq!(view.live, Some(live));
}

#[tokio::test]
async fn passes_come_as_many_as_are_asked_for() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let pass = json!({
        "generation": 1, "startedAt": "2026-11-22T10:00:00Z", "durationMs": 12,
        "causes": [{"kind": "start"}], "why": "all is well", "attempts": [],
    });
    *harness.fake.passes.lock().unwrap() = vec![serde_json::from_value(pass).unwrap(); 20];
    let passes = harness.client.passes(&key("alice/web"), 3).await.unwrap().items;
    assert_eq!(passes.len(), 3);
    assert_eq!(passes[0].generation, Generation(1));
    let missing = harness.client.passes(&key("alice/db"), 3).await;
    assert_eq!(refused(missing).kind, ProblemKind::NotFound);
}
