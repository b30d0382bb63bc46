//! What is to be kept as history: gathered, and written a batch at a time.
//!
//! At most one write is under way. While it is, rows wait up to a bound, and those beyond it are
//! dropped: history must never cost memory or hold anybody up.

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout};
use trueup_domain::{error::StoreError, port::UsageLog, usage::UsageRow};

/// How many rows may wait.
const WAITING: usize = 16 * 1024;
/// How long one batch may take.
const DEADLINE: Duration = Duration::from_secs(30);
/// The least time between two complaints.
const COMPLAIN_AFTER: Duration = Duration::from_mins(1);

/// The journal.
pub(super) struct Journal {
    log: Arc<dyn UsageLog>,
    waiting: Vec<UsageRow>,
    lost: u64,
    complained_at: Option<Instant>,
}

/// A write that is over.
pub(super) struct Written {
    count: usize,
    outcome: Result<(), StoreError>,
}

impl Journal {
    pub(super) fn new(log: Arc<dyn UsageLog>) -> Self {
        Self { log, waiting: Vec::new(), lost: 0, complained_at: None }
    }

    pub(super) fn note(&mut self, row: UsageRow) {
        if self.waiting.len() < WAITING {
            self.waiting.push(row);
        } else {
            self.lost += 1;
        }
    }

    /// Writes what waits; `None` when nothing does.
    pub(super) fn write(&mut self, now: Timestamp) -> Option<BoxFuture<'static, Written>> {
        if self.waiting.is_empty() {
            return None;
        }
        let rows = std::mem::take(&mut self.waiting);
        let (log, count) = (Arc::clone(&self.log), rows.len());
        let write = async move {
            let outcome = timeout(DEADLINE, log.append(rows, now)).await;
            let outcome = outcome.unwrap_or_else(|_| {
                let source = "the write took too long".into();
                Err(StoreError::Backend { operation: "keep usage", source })
            });
            Written { count, outcome }
        };
        Some(write.boxed())
    }

    /// Complains about what was lost, now and then.
    pub(super) fn settle(&mut self, written: Written) {
        let error = match written.outcome {
            Ok(()) if self.lost == 0 => return,
            Ok(()) => None,
            Err(error) => {
                self.lost += written.count as u64;
                Some(error)
            }
        };
        if self.complained_at.is_some_and(|at| at.elapsed() < COMPLAIN_AFTER) {
            return;
        }
        self.complained_at = Some(Instant::now());
        let lost = std::mem::take(&mut self.lost);
        let error = error.as_ref().map(|error| error as &dyn std::error::Error);
        tracing::warn!(lost, error, "usage could not be kept as history");
    }
}
