//! What people and programs do to the engine and its host behind our back.
//!
//! Each act is plain data, so that histories print well and shrink. Containers are named as people name
//! them: by name, or by id. An act that the engine refuses is no fault of anybody; it is told to whoever
//! asked for it.

use crate::Limits;
use std::{collections::BTreeMap, time::Duration};
use trueup_domain::container::ContainerConfig;

/// An act behind our back.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields say what they are")]
pub enum HumanAct {
    /// `docker stop`.
    Stop { container: String, grace: Duration },
    /// `docker kill`.
    Kill { container: String },
    /// `kill -9` on the host: no word of it but the end.
    KillOnHost { container: String },
    /// Its program exits.
    Exit { container: String, code: i64 },
    /// The kernel ends it for want of memory.
    OutOfMemory { container: String },
    /// `docker start`.
    Start { container: String },
    /// `docker rm -f`.
    Remove { container: String },
    /// `docker pause`.
    Pause { container: String },
    /// `docker unpause`.
    Unpause { container: String },
    /// `docker rename`.
    Rename { container: String, to: String },
    /// `docker update`.
    Update { container: String, limits: Limits },
    /// `docker run` or `docker create` of something that has nothing to do with us, or claims to.
    Stranger { config: Box<ContainerConfig>, start: bool },
    /// `docker commit`, and a container run from the image, which inherits all labels.
    CommitCopy { container: String, image: String, copy: String },
    /// `docker network disconnect`.
    Disconnect { container: String, network: String },
    /// `docker network connect`.
    Connect { container: String, network: String },
    /// `docker network create`, with these labels.
    MakeNetwork { network: String, labels: BTreeMap<String, String> },
    /// `docker network rm`.
    RemoveNetwork { network: String },
    /// `docker volume create`, with these labels.
    MakeVolume { volume: String, labels: BTreeMap<String, String> },
    /// `docker volume rm`.
    RemoveVolume { volume: String },
    /// `docker rmi -f`.
    RemoveImage { image: String },
    /// A program of the host begins or ends to listen on a port.
    HoldPort { port: u16, held: bool },
    /// A folder of the host is moved away, or back.
    Folder { path: String, is_there: bool },
}
