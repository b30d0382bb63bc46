//! What happened, in the order in which it did.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;
use trueup_reconciler::runtime::{Cause, Enqueued, Priority, Snapshot, Stats};

use super::script::End;

/// The whole of a case.
pub(crate) struct Course {
    pub(crate) began: Instant,
    pub(crate) notes: Vec<Note>,
    /// When the stream ended; none if the controller came to rest.
    pub(crate) ended: Option<Instant>,
    pub(crate) stats: Stats,
    pub(crate) snapshot: Snapshot<usize>,
}

/// One line of the log.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) at: Instant,
    pub(crate) event: Event,
}

#[derive(Debug)]
pub(crate) enum Event {
    /// From outside. Whether the key ran at that moment is the queue's own word for it, since a
    /// pass that has been started may not have had its turn yet to say so.
    Acted {
        key: usize,
        ran: bool,
        act: Acted,
    },
    Started {
        key: usize,
        told: Told,
    },
    /// The pass's future is gone.
    Dropped {
        key: usize,
    },
    Came {
        key: usize,
        outcome: Came,
    },
    /// The number of passes that had been started by then.
    Shutdown {
        started: u64,
    },
}

#[derive(Debug)]
pub(crate) enum Acted {
    /// With what it was answered, unless a stream did it.
    Added {
        cause: u32,
        priority: Priority,
        due: Instant,
        answer: Option<Enqueued>,
    },
    Cancelled {
        answer: bool,
    },
    Reset,
}

/// What a pass was told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) causes: Vec<Cause<u32>>,
    pub(crate) omitted: u64,
    pub(crate) attempt: u32,
}

/// What an outcome said.
#[derive(Debug)]
pub(crate) struct Came {
    /// How it ended; none if it was cut off by the end of the drain.
    pub(crate) end: Option<End>,
    pub(crate) told: Told,
    pub(crate) next_retry: Option<Instant>,
    pub(crate) waited: std::time::Duration,
    pub(crate) worked: std::time::Duration,
    pub(crate) stats: Stats,
}

/// The log, as everybody writes into it.
#[derive(Default)]
pub(crate) struct Log(Mutex<Vec<Note>>);

impl Log {
    pub(crate) fn note(&self, event: Event) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.push(Note { at: Instant::now(), event });
    }

    pub(crate) fn take(&self) -> Vec<Note> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
