//! Times as people read them: `5m`, `3h`, `12d`.

use jiff::Timestamp;
use trueup_api::domain::Clock;
use trueup_controller::clock::SystemClock;

/// The time of day, to measure ages from.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// How long ago `then` was: two units while it is short, one later on, as `kubectl` shows it.
pub(crate) fn age(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs();
    if seconds < 0 { format!("in {}", age(now, then)) } else { length(seconds.unsigned_abs()) }
}

/// So many seconds, in the same words.
pub(crate) fn length(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let with_rest = |whole: u64, unit: &str, rest: u64, rest_unit: &str| match rest {
        0 => format!("{whole}{unit}"),
        _ => format!("{whole}{unit}{rest}{rest_unit}"),
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => with_rest(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => with_rest(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => with_rest(days, "d", hours % 24, "h"),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_the_units_that_matter() {
        let shown = |seconds: i64| {
            age(Timestamp::from_second(0).unwrap(), Timestamp::from_second(seconds).unwrap())
        };
        let cases = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (125, "2m5s"),
            (3599, "59m"),
            (10_860, "3h1m"),
            (90_000, "25h"),
            (180_000, "2d2h"),
            (864_000, "10d"),
            (-5, "in 5s"),
        ];
        for (seconds, text) in cases {
            assert_eq!(shown(seconds), text);
        }
    }
}
