//! What the tests of this crate share: settings and a place for log lines.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part of this")]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;
use trueup_observability::{LogFormat, Otlp, Settings};

/// Far more than a loaded machine needs; a test that reaches it has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// JSON lines at `info`, and no traces.
pub fn settings() -> Settings {
    Settings {
        log_format: LogFormat::Json,
        log_filter: "info".into(),
        log_to_stderr: true,
        otlp: None,
        service_name: "trueup".into(),
        service_version: "1.2.3".into(),
        instance_id: "here".into(),
    }
}

/// The same, with every trace sent to `endpoint`.
pub fn settings_with(endpoint: impl Into<String>) -> Settings {
    let otlp = Otlp {
        endpoint: endpoint.into(),
        timeout: Duration::from_secs(10),
        sample_ratio: 1.0,
        headers: BTreeMap::new(),
    };
    Settings { otlp: Some(otlp), ..settings() }
}

/// Keeps what is written to it.
#[derive(Clone, Debug, Default)]
pub struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Every line, parsed; panics at one that is not a JSON object.
    pub fn objects(&self) -> Vec<Value> {
        let parse = |line: &str| -> Value {
            let object: Value = serde_json::from_str(line).expect(line);
            assert!(object.is_object(), "{line}");
            object
        };
        self.text().lines().map(parse).collect()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}

/// The names of this process's threads, cut to 15 bytes by Linux.
pub fn threads() -> Vec<String> {
    let names = std::fs::read_dir("/proc/self/task").unwrap().map(|task| {
        let comm = task.unwrap().path().join("comm");
        // A thread may end between the listing and the reading.
        std::fs::read_to_string(comm).unwrap_or_default().trim().to_owned()
    });
    names.filter(|name| !name.is_empty()).collect()
}

/// How many sockets this process has open.
pub fn sockets() -> usize {
    let targets = std::fs::read_dir("/proc/self/fd")
        .unwrap()
        .filter_map(|fd| std::fs::read_link(fd.unwrap().path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}
