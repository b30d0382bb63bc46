//! One pass over one workspace, from the look to the record.

use super::{
    Attempted, Context,
    execute::{Execution, execute},
    observe::{Reach, observe},
    record::Finished,
};
use crate::runtime::{Next, Request, Trigger};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;
use tracing::{Instrument, Span, field::Empty, info_span};
use trueup_domain::{
    desired::Desired,
    error::{EngineError, ErrorClass, Reason, StoreError},
    id::WorkspaceId,
    observed::{Observation, Observed},
    pass::{Attempt, Cause, CauseKind},
    plan::{Plan, plan},
    port::{PassRecord, Recorded},
    status::Failure,
    workspace::Workspace,
};

/// Why a pass is to be retried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store did not do its part.
    #[error("{operation} the workspace")]
    Store {
        /// `read` or `record`.
        operation: &'static str,
        /// What the store said.
        #[source]
        source: StoreError,
    },
    /// The engine did not say how things are.
    #[error("observe the engine")]
    Observe(#[source] EngineError),
    /// An action failed.
    #[error("carry out the plan")]
    Execute(#[source] EngineError),
    /// Every action succeeded, and yet the same ones are needed again.
    #[error("{actions} changed nothing: the engine reports success and shows no effect")]
    NoEffect {
        /// The actions, in words.
        actions: String,
    },
}

impl Error {
    /// How the queue should take it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Store { source, .. } => source.class(),
            Self::Observe(error) | Self::Execute(error) => error.class,
            Self::NoEffect { .. } => ErrorClass::Retryable,
        }
    }
}

/// Reconciles one workspace, in a span that links to whatever caused it.
///
/// # Errors
/// What is to be retried; the status already says so.
pub async fn reconcile(
    request: Request<WorkspaceId, Cause>,
    context: Arc<Context>,
) -> Result<Next, Error> {
    let causes = causes(&request);
    let words: Vec<_> = causes.iter().map(ToString::to_string).collect();
    let span = info_span!(
        "reconcile",
        otel.kind = "internal",
        trueup.workspace.id = %request.key,
        trueup.workspace.name = Empty,
        trueup.owner = Empty,
        trueup.generation = Empty,
        trueup.causes = words.join(", "),
        trueup.causes.omitted = i64::try_from(request.omitted).unwrap_or(i64::MAX),
        trueup.attempt = i64::from(request.attempt),
        trueup.plan = Empty,
        trueup.outcome = Empty,
        otel.status_code = Empty,
        error.type = Empty,
    );
    for traceparent in causes.iter().filter_map(|cause| cause.traceparent.as_deref()) {
        context.traces.link(&span, traceparent);
    }
    async {
        let result = pass(&context, request.key, causes).await;
        let span = Span::current();
        match &result {
            Ok(_) => span.record("trueup.outcome", "ok"),
            Err(error) => span
                .record("trueup.outcome", "error")
                .record("otel.status_code", "ERROR")
                .record("error.type", tracing::field::debug(error.class())),
        };
        result
    }
    .instrument(span)
    .await
}

/// Rounds until one is not overtaken: what is refused leaves no trace, and its causes, a user's sync
/// among them, must not be lost with it. Each further round takes another write of a user.
async fn pass(context: &Context, id: WorkspaceId, causes: Vec<Cause>) -> Result<Next, Error> {
    loop {
        if let Some(next) = round(context, id, causes.clone()).await? {
            return Ok(next);
        }
    }
}

/// Looks, decides, acts and records; `None` when a newer declaration had come meanwhile.
async fn round(
    context: &Context,
    id: WorkspaceId,
    causes: Vec<Cause>,
) -> Result<Option<Next>, Error> {
    let read = context.workspaces.get(id).await;
    let Some(workspace) = read.map_err(|source| Error::Store { operation: "read", source })? else {
        context.activity.forget(id);
        return Ok(Some(Next::await_change()));
    };
    describe(&workspace);
    let begun = Begun::now(context, &workspace);
    let desired = desire(context, Arc::clone(&workspace));
    let observed = observe(context, &desired, Reach::of(&causes)).await;
    let first = plan(&desired, &observed, context.clock.now());
    Span::current().record("trueup.plan", first.why.as_str());
    if !is_announcement(&first, context.clock.now()) {
        return act(context, desired, (first, observed), causes, &begun).await;
    }
    // What was seen a moment ago is as good as what would be seen by a pass of its own.
    let announced = begun.finish(&workspace, causes, (&first, &first), Vec::new());
    let Some(record) = announced.record(context, context.clock.now()) else {
        return Ok(Some(Next::requeue_after(Duration::ZERO)));
    };
    let Recorded::Stored(workspace) = store(context, record).await? else { return Ok(None) };
    let begun = Begun::now(context, &workspace);
    let desired = desire(context, workspace);
    let first = plan(&desired, &observed, context.clock.now());
    let causes = vec![Cause::new(CauseKind::Timer, "")];
    act(context, desired, (first, observed), causes, &begun).await
}

fn desire(context: &Context, workspace: Arc<Workspace>) -> Desired {
    let measured = context.meter.measured(workspace.id);
    Desired::new(workspace, &context.policy).with_measured(measured)
}

/// Whether a plan does nothing but say what the next one, due at once, will do.
fn is_announcement(plan: &Plan, now: Timestamp) -> bool {
    plan.actions.is_empty() && !plan.finished && plan.wake_at.is_some_and(|at| at <= now)
}

/// Does what was planned, sees what came of it, and records both.
async fn act(
    context: &Context,
    desired: Desired,
    (first, observed): (Plan, Observation),
    causes: Vec<Cause>,
    begun: &Begun,
) -> Result<Option<Next>, Error> {
    let workspace = Arc::clone(&desired.workspace);
    let execution = execute(context, &workspace, &first.actions).await;
    let (last, observed) = if first.actions.is_empty() {
        (first.clone(), observed)
    } else {
        look_again(context, desired, &first, &execution).await
    };
    tell(&workspace, &first, &execution);
    let now = context.clock.now();
    let Execution { attempts, failure } = execution;
    let finished = begun.finish(&workspace, causes, (&first, &last), attempts);
    if let Some(record) = finished.record(context, now) {
        match store(context, record).await? {
            Recorded::Stored(_) => {}
            Recorded::Removed => {
                context.activity.forget(workspace.id);
                return Ok(Some(Next::await_change()));
            }
            Recorded::Stale => return Ok(None),
        }
    }
    next(&first, &last, observed, failure, now).map(Some)
}

/// The beginning of a pass, as its record will tell it.
struct Begun {
    at: Timestamp,
    since: Instant,
    attempted: Attempted,
}

impl Begun {
    fn now(context: &Context, workspace: &Workspace) -> Self {
        let at = context.clock.now();
        let attempted = context.activity.note(workspace.id, &workspace.status, at);
        Self { at, since: Instant::now(), attempted }
    }

    fn finish<'a>(
        &self,
        workspace: &'a Workspace,
        causes: Vec<Cause>,
        (first, last): (&'a Plan, &'a Plan),
        attempts: Vec<Attempt>,
    ) -> Finished<'a> {
        Finished {
            workspace,
            causes,
            first,
            last,
            attempts,
            started_at: self.at,
            duration_ms: u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX),
            attempted: self.attempted,
        }
    }
}

/// One line for whoever follows the log; a failure is told by whoever retries it.
fn tell(workspace: &Workspace, plan: &Plan, execution: &Execution) {
    if plan.actions.is_empty() || execution.failure.is_some() {
        return;
    }
    let did: Vec<_> = plan.actions.iter().map(ToString::to_string).collect();
    let (workspace, did) = (workspace.key(), did.join(", "));
    tracing::info!(parent: None, %workspace, did, why = plan.why, "reconciled");
}

/// Sees what came of the actions, and says it.
async fn look_again(
    context: &Context,
    desired: Desired,
    first: &Plan,
    execution: &Execution,
) -> (Plan, Observation) {
    let generation = desired.workspace.generation;
    let failure = execution.failure.as_ref().map(|(operation, error)| Failure {
        operation: (*operation).to_owned(),
        reason: error.reason,
        message: error.message.clone(),
        at: context.clock.now(),
        generation,
    });
    let workspace = Workspace { status: first.status.clone(), ..(*desired.workspace).clone() };
    let mut desired = Desired { workspace: Arc::new(workspace), failure, ..desired };
    let observed = observe(context, &desired, Reach::All).await;
    let now = context.clock.now();
    let last = plan(&desired, &observed, now);
    if desired.failure.is_some() || !shows_no_effect(first, &last) {
        return (last, observed);
    }
    desired.failure = first.actions.first().map(|action| Failure {
        operation: action.operation().to_owned(),
        reason: Reason::EngineFault,
        message: "the engine reports success and shows no effect".to_owned(),
        at: now,
        generation,
    });
    (plan(&desired, &observed, now), observed)
}

/// Whether what was done is needed again just as it was.
fn shows_no_effect(first: &Plan, last: &Plan) -> bool {
    !last.actions.is_empty()
        && last.actions == first.actions
        && last.status.container == first.status.container
}

async fn store(context: &Context, record: PassRecord) -> Result<Recorded, Error> {
    let recorded = context.passes.record(record).await;
    recorded.map_err(|source| Error::Store { operation: "record", source })
}

fn next(
    first: &Plan,
    last: &Plan,
    observed: Observation,
    failure: Option<(&'static str, EngineError)>,
    now: Timestamp,
) -> Result<Next, Error> {
    if let Some((_, error)) = failure {
        return Err(Error::Execute(error));
    }
    if let Observed::Unknown(error) = observed.container {
        return Err(Error::Observe(error));
    }
    if shows_no_effect(first, last) {
        let actions: Vec<_> = last.actions.iter().map(ToString::to_string).collect();
        return Err(Error::NoEffect { actions: actions.join(", ") });
    }
    if !last.actions.is_empty() {
        return Ok(Next::requeue_after(Duration::ZERO));
    }
    Ok(match last.wake_at {
        Some(at) => {
            Next::requeue_after(at.duration_since(now).try_into().unwrap_or(Duration::ZERO))
        }
        None => Next::await_change(),
    })
}

fn describe(workspace: &Workspace) {
    let span = Span::current();
    span.record("trueup.workspace.name", workspace.metadata.name.as_str());
    span.record("trueup.owner", workspace.metadata.owner.as_str());
    // Unsigned numbers are exported as text; signed ones as numbers.
    let generation = i64::try_from(workspace.generation.0).unwrap_or(i64::MAX);
    span.record("trueup.generation", generation);
}

/// The causes in our words; the queue's own become a cause too.
fn causes(request: &Request<WorkspaceId, Cause>) -> Vec<Cause> {
    request
        .causes
        .iter()
        .map(|cause| match &cause.trigger {
            Trigger::Caller(cause) => cause.clone(),
            Trigger::Retry => {
                Cause::new(CauseKind::Retry, format!("after {} failures", request.attempt))
            }
            Trigger::WakeUp => Cause::new(CauseKind::Timer, ""),
        })
        .collect()
}
