//! When to speak about lost spans.
//!
//! A pure rate limit: the caller brings the time. Invariant: between two
//! complaints lies at least [`PAUSE`], however the collector flaps; a recovery is
//! told only after a complaint, and once. Every lost span is counted in exactly
//! one remark, or waits for the next one.

use std::time::Duration;

use tokio::time::Instant;

/// The least time between two complaints.
pub(crate) const PAUSE: Duration = Duration::from_mins(1);

/// What has been said and what has not.
#[derive(Debug, Default)]
pub(crate) struct Complaint {
    last: Option<Instant>,
    /// A complaint was made and no recovery has been told since.
    standing: bool,
    unsaid: u64,
}

/// What to say now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remark {
    /// Nothing.
    Quiet,
    /// So many spans were lost since the last remark.
    Lost(u64),
    /// Spans arrive again; so many were lost since the last remark.
    Recovered(u64),
}

impl Complaint {
    /// Takes note of one export at `now` and the spans lost since the last one.
    pub(crate) fn note(&mut self, now: Instant, lost: u64) -> Remark {
        self.unsaid += lost;
        if lost == 0 {
            return if std::mem::take(&mut self.standing) {
                Remark::Recovered(std::mem::take(&mut self.unsaid))
            } else {
                Remark::Quiet
            };
        }
        if self.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            return Remark::Quiet;
        }
        self.last = Some(now);
        self.standing = true;
        Remark::Lost(std::mem::take(&mut self.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_dead_collector_is_one_complaint_a_minute_with_everything_lost_since() {
        let (start, mut complaint) = (Instant::now(), Complaint::default());
        let mut remarks = Vec::new();
        for second in 0..=120 {
            match complaint.note(after(start, second), 10) {
                Remark::Quiet => {}
                remark => remarks.push((second, remark)),
            }
        }
        let expected = [(0, Remark::Lost(10)), (60, Remark::Lost(600)), (120, Remark::Lost(600))];
        assert_eq!(remarks, expected);
    }

    #[test]
    fn a_recovery_is_told_once_with_what_was_lost_in_silence() {
        let (start, mut complaint) = (Instant::now(), Complaint::default());
        assert_eq!(complaint.note(start, 5), Remark::Lost(5));
        assert_eq!(complaint.note(after(start, 1), 7), Remark::Quiet);
        assert_eq!(complaint.note(after(start, 2), 0), Remark::Recovered(7));
        assert_eq!(complaint.note(after(start, 3), 0), Remark::Quiet);
    }

    #[test]
    fn a_flapping_collector_makes_no_more_noise_than_a_dead_one() {
        let (start, mut complaint) = (Instant::now(), Complaint::default());
        let remarks: Vec<_> = (0..60)
            .map(|second| complaint.note(after(start, second), (second + 1) % 2))
            .filter(|remark| *remark != Remark::Quiet)
            .collect();
        assert_eq!(remarks, [Remark::Lost(1), Remark::Recovered(0)]);
        assert_eq!(complaint.note(after(start, 60), 1), Remark::Lost(30));
    }

    #[test]
    fn a_healthy_collector_is_never_mentioned() {
        let mut complaint = Complaint::default();
        assert_eq!(complaint.note(Instant::now(), 0), Remark::Quiet);
    }
}
