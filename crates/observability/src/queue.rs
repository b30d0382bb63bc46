//! The bounded queue between the code that ends spans and the export thread.
//!
//! The SDK's batch processor has the queue and the thread, but counts what it
//! drops only for itself, and says so once in its life. [`BoundedProcessor`]
//! refuses a span before the SDK would have to, so that the loss can be reported.
//!
//! Invariant: at most [`Depth::bound`] spans wait, and ending a span never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

/// How many spans wait and how many were turned away.
#[derive(Debug)]
pub(crate) struct Depth {
    bound: usize,
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

impl Depth {
    pub(crate) fn new(bound: usize) -> Self {
        Self { bound, waiting: AtomicUsize::new(0), dropped: AtomicU64::new(0) }
    }

    /// Takes a place, or counts a drop if there is none.
    fn enter(&self) -> bool {
        let taken = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |waiting| {
            (waiting < self.bound).then_some(waiting + 1)
        });
        if taken.is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// Gives the places of a batch back, when it has left the queue.
    pub(crate) fn leave(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::AcqRel);
    }

    /// The number of spans dropped since this was last asked.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

/// Passes ended spans on while there is room.
#[derive(Debug)]
pub(crate) struct BoundedProcessor<P> {
    next: P,
    depth: Arc<Depth>,
}

impl<P: SpanProcessor> BoundedProcessor<P> {
    /// `next` must have room for as many spans as `depth` allows, and whatever
    /// takes them out of it must call [`Depth::leave`].
    pub(crate) fn new(next: P, depth: Arc<Depth>) -> Self {
        Self { next, depth }
    }
}

impl<P: SpanProcessor> SpanProcessor for BoundedProcessor<P> {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.next.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        if self.depth.enter() {
            self.next.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_turns_spans_away_and_counts_them() {
        let depth = Depth::new(2);
        assert!(depth.enter());
        assert!(depth.enter());
        assert!(!depth.enter());
        assert!(!depth.enter());
        assert_eq!(depth.take_dropped(), 2);
        assert_eq!(depth.take_dropped(), 0);
        depth.leave(2);
        assert!(depth.enter());
        assert_eq!(depth.take_dropped(), 0);
    }
}
