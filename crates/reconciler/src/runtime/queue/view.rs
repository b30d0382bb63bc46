//! Looks into the queue that change nothing.

use std::hash::Hash;

use tokio::time::Instant;

use super::Queue;
use super::moment::Moment;
use super::report::{KeyState, Snapshot, Stats};

impl<K: Clone + Eq + Hash, C> Queue<K, C> {
    /// The counters, and the present sizes.
    pub fn stats(&self, now: Instant) -> Stats {
        let now = self.timeline.moment(now);
        let running = u32::try_from(self.stats.running).unwrap_or(u32::MAX);
        let since_begin = now.since(Moment::default()).saturating_mul(running);
        let oldest = self.running.first(&self.entries).and_then(|id| self.entries[id].place);
        Stats {
            waiting: self.timers.len(),
            known: self.ids.living(),
            owners: self.fair.owners(),
            unfinished_work: since_begin.saturating_sub(self.started),
            longest_running: oldest.map(|place| now.since(place.due)).unwrap_or_default(),
            ..self.stats
        }
    }

    /// Which keys are where, if nothing is due that was not when the queue was last used. Costs as
    /// much as there are keys.
    pub fn snapshot(&self, now: Instant) -> Snapshot<K> {
        let key = |id: usize| self.entries[id].key.clone();
        let running = self.running.all(&self.entries);
        let in_line = self.fair.order(&self.entries, self.timeline.moment(now), &self.limits);
        let behind = running.iter().filter(|id| self.entries[**id].pending.is_some());
        Snapshot {
            queued: in_line.into_iter().chain(behind.copied()).filter_map(key).collect(),
            running: running.into_iter().filter_map(key).collect(),
            waiting: self
                .timers
                .iter()
                .filter_map(|(at, id)| Some((key(*id)?, self.timeline.instant(*at)?)))
                .collect(),
        }
    }

    /// Where one key is; `None` when nothing about it is due, planned or running.
    pub fn state(&self, key: &K) -> Option<KeyState> {
        let entry = &self.entries[self.find(key)?];
        Some(KeyState {
            queued: entry.pending.is_some(),
            running: entry.is_running(),
            failures: entry.streak().failures,
            due: entry.deadline().and_then(|at| self.timeline.instant(at)),
        })
    }
}
