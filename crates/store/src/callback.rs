//! Callbacks on changes: any number of them, none of which can harm a pass, the store or another.
//!
//! Each callback has a task and a place in the bounded change buffer of its own. It runs on a thread
//! for blocking work, so that it may take its time; one that falls too far behind is called with
//! `Change::Missed`. One that never returns keeps its thread for good, and holds up nobody else.

use futures::{StreamExt, stream::BoxStream};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::task::{JoinHandle, spawn_blocking};
use trueup_domain::port::Change;

/// A registered callback; dropping it ends the calls.
#[derive(Debug)]
pub struct Callback {
    name: String,
    counters: Arc<Counters>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicU64,
    panics: AtomicU64,
    missed: AtomicU64,
}

impl Callback {
    pub(crate) fn start<F>(name: String, changes: BoxStream<'static, Change>, callback: F) -> Self
    where
        F: Fn(&Change) + Send + 'static,
    {
        let counters = Arc::new(Counters::default());
        let task = tokio::spawn(call_on_each(name.clone(), changes, callback, counters.clone()));
        Self { name, counters, task }
    }

    /// The name that it was registered with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many calls it has returned from, or panicked in.
    pub fn calls(&self) -> u64 {
        self.counters.calls.load(Ordering::Relaxed)
    }

    /// In how many calls it has panicked.
    pub fn panics(&self) -> u64 {
        self.counters.panics.load(Ordering::Relaxed)
    }

    /// How many changes it has missed by being slow.
    pub fn missed(&self) -> u64 {
        self.counters.missed.load(Ordering::Relaxed)
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn call_on_each<F>(
    name: String,
    mut changes: BoxStream<'static, Change>,
    mut callback: F,
    counters: Arc<Counters>,
) where
    F: Fn(&Change) + Send + 'static,
{
    while let Some(change) = changes.next().await {
        if let Change::Missed(count) = &change {
            counters.missed.fetch_add(*count, Ordering::Relaxed);
            tracing::warn!(callback = name, missed = count, "a callback is too slow");
        }
        // The callback travels to the blocking thread and back, so that it need not be `Sync`.
        let call = spawn_blocking(move || {
            let returned = catch_unwind(AssertUnwindSafe(|| callback(&change)));
            (callback, returned.is_err())
        });
        // The call itself cannot panic; it is given up only with the whole runtime.
        let Ok((back, panicked)) = call.await else { return };
        callback = back;
        if panicked {
            counters.panics.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                callback = name,
                "a callback panicked; it goes on with the next change"
            );
        }
        counters.calls.fetch_add(1, Ordering::Relaxed);
    }
}
