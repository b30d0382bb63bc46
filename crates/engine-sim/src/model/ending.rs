//! How processes end: by themselves, by a stop, by a kill, for want of memory; and how the engine's own
//! policy starts them again.

use super::{
    Model,
    agenda::{Due, ProcessNumber},
    desk::{Progress, Wait},
    refusal::{Refusal, Why},
    request::Answer,
};
use crate::options::between;
use std::time::Duration;
use trueup_domain::{
    container::{Container, ContainerState, HealthState},
    id::ContainerId,
};

/// Why a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// By itself.
    Exit(i64),
    /// It heard a TERM.
    Term,
    /// Somebody killed it.
    Kill,
    /// It wanted more memory than it may have.
    OutOfMemory,
    /// The init could not run the command.
    InitGaveUp,
}

impl Cause {
    const fn code(self) -> i64 {
        match self {
            Self::Exit(code) => code,
            Self::Term => 143,
            Self::Kill | Self::OutOfMemory => 137,
            Self::InitGaveUp => 127,
        }
    }
}

impl Model {
    /// Asks its process to end, and kills it when `grace` is over; one without a process is fine. A
    /// frozen one is let go on first.
    pub(crate) fn stop(&mut self, name: &str, grace: Duration) -> Result<Progress, Refusal> {
        let id = self.id_of(name)?;
        let held = self.find_mut(id.as_str())?;
        let was_paused = held.body.state == ContainerState::Paused;
        held.ended_by_hand = true;
        let Some(process) = &mut held.process else {
            self.call_off_restart(&id);
            return Ok(Progress::Done(Answer::Done));
        };
        process.stopping = true;
        let (number, ignores_term) = (process.number, process.program.ignores_term);
        self.book.changed();
        self.tell_of(&id, "kill");
        if was_paused {
            self.thaw(&id);
            if !self.containers.get(&id).is_some_and(|held| held.is_process(number)) {
                // Its end had fallen into the pause.
                return Ok(Progress::Done(Answer::Done));
            }
        }
        if ignores_term {
            self.plan_in(grace, Due::GraceOver { container: id.clone(), process: number });
        } else {
            let after =
                between(&self.tempo.term, &mut self.rng).min(grace.max(Duration::from_millis(1)));
            self.plan_in(
                after,
                Due::End { container: id.clone(), process: number, cause: Cause::Term },
            );
        }
        Ok(Progress::Until(Wait::End(id)))
    }

    /// Kills its process, frozen or not.
    pub(crate) fn kill(&mut self, name: &str) -> Result<Progress, Refusal> {
        let id = self.id_of(name)?;
        let held = self.find_mut(id.as_str())?;
        let Some(number) = held.process.as_ref().map(|process| process.number) else {
            let message = format!("Cannot kill container: {name}: Container {id} is not running");
            return Err(Refusal::new(409, Why::AlreadySo, message));
        };
        held.ended_by_hand = true;
        self.book.changed();
        self.tell_of(&id, "kill");
        self.kill_soon(&id, number);
        Ok(Progress::Until(Wait::End(id)))
    }

    pub(super) fn kill_soon(&mut self, id: &ContainerId, process: ProcessNumber) {
        let after = between(&self.tempo.kill, &mut self.rng);
        self.plan_in(after, Due::End { container: id.clone(), process, cause: Cause::Kill });
    }

    pub(super) fn kill_after_grace(&mut self, id: &ContainerId, process: ProcessNumber) {
        if self.containers.get(id).is_some_and(|held| held.is_process(process)) {
            self.tell_of(id, "kill");
            self.kill_soon(id, process);
        }
    }

    /// The end of a process, unless it ended before. A frozen one ends when it is let go on, but for a
    /// kill.
    pub(super) fn end_if_current(
        &mut self,
        id: &ContainerId,
        process: ProcessNumber,
        cause: Cause,
    ) {
        let Some(held) = self.containers.get_mut(id) else { return };
        let is_frozen = held.body.state == ContainerState::Paused;
        match &mut held.process {
            Some(current) if current.number == process => {
                if is_frozen && cause != Cause::Kill {
                    current.held_back.get_or_insert(cause);
                } else {
                    self.end(id, cause);
                }
            }
            _ => {}
        }
    }

    /// Ends the process now, and tells of it.
    pub(crate) fn end(&mut self, id: &ContainerId, cause: Cause) {
        let now = self.clock();
        let late = between(&self.tempo.stale_list, &mut self.rng);
        let stale_until = self.uptime.saturating_add(late);
        let is_down = self.is_down();
        let Some(held) = self.containers.get_mut(id) else { return };
        let Some(process) = held.process.take() else { return };
        let restarts = held.body.config.restart && !held.ended_by_hand && !is_down;
        let frozen = held.body.state == ContainerState::Paused;
        held.set_state(if restarts { ContainerState::Restarting } else { ContainerState::Exited });
        held.stale_until = stale_until;
        let in_a_row = held.in_a_row;
        settle_body(&mut held.body, now, cause);
        if cause == Cause::OutOfMemory && !frozen {
            self.tell_of(id, "oom");
        }
        self.tell_of(id, "die");
        if process.stopping {
            self.tell_of(id, "stop");
        }
        if restarts {
            let wait = self.tempo.policy_restart.saturating_mul(1 << in_a_row.min(9));
            self.plan_in(wait, Due::PolicyStart { container: id.clone() });
        }
        self.settle(&Wait::End(id.clone()), &Ok(Answer::Done));
        self.go_on_removing(id);
    }

    /// The engine's policy, unless somebody was quicker. A start that is refused leaves it exited.
    pub(super) fn start_by_policy(&mut self, id: &ContainerId) {
        let Some(held) = self.containers.get_mut(id) else { return };
        if held.body.state != ContainerState::Restarting {
            return;
        }
        held.body.restart_count += 1;
        held.in_a_row = held.in_a_row.saturating_add(1);
        if self.launch(id).is_err()
            && let Some(held) = self.containers.get_mut(id)
        {
            held.set_state(ContainerState::Exited);
        }
    }

    fn call_off_restart(&mut self, id: &ContainerId) {
        if let Some(held) = self.containers.get_mut(id)
            && held.body.state == ContainerState::Restarting
        {
            held.set_state(ContainerState::Exited);
        }
    }
}

fn settle_body(body: &mut Container, now: jiff::Timestamp, cause: Cause) {
    body.finished_at = Some(now);
    body.exit_code = Some(cause.code());
    body.oom_killed = cause == Cause::OutOfMemory;
    body.published.clear();
    // The engine says so of whatever has no monitor any more.
    body.health = body.health.map(|_| HealthState::Unhealthy);
    if cause == Cause::InitGaveUp {
        let word = body.config.command.iter().flatten().next().map_or("", String::as_str);
        body.error = Some(format!("exec {word} failed: No such file or directory"));
    }
}
