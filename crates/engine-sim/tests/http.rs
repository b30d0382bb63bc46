//! The engine's own interface on a socket, asked by the barest of clients.

#![expect(clippy::unwrap_used, reason = "all of it is test code")]

use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
    time::timeout,
};
use trueup_domain::id::InstanceId;
use trueup_engine_sim::{
    CallFault, CallKind, Image, Latency, Pull, SimEngine, SimOptions, StreamFault,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// An engine that answers on a socket of its own.
struct Served {
    sim: SimEngine,
    socket: PathBuf,
    serving: JoinHandle<std::io::Result<()>>,
    _folder: TempDir,
}

impl Served {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("sim.sock");
        let options = SimOptions::new(1, InstanceId::new("one"));
        let sim = SimEngine::new(SimOptions { latency: Latency::none(), ..options });
        sim.model(|model| model.publish("debian:12", Image::new("debian"), Pull::Works(None)));
        let listener = UnixListener::bind(&socket).unwrap();
        let serving = tokio::spawn({
            let sim = sim.clone();
            async move { sim.serve(listener).await }
        });
        Self { sim, socket, serving, _folder: folder }
    }

    /// The status and the body, as text, however the connection ends; 0 without a head.
    async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
        let answer = String::from_utf8(answer).unwrap();
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) => (head[9..12].parse().unwrap(), body.to_owned()),
            None => (0, answer),
        }
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, &Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn get_text(&self, path: &str) -> String {
        self.ask("GET", path, &Value::Null).await.1
    }

    async fn post(&self, path: &str, body: Value) -> (u16, String) {
        self.ask("POST", path, &body).await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn body() -> Value {
    json!({
        "Image": "debian:12", "Cmd": ["sleep", "9"], "Env": ["A=b=c"], "Labels": {"x": "y"},
        "ExposedPorts": {"80/tcp": {}},
        "HostConfig": {
            "Memory": 67_108_864, "MemorySwap": 67_108_864, "NanoCpus": 500_000_000, "PidsLimit": 9,
            "CapDrop": ["ALL"], "CapAdd": ["CHOWN"], "Init": true, "NetworkMode": "bridge",
            "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]},
            "Mounts": [{"Type": "volume", "Source": "v", "Target": "/v"}],
        },
    })
}

#[tokio::test]
async fn a_container_lives_and_reads_back_as_it_was_asked_for() {
    let served = Served::new();
    let (status, pulled) = served.post("/images/create?fromImage=debian&tag=12", Value::Null).await;
    assert!(status == 200 && pulled.contains("Downloaded"), "{pulled}");
    for (method, path, body, expected) in [
        ("POST", "/v1.41/containers/create?name=a", body(), 201),
        ("POST", "/containers/create?name=a", body(), 409),
        ("POST", "/containers/a/start", Value::Null, 204),
        ("POST", "/containers/a/update", json!({"PidsLimit": 10}), 200),
    ] {
        let (status, answer) = served.ask(method, path, &body).await;
        assert_eq!(status, expected, "{path}: {answer}");
    }
    let seen = served.get("/v1.41/containers/a/json").await;
    assert_eq!(seen["State"]["Status"], "running");
    assert_eq!(seen["Config"]["Cmd"], json!(["sleep", "9"]));
    assert_eq!(seen["Config"]["Env"], json!(["A=b=c"]));
    let host = &seen["HostConfig"];
    assert_eq!(
        (host["Memory"].as_i64(), host["MemorySwap"].as_i64()),
        (Some(1 << 26), Some(1 << 26))
    );
    assert_eq!((host["PidsLimit"].as_i64(), &host["CapAdd"]), (Some(10), &json!(["CHOWN"])));
    assert_eq!(seen["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"], "8080");
    assert_ne!(seen["NetworkSettings"]["Networks"]["bridge"]["NetworkID"], "");
    let (status, _) = served.ask("DELETE", "/containers/a?force=true", &Value::Null).await;
    assert_eq!(status, 204);
    assert_eq!(served.ask("GET", "/containers/a/json", &Value::Null).await.0, 404);
    assert_eq!(served.get("/volumes/v").await["Name"], "v");
}

#[tokio::test]
async fn lists_are_filtered() {
    let served = Served::new();
    served.sim.model(|model| model.add_image("debian:12", Image::new("debian")));
    served.post("/containers/create?name=a", body()).await;
    let other = json!({"Image": "debian:12"});
    served.post("/containers/create?name=b", other).await;
    served.post("/networks/create", json!({"Name": "n", "Labels": {"x": "y"}})).await;
    let filtered = |path: &str| format!("{path}filters=%7B%22label%22%3A%5B%22x%3Dy%22%5D%7D");
    let rows = served.get(&filtered("/containers/json?all=1&")).await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["Names"]), (1, &json!(["/a"])));
    assert_eq!(served.get("/containers/json").await, json!([]), "none of them runs");
    let networks = served.get(&filtered("/networks?")).await;
    assert_eq!((networks.as_array().unwrap().len(), &networks[0]["Name"]), (1, &json!("n")));
}

#[tokio::test]
async fn what_happens_is_told_on_a_stream_that_a_cut_ends() {
    let served = Served::new();
    served.sim.model(|model| model.add_image("debian:12", Image::new("debian")));
    let told = served.get_text("/events?since=0");
    let work = async {
        served.post("/containers/create?name=a", body()).await;
        served.post("/containers/a/start", Value::Null).await;
        served.sim.suffer(trueup_engine_sim::EngineAct::CutStreams);
    };
    let (told, ()) = tokio::join!(told, work);
    let create = told.find(r#""Action":"create""#).unwrap();
    assert!(told[create..].contains(r#""Action":"start""#), "{told}");
}

#[tokio::test]
async fn an_event_is_lost_doubled_unreadable_or_the_last_as_its_fault_says() {
    let served = Served::new();
    served.sim.model(|model| model.add_image("debian:12", Image::new("debian")));
    served.sim.faults(|faults| {
        let faulty = [StreamFault::Lose, StreamFault::Duplicate, StreamFault::Unreadable];
        for fault in faulty {
            faults.next_event(fault);
        }
        faults.at_event(5, StreamFault::Cut);
    });
    let told = served.get_text("/events?since=0&filters=%7B%22type%22%3A%5B%22container%22%5D%7D");
    let work = async {
        served.post("/containers/create?name=a", body()).await;
        for verb in ["start", "pause", "unpause", "kill"] {
            assert_eq!(served.post(&format!("/containers/a/{verb}"), Value::Null).await.0, 204);
        }
    };
    let (told, ()) = tokio::join!(told, work);
    let times = |word: &str| told.matches(&format!(r#""Action":"{word}""#)).count();
    let counts = ["create", "start", "pause", "unpause", "kill", "die"].map(times);
    assert_eq!(counts, [0, 2, 0, 1, 1, 0], "{told}");
    assert!(told.contains(r#"{"Action": 7}"#), "{told}");
}

#[tokio::test]
async fn a_lost_answer_breaks_the_connection_and_the_deed_is_done() {
    let served = Served::new();
    served.sim.model(|model| model.add_image("debian:12", Image::new("debian")));
    served.sim.faults(|faults| faults.next(CallKind::Create, CallFault::DropAfter));
    let (_, answer) = served.post("/containers/create?name=a", body()).await;
    // A whole body in pieces would end with an empty one.
    assert!(!answer.contains("Id") && !answer.ends_with("0\r\n\r\n"), "{answer}");
    assert_eq!(served.sim.snapshot().containers.len(), 1);
}

#[tokio::test]
async fn it_says_what_it_is() {
    let served = Served::new();
    assert_eq!(served.ask("GET", "/_ping", &Value::Null).await, (200, "OK".to_owned()));
    assert_eq!(served.get("/version").await["ApiVersion"], "1.41");
    let time = served.get("/info").await["SystemTime"].as_str().unwrap().to_owned();
    assert!(time.starts_with("2026-01-01T00:00:0"), "{time}");
}
