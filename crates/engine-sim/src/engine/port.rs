//! The port: questions, and the actions handed on.

use super::{
    Shared, SimEngine,
    classify::{classify, expired},
    operation::Operation,
    stream::Subscription,
};
use crate::{
    Answer, Request, Row, RowFault, Why,
    model::desk::{Failure, Outcome},
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::timeout;
use trueup_domain::{
    action::Action,
    container::{Container, ContainerConfig, ContainerSummary},
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, ImageId, WorkspaceId},
    label,
    observed::NetworkState,
    port::{Engine, EngineEvent, Unreadable},
    spec::Image,
};

#[async_trait]
impl Engine for SimEngine {
    async fn inspect(&self, container: &ContainerId) -> Result<Option<Container>, EngineError> {
        let container = segment(Operation::Inspect, container)?;
        self.ask(Operation::Inspect, async {
            match absent_if_gone(self.shared.send(Request::Inspect { container }).await)? {
                Some(Answer::Container(container)) => Ok(Some(*container)),
                None => Ok(None),
                Some(_) => Err(Failure::CutShort),
            }
        })
        .await
    }

    async fn list(
        &self,
        workspace: Option<WorkspaceId>,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        let rows = self
            .ask(Operation::List, async {
                let labels = self.labels(workspace);
                match self.shared.send(Request::List { labels }).await? {
                    Answer::Rows(rows) => {
                        let (count, left) = (rows.len(), self.shared.spoil(rows));
                        // Who asks for one workspace's takes what is not there for absent, and is told.
                        let is_short = workspace.is_some() && left.len() < count;
                        if is_short { Err(Failure::CutShort) } else { Ok(left) }
                    }
                    _ => Err(Failure::CutShort),
                }
            })
            .await?;
        let mut own = Vec::new();
        for row in rows {
            // Who asks for one workspace's may act on the answer; who asks for all only looks closer.
            if workspace.is_none() || !self.is_inherited(&row).await? {
                own.extend(summary(row));
            }
        }
        Ok(own)
    }

    async fn has_image(&self, image: &Image) -> Result<bool, EngineError> {
        let image = image.as_str().to_owned();
        let found = self.ask(Operation::HasImage, async {
            absent_if_gone(self.shared.send(Request::InspectImage { image }).await)
        });
        Ok(found.await?.is_some())
    }

    async fn network(&self, name: &str) -> Result<Option<NetworkState>, EngineError> {
        self.find_network(name).await
    }

    async fn volumes(&self, workspace: WorkspaceId) -> Result<Vec<String>, EngineError> {
        self.ask(Operation::ListVolumes, async {
            let labels = self.labels(Some(workspace));
            match self.shared.send(Request::ListVolumes { labels }).await? {
                Answer::Volumes(volumes) => {
                    Ok(volumes.into_iter().map(|volume| volume.name).collect())
                }
                _ => Err(Failure::CutShort),
            }
        })
        .await
    }

    async fn perform(&self, action: &Action) -> Result<(), EngineError> {
        self.perform_once(action).await
    }

    async fn create(&self, config: &ContainerConfig) -> Result<ContainerId, EngineError> {
        self.make(config).await
    }

    async fn time(&self) -> Result<Timestamp, EngineError> {
        self.ask(Operation::Time, async {
            match self.shared.send(Request::Time).await? {
                Answer::Time(time) => Ok(time),
                _ => Err(Failure::CutShort),
            }
        })
        .await
    }

    async fn events(
        &self,
        since: Timestamp,
    ) -> Result<BoxStream<'static, Result<EngineEvent, Unreadable>>, EngineError> {
        self.ask(Operation::Subscribe, async {
            match self.shared.send(Request::Subscribe { since }).await? {
                Answer::Subscribed(handle) => {
                    let shared = std::sync::Arc::clone(&self.shared);
                    Ok(Subscription::new(shared, self.instance.clone(), handle.subscriber())
                        .stream())
                }
                _ => Err(Failure::CutShort),
            }
        })
        .await
    }
}

impl SimEngine {
    /// Works within the usual deadline of the operation.
    pub(super) async fn ask<T>(
        &self,
        operation: Operation,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, EngineError> {
        let deadlines = &self.shared.options.deadlines;
        let deadline = match operation {
            _ if operation.is_read() => deadlines.read,
            Operation::Pull => deadlines.pull,
            Operation::Remove => deadlines.remove,
            _ => deadlines.change,
        };
        self.ask_within(operation, deadline, work).await
    }

    pub(super) async fn ask_within<T>(
        &self,
        operation: Operation,
        deadline: Duration,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, EngineError> {
        match timeout(deadline, work).await {
            Ok(outcome) => outcome.map_err(|failure| classify(operation, failure)),
            Err(_) => Err(expired(operation, deadline)),
        }
    }

    /// The labels of what is ours, or of what is a workspace's.
    pub(super) fn labels(&self, workspace: Option<WorkspaceId>) -> BTreeMap<String, String> {
        let ours = (label::INSTANCE_ID.to_owned(), self.instance.to_string());
        let workspace = workspace.map(|id| (label::WORKSPACE_ID.to_owned(), id.to_string()));
        std::iter::once(ours).chain(workspace).collect()
    }

    /// Whether it has our labels from its image.
    async fn is_inherited(&self, row: &Row) -> Result<bool, EngineError> {
        if let Some(image) = self.passed_on(&row.image).await? {
            return Ok(explains(&image, &row.labels));
        }
        let found = self.inspect(&row.id).await?;
        Ok(!found.as_ref().is_some_and(has_our_host_name))
    }

    /// The same of a container that was inspected.
    pub(super) async fn has_inherited(&self, container: &Container) -> Result<bool, EngineError> {
        let image = self.passed_on(&container.image_id).await?;
        Ok(match image {
            Some(image) => explains(&image, &container.config.labels),
            None => !has_our_host_name(container),
        })
    }

    /// The labels of an image; `None` when it is gone and was never asked for.
    async fn passed_on(
        &self,
        image: &ImageId,
    ) -> Result<Option<BTreeMap<String, String>>, EngineError> {
        let image = image.to_string();
        let known = self.images().get(&image).cloned();
        if known.is_some() {
            return Ok(known);
        }
        let found = self.labels_of(image.clone()).await?;
        if let Some(found) = &found {
            self.images().insert(image, found.clone());
        }
        Ok(found)
    }

    async fn labels_of(
        &self,
        image: String,
    ) -> Result<Option<BTreeMap<String, String>>, EngineError> {
        let found = self.ask(Operation::HasImage, async {
            match absent_if_gone(self.shared.send(Request::InspectImage { image }).await)? {
                Some(Answer::Image(image)) => Ok(Some(image)),
                None => Ok(None),
                Some(_) => Err(Failure::CutShort),
            }
        });
        Ok(found.await?.map(|image| image.labels))
    }

    fn images(&self) -> MutexGuard<'_, BTreeMap<String, BTreeMap<String, String>>> {
        self.images.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether labels are those that an image passes on.
fn explains(image: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    let keys = [label::INSTANCE_ID, label::WORKSPACE_ID, label::GENERATION];
    image.contains_key(label::WORKSPACE_ID)
        && keys.iter().all(|key| image.get(*key) == labels.get(*key))
}

/// We give every container its workspace's, and no image passes one on.
fn has_our_host_name(container: &Container) -> bool {
    container.label(label::NAME) == Some(container.config.hostname.as_str())
}

impl Shared {
    /// What is left of the rows of a list.
    fn spoil(&self, rows: Vec<Row>) -> Vec<Row> {
        self.with(|world| {
            let mut left = Vec::with_capacity(rows.len());
            for mut row in rows {
                match world.faults.draw_row(&mut world.chance.rows) {
                    Some(RowFault::Missing) => {
                        world.model.note(format!("  the row of {} is missing", row.name));
                        continue;
                    }
                    Some(RowFault::Late) => world.model.make_late(&mut row),
                    None => {}
                }
                left.push(row);
            }
            left
        })
    }
}

/// A row without a workspace is left out, as by the adapter.
fn summary(row: Row) -> Option<ContainerSummary> {
    let workspace = row.labels.get(label::WORKSPACE_ID)?.parse().ok()?;
    let Row { id, name, state, networks, .. } = row;
    Some(ContainerSummary { id, name, workspace, state, networks })
}

pub(super) fn absent_if_gone(outcome: Outcome) -> Result<Option<Answer>, Failure> {
    match outcome {
        Err(Failure::Refused(refusal)) if refusal.status == 404 => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// Fine when the engine says that it is so already.
pub(super) fn fine_if_so(outcome: Outcome) -> Result<(), Failure> {
    match outcome {
        Err(Failure::Refused(refusal)) if refusal.why == Why::AlreadySo => Ok(()),
        outcome => outcome.map(|_| ()),
    }
}

/// The id or name, if it can stand in a path of the engine's interface.
pub(super) fn segment(
    operation: Operation,
    container: &ContainerId,
) -> Result<String, EngineError> {
    let text = container.as_str();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if text.starts_with(|first: char| first.is_ascii_alphanumeric()) && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err(EngineError {
        operation: operation.words(),
        class: ErrorClass::Terminal,
        reason: Reason::Refused,
        message: format!("`{text}` is no container's name"),
    })
}
