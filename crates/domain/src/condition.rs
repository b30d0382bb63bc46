//! Kubernetes-style conditions: what is so, since when, and why.
//!
//! `lastTransitionTime` moves only when the truth of a condition changes, never when only its words
//! do.

use crate::id::Generation;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a condition speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConditionType {
    /// The workspace can be used.
    Ready,
    /// The engine is in the declared state.
    Synced,
    /// The controller is at work on it, or waits to try again.
    Progressing,
    /// Something needs attention.
    Degraded,
    /// Its usage is known, from the kernel's own files.
    Measured,
}

/// Whether it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Truth {
    /// It is.
    True,
    /// It is not.
    False,
    /// It cannot be known now.
    Unknown,
}

impl From<bool> for Truth {
    fn from(is_so: bool) -> Self {
        if is_so { Self::True } else { Self::False }
    }
}

/// One statement about a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it speaks of.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it is so.
    pub status: Truth,
    /// Why, as one word in CamelCase, for programs.
    pub reason: String,
    /// Why, in words, for people; the engine's own where it said something.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Since when `status` is what it is.
    pub last_transition_time: Timestamp,
    /// The generation that this was said about.
    pub observed_generation: Generation,
}

/// The conditions of a workspace, at most one of each type, in the order of the types.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Conditions(Vec<Condition>);

impl Conditions {
    /// The condition of that type, if one was ever set.
    pub fn get(&self, kind: ConditionType) -> Option<&Condition> {
        self.0.iter().find(|condition| condition.kind == kind)
    }

    /// Whether the condition of that type is true.
    pub fn is_true(&self, kind: ConditionType) -> bool {
        self.get(kind).is_some_and(|condition| condition.status == Truth::True)
    }

    /// Sets a condition; its transition time stays when its status does.
    pub fn set(&mut self, mut condition: Condition) {
        match self.0.binary_search_by_key(&condition.kind, |c| c.kind) {
            Ok(at) => {
                if self.0[at].status == condition.status {
                    condition.last_transition_time = self.0[at].last_transition_time;
                }
                self.0[at] = condition;
            }
            Err(at) => self.0.insert(at, condition),
        }
    }

    /// All of them, in the order of their types.
    pub fn iter(&self) -> impl Iterator<Item = &Condition> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(status: Truth, second: i64) -> Condition {
        Condition {
            kind: ConditionType::Ready,
            status,
            reason: "R".to_owned(),
            message: String::new(),
            last_transition_time: Timestamp::from_second(second).unwrap(),
            observed_generation: Generation(1),
        }
    }

    #[test]
    fn the_transition_time_moves_only_with_the_status() {
        let mut conditions = Conditions::default();
        conditions.set(ready(Truth::False, 1));
        conditions.set(ready(Truth::False, 2));
        let since = |c: &Conditions| c.get(ConditionType::Ready).unwrap().last_transition_time;
        assert_eq!(since(&conditions).as_second(), 1);
        conditions.set(ready(Truth::True, 3));
        assert_eq!(since(&conditions).as_second(), 3);
        assert_eq!(conditions.iter().count(), 1);
    }
}
