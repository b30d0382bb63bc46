//! Known ways to be wrong, switched on by name, so that the simulation can show that it would notice.
//!
//! Each stands between the controller and its ports, and makes the whole behave as if that mistake were
//! in the product. Deliberately absent: any switch in the product itself.

use std::{fmt, str::FromStr};

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// What the list says of a container is believed, though it is stale after a death.
    TrustList,
    /// An engine that does not say is taken for one that says that there is nothing.
    UnknownIsAbsent,
    /// A name that somebody else holds counts as a container that was made.
    ForgetConflict,
    /// The row of a deletion goes before absence was seen.
    ClearRowEarly,
    /// What happened while the event stream was away is never asked for.
    DropEventsOnReconnect,
    /// What a newer declaration overtook is stored all the same.
    IgnoreGeneration,
    /// A removed container takes its named volumes along.
    TakeVolumesAlong,
    /// An action that failed counts as done.
    ForgetFailures,
    /// Nothing that a pass did is stored.
    ForgetRecords,
    /// A container that is to stop is said to have stopped.
    PretendStops,
    /// Networks are left behind.
    LeakNetworks,
    /// A user's stop is healed.
    HealStops,
    /// Whatever looks like the workspace's container is taken for it, whosever it is.
    TakeStrangers,
    /// A pass that fails is not tried again.
    NoRetries,
    /// A wake-up that was asked for never comes.
    NoWakeUps,
    /// The history leaves out what failed.
    PolishHistory,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::TrustList,
        Self::UnknownIsAbsent,
        Self::ForgetConflict,
        Self::ClearRowEarly,
        Self::DropEventsOnReconnect,
        Self::IgnoreGeneration,
        Self::TakeVolumesAlong,
        Self::ForgetFailures,
        Self::ForgetRecords,
        Self::PretendStops,
        Self::LeakNetworks,
        Self::HealStops,
        Self::TakeStrangers,
        Self::NoRetries,
        Self::NoWakeUps,
        Self::PolishHistory,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrustList => "trust-list",
            Self::UnknownIsAbsent => "unknown-is-absent",
            Self::ForgetConflict => "forget-conflict",
            Self::ClearRowEarly => "clear-row-early",
            Self::DropEventsOnReconnect => "drop-events-on-reconnect",
            Self::IgnoreGeneration => "ignore-generation",
            Self::TakeVolumesAlong => "take-volumes-along",
            Self::ForgetFailures => "forget-failures",
            Self::ForgetRecords => "forget-records",
            Self::PretendStops => "pretend-stops",
            Self::LeakNetworks => "leak-networks",
            Self::HealStops => "heal-stops",
            Self::TakeStrangers => "take-strangers",
            Self::NoRetries => "no-retries",
            Self::NoWakeUps => "no-wake-ups",
            Self::PolishHistory => "polish-history",
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Bug {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|bug| bug.name() == name).ok_or_else(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            format!("no mutation is called `{name}`; there are {all}")
        })
    }
}
