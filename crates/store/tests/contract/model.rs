//! A store held against a model: any sequence of calls has the same answers and leaves the same rows.
//!
//! The model is naive on purpose and shares no code with the store: a map, a counter, a list of words.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use trueup_domain::error::StoreError;

const NAMES: [&str; 3] = ["a", "b", "c"];
const IMAGES: [&str; 2] = ["debian:12", "debian:13"];
const STATES: [Option<DesiredState>; 4] =
    [None, Some(DesiredState::Running), Some(DesiredState::Stopped), Some(DesiredState::Archived)];

/// A call; indices choose from the constants above.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Write(Vec<Step>),
    Record { name: usize, behind: bool, remove: bool, observed: u64 },
}

/// One write of a call.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Apply { name: usize, image: usize, state: usize, label: bool, guard: Guard },
    SetState { name: usize, state: usize, renew: bool, guard: Guard },
    Delete { name: usize, volumes: bool, guard: Guard },
}

/// The version that a write names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Guard {
    None,
    Right,
    Wrong,
}

pub(crate) fn calls() -> impl Strategy<Value = Vec<Call>> {
    let record =
        (0..3_usize, prop::bool::weighted(0.2), prop::bool::weighted(0.3), 0..4_u64).prop_map(
            |(name, behind, remove, observed)| Call::Record { name, behind, remove, observed },
        );
    let write = prop::collection::vec(step(), 1..4).prop_map(Call::Write);
    prop::collection::vec(prop_oneof![3 => write, 2 => record], 1..30)
}

fn step() -> impl Strategy<Value = Step> {
    let guard =
        || prop_oneof![6 => Just(Guard::None), 2 => Just(Guard::Right), 1 => Just(Guard::Wrong)];
    let apply = (0..3_usize, 0..2_usize, 0..4_usize, any::<bool>(), guard()).prop_map(
        |(name, image, state, label, guard)| Step::Apply { name, image, state, label, guard },
    );
    let set_state = (0..3_usize, 1..4_usize, any::<bool>(), guard())
        .prop_map(|(name, state, renew, guard)| Step::SetState { name, state, renew, guard });
    let delete = (0..3_usize, any::<bool>(), guard())
        .prop_map(|(name, volumes, guard)| Step::Delete { name, volumes, guard });
    prop_oneof![5 => apply, 2 => set_state, 1 => delete]
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Row {
    id: u64,
    generation: u64,
    version: u64,
    image: &'static str,
    state: DesiredState,
    label: bool,
    volumes_go: Option<bool>,
    observed: u64,
}

#[derive(Debug, Clone, Default)]
struct Model {
    rows: BTreeMap<&'static str, Row>,
    ids: u64,
    version: u64,
    /// The reasons of all events, with their workspaces.
    log: Vec<(u64, String)>,
    passes: BTreeMap<u64, usize>,
}

/// Makes all calls on the store and on the model, and compares after each.
pub(crate) async fn check(store: &impl Store, calls: Vec<Call>) {
    let mut model = Model::default();
    for call in calls {
        match call {
            Call::Write(steps) => {
                let before = model.clone();
                let (writes, expected) = model.write(&steps);
                if expected.is_err() {
                    // Ids are the caller's and are not given out a second time.
                    model = Model { ids: model.ids, ..before };
                }
                let answer = store.write(writes, "alice", at(0)).await;
                assert_eq!(
                    answer.as_deref().map(words).map_err(|e| refusal(e).to_owned()),
                    expected
                );
            }
            Call::Record { name, behind, remove, observed } => {
                let Some((record, expected)) = model.record(NAMES[name], behind, remove, observed)
                else {
                    continue;
                };
                let answer = match store.record(record).await {
                    Ok(Recorded::Stored(_)) => "stored",
                    Ok(Recorded::Removed) => "removed",
                    Ok(Recorded::Stale) => "stale",
                    Err(_) => "refused",
                };
                assert_eq!(answer, expected);
            }
        }
        model.compare(store).await;
    }
}

fn words(written: &[Written]) -> Vec<&'static str> {
    let word = |written: &Written| match written {
        Written::Created(_) => "created",
        Written::Changed(_) => "changed",
        Written::Unchanged(_) => "unchanged",
    };
    written.iter().map(word).collect()
}

fn refusal(error: &StoreError) -> &'static str {
    match error {
        StoreError::Conflict { .. } => "conflict",
        StoreError::Deleting { .. } => "deleting",
        StoreError::NotFound { .. } => "not found",
        StoreError::Backend { .. } => "backend",
    }
}

impl Model {
    /// The writes as the store gets them, and what must come of them.
    fn write(&mut self, steps: &[Step]) -> (Vec<SpecWrite>, Result<Vec<&'static str>, String>) {
        let mut writes = Vec::new();
        let mut answers = Ok(Vec::new());
        for step in steps {
            let (write, answer) = self.step(step);
            writes.push(write);
            if let Ok(words) = &mut answers {
                match answer {
                    Ok(word) => words.push(word),
                    Err(refusal) => answers = Err(refusal.to_owned()),
                }
            }
        }
        (writes, answers)
    }

    fn step(&mut self, step: &Step) -> (SpecWrite, Result<&'static str, &'static str>) {
        let (name, guard) = match *step {
            Step::Apply { name, guard, .. }
            | Step::SetState { name, guard, .. }
            | Step::Delete { name, guard, .. } => (NAMES[name], guard),
        };
        let row = self.rows.get(name).copied();
        let seen = row.as_ref().map_or(1, |row| row.version);
        let expected = match guard {
            Guard::None => None,
            Guard::Right => Some(ResourceVersion(seen)),
            Guard::Wrong => Some(ResourceVersion(seen + 1000)),
        };
        let deleting = row.as_ref().is_some_and(|row| row.volumes_go.is_some());
        let wrong = matches!(guard, Guard::Wrong);
        match *step {
            Step::Apply { image, state, label, .. } => {
                self.ids += 1;
                let metadata = if label { labelled(name, "x") } else { metadata(name) };
                let wanted = Spec { state: STATES[state], ..spec(IMAGES[image]) };
                let write = apply_as(self.ids, metadata, wanted, expected);
                let answer = match row {
                    None if expected.is_some() => Err("conflict"),
                    None => {
                        let state = STATES[state].unwrap_or(DesiredState::Running);
                        let id = self.ids;
                        let new = Row {
                            id,
                            generation: 0,
                            version: 0,
                            image: IMAGES[image],
                            state,
                            label,
                            volumes_go: None,
                            observed: 0,
                        };
                        self.put(name, new, "workspace_created");
                        Ok("created")
                    }
                    Some(_) if deleting => Err("deleting"),
                    Some(_) if wrong => Err("conflict"),
                    Some(old) => {
                        let state = STATES[state].unwrap_or(old.state);
                        let new = Row { image: IMAGES[image], state, label, ..old };
                        if new == old {
                            Ok("unchanged")
                        } else if (Row { label: old.label, ..new }) == old {
                            let generation = old.generation - 1;
                            self.put(name, Row { generation, ..new }, "labels_changed");
                            Ok("changed")
                        } else {
                            self.put(name, new, "spec_changed");
                            Ok("changed")
                        }
                    }
                };
                (write, answer)
            }
            Step::SetState { state, renew, .. } => {
                let state = STATES[state].unwrap();
                let write = SpecWrite::SetState { key: key(name), state, renew, expected };
                let answer = match row {
                    None => Err("not found"),
                    Some(_) if deleting => Err("deleting"),
                    Some(_) if wrong => Err("conflict"),
                    Some(old) if old.state == state && !renew => Ok("unchanged"),
                    Some(old) => {
                        self.put(name, Row { state, ..old }, "state_requested");
                        Ok("changed")
                    }
                };
                (write, answer)
            }
            Step::Delete { volumes, .. } => {
                let write = SpecWrite::Delete { key: key(name), volumes, expected };
                let answer = match row {
                    None => Err("not found"),
                    Some(_) if wrong => Err("conflict"),
                    Some(Row { volumes_go: Some(going), .. }) if going || !volumes => {
                        Ok("unchanged")
                    }
                    Some(old) => {
                        let new = Row { volumes_go: Some(volumes), ..old };
                        self.put(name, new, "deletion_requested");
                        Ok("changed")
                    }
                };
                (write, answer)
            }
        }
    }

    /// Stores a row as the next generation and version, with its event.
    fn put(&mut self, name: &'static str, row: Row, reason: &str) {
        self.version += 1;
        self.log.push((row.id, reason.to_owned()));
        let generation = row.generation + 1;
        self.rows.insert(name, Row { generation, version: self.version, ..row });
    }

    /// A record for a workspace that is there, and what must come of it.
    fn record(
        &mut self,
        name: &'static str,
        behind: bool,
        remove: bool,
        observed: u64,
    ) -> Option<(PassRecord, &'static str)> {
        let row = self.rows.get_mut(name)?;
        let generation = row.generation - u64::from(behind);
        let record = PassRecord {
            workspace: id(row.id),
            generation: Generation(generation),
            status: Status { observed_generation: Generation(observed), ..Status::default() },
            events: vec![status_event("told")],
            pass: pass(Generation(generation), ""),
            remove,
        };
        if behind {
            return Some((record, "stale"));
        }
        let is_fair = observed <= row.generation && observed >= row.observed;
        if !is_fair || (remove && row.volumes_go.is_none()) {
            return Some((record, "refused"));
        }
        row.observed = observed;
        let id = row.id;
        self.log.push((id, "told".to_owned()));
        *self.passes.entry(id).or_default() += 1;
        if remove {
            self.rows.remove(name);
            return Some((record, "removed"));
        }
        Some((record, "stored"))
    }

    async fn compare(&self, store: &impl Store) {
        let listed = store.list().await.unwrap();
        assert_eq!(listed.len(), self.rows.len());
        for (workspace, (name, row)) in listed.iter().zip(&self.rows) {
            assert_eq!(workspace.key(), key(name));
            let is = Row {
                id: row.id,
                generation: workspace.generation.0,
                version: workspace.resource_version.0,
                image: IMAGES
                    .into_iter()
                    .find(|image| *image == workspace.spec.image.as_str())
                    .unwrap(),
                state: workspace.spec.desired_state(),
                label: !workspace.metadata.labels.is_empty(),
                volumes_go: workspace.deletion.as_ref().map(|deletion| deletion.volumes),
                observed: workspace.status.observed_generation.0,
            };
            assert_eq!(&is, row);
            assert_eq!(workspace.id, id(row.id));
        }
        let events = all_events(store).await;
        let log: Vec<_> = events.iter().map(|e| (e.workspace_id, e.what.reason.clone())).collect();
        let expected: Vec<_> =
            self.log.iter().map(|(n, reason)| (id(*n), reason.clone())).collect();
        assert_eq!(log, expected);
        assert!(events.iter().zip(1..).all(|(event, place)| event.id.0 == place));
        for (number, count) in &self.passes {
            assert_eq!(store.passes(id(*number), 100).await.unwrap().len(), *count);
        }
    }
}
