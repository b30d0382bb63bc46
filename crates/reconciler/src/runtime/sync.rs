//! The primitives that threads meet at: the real ones, or loom's with the feature of that name.
//!
//! With the feature nothing works outside of a loom model. It is for one test and for nobody else.

pub(super) use std::sync::PoisonError;
pub(super) use std::task::Waker;

#[cfg(not(feature = "loom"))]
pub(super) use futures::task::AtomicWaker;
#[cfg(feature = "loom")]
pub(super) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(feature = "loom"))]
pub(super) use std::sync::{Mutex, MutexGuard};

/// Loom's waker cell with the interface of the real one.
#[cfg(feature = "loom")]
pub(super) struct AtomicWaker(loom::future::AtomicWaker);

#[cfg(feature = "loom")]
impl AtomicWaker {
    pub(super) fn new() -> Self {
        Self(loom::future::AtomicWaker::new())
    }

    pub(super) fn register(&self, waker: &Waker) {
        self.0.register_by_ref(waker);
    }

    pub(super) fn wake(&self) {
        self.0.wake();
    }
}
