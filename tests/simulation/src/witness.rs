//! What a pass does, as it is seen at the ports: who does it, what it has tried since its last record,
//! and which rules that breaks.
//!
//! A pass is known by a task-local, which whoever runs it sets. Invariant: nothing here changes what
//! happens; it only looks.

use crate::court::{Court, Rule};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use trueup_domain::{
    action::Action,
    id::{Generation, WorkspaceId},
    label,
    pass::{AttemptOutcome, Pass},
    port::{PassRecord, Recorded},
    workspace::Workspace,
};
use trueup_engine_sim::{By, Removal, SimEngine, Snapshot, Thing};

/// How many passes are kept for the story.
const STORY: usize = 2_000;
/// How many actions are kept at rest, where there should be none.
const ACTIONS: usize = 20;

tokio::task_local! {
    /// The workspace of the pass that is at work.
    pub(crate) static PASS: WorkspaceId;
}

/// Looks on.
pub(crate) struct Witness {
    court: Arc<Court>,
    sim: SimEngine,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// What each workspace's pass tried since its last record, and whether it succeeded.
    tried: BTreeMap<WorkspaceId, Vec<(String, bool)>>,
    /// The first actions since it was told to forget them.
    actions: Vec<String>,
    observed: BTreeMap<WorkspaceId, Generation>,
    removals: usize,
    /// The names that the volumes begin with whose end was asked for.
    doomed: Vec<String>,
    /// The newest passes that were recorded, in words.
    passes: VecDeque<(Duration, String)>,
}

impl Witness {
    pub(crate) fn new(court: Arc<Court>, sim: SimEngine) -> Self {
        Self { court, sim, seen: Mutex::default() }
    }

    /// A new controller: what the one before had tried is recorded nowhere.
    pub(crate) fn begin_life(&self) {
        self.with(|seen| seen.tried.clear());
    }

    /// An action was tried. `row` is the workspace as it is stored now.
    pub(crate) fn tried(&self, action: &Action, succeeded: bool) {
        let Ok(id) = PASS.try_with(|id| *id) else { return };
        self.with(|seen| {
            seen.tried.entry(id).or_default().push((action.to_string(), succeeded));
            if seen.actions.len() < ACTIONS {
                seen.actions.push(format!("{id}: {action}"));
            }
        });
        if matches!(action, Action::StartContainer(_)) && succeeded {
            self.look_for_doubles(id);
        }
    }

    /// From here on actions count anew.
    pub(crate) fn forget_actions(&self) {
        self.with(|seen| seen.actions.clear());
    }

    /// The first actions since they were forgotten.
    pub(crate) fn actions(&self) -> Vec<String> {
        self.with(|seen| seen.actions.clone())
    }

    /// An action that names a container is about one of ours.
    pub(crate) fn may_touch(&self, action: &Action) {
        let Some(name) = subject(action) else { return };
        let held = self.sim.snapshot().containers;
        let named = held
            .values()
            .find(|view| view.container.id.as_str() == name || view.container.config.name == name);
        let is_foreign = named.is_some_and(|view| {
            view.container.label(label::INSTANCE_ID) != Some(crate::INSTANCE)
                || view.container.config.image.starts_with("copy:")
        });
        if is_foreign {
            self.court.accuse(Rule::R4, format!("`{action}` is about somebody else's container"));
        }
    }

    /// A user asks for the end of a workspace and its volumes.
    pub(crate) fn dooms(&self, row: &Workspace) {
        let name = trueup_domain::desired::container_name(row);
        self.with(|seen| seen.doomed.push(name));
    }

    /// Volumes that went since the last look must have been meant to.
    pub(crate) fn look_for_lost_volumes(&self) {
        let removals = self.sim.removals();
        let new = self.with(|seen| {
            let from = std::mem::replace(&mut seen.removals, removals.len());
            removals.get(from..).map(<[Removal]>::to_vec).unwrap_or_default()
        });
        for removal in new {
            let Removal { by: By::Client, thing: Thing::Volume { name, .. }, .. } = removal else {
                continue;
            };
            let was_meant = self.with(|seen| seen.doomed.iter().any(|of| name.starts_with(of)));
            if !was_meant {
                self.court.accuse(Rule::R9, format!("the volume {name} was removed"));
            }
        }
    }

    /// A pass is about to be recorded.
    pub(crate) fn records(&self, record: &PassRecord) {
        let id = record.workspace;
        let tried = self.with(|seen| seen.tried.remove(&id).unwrap_or_default());
        let told = told(&record.pass);
        if tried != told {
            let how = format!("{id}: it tried {tried:?} and recorded {told:?}");
            self.court.accuse(Rule::R8, how);
        }
        let (at, line) = (self.sim.uptime(), words(record));
        self.with(|seen| {
            seen.passes.push_back((at, line));
            if seen.passes.len() > STORY {
                seen.passes.pop_front();
            }
        });
        let observed = record.status.observed_generation;
        let before = self.with(|seen| seen.observed.insert(id, observed)).unwrap_or_default();
        if observed < before || observed > record.generation {
            let how = format!(
                "{id}: observed generation {observed} after {before}, of generation {}",
                record.generation
            );
            self.court.accuse(Rule::R6, how);
        }
        if record.remove {
            self.look_for_remains(id);
        }
    }

    /// A record was answered, when the stored workspace was as `before` says.
    pub(crate) fn recorded(
        &self,
        generation: Generation,
        before: Option<&Workspace>,
        outcome: &Recorded,
    ) {
        let is_old = before.is_none_or(|row| row.generation != generation);
        if is_old && !matches!(outcome, Recorded::Stale) {
            let how = format!("a pass for generation {generation} was stored over {before:?}");
            self.court.accuse(Rule::R5, how);
        }
    }

    /// The newest passes, and when they were recorded.
    pub(crate) fn passes(&self) -> Vec<(Duration, String)> {
        self.with(|seen| seen.passes.iter().cloned().collect())
    }

    fn look_for_remains(&self, id: WorkspaceId) {
        let held = self.sim.snapshot();
        if let Some(left) = of_workspace(&held, id).next() {
            let how = format!("{id} is forgotten while {left} exists");
            self.court.accuse(Rule::R7, how);
        }
    }

    /// A workspace whose container was just started has no other that runs.
    fn look_for_doubles(&self, id: WorkspaceId) {
        let (held, id) = (self.sim.snapshot(), id.to_string());
        let mut running: Option<&str> = None;
        for view in held.containers.values().filter(|view| view.process.is_some()) {
            let container = &view.container;
            let is_ours = container.label(label::INSTANCE_ID) == Some(crate::INSTANCE)
                && !container.config.image.starts_with("copy:");
            if !is_ours || container.label(label::WORKSPACE_ID) != Some(id.as_str()) {
                continue;
            }
            if let Some(other) = running.replace(&container.config.name) {
                let how = format!("{id} runs twice: {other} and {}", container.config.name);
                self.court.accuse(Rule::R4, how);
            }
        }
    }

    fn with<R>(&self, look: impl FnOnce(&mut Seen) -> R) -> R {
        look(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The names of a workspace's containers.
fn of_workspace(held: &Snapshot, id: WorkspaceId) -> impl Iterator<Item = &str> {
    let id = id.to_string();
    held.containers
        .values()
        .filter(move |view| {
            view.container.label(label::WORKSPACE_ID) == Some(id.as_str())
                && view.container.label(label::INSTANCE_ID) == Some(crate::INSTANCE)
                && !view.container.config.image.starts_with("copy:")
        })
        .map(|view| view.container.config.name.as_str())
}

/// A pass in a line.
fn words(record: &PassRecord) -> String {
    let pass = &record.pass;
    let causes: Vec<_> = pass.causes.iter().map(ToString::to_string).collect();
    let attempts: Vec<_> = pass
        .attempts
        .iter()
        .map(|attempt| match &attempt.outcome {
            AttemptOutcome::Done => attempt.action.clone(),
            outcome => format!("{} [{outcome:?}]", attempt.action),
        })
        .collect();
    format!(
        "PASS {} generation {} ({}): {}; did {attempts:?}; is {:?}{}",
        record.workspace,
        record.generation,
        causes.join(", "),
        pass.why,
        record.status.phase,
        if record.remove { ", gone" } else { "" }
    )
}

/// What a pass says that it tried.
fn told(pass: &Pass) -> Vec<(String, bool)> {
    pass.attempts
        .iter()
        .filter(|attempt| attempt.outcome != AttemptOutcome::Skipped)
        .map(|attempt| (attempt.action.clone(), attempt.outcome == AttemptOutcome::Done))
        .collect()
}

/// The container that an action changes.
fn subject(action: &Action) -> Option<&str> {
    match action {
        Action::StartContainer(id)
        | Action::KillContainer(id)
        | Action::PauseContainer(id)
        | Action::UnpauseContainer(id)
        | Action::RemoveContainer(id)
        | Action::StopContainer { container: id, .. }
        | Action::RenameContainer { container: id, .. }
        | Action::UpdateResources { container: id, .. } => Some(id.as_str()),
        _ => None,
    }
}
