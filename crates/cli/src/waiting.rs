//! Waiting until workspaces are as they should be, with a deadline.
//!
//! The events only wake: what counts is the workspace as it is then read. Phases that change without
//! an event are seen by looking every two seconds anyway.

use crate::{context::Context, error::Error, trouble};
use std::{collections::HashMap, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};
use trueup_api::{
    EventFilter, ProblemKind, WorkspaceFilter,
    domain::{
        condition::{ConditionType, Truth},
        id::{EventId, Generation, WorkspaceId},
        name::WorkspaceKey,
        spec::DesiredState,
        status::Phase,
    },
    wire::WorkspaceView,
};

/// The longest time between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// The shortest one, so that a storm of events is one look.
const PAUSE: Duration = Duration::from_millis(50);

/// How a workspace should become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Ready, as of its newest generation.
    Ready,
    /// In this phase.
    Phase(Phase),
    /// In this phase, as of this generation or a newer one.
    Reached(Phase, Generation),
    /// Gone.
    Deleted,
}

impl Goal {
    /// The goal in words.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Ready => "ready".to_owned(),
            Self::Phase(phase) | Self::Reached(phase, _) => phase.to_string(),
            Self::Deleted => "deleted".to_owned(),
        }
    }

    fn is_met(self, view: &WorkspaceView) -> bool {
        let status = &view.workspace.status;
        match self {
            Self::Ready => {
                status.observed_generation >= view.workspace.generation
                    && status.conditions.is_true(ConditionType::Ready)
            }
            Self::Phase(phase) => status.phase == phase,
            Self::Reached(phase, generation) => {
                status.observed_generation >= generation && status.phase == phase
            }
            Self::Deleted => false,
        }
    }

    /// Why it can never be met unless somebody does something.
    fn obstacle(self, view: &WorkspaceView) -> Option<String> {
        let status = &view.workspace.status;
        let runs = matches!(
            self,
            Self::Ready | Self::Phase(Phase::Running) | Self::Reached(Phase::Running, _)
        );
        if !runs {
            return None;
        }
        let current = status.observed_generation >= view.workspace.generation;
        let declared = match view.workspace.spec.desired_state() {
            DesiredState::Running if current && gave_up(view) => {
                let advice = "recovery gave up; see `trueup describe`, then `trueup resume`";
                return Some(advice.to_owned());
            }
            DesiredState::Running => return None,
            DesiredState::Stopped => "stopped",
            DesiredState::Paused => "paused",
            DesiredState::Archived => "archived",
        };
        Some(format!("declared {declared}; it will not become {}", self.describe()))
    }
}

/// Whether recovery has given the workspace up, until somebody resumes or changes it.
pub(crate) fn gave_up(view: &WorkspaceView) -> bool {
    let degraded = view.workspace.status.conditions.get(ConditionType::Degraded);
    degraded
        .is_some_and(|condition| condition.status == Truth::True && condition.reason == "GaveUp")
}

/// A workspace that is waited for.
#[derive(Debug, Clone)]
pub(crate) struct Awaited {
    pub(crate) key: WorkspaceKey,
    /// Its identity: another one that takes its name is not it.
    pub(crate) id: WorkspaceId,
    pub(crate) goal: Goal,
}

/// What was last seen of a workspace that is waited for.
struct Seen {
    phase: Phase,
    /// What is wrong with it.
    trouble: Option<String>,
}

/// Waits for all of them, saying on the way what changes. All goals are described alike. An interrupt
/// ends the wait, and nothing else.
pub(crate) async fn wait(
    context: &mut Context<'_>,
    pending: Vec<Awaited>,
    limit: Duration,
) -> Result<(), Error> {
    let mut interrupts = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    tokio::select! {
        result = wait_for_all(context, pending, limit) => result,
        _ = interrupts.recv() => Err(Error::Interrupted),
    }
}

async fn wait_for_all(
    context: &mut Context<'_>,
    mut pending: Vec<Awaited>,
    limit: Duration,
) -> Result<(), Error> {
    let Some(first) = pending.first() else { return Ok(()) };
    let goal = first.goal.describe();
    let deadline = Instant::now() + limit;
    let filter = match pending.as_slice() {
        [one] => EventFilter::from(&one.key),
        _ => EventFilter::default(),
    };
    let mut after = context.client.newest_events(&filter, 1).await?.next;
    let mut seen = HashMap::new();
    loop {
        look(context, &mut pending, &mut seen).await?;
        let left = deadline.saturating_duration_since(Instant::now());
        if pending.is_empty() {
            return Ok(());
        }
        if left.is_zero() {
            let pending = pending.iter().map(|one| describe(one, &seen)).collect();
            return Err(Error::TimedOut { waited: limit, goal, pending });
        }
        after = doze(context, &filter, after, left.min(LOOK)).await?;
    }
}

/// Looks at each and keeps those that are not there yet.
async fn look(
    context: &mut Context<'_>,
    pending: &mut Vec<Awaited>,
    seen: &mut HashMap<WorkspaceKey, Seen>,
) -> Result<(), Error> {
    let mut left = Vec::new();
    let mut views = read(context, pending).await?;
    for one in pending.drain(..) {
        match (views.remove(&one.id), one.goal) {
            (None, Goal::Deleted) => context.output.line(&format!("{} deleted", one.key))?,
            (None, _) => return Err(Error::NotFound { wanted: vec![one.key.to_string()] }),
            (Some(view), goal) if goal.is_met(&view) => {
                context.output.line(&format!("{} is {}", one.key, goal.describe()))?;
            }
            (Some(view), goal) => {
                if let Some(why) = goal.obstacle(&view) {
                    return Err(Error::Hopeless { key: one.key, why });
                }
                let phase = view.workspace.status.phase;
                let now = Seen { phase, trouble: trouble::explain(&view) };
                let before = seen.insert(one.key.clone(), now);
                if before.is_none_or(|before| before.phase != phase) {
                    context.output.note(&format!("{}: {phase}", one.key));
                }
                left.push(one);
            }
        }
    }
    *pending = left;
    Ok(())
}

/// Those that exist; many of them are read at once.
async fn read(
    context: &Context<'_>,
    pending: &[Awaited],
) -> Result<HashMap<WorkspaceId, WorkspaceView>, Error> {
    let views = match pending {
        [one] => context.client.find(&one.key).await?.into_iter().collect(),
        _ => context.client.list(&WorkspaceFilter::default()).await?.items,
    };
    Ok(views.into_iter().map(|view| (view.workspace.id, view)).collect())
}

/// Sleeps until something happens or the time is over; both are fine.
async fn doze(
    context: &Context<'_>,
    filter: &EventFilter,
    after: EventId,
    limit: Duration,
) -> Result<EventId, Error> {
    // The server counts in whole seconds.
    if limit >= Duration::from_secs(1) {
        match context.client.events(filter, after, limit).await {
            Ok(page) => {
                tokio::time::sleep(PAUSE).await;
                return Ok(page.next);
            }
            Err(error) if is_busy(&error) => {}
            Err(error) => return Err(error.into()),
        }
    }
    tokio::time::sleep(limit).await;
    Ok(after)
}

/// The server has no place left for one more that waits.
fn is_busy(error: &trueup_api::Error) -> bool {
    error.problem().is_some_and(|problem| problem.kind == ProblemKind::Unavailable)
}

fn describe(one: &Awaited, seen: &HashMap<WorkspaceKey, Seen>) -> String {
    match seen.get(&one.key) {
        Some(Seen { phase, trouble: Some(trouble) }) => {
            format!("{} ({phase}): {}", one.key, trouble.replace('\n', " "))
        }
        Some(Seen { phase, trouble: None }) => format!("{} ({phase})", one.key),
        None => one.key.to_string(),
    }
}

#[cfg(test)]
mod tests;
