//! One thing that a user asks of the controller; asked twice it comes to the same.

use crate::scene::{Scene, eventually, key};
use serde_json::Value;
use std::fmt;
use trueup_api::wire::Verb;
use trueup_api::{Error, ProblemKind};

/// What is asked for.
pub(super) enum Request {
    Declare { name: String, spec: Value },
    Ask { name: String, verb: Verb },
    Delete { name: String, volumes: bool },
}

impl Request {
    /// Asks once.
    ///
    /// # Errors
    /// What went wrong; it may have been accepted all the same.
    pub(super) async fn send(&self, scene: &Scene) -> Result<(), String> {
        match self {
            Self::Declare { name, spec } => {
                let applied = scene.apply(&[(name, spec.clone())]).await;
                applied.map_err(|error| format!("{error:#}"))
            }
            Self::Ask { name, verb } => {
                scene.verb(name, *verb).await.map_err(|error| format!("{error:#}"))
            }
            Self::Delete { name, volumes } => {
                match scene.client.delete(&key(name), *volumes).await {
                    Ok(_) => Ok(()),
                    // The answer to an attempt before this one was lost.
                    Err(Error::Refused(problem)) if problem.kind == ProblemKind::NotFound => Ok(()),
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }

    /// Asks until it is accepted.
    pub(super) async fn until_accepted(&self, scene: &Scene) {
        eventually(&format!("accepted: {self}"), async || self.send(scene).await).await;
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declare { name, spec } => {
                write!(f, "declare {name} {} {}", spec["state"], spec["env"]["REVISION"])
            }
            Self::Ask { name, verb } => write!(f, "{verb} {name}"),
            Self::Delete { name, volumes: true } => write!(f, "delete {name} with its volume"),
            Self::Delete { name, volumes: false } => write!(f, "delete {name} without its volume"),
        }
    }
}
