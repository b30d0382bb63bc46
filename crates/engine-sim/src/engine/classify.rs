//! A failure → class and reason, as the adapter for real engines says them.
//!
//! Deliberately absent: the engine's words, which the adapter has to go by; the model says why in so
//! many types.

use super::operation::Operation;
use crate::{Why, model::desk::Failure};
use std::time::Duration;
use trueup_domain::error::{EngineError, ErrorClass, Reason};

pub(super) fn classify(operation: Operation, failure: Failure) -> EngineError {
    use ErrorClass::{Retryable, Unknown};
    let (class, reason, message) = match failure {
        Failure::Refused(refusal) => {
            let (class, reason) = judge(operation, refusal.why);
            (class, reason, refusal.message)
        }
        Failure::Unreachable => (
            Retryable,
            Reason::EngineUnreachable,
            "nobody answers at the engine's address".to_owned(),
        ),
        Failure::Broken => {
            (Unknown, Reason::EngineUnreachable, "the connection to the engine broke".to_owned())
        }
        Failure::CutShort => {
            let message = "the engine's answer cannot be read: it ends in its middle".to_owned();
            (Unknown, Reason::EngineFault, message)
        }
    };
    EngineError { operation: operation.words(), class, reason, message }
}

const fn judge(operation: Operation, why: Why) -> (ErrorClass, Reason) {
    use ErrorClass::{Retryable, Terminal, Unknown};
    match why {
        Why::Gone => (Unknown, Reason::NotFound),
        Why::NameTaken => (Terminal, Reason::NameConflict),
        Why::ImageMissing | Why::PullAbsent => (Terminal, Reason::ImageNotFound),
        Why::FolderMissing => (Terminal, Reason::ProjectMissing),
        Why::CommandInvalid => (Terminal, Reason::CommandInvalid),
        Why::PortTaken => (Retryable, Reason::PortTaken),
        Why::NetworkMissing => (Retryable, Reason::NetworkMissing),
        // The adapter cannot tell them from a removal that is under way.
        Why::WrongState if matches!(operation, Operation::Remove | Operation::RemoveVolume) => {
            (Retryable, Reason::Busy)
        }
        Why::WrongState | Why::AlreadySo => (Unknown, Reason::Refused),
        Why::Busy | Why::SubnetTaken => (Retryable, Reason::Busy),
        Why::SubnetsExhausted => (Retryable, Reason::SubnetsExhausted),
        Why::PullDenied => (Terminal, Reason::PullFailed),
        Why::PullFailed => (Retryable, Reason::PullFailed),
        Why::Fault if matches!(operation, Operation::Pull) => (Retryable, Reason::PullFailed),
        Why::Fault => (Retryable, Reason::EngineFault),
        Why::Invalid => (Terminal, Reason::Refused),
    }
}

/// A call that ran into its deadline: it may have been done.
pub(super) fn expired(operation: Operation, deadline: Duration) -> EngineError {
    EngineError {
        operation: operation.words(),
        class: ErrorClass::Unknown,
        reason: Reason::DeadlineExceeded,
        message: format!("no answer within {deadline:?}"),
    }
}
