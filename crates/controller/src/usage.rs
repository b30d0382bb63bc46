//! Usage: the sampler with its source and its history, as it is configured, and what the API sees of it.
//!
//! A history that cannot be opened keeps nobody from working: figures are fresh all the same, and
//! whoever asks for what was is told why there is nothing.

use crate::{Settings, clock::SystemClock};
use async_trait::async_trait;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use jiff::Timestamp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use trueup_api::server::LiveUsage;
use trueup_docker_adapter::{DockerEngine, EngineUsage, HostFiles};
use trueup_domain::{
    error::StoreError,
    id::WorkspaceId,
    pass::Cause,
    port::{Clock, Meter, UsageLog, UsageSource},
    usage::{Point, Range, Source, Usage, UsageRow},
};
use trueup_reconciler::{
    runtime::{Handle, Priority},
    usage::{Figures, Options, Parts, sample},
    workspace::inputs,
};
use trueup_store::{SqliteStore, SqliteUsageLog, UsageOptions};

/// What is measured, as the API sees it.
pub(crate) struct Measuring {
    figures: Arc<Figures>,
    engine: Arc<DockerEngine>,
    source: Arc<EngineUsage>,
}

impl Measuring {
    /// Of the containers of an engine; `figures` are where the sampler shows them.
    pub(crate) fn new(engine: Arc<DockerEngine>, figures: Arc<Figures>) -> Self {
        allow_descriptors();
        let source = Arc::new(engine.usage(HostFiles::default()));
        Self { figures, engine, source }
    }

    /// Samples until the end is asked for. Passes are woken through `handle`.
    pub(crate) async fn run(
        &self,
        settings: &Settings,
        shutdown: CancellationToken,
        (store, log): (Arc<SqliteStore>, Arc<dyn UsageLog>),
        handle: Handle<WorkspaceId, Cause>,
    ) {
        let inputs = inputs(Arc::clone(&store) as _, store.as_ref(), stream::pending());
        let parts = Parts {
            source: Arc::clone(&self.source) as _,
            log,
            clock: Arc::new(SystemClock),
            figures: Arc::clone(&self.figures),
            sessions: self.engine.sessions().boxed(),
        };
        let options = Options {
            interval: settings.usage.interval.duration(),
            thresholds: settings.usage.thresholds(),
            ..Options::default()
        };
        let wake = move |id, cause| {
            handle.enqueue(id, cause, Priority::Event);
        };
        sample(parts, options, inputs.take_until(shutdown.cancelled_owned()), wake).await;
    }
}

impl LiveUsage for Measuring {
    fn usage(&self, id: WorkspaceId) -> Option<Usage> {
        self.figures.usage(id)
    }

    fn source(&self, id: WorkspaceId) -> Option<Source> {
        Some(self.figures.measured(id)?.source)
    }

    fn engine_source(&self) -> Source {
        self.source.source()
    }

    fn subscribe(&self) -> BoxStream<'static, (WorkspaceId, Usage)> {
        self.figures.subscribe().boxed()
    }
}

/// The files of every running container stay open, and the limit that a shell gives is for programs of
/// another age. That it cannot be raised costs some containers their files, which they are told.
fn allow_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// A history that is open, or why it is not.
pub(crate) enum History {
    Open(Arc<SqliteUsageLog>),
    Closed(String),
}

impl History {
    /// Opens the file beside the store's.
    pub(crate) async fn open(settings: &Settings) -> Self {
        let path = SqliteUsageLog::path_beside(&settings.store.path);
        let opened = SqliteUsageLog::open(path, UsageOptions::default(), SystemClock.now()).await;
        match opened {
            Ok(log) => Self::Open(Arc::new(log)),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "there is no history of usage");
                let chain = std::iter::successors(Some(error), |error| error.source());
                Self::Closed(chain.map(ToString::to_string).collect::<Vec<_>>().join(": "))
            }
        }
    }

    /// As a port.
    pub(crate) fn log(&self) -> Arc<dyn UsageLog> {
        match self {
            Self::Open(log) => Arc::clone(log) as _,
            Self::Closed(why) => Arc::new(NoHistory(why.clone())),
        }
    }

    /// Writes what is queued.
    pub(crate) async fn close(
        self,
        deadline: std::time::Duration,
    ) -> Result<(), trueup_store::Error> {
        match self {
            Self::Open(log) => log.close(deadline).await,
            Self::Closed(_) => Ok(()),
        }
    }
}

/// Where nothing is kept, and why.
struct NoHistory(String);

#[async_trait]
impl UsageLog for NoHistory {
    /// That there is no history was said when it could not be opened.
    async fn append(&self, _: Vec<UsageRow>, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn history(
        &self,
        _: WorkspaceId,
        _: &Range,
        _: Timestamp,
    ) -> Result<Vec<Point>, StoreError> {
        let why = format!("it could not be opened at the start: {}", self.0);
        Err(StoreError::Backend { operation: "read usage", source: why.into() })
    }
}
