//! What a pass is told: its causes, and later, perhaps, to end early.
//!
//! Both are in one allocation, since every pass has both and most have a single cause. It is shared
//! by the controller, which sets the signal, the pass, which waits for it, and the pass's outcome.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use smallvec::SmallVec;
use tokio::sync::Notify;

use super::request::Cause;

/// Causes in one place; mostly it is one, and needs no allocation.
pub type CauseList<C> = SmallVec<[Cause<C>; 1]>;

/// Every cause that was merged into a pass, oldest first. A slice that is cheap to clone.
pub struct Causes<C>(Arc<Brief<C>>);

struct Brief<C> {
    causes: CauseList<C>,
    is_cancelled: AtomicBool,
    cancelled: Notify,
}

impl<C> Causes<C> {
    pub(super) fn new(causes: CauseList<C>) -> Self {
        Self(Arc::new(Brief {
            causes,
            is_cancelled: AtomicBool::new(false),
            cancelled: Notify::new(),
        }))
    }

    /// Asks the pass to end early, for good.
    pub(super) fn cancel(&self) {
        self.0.is_cancelled.store(true, Ordering::Release);
        self.0.cancelled.notify_waiters();
    }

    pub(super) fn is_cancelled(&self) -> bool {
        self.0.is_cancelled.load(Ordering::Acquire)
    }

    /// Ready as soon as the pass is asked to end.
    pub(super) async fn cancelled(&self) {
        // Made before the look, so that a signal after the look is not missed.
        let signal = self.0.cancelled.notified();
        if !self.is_cancelled() {
            signal.await;
        }
    }
}

impl<C> Deref for Causes<C> {
    type Target = [Cause<C>];

    fn deref(&self) -> &[Cause<C>] {
        &self.0.causes
    }
}

impl<C> FromIterator<Cause<C>> for Causes<C> {
    fn from_iter<I: IntoIterator<Item = Cause<C>>>(causes: I) -> Self {
        Self::new(causes.into_iter().collect())
    }
}

// Derived, this would ask for `C: Clone`.
impl<C> Clone for Causes<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: fmt::Debug> fmt::Debug for Causes<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
