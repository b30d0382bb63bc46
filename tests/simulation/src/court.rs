//! What was found to be wrong, by the name of the rule that it breaks.
//!
//! The rules are those of the architecture, R1 to R9. Whoever sees one broken says so here; the first
//! finding decides the run, as the others may follow from it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

/// A rule of the passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// When faults stop and specs rest, every workspace converges and stays.
    R1,
    /// A second pass then makes no mutating engine call.
    R2,
    /// Nothing is leaked or doubled, wherever the controller dies.
    R3,
    /// Stale, lost, doubled or reordered events never destroy or double a workspace.
    R4,
    /// A write from an old generation is rejected.
    R5,
    /// `observedGeneration` is monotone and never ahead of the generation.
    R6,
    /// A deletion ends only after absence was observed.
    R7,
    /// What was executed equals what was recorded.
    R8,
    /// Named volumes are removed only by an explicit delete that says so.
    R9,
}

impl Rule {
    /// All of them.
    pub const ALL: [Self; 9] =
        [Self::R1, Self::R2, Self::R3, Self::R4, Self::R5, Self::R6, Self::R7, Self::R8, Self::R9];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meaning = match self {
            Self::R1 => "every workspace converges and stays",
            Self::R2 => "what is settled is left alone",
            Self::R3 => "nothing is leaked or doubled",
            Self::R4 => "no workspace is destroyed or doubled by what is told of it",
            Self::R5 => "a write from an old generation is rejected",
            Self::R6 => "observedGeneration is monotone and never ahead",
            Self::R7 => "a deletion ends after absence was observed",
            Self::R8 => "what was executed is what was recorded",
            Self::R9 => "volumes go only when a delete says so",
        };
        write!(f, "{self:?} ({meaning})")
    }
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which rule.
    pub rule: Rule,
    /// How, in words.
    pub how: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.how)
    }
}

/// Where findings are brought.
#[derive(Debug, Default)]
pub(crate) struct Court(Mutex<Option<Finding>>);

impl Court {
    /// Notes that a rule was broken; only the first counts.
    pub(crate) fn accuse(&self, rule: Rule, how: impl Into<String>) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| Finding { rule, how: how.into() });
    }

    /// The first finding.
    pub(crate) fn finding(&self) -> Option<Finding> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
