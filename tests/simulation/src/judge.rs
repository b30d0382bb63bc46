//! The judgement on a world at rest: engine and store beside each other, every workspace by the rules.

use crate::{
    court::{Court, Rule},
    life::timeless_policy,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use trueup_domain::{
    condition::ConditionType,
    container::{Container, ContainerState},
    desired::{Desired, Goal},
    drift::{self, Remedy},
    id::{ContainerId, WorkspaceId},
    label,
    spec::{OnDrift, RecoveryPolicy},
    status::{Phase, WorkspaceStatus},
    workspace::Workspace,
};
use trueup_engine_sim::{By, ContainerView, Removal, Snapshot, Thing};

/// What there is to be judged.
pub(crate) struct Evidence<'a> {
    pub(crate) rows: BTreeMap<WorkspaceId, Arc<Workspace>>,
    pub(crate) held: Snapshot,
    /// Workspaces whose volumes were to go with them.
    pub(crate) doomed: &'a BTreeSet<WorkspaceId>,
    /// Containers that carry our labels and are not ours.
    pub(crate) copies: &'a BTreeSet<ContainerId>,
    /// What is gone.
    pub(crate) removals: Vec<Removal>,
    /// Whether all that went wrong was what the engine told.
    pub(crate) is_whisper: bool,
}

impl Evidence<'_> {
    /// Accuses whatever is wrong.
    pub(crate) fn judge(&self, court: &Court) {
        for row in self.rows.values() {
            if let Err((rule, how)) = self.judge_workspace(row) {
                let status = &row.status;
                let told = format!(
                    "{} {} (generation {}): {how}; its status: {:?} {:?}",
                    row.id, row.metadata.name, row.generation, status.phase, status.conditions
                );
                court.accuse(rule, told);
            }
        }
        self.look_for_leaks(court);
    }

    fn judge_workspace(&self, row: &Arc<Workspace>) -> Result<(), (Rule, String)> {
        let desired = Desired::new(Arc::clone(row), &timeless_policy());
        let views = self.containers_of(row.id);
        let containers: Vec<&Container> = views.iter().map(|view| &view.container).collect();
        let status = &row.status;
        let seen: Vec<_> = containers.iter().map(|container| container.state).collect();
        if containers.len() > 1 {
            let names: Vec<_> = containers.iter().map(|one| one.config.name.as_str()).collect();
            return Err((Rule::R3, format!("it has {} containers: {names:?}", containers.len())));
        }
        let container = containers.first().copied();
        let fail = |how: String| Err((Rule::R1, how));
        if status.observed_generation != row.generation {
            return fail(format!("only generation {} was seen", status.observed_generation));
        }
        let told = status.container.as_ref().map(|told| (&told.id, told.state));
        if told != container.map(|container| (&container.id, container.state)) {
            return fail(format!("it says {told:?} and the engine has {seen:?}"));
        }
        if status.status != coarse(desired.goal, container) {
            return fail(format!("it is said to be {} with {seen:?}", status.status));
        }
        if !is_at_rest(row) {
            return fail(format!("it is not in sync, with {seen:?}"));
        }
        if let Err(how) = is_as_declared(&desired, container) {
            return fail(how);
        }
        let starts: u64 = views.iter().map(|view| view.starts).sum();
        if self.is_whisper && starts > 1 {
            return Err((Rule::R4, format!("it was started {starts} times, and nothing happened")));
        }
        Ok(())
    }

    fn containers_of(&self, id: WorkspaceId) -> Vec<&ContainerView> {
        let id = id.to_string();
        let is_its = |view: &&ContainerView| {
            view.container.label(label::WORKSPACE_ID) == Some(id.as_str()) && self.is_ours(view)
        };
        self.held.containers.values().filter(is_its).collect()
    }

    fn is_ours(&self, view: &ContainerView) -> bool {
        view.container.label(label::INSTANCE_ID) == Some(crate::INSTANCE)
            && !self.copies.contains(&view.container.id)
    }

    fn look_for_leaks(&self, court: &Court) {
        for view in self.held.containers.values().filter(|view| self.is_ours(view)) {
            let of = view.container.label(label::WORKSPACE_ID).unwrap_or_default();
            if !self.rows.keys().any(|id| id.to_string() == of) {
                let name = &view.container.config.name;
                court.accuse(Rule::R3, format!("the container {name} belongs to no workspace"));
            }
        }
        for removal in &self.removals {
            let Removal { by: By::Client, thing: Thing::Container { id, name }, .. } = removal
            else {
                continue;
            };
            if self.copies.contains(id) {
                court.accuse(Rule::R4, format!("{name}, which is not ours, was removed"));
            }
        }
        self.look_for_left_networks(court);
        for (name, view) in &self.held.volumes {
            let of = view.volume.labels.get(label::WORKSPACE_ID).map_or("", String::as_str);
            let is_doomed = self.doomed.iter().any(|id| id.to_string() == of);
            let is_gone = !self.rows.keys().any(|id| id.to_string() == of);
            if is_doomed && is_gone {
                court.accuse(Rule::R3, format!("the volume {name} was to go and is left"));
            }
        }
    }

    /// A network of a workspace's own is wanted by that workspace. Shared ones are as many as there are
    /// shards, and may stay.
    fn look_for_left_networks(&self, court: &Court) {
        let held = self.held.containers.values().filter(|view| self.is_ours(view));
        let used = held.map(|view| view.container.config.network.network().to_owned());
        let wanted: BTreeSet<String> = self
            .rows
            .values()
            .map(|row| Desired::new(Arc::clone(row), &timeless_policy()))
            .filter(|desired| desired.goal != Goal::Archived)
            .filter_map(|desired| Some(desired.network?.name))
            .chain(used)
            .collect();
        for (name, network) in &self.held.networks {
            let is_ours =
                network.labels.get(label::INSTANCE_ID).map(String::as_str) == Some(crate::INSTANCE);
            if is_ours && !name.contains("-shared-") && !wanted.contains(name) {
                court.accuse(Rule::R3, format!("the network {name} is left"));
            }
        }
    }
}

/// Whether a workspace is where it should be, or says why it gets no further.
fn is_at_rest(row: &Workspace) -> bool {
    let status = &row.status;
    if status.conditions.is_true(ConditionType::Synced) {
        return true;
    }
    let reason = status.conditions.get(ConditionType::Degraded).map(|told| told.reason.as_str());
    let limit = row.spec.recovery.give_up_after;
    match reason {
        Some("GaveUp") => limit > 0 && status.recovery.crashes >= limit,
        Some("Drift") => row.spec.on_drift == OnDrift::Report,
        _ => status.rollback.as_ref().is_some_and(|rollback| limit > 0 && rollback.count >= limit),
    }
}

fn coarse(goal: Goal, container: Option<&Container>) -> WorkspaceStatus {
    match (goal, container.map(|container| container.state)) {
        (_, Some(ContainerState::Running)) => WorkspaceStatus::Active,
        (Goal::Archived, None) => WorkspaceStatus::Archived,
        _ => WorkspaceStatus::Inactive,
    }
}

/// Whether the container is what the declaration asks for, or rests as its rules allow.
fn is_as_declared(desired: &Desired, container: Option<&Container>) -> Result<(), String> {
    let state = container.map(|container| container.state);
    let spec = &desired.workspace.spec;
    let phase = desired.workspace.status.phase;
    let is_right = match (desired.goal, state) {
        (Goal::Running, Some(ContainerState::Running))
        | (Goal::Paused, Some(ContainerState::Paused))
        | (Goal::Archived, None) => true,
        (Goal::Running | Goal::Paused, Some(ContainerState::Exited)) => {
            phase == Phase::CrashLoop || spec.recovery.policy != RecoveryPolicy::Always
        }
        (Goal::Stopped, state) => state.is_none_or(|state| !state.has_process()),
        _ => false,
    };
    if !is_right {
        return Err(format!("it should be {:?} and is {state:?}", desired.goal));
    }
    let runs = matches!(desired.goal, Goal::Running | Goal::Paused);
    let Some(container) = container.filter(|_| runs) else { return Ok(()) };
    if desired.workspace.status.rollback.is_some() {
        return Ok(());
    }
    if drift::is_outdated(&desired.config, container) {
        return Err("its container is of an older declaration".to_owned());
    }
    let mut differences = drift::drift(&desired.config, container, None);
    let has_process = container.state.has_process();
    // Without a process it is replaced when it is to start.
    differences.retain(|found| match found.remedy {
        Remedy::Rename | Remedy::Update => true,
        Remedy::Recreate => has_process,
        Remedy::RecreateToStart => false,
    });
    if spec.on_drift == OnDrift::Recreate && !differences.is_empty() {
        return Err(format!("it differs: {differences:?}"));
    }
    Ok(())
}

/// Whether two kills of its container in a row must be mended at once.
pub(crate) fn can_be_probed(row: &Workspace) -> bool {
    row.deletion.is_none()
        && row.status.phase == Phase::Running
        && row.status.rollback.is_none()
        && row.status.recovery.crashes == 0
        && row.spec.recovery.policy == RecoveryPolicy::Always
        && row.spec.recovery.give_up_after > 2
        && row.status.conditions.is_true(ConditionType::Synced)
}

/// What those say that have not come to rest.
pub(crate) fn restless(rows: &BTreeMap<WorkspaceId, Arc<Workspace>>) -> String {
    let told: Vec<_> = rows
        .values()
        .filter(|row| !is_at_rest(row))
        .map(|row| {
            format!("{}: {:?} {:?}", row.metadata.name, row.status.phase, row.status.conditions)
        })
        .collect();
    if told.is_empty() { "all say that they are".to_owned() } else { told.join("; ") }
}
