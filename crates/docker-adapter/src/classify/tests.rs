//! The engine's words, as it said them, and what is made of them.

use super::*;
use ErrorClass::{Retryable, Terminal, Unknown};

fn classified(operation: Operation, status_code: u16, message: &str) -> (ErrorClass, Reason) {
    let refusal = Refusal::DockerResponseServerError { status_code, message: message.to_owned() };
    let error = classify(operation, "unix:///run/docker.sock", &refusal);
    assert_eq!(error.message, message, "the engine's words are kept");
    assert_eq!(error.operation, operation.words());
    (error.class, error.reason)
}

#[test]
fn a_refused_creation_says_what_is_missing() {
    let cases = [
        (404, "No such image: debian:12", Terminal, Reason::ImageNotFound),
        (404, "network trueup-x not found", Retryable, Reason::NetworkMissing),
        (
            400,
            "invalid mount config for type \"bind\": bind source path does not exist: /nope/x",
            Terminal,
            Reason::ProjectMissing,
        ),
        (
            400,
            "the working directory 'rel' is invalid, it needs to be an absolute path",
            Terminal,
            Reason::CommandInvalid,
        ),
        (400, "No command specified", Terminal, Reason::CommandInvalid),
        (500, "Cannot mkdir: /etc/passwd is not a directory", Terminal, Reason::CommandInvalid),
        (
            400,
            "Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available",
            Terminal,
            Reason::Refused,
        ),
        (500, "something broke", Retryable, Reason::EngineFault),
    ];
    for (status, words, class, reason) in cases {
        assert_eq!(classified(Operation::Create, status, words), (class, reason), "{words}");
    }
}

#[test]
fn a_refused_start_says_why() {
    let runtime = "failed to create shim task: OCI runtime create failed: runc create failed: \
                   unable to start container process: exec: ";
    let cases = [
        (
            500,
            "Bind for 127.0.0.1:18099 failed: port is already allocated",
            Retryable,
            Reason::PortTaken,
        ),
        (
            500,
            "Error starting userland proxy: listen tcp4 127.0.0.1:18099: bind: address already in use",
            Retryable,
            Reason::PortTaken,
        ),
        (404, "network trueup-x not found", Retryable, Reason::NetworkMissing),
        (
            400,
            "network trueup-x is ambiguous (2 matches found on name)",
            Retryable,
            Reason::NetworkMissing,
        ),
        (404, "No such container: abc", Unknown, Reason::NotFound),
        (
            500,
            "unable to find user nobody-here: no matching entries in passwd file",
            Terminal,
            Reason::CommandInvalid,
        ),
        (
            400,
            "OCI runtime create failed: error mounting \"/srv/x\": no such file or directory",
            Terminal,
            Reason::ProjectMissing,
        ),
        (
            400,
            "OCI runtime create failed: chdir to cwd (\"/x\") failed: permission denied",
            Terminal,
            Reason::CommandInvalid,
        ),
        (500, "open /sys/fs/cgroup/x: permission denied", Retryable, Reason::EngineFault),
        (409, "cannot start a paused container, try unpause instead", Unknown, Reason::Refused),
        (500, "something broke", Retryable, Reason::EngineFault),
    ];
    for (status, words, class, reason) in cases {
        assert_eq!(classified(Operation::Start, status, words), (class, reason), "{words}");
    }
    for end in [
        "\"/nope\": stat /nope: no such file or directory: unknown",
        "\"/etc/passwd\": permission denied: unknown",
        "\"nope\": executable file not found in $PATH: unknown",
    ] {
        let words = format!("{runtime}{end}");
        let expected = (Terminal, Reason::CommandInvalid);
        assert_eq!(classified(Operation::Start, 400, &words), expected, "{words}");
    }
}

#[test]
fn a_refused_pull_is_tried_again_only_where_time_may_help() {
    let cases = [
        (
            404,
            "manifest for debian:nope not found: manifest unknown",
            Terminal,
            Reason::ImageNotFound,
        ),
        (
            404,
            "pull access denied for nope, repository does not exist or may require 'docker login'",
            Terminal,
            Reason::ImageNotFound,
        ),
        (500, "Head \"https://r.example/v2/\": unauthorized", Terminal, Reason::PullFailed),
        (
            500,
            "Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused",
            Retryable,
            Reason::PullFailed,
        ),
        (
            500,
            "toomanyrequests: You have reached your pull rate limit",
            Retryable,
            Reason::PullFailed,
        ),
    ];
    for (status, words, class, reason) in cases {
        assert_eq!(classified(Operation::Pull, status, words), (class, reason), "{words}");
    }
    let in_stream = Refusal::DockerStreamError { error: "manifest unknown".to_owned() };
    assert_eq!(classify(Operation::Pull, "", &in_stream).reason, Reason::ImageNotFound);
}

#[test]
fn a_network_without_a_subnet_is_told_from_one_whose_subnet_was_just_taken() {
    let words = "could not find an available, non-overlapping IPv4 address pool among the defaults";
    let expected = (Retryable, Reason::SubnetsExhausted);
    assert_eq!(classified(Operation::EnsureNetwork, 404, words), expected);
    let words = "Pool overlaps with other one on this address space";
    assert_eq!(classified(Operation::EnsureNetwork, 403, words), (Retryable, Reason::Busy));
}

#[test]
fn whatever_is_under_way_or_in_use_is_busy() {
    let words = "removal of container abc is already in progress";
    assert_eq!(classified(Operation::Remove, 409, words), (Retryable, Reason::Busy));
    let words = "remove home: volume is in use - [abc]";
    assert_eq!(classified(Operation::RemoveVolume, 409, words), (Retryable, Reason::Busy));
}

#[test]
fn what_is_gone_or_in_another_state_has_to_be_looked_at_first() {
    for operation in [Operation::Stop, Operation::Pause, Operation::Rename, Operation::Update] {
        let gone = classified(operation, 404, "No such container: abc");
        assert_eq!(gone, (Unknown, Reason::NotFound));
    }
    let words = "Container abc is not running";
    assert_eq!(classified(Operation::Pause, 409, words), (Unknown, Reason::Refused));
}

#[test]
fn a_limit_below_what_is_in_use_may_fit_later() {
    let words = "Cannot update container abc: runc did not terminate successfully: exit status 1: \
                 unable to set memory limit to 20971520 (current usage: 210673664)";
    assert_eq!(classified(Operation::Update, 500, words), (Retryable, Reason::Refused));
}

#[test]
fn a_replaced_engine_is_asked_again() {
    let words = "client version 1.52 is too new. Maximum supported API version is 1.41";
    assert_eq!(classified(Operation::Inspect, 400, words), (Retryable, Reason::EngineFault));
}

#[test]
fn a_broken_connection_leaves_open_what_was_done() {
    let broken = Refusal::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    let error = classify(Operation::Create, "tcp://far:2375", &broken);
    assert_eq!((error.class, error.reason), (Unknown, Reason::EngineUnreachable));
    assert!(error.message.contains("tcp://far:2375"), "{}", error.message);
}

#[test]
fn a_refusal_without_words_still_says_something() {
    let refusal = Refusal::DockerResponseServerError { status_code: 502, message: String::new() };
    assert_eq!(classify(Operation::List, "", &refusal).message, "status 502 without a word");
}
