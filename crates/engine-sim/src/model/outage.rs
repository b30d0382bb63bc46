//! The engine away: out of reach, or ended and started again.

use super::{Model, agenda::Due};
use crate::options::between;
use std::time::Duration;
use trueup_domain::{container::ContainerState, id::ContainerId};

/// Why nobody reaches the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// It works, but its address does not answer.
    OutOfReach,
    /// It does not run.
    Down,
}

impl Model {
    /// Whether the engine answers at all.
    pub const fn is_reachable(&self) -> bool {
        self.outage.is_none()
    }

    pub(super) fn is_down(&self) -> bool {
        self.outage == Some(Outage::Down)
    }

    /// Nobody reaches it for a while. It goes on with what it was asked before, and tells nobody;
    /// subscriptions are cut.
    pub fn go_out_of_reach(&mut self, length: Duration) {
        // One that is down is not made to run by this.
        self.go(if self.is_down() { Outage::Down } else { Outage::OutOfReach }, length);
    }

    /// It ends, and is back after a while. Requests under way are carried out by nobody, removals are
    /// left in their middle, the events are forgotten. With `live_restore` containers go on meanwhile;
    /// without, their processes end. No event tells of an end meanwhile.
    pub fn restart(&mut self, length: Duration, live_restore: bool) {
        self.go(Outage::Down, length);
        self.events.forget();
        let lost = |due: &Due| {
            matches!(
                due,
                Due::Effect { .. }
                    | Due::Pulled { .. }
                    | Due::GraceOver { .. }
                    | Due::PolicyStart { .. }
                    | Due::Removed { .. }
            )
        };
        for due in self.agenda.strike(lost) {
            if let Due::Removed { container } = due {
                self.leave_dead(&container);
            }
        }
        self.forget_intentions();
        if !live_restore {
            self.end_all();
        }
    }

    fn go(&mut self, outage: Outage, length: Duration) {
        self.outage = Some(outage);
        self.agenda.strike(|due| matches!(due, Due::Back));
        self.plan_in(length, Due::Back);
        self.events.cut();
        self.break_connections();
    }

    /// What it had begun with a container is known to nobody any more.
    fn forget_intentions(&mut self) {
        for held in self.containers.values_mut() {
            held.removal = None;
            if let Some(process) = &mut held.process {
                process.stopping = false;
            }
        }
    }

    fn end_all(&mut self) {
        let running = self.containers.values().filter(|held| held.process.is_some());
        let running: Vec<ContainerId> = running.map(|held| held.body.id.clone()).collect();
        for id in running {
            self.end(&id, super::ending::Cause::Kill);
        }
    }

    /// It is back. What its policy should have started again is started now.
    pub(super) fn come_back(&mut self) {
        let was_down = self.is_down();
        self.outage = None;
        self.stirred = true;
        if !was_down {
            return;
        }
        let waits = |state| matches!(state, ContainerState::Exited | ContainerState::Restarting);
        let ids: Vec<ContainerId> = self
            .containers
            .values()
            .filter(|held| held.body.config.restart && !held.ended_by_hand)
            .filter(|held| held.starts > 0 && waits(held.body.state))
            .map(|held| held.body.id.clone())
            .collect();
        for id in ids {
            if let Some(held) = self.containers.get_mut(&id) {
                held.set_state(ContainerState::Restarting);
            }
            let after = between(&self.tempo.term, &mut self.rng);
            self.plan_in(after, Due::PolicyStart { container: id });
        }
    }
}
