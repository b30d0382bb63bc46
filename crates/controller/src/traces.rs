//! What passes need of traces, from the observability crate.

use tracing::Span;
use trueup_observability as observability;
use trueup_reconciler::workspace::Traces;

/// The process's own traces.
pub(crate) struct ProcessTraces;

impl Traces for ProcessTraces {
    fn trace_id(&self) -> Option<String> {
        observability::current_trace_id()
    }

    fn link(&self, span: &Span, traceparent: &str) {
        // A caller's malformed header costs the link, never the pass.
        if let Err(error) = observability::link(span, traceparent) {
            tracing::debug!(%error, "a cause's trace cannot be linked");
        }
    }
}
