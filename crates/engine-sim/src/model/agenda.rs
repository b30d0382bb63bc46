//! What is to happen, and when, by the engine's own time.
//!
//! Invariant: what is due at the same instant happens in the order in which it was put here.

use super::{
    desk::{Outcome, Ticket},
    ending::Cause,
    request::Request,
};
use crate::fault::Happening;
use std::{collections::BTreeMap, time::Duration};
use trueup_domain::{container::HealthState, id::ContainerId};

/// The number of a process; every start makes a new one.
pub(crate) type ProcessNumber = u64;

#[derive(Debug)]
pub(crate) enum Due {
    /// A request takes effect.
    Effect { ticket: Ticket, request: Request },
    /// Its answer arrives.
    Arrival { ticket: Ticket, outcome: Outcome },
    /// A process ends.
    End { container: ContainerId, process: ProcessNumber, cause: Cause },
    /// The process did not hear the TERM in time.
    GraceOver { container: ContainerId, process: ProcessNumber },
    /// The health check has a verdict.
    Verdict { container: ContainerId, process: ProcessNumber, verdict: HealthState },
    /// The engine's own policy starts a container again.
    PolicyStart { container: ContainerId },
    /// A removal is finished.
    Removed { container: ContainerId },
    /// The registry has answered.
    Pulled { reference: String },
    /// The engine is back.
    Back,
    /// Somebody or something interferes.
    Happening(Happening),
}

#[derive(Debug, Default)]
pub(crate) struct Agenda {
    items: BTreeMap<(Duration, u64), Due>,
    added: u64,
}

impl Agenda {
    pub(crate) fn add(&mut self, at: Duration, due: Due) {
        self.added += 1;
        self.items.insert((at, self.added), due);
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.items.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn take_due(&mut self, until: Duration) -> Option<(Duration, Due)> {
        let first = self.items.first_entry().filter(|first| first.key().0 <= until)?;
        let ((at, _), due) = first.remove_entry();
        Some((at, due))
    }

    /// Takes out what does not happen any more.
    pub(crate) fn strike(&mut self, is_off: impl Fn(&Due) -> bool) -> Vec<Due> {
        let struck: Vec<_> =
            self.items.iter().filter(|(_, due)| is_off(due)).map(|(key, _)| *key).collect();
        struck.iter().filter_map(|key| self.items.remove(key)).collect()
    }
}
