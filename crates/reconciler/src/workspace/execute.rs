//! Doing what was planned: each action once, in order, until one fails. No choices here.
//!
//! A pull may take half an hour, and nothing is lost by giving it up; so it is given up when the
//! workspace is declared anew meanwhile, and what its user wants now is done instead.

use super::Context;
use std::{pin::pin, time::Duration};
use trueup_domain::{
    action::Action,
    error::{EngineError, ErrorClass, Reason},
    id::ContainerId,
    pass::Attempt,
    workspace::Workspace,
};

/// How often somebody looks whether a pull is still wanted.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// What came of a plan.
#[derive(Debug, Default)]
pub(super) struct Execution {
    /// Every planned action and what came of it.
    pub(super) attempts: Vec<Attempt>,
    /// The action that failed, and why; those after it were not tried.
    pub(super) failure: Option<(&'static str, EngineError)>,
}

/// Carries out the actions.
pub(super) async fn execute(
    context: &Context,
    workspace: &Workspace,
    actions: &[Action],
) -> Execution {
    let mut execution = Execution::default();
    let mut made = None;
    for action in actions {
        if execution.failure.is_some() {
            execution.attempts.push(Attempt::skipped(action));
            continue;
        }
        let action = &about_what_was_made(&made, action);
        match carry_out(context, workspace, action, &mut made).await {
            Ok(()) => execution.attempts.push(Attempt::done(action)),
            Err(error) => {
                execution.attempts.push(Attempt::failed(action, &error));
                execution.failure = Some((action.operation(), error));
            }
        }
    }
    execution
}

/// A container that was just made, by the name that the plan calls it, and by its id.
type Made = Option<(String, ContainerId)>;

/// What is planned for a container that the plan itself makes is done to that very one: somebody may have
/// taken its name meanwhile.
fn about_what_was_made(made: &Made, action: &Action) -> Action {
    made.as_ref().map_or_else(|| action.clone(), |(name, id)| action.about(name, id))
}

async fn carry_out(
    context: &Context,
    workspace: &Workspace,
    action: &Action,
    made: &mut Made,
) -> Result<(), EngineError> {
    if let Action::CreateContainer(config) = action {
        *made = Some((config.name.clone(), context.engine.create(config).await?));
        return Ok(());
    }
    perform(context, workspace, action).await
}

async fn perform(
    context: &Context,
    workspace: &Workspace,
    action: &Action,
) -> Result<(), EngineError> {
    let work = context.engine.perform(action);
    if !matches!(action, Action::PullImage { .. }) {
        return work.await;
    }
    let mut pull = pin!(work);
    loop {
        tokio::select! {
            pulled = &mut pull => return pulled,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
        if is_superseded(context, workspace).await {
            return Err(EngineError {
                operation: action.operation(),
                class: ErrorClass::Retryable,
                reason: Reason::Busy,
                message: "given up: the workspace was declared anew".to_owned(),
            });
        }
    }
}

/// A store that does not answer says nothing against the pull.
async fn is_superseded(context: &Context, workspace: &Workspace) -> bool {
    let stored = context.workspaces.get(workspace.id).await;
    stored.is_ok_and(|stored| stored.is_none_or(|now| now.generation != workspace.generation))
}
