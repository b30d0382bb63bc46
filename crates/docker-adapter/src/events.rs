//! The engine's events, and the clock that stamps them.
//!
//! Invariants: no event leaves as it came, since those of health checks hold their commands; a line
//! that cannot be read is told as that and ends nothing. Commands run inside of a container change
//! nothing and are no events; who wants to know that there are any gets their digests from elsewhere
//! ([`DockerEngine::sessions`](crate::DockerEngine::sessions)).
//!
//! Deliberately absent: order, memory, a second attempt, and any wait for the next event. Whoever
//! reads has to know what a silence means.

mod lines;

use crate::{engine::Inner, list::with_filters, operation::Operation};
use futures::{StreamExt, stream, stream::BoxStream};
use jiff::Timestamp;
use lines::Lines;
use serde::Deserialize;
use trueup_domain::{
    error::EngineError,
    id::{ContainerId, InstanceId, WorkspaceId},
    label,
    port::{EngineEvent, Unreadable},
    usage::CommandDigest,
};

/// What [`Engine::events`](trueup_domain::port::Engine::events) gives.
pub(crate) type Events = BoxStream<'static, Result<EngineEvent, Unreadable>>;

/// What the engine's clock says. Whoever asks begins anew with an engine that may have been replaced by
/// another version meanwhile, so that the version is negotiated again.
pub(crate) async fn time(inner: &Inner) -> Result<Timestamp, EngineError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Info {
        system_time: Timestamp,
    }
    let transport = &inner.caller.transport;
    transport.forget_version();
    let info = inner.caller.call(Operation::Time, "", transport.get::<Info>("/info")).await?;
    Ok(info.system_time)
}

/// Subscribes to the events of our containers.
pub(crate) async fn subscribe(inner: &Inner, since: Timestamp) -> Result<Events, EngineError> {
    let path = path(&inner.options.instance_id, since);
    let open = inner.caller.transport.stream(&path);
    let body = inner.caller.call(Operation::Subscribe, "", open).await?;
    let sessions = inner.sessions.clone();
    let read = stream::unfold(Lines::new(body), |mut lines| async {
        let line = lines.next().await?;
        Some((decode(&line), lines))
    });
    let events = read.filter_map(move |told| {
        std::future::ready(match told {
            Ok(Told::Event(event)) => Some(Ok(event)),
            Ok(Told::Session(session)) => {
                // An error means that nobody listens.
                let _ = sessions.send(session);
                None
            }
            Ok(Told::Nothing) => None,
            Err(unreadable) => Some(Err(unreadable)),
        })
    });
    Ok(events.boxed())
}

fn path(instance: &InstanceId, since: Timestamp) -> String {
    const SECOND: i128 = 1_000_000_000;
    // No engine is older, and what comes before is no number to it.
    let since = since.as_nanosecond().max(0);
    let (seconds, nanos) = (since / SECOND, since % SECOND);
    let ours = format!("{}={instance}", label::INSTANCE_ID);
    with_filters(
        &format!("/events?since={seconds}.{nanos:09}"),
        &[("type", vec!["container".to_owned()]), ("label", vec![ours])],
    )
}

/// An event as the engine writes it, with what is needed of it.
#[derive(Deserialize)]
struct Line {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Actor")]
    actor: Actor,
    #[serde(rename = "timeNano")]
    time_nano: i64,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes", default)]
    attributes: Attributes,
}

#[derive(Default, Deserialize)]
struct Attributes {
    // The attribute takes no constant; a test holds it to the label's name.
    #[serde(default, rename = "trueup.workspace-id")]
    workspace: Option<String>,
}

/// What a line tells.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Event(EngineEvent),
    /// A command was started inside of a container of that workspace.
    Session(Session),
    Nothing,
}

/// A command that was started in a workspace.
pub(crate) type Session = (WorkspaceId, CommandDigest);

fn decode(line: &[u8]) -> Result<Told, Unreadable> {
    // The parser's own words quote the line.
    let line: Line = serde_json::from_slice(line).map_err(|_| Unreadable)?;
    if line.kind != "container" {
        return Err(Unreadable);
    }
    let at = Timestamp::from_nanosecond(line.time_nano.into()).map_err(|_| Unreadable)?;
    let workspace = line.actor.attributes.workspace.and_then(|id| id.parse().ok());
    if line.action.starts_with("exec_") {
        let command = line.action.strip_prefix("exec_start: ").map(CommandDigest::of_text);
        return Ok(workspace.zip(command).map_or(Told::Nothing, Told::Session));
    }
    let container = ContainerId::new(line.actor.id);
    Ok(Told::Event(EngineEvent { at, workspace, container, action: word(&line.action) }))
}

/// The engine's word without what it adds to it.
fn word(action: &str) -> String {
    action.split_once(':').map_or(action, |(word, _)| word).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const WORKSPACE: &str = "0190f5a0000070008000000000000001";

    fn event(action: &str) -> Value {
        json!({
            "Type": "container", "Action": action, "timeNano": 1_700_000_000_000_000_042_i64,
            "Actor": {"ID": "abc", "Attributes": {label::WORKSPACE_ID: WORKSPACE, "image": "x"}},
        })
    }

    fn told(event: &Value) -> Result<Told, Unreadable> {
        decode(event.to_string().as_bytes())
    }

    fn decoded(value: &Value) -> EngineEvent {
        match told(value) {
            Ok(Told::Event(event)) => event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn events_are_asked_for_from_a_nanosecond_on() {
        let at = |nanos| Timestamp::from_nanosecond(nanos).unwrap();
        let path = |since| path(&InstanceId::new("one"), since);
        let asked = path(at(1_700_000_000_000_000_042));
        assert!(asked.starts_with("/events?since=1700000000.000000042&filters="), "{asked}");
        assert!(path(at(-1)).starts_with("/events?since=0.000000000&"));
    }

    #[test]
    fn a_line_becomes_an_event_of_its_workspace() {
        let event = decoded(&event("die"));
        assert_eq!(event.at.as_nanosecond(), 1_700_000_000_000_000_042);
        assert_eq!(event.workspace, Some(WORKSPACE.parse::<WorkspaceId>().unwrap()));
        assert_eq!(event.container, ContainerId::new("abc"));
        assert_eq!(event.action, "die");
    }

    #[test]
    fn commands_run_inside_are_left_out_and_a_health_check_keeps_only_its_word() {
        for secret in ["exec_create: curl -u me:secret", "exec_die", "exec_detach"] {
            assert_eq!(told(&event(secret)), Ok(Told::Nothing), "{secret}");
        }
        let verdict = decoded(&event("health_status: unhealthy"));
        assert_eq!(verdict.action, "health_status");
    }

    #[test]
    fn of_a_command_that_was_started_only_a_digest_is_told() {
        let started = event("exec_start: curl -u me:secret");
        let digest = CommandDigest::of(&["curl", "-u", "me:secret"].map(str::to_owned));
        assert_eq!(told(&started), Ok(Told::Session((WORKSPACE.parse().unwrap(), digest))));
        let mut strange = started;
        strange["Actor"]["Attributes"] = json!({});
        assert_eq!(told(&strange), Ok(Told::Nothing));
    }

    #[test]
    fn an_event_without_a_workspace_is_one_all_the_same() {
        let mut strange = event("die");
        for attributes in [json!({}), json!({label::WORKSPACE_ID: "no id"})] {
            strange["Actor"]["Attributes"] = attributes;
            assert_eq!(decoded(&strange).workspace, None);
        }
    }

    #[test]
    fn what_is_no_event_of_a_container_cannot_be_read() {
        let mut of_a_network = event("connect");
        of_a_network["Type"] = json!("network");
        let mut odd = event("die");
        odd["Action"] = json!(7);
        for event in [of_a_network, odd, json!({}), json!("die")] {
            assert_eq!(told(&event), Err(Unreadable), "{event}");
        }
        assert_eq!(decode(b"{\"Type\":"), Err(Unreadable));
    }
}
