//! The metrics of a whole controller, asked for as a collector does. No engine is needed: a pass that
//! fails is counted like any other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;
use tokio::sync::oneshot;
use trueup_api::{Address, Client, domain::manifest};
use trueup_controller::Settings;

const PATIENCE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// Asks until the answer holds all of these.
async fn scrape(socket: &std::path::Path, wanted: &[&str]) -> String {
    let http = reqwest::Client::builder().unix_socket(socket).build().unwrap();
    let mut text = String::new();
    let asking = async {
        loop {
            if let Ok(answer) = http.get("http://localhost/metrics").send().await {
                text = answer.text().await.unwrap();
                if wanted.iter().all(|wanted| text.contains(wanted)) {
                    return;
                }
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, asking).await;
    assert!(in_time.is_ok(), "not there in time: {wanted:?} in\n{text}");
    text
}

#[tokio::test]
async fn the_queue_and_the_passes_are_told_by_the_names_that_dashboards_know() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = Settings::default();
    settings.engine.host = format!("unix://{}", folder.path().join("no-engine.sock").display());
    settings.store.path = folder.path().join("trueup.db");
    settings.api.socket = folder.path().join("trueup.sock");
    settings.log.filter = "off".to_owned();
    let socket = settings.api.socket.clone();
    let (stop, stopped) = oneshot::channel::<()>();
    let controller = tokio::spawn(trueup_controller::run(settings, async {
        let _ = stopped.await;
    }));

    let idle = scrape(&socket, &["workqueue_depth{name=\"workspaces\"} 0"]).await;
    assert!(idle.ends_with("# EOF\n"), "{idle}");
    let workspace = serde_json::json!({
        "apiVersion": "trueup/v1",
        "kind": "Workspace",
        "metadata": {"name": "w"},
        "spec": {"image": "debian:12"},
    });
    let client = Client::new(Address::Unix(socket.clone())).unwrap();
    client.apply(&[manifest::from_json(workspace).unwrap()], false).await.unwrap();
    scrape(
        &socket,
        &[
            "controller_runtime_reconcile_total{controller=\"workspaces\",result=\"error\"}",
            "controller_runtime_max_concurrent_reconciles{controller=\"workspaces\"} 32",
            "workqueue_retries_total{name=\"workspaces\"}",
            "workqueue_queue_duration_seconds_bucket",
        ],
    )
    .await;

    stop.send(()).unwrap();
    tokio::time::timeout(PATIENCE, controller).await.expect("no end").unwrap().unwrap();
}
