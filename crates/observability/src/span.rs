//! The identity of tracing spans beyond this process and this moment.
//!
//! A cause remembers the `traceparent` of the span it arose in; the pass that it
//! leads to may run much later and links its own span back to it.
//!
//! Without a configured collector there are no identities: reading gives `None`
//! and linking does nothing.

use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::Error;

/// The header that W3C Trace Context defines.
const TRACEPARENT: &str = "traceparent";

/// The trace id of the span that is entered on this thread, as 32 hex digits.
///
/// `None` outside of a span, and if the trace is not sampled: an id is given
/// only if it can be found in the trace backend.
pub fn current_trace_id() -> Option<String> {
    let context = Context::current();
    let span = context.span();
    let identity = span.span_context();
    (identity.is_valid() && identity.is_sampled()).then(|| identity.trace_id().to_string())
}

/// The W3C `traceparent` of the span that is entered on this thread, sampled or
/// not; `None` outside of a span.
pub fn current_traceparent() -> Option<String> {
    let mut carrier = HashMap::new();
    TraceContextPropagator::new().inject_context(&Context::current(), &mut carrier);
    carrier.remove(TRACEPARENT)
}

/// Links `span` to the span that `traceparent` names.
///
/// # Errors
///
/// [`Error::Traceparent`] if the string does not parse; `span` is then as before.
pub fn link(span: &Span, traceparent: &str) -> Result<(), Error> {
    let carrier = HashMap::from([(TRACEPARENT.to_owned(), traceparent.to_owned())]);
    // Extracted into an empty context, since a failure leaves the given one.
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    let target = context.span().span_context().clone();
    if !target.is_valid() {
        return Err(Error::Traceparent { traceparent: traceparent.to_owned() });
    }
    span.add_link(target);
    Ok(())
}
