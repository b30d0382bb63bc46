//! A time as people give it: RFC 3339, or a period that is over by then.

use jiff::Timestamp;
use std::{str::FromStr, time::Duration};
use trueup_domain::quantity::Period;

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// Then.
    At(Timestamp),
    /// So long ago.
    Before(Duration),
}

impl Moment {
    /// The time that is meant; `None`: none that can be written down.
    pub(super) fn at(self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::At(time) => Some(time),
            Self::Before(period) => now.checked_sub(period).ok(),
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let Ok(Length(period)) = text.parse() else {
            return Err(
                "write a time such as `2026-11-22T10:00:00Z`, or a period back from now such as `1h`",
            );
        };
        Ok(Self::Before(period))
    }
}

/// A period as a parameter.
pub(super) struct Length(pub(super) Duration);

impl FromStr for Length {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let period = Period::try_from(text.to_owned());
        period.map(|period| Self(period.duration())).map_err(|_| "write a period such as `1m`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_absolute_or_so_long_ago() {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<Moment>().unwrap().at(now).unwrap().to_string();
        assert_eq!(at("2026-11-22T08:30:00Z"), "2026-11-22T08:30:00Z");
        assert_eq!(at("2026-11-22T08:30:00+01:00"), "2026-11-22T07:30:00Z");
        assert_eq!(at("1h"), "2026-11-22T09:00:00Z");
        assert_eq!(at("0s"), "2026-11-22T10:00:00Z");
        for bad in ["", "1", "yesterday", "-1h", "2026-11-22"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
        assert_eq!("999999999h".parse::<Moment>().unwrap().at(now), None);
    }
}
