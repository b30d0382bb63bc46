//! A workspace to test with: it runs, it is ready, and something failed earlier.

use serde_json::{Value, json};
use trueup_api::wire::WorkspaceView;

/// That workspace, called so.
pub(crate) fn sample(owner: &str, name: &str) -> WorkspaceView {
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-11-22T10:01:00Z", "observedGeneration": 3,
        })
    };
    let id = format!("{:0>32}", owner.bytes().chain(name.bytes()).map(u64::from).sum::<u64>());
    serde_json::from_value(json!({
        "id": id,
        "metadata": {"name": name, "owner": owner, "labels": {"team": "payments"}},
        "spec": {
            "state": "running",
            "image": "debian:12",
            "command": ["sleep", "infinity"],
            "env": {"EDITOR": "vim", "SECRET": "hunter2"},
            "project": {"path": "/srv/projects/payments"},
            "volumes": [{"name": "home", "target": "/home/dev"}],
            "ports": [{"container": 8080, "host": 18080}, {"container": 53, "protocol": "udp"}],
            "health": {"command": ["test", "-f", "/tmp/ok"]},
        },
        "generation": 3,
        "resourceVersion": 17,
        "createdAt": "2026-11-22T10:00:00Z",
        "status": {
            "status": "active",
            "phase": "Running",
            "observedGeneration": 3,
            "conditions": [
                condition("Ready", "True", "Running", "The container runs."),
                condition("Synced", "True", "Synced", ""),
            ],
            "container": {
                "id": "4f".repeat(32),
                "name": "trueup-web",
                "state": "running",
                "image": "debian:12",
                "imageId": "sha256:1234",
                "startedAt": "2026-11-22T10:00:30Z",
                "oomKilled": false,
                "restartCount": 2,
                "health": "healthy",
                "ports": [
                    {"container": 8080, "protocol": "tcp", "address": "127.0.0.1", "host": 18080},
                    {"container": 53, "protocol": "udp", "address": "::1", "host": 32789},
                ],
            },
            "recovery": {"restarts": 3},
            "lastSyncAttempt": "2026-11-22T10:04:58Z",
            "syncAttempts": 12,
            "metrics": metrics(12.5),
        },
        "live": {"syncAttempts": 12, "queued": false, "running": false,
                 "nextWake": "2026-11-22T10:05:28Z"},
    }))
    .unwrap()
}

/// What it uses, with that share of a processor.
pub(crate) fn metrics(cpu_percent: f64) -> Value {
    json!({
        "time": "2026-11-22T10:04:57Z", "cpu_percent": cpu_percent,
        "memory_usage": 100 << 20, "memory_limit": 512 << 20,
        "network_rx_mb": 1.5, "network_tx_mb": 0.25,
        "block_read_bytes": 4096, "block_write_bytes": 12_345_678,
        "pids": 7, "uptime": 270, "last_activity": "2026-11-22T10:04:00Z",
        "error_count": 2, "last_error_time": "2026-11-22T10:03:00Z",
        "source": {"kind": "control_group"},
    })
}

/// Gives it a condition.
pub(crate) fn with_condition(
    view: &mut WorkspaceView,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
) {
    let condition = json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "lastTransitionTime": "2026-11-22T10:01:00Z", "observedGeneration": 3,
    });
    view.workspace.status.conditions.set(serde_json::from_value(condition).unwrap());
}
