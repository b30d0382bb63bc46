//! Outcomes of passes in the log: what went wrong, once, with the whole chain.
//!
//! What a pass did is told by the pass itself. The store is asked for a workspace's name only when a
//! line is written: a slow consumer of outcomes would slow the controller down.

use futures::{Stream, StreamExt};
use std::{pin::pin, sync::Arc};
use trueup_domain::{error::ErrorClass, id::WorkspaceId, pass::Cause, port::Workspaces};
use trueup_reconciler::{
    runtime::{HotLoop, Outcome, PassResult},
    workspace::Error,
};

/// Takes every outcome, until there are no more.
pub(crate) async fn report(
    outcomes: impl Stream<Item = Outcome<WorkspaceId, Cause, Error>>,
    workspaces: Arc<dyn Workspaces>,
) {
    let mut outcomes = pin!(outcomes);
    while let Some(outcome) = outcomes.next().await {
        if outcome.result.is_ok() {
            tracing::debug!(workspace = %outcome.key, took = ?outcome.work_duration, "pass");
        } else if is_told(&outcome) {
            complain(&name(outcome.key, workspaces.as_ref()).await, &outcome);
        }
        if let Some(hot) = &outcome.hot_loop {
            warn(&name(outcome.key, workspaces.as_ref()).await, hot);
        }
    }
}

/// People know a workspace by its name.
async fn name(id: WorkspaceId, workspaces: &dyn Workspaces) -> String {
    match workspaces.get(id).await {
        Ok(Some(workspace)) => workspace.key().to_string(),
        Ok(None) | Err(_) => id.to_string(),
    }
}

/// What fails for hours is told ever more seldom; its status says it all the time.
fn is_told(outcome: &Outcome<WorkspaceId, Cause, Error>) -> bool {
    let attempt = outcome.attempt;
    !matches!(outcome.result, PassResult::Failed(..)) || attempt <= 4 || attempt.is_power_of_two()
}

fn complain(workspace: &str, outcome: &Outcome<WorkspaceId, Cause, Error>) {
    let attempt = outcome.attempt;
    match &outcome.result {
        PassResult::Ok(_) => {}
        PassResult::Failed(error, _) if error.class() == ErrorClass::Terminal => {
            let error = error as &dyn std::error::Error;
            tracing::warn!(workspace, attempt, error, "a pass failed; it needs a change");
        }
        PassResult::Failed(error, _) => {
            let error = error as &dyn std::error::Error;
            tracing::warn!(workspace, attempt, error, "a pass failed; it will be retried");
        }
        PassResult::Panicked(message) => {
            tracing::error!(workspace, message, "a pass panicked; it will be retried");
        }
        PassResult::TimedOut => {
            tracing::error!(workspace, "a pass took too long; it will be retried");
        }
        PassResult::Cancelled => {
            tracing::warn!(workspace, "a pass was cut off by the shutdown");
        }
    }
}

/// A workspace that is never done fails at nothing, so that no other line speaks of it.
fn warn(workspace: &str, hot: &HotLoop) {
    tracing::warn!(
        workspace,
        passes = hot.passes,
        within = format!("{:.1?}", hot.took),
        woken_by = woken_by(hot),
        "a workspace is reconciled far too often; something wakes it again and again"
    );
}

/// How many of the latest passes had which kind of cause; a pass can have several.
fn woken_by(hot: &HotLoop) -> String {
    let kinds = [
        (hot.by_user, "a user"),
        (hot.by_event, "an event"),
        (hot.by_retry, "a retry"),
        (hot.by_wake_up, "its own wake-up"),
        (hot.by_resync, "a resync"),
    ];
    let seen = kinds.into_iter().filter(|(passes, _)| *passes > 0);
    seen.map(|(passes, kind)| format!("{kind} {passes}×")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
