//! Doing what was planned: each action once, in order, until one fails. No choices here.

use trueup_domain::{action::Action, error::EngineError, pass::Attempt, port::Engine};

/// What came of a plan.
#[derive(Debug, Default)]
pub(super) struct Execution {
    /// Every planned action and what came of it.
    pub(super) attempts: Vec<Attempt>,
    /// The action that failed, and why; those after it were not tried.
    pub(super) failure: Option<(&'static str, EngineError)>,
}

/// Carries out the actions.
pub(super) async fn execute(engine: &dyn Engine, actions: &[Action]) -> Execution {
    let mut execution = Execution::default();
    for action in actions {
        if execution.failure.is_some() {
            execution.attempts.push(Attempt::skipped(action));
            continue;
        }
        match engine.perform(action).await {
            Ok(()) => execution.attempts.push(Attempt::done(action)),
            Err(error) => {
                execution.attempts.push(Attempt::failed(action, &error));
                execution.failure = Some((action.operation(), error));
            }
        }
    }
    execution
}
