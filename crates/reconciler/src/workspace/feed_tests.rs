//! The feed's decisions, one at a time.

use super::feed::{Feed, Input};
use jiff::Timestamp;
use std::sync::Arc;
use trueup_domain::{
    condition::{Condition, ConditionType, Truth},
    container::{ContainerState, ContainerSummary},
    error::{EngineError, ErrorClass, Reason},
    id::{ContainerId, Generation, ImageId, ResourceVersion, WorkspaceId},
    pass::CauseKind,
    port::{EngineChange, WatchEvent},
    spec::{Metadata, Spec},
    status::{ContainerStatus, Failure, Phase, Status},
    workspace::Workspace,
};

fn id(number: u128) -> WorkspaceId {
    format!("{number:032x}").parse().unwrap()
}

/// A workspace that runs and is in sync.
fn settled(number: u128) -> Workspace {
    let metadata: Metadata = serde_json::from_value(serde_json::json!({"name": "w"})).unwrap();
    let spec: Spec = serde_json::from_value(serde_json::json!({"image": "debian:12"})).unwrap();
    let mut status = Status {
        phase: Phase::Running,
        observed_generation: Generation(1),
        container: Some(ContainerStatus {
            id: ContainerId::new(format!("c{number}")),
            name: format!("trueup-w-{number}"),
            state: ContainerState::Running,
            image: "debian:12".to_owned(),
            image_id: ImageId::new("sha256:1"),
            started_at: None,
            finished_at: None,
            exit_code: None,
            oom_killed: false,
            restart_count: 0,
            health: None,
            ports: Vec::new(),
            networks: vec!["shared".to_owned()],
            swap: false,
        }),
        ..Status::default()
    };
    status.conditions.set(Condition {
        kind: ConditionType::Synced,
        status: Truth::True,
        reason: "AsDeclared".to_owned(),
        message: String::new(),
        last_transition_time: Timestamp::UNIX_EPOCH,
        observed_generation: Generation(1),
    });
    Workspace {
        id: id(number),
        metadata,
        spec,
        generation: Generation(1),
        resource_version: ResourceVersion(1),
        created_at: Timestamp::UNIX_EPOCH,
        deletion: None,
        status,
    }
}

fn row(number: u128) -> ContainerSummary {
    ContainerSummary {
        id: ContainerId::new(format!("c{number}")),
        name: format!("trueup-w-{number}"),
        workspace: id(number),
        state: ContainerState::Running,
        networks: ["shared".to_owned()].into(),
    }
}

fn fed(workspaces: impl IntoIterator<Item = Workspace>) -> Feed {
    let mut feed = Feed::default();
    feed.wakes(Input::Loaded(workspaces.into_iter().map(Arc::new).collect()));
    feed
}

fn listed(feed: &mut Feed, rows: Vec<ContainerSummary>) -> Vec<WorkspaceId> {
    let wakes = feed.wakes(Input::Watched(WatchEvent::Listed(rows)));
    assert!(wakes.iter().all(|(_, cause, _)| cause.kind == CauseKind::Resync));
    wakes.into_iter().map(|(id, _, _)| id).collect()
}

#[test]
fn every_workspace_is_looked_at_when_the_controller_starts() {
    let mut feed = Feed::default();
    let mut woken = feed.wakes(Input::Loaded(vec![Arc::new(settled(1)), Arc::new(settled(2))]));
    woken.sort_by_key(|(id, _, _)| *id);
    let woken: Vec<_> = woken.into_iter().map(|(id, cause, _)| (id, cause.kind)).collect();
    assert_eq!(woken, [(id(1), CauseKind::Start), (id(2), CauseKind::Start)]);
}

#[test]
fn a_resync_wakes_nobody_when_the_list_says_what_is_stored() {
    let mut feed = fed([settled(1), settled(2)]);
    assert_eq!(listed(&mut feed, vec![row(1), row(2)]), []);
}

#[test]
fn a_resync_wakes_whoever_is_missing_doubled_renamed_or_in_another_state() {
    let mut feed = fed([settled(1)]);
    let renamed = ContainerSummary { name: "mine".to_owned(), ..row(1) };
    let exited = ContainerSummary { state: ContainerState::Exited, ..row(1) };
    let replaced = ContainerSummary { id: ContainerId::new("other"), ..row(1) };
    for rows in [vec![], vec![row(1), row(1)], vec![renamed], vec![exited], vec![replaced]] {
        assert_eq!(listed(&mut feed, rows.clone()), [id(1)], "{rows:?}");
    }
}

#[test]
fn a_resync_wakes_whoever_runs_on_other_networks_than_stored_and_nobody_without_a_process() {
    let attached = |names: &[&str], state| ContainerSummary {
        networks: names.iter().map(|&name| name.to_owned()).collect(),
        state,
        ..row(1)
    };
    for names in [&[][..], &["other"], &["other", "shared"]] {
        for state in [ContainerState::Running, ContainerState::Paused, ContainerState::Exited] {
            let mut workspace = settled(1);
            workspace.status.container.as_mut().unwrap().state = state;
            let woken: &[_] = if state.has_process() { &[id(1)] } else { &[] };
            assert_eq!(listed(&mut fed([workspace]), vec![attached(names, state)]), woken);
        }
    }
}

#[test]
fn a_resync_looks_again_at_what_is_unsettled_but_never_undercuts_a_retry() {
    let mut unsettled = settled(1);
    unsettled.generation = Generation(2);
    let mut retrying = settled(2);
    retrying.status.last_error = Some(Failure {
        operation: "start container".to_owned(),
        reason: Reason::PortTaken,
        message: "taken".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        generation: Generation(1),
    });
    let mut feed = fed([unsettled, retrying]);
    assert_eq!(listed(&mut feed, vec![row(1), row(2)]), [id(1)]);
}

#[test]
fn an_engine_that_answers_again_wakes_those_that_were_unknown() {
    let mut unknown = settled(1);
    unknown.status.phase = Phase::Unknown;
    let mut feed = fed([unknown, settled(2)]);
    assert_eq!(listed(&mut feed, vec![row(1), row(2)]), [id(1)]);
}

#[test]
fn a_lost_engine_wakes_everyone_who_does_not_say_so_yet() {
    let mut unknown = settled(1);
    unknown.status.phase = Phase::Unknown;
    let mut feed = fed([unknown, settled(2)]);
    let error = EngineError {
        operation: "watch",
        class: ErrorClass::Retryable,
        reason: Reason::EngineUnreachable,
        message: "connection refused".to_owned(),
    };
    let woken = feed.wakes(Input::Watched(WatchEvent::Lost(error)));
    let woken: Vec<_> = woken.into_iter().map(|(id, cause, _)| (id, cause.detail)).collect();
    assert_eq!(woken, [(id(2), "watch: connection refused".to_owned())]);
}

#[test]
fn an_event_wakes_its_workspace_and_a_stranger_s_event_nobody() {
    let mut feed = fed([settled(1)]);
    let change = |number| {
        Input::Watched(WatchEvent::Changed(EngineChange {
            workspace: id(number),
            container: ContainerId::new("c"),
            action: "die".to_owned(),
        }))
    };
    let woken = feed.wakes(change(1));
    assert_eq!(woken.len(), 1);
    assert_eq!((woken[0].0, woken[0].1.to_string()), (id(1), "engine_event:die".to_owned()));
    assert_eq!(feed.wakes(change(9)), []);
}

#[test]
fn only_a_new_generation_wakes_not_a_status_that_a_pass_wrote() {
    let mut feed = fed([settled(1)]);
    let stored =
        |workspace: Workspace| Input::Stored { id: workspace.id, new: Some(Arc::new(workspace)) };
    assert_eq!(feed.wakes(stored(settled(1))), []);
    let newer = Workspace { generation: Generation(2), ..settled(1) };
    assert_eq!(feed.wakes(stored(newer)).len(), 1);
    assert_eq!(feed.wakes(stored(settled(3))).len(), 1, "a workspace that is new");
}

#[test]
fn a_workspace_that_is_gone_is_forgotten() {
    let mut feed = fed([settled(1)]);
    assert_eq!(feed.wakes(Input::Stored { id: id(1), new: None }), []);
    assert_eq!(listed(&mut feed, vec![]), []);
}
