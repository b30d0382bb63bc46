//! An engine's refusal → reason and class, with the engine's own words kept.
//!
//! The engine tells its refusals apart by status code and, where that is shared by several, only by
//! words; those words are all in this file. They were taken from Docker 20.10 and hold parts that
//! later engines still have. What is not recognised is `Refused` (4xx) or `EngineFault` (5xx).
//!
//! Classes: `Retryable` where time alone may help, `Terminal` where somebody has to change the
//! declaration or the host, `Unknown` where the engine may have acted or is in another state than we
//! thought, so that the next pass has to look first.

use crate::operation::Operation;
use bollard::errors::Error as Refusal;
use trueup_domain::error::{EngineError, ErrorClass, Reason};

/// What the port says for a refusal of `operation`.
pub(crate) fn classify(operation: Operation, host: &str, refusal: &Refusal) -> EngineError {
    let (class, reason, message) = match refusal {
        Refusal::DockerResponseServerError { status_code, message } => {
            let (class, reason) = judge(operation, *status_code, message);
            (class, reason, said(*status_code, message))
        }
        Refusal::DockerStreamError { error } => {
            let (class, reason) = judge_pull(500, error);
            (class, reason, error.clone())
        }
        Refusal::HyperLegacyError { err } if err.is_connect() => (
            // Nothing was sent.
            ErrorClass::Retryable,
            Reason::EngineUnreachable,
            format!("nobody answers at {host}: {}", root_cause(refusal)),
        ),
        Refusal::HyperLegacyError { .. }
        | Refusal::HyperResponseError { .. }
        | Refusal::IOError { .. } => (
            ErrorClass::Unknown,
            Reason::EngineUnreachable,
            format!("the connection to {host} broke: {}", root_cause(refusal)),
        ),
        Refusal::APIVersionParseError {} => (
            ErrorClass::Terminal,
            Reason::EngineFault,
            format!("the engine at {host} speaks no API version from 1.41 on"),
        ),
        other => (
            ErrorClass::Unknown,
            Reason::EngineFault,
            format!("the engine's answer cannot be read: {}", root_cause(other)),
        ),
    };
    EngineError { operation: operation.words(), class, reason, message }
}

/// The innermost error's words: the outer ones only say which library it went through.
fn root_cause(refusal: &Refusal) -> String {
    let mut cause: &dyn std::error::Error = refusal;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn said(status: u16, message: &str) -> String {
    if message.is_empty() { format!("status {status} without a word") } else { message.to_owned() }
}

fn judge(operation: Operation, status: u16, message: &str) -> (ErrorClass, Reason) {
    use ErrorClass::{Retryable, Terminal, Unknown};
    if status == 400 && (message.contains("is too new") || message.contains("is too old")) {
        // The engine was replaced; the next call negotiates.
        return (Retryable, Reason::EngineFault);
    }
    let specific = match operation {
        Operation::Create => judge_create(status, message),
        Operation::Start => judge_start(message),
        Operation::Pull => Some(judge_pull(status, message)),
        Operation::EnsureNetwork => judge_network(message),
        Operation::Remove | Operation::RemoveVolume if status == 409 => {
            Some((Retryable, Reason::Busy))
        }
        Operation::Rename if status == 409 && message.contains("already in use") => {
            Some((Terminal, Reason::NameConflict))
        }
        // More is in use than the new limit allows.
        Operation::Update if has_any(message, &["unable to set memory limit", "resource busy"]) => {
            Some((Retryable, Reason::Refused))
        }
        _ => None,
    };
    specific.unwrap_or(match status {
        404 => (Unknown, Reason::NotFound),
        // It is in another state than the plan thought.
        409 => (Unknown, Reason::Refused),
        500.. => (Retryable, Reason::EngineFault),
        _ => (Terminal, Reason::Refused),
    })
}

fn judge_create(status: u16, message: &str) -> Option<(ErrorClass, Reason)> {
    use ErrorClass::{Retryable, Terminal};
    match status {
        404 if is_missing_network(message) => Some((Retryable, Reason::NetworkMissing)),
        404 => Some((Terminal, Reason::ImageNotFound)),
        400 if message.contains("bind source path does not exist") => {
            Some((Terminal, Reason::ProjectMissing))
        }
        400 if has_any(message, &["working directory", "No command specified", "no command"]) => {
            Some((Terminal, Reason::CommandInvalid))
        }
        500 if message.contains("Cannot mkdir") => Some((Terminal, Reason::CommandInvalid)),
        409 => Some((Terminal, Reason::NameConflict)),
        _ => None,
    }
}

fn judge_start(message: &str) -> Option<(ErrorClass, Reason)> {
    use ErrorClass::{Retryable, Terminal};
    const PORT: [&str; 3] =
        ["port is already allocated", "address already in use", "ports are not available"];
    const USER: [&str; 2] = ["unable to find user", "unable to find group"];
    const COMMAND: [&str; 3] = ["executable file", "exec format error", "chdir to cwd"];
    // Said of much else too, unless it is about executing.
    const FILE: [&str; 3] = ["no such file or directory", "permission denied", "is a directory"];
    if has_any(message, &PORT) {
        return Some((Retryable, Reason::PortTaken));
    }
    if is_missing_network(message) || message.contains("is ambiguous") {
        return Some((Retryable, Reason::NetworkMissing));
    }
    if message.contains("bind source path does not exist") {
        return Some((Terminal, Reason::ProjectMissing));
    }
    // The container's runtime mounts before it executes.
    if message.contains("error mounting") && message.contains("no such file or directory") {
        return Some((Terminal, Reason::ProjectMissing));
    }
    let is_command = has_any(message, &COMMAND)
        || (message.contains("exec: \"") && has_any(message, &FILE))
        || has_any(message, &USER);
    is_command.then_some((Terminal, Reason::CommandInvalid))
}

fn judge_pull(status: u16, message: &str) -> (ErrorClass, Reason) {
    const ABSENT: [&str; 5] = [
        "manifest unknown",
        "does not exist",
        "no matching manifest",
        "not found: manifest",
        ": not found",
    ];
    const REFUSED: [&str; 4] =
        ["unauthorized", "access denied", "no basic auth credentials", "invalid reference"];
    if has_any(message, &ABSENT) {
        (ErrorClass::Terminal, Reason::ImageNotFound)
    } else if has_any(message, &REFUSED) || status == 400 {
        (ErrorClass::Terminal, Reason::PullFailed)
    } else if status == 404 {
        (ErrorClass::Terminal, Reason::ImageNotFound)
    } else {
        (ErrorClass::Retryable, Reason::PullFailed)
    }
}

fn judge_network(message: &str) -> Option<(ErrorClass, Reason)> {
    const EXHAUSTED: [&str; 2] = ["non-overlapping IPv4 address pool", "fully subnetted"];
    if has_any(message, &EXHAUSTED) {
        Some((ErrorClass::Retryable, Reason::SubnetsExhausted))
    } else if message.to_lowercase().contains("overlap") {
        // Somebody took the subnet between our look and our request.
        Some((ErrorClass::Retryable, Reason::Busy))
    } else {
        None
    }
}

fn is_missing_network(message: &str) -> bool {
    message.contains("network ") && message.contains("not found")
}

fn has_any(message: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| message.contains(part))
}

#[cfg(test)]
#[path = "classify/tests.rs"]
mod tests;
