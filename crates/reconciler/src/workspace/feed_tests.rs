//! The feed's decisions, one at a time.

use super::feed::{Feed, Input, Wake};
use crate::runtime::Priority;
use jiff::Timestamp;
use std::{collections::BTreeSet, sync::Arc};
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
            seen_at: None,
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
        adopted: None,
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
    let differs = |(id, cause, _): Wake| (cause.detail != "it is its turn").then_some(id);
    wakes.into_iter().filter_map(differs).collect()
}

#[test]
fn every_settled_workspace_has_its_turn_to_be_looked_at_though_no_list_differs() {
    for count in [1, 3, 40, 100] {
        let mut feed = fed((1..=count).map(settled));
        let rows: Vec<_> = (1..=count).map(row).collect();
        let mut looked_at = BTreeSet::new();
        for _ in 0..40 {
            let wakes = feed.wakes(Input::Watched(WatchEvent::Listed(rows.clone())));
            assert_eq!(wakes.len() as u128, count.div_ceil(40), "no more than its share at once");
            looked_at.extend(wakes.into_iter().map(|(id, _, _)| id));
        }
        assert_eq!(looked_at.len() as u128, count);
    }
}

/// A workspace whose container did not answer in time.
fn unanswered(number: u128) -> Workspace {
    let mut workspace = settled(number);
    workspace.status.phase = Phase::Unknown;
    workspace.status.conditions.set(Condition {
        kind: ConditionType::Synced,
        status: Truth::Unknown,
        reason: Reason::DeadlineExceeded.to_string(),
        message: "no answer within 5s".to_owned(),
        last_transition_time: Timestamp::UNIX_EPOCH,
        observed_generation: Generation(1),
    });
    workspace
}

fn happens(feed: &mut Feed, number: u128, action: &str) -> Vec<Wake> {
    feed.wakes(Input::Watched(WatchEvent::Changed(EngineChange {
        workspace: id(number),
        container: ContainerId::new("c"),
        action: action.to_owned(),
    })))
}

fn stored(feed: &mut Feed, workspace: Workspace) -> Vec<Wake> {
    feed.wakes(Input::Stored { id: workspace.id, new: Some(Arc::new(workspace)) })
}

fn lost(feed: &mut Feed) -> Vec<Wake> {
    feed.wakes(Input::Watched(WatchEvent::Lost(EngineError {
        operation: "watch",
        class: ErrorClass::Retryable,
        reason: Reason::EngineUnreachable,
        message: "connection refused".to_owned(),
    })))
}

#[test]
fn every_workspace_is_looked_at_when_the_controller_starts() {
    let mut feed = Feed::default();
    let woken = feed.wakes(Input::Loaded(vec![Arc::new(settled(2)), Arc::new(settled(1))]));
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
    let woken: Vec<_> =
        lost(&mut feed).into_iter().map(|(id, cause, _)| (id, cause.detail)).collect();
    assert_eq!(woken, [(id(2), "watch: connection refused".to_owned())]);
}

#[test]
fn an_event_wakes_its_workspace_and_a_stranger_s_event_nobody() {
    let mut feed = fed([settled(1)]);
    let woken = happens(&mut feed, 1, "die");
    assert_eq!(woken.len(), 1);
    assert_eq!((woken[0].0, woken[0].1.to_string()), (id(1), "engine_event:die".to_owned()));
    assert_eq!(happens(&mut feed, 9, "die"), []);
}

#[test]
fn only_a_new_generation_wakes_not_a_status_that_a_pass_wrote() {
    let mut feed = fed([settled(1)]);
    assert_eq!(stored(&mut feed, settled(1)), []);
    let newer = Workspace { generation: Generation(2), ..settled(1) };
    assert_eq!(stored(&mut feed, newer).len(), 1);
    assert_eq!(stored(&mut feed, settled(3)).len(), 1, "a workspace that is new");
}

#[test]
fn a_workspace_that_is_gone_is_forgotten() {
    let mut feed = fed([settled(1)]);
    assert_eq!(feed.wakes(Input::Stored { id: id(1), new: None }), []);
    assert_eq!(listed(&mut feed, vec![]), []);
}

#[test]
fn an_event_of_a_container_that_did_not_answer_wakes_it_behind_everybody_else_and_says_why() {
    let mut feed = fed([unanswered(1), settled(2)]);
    let [(woken, cause, priority)] = &happens(&mut feed, 1, "die")[..] else { panic!("not woken") };
    assert_eq!((*woken, *priority), (id(1), Priority::Resync));
    assert_eq!(cause.to_string(), "engine_event:die, after its container did not answer in time");
    let [(_, _, priority)] = &happens(&mut feed, 2, "die")[..] else { panic!("not woken") };
    assert_eq!(*priority, Priority::Event, "the others are woken as ever");
}

#[test]
fn many_events_of_a_container_that_does_not_answer_wake_it_once_for_each_list() {
    let mut feed = fed([unanswered(1)]);
    let mut woken = 0;
    for _ in 0..10 {
        for _ in 0..100 {
            woken += happens(&mut feed, 1, "health_status").len();
        }
        woken += listed(&mut feed, vec![row(1)]).len();
    }
    assert_eq!(woken, 11);
    // What came last was told with the last list; after a quiet one all is as at first.
    assert_eq!(listed(&mut feed, vec![row(1)]), []);
    assert_eq!(happens(&mut feed, 1, "die").len(), 1);
}

#[test]
fn a_list_wakes_no_container_that_does_not_answer_whatever_it_says() {
    let exited = ContainerSummary { state: ContainerState::Exited, ..row(1) };
    let mut feed = fed([unanswered(1)]);
    for rows in [vec![row(1)], vec![exited], vec![]] {
        assert_eq!(listed(&mut feed, rows.clone()), [], "{rows:?}");
    }
}

#[test]
fn an_engine_that_was_lost_and_answers_again_wakes_those_that_did_not_answer_too() {
    let mut feed = fed([unanswered(1)]);
    assert_eq!(lost(&mut feed), [], "it says so already");
    assert_eq!(listed(&mut feed, vec![row(1)]), [id(1)]);
    assert_eq!(listed(&mut feed, vec![row(1)]), [], "once");
}

#[test]
fn what_happens_while_a_container_does_not_answer_is_looked_at_as_soon_as_it_does() {
    let mut feed = fed([unanswered(1)]);
    assert_eq!(happens(&mut feed, 1, "kill").len(), 1);
    assert_eq!(happens(&mut feed, 1, "die"), []);
    // It failed again, in other words.
    assert_eq!(stored(&mut feed, unanswered(1)), []);
    // The pass that succeeded may have looked before it died.
    let [(woken, cause, priority)] = &stored(&mut feed, settled(1))[..] else { panic!("missed") };
    assert_eq!((*woken, *priority), (id(1), Priority::Event));
    assert_eq!(cause.to_string(), "engine_event:while its container did not answer in time");
    assert_eq!(stored(&mut feed, settled(1)), [], "once");
}

#[test]
fn whoever_was_woken_for_all_that_happened_is_not_woken_again_for_it() {
    let mut feed = fed([unanswered(1)]);
    assert_eq!(happens(&mut feed, 1, "die").len(), 1);
    assert_eq!(stored(&mut feed, settled(1)), []);
    assert_eq!(happens(&mut feed, 1, "start")[0].2, Priority::Event);
}

#[test]
fn a_new_declaration_wakes_a_workspace_whose_container_does_not_answer() {
    let mut feed = fed([unanswered(1)]);
    let newer = Workspace { generation: Generation(2), ..unanswered(1) };
    let [(_, cause, priority)] = &stored(&mut feed, newer)[..] else { panic!("not woken") };
    assert_eq!((cause.kind, *priority), (CauseKind::SpecChange, Priority::User));
}
