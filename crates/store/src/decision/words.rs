//! The messages of the events that users cause: who did what, in one line.

use crate::error::Error;
use serde_json::{Map, Value};
use trueup_domain::{
    id::ContainerId,
    spec::{DesiredState, Spec},
};

pub(super) fn created(actor: &str, spec: &Spec) -> String {
    format!("{actor} declared it: {} with {}", word(spec.desired_state()), spec.image)
}

pub(super) fn adopted(actor: &str, container: &ContainerId, spec: &Spec) -> String {
    let id = container.as_str();
    format!("{actor} adopted the container {} with {}", id.get(..12).unwrap_or(id), spec.image)
}

pub(super) fn changed(actor: &str, fields: &[String]) -> String {
    format!("{actor} changed {}", fields.join(", "))
}

pub(super) fn state_requested(actor: &str, before: DesiredState, after: DesiredState) -> String {
    if before == after {
        format!("{actor} asked for state {} again", word(after))
    } else {
        format!("{actor} asked for state {} (was {})", word(after), word(before))
    }
}

pub(super) fn deletion_requested(actor: &str, volumes: bool, again: bool) -> String {
    match (volumes, again) {
        (true, true) => format!("{actor} asked for its volumes to be deleted too"),
        (true, false) => format!("{actor} asked for its deletion together with its volumes"),
        (false, _) => format!("{actor} asked for its deletion"),
    }
}

/// The top-level fields in which two specs differ, as a manifest spells them.
pub(super) fn changed_fields(before: &Spec, after: &Spec) -> Result<Vec<String>, Error> {
    let (before, after) = (fields(before)?, fields(after)?);
    let gone = before.keys().filter(|field| !after.contains_key(*field));
    let new_or_other =
        after.iter().filter(|(field, value)| before.get(*field) != Some(value)).map(|(f, _)| f);
    let mut changed: Vec<_> = gone.chain(new_or_other).cloned().collect();
    changed.sort_unstable();
    Ok(changed)
}

fn fields(spec: &Spec) -> Result<Map<String, Value>, Error> {
    match serde_json::to_value(spec) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => Err(Error::Unstorable(format!("a spec became {other}").into())),
        Err(error) => Err(Error::Unstorable(error.into())),
    }
}

const fn word(state: DesiredState) -> &'static str {
    match state {
        DesiredState::Running => "running",
        DesiredState::Stopped => "stopped",
        DesiredState::Paused => "paused",
        DesiredState::Archived => "archived",
    }
}
