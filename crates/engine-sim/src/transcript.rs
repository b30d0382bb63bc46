//! What happened, line by line, as a test prints it when it fails.
//!
//! Invariants: bounded (the newest lines are kept, a digest covers all); no line holds a command or a
//! variable of a container.

use std::{collections::VecDeque, fmt, time::Duration};

/// How many lines are kept.
const KEPT: usize = 10_000;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// How long the engine had existed.
    pub at: Duration,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:12.6} {}", self.at.as_secs_f64(), self.what)
    }
}

/// The newest lines of a history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transcript {
    entries: VecDeque<Entry>,
    written: u64,
    digest: u64,
}

impl Transcript {
    /// The lines that are kept, oldest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many lines were written, those not kept any more among them.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// A number that two histories share only if they are the same from their beginning.
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    pub(crate) fn write(&mut self, at: Duration, what: String) {
        let entry = Entry { at, what };
        // FNV-1a: no seed of its own, unlike the standard library's.
        for byte in entry.to_string().bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.written += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}
