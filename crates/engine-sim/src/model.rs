//! The engine as a pure, synchronous state machine.
//!
//! Time is told to it ([`advance`](Model::advance)) as the time since it was made, so that a jump of its
//! wall clock moves stamps and no process; chance comes from its seed. Every operation of the engine's
//! interface is a method that a test may call at once; [`SimEngine`](crate::SimEngine) puts requests on the
//! agenda instead, as they would travel.
//!
//! Invariants: names are mutexes; what is due at one instant happens in the order in which it was
//! planned; a refusal changes nothing but what the engine itself would remember of it.
//!
//! Deliberately absent: waiting, latency and lost answers.

mod agenda;
mod alter;
mod container;
mod create;
pub(crate) mod desk;
mod ending;
pub(crate) mod event;
mod health;
mod host;
mod image;
mod interference;
mod listing;
mod network;
mod outage;
mod program;
mod refusal;
mod removal;
mod request;
mod start;
mod subnet;
mod tempo;
mod view;
mod volume;

pub use container::Row;
pub use event::{Event, EventKind};
pub use image::{Image, Pull};
pub use network::{Network, NetworkRequest};
pub use program::{Ending, Program, Programs, Verdicts};
pub use refusal::{Refusal, Why};
pub(crate) use request::{Answer, Request};
pub use request::{CallKind, Limits};
pub use subnet::Subnet;
pub use tempo::Tempo;
pub use view::{By, ContainerView, Counters, Removal, Snapshot, Thing, VolumeView};
pub use volume::Volume;

use crate::{fault::Happening, transcript::Transcript};
use agenda::{Agenda, Due};
use container::Held;
use desk::Desk;
use event::Events;
use host::Host;
use image::Remote;
use jiff::{SignedDuration, Timestamp};
use std::{collections::BTreeMap, time::Duration};
use trueup_domain::id::{ContainerId, NetworkId};
use view::Book;

/// A simulated engine without its clients.
#[derive(Debug)]
pub struct Model {
    rng: fastrand::Rng,
    seed: u64,
    begins: Timestamp,
    uptime: Duration,
    /// How far the wall clock was set.
    jumped: SignedDuration,
    tempo: Tempo,
    agenda: Agenda,
    desk: Desk,
    events: Events,
    book: Book,
    host: Host,
    programs: Programs,
    containers: BTreeMap<ContainerId, Held>,
    names: BTreeMap<String, ContainerId>,
    networks: BTreeMap<NetworkId, Network>,
    volumes: BTreeMap<String, Volume>,
    images: BTreeMap<String, Image>,
    registry: BTreeMap<String, Remote>,
    /// Since when and how nobody reaches it.
    outage: Option<outage::Outage>,
    /// Counts all that was ever made, for ids.
    made: u64,
    /// Something happened that somebody may wait for.
    stirred: bool,
    transcript: Transcript,
}

impl Model {
    /// An engine without any objects but its three networks, whose clock says `begins`.
    pub fn new(seed: u64, begins: Timestamp, tempo: Tempo) -> Self {
        let mut model = Self {
            rng: fastrand::Rng::with_seed(seed),
            seed,
            begins,
            uptime: Duration::ZERO,
            jumped: SignedDuration::ZERO,
            tempo,
            agenda: Agenda::default(),
            desk: Desk::default(),
            events: Events::default(),
            book: Book::default(),
            host: Host::default(),
            programs: Programs::default(),
            containers: BTreeMap::new(),
            names: BTreeMap::new(),
            networks: BTreeMap::new(),
            volumes: BTreeMap::new(),
            images: BTreeMap::new(),
            registry: BTreeMap::new(),
            outage: None,
            made: 0,
            stirred: false,
            transcript: Transcript::default(),
        };
        model.make_own_networks();
        model
    }

    /// How the processes fare that are started from now on.
    pub const fn programs(&mut self) -> &mut Programs {
        &mut self.programs
    }

    /// The time since it was made, which no jump of its clock touches.
    pub const fn uptime(&self) -> Duration {
        self.uptime
    }

    /// What its wall clock says.
    pub fn clock(&self) -> Timestamp {
        let since = SignedDuration::try_from(self.uptime).unwrap_or(SignedDuration::MAX);
        self.begins.saturating_add(since.saturating_add(self.jumped)).unwrap_or(Timestamp::MAX)
    }

    /// Sets its wall clock forward or back.
    pub const fn jump_clock(&mut self, by: SignedDuration) {
        self.jumped = self.jumped.saturating_add(by);
    }

    /// What happened so far.
    pub const fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Writes a line into the transcript.
    pub fn note(&mut self, what: String) {
        self.transcript.write(self.uptime, what);
    }

    /// Lets something happen later, whoever asks what of the engine meanwhile.
    pub fn schedule(&mut self, after: Duration, happening: Happening) {
        self.plan_in(after, Due::Happening(happening));
    }

    /// When something happens next by itself.
    pub fn next_due(&self) -> Option<Duration> {
        self.agenda.next()
    }

    /// Lets time pass, up to `uptime`; everything that falls due happens at its own time. Earlier times
    /// are ignored.
    pub fn advance(&mut self, uptime: Duration) {
        while let Some((at, due)) = self.agenda.take_due(uptime) {
            self.uptime = self.uptime.max(at);
            self.happen(due);
        }
        self.uptime = self.uptime.max(uptime);
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Effect { ticket, request } => return self.take_effect(ticket, request),
            Due::Arrival { ticket, outcome } => return self.arrive(ticket, outcome),
            _ => self.book.by = By::Engine,
        }
        match due {
            Due::End { container, process, cause } => {
                self.end_if_current(&container, process, cause);
            }
            Due::GraceOver { container, process } => self.kill_after_grace(&container, process),
            Due::Verdict { container, process, verdict } => {
                self.judge(&container, process, verdict);
            }
            Due::PolicyStart { container } => self.start_by_policy(&container),
            Due::Removed { container } => self.finish_removal(&container),
            Due::Pulled { reference } => self.finish_pull(&reference),
            Due::Back => self.come_back(),
            Due::Happening(happening) => {
                // Whether it could be done is in the transcript.
                let _ = self.interfere(&happening);
            }
            Due::Effect { .. } | Due::Arrival { .. } => {}
        }
    }

    fn plan(&mut self, at: Duration, due: Due) {
        self.stirred |= self.agenda.next().is_none_or(|next| at < next);
        self.agenda.add(at, due);
    }

    fn plan_in(&mut self, after: Duration, due: Due) {
        self.plan(self.uptime.saturating_add(after), due);
    }

    /// Whether somebody may find something new, asked once.
    pub(crate) const fn take_stirred(&mut self) -> bool {
        std::mem::replace(&mut self.stirred, false)
    }

    /// Sixty-four hex digits that nothing else here has.
    fn new_id(&mut self) -> String {
        self.made += 1;
        // From the seed and the count alone: other draws leave the ids of a history as they are.
        let mut rng =
            fastrand::Rng::with_seed(self.seed ^ self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        digits(&mut rng)
    }
}

/// Sixty-four hex digits.
fn digits(rng: &mut fastrand::Rng) -> String {
    format!("{:032x}{:032x}", rng.u128(..), rng.u128(..))
}
