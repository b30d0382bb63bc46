//! Outcomes of passes in the log: what went wrong, once, with the whole chain.
//!
//! What a pass did is told by the pass itself. The store is asked for a workspace's name only when a
//! line is written: a slow consumer of outcomes would slow the controller down.

use futures::{Stream, StreamExt};
use std::{pin::pin, sync::Arc};
use trueup_domain::{error::ErrorClass, id::WorkspaceId, pass::Cause, port::Workspaces};
use trueup_reconciler::{
    runtime::{Outcome, PassResult},
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
            // People know a workspace by its name.
            let name = match workspaces.get(outcome.key).await {
                Ok(Some(workspace)) => workspace.key().to_string(),
                Ok(None) | Err(_) => outcome.key.to_string(),
            };
            complain(&name, &outcome);
        }
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
