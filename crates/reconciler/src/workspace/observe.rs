//! Looking at the engine before deciding: only what the decision can depend on is asked.
//!
//! Every question that fails makes the whole observation `Unknown`: half a truth is none.

use super::Context;
use trueup_domain::{
    container::{Container, ContainerState, ContainerSummary},
    desired::{Desired, Goal},
    drift::{self, Remedy},
    error::EngineError,
    id::{ContainerId, Generation},
    label,
    observed::{Observation, Observed, Presence, ProjectFolder},
    spec::ImagePullPolicy,
};

/// Observes one workspace.
pub(super) async fn observe(context: &Context, desired: &Desired) -> Observation {
    match look(context, desired).await {
        Ok(observation) => observation,
        Err(error) => Observation::of(Observed::Unknown(error)),
    }
}

async fn look(context: &Context, desired: &Desired) -> Result<Observation, EngineError> {
    let container = find(context, desired).await?;
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
    Ok(Observation { container, image, network, outgrown_network, volumes, project })
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
        let outgrown = is_absent && may_have_outgrown_a_network(desired);
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
            Goal::Stopped => Self::default(),
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
        || drift::is_outdated(&desired.config, container)
        || drift::drift(&desired.config, container, None)
            .iter()
            .any(|found| found.remedy == Remedy::Recreate)
}

/// Finds the workspace's container by the id that was recorded, by its name, and last by its label:
/// somebody may have renamed it, and a second one must never be made beside it.
async fn find(context: &Context, desired: &Desired) -> Result<Option<Container>, EngineError> {
    let recorded = desired.workspace.status.container.as_ref().map(|container| &container.id);
    if let Some(id) = recorded
        && let Some(container) = context.engine.inspect(id).await?
    {
        return Ok(Some(container));
    }
    let name = ContainerId::new(desired.config.name.clone());
    if let Some(container) = context.engine.inspect(&name).await?
        && is_ours(desired, &container)
    {
        return Ok(Some(container));
    }
    for row in in_order(context.engine.list(Some(desired.workspace.id)).await?) {
        if let Some(container) = context.engine.inspect(&row.id).await? {
            return Ok(Some(container));
        }
    }
    Ok(None)
}

/// The name alone proves nothing: anybody can take one.
fn is_ours(desired: &Desired, container: &Container) -> bool {
    [label::INSTANCE_ID, label::WORKSPACE_ID]
        .iter()
        .all(|key| container.label(key) == desired.config.labels.get(*key).map(String::as_str))
}

/// Running ones first, then by id, so that two passes choose the same.
fn in_order(mut rows: Vec<ContainerSummary>) -> Vec<ContainerSummary> {
    rows.sort_by(|a, b| (!a.state.has_process(), &a.id).cmp(&(!b.state.has_process(), &b.id)));
    rows
}
