//! An OTLP/HTTP trace receiver: the collector that a test looks into.
//!
//! It runs on a thread and runtime of its own, so that it answers while a test
//! blocks its thread, and so that a test may pause its clock. It keeps at most
//! [`MAX_SPANS`] spans and refuses batches beyond that. Dropping it ends it.
//!
//! Absent: gRPC, JSON bodies, compression, metrics and logs.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1 as proto;
use prost::Message;
use serde_json::Value;
use tokio::sync::{oneshot, watch};

/// The most spans that a receiver keeps.
pub const MAX_SPANS: usize = 100_000;

/// The largest request body that it reads, in bytes.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// A span as it arrived. Ids are lower-case hex.
#[derive(Clone, Debug)]
pub struct ReceivedSpan {
    /// The span's name.
    pub name: String,
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
    /// `None` for the root of a trace.
    pub parent_span_id: Option<String>,
    /// The span's own attributes.
    pub attributes: BTreeMap<String, Value>,
    /// The attributes of the process that sent it, such as `service.name`.
    pub resource: BTreeMap<String, Value>,
    /// The spans that it points to.
    pub links: Vec<ReceivedLink>,
    /// How it ended.
    pub status: ReceivedStatus,
}

/// A pointer to a span, usually of another trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedLink {
    /// 32 hex digits.
    pub trace_id: String,
    /// 16 hex digits.
    pub span_id: String,
}

/// How a span ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReceivedStatus {
    /// Nothing was said, which is the usual case.
    Unset,
    /// Said to be fine.
    Ok,
    /// Failed, with a description that may be empty.
    Error(String),
}

/// A running receiver.
#[derive(Debug)]
pub struct OtlpReceiver {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    held: watch::Sender<bool>,
    received: watch::Receiver<Received>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Received {
    spans: Vec<ReceivedSpan>,
    requests: usize,
    headers: HeaderMap,
}

#[derive(Clone)]
struct Inbox {
    status: Arc<AtomicU16>,
    held: watch::Receiver<bool>,
    received: watch::Sender<Received>,
}

impl OtlpReceiver {
    /// Listens on an ephemeral loopback port.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("bind the receiver")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let status = Arc::new(AtomicU16::new(StatusCode::OK.as_u16()));
        let (held, gate) = watch::channel(false);
        let (sender, received) = watch::channel(Received::default());
        let inbox = Inbox { status: Arc::clone(&status), held: gate, received: sender };
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = thread::Builder::new().name("otlp-receiver".into()).spawn(move || {
            runtime.block_on(async {
                // Not a graceful end: an idle connection would hold it up.
                tokio::select! {
                    _ = serve(listener, inbox) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, status, held, received, stop: Some(stop), thread: Some(thread) })
    }

    /// The base URL, as a client is configured with it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers every request from now on with `status`. Unless that is a success,
    /// the spans in it are not kept.
    pub fn answer_with(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Leaves every request unanswered until [`Self::release`]: a slow collector.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Answers the requests that were held up, and later ones at once.
    pub fn release(&self) {
        self.held.send_replace(false);
    }

    /// Everything that has arrived so far, in the order of arrival.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.received.borrow().spans.clone()
    }

    /// How many requests have been answered, with success or without.
    pub fn requests(&self) -> usize {
        self.received.borrow().requests
    }

    /// A header of the latest request.
    pub fn header(&self, name: &str) -> Option<String> {
        let received = self.received.borrow();
        received.headers.get(name)?.to_str().ok().map(str::to_owned)
    }

    /// Waits until the spans that have arrived satisfy `predicate`, and gives
    /// them. After `deadline` it fails, naming the spans that are there.
    pub async fn wait_for(
        &self,
        mut predicate: impl FnMut(&[ReceivedSpan]) -> bool,
        deadline: Duration,
    ) -> anyhow::Result<Vec<ReceivedSpan>> {
        self.wait(|received| predicate(&received.spans), deadline).await?;
        Ok(self.spans())
    }

    /// Waits until `count` requests have been answered.
    pub async fn wait_for_requests(&self, count: usize, deadline: Duration) -> anyhow::Result<()> {
        self.wait(|received| received.requests >= count, deadline).await
    }

    async fn wait(
        &self,
        predicate: impl FnMut(&Received) -> bool,
        deadline: Duration,
    ) -> anyhow::Result<()> {
        let mut received = self.received.clone();
        let Ok(outcome) = tokio::time::timeout(deadline, received.wait_for(predicate)).await else {
            let received = self.received.borrow();
            let names: Vec<_> = received.spans.iter().map(|span| span.name.as_str()).collect();
            bail!("not within {deadline:?}: {} requests, spans {names:?}", received.requests);
        };
        outcome.map(drop).context("the receiver has ended")
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        // Both fail only if the thread has ended already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn serve(listener: TcpListener, inbox: Inbox) -> anyhow::Result<()> {
    let router = Router::new()
        .route("/v1/traces", post(accept))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(inbox);
    Ok(axum::serve(tokio::net::TcpListener::from_std(listener)?, router).await?)
}

/// An empty body is a valid protobuf answer: nothing was rejected.
async fn accept(State(mut inbox): State<Inbox>, headers: HeaderMap, body: Bytes) -> StatusCode {
    // An error means that the receiver was dropped, and this task is next. The
    // client bounds the wait: it has a timeout.
    let _ = inbox.held.wait_for(|held| !held).await;
    let status = StatusCode::from_u16(inbox.status.load(Ordering::SeqCst))
        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let decoded = ExportTraceServiceRequest::decode(body);
    let mut answer = status;
    inbox.received.send_modify(|received| {
        received.requests += 1;
        received.headers = headers;
        answer = match decoded {
            _ if !status.is_success() => status,
            Err(_) => StatusCode::BAD_REQUEST,
            Ok(_) if received.spans.len() >= MAX_SPANS => StatusCode::PAYLOAD_TOO_LARGE,
            Ok(request) => {
                received.spans.extend(spans(request));
                status
            }
        };
    });
    answer
}

fn spans(request: ExportTraceServiceRequest) -> Vec<ReceivedSpan> {
    let mut spans = Vec::new();
    for group in request.resource_spans {
        let resource = attributes(group.resource.unwrap_or_default().attributes);
        let received = group.scope_spans.into_iter().flat_map(|scope| scope.spans);
        spans.extend(received.map(|received| span(received, resource.clone())));
    }
    spans
}

fn span(span: proto::Span, resource: BTreeMap<String, Value>) -> ReceivedSpan {
    let parent = Some(span.parent_span_id).filter(|id| !id.is_empty());
    let link = |link: proto::span::Link| ReceivedLink {
        trace_id: hex(&link.trace_id),
        span_id: hex(&link.span_id),
    };
    ReceivedSpan {
        name: span.name,
        trace_id: hex(&span.trace_id),
        span_id: hex(&span.span_id),
        parent_span_id: parent.map(|id| hex(&id)),
        attributes: attributes(span.attributes),
        resource,
        links: span.links.into_iter().map(link).collect(),
        status: status(span.status.unwrap_or_default()),
    }
}

fn status(status: proto::Status) -> ReceivedStatus {
    match status.code() {
        proto::status::StatusCode::Unset => ReceivedStatus::Unset,
        proto::status::StatusCode::Ok => ReceivedStatus::Ok,
        proto::status::StatusCode::Error => ReceivedStatus::Error(status.message),
    }
}

fn attributes(pairs: Vec<KeyValue>) -> BTreeMap<String, Value> {
    pairs.into_iter().map(|pair| (pair.key, value(pair.value))).collect()
}

fn value(any: Option<AnyValue>) -> Value {
    match any.and_then(|any| any.value) {
        Some(any_value::Value::StringValue(text)) => text.into(),
        Some(any_value::Value::BoolValue(flag)) => flag.into(),
        Some(any_value::Value::IntValue(number)) => number.into(),
        Some(any_value::Value::DoubleValue(number)) => number.into(),
        Some(any_value::Value::ArrayValue(array)) => {
            array.values.into_iter().map(|item| value(Some(item))).collect()
        }
        Some(any_value::Value::KvlistValue(list)) => {
            list.values.into_iter().map(|pair| (pair.key, value(pair.value))).collect()
        }
        Some(any_value::Value::BytesValue(bytes)) => hex(&bytes).into(),
        _ => Value::Null,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
