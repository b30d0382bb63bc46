//! The health of the writer: why nothing reaches the disk, if so.
//!
//! Unhealthy means that storing failed last, and that nothing was stored since. A call that is refused
//! for what it says is no failure, and a commit that had nothing to write proves nothing.

use std::{
    error::Error,
    sync::{Mutex, PoisonError},
};

#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Option<String>>);

impl Health {
    pub(super) fn check(&self) -> Result<(), String> {
        let failure = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone().map_or(Ok(()), Err)
    }

    pub(super) fn fail(&self, cause: &str) {
        let failure = format!("the last write failed: {cause}");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
    }

    pub(super) fn recover(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// What the innermost source of an error says, which is the one that a person can act on.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let errors = std::iter::successors(Some(error), |&error| error.source());
    errors.last().map(ToString::to_string).unwrap_or_default()
}

/// The cause of an error if it is the storage that failed, and not a rule of the schema.
pub(super) fn failure_of_storage(error: &(dyn Error + 'static)) -> Option<String> {
    let mut errors = std::iter::successors(Some(error), |&error| error.source());
    let failed = errors.find_map(|error| error.downcast_ref::<sqlx::Error>())?;
    let is_of_storage = match failed {
        sqlx::Error::Database(error) => matches!(error.kind(), sqlx::error::ErrorKind::Other),
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    };
    is_of_storage.then(|| root_cause(failed))
}
