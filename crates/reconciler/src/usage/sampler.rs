//! The task: turns, readings that come back, and what the store tells of runs.

use super::{
    Figures,
    figures::Figure,
    journal::{Journal, Written},
    rota::Rota,
    seat::{ActivityMarks, Loan, Run, Seat},
};
use crate::workspace::Input;
use futures::{
    Stream, StreamExt,
    future::{BoxFuture, FutureExt},
    stream::{self, BoxStream, FuturesUnordered},
};
use std::{
    collections::{HashMap, VecDeque},
    future, mem,
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use trueup_domain::{
    id::WorkspaceId,
    pass::{Cause, CauseKind},
    port::{Clock, Gauge, UsageError, UsageLog, UsageSource},
    usage::{CommandDigest, Reading, Source, Thresholds},
    workspace::Workspace,
};

/// How many readings may be out at once. The engine's statistics take a second each, and bound themselves.
const READINGS: usize = 256;
/// How long one may take.
const READING_DEADLINE: Duration = Duration::from_secs(5);
/// How often history is written: what is asked for of it is that much behind. A transaction costs as
/// much as fifty readings.
const WRITE_INTERVAL: Duration = Duration::from_secs(5);

/// How it samples.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How often each workspace is read.
    pub interval: Duration,
    /// When much is too much.
    pub thresholds: Thresholds,
    /// What counts as activity.
    pub activity: ActivityMarks,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            thresholds: Thresholds {
                cpu: None,
                memory: Some(90.0),
                pids: Some(90.0),
                hold: Duration::from_mins(1),
            },
            activity: ActivityMarks { cpu_percent: 1.0, network_rate: 1024.0 },
        }
    }
}

/// What a sampler works with.
pub struct Parts {
    /// Where readings come from.
    pub source: Arc<dyn UsageSource>,
    /// Where history is kept.
    pub log: Arc<dyn UsageLog>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Where the newest figures are shown.
    pub figures: Arc<Figures>,
    /// The commands that are started inside of workspaces.
    pub sessions: BoxStream<'static, (WorkspaceId, CommandDigest)>,
}

/// Samples until `inputs` end. `wake` has a pass look at a workspace of whose usage there is something
/// new to say; it is called again only when that changes.
pub async fn sample(
    mut parts: Parts,
    options: Options,
    inputs: impl Stream<Item = Input> + Send,
    wake: impl Fn(WorkspaceId, Cause) + Send,
) {
    let mut inputs = pin!(inputs);
    let sessions = mem::replace(&mut parts.sessions, stream::empty().boxed());
    let mut sessions = sessions.chain(stream::pending());
    let journal = Journal::new(Arc::clone(&parts.log));
    let rota = Rota::new(options.interval);
    let (seats, late, began) = (HashMap::new(), VecDeque::new(), Instant::now());
    let mut table = Table { parts, options, wake, began, seats, rota, late, journal };
    let mut turn = pin!(sleep(Duration::ZERO));
    let mut writes = interval(WRITE_INTERVAL);
    writes.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut readings = FuturesUnordered::new();
    let mut write: Option<BoxFuture<'static, Written>> = None;
    loop {
        tokio::select! {
            // What is known first, what is to be asked last: no turn meets an old seat.
            biased;
            input = inputs.next() => match input {
                Some(input) => table.follow(input),
                None => break,
            },
            Some((id, command)) = sessions.next() => table.meet(id, command),
            Some(read) = readings.next() => table.take_back(read),
            () = turn.as_mut() => {
                let free = READINGS.saturating_sub(readings.len());
                let (loans, wait) = table.lend(free);
                let (due, now) = (turn.deadline() + wait, Instant::now());
                turn.as_mut().reset(if due > now { due } else { now + wait });
                for loan in loans {
                    let mut reading = read(Arc::clone(&table.parts.source), loan).boxed();
                    // The kernel's files have the answer at once.
                    match reading.as_mut().now_or_never() {
                        Some(read) => table.take_back(read),
                        None => readings.push(reading),
                    }
                }
            }
            _ = writes.tick(), if write.is_none() => {
                write = table.journal.write(table.parts.clock.now());
            }
            written = under_way(&mut write) => {
                write = None;
                table.journal.settle(written);
            }
        }
    }
    if let Some(write) = write {
        table.journal.settle(write.await);
    }
    if let Some(rest) = table.journal.write(table.parts.clock.now()) {
        table.journal.settle(rest.await);
    }
}

/// Never ready while nothing is written.
async fn under_way(write: &mut Option<BoxFuture<'static, Written>>) -> Written {
    match write {
        Some(write) => write.await,
        None => future::pending().await,
    }
}

/// All seats.
struct Table<W> {
    parts: Parts,
    options: Options,
    wake: W,
    began: Instant,
    seats: HashMap<WorkspaceId, Seat>,
    rota: Rota,
    /// Whose turn came when there was no room, the first one first.
    late: VecDeque<WorkspaceId>,
    journal: Journal,
}

impl<W: Fn(WorkspaceId, Cause)> Table<W> {
    fn follow(&mut self, input: Input) {
        match input {
            Input::Loaded(all) => {
                let there: HashMap<_, _> = all.iter().map(|found| (found.id, found)).collect();
                let gone = self.seats.keys().filter(|id| !there.contains_key(id));
                for id in gone.copied().collect::<Vec<_>>() {
                    self.leave(id);
                }
                for workspace in &all {
                    self.seat(workspace);
                }
            }
            Input::Stored { new: Some(workspace), .. } => self.seat(&workspace),
            Input::Stored { id, new: None } => self.leave(id),
            Input::Watched(_) => {}
        }
    }

    fn seat(&mut self, workspace: &Workspace) {
        let id = workspace.id;
        let Some(run) = Run::of(&workspace.status) else { return self.leave(id) };
        let Some(seat) = self.seats.get_mut(&id) else {
            let slot = self.rota.join(id);
            self.seats.insert(id, Seat::new(slot, run, workspace));
            return;
        };
        if seat.update(run, workspace) {
            self.parts.figures.remove(id);
        }
    }

    /// Somebody has started a command in a workspace.
    fn meet(&mut self, id: WorkspaceId, command: CommandDigest) {
        if let Some(seat) = self.seats.get_mut(&id) {
            seat.meet(command, self.parts.clock.now());
        }
    }

    fn leave(&mut self, id: WorkspaceId) {
        if let Some(seat) = self.seats.remove(&id) {
            self.rota.leave(id, seat.slot);
            self.late.retain(|late| *late != id);
            self.parts.figures.remove(id);
        }
    }

    /// The gauges of those whose turn it is, so many at most, and how long it is until the next turn.
    /// Who is left out goes first the next time.
    fn lend(&mut self, most: usize) -> (Vec<Loan>, Duration) {
        let (due, wait) = self.rota.turn();
        for id in due {
            if self.seats.get_mut(&id).is_some_and(Seat::be_late) {
                self.late.push_back(id);
            }
        }
        let mut loans = Vec::new();
        while loans.len() < most
            && let Some(id) = self.late.pop_front()
        {
            loans.extend(self.seats.get_mut(&id).and_then(|seat| seat.lend(id)));
        }
        (loans, wait)
    }

    fn take_back(&mut self, read: Read) {
        let id = read.workspace;
        let Some(seat) = self.seats.get_mut(&id) else { return };
        let (gauge, outcome) = match read.outcome {
            Ok((gauge, reading)) => (Some(gauge), Ok(reading)),
            Err(error) => (None, Err(error)),
        };
        let source = gauge.as_ref().map(|gauge| gauge.source());
        if !seat.take_back(read.ticket, gauge) {
            return;
        }
        let thresholds = &self.options.thresholds;
        let figure = match (outcome, source) {
            (Ok(reading), Some(source)) => {
                let rules = (thresholds, &self.options.activity);
                let times = (self.parts.clock.now(), self.began.elapsed());
                let found = seat.note(id, (reading, source), rules, times);
                if let Some(row) = found.row {
                    self.journal.note(row);
                }
                found.figure
            }
            (Err(UsageError::Unreadable(why)), _) => seat.lose(why, thresholds),
            (Err(UsageError::Unknown(_)), _) => {
                seat.miss();
                return self.parts.figures.remove(id);
            }
            (Err(UsageError::Gone), _) | (Ok(_), None) => {
                seat.end_run();
                return self.parts.figures.remove(id);
            }
        };
        self.show(id, figure);
    }

    fn show(&mut self, id: WorkspaceId, figure: Figure) {
        let measured = figure.measured.clone();
        let is_news = self.parts.figures.set(id, figure);
        let is_outdated = self.seats.get(&id).is_some_and(|seat| seat.is_outdated(&measured));
        if is_news && is_outdated {
            let mut words: Vec<_> = measured.pressures.iter().map(ToString::to_string).collect();
            if measured.source != Source::ControlGroup {
                words.push(format!("measured by {}", measured.source));
            }
            (self.wake)(id, Cause::new(CauseKind::Usage, words.join(", ")));
        }
    }
}

/// A reading that came back.
struct Read {
    workspace: WorkspaceId,
    ticket: u64,
    outcome: Result<(Box<dyn Gauge>, Reading), UsageError>,
}

async fn read(source: Arc<dyn UsageSource>, loan: Loan) -> Read {
    let Loan { workspace, ticket, container, gauge } = loan;
    let work = async {
        let mut gauge = match gauge {
            Some(gauge) => gauge,
            None => source.open(&container).await?,
        };
        let reading = gauge.read().await?;
        Ok((gauge, reading))
    };
    let outcome = timeout(READING_DEADLINE, work).await.unwrap_or_else(|_| {
        let seconds = READING_DEADLINE.as_secs();
        Err(UsageError::Unknown(format!("it could not be read within {seconds} s")))
    });
    Read { workspace, ticket, outcome }
}
