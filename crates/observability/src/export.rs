//! From ended spans to the collector.
//!
//! Invariant: everything here that can wait runs on the SDK's batch thread, and
//! waits at most the configured timeout for each batch.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    Protocol, RetryPolicy, SpanExporter as OtlpExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tokio::time::Instant;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::complaint::{Complaint, Remark};
use crate::endpoint::Endpoint;
use crate::queue::{BoundedProcessor, Depth};
use crate::{Error, Otlp, Settings};

/// The most spans that wait for the export thread: a few megabytes.
pub(crate) const QUEUE_BOUND: usize = 2_048;
/// The most spans in one request.
const BATCH: usize = 512;
/// The longest that a span waits for its batch to fill.
const DELAY: Duration = Duration::from_secs(1);

/// What an export itself is made of. Tracing it would make each export the cause
/// of the next. Prefixes: `hyper` covers `hyper_util`, and so on.
const EXPORT_TARGETS: [&str; 5] = ["h2", "hyper", "opentelemetry", "reqwest", "tonic"];

/// Starts the export thread; `None` if no collector is configured.
pub(crate) fn provider(settings: &Settings) -> Result<Option<SdkTracerProvider>, Error> {
    let Some(otlp) = &settings.otlp else {
        return Ok(None);
    };
    let endpoint = Endpoint::parse(&otlp.endpoint)?;
    let sampler = sampler(otlp.sample_ratio)?;
    let depth = Arc::new(Depth::new(QUEUE_BOUND));
    let exporter = Reporting::new(exporter(otlp, &endpoint)?, Arc::clone(&depth), endpoint);
    let batch = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE_BOUND)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let processor = BatchSpanProcessor::new(exporter, batch);
    Ok(Some(
        SdkTracerProvider::builder()
            .with_span_processor(BoundedProcessor::new(processor, depth))
            .with_sampler(sampler)
            .with_resource(resource(settings))
            .build(),
    ))
}

/// Which spans and events are exported: ours in detail, those of others from
/// `info` on, those of the export itself never. Independent of the log filter,
/// so that quiet logs do not tear holes into traces.
pub(crate) fn filter() -> Targets {
    Targets::new()
        .with_default(LevelFilter::INFO)
        .with_target("trueup", LevelFilter::DEBUG)
        .with_targets(EXPORT_TARGETS.map(|target| (target, LevelFilter::OFF)))
}

fn sampler(ratio: f64) -> Result<Sampler, Error> {
    if !(0.0..=1.0).contains(&ratio) {
        return Err(Error::SampleRatio { ratio });
    }
    Ok(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
}

fn exporter(otlp: &Otlp, endpoint: &Endpoint) -> Result<OtlpExporter, Error> {
    if otlp.timeout.is_zero() {
        return Err(Error::Timeout);
    }
    // The exporter skips what it cannot send, which would hide a mistyped key.
    for (name, value) in &otlp.headers {
        if name.parse::<HeaderName>().is_err() || value.parse::<HeaderValue>().is_err() {
            return Err(Error::Header { name: name.clone() });
        }
    }
    OtlpExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(endpoint.url())
        .with_timeout(otlp.timeout)
        .with_headers(otlp.headers.clone().into_iter().collect())
        // One more try bridges a hiccup. More would only hold up the end of the
        // process while the collector is away.
        .with_retry_policy(RetryPolicy::recommended().with_max_retries(1))
        .build()
        .map_err(Error::Exporter)
}

fn resource(settings: &Settings) -> Resource {
    Resource::builder()
        .with_service_name(settings.service_name.clone())
        .with_attributes([
            KeyValue::new("service.version", settings.service_version.clone()),
            KeyValue::new("service.instance.id", settings.instance_id.clone()),
        ])
        .build()
}

/// An exporter that tells, at a bearable rate, what was lost.
#[derive(Debug)]
struct Reporting<E> {
    next: E,
    depth: Arc<Depth>,
    endpoint: Endpoint,
    complaint: Mutex<Complaint>,
}

impl<E: SpanExporter> Reporting<E> {
    fn new(next: E, depth: Arc<Depth>, endpoint: Endpoint) -> Self {
        Self { next, depth, endpoint, complaint: Mutex::default() }
    }

    fn report(&self, batch: usize, result: &OTelSdkResult) {
        let failed = if result.is_err() { batch as u64 } else { 0 };
        let lost = failed + self.depth.take_dropped();
        let remark = self
            .complaint
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .note(Instant::now(), lost);
        match remark {
            Remark::Quiet => {}
            Remark::Lost(spans) => self.complain(spans, result.as_ref().err()),
            Remark::Recovered(spans) => tracing::info!(
                endpoint = %self.endpoint,
                lost_spans = spans,
                "the trace collector accepts spans again"
            ),
        }
    }

    fn complain(&self, lost_spans: u64, error: Option<&OTelSdkError>) {
        let endpoint = &self.endpoint;
        if let Some(error) = error {
            tracing::warn!(
                %endpoint,
                lost_spans,
                %error,
                "spans are lost: the trace collector does not accept them"
            );
        } else {
            tracing::warn!(
                %endpoint,
                lost_spans,
                "spans are lost: the trace collector is slower than spans end"
            );
        }
    }
}

impl<E: SpanExporter> SpanExporter for Reporting<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len();
        self.depth.leave(count);
        let result = self.next.export(batch).await;
        self.report(count, &result);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    // The OTLP exporter overrides this one and not the one above.
    fn shutdown(&self) -> OTelSdkResult {
        self.next.shutdown()
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}
