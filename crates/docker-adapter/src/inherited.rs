//! Containers that carry our labels only because their image does.
//!
//! `docker commit` writes a container's labels into the image, and every container that anybody runs
//! from it inherits them. Such a container is a stranger's: taking it for a workspace's own would end
//! in its removal. Only looking at the image tells the two apart.

use crate::{call::Caller, list::Row, operation::Operation};
use bollard::errors::Error as Refusal;
use serde::Deserialize;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use trueup_domain::{error::EngineError, label};

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
pub(crate) struct Verdicts(Mutex<HashMap<String, bool>>);

impl Verdicts {
    fn of(&self, image: &str) -> Option<bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(image).copied()
    }

    fn note(&self, image: &str, is_inherited: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(image.to_owned(), is_inherited);
    }
}

/// The rows without those whose image names a workspace itself, or is not there to be asked.
pub(crate) async fn leave_out(
    caller: &Caller,
    verdicts: &Verdicts,
    rows: Vec<Row>,
) -> Result<Vec<Row>, EngineError> {
    let mut own = Vec::new();
    for row in rows {
        let is_inherited = match verdicts.of(row.image()) {
            Some(verdict) => verdict,
            None => ask(caller, verdicts, row.image()).await?,
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

async fn ask(caller: &Caller, verdicts: &Verdicts, image: &str) -> Result<bool, EngineError> {
    let verdict = look(caller, image).await?;
    // A name may mean another image tomorrow, and one that is gone may come back.
    if let Some(verdict) = verdict
        && image.starts_with("sha256:")
    {
        verdicts.note(image, verdict);
    }
    Ok(verdict.unwrap_or(true))
}

/// Whether what is made from this image has our labels from it, or nobody can say.
pub(crate) async fn is_inherited(caller: &Caller, image: &str) -> Result<bool, EngineError> {
    Ok(look(caller, image).await?.unwrap_or(true))
}

/// Whether the image has our labels; `None` when there is no such image.
async fn look(caller: &Caller, image: &str) -> Result<Option<bool>, EngineError> {
    let path = format!("/images/{image}/json");
    let look = async {
        match caller.transport.get::<Image>(&path).await {
            Ok(image) => Ok(Some(image)),
            Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    };
    let has_label = |image: Image| {
        let labels = image.config.and_then(|config| config.labels).unwrap_or_default();
        labels.contains_key(label::WORKSPACE_ID)
    };
    Ok(caller.call(Operation::HasImage, image, look).await?.map(has_label))
}
