//! Looking at the engine before deciding: only what the decision can depend on is asked.
//!
//! Every question that fails makes the whole observation `Unknown`: half a truth is none.

use super::Context;
use trueup_domain::{
    condition::{ConditionType, Truth},
    container::{Container, ContainerState, ContainerSummary},
    desired::{Desired, Goal},
    drift::Remedy,
    error::EngineError,
    id::{ContainerId, Generation},
    label,
    observed::{Observation, Observed, Presence, ProjectFolder},
    pass::{Cause, CauseKind},
    spec::ImagePullPolicy,
};

/// How far to look. A settled workspace is looked at closely only now and then: its container alone
/// costs one question, the others three.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// At the container, and at others only while something is not as declared.
    Container,
    /// At everything that carries the workspace's label.
    All,
}

impl Reach {
    /// An event says that something happened to a container; whoever compares lists, or is asked to
    /// look, wants to know of others too.
    pub(super) fn of(causes: &[Cause]) -> Self {
        let kinds = [CauseKind::Start, CauseKind::Resync, CauseKind::Sync];
        if causes.iter().any(|cause| kinds.contains(&cause.kind)) {
            Self::All
        } else {
            Self::Container
        }
    }
}

/// Observes one workspace.
pub(super) async fn observe(context: &Context, desired: &Desired, reach: Reach) -> Observation {
    match look(context, desired, reach).await {
        Ok(observation) => observation,
        Err(error) => Observation::of(Observed::Unknown(error)),
    }
}

async fn look(
    context: &Context,
    desired: &Desired,
    reach: Reach,
) -> Result<Observation, EngineError> {
    let Found { container, others } = find(context, desired, reach).await?;
    let needs = Needs::of(desired, container.as_ref());
    let spec = &desired.workspace.spec;
    let image = if needs.image && spec.image_pull_policy == ImagePullPolicy::IfNotPresent {
        Presence::from(context.engine.has_image(&spec.image).await?)
    } else {
        Presence::NotAsked
    };
    let network = match &desired.network {
        Some(network) if needs.network => context.engine.network(&network.name).await?,
        _ => None,
    };
    let outgrown_network =
        if needs.outgrown { context.engine.network(&desired.config.name).await? } else { None };
    let volumes = if needs.volumes {
        context.engine.volumes(desired.workspace.id).await?
    } else {
        Vec::new()
    };
    let project = match &spec.project {
        Some(project) if needs.project => context.projects.look(&project.path).await,
        _ => ProjectFolder::NotAsked,
    };
    let container =
        container.map_or(Observed::Absent, |container| Observed::Present(Box::new(container)));
    Ok(Observation { container, others, image, network, outgrown_network, volumes, project })
}

/// What a decision about this container can depend on.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each question")]
struct Needs {
    image: bool,
    project: bool,
    network: bool,
    outgrown: bool,
    volumes: bool,
}

impl Needs {
    fn of(desired: &Desired, container: Option<&Container>) -> Self {
        let is_absent = container.is_none();
        // One that runs tells itself what it is attached to, but not what the one before it was.
        let may_be_left = is_absent || !is_settled(desired);
        let outgrown = may_be_left && may_have_outgrown_a_network(desired);
        match desired.goal {
            Goal::Running | Goal::Paused => {
                let makes_one =
                    container.is_none_or(|container| may_be_replaced(desired, container));
                let starts_one = !container.is_some_and(|container| container.state.has_process());
                Self {
                    image: makes_one,
                    project: makes_one || starts_one,
                    network: makes_one || starts_one,
                    outgrown,
                    volumes: false,
                }
            }
            Goal::Stopped => Self { outgrown, ..Self::default() },
            Goal::Archived => Self { network: is_absent, outgrown, ..Self::default() },
            Goal::Gone { volumes } => Self {
                network: is_absent,
                outgrown,
                volumes: volumes && is_absent,
                ..Self::default()
            },
        }
    }
}

/// Whether an older declaration may have given the workspace a network of its own, which it is not to
/// have now. The first declaration has none before it.
fn may_have_outgrown_a_network(desired: &Desired) -> bool {
    let own = &desired.config.name;
    desired.workspace.generation > Generation(1)
        && desired.network.as_ref().is_none_or(|network| network.name != *own)
}

/// Whether a new container may have to take this one's place. That its network was replaced is left
/// out here: it is not known yet, and whoever replaces it for that needs no other image.
fn may_be_replaced(desired: &Desired, container: &Container) -> bool {
    container.state == ContainerState::Dead
        || desired.is_outdated(container)
        || desired.drift(container, None).iter().any(|found| found.remedy == Remedy::Recreate)
}

/// The containers of a workspace.
struct Found {
    container: Option<Container>,
    others: Vec<Container>,
}

/// Finds the workspace's container by the id that was recorded, by its name, and last by its label:
/// somebody may have renamed it, and a second one must never be made beside it. A container that was
/// set aside for its successor is none of these.
///
/// Whether there are others beside it is asked as far as `reach` says.
async fn find(context: &Context, desired: &Desired, reach: Reach) -> Result<Found, EngineError> {
    let previous_name = desired.previous_name();
    let is_current = |container: &Container| container.config.name != previous_name;
    let workspace = &desired.workspace;
    let recorded = workspace.status.container.as_ref().map(|container| &container.id);
    // One that was just adopted was recorded by no pass yet, and has neither name nor label of ours.
    let mut container = match recorded.or(workspace.adopted.as_ref()) {
        Some(id) => context.engine.inspect(id).await?.filter(is_current),
        None => None,
    };
    let others_can_wait = is_settled(desired) || makes_none(desired);
    if container.is_some() && reach == Reach::Container && others_can_wait {
        return Ok(Found { container, others: Vec::new() });
    }
    let named = match container {
        Some(_) => None,
        None => context.engine.inspect(&ContainerId::new(desired.config.name.clone())).await?,
    };
    // By its name, too: whose image is gone is left out of a list, as nobody can tell whether its
    // labels are its own.
    let previous = context.engine.inspect(&ContainerId::new(previous_name.clone())).await?;
    let rows = in_order(context.engine.list(Some(desired.workspace.id)).await?);
    let belongs = |found: &Container| belongs(desired, found, &rows);
    container = container.or(named.filter(belongs));
    let mut others: Vec<_> = previous.into_iter().filter(belongs).collect();
    for row in &rows {
        if container.iter().chain(&others).any(|known| known.id == row.id) {
            continue;
        }
        match context.engine.inspect(&row.id).await? {
            Some(found) if container.is_none() && is_current(&found) => container = Some(found),
            Some(found) => others.push(found),
            None => {}
        }
    }
    Ok(Found { container, others })
}

/// Whether there is to be no container: this one goes first, and whoever then looks whether any is left
/// finds the others.
fn makes_none(desired: &Desired) -> bool {
    matches!(desired.goal, Goal::Archived | Goal::Gone { .. })
}

/// Whether the engine was seen to be as this generation declares it.
fn is_settled(desired: &Desired) -> bool {
    let workspace = &desired.workspace;
    let synced = workspace.status.conditions.get(ConditionType::Synced);
    workspace.deletion.is_none()
        && workspace.status.observed_generation == workspace.generation
        && synced.is_some_and(|synced| synced.status == Truth::True)
}

/// A name proves nothing: anybody can take one. Nor do labels, which an image may pass on: a list leaves
/// such containers out. What is known by its id needs neither.
fn belongs(desired: &Desired, container: &Container, rows: &[ContainerSummary]) -> bool {
    let is_labelled = [label::INSTANCE_ID, label::WORKSPACE_ID]
        .iter()
        .all(|key| container.label(key) == desired.config.labels.get(*key).map(String::as_str));
    let is_listed = rows.iter().any(|row| row.id == container.id);
    is_labelled && is_listed || desired.workspace.status.knows(&container.id)
}

/// Running ones first, then by id, so that two passes choose the same.
fn in_order(mut rows: Vec<ContainerSummary>) -> Vec<ContainerSummary> {
    rows.sort_by(|a, b| (!a.state.has_process(), &a.id).cmp(&(!b.state.has_process(), &b.id)));
    rows
}
