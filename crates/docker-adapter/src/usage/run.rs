//! Which run of a container is the present one, by a lean inspect.
//!
//! Invariant: two runs of one container are never taken for the same. Deliberately absent: all else
//! that an inspect tells.

use crate::transport::Transport;
use bollard::errors::Error as Refusal;
use serde::Deserialize;

/// One run of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    /// The container's whole id, also where it was asked for by name.
    pub(super) id: String,
    /// Its first process, by the engine's numbers.
    pub(super) pid: u32,
    /// As the engine writes it, to the nanosecond: no two runs of a container share it.
    started_at: String,
    /// Its network is the engine's host's.
    pub(super) is_on_host_network: bool,
}

impl Run {
    /// A run that nothing was asked about.
    #[cfg(test)]
    pub(super) fn of(id: &str, pid: u32) -> Self {
        let started_at = String::new();
        Self { id: id.to_owned(), pid, started_at, is_on_host_network: false }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    id: String,
    state: State,
    #[serde(default)]
    host_config: HostConfig,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    /// Also of a container that is paused.
    running: bool,
    pid: u32,
    started_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(default)]
    network_mode: String,
}

/// The present run of the container with that id or name; `None` when it does not run. It has to be
/// called within [`Caller::call`](crate::call::Caller::call).
pub(super) async fn look(transport: &Transport, container: &str) -> Result<Option<Run>, Refusal> {
    match transport.get::<Answer>(&format!("/containers/{container}/json")).await {
        Ok(answer) => Ok(run(answer)),
        Err(Refusal::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

fn run(answer: Answer) -> Option<Run> {
    let State { running, pid, started_at } = answer.state;
    let is_on_host_network = answer.host_config.network_mode == "host";
    // Between two runs an engine may say `running` of a container that has no process.
    (running && pid > 0).then_some(Run { id: answer.id, pid, started_at, is_on_host_network })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(state: &str, rest: &str) -> Option<Run> {
        let text = format!(r#"{{"Id":"c1","State":{state},"Odd":[]{rest}}}"#);
        run(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn a_container_runs_while_it_has_a_process() {
        let state = r#"{"Status":"paused","Running":true,"Pid":7,"StartedAt":"t"}"#;
        let found = read(state, "").unwrap();
        assert_eq!((&*found.id, found.pid, found.is_on_host_network), ("c1", 7, false));
        for state in [
            r#"{"Running":false,"Pid":0,"StartedAt":"t"}"#,
            r#"{"Running":true,"Restarting":true,"Pid":0,"StartedAt":"t"}"#,
            r#"{"Running":false,"Pid":7,"StartedAt":"t"}"#,
        ] {
            assert_eq!(read(state, ""), None, "{state}");
        }
    }

    #[test]
    fn the_same_process_id_at_another_start_is_another_run() {
        let state = |at: &str| format!(r#"{{"Running":true,"Pid":7,"StartedAt":"{at}"}}"#);
        assert_ne!(read(&state("a"), ""), read(&state("b"), ""));
        assert_eq!(read(&state("a"), ""), read(&state("a"), ""));
        let on_host = r#","HostConfig":{"NetworkMode":"host"}"#;
        assert!(read(&state("a"), on_host).unwrap().is_on_host_network);
    }
}
