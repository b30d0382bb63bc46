//! Usage of one, of many, and over time.

use crate::harness::{Harness, key, problem, refused};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{sync::atomic::Ordering, time::Duration};
use trueup_api::{
    ProblemKind, UsageRange, WorkspaceFilter,
    domain::{
        status::{Phase, Status, WorkspaceStatus},
        usage::{Point, Source, Transfer, Usage},
    },
    wire::{SourceKind, UsageHistory, WorkspaceMetrics},
};
use trueup_domain::port::ErrorCount;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Figures that are all different.
pub(crate) fn usage() -> Usage {
    Usage {
        time: time("2026-11-22T09:59:57Z"),
        cpu_percent: Some(12.5),
        memory_usage: 100_000,
        memory_limit: 536_870_912,
        network: Transfer { inward: 1_500_000, outward: 250_000 },
        block: Transfer { inward: 4096, outward: 8192 },
        pids: 7,
        started_at: Some(time("2026-11-22T08:58:59.5Z")),
        last_activity: Some(time("2026-11-22T09:59:00Z")),
    }
}

impl Harness {
    /// Has a workspace run and use this.
    async fn running(&self, name: &str, usage: Usage) {
        let status =
            Status { status: WorkspaceStatus::Active, phase: Phase::Running, ..Status::default() };
        self.declare(name).await;
        self.fake.set_status(&key(name), status);
        let id = self.client.get(&key(name)).await.unwrap().workspace.id;
        self.fake.usage.lock().unwrap().insert(id, usage);
        self.fake.sources.lock().unwrap().insert(id, Source::ControlGroup);
    }

    async fn json(&self, path: &str) -> Value {
        let response = self.raw("GET", path).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }
}

#[tokio::test]
async fn a_workspace_is_shown_with_its_metrics_under_the_names_of_the_product() {
    let harness = Harness::start().await;
    harness.running("alice/web", usage()).await;
    let id = harness.client.get(&key("alice/web")).await.unwrap().workspace.id;
    let last = Some(time("2026-11-22T09:00:00Z"));
    harness.fake.errors.lock().unwrap().insert(id, ErrorCount { count: 3, last });
    let metrics = json!({
        "time": "2026-11-22T09:59:57Z",
        "cpu_percent": 12.5,
        "memory_usage": 100_000,
        "memory_limit": 536_870_912,
        "network_rx_mb": 1.5,
        "network_tx_mb": 0.25,
        "block_read_bytes": 4096,
        "block_write_bytes": 8192,
        "pids": 7,
        "uptime": 3660,
        "last_activity": "2026-11-22T09:59:00Z",
        "error_count": 3,
        "last_error_time": "2026-11-22T09:00:00Z",
        "source": {"kind": "control_group"},
    });
    let one = harness.json("/v1/workspaces/alice/web").await;
    assert_eq!(one["status"]["metrics"], metrics);
    assert_eq!(one["status"]["phase"], "Running", "the status is there beside them");
    let all = harness.json("/v1/workspaces").await;
    assert_eq!(all["items"][0], one);
    let view = harness.client.get(&key("alice/web")).await.unwrap();
    assert_eq!(serde_json::to_value(&view).unwrap(), one);
    assert_eq!(serde_json::from_value::<WorkspaceMetrics>(metrics).unwrap(), view.metrics);
}

#[tokio::test]
async fn figures_that_are_not_known_are_left_out() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let path = "/v1/workspaces/alice/web";
    assert_eq!(harness.json(path).await["status"]["metrics"], json!({"error_count": 0}));
    let first = Usage { cpu_percent: None, started_at: None, last_activity: None, ..usage() };
    harness.running("alice/web", first).await;
    let metrics = harness.json(path).await["status"]["metrics"].clone();
    for absent in ["cpu_percent", "uptime", "last_activity", "last_error_time"] {
        assert_eq!(metrics.get(absent), None, "{absent}");
    }
    assert_eq!(metrics["pids"], 7);
    let stopped = harness.raw("POST", "/v1/workspaces/alice/web/stop").send().await.unwrap();
    let stopped: Value = stopped.json().await.unwrap();
    let metrics = &stopped["workspace"]["status"]["metrics"];
    assert_eq!((metrics.get("error_count"), &metrics["pids"]), (None, &json!(7)));
}

#[tokio::test]
async fn the_errors_of_a_list_are_counted_once_for_all() {
    let harness = Harness::start().await;
    for name in ["alice/a", "alice/b", "alice/c"] {
        harness.declare(name).await;
    }
    for path in ["/v1/workspaces", "/v1/usage"] {
        let before = harness.fake.counts.load(Ordering::SeqCst);
        assert_eq!(harness.json(path).await["items"].as_array().unwrap().len(), 3);
        assert_eq!(harness.fake.counts.load(Ordering::SeqCst), before + 1, "{path}");
    }
}

#[tokio::test]
async fn a_workspace_of_an_older_server_can_still_be_read() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let mut old = harness.json("/v1/workspaces/alice/web").await;
    old["status"].as_object_mut().unwrap().remove("metrics");
    let view: trueup_api::wire::WorkspaceView = serde_json::from_value(old).unwrap();
    assert_eq!(view.metrics, WorkspaceMetrics::default());
}

#[tokio::test]
async fn a_selection_is_shown_each_and_together() {
    let harness = Harness::start().await;
    harness.running("alice/web", usage()).await;
    harness.running("bob/db", Usage { cpu_percent: Some(100.0), ..usage() }).await;
    harness.declare("bob/off").await;
    let all = harness.client.usage(&WorkspaceFilter::default()).await.unwrap();
    let names: Vec<_> = all.items.iter().map(|item| item.workspace.to_string()).collect();
    assert_eq!(names, ["alice/web", "bob/db", "bob/off"]);
    assert_eq!(all.items[1].metrics.cpu_percent, Some(100.0));
    assert_eq!(
        all.items[2].metrics,
        WorkspaceMetrics { error_count: Some(0), ..WorkspaceMetrics::default() }
    );
    assert_eq!(all.source.kind, SourceKind::EngineStats);
    assert_eq!(all.source.to_string(), "the engine's statistics, as the engine is on another host");
    let summary = json!({
        "total_workspaces": 3, "active_containers": 2, "total_cpu_usage": 112.5,
        "total_memory_usage": 200_000, "total_network_io_mb": 3.5,
        "last_updated": "2026-11-22T09:59:57Z",
    });
    assert_eq!(harness.json("/v1/usage").await["summary"], summary);
    let of = async |query: &str| {
        let list = harness.json(&format!("/v1/usage?{query}")).await;
        (list["items"].as_array().unwrap().len(), list["summary"]["total_cpu_usage"].clone())
    };
    assert_eq!(of("owner=bob").await, (2, json!(100.0)));
    assert_eq!(of("label=team=alice").await, (1, json!(12.5)));
    assert_eq!(of("phase=Running").await, (2, json!(112.5)));
    assert_eq!(of("owner=carol").await, (0, json!(0.0)));
}

#[tokio::test]
async fn usage_is_summed_up_by_owner_and_by_label() {
    let harness = Harness::start().await;
    harness.running("alice/web", usage()).await;
    harness.running("bob/db", usage()).await;
    harness.declare("bob/off").await;
    let all = WorkspaceFilter::default();
    let by = async |grouping: &str| {
        let answer = harness.client.usage_by(&all, grouping).await.unwrap();
        assert_eq!(answer.summary.total_workspaces, 3);
        let of = answer.groups.into_iter().map(|group| {
            (group.group, group.summary.total_workspaces, group.summary.active_containers)
        });
        of.collect::<Vec<_>>()
    };
    let both = vec![(Some("alice".to_owned()), 1, 1), (Some("bob".to_owned()), 2, 1)];
    assert_eq!(by("owner").await, both);
    assert_eq!(by("label:team").await, both);
    assert_eq!(by("label:tier").await, [(None, 3, 2)]);
    let bob = harness.json("/v1/usage?by=owner&owner=bob").await;
    assert_eq!(bob["groups"].as_array().unwrap().len(), 1);
    assert_eq!(bob["summary"]["total_workspaces"], 2);
}

fn point() -> Point {
    Point {
        time: time("2026-11-22T09:30:00Z"),
        cpu_percent: 10.0,
        cpu_percent_max: 20.0,
        memory_usage: 1,
        memory_usage_max: 2,
        network_rx_bytes: 3,
        network_tx_bytes: 4,
        block_read_bytes: 5,
        block_write_bytes: 6,
        pids_max: 7,
        samples: 8,
    }
}

#[tokio::test]
async fn a_history_is_of_the_range_that_is_asked_for() {
    let harness = Harness::start().await;
    harness.running("alice/web", usage()).await;
    *harness.fake.points.lock().unwrap() = vec![point()];
    let ask = async |query: &str| {
        let text = harness.json(&format!("/v1/workspaces/alice/web/usage?{query}")).await;
        let history: UsageHistory = serde_json::from_value(text).unwrap();
        let (_, range) = harness.fake.ranges.lock().unwrap().pop().unwrap();
        assert_eq!((history.since, history.until), (range.since, range.until));
        let seconds = |at: Timestamp| at.duration_since(time("2026-11-22T10:00:00Z")).as_secs();
        let asked = (seconds(range.since), seconds(range.until), range.step.as_secs());
        (asked, history.step.to_string())
    };
    assert_eq!(ask("").await, ((-3600, 0, 0), "0s".to_owned()));
    assert_eq!(ask("since=2h").await, ((-7200, 0, 0), "1m".to_owned()));
    assert_eq!(ask("since=2h&step=5m").await, ((-7200, 0, 300), "5m".to_owned()));
    assert_eq!(ask("since=10m&until=5m&step=30s").await, ((-600, -300, 30), "30s".to_owned()));
    let absolute = "since=2026-11-20T10:00:00Z&until=2026-11-21T10:00:00%2B00:00";
    assert_eq!(ask(absolute).await, ((-172_800, -86_400, 0), "15m".to_owned()));
    let range = UsageRange {
        since: Some("30m".to_owned()),
        until: Some("10m".to_owned()),
        step: Some(Duration::from_mins(2).into()),
    };
    let history = harness.client.usage_history(&key("alice/web"), &range).await.unwrap();
    assert_eq!(history.points, [point()]);
    assert_eq!(history.source.unwrap().kind, SourceKind::ControlGroup);
    let (id, range) = harness.fake.ranges.lock().unwrap().pop().unwrap();
    assert_eq!(id, harness.client.get(&key("alice/web")).await.unwrap().workspace.id);
    assert_eq!(range.until.duration_since(range.since).as_mins(), 20);
    assert_eq!(range.step, Duration::from_mins(2));
}

#[tokio::test]
async fn a_history_of_nobody_is_not_found() {
    let harness = Harness::start().await;
    let missing = harness.client.usage_history(&key("alice/web"), &UsageRange::default()).await;
    assert_eq!(refused(missing).kind, ProblemKind::NotFound);
    assert!(harness.fake.ranges.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_range_that_cannot_be_read_is_refused_and_named() {
    let harness = Harness::start().await;
    harness.declare("alice/web").await;
    let cases = [
        ("/v1/workspaces/alice/web/usage?since=noon", "parameter `since`: `noon`: write a time"),
        ("/v1/workspaces/alice/web/usage?step=1", "parameter `step`: `1`: write a period"),
        ("/v1/workspaces/alice/web/usage?since=1m&until=2m", "is not before `until`"),
        ("/v1/workspaces/alice/web/usage?since=0s", "is not before `until`"),
        ("/v1/workspaces/alice/web/usage?since=999999999h", "`since` is too far away"),
        ("/v1/workspaces/alice/web/usage?since=1m&since=2m", "more than once"),
        ("/v1/workspaces/alice/web/usage?every=1m", "unknown parameter `every`"),
        ("/v1/usage?by=phase", "parameter `by`: `phase`: write `owner` or `label:KEY`"),
        ("/v1/usage?color=red", "unknown parameter `color`"),
        ("/v1/usage?label=team", "`team` is not `key=value`"),
        ("/v1/usage/stream?phase=Running", "unknown parameter `phase`"),
        ("/v1/usage/stream?owner=A", "owner `A` has the character `A`"),
    ];
    for (path, words) in cases {
        let problem = problem(harness.raw("GET", path).send().await.unwrap()).await;
        assert_eq!(problem.kind, ProblemKind::BadRequest, "{path}");
        assert!(problem.detail.contains(words), "{path}: {}", problem.detail);
    }
}
