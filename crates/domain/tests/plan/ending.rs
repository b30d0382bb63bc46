//! What is left on the engine when a workspace is archived, deleted or moved to another network.

use crate::build::{Case, at, network_id, words};
use rstest::rstest;
use serde_json::json;
use trueup_domain::{
    action::Action,
    condition::{ConditionType, Truth},
    container::{ContainerState, NetworkMode},
    observed::NetworkState,
    status::Phase,
};

fn volumes() -> Vec<String> {
    vec!["W-home".to_owned(), "W-cache".to_owned()]
}

#[test]
fn an_archived_workspace_keeps_its_volumes() {
    let mut case = Case::new(&json!({"state": "archived"}));
    case.observation.volumes = volumes();
    let plan = case.plan();
    assert_eq!(words(&plan), [] as [&str; 0]);
    assert_eq!(plan.status.phase, Phase::Archived);
}

#[rstest]
#[case(false, &[], true)]
#[case(true, &["remove volume W-home", "remove volume W-cache"], false)]
fn named_volumes_go_only_when_the_deletion_says_so(
    #[case] with_volumes: bool,
    #[case] actions: &[&str],
    #[case] finished: bool,
) {
    let mut case = Case::new(&json!({})).deleted(with_volumes);
    case.observation.volumes = volumes();
    let plan = case.plan();
    assert_eq!(words(&plan), actions);
    assert_eq!(plan.finished, finished);
}

#[test]
fn volumes_stay_until_the_container_is_seen_to_be_gone() {
    let mut case = Case::new(&json!({})).deleted(true).with(ContainerState::Exited);
    case.observation.volumes = volumes();
    assert_eq!(words(&case.plan()), ["remove container c1"]);
}

#[rstest]
#[case::archived(Case::new(&json!({"state": "archived"})))]
#[case::gone(Case::new(&json!({})).deleted(false))]
fn a_network_goes_with_its_last_user(#[case] mut case: Case) {
    assert_eq!(words(&case.plan()), [] as [&str; 0], "somebody uses it");
    case.observation.network = Some(NetworkState { id: network_id(), used: false });
    let plan = case.plan();
    assert_eq!((words(&plan), plan.finished), (vec!["remove network shared".to_owned()], false));
}

#[test]
fn a_deletion_that_is_asked_for_while_it_is_archived_is_a_deletion() {
    let plan = Case::new(&json!({"state": "archived"})).deleted(false).plan();
    assert!(plan.finished);
}

#[test]
fn the_process_gets_the_time_that_the_policy_grants_it() {
    let case = Case::new(&json!({"state": "stopped"})).with(ContainerState::Running);
    let grace = case.policy.stop_grace;
    let plan = case.plan();
    assert!(matches!(&plan.actions[..], [Action::StopContainer { grace: given, .. }]
        if *given == grace));
}

#[rstest]
#[case::replaced(json!({"isolation": "standard"}), false,
    &["rename container c1 to W-previous", "create container W", "stop container c1",
      "start container W"])]
#[case::deleted(json!({"isolation": "standard"}), true,
    &["stop container c1", "remove container c1", "remove network W"])]
#[case::still_wanted(json!({"isolation": "strict", "env": {"A": "1"}}), false,
    &["rename container c1 to W-previous", "create container W", "stop container c1",
      "start container W"])]
fn the_network_of_its_own_goes_when_the_declaration_gives_it_another(
    #[case] fields: serde_json::Value,
    #[case] deleted: bool,
    #[case] actions: &[&str],
) {
    let strict = Case::new(&json!({"isolation": "strict"})).with(ContainerState::Running);
    let case = strict.declared_anew(&fields);
    let case = if deleted { case.deleted(false) } else { case };
    assert_eq!(words(&case.plan()), actions);
}

#[test]
fn a_shared_network_that_is_left_behind_goes_too_unless_others_use_it() {
    let shared = Case::new(&json!({})).with(ContainerState::Running);
    let case = shared.declared_anew(&json!({"isolation": "basic"}));
    let case = case.with_altered(ContainerState::Exited, |container| {
        container.config.network = NetworkMode::Named { name: "trueup-test-shared-0".to_owned() };
        container.config.labels.clear();
    });
    // Removing a network is asked of the engine only if nobody refers to it: the action says so.
    assert_eq!(
        words(&case.plan()),
        ["remove container c1", "remove network shared", "create container W", "start container W"]
    );
}

#[test]
fn a_network_of_its_own_that_was_left_without_a_container_goes() {
    let left = |fields: &serde_json::Value| {
        let mut case = Case::new(fields);
        case.observation.outgrown_network = Some(NetworkState { id: network_id(), used: false });
        case
    };
    let made = ["remove network W", "create container W", "start container W"];
    assert_eq!(words(&left(&json!({})).plan()), made);
    assert_eq!(words(&left(&json!({"state": "archived"})).plan()), ["remove network W"]);
    let deleted = left(&json!({})).deleted(false);
    assert_eq!(words(&deleted.plan()), ["remove network W"]);
    assert!(!deleted.plan().finished);
}

#[test]
fn a_stranger_on_its_own_network_holds_a_deletion_up_and_is_told() {
    let mut case = Case::new(&json!({"isolation": "strict"})).deleted(false);
    case.observation.network = Some(NetworkState { id: network_id(), used: true });
    let plan = case.plan();
    assert!(!plan.finished && plan.actions.is_empty());
    let degraded = plan.status.conditions.get(ConditionType::Degraded).unwrap();
    assert_eq!((degraded.status, degraded.reason.as_str()), (Truth::True, "NetworkInUse"));
}

#[test]
fn a_deletion_waits_for_calls_that_an_earlier_process_may_have_left_under_way() {
    let mut case = Case::new(&json!({})).deleted(false);
    case.policy.started_at = Some(at(1_000));
    case.workspace.created_at = at(0);
    case.now = at(2_000);
    let plan = case.plan();
    assert!(!plan.finished);
    assert_eq!(plan.wake_at, Some(at(16_000)));
    case.now = at(16_000);
    assert!(case.plan().finished);
    case.now = at(2_000);
    case.workspace.created_at = at(1_500);
    assert!(case.plan().finished, "it was declared in this process's life");
}

#[test]
fn a_stranger_on_an_outgrown_network_holds_only_the_deletion_up() {
    let occupied = |fields: &serde_json::Value| {
        let mut case = Case::new(fields);
        case.observation.outgrown_network = Some(NetworkState { id: network_id(), used: true });
        case
    };
    let archived = occupied(&json!({"state": "archived"})).plan();
    assert_eq!((words(&archived), archived.status.phase), (vec![], Phase::Archived));
    let deleted = occupied(&json!({})).deleted(false).plan();
    assert!(!deleted.finished && deleted.actions.is_empty());
    let degraded = deleted.status.conditions.get(ConditionType::Degraded).unwrap();
    assert_eq!(degraded.reason, "NetworkInUse");
}

#[test]
fn a_shared_network_that_the_engine_does_not_let_go_of_holds_nobody_up() {
    let mut case = Case::new(&json!({})).deleted(false);
    case.observation.network = Some(NetworkState { id: network_id(), used: false });
    assert_eq!(words(&case.plan()), ["remove network shared"]);
    case.workspace.status.last_error = Some(crate::build::failure("remove network", 1));
    let plan = case.plan();
    assert!(plan.finished && plan.actions.is_empty(), "{plan:#?}");
}
