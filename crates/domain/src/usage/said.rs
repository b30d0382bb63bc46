//! What a stored status says about usage, small enough to be kept for every workspace.

use super::{Measured, Resource, Source};
use crate::{
    condition::{ConditionType, Truth},
    status::Status,
};

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    source: Option<&'static str>,
    trouble: Trouble,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Pressure(Resource),
    /// Something else, which is said first.
    Other,
}

const SOURCES: [Source; 3] = [
    Source::ControlGroup,
    Source::EngineStats { why: String::new() },
    Source::None { why: String::new() },
];

impl Said {
    /// What this status says.
    pub fn of(status: &Status) -> Self {
        let reason = |kind| status.conditions.get(kind).map(|condition| condition.reason.as_str());
        let measured = reason(ConditionType::Measured);
        let source = SOURCES.iter().map(Source::reason).find(|word| measured == Some(*word));
        let degraded = status.conditions.get(ConditionType::Degraded);
        let trouble = match degraded.filter(|condition| condition.status == Truth::True) {
            None => Trouble::None,
            Some(condition) => {
                let is_said = |resource: &Resource| resource.reason() == condition.reason;
                let pressure = Resource::ALL.into_iter().find(is_said);
                pressure.map_or(Trouble::Other, Trouble::Pressure)
            }
        };
        Self { source, trouble }
    }

    /// The threshold that it is said to be beyond.
    pub const fn pressure(&self) -> Option<Resource> {
        match self.trouble {
            Trouble::Pressure(resource) => Some(resource),
            Trouble::None | Trouble::Other => None,
        }
    }

    /// Whether a pass is to say something new. That figures come from the kernel's own files goes
    /// without saying, and costs no pass.
    pub fn is_outdated(&self, measured: &Measured) -> bool {
        let says_source = match (self.source, &measured.source) {
            (None, Source::ControlGroup) => true,
            (said, source) => said == Some(source.reason()),
        };
        let pressure = measured.pressures.first().map(|pressure| pressure.resource);
        let says_pressure = self.trouble == Trouble::Other || self.pressure() == pressure;
        !(says_source && says_pressure)
    }
}
