//! Around every engine call: a place in a lane, a deadline, a span, and a refusal made readable.
//!
//! Invariant: nothing reaches the engine but through [`Caller::call`]. The deadline covers the answer to
//! its last byte. The wait for a place has the same deadline again, and a call that never got one
//! was never sent. Spans name the operation and the container and hold no content: commands and
//! environments may be secrets.

use crate::{
    classify::classify,
    operation::Operation,
    options::{Concurrency, Deadlines},
    transport::Transport,
    window::{Place, Window},
};
use bollard::{Docker, errors::Error as Refusal};
use std::{num::NonZero, time::Duration};
use tokio::time::timeout;
use tracing::{Instrument, Span, field::Empty};
use trueup_domain::error::{EngineError, ErrorClass, Reason};

/// The engine, as everything in this crate talks to it.
pub(crate) struct Caller {
    pub(crate) transport: Transport,
    pub(crate) deadlines: Deadlines,
    lanes: Lanes,
}

struct Lanes {
    heavy: Window,
    light: Window,
    reads: Window,
    pulls: Window,
    /// One at a time: the engine's own check for a network's name can be passed by two at once, and
    /// two that choose a subnet at once choose the same.
    networks: Window,
    /// What passes wait for never waits for figures, which may be many and take the engine
    /// milliseconds each.
    figures: Window,
}

/// How many containers are measured at once: enough that a few that hang do not stop the rest, and few
/// enough to leave the engine to others.
const FIGURES: u32 = 8;

impl Caller {
    pub(crate) fn new(
        transport: Transport,
        deadlines: Deadlines,
        concurrency: Concurrency,
    ) -> Self {
        let lanes = Lanes {
            heavy: Window::new(concurrency.heavy),
            light: Window::new(concurrency.light),
            reads: Window::new(concurrency.reads),
            pulls: Window::new(concurrency.pulls),
            networks: Window::new(NonZero::<u32>::MIN),
            figures: Window::new(NonZero::<u32>::MIN.saturating_add(FIGURES - 1)),
        };
        Self { transport, deadlines, lanes }
    }

    /// bollard's client.
    pub(crate) fn docker(&self) -> &Docker {
        &self.transport.docker
    }

    /// Asks the engine; `subject` is what it is about.
    pub(crate) async fn call<T>(
        &self,
        operation: Operation,
        subject: &str,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, EngineError> {
        self.call_within(operation, subject, self.deadline(operation), work).await
    }

    /// Like [`call`](Self::call), for a call whose deadline depends on what is asked.
    pub(crate) async fn call_within<T>(
        &self,
        operation: Operation,
        subject: &str,
        deadline: Duration,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, EngineError> {
        let span = tracing::info_span!(
            "engine.call",
            otel.name = operation.span_name(),
            otel.kind = "client",
            otel.status_code = Empty,
            server.address = &*self.transport.host,
            trueup.container = Empty,
            trueup.subject = Empty,
            error.r#type = Empty,
            error.message = Empty,
        );
        let field =
            if operation.is_about_container() { "trueup.container" } else { "trueup.subject" };
        span.record(field, subject);
        let outcome = self.attempt(operation, deadline, work).instrument(span.clone()).await;
        if let Err(error) = &outcome {
            note(&span, error);
        }
        outcome
    }

    async fn attempt<T>(
        &self,
        operation: Operation,
        deadline: Duration,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, EngineError> {
        let window = self.lane(operation);
        let place = self.place(operation, deadline, window).await?;
        let negotiated = async {
            self.transport.negotiate().await?;
            work.await
        };
        let outcome = if let Ok(answer) = timeout(deadline, negotiated).await {
            answer.map_err(|refusal| classify(operation, &self.transport.host, &refusal))
        } else {
            let message = format!("no answer within {deadline:?}");
            Err(expired(operation, ErrorClass::Unknown, message))
        };
        let reason = outcome.as_ref().err().map(|error| error.reason);
        // Only this lane adapts: elsewhere one container that hangs would slow down all others.
        if std::ptr::eq(window, &raw const self.lanes.heavy) {
            place.judge(reason != Some(Reason::DeadlineExceeded));
        }
        if matches!(reason, Some(Reason::EngineUnreachable | Reason::EngineFault)) {
            self.transport.forget_version();
        }
        outcome
    }

    /// A place in the lane. A pull does not wait for one: whoever waits holds up everything else about
    /// its workspace, and a slow registry would hold up all of them.
    async fn place<'a>(
        &self,
        operation: Operation,
        deadline: Duration,
        window: &'a Window,
    ) -> Result<Place<'a>, EngineError> {
        let class = ErrorClass::Retryable;
        if operation == Operation::Pull {
            return window.try_enter().ok_or_else(|| EngineError {
                operation: operation.words(),
                class,
                reason: Reason::Busy,
                message: "other images are being pulled; this one waits for its turn".to_owned(),
            });
        }
        timeout(deadline, window.enter()).await.map_err(|_| {
            let message = format!("no place among the calls under way within {deadline:?}");
            expired(operation, class, message)
        })
    }

    const fn deadline(&self, operation: Operation) -> Duration {
        match operation {
            _ if operation.is_read() => self.deadlines.read,
            Operation::Pull => self.deadlines.pull,
            Operation::Remove => self.deadlines.remove,
            _ => self.deadlines.change,
        }
    }

    const fn lane(&self, operation: Operation) -> &Window {
        match operation {
            Operation::Stats => &self.lanes.figures,
            _ if operation.is_read() => &self.lanes.reads,
            Operation::Pull => &self.lanes.pulls,
            Operation::Create | Operation::Start | Operation::Remove => &self.lanes.heavy,
            Operation::EnsureNetwork => &self.lanes.networks,
            _ => &self.lanes.light,
        }
    }
}

fn expired(operation: Operation, class: ErrorClass, message: String) -> EngineError {
    let reason = Reason::DeadlineExceeded;
    EngineError { operation: operation.words(), class, reason, message }
}

fn note(span: &Span, error: &EngineError) {
    span.record("otel.status_code", "ERROR");
    span.record("error.type", tracing::field::display(error.reason));
    span.record("error.message", error.message.as_str());
}
