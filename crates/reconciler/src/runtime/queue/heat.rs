//! Hot loops: keys that run so often that something is wrong.
//!
//! A key that wakes itself is never idle for long and never fails; nothing else would tell. The
//! passes of a window are counted in a fixed number of cells, each by majority vote (Boyer and
//! Moore): a pass of the key that holds the cell counts up, one of another key counts down, and
//! takes the cell over when the count is used up. So a pass costs a few steps, whatever runs. A
//! count is never above the truth, which keeps the innocent from being accused, and below it by no
//! more than the passes of the other keys that share the cell.

use std::time::Duration;

use super::super::request::{Cause, Priority, Trigger};
use super::moment::Moment;

/// How many cells there are; a power of two.
const CELLS: usize = 1024;

/// How often is too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HotLoopLimit {
    /// So many passes of one key within the window are a hot loop; 0 turns the detector off.
    pub passes: u32,
    /// The window. Windows follow each other; they do not slide.
    pub within: Duration,
}

impl Default for HotLoopLimit {
    /// A hundred passes within ten seconds.
    fn default() -> Self {
        Self { passes: 100, within: Duration::from_secs(10) }
    }
}

/// A key that is reconciled too often, and what sets it off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HotLoop {
    /// At least so many passes there were since the window began.
    pub passes: u32,
    /// How long ago the window began.
    pub took: Duration,
    /// Of the latest passes, how many had a cause of [`Priority::User`].
    pub by_user: u32,
    /// How many had one of [`Priority::Event`].
    pub by_event: u32,
    /// How many were retries, the queue's own or the caller's.
    pub by_retry: u32,
    /// How many were wake-ups that an earlier pass had asked for.
    pub by_wake_up: u32,
    /// How many had a cause of [`Priority::Resync`].
    pub by_resync: u32,
}

/// The counts of one window.
pub(super) struct Heat {
    /// Empty until something runs, so that an idle queue is small.
    cells: Vec<Cell>,
    /// What set off the keys of those cells whose count is on its way to the limit.
    suspects: Vec<(u64, HotLoop)>,
    /// When the window ends.
    ends: Moment,
}

#[derive(Clone, Copy, Default)]
struct Cell {
    hash: u64,
    count: u32,
    /// Once in a window is enough.
    is_reported: bool,
}

impl Heat {
    pub(super) fn new() -> Self {
        Self { cells: Vec::new(), suspects: Vec::new(), ends: Moment::default() }
    }

    /// Counts one pass of the key with this hash, and reports it if that is one too many.
    pub(super) fn count<C>(
        &mut self,
        hash: u64,
        causes: &[Cause<C>],
        limit: HotLoopLimit,
        now: Moment,
    ) -> Option<HotLoop> {
        if limit.passes == 0 {
            return None;
        }
        if now >= self.ends {
            self.begin(limit.within, now);
        }
        let place = usize::try_from(hash % CELLS as u64).ok()?;
        let cell = self.cells.get_mut(place)?;
        if cell.hash != hash {
            cell.count = cell.count.saturating_sub(1);
            if cell.count == 0 {
                let before = cell.hash;
                self.suspects.retain(|(other, _)| *other != before);
                *cell = Cell { hash, count: 1, is_reported: false };
            }
            return None;
        }
        cell.count = cell.count.saturating_add(1);
        let passes = cell.count;
        let is_hot = passes >= limit.passes;
        if cell.is_reported || (passes <= limit.passes / 2 && !is_hot) {
            return None;
        }
        cell.is_reported = is_hot;
        let suspect = self.suspect(hash);
        suspect.1.note(causes);
        let seen = suspect.1;
        is_hot.then(|| {
            self.suspects.retain(|(other, _)| *other != hash);
            HotLoop { passes, took: now.since(self.ends.before(limit.within)), ..seen }
        })
    }

    /// Begins a new window.
    fn begin(&mut self, within: Duration, now: Moment) {
        self.cells.clear();
        self.cells.resize(CELLS, Cell::default());
        self.suspects.clear();
        self.ends = now.after(within);
    }

    /// There are no more of them than cells, and hardly ever any.
    fn suspect(&mut self, hash: u64) -> &mut (u64, HotLoop) {
        let at = self.suspects.iter().position(|(other, _)| *other == hash);
        let at = at.unwrap_or_else(|| {
            self.suspects.push((hash, HotLoop::default()));
            self.suspects.len() - 1
        });
        &mut self.suspects[at]
    }
}

impl HotLoop {
    fn note<C>(&mut self, causes: &[Cause<C>]) {
        let [mut user, mut event, mut retry, mut wake_up, mut resync] = [false; 5];
        for cause in causes {
            let kind = match (&cause.trigger, cause.priority) {
                (Trigger::WakeUp, _) => &mut wake_up,
                (Trigger::Retry, _) | (_, Priority::Retry) => &mut retry,
                (Trigger::Caller(_), Priority::User) => &mut user,
                (Trigger::Caller(_), Priority::Event) => &mut event,
                (Trigger::Caller(_), Priority::Resync) => &mut resync,
            };
            *kind = true;
        }
        self.by_user += u32::from(user);
        self.by_event += u32::from(event);
        self.by_retry += u32::from(retry);
        self.by_wake_up += u32::from(wake_up);
        self.by_resync += u32::from(resync);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const LIMIT: HotLoopLimit = HotLoopLimit { passes: 50, within: Duration::from_secs(10) };

    fn causes(trigger: Trigger<()>, priority: Priority) -> [Cause<()>; 1] {
        [Cause { trigger, priority, added: Instant::now() }]
    }

    #[test]
    fn a_key_among_many_that_runs_too_often_is_found_and_no_other_is() {
        let (mut heat, start) = (Heat::new(), Moment::default());
        let event = causes(Trigger::Caller(()), Priority::Event);
        let woken = causes(Trigger::WakeUp, Priority::Retry);
        let mut found = Vec::new();
        for turn in 0..20_000_u64 {
            let now = start.after(Duration::from_micros(turn * 450));
            // Every hundredth pass is of one key; the rest is spread over ten thousand.
            let is_hot = turn % 100 == 0;
            let (hash, causes) = if is_hot { (7, &woken) } else { (turn % 10_000 + 8, &event) };
            found.extend(heat.count(hash, causes, LIMIT, now).map(|hot| (hash, hot)));
            assert!(heat.suspects.len() <= 1);
        }
        assert!(!found.is_empty(), "200 passes in 9 s, and nobody saw them");
        for (hash, hot) in found {
            assert_eq!((hash, hot.passes, hot.by_event), (7, 50, 0));
            assert!(hot.by_wake_up >= 25, "the causes are known from half the limit on");
        }
    }

    #[test]
    fn a_count_is_never_above_the_truth() {
        let (mut heat, now) = (Heat::new(), Moment::default());
        let mut rng = fastrand::Rng::with_seed(3);
        let event = causes(Trigger::Caller(()), Priority::Event);
        let mut passes = std::collections::HashMap::<u64, u32>::new();
        for _ in 0..50_000 {
            // All share three cells.
            let hash = rng.u64(..40) * CELLS as u64 + rng.u64(..3);
            let truth = passes.entry(hash).or_default();
            *truth += 1;
            if let Some(hot) = heat.count(hash, &event, LIMIT, now) {
                assert!(hot.passes <= *truth);
            }
        }
    }

    #[test]
    fn what_is_spread_over_several_windows_is_no_hot_loop() {
        let (mut heat, start) = (Heat::new(), Moment::default());
        for turn in 0..200 {
            let now = start.after(Duration::from_millis(250 * turn));
            let retry = causes(Trigger::Retry, Priority::Retry);
            assert_eq!(heat.count(1, &retry, LIMIT, now), None);
        }
    }

    #[test]
    fn a_loop_that_goes_on_is_reported_once_in_each_window() {
        let (mut heat, start) = (Heat::new(), Moment::default());
        let event = causes(Trigger::Caller(()), Priority::Event);
        let reports = |heat: &mut Heat, now, limit| {
            (0..200).filter_map(|_| heat.count(1, &event, limit, now)).count()
        };
        assert_eq!(reports(&mut heat, start, LIMIT), 1);
        assert_eq!(reports(&mut heat, start.after(Duration::from_secs(9)), LIMIT), 0);
        assert_eq!(reports(&mut heat, start.after(Duration::from_secs(10)), LIMIT), 1);
        let later = start.after(Duration::from_mins(1));
        assert_eq!(reports(&mut heat, later, HotLoopLimit { passes: 0, ..LIMIT }), 0, "it is off");
        let single = HotLoopLimit { passes: 1, ..LIMIT };
        assert!(heat.count(9, &event, single, later).is_none(), "one pass is no loop");
        assert!(heat.count(9, &event, single, later).is_some());
    }
}
