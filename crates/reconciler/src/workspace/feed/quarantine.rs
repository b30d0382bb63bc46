//! How often a container that does not answer is looked at for the engine's sake.
//!
//! A look at such a container ends at its deadline and holds a place among the passes and among the
//! reads until then, so that a few of them with many events would hold up everybody else. Whoever is
//! woken is looked at as soon as there is a place, whatever its priority and its backoff; so events may
//! wake a quarantined workspace once between two lists, and not at once each. The first does so at
//! once: as often as not it says that whatever was stuck has come free. What comes after it is kept
//! until the next list. What a list says is no reason to look, since it says the same each time: the
//! queue's retry is there for that, with its backoff.

/// What became of the events about a quarantined workspace since the last list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quarantine {
    /// There were none.
    Quiet,
    /// It was woken.
    Woken,
    /// It was woken, and then there were more.
    Stirred,
}

impl Quarantine {
    /// Takes note of an event; whether it wakes the workspace.
    pub(super) fn stir(&mut self) -> bool {
        let wakes = *self == Self::Quiet;
        *self = if wakes { Self::Woken } else { Self::Stirred };
        wakes
    }

    /// Takes note of a list, which is the first after a loss if the engine was lost; why that wakes
    /// the workspace.
    pub(super) fn list(&mut self, was_lost: bool) -> Option<&'static str> {
        let why = match self {
            _ if was_lost => Some("the engine answers again"),
            Self::Stirred => Some("more happened since its container did not answer in time"),
            Self::Quiet | Self::Woken => None,
        };
        *self = if why.is_some() { Self::Woken } else { Self::Quiet };
        why
    }
}
