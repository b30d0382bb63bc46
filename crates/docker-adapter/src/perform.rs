//! Actions: one arm each, one engine call each, and "already so" is success. Only new limits may take a
//! second call: a container that somebody has made with a quota takes them as nothing else.
//!
//! A container that the plan observed is named by its id, so that an action cannot reach another one
//! that has taken its name; that id was read from a container of ours, which is why nothing is
//! checked again here. Only a creation meets names that others may have: it looks at the holder's
//! labels. Deliberately absent: a second attempt, which is the queue's to make.

use crate::{call::Caller, create, engine, inherited, network, operation::Operation, pull, volume};
use bollard::{
    errors::Error as Refusal,
    models::ContainerUpdateBody,
    query_parameters::{
        CreateContainerOptionsBuilder, KillContainerOptions, RemoveContainerOptionsBuilder,
        RenameContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
    },
};
use std::time::Duration;
use trueup_domain::{
    action::Action,
    container::{Container, ContainerConfig},
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, InstanceId},
    label,
    spec::Resources,
};

/// Tries the action once.
pub(crate) async fn perform(
    caller: &Caller,
    instance: &InstanceId,
    action: &Action,
) -> Result<(), EngineError> {
    match action {
        Action::PullImage { image } => pull::pull(caller, image).await,
        Action::EnsureNetwork(config) => network::ensure(caller, instance, config).await,
        Action::EnsureVolume { name, labels } => {
            volume::ensure(caller, instance, name, labels).await
        }
        Action::CreateContainer(config) => create(caller, config).await.map(|_| ()),
        Action::StartContainer(container) => start(caller, container).await,
        Action::StopContainer { container, grace } => stop(caller, container, *grace).await,
        Action::KillContainer(container) => kill(caller, container).await,
        Action::PauseContainer(container) => pause(caller, container).await,
        Action::UnpauseContainer(container) => unpause(caller, container).await,
        Action::RenameContainer { container, to } => rename(caller, container, to).await,
        Action::UpdateResources { container, resources } => {
            update(caller, container, *resources).await
        }
        Action::RemoveContainer(container) => remove(caller, container, true).await,
        Action::RemoveNetwork { name } => network::remove(caller, instance, name).await,
        Action::RemoveVolume { name } => volume::remove(caller, instance, name).await,
    }
}

/// The id or name, if it can stand in a path: bollard puts it there as it is.
pub(crate) fn path_segment(
    operation: Operation,
    container: &ContainerId,
) -> Result<&str, EngineError> {
    let text = container.as_str();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(plain) {
        return Ok(text);
    }
    Err(EngineError {
        operation: operation.words(),
        class: ErrorClass::Terminal,
        reason: Reason::Refused,
        message: format!("`{text}` is no container's name"),
    })
}

/// The answer is the id of the container that has the name now.
pub(crate) async fn create(
    caller: &Caller,
    config: &ContainerConfig,
) -> Result<ContainerId, EngineError> {
    let options = CreateContainerOptionsBuilder::default().name(&config.name).build();
    // On the heap: the body is far larger than all else that a pass holds.
    let work = Box::pin(caller.docker().create_container(Some(options), create::body(config)));
    match caller.call(Operation::Create, &config.name, work).await {
        Err(error) if error.reason == Reason::NameConflict => {
            let holder = engine::inspect(caller, &ContainerId::new(&*config.name)).await?;
            judge_holder(caller, config, holder.as_ref(), error).await
        }
        outcome => outcome.map(|made| ContainerId::new(made.id)),
    }
}

/// The name is taken: by an earlier attempt of ours, by somebody else, or by a container that cannot
/// be inspected: it is gone again, or is only being made, as the engine reserves the name first.
async fn judge_holder(
    caller: &Caller,
    config: &ContainerConfig,
    holder: Option<&Container>,
    error: EngineError,
) -> Result<ContainerId, EngineError> {
    let Some(holder) = holder else {
        let class = ErrorClass::Retryable;
        return Err(EngineError { class, reason: Reason::Busy, ..error });
    };
    let is_ours = [label::INSTANCE_ID, label::WORKSPACE_ID].into_iter().all(|key| {
        let wanted = config.labels.get(key);
        wanted.is_some() && wanted.map(String::as_str) == holder.label(key)
    });
    if is_ours && !inherited::is_inherited(caller, holder).await? {
        return Ok(holder.id.clone());
    }
    Err(error)
}

async fn start(caller: &Caller, container: &ContainerId) -> Result<(), EngineError> {
    let name = path_segment(Operation::Start, container)?;
    let work = caller.docker().start_container(name, None::<StartContainerOptions>);
    caller.call(Operation::Start, name, work).await
}

async fn stop(
    caller: &Caller,
    container: &ContainerId,
    grace: Duration,
) -> Result<(), EngineError> {
    let name = path_segment(Operation::Stop, container)?;
    // The engine counts whole seconds; a started one is granted whole.
    let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
    let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
    let options = StopContainerOptionsBuilder::default().t(seconds).build();
    let work = caller.docker().stop_container(name, Some(options));
    let deadline = grace.saturating_add(caller.deadlines.stop_margin);
    caller.call_within(Operation::Stop, name, deadline, work).await
}

async fn kill(caller: &Caller, container: &ContainerId) -> Result<(), EngineError> {
    let name = path_segment(Operation::Kill, container)?;
    let work = async {
        let answer = caller.docker().kill_container(name, None::<KillContainerOptions>).await;
        fine_if(answer, "is not running")
    };
    caller.call(Operation::Kill, name, work).await
}

async fn pause(caller: &Caller, container: &ContainerId) -> Result<(), EngineError> {
    let name = path_segment(Operation::Pause, container)?;
    let work = async {
        let answer = caller.docker().pause_container(name).await;
        fine_if(answer, "is already paused")
    };
    caller.call(Operation::Pause, name, work).await
}

async fn unpause(caller: &Caller, container: &ContainerId) -> Result<(), EngineError> {
    let name = path_segment(Operation::Unpause, container)?;
    let work = async {
        let answer = caller.docker().unpause_container(name).await;
        fine_if(answer, "is not paused")
    };
    caller.call(Operation::Unpause, name, work).await
}

async fn rename(caller: &Caller, container: &ContainerId, to: &str) -> Result<(), EngineError> {
    let name = path_segment(Operation::Rename, container)?;
    let options = RenameContainerOptionsBuilder::default().name(to).build();
    let work = async {
        let answer = caller.docker().rename_container(name, options).await;
        fine_if(answer, "same name as its current name")
    };
    caller.call(Operation::Rename, name, work).await
}

async fn update(
    caller: &Caller,
    container: &ContainerId,
    resources: Resources,
) -> Result<(), EngineError> {
    let name = path_segment(Operation::Update, container)?;
    let memory = create::bytes(resources.memory);
    let body = ContainerUpdateBody {
        nano_cpus: Some(resources.cpus.nanos()),
        memory: Some(memory),
        // No swap beyond it. Without this a larger limit is refused, as it would exceed the sum.
        memory_swap: Some(memory),
        pids_limit: Some(i64::from(resources.pids)),
        restart_policy: Some(create::no_restart()),
        ..Default::default()
    };
    let work = async {
        match caller.docker().update_container(name, body.clone()).await {
            Err(refusal) if is_bound_to_a_quota(&refusal) => {
                let quota = Some(resources.cpus.nanos() / (1_000_000_000 / QUOTA_PERIOD));
                let (nano_cpus, cpu_period) = (None, Some(QUOTA_PERIOD));
                let body = ContainerUpdateBody { nano_cpus, cpu_period, cpu_quota: quota, ..body };
                caller.docker().update_container(name, body).await
            }
            answer => answer,
        }
    };
    caller.call(Operation::Update, name, work).await
}

/// The period that the engine itself makes of a number of cores, microseconds.
const QUOTA_PERIOD: i64 = 100_000;

/// An adopted container may have been made with a quota and a period. To such a one the engine never
/// gives a number of cores.
fn is_bound_to_a_quota(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::DockerResponseServerError { message, .. }
            if message.contains("Nano CPUs cannot be updated as")
    )
}

/// Named volumes are never touched by this call; those without a name go with it if `volumes` are to.
/// A removal that somebody else has begun counts as busy and not as done: the container is still there.
pub(crate) async fn remove(
    caller: &Caller,
    container: &ContainerId,
    volumes: bool,
) -> Result<(), EngineError> {
    let name = path_segment(Operation::Remove, container)?;
    let options = RemoveContainerOptionsBuilder::default().force(true).v(volumes).build();
    let work = async {
        match caller.docker().remove_container(name, Some(options)).await {
            Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(()),
            answer => answer,
        }
    };
    caller.call(Operation::Remove, name, work).await
}

/// The engine has no status code of its own for "already so" here, only words.
fn fine_if(answer: Result<(), Refusal>, already: &str) -> Result<(), Refusal> {
    match answer {
        Err(Refusal::DockerResponseServerError { message, .. }) if message.contains(already) => {
            Ok(())
        }
        answer => answer,
    }
}
