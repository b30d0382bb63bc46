//! The events of a pass: what changed between two statuses, in the order in which it was seen.

use crate::{
    condition::{Condition, ConditionType, Truth},
    container::HealthState,
    event::{CONTROLLER, EventType, NewEvent},
    id::Generation,
    status::{ContainerStatus, Phase, Status},
    usage::Resource,
    workspace::Workspace,
};
use jiff::Timestamp;

/// What to tell about the step from one status to the next.
///
/// A pass that mends something sees three statuses: the stored one, what it found, and what it left
/// behind. Told in two steps, the log holds the fall and the recovery even if both took milliseconds.
pub fn events(old: &Status, new: &Status, time: Timestamp) -> Vec<NewEvent> {
    let teller = Teller { time };
    [
        teller.status(old, new),
        teller.container(old, new),
        teller.trouble(old, new),
        teller.recovery(old, new),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What to tell when a pass whose actions all succeeded brought back what had changed behind our back:
/// its generation was in sync before, and is again. A command that keeps ending is not brought back
/// by being started.
pub fn repair(
    before: &Workspace,
    after: &Status,
    actions: &[String],
    why: &str,
    time: Timestamp,
) -> Option<NewEvent> {
    let is_repair = !actions.is_empty()
        && before.status.synced_generation == before.generation
        && after.conditions.is_true(ConditionType::Synced)
        && !after.conditions.is_true(ConditionType::Degraded);
    let message = || format!("{why}: {}", actions.join(", "));
    is_repair.then(|| Teller { time }.event(EventType::Recovery, "repaired".to_owned(), message()))
}

struct Teller {
    time: Timestamp,
}

impl Teller {
    fn event(&self, kind: EventType, reason: String, message: String) -> NewEvent {
        NewEvent {
            time: self.time,
            kind,
            actor: CONTROLLER.to_owned(),
            reason,
            message,
            old_status: None,
            new_status: None,
            trace_id: None,
        }
    }

    fn status(&self, old: &Status, new: &Status) -> Option<NewEvent> {
        let is_first = old.observed_generation == Generation::default();
        let (reason, old_status) = if is_first {
            ("workspace_initialized".to_owned(), None)
        } else if old.status == new.status {
            return None;
        } else {
            (format!("status_changed_{}_to_{}", old.status, new.status), Some(old.status))
        };
        let message = format!("the workspace is {} ({})", new.status, new.phase);
        let event = self.event(EventType::StatusChanged, reason, message);
        Some(NewEvent { old_status, new_status: Some(new.status), ..event })
    }

    fn container(&self, old: &Status, new: &Status) -> Option<NewEvent> {
        let (before, after) = (old.container.as_ref(), new.container.as_ref());
        let is_same = match (before, after) {
            (Some(before), Some(after)) => {
                before.id == after.id
                    && before.state == after.state
                    && before.started_at == after.started_at
            }
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return self.health(before?, after?);
        }
        let reason =
            format!("container_state_changed_{}_to_{}", state_word(before), state_word(after));
        Some(self.event(EventType::ContainerUpdate, reason, describe(before, after)))
    }

    fn health(&self, before: &ContainerStatus, after: &ContainerStatus) -> Option<NewEvent> {
        let (old, new) = (health_word(before), health_word(after));
        let reason = format!("container_health_changed_{old}_to_{new}");
        let message = format!("the health of container {} is {new}", after.name);
        (old != new).then(|| self.event(EventType::ContainerUpdate, reason, message))
    }

    fn trouble(&self, old: &Status, new: &Status) -> Option<NewEvent> {
        let (before, now) = (trouble(old), trouble(new)?);
        let is_told = before.is_some_and(|before| {
            before.reason == now.reason
                && (before.message == now.message || new.last_error.is_none())
        });
        let kind = if Resource::is_reason(&now.reason) {
            EventType::MetricsUpdate
        } else {
            EventType::Error
        };
        (!is_told).then(|| self.event(kind, now.reason.clone(), now.message.clone()))
    }

    fn recovery(&self, old: &Status, new: &Status) -> Option<NewEvent> {
        let before = trouble(old)?;
        let message = format!("no longer so: {}", before.message);
        trouble(new)
            .is_none()
            .then(|| self.event(EventType::Recovery, before.reason.clone(), message))
    }
}

/// What a status complains about, if anything: that nothing is known, or what is wrong.
fn trouble(status: &Status) -> Option<&Condition> {
    let condition = match status.phase {
        Phase::Unknown => status.conditions.get(ConditionType::Synced),
        _ => status.conditions.get(ConditionType::Degraded),
    };
    condition.filter(|condition| match condition.kind {
        ConditionType::Synced => condition.status == Truth::Unknown,
        _ => condition.status == Truth::True,
    })
}

fn state_word(container: Option<&ContainerStatus>) -> &'static str {
    container.map_or("absent", |container| container.state.as_str())
}

fn health_word(container: &ContainerStatus) -> &'static str {
    match container.health {
        None => "unknown",
        Some(HealthState::Starting) => "starting",
        Some(HealthState::Healthy) => "healthy",
        Some(HealthState::Unhealthy) => "unhealthy",
    }
}

fn describe(before: Option<&ContainerStatus>, after: Option<&ContainerStatus>) -> String {
    match (before, after) {
        (_, Some(after)) => {
            let end = match after.exit_code {
                Some(code) if !after.state.has_process() => format!(", exit code {code}"),
                _ => String::new(),
            };
            let oom = if after.oom_killed { ", out of memory" } else { "" };
            format!("container {} is {}{end}{oom}", after.name, after.state.as_str())
        }
        (Some(before), None) => format!("container {} is gone", before.name),
        (None, None) => String::new(),
    }
}
