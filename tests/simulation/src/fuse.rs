//! Where a controller dies: every call that it makes to the engine or to the store is heard of twice, on
//! its way there and on its way back, and it can die at each.
//!
//! Once the fuse has blown nothing of that controller goes on: its calls never return, until it is
//! dropped. So it dies exactly there, whatever else it had under way.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tokio::sync::Notify;

/// The fuse of one life of a controller.
#[derive(Debug)]
pub(crate) struct Fuse {
    /// How many steps are left; `u64::MAX` burns for ever.
    left: AtomicU64,
    has_blown: AtomicBool,
    blown: Notify,
}

impl Fuse {
    /// A fuse that does not burn.
    pub(crate) fn new() -> Self {
        Self {
            left: AtomicU64::new(u64::MAX),
            has_blown: AtomicBool::new(false),
            blown: Notify::new(),
        }
    }

    /// Has it blow after so many further steps.
    pub(crate) fn light(&self, steps: u64) {
        self.left.store(steps, Ordering::SeqCst);
    }

    /// One step of the controller. Never returns once the fuse has blown.
    pub(crate) async fn step(&self) {
        if self.burn() {
            std::future::pending::<()>().await;
        }
    }

    fn burn(&self) -> bool {
        if self.has_blown.load(Ordering::SeqCst) {
            return true;
        }
        let left = self.left.load(Ordering::SeqCst);
        if left == u64::MAX {
            return false;
        }
        self.left.store(left.saturating_sub(1), Ordering::SeqCst);
        if left > 0 {
            return false;
        }
        self.has_blown.store(true, Ordering::SeqCst);
        self.blown.notify_one();
        true
    }

    /// Ready once it has blown.
    pub(crate) async fn blown(&self) {
        while !self.has_blown.load(Ordering::SeqCst) {
            self.blown.notified().await;
        }
    }
}
