//! Rows that were not kept: counted, and complained of once a minute at most.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The least time between two complaints.
const PAUSE: Duration = Duration::from_mins(1);

/// The count of rows that were not kept.
#[derive(Debug, Default)]
pub(super) struct Dropped {
    rows: AtomicU64,
    complained: Mutex<Option<Instant>>,
}

impl Dropped {
    /// Counts rows, and says so if nothing was said for a while.
    pub(super) fn count(&self, rows: usize, why: &'static str) {
        if rows == 0 {
            return;
        }
        let all = self.rows.fetch_add(rows as u64, Ordering::Relaxed) + rows as u64;
        if self.is_time(Instant::now()) {
            tracing::warn!(rows, dropped_since_start = all, "usage is not kept: {why}");
        }
    }

    /// How many there were.
    pub(super) fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    fn is_time(&self, now: Instant) -> bool {
        let mut complained = self.complained.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = complained.is_none_or(|at| now.duration_since(at) >= PAUSE);
        if is_time {
            *complained = Some(now);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_made_at_once_and_then_once_a_minute() {
        let (dropped, start) = (Dropped::default(), Instant::now());
        let said = [0, 1, 59, 60, 61, 119, 120]
            .map(|second| dropped.is_time(start + Duration::from_secs(second)));
        assert_eq!(said, [true, false, false, true, false, false, true]);
    }

    #[tokio::test]
    async fn every_row_is_counted() {
        let dropped = Dropped::default();
        dropped.count(3, "of the test");
        dropped.count(0, "of the test");
        dropped.count(4, "of the test");
        assert_eq!(dropped.rows(), 7);
    }
}
