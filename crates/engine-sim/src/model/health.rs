//! Health checks: only their verdicts, as the checks themselves change nothing.

use super::{
    Model,
    agenda::{Due, ProcessNumber},
    program::Verdicts,
};
use std::time::Duration;
use trueup_domain::{
    container::{ContainerState, HealthState},
    id::ContainerId,
};

impl Model {
    /// Plans what the checks of a process that just began, or goes on, will find.
    pub(super) fn plan_verdicts(&mut self, id: &ContainerId, process: ProcessNumber) {
        let Some(held) = self.containers.get(id) else { return };
        let Some(check) = held.body.config.health.clone() else { return };
        let Some(program) = held.process.as_ref().map(|process| process.program) else { return };
        let interval = Duration::from_millis(check.interval_ms.max(1));
        let failing = interval.saturating_mul(check.retries.max(1));
        let mut say = |after, verdict| {
            let container = id.clone();
            self.plan_in(after, Due::Verdict { container, process, verdict });
        };
        match program.verdicts {
            Verdicts::Healthy => say(interval, HealthState::Healthy),
            Verdicts::UnhealthyAfter(after) => {
                if interval < after {
                    say(interval, HealthState::Healthy);
                }
                say(after.saturating_add(failing), HealthState::Unhealthy);
            }
            Verdicts::Never => {
                let grace = Duration::from_millis(check.start_period_ms);
                say(grace.saturating_add(failing), HealthState::Unhealthy);
            }
        }
    }

    /// A verdict about a process that still runs; only a change of it is told.
    pub(super) fn judge(&mut self, id: &ContainerId, process: ProcessNumber, verdict: HealthState) {
        let Some(held) = self.containers.get_mut(id).filter(|held| held.is_process(process)) else {
            return;
        };
        let is_new = held.body.health != Some(verdict);
        if held.body.state != ContainerState::Running || !is_new {
            return;
        }
        held.body.health = Some(verdict);
        let word = if verdict == HealthState::Healthy { "healthy" } else { "unhealthy" };
        self.tell_of(id, &format!("health_status: {word}"));
    }
}
