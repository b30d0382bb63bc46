//! What a write makes of what is stored: pure, and the same for every backend.
//!
//! The generation counts what a pass has to act on: the spec, the wish for a state, the deletion.
//! Labels end up on nothing in the engine, so a change of labels alone makes a new resource version
//! and keeps the generation. The resource version counts what users write; a pass does not touch it,
//! so that a status that changes often cannot make every guarded write of a user fail.

mod words;

use crate::error::Error;
use jiff::Timestamp;
use trueup_domain::{
    adoption,
    error::StoreError,
    event::{EventType, NewEvent},
    id::{ContainerId, Generation, ResourceVersion, WorkspaceId},
    name::WorkspaceKey,
    port::{PassRecord, SpecWrite},
    spec::{DesiredState, Metadata, Spec},
    status::Status,
    workspace::{Deletion, Workspace},
};

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author<'a> {
    pub(crate) actor: &'a str,
    pub(crate) now: Timestamp,
}

/// What a write comes to.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is so already.
    Unchanged(Workspace),
    /// A workspace that was not there.
    Create(Draft),
    /// One that was, and how it is to be.
    Change { old: Box<Workspace>, draft: Draft },
}

/// What to store; the resource version is for the store to fill in.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) workspace: Workspace,
    pub(crate) event: NewEvent,
}

/// The owner and name that a write speaks of.
pub(crate) fn key_of(write: &SpecWrite) -> WorkspaceKey {
    match write {
        SpecWrite::Apply { metadata, .. } | SpecWrite::Adopt { metadata, .. } => metadata.key(),
        SpecWrite::SetState { key, .. } | SpecWrite::Delete { key, .. } => key.clone(),
    }
}

/// What `write` makes of the workspace that is stored under its key.
pub(crate) fn decide(
    write: &SpecWrite,
    stored: Option<Workspace>,
    author: Author<'_>,
) -> Result<Verdict, StoreError> {
    match (write, stored) {
        (SpecWrite::Apply { id_if_new, metadata, spec, expected: None }, None) => {
            Ok(Verdict::Create(create(*id_if_new, metadata, spec, author)))
        }
        (SpecWrite::Adopt { id_if_new, metadata, spec, container }, None) => {
            Ok(Verdict::Create(adopt((*id_if_new, container), metadata, spec, author)))
        }
        (SpecWrite::Adopt { container, .. }, Some(old)) => {
            refuse_deleted(&old)?;
            if old.adopted.as_ref() == Some(container) {
                return Ok(Verdict::Unchanged(old));
            }
            Err(StoreError::Conflict { subject: old.key().to_string() })
        }
        // The writer has seen a workspace that is gone by now.
        (SpecWrite::Apply { metadata, expected: Some(_), .. }, None) => {
            Err(StoreError::Conflict { subject: metadata.key().to_string() })
        }
        (SpecWrite::SetState { key, .. } | SpecWrite::Delete { key, .. }, None) => {
            Err(StoreError::NotFound { subject: key.to_string() })
        }
        (SpecWrite::Apply { metadata, spec, expected, .. }, Some(old)) => {
            refuse_deleted(&old)?;
            refuse_unexpected(&old, *expected)?;
            apply(old, metadata, spec, author)
        }
        (SpecWrite::SetState { state, renew, expected, .. }, Some(old)) => {
            refuse_deleted(&old)?;
            refuse_unexpected(&old, *expected)?;
            Ok(set_state(old, *state, *renew, author))
        }
        (SpecWrite::Delete { volumes, expected, .. }, Some(old)) => {
            refuse_unexpected(&old, *expected)?;
            Ok(delete(old, *volumes, author))
        }
    }
}

/// Whether a pass worked for what is stored now; `false`: it is stale.
///
/// # Errors
/// A record that would take back what was observed, or remove what nobody asked to end, is a fault of
/// the caller and refused.
pub(crate) fn is_current(record: &PassRecord, stored: &Workspace) -> Result<bool, Error> {
    if stored.generation != record.generation {
        return Ok(false);
    }
    let observed = record.status.observed_generation;
    if observed > stored.generation {
        return Err(Error::Refused(format!(
            "a status that has observed generation {observed} of {}, which is at {}",
            stored.key(),
            stored.generation
        )));
    }
    if observed < stored.status.observed_generation {
        return Err(Error::Refused(format!(
            "a status of {} that goes back from observed generation {} to {observed}",
            stored.key(),
            stored.status.observed_generation
        )));
    }
    if record.remove && stored.deletion.is_none() {
        return Err(Error::Refused(format!(
            "the removal of {}, whose end nobody asked for",
            stored.key()
        )));
    }
    Ok(true)
}

fn refuse_deleted(stored: &Workspace) -> Result<(), StoreError> {
    match stored.deletion {
        Some(_) => Err(StoreError::Deleting { subject: stored.key().to_string() }),
        None => Ok(()),
    }
}

fn refuse_unexpected(
    stored: &Workspace,
    expected: Option<ResourceVersion>,
) -> Result<(), StoreError> {
    if expected.is_some_and(|expected| expected != stored.resource_version) {
        return Err(StoreError::Conflict { subject: stored.key().to_string() });
    }
    Ok(())
}

/// The state is written down even when it is the default, so that giving it later is no change.
fn create(id: WorkspaceId, metadata: &Metadata, spec: &Spec, author: Author<'_>) -> Draft {
    let spec = Spec { state: Some(spec.desired_state()), ..spec.clone() };
    let message = words::created(author.actor, &spec);
    let workspace = Workspace {
        id,
        metadata: metadata.clone(),
        spec,
        generation: Generation(1),
        resource_version: ResourceVersion::default(),
        created_at: author.now,
        adopted: None,
        deletion: None,
        status: Status::default(),
    };
    Draft { workspace, event: event("workspace_created", message, author) }
}

fn adopt(
    (id, container): (WorkspaceId, &ContainerId),
    metadata: &Metadata,
    spec: &Spec,
    author: Author<'_>,
) -> Draft {
    let draft = create(id, metadata, spec, author);
    let message = words::adopted(author.actor, container, spec);
    let workspace = Workspace { adopted: Some(container.clone()), ..draft.workspace };
    Draft { workspace, event: event("workspace_adopted", message, author) }
}

fn apply(
    old: Workspace,
    metadata: &Metadata,
    spec: &Spec,
    author: Author<'_>,
) -> Result<Verdict, StoreError> {
    let state = spec.state.unwrap_or_else(|| old.spec.desired_state());
    let spec = Spec { state: Some(state), ..spec.clone() };
    let before = Spec { state: Some(old.spec.desired_state()), ..old.spec.clone() };
    let mut changed =
        words::changed_fields(&before, &spec).map_err(|error| error.during("compare specs"))?;
    let generation = if spec == before { old.generation } else { old.generation.next() };
    if old.metadata.labels != metadata.labels {
        changed.push("labels".to_owned());
    } else if spec == before {
        return Ok(Verdict::Unchanged(old));
    }
    let reason = if spec == before { "labels_changed" } else { "spec_changed" };
    let message = words::changed(author.actor, &changed);
    // Another container takes the place of the one that was adopted, and is made like any other.
    let adopted = old.adopted.clone().filter(|_| adoption::keeps(&before, &spec));
    let workspace =
        Workspace { metadata: metadata.clone(), spec, generation, adopted, ..old.clone() };
    let draft = Draft { workspace, event: event(reason, message, author) };
    Ok(Verdict::Change { old: Box::new(old), draft })
}

fn set_state(old: Workspace, state: DesiredState, renew: bool, author: Author<'_>) -> Verdict {
    let before = old.spec.desired_state();
    if state == before && !renew {
        return Verdict::Unchanged(old);
    }
    let message = words::state_requested(author.actor, before, state);
    let workspace = Workspace {
        spec: Spec { state: Some(state), ..old.spec.clone() },
        generation: old.generation.next(),
        ..old.clone()
    };
    let draft = Draft { workspace, event: event("state_requested", message, author) };
    Verdict::Change { old: Box::new(old), draft }
}

/// Who asked first, and when, stays; that the volumes go can be added. Both make a new generation, so
/// that a pass that did not know of it cannot end the workspace.
fn delete(old: Workspace, volumes: bool, author: Author<'_>) -> Verdict {
    let deletion = match &old.deletion {
        Some(deletion) if deletion.volumes || !volumes => return Verdict::Unchanged(old),
        Some(deletion) => Deletion { volumes, ..deletion.clone() },
        None => Deletion { requested_at: author.now, actor: author.actor.to_owned(), volumes },
    };
    let message = words::deletion_requested(author.actor, volumes, old.deletion.is_some());
    let workspace =
        Workspace { deletion: Some(deletion), generation: old.generation.next(), ..old.clone() };
    let draft = Draft { workspace, event: event("deletion_requested", message, author) };
    Verdict::Change { old: Box::new(old), draft }
}

fn event(reason: &str, message: String, author: Author<'_>) -> NewEvent {
    NewEvent {
        time: author.now,
        kind: EventType::ContainerUpdate,
        actor: author.actor.to_owned(),
        reason: reason.to_owned(),
        message,
        old_status: None,
        new_status: None,
        trace_id: None,
    }
}
