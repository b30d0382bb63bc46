//! The port, over one Docker Engine.

use crate::{
    Error, Options,
    call::Caller,
    convert, events,
    events::{Events, Session},
    inherited,
    inherited::Verdicts,
    init_words, list, network,
    operation::Operation,
    perform,
    transport::Transport,
    volume,
};
use async_trait::async_trait;
use bollard::{
    errors::Error as Refusal, models::ContainerInspectResponse,
    query_parameters::InspectContainerOptions,
};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use std::{fmt, sync::Arc};
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;
use trueup_domain::{
    action::Action,
    container::{Container, ContainerConfig, ContainerSummary},
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, WorkspaceId},
    observed::NetworkState,
    port::Engine,
    spec::Image,
    usage::CommandDigest,
};

/// A Docker Engine, reached over a local socket or plain TCP.
#[derive(Clone)]
pub struct DockerEngine {
    pub(crate) inner: Arc<Inner>,
}

/// What all clones share.
pub(crate) struct Inner {
    pub(crate) options: Options,
    pub(crate) caller: Caller,
    pub(crate) verdicts: Verdicts,
    /// Commands that were started in containers, as the events tell of them.
    pub(crate) sessions: broadcast::Sender<Session>,
}

/// How many commands a listener may be behind.
const SESSIONS_BEHIND: usize = 1024;

impl DockerEngine {
    /// Prepares for the engine at `options.host`; it is called only when something is asked of it,
    /// so that it may be down now.
    pub fn connect(options: Options) -> Result<Self, Error> {
        let transport = Transport::new(&options.host)?;
        let caller = Caller::new(transport, options.deadlines, options.concurrency);
        let (verdicts, sessions) = (Verdicts::default(), broadcast::Sender::new(SESSIONS_BEHIND));
        Ok(Self { inner: Arc::new(Inner { options, caller, verdicts, sessions }) })
    }

    /// The commands that are started inside of workspaces from now on, health checks among them, as far
    /// as somebody follows the events meanwhile. Whoever falls behind misses some.
    pub fn sessions(&self) -> impl Stream<Item = (WorkspaceId, CommandDigest)> + Send + use<> {
        let told = BroadcastStream::new(self.inner.sessions.subscribe());
        told.filter_map(|session| std::future::ready(session.ok()))
    }
}

impl fmt::Debug for DockerEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerEngine").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn inspect(&self, container: &ContainerId) -> Result<Option<Container>, EngineError> {
        match inspect(&self.inner.caller, container).await? {
            Some(container) => Ok(Some(init_words::add(&self.inner.caller, container).await)),
            None => Ok(None),
        }
    }

    async fn list(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        self.inner.list(workspace).await
    }

    async fn has_image(&self, image: &Image) -> Result<bool, EngineError> {
        let caller = &self.inner.caller;
        let look = async {
            match caller.docker().inspect_image(image.as_str()).await {
                Ok(_) => Ok(true),
                Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
                Err(refusal) => Err(refusal),
            }
        };
        caller.call(Operation::HasImage, image.as_str(), look).await
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkState>, EngineError> {
        network::find(&self.inner.caller, &self.inner.options.instance_id, name).await
    }

    async fn volumes(&self, workspace: WorkspaceId) -> Result<Vec<String>, EngineError> {
        volume::list(&self.inner.caller, &self.inner.options.instance_id, workspace).await
    }

    async fn perform(&self, action: &Action) -> Result<(), EngineError> {
        perform::perform(&self.inner.caller, &self.inner.options.instance_id, action).await
    }

    async fn create(&self, config: &ContainerConfig) -> Result<ContainerId, EngineError> {
        perform::create(&self.inner.caller, config).await
    }

    async fn time(&self) -> Result<Timestamp, EngineError> {
        events::time(&self.inner).await
    }

    async fn events(&self, since: Timestamp) -> Result<Events, EngineError> {
        events::subscribe(&self.inner, since).await
    }
}

impl Inner {
    pub(crate) async fn list(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        let path = list::path(&self.options.instance_id, workspace);
        let subject = workspace.map(|id| id.to_string()).unwrap_or_default();
        let look = self.caller.transport.get::<Vec<list::Row>>(&path);
        let rows = self.caller.call(Operation::List, &subject, look).await?;
        // Who asks for all only looks closer; who asks for one workspace's may act on the answer.
        if workspace.is_none() {
            return Ok(list::summaries(rows));
        }
        let rows =
            inherited::leave_out(&self.caller, &self.verdicts, &self.options.instance_id, rows)
                .await?;
        list::all_summaries(rows).map_err(|message| EngineError {
            operation: Operation::List.words(),
            class: ErrorClass::Unknown,
            reason: Reason::EngineFault,
            message,
        })
    }
}

/// The container with that id or name, whosever it is: its labels say so.
pub(crate) async fn inspect(
    caller: &Caller,
    container: &ContainerId,
) -> Result<Option<Container>, EngineError> {
    let answer = inspect_whole(caller, container).await?;
    answer.map(convert::container).transpose().map_err(unreadable)
}

/// The same, as the engine says it.
pub(crate) async fn inspect_whole(
    caller: &Caller,
    container: &ContainerId,
) -> Result<Option<ContainerInspectResponse>, EngineError> {
    let name = perform::path_segment(Operation::Inspect, container)?;
    let look = async {
        match caller.docker().inspect_container(name, None::<InspectContainerOptions>).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    };
    caller.call(Operation::Inspect, name, look).await
}

/// An answer that lacks what every container has.
pub(crate) fn unreadable(message: String) -> EngineError {
    EngineError {
        operation: Operation::Inspect.words(),
        class: ErrorClass::Unknown,
        reason: Reason::EngineFault,
        message,
    }
}
