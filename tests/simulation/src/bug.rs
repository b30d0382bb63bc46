//! Known ways to be wrong, switched on by name, so that the simulation can show that it would notice.
//!
//! Each stands between the controller and its ports, and makes the whole behave as if that mistake were
//! in the product. Each names the rule that it breaks: to be noticed for something else proves nothing of
//! that rule. Deliberately absent: any switch in the product itself.

use crate::court::Rule;
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
    /// A new controller starts once more what runs.
    StartAgain,
    /// No volume of a workspace is ever seen.
    LoseVolumes,
    /// A container that was set aside is never seen again.
    LosePrevious,
    /// Labels are believed, also where an image has passed them on.
    TakeCopies,
    /// A pass says that it has seen the generation after the one that it read.
    SeeAhead,
    /// A pass in which something failed says that it has seen no generation.
    SeeNothing,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 22] = [
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
        Self::StartAgain,
        Self::LoseVolumes,
        Self::LosePrevious,
        Self::TakeCopies,
        Self::SeeAhead,
        Self::SeeNothing,
    ];

    /// The rule that it breaks, and as which it must be noticed.
    pub const fn rule(self) -> Rule {
        match self {
            Self::TrustList
            | Self::DropEventsOnReconnect
            | Self::ForgetRecords
            | Self::LeakNetworks
            | Self::HealStops
            | Self::NoRetries
            | Self::NoWakeUps => Rule::R1,
            Self::StartAgain => Rule::R2,
            Self::LoseVolumes | Self::LosePrevious => Rule::R3,
            Self::ForgetConflict
            | Self::ForgetFailures
            | Self::PretendStops
            | Self::TakeStrangers
            | Self::TakeCopies => Rule::R4,
            Self::IgnoreGeneration => Rule::R5,
            Self::SeeAhead | Self::SeeNothing => Rule::R6,
            Self::UnknownIsAbsent | Self::ClearRowEarly => Rule::R7,
            Self::PolishHistory => Rule::R8,
            Self::TakeVolumesAlong => Rule::R9,
        }
    }

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
            Self::StartAgain => "start-again",
            Self::LoseVolumes => "lose-volumes",
            Self::LosePrevious => "lose-previous",
            Self::TakeCopies => "take-copies",
            Self::SeeAhead => "see-ahead",
            Self::SeeNothing => "see-nothing",
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
