//! The inactive file cache of a container in which nothing runs.
//!
//! The file that tells it is by far the dearest of all: the kernel writes some forty figures for the one
//! that is wanted. But a container that has used no processor time and has as much memory as before has
//! not touched its cache. So once it has been still for long enough for the kernel's own accounts to be
//! settled, what they say is good for some seconds, unless it stirs.
//!
//! # Caveats
//! - Others may move a still container's cache between active and inactive: the kernel when memory is
//!   short, and whoever reads the same files. That is seen after ten seconds at the latest, and so at once
//!   by whoever reads that seldom.

use std::time::Duration;

/// The kernel adds up its figures of memory every two seconds.
const SETTLED: Duration = Duration::from_secs(3);
/// How long a figure may be kept.
const GOOD_FOR: Duration = Duration::from_secs(10);

/// What is known of a container's stillness, and the figure. Times are those of its readings.
#[derive(Debug, Default)]
pub(super) struct Still {
    last: Option<Activity>,
    since: Duration,
    figure: Option<(Duration, u64)>,
}

/// What changes when something runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Activity {
    /// Processor time in all.
    pub(super) cpu: Duration,
    /// Bytes of memory, with all caches.
    pub(super) memory: u64,
}

impl Still {
    /// The figure, if it need not be read.
    pub(super) fn figure(&mut self, at: Duration, activity: Activity) -> Option<u64> {
        if self.last.replace(activity) != Some(activity) {
            self.since = at;
        }
        let (read_at, figure) = self.figure?;
        let is_settled = read_at >= self.since + SETTLED;
        (is_settled && at < read_at + GOOD_FOR).then_some(figure)
    }

    /// Takes note of a figure that was read.
    pub(super) fn note(&mut self, at: Duration, figure: u64) {
        self.figure = Some((at, figure));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: fn(u64) -> Activity =
        |ms| Activity { cpu: Duration::from_millis(ms), memory: 4096 };

    /// At which of these times the figure is read, if the container is so active then.
    fn reads(looks: &[(u64, Activity)]) -> Vec<u64> {
        let mut still = Still::default();
        let mut reads = Vec::new();
        for (seconds, activity) in looks {
            let at = Duration::from_secs(*seconds);
            if still.figure(at, *activity).is_none() {
                still.note(at, *seconds);
                reads.push(*seconds);
            }
        }
        reads
    }

    #[test]
    fn a_container_that_runs_is_always_read() {
        let looks: Vec<_> = (0..100).map(|second| (second, RUNNING(second))).collect();
        assert_eq!(reads(&looks), (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn a_still_one_is_read_until_the_kernel_has_settled_and_then_every_ten_seconds() {
        let looks: Vec<_> = (0..30).map(|second| (second, RUNNING(1))).collect();
        assert_eq!(reads(&looks), [0, 1, 2, 3, 13, 23]);
        let seldom: Vec<_> = (0..13).map(|look| (look * 10, RUNNING(1))).collect();
        assert_eq!(reads(&seldom), (0..13).map(|look| look * 10).collect::<Vec<_>>());
    }

    #[test]
    fn whatever_stirs_has_it_read_again() {
        let other = Activity { memory: 8192, ..RUNNING(1) };
        let looks = [(0, RUNNING(1)), (4, RUNNING(1)), (6, RUNNING(1)), (8, other), (9, other)];
        assert_eq!(reads(&looks), [0, 4, 8, 9]);
        // Also when all is as it was before.
        let looks = [(0, RUNNING(1)), (4, RUNNING(1)), (6, other), (8, RUNNING(1))];
        assert_eq!(reads(&looks), [0, 4, 6, 8]);
    }

    #[test]
    fn the_figure_is_the_one_that_was_read() {
        let mut still = Still::default();
        for second in [0, 5] {
            let at = Duration::from_secs(second);
            assert_eq!(still.figure(at, RUNNING(1)), None);
            still.note(at, 100 + second);
        }
        assert_eq!(still.figure(Duration::from_secs(6), RUNNING(1)), Some(105));
    }
}
