//! The [`UsageSource`] port: what a container uses, from the kernel's files or from the engine.
//!
//! # Flow
//! 1. Once per engine it is decided where figures come from: from control group files when the engine
//!    is reached over a local socket and control groups are mounted here, else from the engine's
//!    statistics. The files cost a thousandth.
//! 2. `open` asks the engine for the present run, and opens the files of its process ([`files`]). Where
//!    they cannot be read, as with an engine in a virtual machine or in another PID namespace, this
//!    one container's figures come from the engine, and the gauge says why.
//!
//! # Guarantees
//! - A gauge reads one run of one container and never another's.
//! - Nothing of it is in the way of passes: the calls have a lane of their own.
//!
//! Deliberately absent: sampling, earlier samples, and shares of anything; these are the reconciler's.

mod content;
mod files;
mod host;
mod membership;
mod mounts;
mod parse;
mod process;
mod run;
mod stats;
mod still;

pub use host::HostFiles;

use crate::{DockerEngine, engine::Inner, operation::Operation, perform};
use async_trait::async_trait;
use files::FilesGauge;
use host::Host;
use run::Run;
use stats::StatsGauge;
use std::sync::{Arc, Mutex, PoisonError};
use trueup_domain::{
    error::EngineError,
    id::ContainerId,
    port::{Gauge, UsageError, UsageSource},
    usage::Source,
};

/// The figures of one engine's containers.
pub struct EngineUsage {
    inner: Arc<Inner>,
    /// Or why its files are of no use.
    host: Result<Host, String>,
    proof: Mutex<Proof>,
}

/// What opening files has shown so far.
enum Proof {
    None,
    /// They could be read at least once.
    Readable,
    /// They could not, and this is the latest reason.
    Unreadable(String),
}

impl DockerEngine {
    /// The figures of its containers. It looks where control groups are mounted, and asks the engine
    /// nothing yet, so that it may be down now.
    pub fn usage(&self, files: HostFiles) -> EngineUsage {
        let host = if self.inner.options.host.starts_with("unix://") {
            Host::look(files)
        } else {
            Err("the engine is reached over the network and may be another host's".to_owned())
        };
        EngineUsage { inner: Arc::clone(&self.inner), host, proof: Mutex::new(Proof::None) }
    }
}

#[async_trait]
impl UsageSource for EngineUsage {
    /// Files are believed in until one container has been opened without success and none with it.
    fn source(&self) -> Source {
        let proof = self.proof.lock().unwrap_or_else(PoisonError::into_inner);
        match (&self.host, &*proof) {
            (Err(why), _) | (Ok(_), Proof::Unreadable(why)) => {
                Source::EngineStats { why: why.clone() }
            }
            (Ok(_), Proof::None | Proof::Readable) => Source::ControlGroup,
        }
    }

    async fn open(&self, container: &ContainerId) -> Result<Box<dyn Gauge>, UsageError> {
        let run = self.look(container).await?.ok_or(UsageError::Gone)?;
        let why = match &self.host {
            Err(why) => why.clone(),
            Ok(host) => match FilesGauge::open(host, &run) {
                Ok(gauge) => {
                    self.note(Proof::Readable);
                    return Ok(Box::new(gauge));
                }
                Err(error @ (UsageError::Gone | UsageError::Unknown(_))) => return Err(error),
                Err(UsageError::Unreadable(why)) => {
                    // It may just as well have ended in between, or its process be a new one.
                    if self.look(container).await?.as_ref() != Some(&run) {
                        return Err(UsageError::Gone);
                    }
                    self.note(Proof::Unreadable(why.clone()));
                    why
                }
            },
        };
        Ok(Box::new(StatsGauge::new(Arc::clone(&self.inner), run, why)))
    }
}

impl EngineUsage {
    async fn look(&self, container: &ContainerId) -> Result<Option<Run>, UsageError> {
        let unreadable = |error: EngineError| UsageError::Unreadable(error.to_string());
        let unknown = |error: EngineError| UsageError::Unknown(error.to_string());
        let name = perform::path_segment(Operation::Stats, container).map_err(unreadable)?;
        let caller = &self.inner.caller;
        let work = run::look(&caller.transport, name);
        caller.call(Operation::Stats, name, work).await.map_err(unknown)
    }

    /// One success is proof for good: what fails later is the fault of one container.
    fn note(&self, proof: Proof) {
        let mut known = self.proof.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*known, Proof::Readable) {
            *known = proof;
        }
    }
}

#[cfg(test)]
mod tests;
