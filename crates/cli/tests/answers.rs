//! The real binary against a controller that gives fixed answers: how each answer ends a command.

#![expect(clippy::unwrap_used, reason = "all of this is test code, helpers included")]

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    process::{Command, Output, Stdio},
    thread,
};
use tempfile::TempDir;

/// Answers with the first row whose beginning the request line has; 404 when there is none.
type Answers = Vec<(&'static str, u16, Value)>;

/// Runs a command against those answers.
fn run(answers: Answers, line: &str) -> (i32, String, String) {
    let (_folder, mut command) = against(answers, line);
    let output: Output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A command against those answers, and the folder that its socket is in.
fn against(answers: Answers, line: &str) -> (TempDir, Command) {
    let folder: TempDir = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.sock");
    let listener = UnixListener::bind(&path).unwrap();
    // Ends with the process; every connection is answered to its end.
    thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&stream.unwrap(), &answers);
        }
    });
    let mut command = Command::new(env!("CARGO_BIN_EXE_trueup"));
    command
        .env_clear()
        .env("TRUEUP_HOST", format!("unix://{}", path.display()))
        .args(line.split_whitespace())
        .stdin(Stdio::null());
    (folder, command)
}

/// One request a connection, which HTTP allows.
fn answer(mut stream: &UnixStream, answers: &Answers) {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request).unwrap();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    reader.by_ref().take(length).read_to_end(&mut Vec::new()).unwrap();
    let found = answers.iter().find(|(beginning, ..)| request.starts_with(beginning));
    let (status, body) = found.map_or_else(
        || (404, problem("not-found", 404, "no such thing")),
        |(_, status, body)| (*status, body.clone()),
    );
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).unwrap();
}

fn problem(kind: &str, status: u16, detail: &str) -> Value {
    json!({
        "type": format!("urn:trueup:problem:{kind}"),
        "title": "T", "status": status, "detail": detail,
    })
}

fn workspace(owner: &str, phase: &str) -> Value {
    json!({
        "id": format!("{:0>32}", owner.len()),
        "metadata": {"name": "web", "owner": owner},
        "spec": {"image": "debian:12", "volumes": [{"name": "home", "target": "/home/dev"}]},
        "generation": 1, "resourceVersion": 1, "createdAt": "2026-11-22T10:00:00Z",
        "status": {"phase": phase, "observedGeneration": 1},
    })
}

fn applied(owner: &str, outcome: &str) -> Value {
    json!({
        "key": {"owner": owner, "name": "web"},
        "outcome": outcome,
        "workspace": workspace(owner, "Running"),
    })
}

const LIST: &str = "GET /v1/workspaces ";
const ALICE: &str = "GET /v1/workspaces/alice/web ";
const EVENTS: &str = "GET /v1/events";

fn no_events() -> Value {
    json!({"items": [], "next": 0})
}

#[test]
fn a_name_of_several_owners_is_2_and_names_them() {
    let list = json!({"items": [workspace("alice", "Running"), workspace("robert", "Running")]});
    let (code, out, err) = run(vec![(LIST, 200, list)], "stop web");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("alice/web, robert/web"), "{err}");
}

#[test]
fn what_is_not_there_is_4_after_what_is_there_was_shown() {
    let answers = vec![(ALICE, 200, workspace("alice", "Running"))];
    let (code, out, err) = run(answers, "get alice/web alice/db -o name");
    assert_eq!((code, out.as_str()), (4, "alice/web\n"));
    assert!(err.contains("no workspace alice/db"), "{err}");
}

#[test]
fn nothing_is_stopped_when_one_of_the_names_is_wrong() {
    let answers = vec![(ALICE, 200, workspace("alice", "Running"))];
    let (code, out, _) = run(answers, "stop alice/web alice/db");
    assert_eq!((code, out.as_str()), (4, ""));
}

#[test]
fn a_conflict_and_a_deletion_under_way_are_5() {
    for kind in ["conflict", "deleting"] {
        let answers = vec![
            (ALICE, 200, workspace("alice", "Running")),
            ("POST /v1/workspaces/alice/web/stop ", 409, problem(kind, 409, "someone was first")),
        ];
        let (code, _, err) = run(answers, "stop alice/web");
        assert_eq!((code, err.as_str()), (5, "error: someone was first\n"), "{kind}");
    }
}

#[test]
fn a_refused_apply_is_3_and_tells_each_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    let text = "{apiVersion: trueup/v1, kind: Workspace, metadata: {name: web}, spec: {image: a}}";
    std::fs::write(&file, text).unwrap();
    let mut refusal = problem("bad-manifest", 400, "nothing was applied");
    refusal["errors"] = json!([{"index": 0, "detail": "web: outside the roots"}]);
    let answers = vec![("POST /v1/workspaces ", 400, refusal)];
    let (code, out, err) = run(answers, &format!("apply -f {}", file.display()));
    assert_eq!((code, out.as_str()), (3, ""));
    assert_eq!(err, "error: nothing was applied\n  web: outside the roots\n");
}

#[test]
fn a_wait_that_ends_too_late_is_7_and_names_who_is_late() {
    let answers = vec![(ALICE, 200, workspace("alice", "Starting")), (EVENTS, 200, no_events())];
    let (code, out, err) = run(answers, "wait alice/web --timeout 1s");
    assert_eq!((code, out.as_str()), (7, ""));
    assert!(err.ends_with("error: after 1s still not ready: alice/web (Starting)\n"), "{err}");
}

#[test]
fn a_wait_that_ends_too_late_says_what_is_wrong_with_each() {
    let mut view = workspace("alice", "Pending");
    view["status"]["conditions"] = json!([{
        "type": "Degraded", "status": "True", "reason": "ImageNotFound",
        "message": "no such image: debian:0", "lastTransitionTime": "2026-11-22T10:00:00Z",
        "observedGeneration": 1,
    }]);
    let answers = vec![(ALICE, 200, view), (EVENTS, 200, no_events())];
    let (code, _, err) = run(answers, "wait alice/web --timeout 1s");
    assert_eq!(code, 7);
    let words = "not ready: alice/web (Pending): ImageNotFound: no such image: debian:0\n";
    assert!(err.ends_with(words), "{err}");
}

#[test]
fn a_wait_for_several_that_ends_too_late_has_a_line_for_each() {
    let (hers, his) = (workspace("alice", "Starting"), workspace("robert", "Pulling"));
    let answers = vec![
        (ALICE, 200, hers.clone()),
        ("GET /v1/workspaces/robert/web ", 200, his.clone()),
        (LIST, 200, json!({"items": [hers, his]})),
        (EVENTS, 200, no_events()),
    ];
    let (code, _, err) = run(answers, "wait alice/web robert/web --timeout 1s");
    assert_eq!(code, 7);
    let words = "still not ready:\n  alice/web (Starting)\n  robert/web (Pulling)\n";
    assert!(err.ends_with(words), "{err}");
}

#[test]
fn what_is_declared_paused_is_not_waited_for_to_be_ready() {
    let mut view = workspace("alice", "Paused");
    view["spec"]["state"] = json!("paused");
    let answers = vec![(ALICE, 200, view), (EVENTS, 200, no_events())];
    let (code, _, err) = run(answers, "wait alice/web");
    assert_eq!(code, 1);
    assert!(err.contains("declared paused; it will not become ready"), "{err}");
}

#[test]
fn an_interrupt_ends_the_wait_with_130_and_says_that_it_goes_on() {
    let answers = vec![(ALICE, 200, workspace("alice", "Starting")), (EVENTS, 200, no_events())];
    let (_folder, mut command) = against(answers, "wait alice/web");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut messages = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // By then it waits.
    messages.read_line(&mut line).unwrap();
    assert_eq!(line, "alice/web: Starting\n");
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    line.clear();
    messages.read_to_string(&mut line).unwrap();
    assert_eq!(line, "no longer waiting; the controller goes on with it\n");
}

#[test]
fn the_events_of_an_ambiguous_name_are_refused_and_of_a_forgotten_one_are_looked_for() {
    let both = json!({"items": [workspace("alice", "Running"), workspace("robert", "Running")]});
    let (code, _, err) = run(vec![(LIST, 200, both)], "events web");
    assert_eq!(code, 2);
    assert!(err.contains("alice/web, robert/web"), "{err}");
    let one = json!({"items": [workspace("alice", "Running")]});
    let hers = "GET /v1/events?owner=alice&name=web&last=50 ";
    let (code, out, err) = run(vec![(LIST, 200, one), (hers, 200, no_events())], "events web");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "no events of alice/web\n"));
    let event = json!({
        "id": 42, "workspaceId": "0".repeat(32), "workspace": {"owner": "alice", "name": "web"},
        "time": "2026-11-22T10:04:00Z", "type": "status_changed", "actor": "controller",
        "reason": "deleted", "message": "It is gone.",
    });
    let none = || (LIST, 200, json!({"items": []}));
    let past = ("GET /v1/events?name=web&last=50 ", 200, json!({"items": [event], "next": 42}));
    let (code, out, err) = run(vec![none(), past], "events web");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("alice/web"), "{out}");
    let (code, out, err) = run(vec![none(), (EVENTS, 200, no_events())], "events web");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "no events of web\n"));
}

#[test]
fn what_get_shows_as_manifests_is_taken_back_unchanged() {
    let mut full = workspace("alice", "Running");
    full["spec"] = json!({
        "state": "stopped", "image": "debian:12", "imagePullPolicy": "Never",
        "command": ["sh", "-c", "echo \"a: b\" # no comment\nsleep infinity\n", "-", "", "no"],
        "env": {"YES": "yes", "ZERO": "0755", "NULL": "null", "TEXT": "a\tb 'c' \u{e4}",
                "LONG": "word ".repeat(60), "FLOAT": "1.10", "SPACE": " x ", "TAG": "!a &b *c"},
        "workingDir": "/w", "user": "1000:1000",
        "project": {"path": "/srv/projects/a", "target": "/workspace", "readOnly": true},
        "volumes": [{"name": "home", "target": "/home/dev"}],
        "ports": [{"container": 53, "host": 1053, "protocol": "udp"}],
        "resources": {"cpus": 0.25, "memory": "100MB", "pids": 64},
        "health": {"command": ["test", "-f", "/ok"], "interval": "1m30s"},
        "isolation": "strict", "recovery": {"policy": "never"}, "onDrift": "report",
    });
    full["metadata"]["labels"] = json!({"team": "on", "n": "1"});
    let views = [full, workspace("robert", "Running")];
    let answers = vec![(LIST, 200, json!({"items": views}))];
    let (code, text, err) = run(answers, "get -o manifest");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(text.starts_with("apiVersion: trueup/v1\nkind: Workspace\nmetadata:\n"), "{text}");
    let manifests = trueup_api::domain::manifest::parse("get", &text);
    let manifests = manifests.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    assert_eq!(manifests.len(), 2);
    for (manifest, view) in manifests.into_iter().zip(views) {
        let parts = json!({
            "apiVersion": "trueup/v1", "kind": "Workspace",
            "metadata": view["metadata"], "spec": view["spec"],
        });
        assert_eq!(manifest, trueup_api::domain::manifest::from_json(parts).unwrap());
    }
}

#[test]
fn each_item_of_a_list_says_what_it_is() {
    let answers = || vec![(LIST, 200, json!({"items": [workspace("alice", "Running")]}))];
    let (_, out, _) = run(answers(), "get -o json");
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list["items"][0]["kind"], "Workspace");
    assert_eq!(list["items"][0]["metadata"]["name"], "web");
    let (_, out, _) = run(answers(), "get -o yaml");
    assert!(out.contains("- apiVersion: trueup/v1\n"), "{out}");
    let (_, out, err) = run(vec![(LIST, 200, json!({"items": []}))], "get -o manifest");
    assert_eq!((out.as_str(), err.as_str()), ("", "no workspaces\n"));
}

#[test]
fn a_deletion_waits_for_its_end_and_says_what_was_kept() {
    // Found by the list, and gone when it is looked at by itself.
    let answers = vec![
        (LIST, 200, json!({"items": [workspace("alice", "Running")]})),
        ("DELETE /v1/workspaces/alice/web?volumes=false ", 202, applied("alice", "configured")),
        (EVENTS, 200, no_events()),
    ];
    let (code, out, err) = run(answers, "delete web");
    assert_eq!((code, out.as_str()), (0, "alice/web deleted\n"), "{err}");
    assert!(err.contains("alice/web: kept volumes trueup-web-"), "{err}");
    let command = err.lines().last().unwrap().split_once(": ").unwrap().1;
    assert!(command.starts_with("docker volume rm trueup-web-"), "{err}");
    assert!(command.ends_with("-home"), "{err}");
}

#[test]
fn an_empty_list_is_data_for_programs_and_a_remark_for_people() {
    let answers = || vec![(LIST, 200, json!({"items": []}))];
    let (code, out, err) = run(answers(), "get");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", "no workspaces\n"));
    let (_, out, _) = run(answers(), "get -o json");
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list, json!({"apiVersion": "trueup/v1", "kind": "WorkspaceList", "items": []}));
    let (_, out, _) = run(answers(), "get -o yaml");
    assert_eq!(out, "apiVersion: trueup/v1\nkind: WorkspaceList\nitems: []\n");
}

#[test]
fn an_answer_of_someone_else_is_1() {
    let (code, _, err) = run(vec![(LIST, 200, json!("hello"))], "get");
    assert_eq!(code, 1);
    assert!(err.contains("an answer that cannot be read (status 200)"), "{err}");
}

fn orphan(kind: &str, id: &str, fate: &str) -> Value {
    json!({
        "kind": kind, "id": id, "name": format!("trueup-{id}"), "owner": "alice",
        "workspaceName": "gone", "workspace": "0".repeat(32), "inUse": false,
        "createdAt": "2026-11-22T10:00:00Z", "reason": "noWorkspace", "fate": fate,
    })
}

#[test]
fn orphans_are_a_table_for_people_and_what_is_missing_stands_below() {
    let missing = json!({
        "workspace": {"owner": "alice", "name": "web"}, "workspaceId": "0".repeat(32),
        "phase": "Creating", "kind": "container", "name": "trueup-web",
    });
    let report = json!({
        "orphans": [orphan("container", "c1", "deletable"), orphan("volume", "v1", "onlyWithVolumes")],
        "missing": [missing],
    });
    let answers = || vec![("GET /v1/orphans ", 200, report.clone())];
    let (code, out, err) = run(answers(), "orphans");
    assert_eq!(code, 0, "{err}");
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].starts_with("KIND"), "{out}");
    assert!(lines[1].starts_with("container  trueup-c1  alice/gone"), "{out}");
    assert!(lines[1].ends_with("its workspace does not exist  goes with --delete"), "{out}");
    assert!(lines[2].ends_with("goes with --delete --volumes"), "{out}");
    assert!(lines[4].starts_with("container  trueup-web  alice/web  Creating"), "{out}");
    assert!(err.starts_with("missing on the engine"), "{err}");
    let (_, out, err) = run(answers(), "orphans -o json");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), report);
    assert_eq!(err, "");
}

#[test]
fn no_orphans_are_a_remark_for_people_and_data_for_programs() {
    let none = || vec![("GET /v1/orphans ", 200, json!({"orphans": [], "missing": []}))];
    assert_eq!(run(none(), "orphans"), (0, String::new(), "no orphans\n".to_owned()));
    let (_, out, _) = run(none(), "orphans -o json");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report, json!({"orphans": [], "missing": []}));
}

#[test]
fn deleting_orphans_says_what_went_and_what_was_kept_and_fails_when_one_could_not_be_deleted() {
    let mut kept = orphan("volume", "v1", "onlyWithVolumes");
    kept["why"] = json!("goes with --delete --volumes");
    let mut failed = orphan("network", "n1", "deletable");
    failed["why"] = json!("remove network: it is stuck");
    let answer = |failed: Value| {
        let deleted = [orphan("container", "c1", "deletable")];
        let body = json!({"deleted": deleted, "kept": [kept], "failed": failed});
        vec![("POST /v1/orphans/delete ", 200, body)]
    };
    let (code, out, err) = run(answer(json!([])), "orphans --delete");
    assert_eq!((code, out.as_str()), (0, "container trueup-c1 deleted\n"));
    assert_eq!(err, "volume trueup-v1 kept: it goes with --delete --volumes\n");
    let (code, out, err) = run(answer(json!([failed])), "orphans --delete --volumes");
    assert_eq!((code, out.as_str()), (1, "container trueup-c1 deleted\n"));
    assert!(err.contains("network trueup-n1 failed: remove network: it is stuck\n"), "{err}");
    assert!(err.ends_with("error: 1 of them could not be deleted\n"), "{err}");
}

#[test]
fn volumes_without_a_deletion_and_an_owner_who_sees_only_his() {
    let (code, _, err) = run(vec![], "orphans --volumes");
    assert_eq!(code, 2, "{err}");
    let his = ("GET /v1/orphans?owner=robert ", 200, json!({"orphans": [], "missing": []}));
    assert_eq!(run(vec![his], "orphans --owner robert").0, 0);
}

fn adopted(outcome: &str, dry_run: bool) -> Value {
    json!({
        "dryRun": dry_run, "key": {"owner": "alice", "name": "web"}, "outcome": outcome,
        "container": "0123456789abcdef", "spec": {"image": "debian:12"},
        "leftAlone": [{"field": "restart", "why": "the engine itself starts it again"}],
    })
}

#[test]
fn an_adoption_says_what_was_adopted_and_what_was_left_alone() {
    let answers = |outcome| vec![("POST /v1/adopt ", 200, adopted(outcome, false))];
    let (code, out, err) = run(answers("created"), "adopt web --owner alice");
    assert_eq!((code, out.as_str()), (0, "alice/web has adopted the container 0123456789ab\n"));
    assert!(err.ends_with("  restart: the engine itself starts it again\n"), "{err}");
    let (code, out, _) = run(answers("unchanged"), "adopt web --owner alice");
    assert_eq!((code, out.as_str()), (0, "alice/web had adopted the container 0123456789ab\n"));
    let (_, out, err) = run(answers("created"), "adopt web -o json");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["leftAlone"][0]["field"], "restart");
    assert_eq!(err, "");
}

#[test]
fn a_dry_adoption_shows_a_manifest_that_can_be_applied() {
    let answers = vec![("POST /v1/adopt ", 200, adopted("created", true))];
    let (code, out, _) = run(answers, "adopt web --dry-run");
    assert_eq!(code, 0);
    let manifests = trueup_api::domain::manifest::parse("adopt", &out);
    let manifests = manifests.unwrap_or_else(|errors| panic!("{errors}\n{out}"));
    assert_eq!(manifests[0].key().to_string(), "alice/web");
}

#[test]
fn a_container_that_may_not_be_adopted_is_1_one_that_is_not_there_4_and_one_that_is_taken_5() {
    for (kind, status, code) in
        [("not-adoptable", 409, 1), ("not-found", 404, 4), ("conflict", 409, 5)]
    {
        let answers = vec![("POST /v1/adopt ", status, problem(kind, status, "it is privileged"))];
        let (is, out, err) = run(answers, "adopt web");
        assert_eq!(
            (is, out.as_str(), err.as_str()),
            (code, "", "error: it is privileged\n"),
            "{kind}"
        );
    }
}

/// What a workspace uses, as `GET /v1/usage` tells.
fn uses(name: &str, cpu: f64) -> Value {
    json!({
        "workspaceId": format!("{:0>32}", name.len()),
        "workspace": {"owner": "alice", "name": name}, "status": "active", "phase": "Running",
        "metrics": {"cpu_percent": cpu, "memory_usage": 104_857_600, "pids": 7},
    })
}

fn usage_list() -> Value {
    json!({
        "items": [uses("db", 0.5), uses("web", 150.0)],
        "summary": {"total_workspaces": 2, "active_containers": 2, "total_cpu_usage": 150.5,
                    "total_memory_usage": 209_715_200, "total_network_io_mb": 1.5},
        "source": {"kind": "engine_stats", "why": "the engine is on another host"},
    })
}

#[test]
fn top_without_a_terminal_is_a_table_with_the_busiest_first() {
    let answers = vec![("GET /v1/usage?label=team%3Dpay&owner=alice ", 200, usage_list())];
    let (code, out, err) = run(answers, "top --owner alice -l team=pay");
    assert_eq!(code, 0, "{err}");
    let names: Vec<_> = out.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["NAME", "web", "db"]);
    assert!(!out.contains('\u{1b}'), "{out}");
    assert_eq!(
        err,
        "figures come from the engine's statistics, as the engine is on another host\n"
    );
}

#[test]
fn top_as_json_is_the_controllers_answer_in_the_order_that_was_asked_for() {
    let answers = || vec![("GET /v1/usage ", 200, usage_list())];
    let (code, out, _) = run(answers(), "top -o json --sort name");
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &list), (0, &usage_list()));
    let (_, out, _) = run(answers(), "top -o json");
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list["items"][0]["workspace"]["name"], "web");
}

fn history() -> Value {
    let point = |time: &str, cpu: f64| {
        json!({
            "time": time, "cpu_percent": cpu, "cpu_percent_max": 2.0 * cpu,
            "memory_usage": 1, "memory_usage_max": 1, "network_rx_bytes": 0,
            "network_tx_bytes": 0, "block_read_bytes": 0, "block_write_bytes": 0,
            "pids_max": 1, "samples": 1,
        })
    };
    json!({
        "points": [point("2026-11-22T10:00:00Z", 10.0), point("2026-11-22T10:30:00Z", 20.0)],
        "step": "1m", "since": "2026-11-22T10:00:00Z", "until": "2026-11-22T11:00:00Z",
    })
}

#[test]
fn usage_over_time_is_asked_for_as_it_is_shown() {
    let ask = |query: &'static str| {
        vec![(ALICE, 200, workspace("alice", "Running")), (query, 200, history())]
    };
    // 36 bars for an hour are of 100 seconds.
    let hour = ask("GET /v1/workspaces/alice/web/usage?since=1h&step=1m40s ");
    let (code, out, err) = run(hour, "usage alice/web");
    assert_eq!(code, 0, "{err}");
    assert!(out.starts_with("alice/web, 2026-11-22T10:00:00Z to 2026-11-22T11:00:00Z\n"), "{out}");
    assert!(out.contains("CPU%") && out.contains("40.0"), "{out}");
    let range = ask("GET /v1/workspaces/alice/web/usage?since=2h&until=30m&step=5m ");
    let (code, out, err) = run(range, "usage alice/web --since 2h --until 30m --step 5m -o json");
    assert_eq!(code, 0, "{err}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap(), history());
    let (code, _, err) = run(ask("GET /nowhere"), "usage alice/db");
    assert_eq!((code, err.as_str()), (4, "error: no workspace alice/db\n"));
}

#[test]
fn usage_of_all_is_summed_up_and_by_group_where_that_is_asked_for() {
    let (code, out, _) = run(vec![("GET /v1/usage ", 200, usage_list())], "usage");
    assert_eq!(code, 0);
    assert!(out.starts_with("Workspaces:  2, 2 of them run\nCPU:         150.5%\n"), "{out}");
    let list = usage_list();
    let groups = json!({
        "groups": [{"group": "pay", "summary": list["summary"]}],
        "summary": list["summary"], "source": list["source"],
    });
    let answers = vec![("GET /v1/usage?by=label%3Ateam ", 200, groups)];
    let (code, out, _) = run(answers, "usage --by label:team");
    assert_eq!(code, 0);
    let rows: Vec<_> = out.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(rows, ["team", "pay"]);
}

#[test]
fn a_doctor_says_what_is_bad_and_where_figures_come_from() {
    let version = json!({"version": "9.9.9", "instanceId": "test",
                         "startedAt": "2026-11-22T10:00:00Z"});
    let list = usage_list();
    let groups = json!({"groups": [], "summary": list["summary"], "source": list["source"]});
    let answers = |engine: Value| {
        let (ok, store) = (engine["ok"].clone(), json!({"name": "store", "ok": true}));
        vec![
            ("GET /v1/version ", 200, version.clone()),
            ("GET /readyz ", 200, json!({"ok": ok, "checks": [store, engine]})),
            ("GET /v1/usage?by=owner ", 200, groups.clone()),
        ]
    };
    let (code, out, err) = run(answers(json!({"name": "engine", "ok": true})), "doctor");
    assert_eq!((code, err.as_str()), (0, ""));
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].starts_with("server   ok    9.9.9 (instance test) at unix:///"), "{out}");
    assert_eq!(lines[1..3], ["store    ok", "engine   ok"]);
    let words = "figures come from the engine's statistics, as the engine is on another host";
    assert_eq!(lines[3], format!("usage    note  {words}"));
    let ill = json!({"name": "engine", "ok": false, "message": "no such socket"});
    let (code, out, err) = run(answers(ill.clone()), "doctor");
    assert_eq!((code, err.as_str()), (1, "error: not well: engine\n"));
    assert!(out.contains("\nengine   bad   no such socket\n"), "{out}");
    let (code, out, _) = run(answers(ill), "doctor -o json");
    let found: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &found["findings"][2]["state"]), (1, &json!("bad")));
}
