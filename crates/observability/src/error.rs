//! The errors of this crate.
//!
//! They reach a person who edits a configuration, so each says what is wrong
//! and, where a value was wrong, shows a right one. Header values and passwords
//! never appear in them.

use std::time::Duration;

use opentelemetry_otlp::ExporterBuildError;
use opentelemetry_sdk::error::OTelSdkError;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::util::TryInitError;

use crate::endpoint::EXAMPLE;

/// Why logs or traces could not be set up, used or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log filter does not parse.
    #[error("the log filter {filter:?} is not valid; a valid one is \"info,trueup=debug\"")]
    LogFilter {
        /// The filter as configured.
        filter: String,
        /// What the parser said.
        #[source]
        source: ParseError,
    },
    /// The OTLP endpoint cannot be used.
    #[error("the OTLP endpoint {endpoint:?} {reason}; a valid one is {EXAMPLE}")]
    Endpoint {
        /// The endpoint as configured, without a password.
        endpoint: String,
        /// What is wrong with it.
        reason: &'static str,
        /// What the URI parser said, if it was the one to refuse.
        #[source]
        source: Option<http::uri::InvalidUri>,
    },
    /// The sample ratio is not a share.
    #[error("the OTLP sample ratio {ratio} is not between 0.0 and 1.0; 1.0 keeps every trace")]
    SampleRatio {
        /// The ratio as configured.
        ratio: f64,
    },
    /// The export timeout is zero, so that no export could succeed.
    #[error("the OTLP timeout is zero; a usual one is 10s")]
    Timeout,
    /// A header cannot be sent.
    #[error("the OTLP header {name:?} has a name or a value that HTTP does not allow")]
    Header {
        /// The header's name. Its value is withheld: it may be a secret.
        name: String,
    },
    /// The exporter refused its configuration or could not start.
    #[error("could not build the OTLP exporter")]
    Exporter(#[source] ExporterBuildError),
    /// A subscriber is already installed in this process.
    #[error("could not install the log and trace subscriber")]
    Install(#[source] TryInitError),
    /// The thread that ends the exporter could not be started.
    #[error("could not start the thread that flushes the last spans")]
    FlushThread(#[source] std::io::Error),
    /// The last spans were not delivered in time.
    #[error("could not flush the last spans within {deadline:?}")]
    Flush {
        /// The deadline that was given.
        deadline: Duration,
        /// What the exporter said, if it said anything before the deadline.
        #[source]
        source: Option<OTelSdkError>,
    },
    /// A recorded span context does not parse.
    #[error("{traceparent:?} is not a W3C traceparent")]
    Traceparent {
        /// The string as given.
        traceparent: String,
    },
}
