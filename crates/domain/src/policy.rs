//! What holds for every workspace of one controller, as its configuration says.

use crate::id::InstanceId;
use jiff::Timestamp;
use std::time::Duration;

/// The rules of the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Whose objects on the engine are ours.
    pub instance: InstanceId,
    /// The address of the host that ports are published on.
    pub publish_address: String,
    /// Over how many shared bridges the workspaces of isolation `standard` are spread; a Linux bridge
    /// takes about a thousand. At least 1.
    pub network_shards: u16,
    /// The range that the networks of isolation `strict` are taken from; `None`: they get no network.
    pub strict_range: Option<String>,
    /// How long a process may take to end by itself.
    pub stop_grace: Duration,
    /// When this process began; `None`: nothing was done before it. What an earlier one had asked the
    /// engine for may still be carried out for a while.
    pub started_at: Option<Timestamp>,
}

impl Policy {
    /// Safe rules for an instance: ports on loopback only, four shared bridges, no strict range.
    pub fn new(instance: InstanceId) -> Self {
        Self {
            instance,
            publish_address: "127.0.0.1".to_owned(),
            network_shards: 4,
            strict_range: None,
            stop_grace: Duration::from_secs(10),
            started_at: None,
        }
    }
}
