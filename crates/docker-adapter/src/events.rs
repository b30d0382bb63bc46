//! The engine's events, and the clock that stamps them.
//!
//! Invariants: no event leaves as it came, since those of health checks hold their commands; a line
//! that cannot be read is told as that and ends nothing. Commands run inside of a container change
//! nothing and are left out.
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
    id::{ContainerId, InstanceId},
    label,
    port::{EngineEvent, Unreadable},
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
    let read = stream::unfold(Lines::new(body), |mut lines| async {
        let line = lines.next().await?;
        Some((decode(&line), lines))
    });
    Ok(read.filter_map(|event| std::future::ready(event.transpose())).boxed())
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

/// The event in a line, unless it is one to be left out.
fn decode(line: &[u8]) -> Result<Option<EngineEvent>, Unreadable> {
    // The parser's own words quote the line.
    let line: Line = serde_json::from_slice(line).map_err(|_| Unreadable)?;
    if line.kind != "container" {
        return Err(Unreadable);
    }
    let at = Timestamp::from_nanosecond(line.time_nano.into()).map_err(|_| Unreadable)?;
    let Some(action) = action(&line.action) else { return Ok(None) };
    let workspace = line.actor.attributes.workspace.and_then(|id| id.parse().ok());
    let container = ContainerId::new(line.actor.id);
    Ok(Some(EngineEvent { at, workspace, container, action: action.to_owned() }))
}

/// The engine's word without what it adds to it; `None` for the commands run inside a container.
fn action(text: &str) -> Option<&str> {
    if text.starts_with("exec_") {
        return None;
    }
    Some(text.split_once(':').map_or(text, |(word, _)| word).trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use trueup_domain::id::WorkspaceId;

    const WORKSPACE: &str = "0190f5a0000070008000000000000001";

    fn event(action: &str) -> Value {
        json!({
            "Type": "container", "Action": action, "timeNano": 1_700_000_000_000_000_042_i64,
            "Actor": {"ID": "abc", "Attributes": {label::WORKSPACE_ID: WORKSPACE, "image": "x"}},
        })
    }

    fn decoded(event: &Value) -> Result<Option<EngineEvent>, Unreadable> {
        decode(event.to_string().as_bytes())
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
        let event = decoded(&event("die")).unwrap().unwrap();
        assert_eq!(event.at.as_nanosecond(), 1_700_000_000_000_000_042);
        assert_eq!(event.workspace, Some(WORKSPACE.parse::<WorkspaceId>().unwrap()));
        assert_eq!(event.container, ContainerId::new("abc"));
        assert_eq!(event.action, "die");
    }

    #[test]
    fn commands_run_inside_are_left_out_and_a_health_check_keeps_only_its_word() {
        for secret in ["exec_create: curl -u me:secret", "exec_start: x", "exec_die"] {
            assert_eq!(decoded(&event(secret)), Ok(None), "{secret}");
        }
        let verdict = decoded(&event("health_status: unhealthy")).unwrap().unwrap();
        assert_eq!(verdict.action, "health_status");
    }

    #[test]
    fn an_event_without_a_workspace_is_one_all_the_same() {
        let mut strange = event("die");
        for attributes in [json!({}), json!({label::WORKSPACE_ID: "no id"})] {
            strange["Actor"]["Attributes"] = attributes;
            assert_eq!(decoded(&strange).unwrap().unwrap().workspace, None);
        }
    }

    #[test]
    fn what_is_no_event_of_a_container_cannot_be_read() {
        let mut of_a_network = event("connect");
        of_a_network["Type"] = json!("network");
        let mut odd = event("die");
        odd["Action"] = json!(7);
        for event in [of_a_network, odd, json!({}), json!("die")] {
            assert_eq!(decoded(&event), Err(Unreadable), "{event}");
        }
        assert_eq!(decode(b"{\"Type\":"), Err(Unreadable));
    }
}
