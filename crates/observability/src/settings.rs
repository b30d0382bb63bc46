//! What the process may choose about its logs and traces.
//!
//! Plain data. [`crate::init`] checks it; nothing here reads the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Everything [`crate::init`] needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How a log line looks.
    pub log_format: LogFormat,
    /// Which log lines are written, in the syntax of
    /// [`tracing_subscriber::EnvFilter`]. Empty means `info`. The OpenTelemetry
    /// SDK's own messages are off unless the filter names them, since
    /// this crate reports lost spans itself.
    pub log_filter: String,
    /// Standard error if true, standard output if not.
    pub log_to_stderr: bool,
    /// Where spans go; `None` turns tracing off altogether.
    pub otlp: Option<Otlp>,
    /// `service.name` of the exported spans.
    pub service_name: String,
    /// `service.version` of the exported spans.
    pub service_version: String,
    /// `service.instance.id` of the exported spans: tells two controllers apart.
    pub instance_id: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person; coloured if the output is a terminal and `NO_COLOR` is unset.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// A collector that speaks OTLP over HTTP with protobuf bodies.
#[derive(Clone)]
pub struct Otlp {
    /// `http://host:4318`, to which `/v1/traces` is added, or the full URL.
    pub endpoint: String,
    /// The longest that one batch may take, retries included.
    pub timeout: Duration,
    /// The share of traces that is kept, from 0.0 to 1.0. A trace is kept or
    /// left out as a whole.
    pub sample_ratio: f64,
    /// Headers of each request, such as an API key.
    pub headers: BTreeMap<String, String>,
}

/// Shows the names of headers only: their values are often secrets.
impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Otlp")
            .field("endpoint", &self.endpoint)
            .field("timeout", &self.timeout)
            .field("sample_ratio", &self.sample_ratio)
            .field("headers", &self.headers.keys())
            .finish()
    }
}
