//! Identifiers and counters as types of their own, so that one is never passed for another.
//!
//! None of them is made here: ids come from the [`Clock`](crate::port::Clock) port, counters from
//! the store.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// The identity of a workspace for life: a time-ordered UUID (version 7), written as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct WorkspaceId(Uuid);

impl WorkspaceId {
    /// Wraps a UUID that a [`Clock`](crate::port::Clock) made.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The last twelve hex digits: 48 random bits, short enough for names that people read.
    pub fn short(&self) -> String {
        self.0.simple().to_string()[20..].to_owned()
    }

    /// A number that spreads evenly over workspaces, for sharding.
    pub fn spread(&self) -> u64 {
        self.0.as_u64_pair().1
    }
}

impl fmt::Display for WorkspaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for WorkspaceId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Uuid::try_parse(text).map(Self).map_err(|_| format!("`{text}` is not a workspace id"))
    }
}

impl TryFrom<String> for WorkspaceId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<WorkspaceId> for String {
    fn from(id: WorkspaceId) -> Self {
        id.to_string()
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps the text as it came from its source.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// Which controller owns an object on the engine: the value of the label `trueup.instance-id`.
    InstanceId
}
text_id! {
    /// The engine's own id of a container (64 hex digits), or a name where no id is known yet.
    ContainerId
}
text_id! {
    /// The engine's own id of an image, `sha256:…`.
    ImageId
}
text_id! {
    /// The engine's own id of a network.
    NetworkId
}

macro_rules! counter {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl $name {
            /// The one that follows.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

counter! {
    /// Counts the changes of a workspace's spec, from 1; 0 means "none observed yet".
    Generation
}
counter! {
    /// Counts the changes of what is desired, over all workspaces; orders them and guards concurrent
    /// writes. What passes write leaves it as it is.
    ResourceVersion
}
counter! {
    /// The position of an event in the log, from 1, without a gap in order.
    EventId
}
