//! What the history refuses although the storage is well.

use trueup_domain::error::StoreError;

/// Why a call was refused. It is the source of a `StoreError::Backend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UsageRefused {
    /// The answer would be too long.
    #[error(
        "there are more than {most} points in the range; ask for a shorter one or longer steps"
    )]
    TooManyPoints {
        /// How many an answer has at most.
        most: usize,
    },
    /// The writer is behind, and the rows were dropped.
    #[error("{rows} rows were dropped, as those before them are not written yet")]
    Behind {
        /// How many.
        rows: usize,
    },
}

impl UsageRefused {
    /// As the source of a port's error.
    pub(super) fn during(self, operation: &'static str) -> StoreError {
        StoreError::Backend { operation, source: Box::new(self) }
    }
}
