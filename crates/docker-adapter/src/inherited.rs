//! Containers that carry our labels only because their image does: those whose labels are just the
//! image's. What we make of an image of that kind has other ones, as we write our own over them.
//!
//! `docker commit` writes a container's labels into the image, and every container that anybody runs
//! from it inherits them. Such a container is a stranger's: taking it for a workspace's own would end
//! in its removal. Only looking at the image tells the two apart. Where the image is gone, the host name
//! does: we give every container its workspace's, and no image passes one on.

use crate::{call::Caller, engine, list::Row, operation::Operation};
use bollard::errors::Error as Refusal;
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use trueup_domain::{
    container::Container,
    error::EngineError,
    id::{ContainerId, InstanceId},
    label,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    #[serde(default)]
    config: Option<Config>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    #[serde(default)]
    labels: Option<HashMap<String, String>>,
}

/// So many images are remembered; past that all are asked about anew.
const REMEMBERED: usize = 1024;

/// What is known of images by their ids. An id is a digest of the image, so that a verdict never changes.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(Mutex<HashMap<String, PassedOn>>);

/// What an image passes on of our labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassedOn(Option<Marks<String>>);

/// The labels that together tell one container that we made from all others: a workspace that runs an
/// image made of its own container has another generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks<T> {
    pub(crate) instance: Option<T>,
    pub(crate) workspace: Option<T>,
    pub(crate) generation: Option<T>,
}

impl<'a> Marks<&'a str> {
    /// Those of an inspected container.
    pub(crate) fn of(container: &'a Container) -> Self {
        Self {
            instance: container.label(label::INSTANCE_ID),
            workspace: container.label(label::WORKSPACE_ID),
            generation: container.label(label::GENERATION),
        }
    }
}

impl PassedOn {
    /// Whether a container with these labels has them from the image.
    pub(crate) fn explains(&self, marks: Marks<&str>) -> bool {
        self.0.as_ref().is_some_and(|image| {
            image.instance.as_deref() == marks.instance
                && image.workspace.as_deref() == marks.workspace
                && image.generation.as_deref() == marks.generation
        })
    }
}

impl Verdicts {
    fn of(&self, image: &str) -> Option<PassedOn> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(image).cloned()
    }

    fn note(&self, image: &str, passed_on: PassedOn) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(image.to_owned(), passed_on);
    }
}

/// The rows of our instance without those whose labels are their image's.
pub(crate) async fn leave_out(
    caller: &Caller,
    verdicts: &Verdicts,
    instance: &InstanceId,
    rows: Vec<Row>,
) -> Result<Vec<Row>, EngineError> {
    let mut own = Vec::new();
    for row in rows {
        let passed_on = match verdicts.of(row.image()) {
            Some(passed_on) => Some(passed_on),
            None => ask(caller, verdicts, row.image()).await?,
        };
        let marks = row.marks(instance);
        let is_inherited = match passed_on {
            Some(image) => image.explains(marks),
            None => !is_named_by_us(caller, row.id()).await?,
        };
        if is_inherited {
            tracing::warn!(
                container = row.id(),
                "a container has our labels from its image; it is not ours and is left alone"
            );
        } else {
            own.push(row);
        }
    }
    Ok(own)
}

async fn ask(
    caller: &Caller,
    verdicts: &Verdicts,
    image: &str,
) -> Result<Option<PassedOn>, EngineError> {
    let passed_on = passed_on(caller, image).await?;
    // A name may mean another image tomorrow, and one that is gone may come back.
    if let Some(passed_on) = &passed_on
        && image.starts_with("sha256:")
    {
        verdicts.note(image, passed_on.clone());
    }
    Ok(passed_on)
}

/// Whether a container has its labels from its image.
pub(crate) async fn is_inherited(
    caller: &Caller,
    container: &Container,
) -> Result<bool, EngineError> {
    let passed_on = passed_on(caller, container.image_id.as_str()).await?;
    let marks = Marks::of(container);
    Ok(passed_on.map_or(!has_our_host_name(container), |image| image.explains(marks)))
}

/// The same of one of which no more is known than its id.
async fn is_named_by_us(caller: &Caller, id: &str) -> Result<bool, EngineError> {
    let found = engine::inspect(caller, &ContainerId::new(id)).await?;
    Ok(found.as_ref().is_some_and(has_our_host_name))
}

fn has_our_host_name(container: &Container) -> bool {
    container.label(label::NAME) == Some(container.config.hostname.as_str())
}

/// What the image passes on; `None` when there is no such image.
pub(crate) async fn passed_on(
    caller: &Caller,
    image: &str,
) -> Result<Option<PassedOn>, EngineError> {
    let path = format!("/images/{image}/json");
    let look = async {
        match caller.transport.get::<Image>(&path).await {
            Ok(image) => Ok(Some(image)),
            Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    };
    let labels = |image: Image| {
        let mut labels = image.config.and_then(|config| config.labels).unwrap_or_default();
        let mut take = |key| labels.remove(key);
        let workspace = take(label::WORKSPACE_ID);
        let (instance, generation) = (take(label::INSTANCE_ID), take(label::GENERATION));
        PassedOn(workspace.is_some().then_some(Marks { instance, workspace, generation }))
    };
    Ok(caller.call(Operation::HasImage, image, look).await?.map(labels))
}
