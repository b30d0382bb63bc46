//! The contract of a store, as tests that know only the ports: every backend passes all of them.
//!
//! A backend's test file brings a function that opens an empty store, and calls `contract_tests!` with
//! it; `model` holds the same store against a naive model.

pub(crate) mod adoptions;
pub(crate) mod changes;
pub(crate) mod events;
pub(crate) mod model;
pub(crate) mod passes;
pub(crate) mod retries;
pub(crate) mod spec_writes;

use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use trueup_domain::{
    event::{CONTROLLER, EventType, NewEvent},
    id::{Generation, ResourceVersion, WorkspaceId},
    name::WorkspaceKey,
    pass::{Cause, CauseKind, Pass},
    port::{
        Changes, EventLog, EventQuery, PassLog, PassRecord, Recorded, SpecWrite, Workspaces,
        Written,
    },
    spec::{DesiredState, Metadata, Spec},
    status::{Phase, Status, WorkspaceStatus},
    workspace::Workspace,
};

/// What most of the contract needs. `Retries` is not among it, as its `record` would make that of
/// `PassLog` ambiguous.
pub(crate) trait Store: Workspaces + PassLog + EventLog + Changes {}

impl<S: Workspaces + PassLog + EventLog + Changes> Store for S {}

/// Makes a test of each function of the contract.
macro_rules! contract_tests {
    ($open:path) => {
        contract_tests! { $open;
            spec_writes: {
                a_new_workspace_has_generation_one_and_can_be_read_in_every_way,
                applying_the_same_again_changes_nothing,
                a_new_spec_is_a_new_generation,
                new_labels_alone_keep_the_generation,
                a_spec_without_a_state_keeps_the_stored_one,
                a_new_state_is_a_new_generation_and_so_is_a_renewed_one,
                a_deletion_is_a_mark_that_can_only_grow,
                a_workspace_under_deletion_takes_no_more_changes,
                a_write_that_names_an_old_version_is_refused,
                what_is_not_there_cannot_be_stopped_or_deleted,
                a_refused_write_takes_its_neighbours_of_the_same_call_along,
                the_same_workspace_may_come_twice_in_one_call,
                two_owners_may_use_one_name,
                versions_rise_over_the_whole_store,
                workspaces_are_listed_by_owner_and_name,
                every_change_says_who_did_what,
            }
            adoptions: {
                an_adopted_container_is_kept_with_its_workspace,
                adopting_the_same_again_changes_nothing,
                a_name_that_is_taken_adopts_nothing,
                one_container_is_adopted_once,
                a_state_and_limits_keep_the_adoption_and_another_container_ends_it,
                a_container_can_be_adopted_anew_once_its_workspace_is_gone,
            }
            passes: {
                a_record_stores_status_events_and_history_together,
                a_record_keeps_generation_and_version,
                a_record_of_an_old_generation_is_stale_and_writes_nothing,
                a_record_that_does_not_know_of_the_deletion_is_stale,
                a_record_of_an_unknown_workspace_is_stale,
                an_observed_generation_is_never_ahead_and_never_goes_back,
                a_removed_workspace_leaves_its_events_and_history,
                a_workspace_that_nobody_deleted_is_not_removed,
                a_name_can_be_used_again_after_the_removal,
                the_newest_passes_come_first,
            }
            events: {
                events_can_be_read_from_any_place,
                events_can_be_read_by_identity_and_by_name,
                an_answer_has_a_thousand_events_at_most,
                every_word_of_an_event_comes_back,
                errors_are_counted_by_identity_and_the_last_of_them_is_told,
            }
            changes: {
                every_change_is_announced_once_and_in_order,
                a_call_that_changes_nothing_announces_nothing,
                a_change_tells_how_it_was_and_how_it_is,
                a_change_can_be_read_by_the_time_it_is_announced,
            }
            retries: {
                recorded_failures_are_loaded_in_the_order_of_ids,
                a_state_takes_the_place_of_the_one_before,
                forgotten_failures_are_gone,
                the_last_entry_of_a_workspace_counts,
                failures_of_a_workspace_that_does_not_exist_are_left_out,
                failures_go_with_their_workspace_and_not_before,
                failures_are_no_change_of_their_workspace,
            }
        }
    };
    ($open:path; $($module:ident: { $($name:ident,)* })*) => { $($(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            let (store, _keep) = $open().await;
            contract::$module::$name(&store).await;
        }
    )*)* };
}
pub(crate) use contract_tests;

pub(crate) fn id(number: u64) -> WorkspaceId {
    format!("{number:032x}").parse().unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::new(1_790_000_000 + second, 123_456_789).unwrap()
}

pub(crate) fn key(name: &str) -> WorkspaceKey {
    WorkspaceKey { owner: "alice".parse().unwrap(), name: name.parse().unwrap() }
}

pub(crate) fn spec(image: &str) -> Spec {
    serde_json::from_value(json!({ "image": image })).unwrap()
}

pub(crate) fn metadata(name: &str) -> Metadata {
    let WorkspaceKey { owner, name } = key(name);
    Metadata { name, owner, labels: std::collections::BTreeMap::new() }
}

pub(crate) fn labelled(name: &str, label: &str) -> Metadata {
    let labels = [("team".to_owned().try_into().unwrap(), label.to_owned())].into();
    Metadata { labels, ..metadata(name) }
}

pub(crate) fn apply(number: u64, name: &str, spec: Spec) -> SpecWrite {
    apply_as(number, metadata(name), spec, None)
}

pub(crate) fn apply_as(
    number: u64,
    metadata: Metadata,
    spec: Spec,
    expected: Option<ResourceVersion>,
) -> SpecWrite {
    SpecWrite::Apply { id_if_new: id(number), metadata, spec: Box::new(spec), expected }
}

pub(crate) fn set_state(name: &str, state: DesiredState) -> SpecWrite {
    SpecWrite::SetState { key: key(name), state, renew: false, expected: None }
}

pub(crate) fn delete(name: &str, volumes: bool) -> SpecWrite {
    SpecWrite::Delete { key: key(name), volumes, expected: None }
}

/// Writes one thing that must be a change, and returns how it is then.
pub(crate) async fn changed(store: &impl Store, write: SpecWrite) -> Arc<Workspace> {
    match store.write(vec![write], "alice", at(0)).await.unwrap().remove(0) {
        Written::Created(workspace) | Written::Changed(workspace) => workspace,
        Written::Unchanged(workspace) => panic!("{} was so already", workspace.key()),
    }
}

/// Writes one thing that must be so already.
pub(crate) async fn unchanged(store: &impl Store, write: SpecWrite) -> Arc<Workspace> {
    match store.write(vec![write], "alice", at(0)).await.unwrap().remove(0) {
        Written::Unchanged(workspace) => workspace,
        other => panic!("{other:?} is a change"),
    }
}

pub(crate) async fn all_events(store: &impl Store) -> Vec<trueup_domain::event::Event> {
    store.events(&EventQuery::default()).await.unwrap()
}

pub(crate) fn pass(generation: Generation, why: &str) -> Pass {
    Pass {
        generation,
        started_at: at(1),
        duration_ms: 12,
        causes: vec![Cause::new(CauseKind::SpecChange, "")],
        why: why.to_owned(),
        attempts: Vec::new(),
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
    }
}

pub(crate) fn status_event(reason: &str) -> NewEvent {
    NewEvent {
        time: at(1),
        kind: EventType::StatusChanged,
        actor: CONTROLLER.to_owned(),
        reason: reason.to_owned(),
        message: "it runs".to_owned(),
        old_status: Some(WorkspaceStatus::Inactive),
        new_status: Some(WorkspaceStatus::Active),
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".to_owned()),
    }
}

/// What a pass that found the workspace running would store.
pub(crate) fn record(workspace: &Workspace) -> PassRecord {
    PassRecord {
        workspace: workspace.id,
        generation: workspace.generation,
        status: Status {
            status: WorkspaceStatus::Active,
            phase: Phase::Running,
            observed_generation: workspace.generation,
            last_updated: Some(at(1)),
            sync_attempts: workspace.status.sync_attempts + 1,
            ..Status::default()
        },
        events: vec![status_event("status_changed_inactive_to_active")],
        pass: pass(workspace.generation, "it is as it should be"),
        remove: false,
    }
}

pub(crate) fn stored(recorded: Recorded) -> Arc<Workspace> {
    match recorded {
        Recorded::Stored(workspace) => workspace,
        other => panic!("{other:?} instead of stored"),
    }
}
