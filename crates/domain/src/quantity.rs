//! Sizes, shares of a processor and lengths of time, as people write them in a manifest.
//!
//! Each is parsed where it enters and keeps its unit in its type.

use jiff::{SignedDuration, SpanRelativeTo, fmt::friendly};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, time::Duration};

/// An amount of memory in bytes; written `512MiB`, `2GiB`, `500MB` or as a number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Memory(u64);

/// Suffixes, longest first so that `MiB` is not read as `B`.
const UNITS: [(&str, u64); 10] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

impl Memory {
    /// So many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many MiB (2^20 bytes).
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib << 20)
    }

    /// The amount in bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    fn parse(text: &str) -> Result<Self, String> {
        let unusable =
            || format!("`{text}` is not an amount of memory; write for example `512MiB` or `2GiB`");
        let (digits, unit) = UNITS
            .iter()
            .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?.trim_end(), *unit)))
            .unwrap_or((text, 1));
        let count: u64 = digits.parse().map_err(|_| unusable())?;
        count.checked_mul(unit).map(Self).ok_or_else(|| format!("`{text}` is too large"))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact =
            UNITS[..4].iter().rev().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit));
        match exact {
            Some((suffix, unit)) => write!(f, "{}{suffix}", self.0 / unit),
            None => write!(f, "{}B", self.0),
        }
    }
}

impl Serialize for Memory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Memory;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an amount of memory such as `512MiB`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Memory, E> {
                Memory::parse(text).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Memory, E> {
                Ok(Memory(bytes))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A share of the host's processors in thousandths of a core; written as a number, `1.5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Cpus(u32);

impl Cpus {
    /// So many thousandths of a core.
    pub const fn from_millis(millis: u32) -> Self {
        Self(millis)
    }

    /// The share in thousandths of a core.
    pub const fn millis(self) -> u32 {
        self.0
    }

    /// The share in billionths of a core, the engine's unit.
    pub const fn nanos(self) -> i64 {
        self.0 as i64 * 1_000_000
    }
}

impl TryFrom<f64> for Cpus {
    type Error = String;
    fn try_from(cores: f64) -> Result<Self, String> {
        if !(0.01..=4096.0).contains(&cores) {
            return Err(format!(
                "`{cores}` cpus are out of range; write a number from 0.01 to 4096"
            ));
        }
        // In range by the check above, so the conversion neither truncates much nor wraps.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        Ok(Self((cores * 1000.0).round() as u32))
    }
}

impl From<Cpus> for f64 {
    fn from(cpus: Cpus) -> Self {
        Self::from(cpus.0) / 1000.0
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f64::from(*self).fmt(f)
    }
}

/// A length of time; written `10s`, `5m`, `1h30m`, `250ms`, `7d`. A day has 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct Period(Duration);

impl Period {
    /// So many whole seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// The length itself.
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl From<Duration> for Period {
    fn from(duration: Duration) -> Self {
        Self(duration)
    }
}

impl TryFrom<String> for Period {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let unusable =
            || format!("`{text}` is not a length of time; write for example `10s`, `5m`, `1h30m`");
        let parser = friendly::SpanParser::new();
        // Days are no part of a duration to the library, and so many hours no span.
        let of_days = |_| {
            parser.parse_span(text.as_bytes())?.to_duration(SpanRelativeTo::days_are_24_hours())
        };
        let signed: SignedDuration =
            parser.parse_duration(text.as_bytes()).or_else(of_days).map_err(|_| unusable())?;
        Duration::try_from(signed).map(Self).map_err(|_| unusable())
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Period;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a length of time such as `10s`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Period, E> {
                Period::try_from(text.to_owned()).map_err(E::custom)
            }
        }
        // Not as a string, so that a bare number is told about its unit and not about quotes.
        deserializer.deserialize_any(Visitor)
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        period.to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signed = SignedDuration::try_from(self.0).unwrap_or(SignedDuration::MAX);
        let printer = friendly::SpanPrinter::new().designator(friendly::Designator::Compact);
        let mut text = String::new();
        printer.print_duration(&signed, &mut text).map_err(|_| fmt::Error)?;
        f.write_str(&text.replace(' ', ""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn memory_reads_what_people_write() {
        let cases =
            [("512MiB", 512 << 20), ("2GiB", 2 << 30), ("500MB", 500_000_000), ("4096", 4096)];
        for (text, bytes) in cases {
            assert_eq!(Memory::parse(text), Ok(Memory(bytes)), "{text}");
        }
        for bad in ["", "MiB", "-1GiB", "1.5GiB", "12 apples", "99999999999TiB"] {
            assert!(Memory::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_period_reads_what_people_write() {
        let parse = |text: &str| Period::try_from(text.to_owned());
        assert_eq!(parse("10s"), Ok(Period::from_secs(10)));
        assert_eq!(parse("1h30m"), Ok(Period::from_secs(5400)));
        assert_eq!(parse("250ms"), Ok(Period(Duration::from_millis(250))));
        assert_eq!(parse("30d"), Ok(Period::from_secs(30 * 24 * 60 * 60)));
        for bad in ["", "10", "soon", "-5s", "5 parsecs", "1mo"] {
            assert!(parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    proptest! {
        #[test]
        fn memory_written_is_memory_read(bytes in any::<u64>()) {
            let memory = Memory(bytes);
            prop_assert_eq!(Memory::parse(&memory.to_string()), Ok(memory));
        }

        #[test]
        fn a_period_written_is_a_period_read(millis in 0_u64..10_000_000_000) {
            let period = Period(Duration::from_millis(millis));
            prop_assert_eq!(Period::try_from(period.to_string()), Ok(period));
        }
    }
}
