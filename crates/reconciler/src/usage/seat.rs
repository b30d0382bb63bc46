//! One running workspace: its gauge, its last reading, and what follows from a new one.
//!
//! Invariant: a reading is held only against one of the same run. Whoever lends the gauge out gets a
//! ticket with it; what comes back with an old ticket belongs to a run that is over.

use super::figures::Figure;
use jiff::Timestamp;
use std::time::Duration;
use trueup_domain::{
    id::{ContainerId, WorkspaceId},
    port::Gauge,
    spec::Resources,
    status::Status,
    usage::{
        CommandDigest, Interval, Measured, Reading, Said, Source, Thresholds, Usage, UsageRow,
        Watch,
    },
    workspace::Workspace,
};

/// One run of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) container: ContainerId,
    pub(super) started_at: Option<Timestamp>,
}

impl Run {
    /// The run that a status tells of, if there is one.
    pub(super) fn of(status: &Status) -> Option<Self> {
        let container = status.container.as_ref()?;
        let (id, started_at) = (container.id.clone(), container.started_at);
        container.state.has_process().then_some(Self { container: id, started_at })
    }
}

/// What counts as activity, beyond what a container does by itself when nobody uses it.
#[derive(Debug, Clone, Copy)]
pub struct ActivityMarks {
    /// Percent of one processor.
    pub cpu_percent: f64,
    /// Bytes a second over the network, both directions together.
    pub network_rate: f64,
}

impl ActivityMarks {
    #[expect(clippy::cast_precision_loss, reason = "a rate")]
    fn are_met_by(&self, interval: &Interval) -> bool {
        let rate = interval.network.total() as f64 / interval.length.as_secs_f64();
        interval.cpu_percent() >= self.cpu_percent || rate >= self.network_rate
    }
}

/// A seat.
pub(super) struct Seat {
    pub(super) slot: usize,
    run: Run,
    limits: Resources,
    /// Its health check, which is no activity.
    probe: Option<CommandDigest>,
    said: Said,
    gauge: Option<Box<dyn Gauge>>,
    /// Counts runs and lendings.
    ticket: u64,
    is_lent: bool,
    /// Its turn came when there was no room.
    is_late: bool,
    patience: Patience,
    before: Option<Reading>,
    watch: Watch,
    last_activity: Option<Timestamp>,
}

/// A gauge on its way.
pub(super) struct Loan {
    pub(super) workspace: WorkspaceId,
    pub(super) ticket: u64,
    pub(super) container: ContainerId,
    pub(super) gauge: Option<Box<dyn Gauge>>,
}

/// What a reading means.
pub(super) struct Finding {
    pub(super) figure: Figure,
    /// For the history, once there is a reading before it.
    pub(super) row: Option<UsageRow>,
}

impl Seat {
    pub(super) fn new(slot: usize, run: Run, workspace: &Workspace) -> Self {
        let said = Said::of(&workspace.status);
        // An earlier process may have said that it is beyond a threshold.
        let watch = said.pressure().map(|found| Watch::resume(found.reason())).unwrap_or_default();
        Self {
            slot,
            run,
            limits: workspace.spec.resources,
            probe: probe(workspace),
            said,
            gauge: None,
            ticket: 0,
            is_lent: false,
            is_late: false,
            patience: Patience::default(),
            before: None,
            watch,
            last_activity: None,
        }
    }

    /// Takes note of a newer status. Whether the run is another one.
    pub(super) fn update(&mut self, run: Run, workspace: &Workspace) -> bool {
        self.said = Said::of(&workspace.status);
        self.limits = workspace.spec.resources;
        self.probe = probe(workspace);
        if run == self.run {
            return false;
        }
        self.run = run;
        self.begin_anew();
        self.watch = Watch::default();
        true
    }

    /// A command was started inside.
    pub(super) fn meet(&mut self, command: CommandDigest, now: Timestamp) {
        if self.probe != Some(command) {
            self.last_activity = Some(now);
        }
    }

    /// Lends the gauge out, unless it is lent already or had better be left alone.
    pub(super) fn lend(&mut self, workspace: WorkspaceId) -> Option<Loan> {
        self.is_late = false;
        if self.is_lent || !self.patience.is_over() {
            return None;
        }
        self.is_lent = true;
        let (container, gauge) = (self.run.container.clone(), self.gauge.take());
        Some(Loan { workspace, ticket: self.ticket, container, gauge })
    }

    /// Has it wait for room; whether it does not already.
    pub(super) fn be_late(&mut self) -> bool {
        !std::mem::replace(&mut self.is_late, true)
    }

    /// Takes a gauge back. Whether it is of the present run; if not, it is dropped.
    pub(super) fn take_back(&mut self, ticket: u64, gauge: Option<Box<dyn Gauge>>) -> bool {
        if ticket != self.ticket {
            return false;
        }
        self.is_lent = false;
        self.gauge = gauge;
        true
    }

    /// Makes figures of a reading. `elapsed` is since the sampler began: clocks of readings are of one
    /// gauge each.
    pub(super) fn note(
        &mut self,
        workspace: WorkspaceId,
        (reading, source): (Reading, Source),
        (thresholds, marks): (&Thresholds, &ActivityMarks),
        (now, elapsed): (Timestamp, Duration),
    ) -> Finding {
        self.patience = Patience::default();
        let interval = self.before.replace(reading).and_then(|before| reading.since(&before));
        if interval.is_some_and(|interval| marks.are_met_by(&interval)) {
            self.last_activity = Some(now);
        }
        let usage = Usage {
            time: now,
            cpu_percent: interval.map(|interval| interval.cpu_percent()),
            memory_usage: reading.memory,
            memory_limit: reading.memory_limit,
            network: reading.network,
            block: reading.block,
            pids: reading.pids,
            started_at: self.run.started_at,
            last_activity: self.last_activity,
        };
        self.watch.note(&usage, &self.limits, thresholds, elapsed);
        let measured = Measured { source, pressures: self.watch.pressures(thresholds) };
        let row = interval.map(|interval| row(workspace, &usage, &interval));
        Finding { figure: Figure { usage: Some(usage), measured }, row }
    }

    /// The engine did not say: that is said elsewhere, and nothing of it here.
    pub(super) fn miss(&mut self) {
        self.before = None;
        self.watch.lose_sight();
        self.patience.lengthen();
    }

    /// Nothing can be read now: what comes next is a first reading.
    pub(super) fn lose(&mut self, why: String, thresholds: &Thresholds) -> Figure {
        self.miss();
        let source = Source::None { why };
        Figure {
            usage: None,
            measured: Measured { source, pressures: self.watch.pressures(thresholds) },
        }
    }

    /// The run is over, as far as its gauge tells.
    pub(super) fn end_run(&mut self) {
        self.begin_anew();
    }

    /// Whether a pass is to say something new.
    pub(super) fn is_outdated(&self, measured: &Measured) -> bool {
        self.said.is_outdated(measured)
    }

    fn begin_anew(&mut self) {
        self.ticket += 1;
        self.is_lent = false;
        self.gauge = None;
        self.before = None;
    }
}

fn probe(workspace: &Workspace) -> Option<CommandDigest> {
    let health = workspace.spec.health.as_ref()?;
    Some(CommandDigest::of(&health.command))
}

/// How many turns to leave out after a reading that failed: one, three, seven … so that containers which
/// do not answer take no place from those which do.
#[derive(Debug, Clone, Copy, Default)]
struct Patience {
    turns: u32,
    left: u32,
}

const MOST_PATIENCE: u32 = 7;

impl Patience {
    fn lengthen(&mut self) {
        self.turns = (self.turns * 2 + 1).min(MOST_PATIENCE);
        self.left = self.turns;
    }

    /// Whether this turn is to be used; counts it otherwise.
    fn is_over(&mut self) -> bool {
        let is_over = self.left == 0;
        self.left = self.left.saturating_sub(1);
        is_over
    }
}

fn row(workspace: WorkspaceId, usage: &Usage, interval: &Interval) -> UsageRow {
    let at_least_a_millisecond = interval.length.max(Duration::from_millis(1));
    UsageRow {
        workspace,
        time: usage.time,
        cpu_percent: Interval { length: at_least_a_millisecond, ..*interval }.cpu_percent(),
        memory: usage.memory_usage,
        received: interval.network.inward,
        sent: interval.network.outward,
        read: interval.block.inward,
        written: interval.block.outward,
        pids: usage.pids,
    }
}
