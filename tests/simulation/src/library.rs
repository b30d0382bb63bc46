//! The real store in a thread of its own, for a simulation that stands still while it works.
//!
//! A call blocks the simulation's only thread until it is answered, so that no time passes on its clock,
//! and no other task runs that could be earlier or later than the database's threads. The store itself
//! lives by the real time, which nobody sees.

use anyhow::{Context as _, Result, anyhow};
use std::{
    path::PathBuf,
    sync::mpsc::{self, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};
use trueup_store::{Options, SqliteStore};

type Job = Box<dyn FnOnce(&Runtime, &SqliteStore) + Send>;

/// How long a store may take to close.
const CLOSING: Duration = Duration::from_secs(10);

/// A store that is asked from outside.
pub(crate) struct Library {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Library {
    /// Opens a store in a file that is not there yet.
    pub(crate) fn open(path: PathBuf, options: Options) -> Result<Self> {
        let (jobs, todo) = mpsc::channel::<Job>();
        let (tell, opened) = mpsc::channel();
        let thread = thread::spawn(move || {
            let opening = || -> Result<_> {
                let runtime = Builder::new_current_thread().enable_all().build()?;
                let store = runtime.block_on(SqliteStore::open(path, options))?;
                Ok((runtime, store))
            };
            match opening() {
                Err(error) => drop(tell.send(Err(error))),
                Ok((runtime, store)) => {
                    drop(tell.send(Ok(())));
                    for job in todo {
                        job(&runtime, &store);
                    }
                    // The file is in a folder that goes next.
                    drop(runtime.block_on(store.close(CLOSING)));
                }
            }
        });
        opened.recv().context("the store's thread has died")??;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does something with the store, and waits for it.
    ///
    /// # Errors
    /// The store's thread has died.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&SqliteStore) -> T + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = mpsc::channel();
        let job: Job =
            Box::new(move |runtime, store| drop(tell.send(runtime.block_on(work(store)))));
        let jobs = self.jobs.as_ref().ok_or_else(|| anyhow!("the store is closed"))?;
        jobs.send(job).map_err(|_| anyhow!("the store's thread has died"))?;
        told.recv().context("the store's thread has died")
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
