//! Processor time of a known share.
//!
//! Each thread compares its own processor time with the time that has passed, and rests while it is
//! ahead: what the machine takes from it is made up for later. Deliberately absent: an end.

use crate::program::Share;
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::{thread, time::Duration};

/// A thread busy all the time for each whole core, and one for the rest.
pub(crate) fn burn(Share(thousandths): Share) {
    for _ in 0..thousandths / 1_000 {
        thread::spawn(|| {
            loop {
                spin();
            }
        });
    }
    let rest = thousandths % 1_000;
    if rest > 0 {
        thread::spawn(move || burn_part(f64::from(rest) / 1_000.0));
    }
}

fn burn_part(share: f64) {
    /// Short beside any time that somebody measures over.
    const REST: Duration = Duration::from_millis(2);
    let start = seconds(ClockId::Monotonic);
    loop {
        let passed = seconds(ClockId::Monotonic) - start;
        if seconds(ClockId::ThreadCPUTime) < passed * share {
            spin();
        } else {
            thread::sleep(REST);
        }
    }
}

/// Some microseconds of work.
fn spin() {
    let mut number: u64 = 1;
    for _ in 0..10_000 {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005) | 1);
    }
}

fn seconds(clock: ClockId) -> f64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    let whole = Duration::from_secs(tv_sec.unsigned_abs());
    let part = Duration::from_nanos(tv_nsec.unsigned_abs());
    (whole + part).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a busy machine the thread falls behind at first, and catches up.
    #[test]
    fn a_quarter_is_a_quarter_in_the_end_and_never_more() {
        const PATIENCE: f64 = 30.0;
        let measure = || (seconds(ClockId::ProcessCPUTime), seconds(ClockId::Monotonic));
        let before = measure();
        burn(Share(250));
        loop {
            thread::sleep(Duration::from_millis(20));
            let after = measure();
            let passed = after.1 - before.1;
            let share = (after.0 - before.0) / passed;
            if passed > 1.0 {
                assert!(share < 0.28, "{share}");
                if share > 0.24 {
                    return;
                }
            }
            assert!(passed < PATIENCE, "{share}");
        }
    }
}
