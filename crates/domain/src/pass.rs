//! The record of one pass: what woke it, what it decided, what it did. Kept as history.

use crate::{
    action::Action,
    error::{EngineError, Reason},
    id::Generation,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What woke a pass.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// What kind of thing.
    pub kind: CauseKind,
    /// In words: the engine's event, the user's verb.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The user, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// The W3C `traceparent` of whoever asked, to link the pass to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

impl Cause {
    /// A cause without a user.
    pub fn new(kind: CauseKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), actor: None, traceparent: None }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if !self.detail.is_empty() {
            write!(f, ":{}", self.detail)?;
        }
        match &self.actor {
            Some(actor) => write!(f, " by {actor}"),
            None => Ok(()),
        }
    }
}

/// What kind of thing woke a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// The controller started.
    Start,
    /// What is desired changed.
    SpecChange,
    /// The engine said that something happened.
    EngineEvent,
    /// A time that an earlier pass had set.
    Timer,
    /// An earlier pass failed.
    Retry,
    /// The periodic comparison found a difference.
    Resync,
    /// A user asked for it.
    Sync,
    /// The sampler has something new to say.
    Usage,
}

impl CauseKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::SpecChange => "spec_change",
            Self::EngineEvent => "engine_event",
            Self::Timer => "timer",
            Self::Retry => "retry",
            Self::Resync => "resync",
            Self::Sync => "sync",
            Self::Usage => "usage",
        }
    }
}

/// One pass, as history keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pass {
    /// The generation that it worked for.
    pub generation: Generation,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, ms.
    pub duration_ms: u64,
    /// What woke it.
    pub causes: Vec<Cause>,
    /// Why it decided what it decided.
    pub why: String,
    /// What it decided, in order, and what came of each.
    pub attempts: Vec<Attempt>,
    /// Its trace, as 32 hex digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

/// One planned action and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// The action in words.
    pub action: String,
    /// What came of it.
    pub outcome: AttemptOutcome,
}

impl Attempt {
    /// The action was done.
    pub fn done(action: &Action) -> Self {
        Self { action: action.to_string(), outcome: AttemptOutcome::Done }
    }

    /// The action was tried and failed.
    pub fn failed(action: &Action, error: &EngineError) -> Self {
        let outcome =
            AttemptOutcome::Failed { reason: error.reason, message: error.message.clone() };
        Self { action: action.to_string(), outcome }
    }

    /// The action was not tried, as one before it failed.
    pub fn skipped(action: &Action) -> Self {
        Self { action: action.to_string(), outcome: AttemptOutcome::Skipped }
    }
}

/// What came of a planned action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "result")]
pub enum AttemptOutcome {
    /// It is so now.
    Done,
    /// It failed.
    Failed {
        /// Why, as one word.
        reason: Reason,
        /// The engine's own words.
        message: String,
    },
    /// It was not tried, as one before it failed.
    Skipped,
}
