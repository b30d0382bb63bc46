//! Containers that carry our labels only because their image does.
//!
//! `docker commit` writes a container's labels into the image, and every container that anybody runs
//! from it inherits them. Such a container is a stranger's: taking it for a workspace's own would end
//! in its removal. Only looking at the image tells the two apart.

use crate::{call::Caller, list::Row, operation::Operation};
use bollard::errors::Error as Refusal;
use serde::Deserialize;
use std::collections::HashMap;
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

/// The rows without those whose image names a workspace itself, or is not there to be asked.
pub(crate) async fn leave_out(caller: &Caller, rows: Vec<Row>) -> Result<Vec<Row>, EngineError> {
    let mut own = Vec::new();
    for row in rows {
        if is_inherited(caller, row.image()).await? {
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

/// Whether what is made from this image has our labels from it, or nobody can say.
pub(crate) async fn is_inherited(caller: &Caller, image: &str) -> Result<bool, EngineError> {
    let path = format!("/images/{image}/json");
    let look = async {
        match caller.transport.get::<Image>(&path).await {
            Ok(image) => Ok(Some(image)),
            Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(refusal) => Err(refusal),
        }
    };
    let Some(image) = caller.call(Operation::HasImage, image, look).await? else { return Ok(true) };
    let labels = image.config.and_then(|config| config.labels).unwrap_or_default();
    Ok(labels.contains_key(label::WORKSPACE_ID))
}
