//! Every goal beside every state that a container can be in, and what must be there first.

use crate::build::{Case, short, unreachable, words};
use rstest::rstest;
use serde_json::{Value, json};
use trueup_domain::{
    condition::{ConditionType, Truth},
    container::{ContainerState, HealthState},
    observed::{Observed, Presence, ProjectFolder},
    status::{Phase, WorkspaceStatus},
};

const CREATE: &[&str] = &["create container W", "start container W"];
const NOTHING: &[&str] = &[];

/// The state of the container, `None` for no container.
type State = Option<ContainerState>;

fn case(goal: &str, state: State) -> Case {
    let case = match goal {
        "gone" => Case::new(&json!({})).deleted(false),
        state => Case::new(&json!({"state": state})),
    };
    match state {
        Some(state) => case.with(state),
        None => case,
    }
}

#[rstest]
// Running: whatever is not there is made, whatever does not run is started.
#[case("running", None, CREATE, Phase::Creating)]
#[case("running", Some(ContainerState::Created), &["start container c1"], Phase::Starting)]
#[case("running", Some(ContainerState::Running), NOTHING, Phase::Running)]
#[case("running", Some(ContainerState::Paused), &["unpause container c1"], Phase::Starting)]
#[case("running", Some(ContainerState::Restarting), NOTHING, Phase::Restarting)]
#[case("running", Some(ContainerState::Removing), NOTHING, Phase::Restarting)]
#[case("running", Some(ContainerState::Exited), &["start container c1"], Phase::Restarting)]
#[case("running", Some(ContainerState::Dead),
    &["remove container c1", "create container W", "start container W"], Phase::Restarting)]
// Stopped: only a process is too much.
#[case("stopped", None, NOTHING, Phase::Stopped)]
#[case("stopped", Some(ContainerState::Created), NOTHING, Phase::Stopped)]
#[case("stopped", Some(ContainerState::Running), &["stop container c1"], Phase::Stopping)]
#[case("stopped", Some(ContainerState::Paused),
    &["unpause container c1", "stop container c1"], Phase::Stopping)]
#[case("stopped", Some(ContainerState::Restarting), &["stop container c1"], Phase::Stopping)]
#[case("stopped", Some(ContainerState::Removing), NOTHING, Phase::Stopped)]
#[case("stopped", Some(ContainerState::Exited), NOTHING, Phase::Stopped)]
#[case("stopped", Some(ContainerState::Dead), NOTHING, Phase::Stopped)]
// Paused: running first, then frozen.
#[case("paused", None,
    &["create container W", "start container W", "pause container W"], Phase::Creating)]
#[case("paused", Some(ContainerState::Created),
    &["start container c1", "pause container c1"], Phase::Starting)]
#[case("paused", Some(ContainerState::Running), &["pause container c1"], Phase::Pausing)]
#[case("paused", Some(ContainerState::Paused), NOTHING, Phase::Paused)]
#[case("paused", Some(ContainerState::Restarting), NOTHING, Phase::Restarting)]
#[case("paused", Some(ContainerState::Removing), NOTHING, Phase::Restarting)]
#[case("paused", Some(ContainerState::Exited),
    &["start container c1", "pause container c1"], Phase::Restarting)]
#[case("paused", Some(ContainerState::Dead),
    &["remove container c1", "create container W", "start container W", "pause container W"],
    Phase::Restarting)]
// Archived and gone: any container is too much, and a process is ended gently first.
#[case("archived", None, NOTHING, Phase::Archived)]
#[case("archived", Some(ContainerState::Created), &["remove container c1"], Phase::Archiving)]
#[case("archived", Some(ContainerState::Running),
    &["stop container c1", "remove container c1"], Phase::Archiving)]
#[case("archived", Some(ContainerState::Paused),
    &["unpause container c1", "stop container c1", "remove container c1"], Phase::Archiving)]
#[case("archived", Some(ContainerState::Restarting),
    &["stop container c1", "remove container c1"], Phase::Archiving)]
#[case("archived", Some(ContainerState::Removing), &["remove container c1"], Phase::Archiving)]
#[case("archived", Some(ContainerState::Exited), &["remove container c1"], Phase::Archiving)]
#[case("archived", Some(ContainerState::Dead), &["remove container c1"], Phase::Archiving)]
#[case("gone", None, NOTHING, Phase::Deleting)]
#[case("gone", Some(ContainerState::Created), &["remove container c1"], Phase::Deleting)]
#[case("gone", Some(ContainerState::Running),
    &["stop container c1", "remove container c1"], Phase::Deleting)]
#[case("gone", Some(ContainerState::Paused),
    &["unpause container c1", "stop container c1", "remove container c1"], Phase::Deleting)]
#[case("gone", Some(ContainerState::Restarting),
    &["stop container c1", "remove container c1"], Phase::Deleting)]
#[case("gone", Some(ContainerState::Removing), &["remove container c1"], Phase::Deleting)]
#[case("gone", Some(ContainerState::Exited), &["remove container c1"], Phase::Deleting)]
#[case("gone", Some(ContainerState::Dead), &["remove container c1"], Phase::Deleting)]
fn every_goal_knows_what_to_do_about_every_state(
    #[case] goal: &str,
    #[case] state: State,
    #[case] actions: &[&str],
    #[case] phase: Phase,
) {
    let plan = case(goal, state).plan();
    assert_eq!(words(&plan), actions);
    assert_eq!(plan.status.phase, phase);
    assert_eq!(plan.finished, goal == "gone" && state.is_none());
}

#[rstest]
fn the_coarse_status_is_the_one_of_the_product_s_table(
    #[values("running", "stopped", "paused", "archived", "gone")] goal: &str,
) {
    use ContainerState::{Created, Dead, Exited, Paused, Removing, Restarting, Running};
    for state in [Created, Running, Paused, Restarting, Removing, Exited, Dead].map(Some) {
        let is_active = state == Some(Running);
        let expected = if is_active { WorkspaceStatus::Active } else { WorkspaceStatus::Inactive };
        assert_eq!(case(goal, state).plan().status.status, expected, "{state:?}");
    }
    let expected = match goal {
        "archived" => WorkspaceStatus::Archived,
        _ => WorkspaceStatus::Inactive,
    };
    assert_eq!(case(goal, None).plan().status.status, expected);
}

#[rstest]
#[case(None, Phase::Running, Truth::True, Truth::False)]
#[case(Some(HealthState::Starting), Phase::Starting, Truth::False, Truth::False)]
#[case(Some(HealthState::Healthy), Phase::Running, Truth::True, Truth::False)]
#[case(Some(HealthState::Unhealthy), Phase::Unhealthy, Truth::False, Truth::True)]
fn a_container_that_runs_is_ready_once_it_is_healthy(
    #[case] health: Option<HealthState>,
    #[case] phase: Phase,
    #[case] ready: Truth,
    #[case] degraded: Truth,
) {
    let case = Case::new(&json!({}));
    let plan =
        case.with_altered(ContainerState::Running, |container| container.health = health).plan();
    assert_eq!(plan.status.phase, phase);
    let truth = |kind| plan.status.conditions.get(kind).unwrap().status;
    assert_eq!(truth(ConditionType::Ready), ready);
    assert_eq!(truth(ConditionType::Degraded), degraded);
    assert_eq!(truth(ConditionType::Synced), Truth::True, "the engine is as declared");
}

#[rstest]
#[case("Always", Presence::Here, true)]
#[case("Always", Presence::Missing, true)]
#[case("IfNotPresent", Presence::Here, false)]
#[case("IfNotPresent", Presence::Missing, true)]
#[case("Never", Presence::Here, false)]
#[case("Never", Presence::Missing, false)]
fn an_image_is_pulled_as_its_policy_says(
    #[case] policy: &str,
    #[case] presence: Presence,
    #[case] pulls: bool,
) {
    let mut case = Case::new(&json!({"imagePullPolicy": policy}));
    case.observation.image = presence;
    let pull: &[&str] = if pulls { &["pull image debian:12"] } else { &[] };
    let plan = case.plan();
    assert_eq!(words(&plan), [pull, CREATE].concat());
    assert_eq!(plan.status.phase, if pulls { Phase::Pulling } else { Phase::Creating });
}

#[test]
fn a_container_that_is_kept_needs_no_pull() {
    let case = Case::new(&json!({"imagePullPolicy": "Always"})).with(ContainerState::Exited);
    assert_eq!(words(&case.plan()), ["start container c1"]);
}

#[test]
fn what_takes_long_is_announced_by_a_pass_of_its_own() {
    let mut pull = Case::new(&json!({}));
    pull.observation.image = Presence::Missing;
    let stop = Case::new(&json!({"state": "stopped"})).with(ContainerState::Running);
    for (case, phase) in [(pull, Phase::Pulling), (stop, Phase::Stopping)] {
        let announced = case.first_plan();
        assert_eq!(words(&announced), NOTHING);
        assert_eq!((announced.status.phase, announced.wake_at), (phase, Some(case.now)));
        assert!(announced.status.conditions.is_true(ConditionType::Progressing));
        assert!(!case.plan().actions.is_empty());
    }
}

#[test]
fn what_another_generation_announced_is_announced_again() {
    let mut case = Case::new(&json!({})).with(ContainerState::Running);
    case.workspace.status.phase = Phase::Stopping;
    let case = case.declared_anew(&json!({"state": "stopped"}));
    assert_eq!(words(&case.first_plan()), NOTHING);
}

#[test]
fn network_and_volumes_are_there_before_the_container() {
    let fields = json!({"volumes": [{"name": "home", "target": "/home/dev"}]});
    let mut case = Case::new(&fields);
    case.observation.network = None;
    assert_eq!(
        words(&case.plan()),
        [
            "ensure network shared",
            "ensure volume W-home",
            "create container W",
            "start container W"
        ]
    );
}

fn with_project(folder: ProjectFolder) -> Case {
    let mut case = Case::new(&json!({"project": {"path": "/srv/projects/payments/"}}));
    case.observation.project = folder;
    case
}

fn forbidden() -> ProjectFolder {
    ProjectFolder::Forbidden("/srv/projects/payments leads to /etc".to_owned())
}

#[rstest]
#[case::create(with_project(forbidden()))]
#[case::start(with_project(forbidden()).with(ContainerState::Exited))]
#[case::replace(with_project(forbidden()).with(ContainerState::Dead))]
#[case::unseen(with_project(ProjectFolder::NotAsked))]
fn a_folder_that_may_not_be_mounted_is_neither_mounted_nor_started_with(#[case] case: Case) {
    let plan = case.plan();
    assert_eq!(words(&plan), NOTHING);
    assert_eq!((plan.status.phase, plan.wake_at), (Phase::Pending, None));
    let degraded = plan.status.conditions.get(ConditionType::Degraded).unwrap();
    assert_eq!((degraded.status, degraded.reason.as_str()), (Truth::True, "ProjectForbidden"));
}

#[test]
fn a_container_that_runs_is_left_alone_though_its_folder_is_forbidden_by_now() {
    let case = with_project(forbidden()).with(ContainerState::Running);
    assert_eq!(words(&case.plan()), NOTHING);
    assert_eq!(case.plan().status.phase, Phase::Running);
}

#[test]
fn the_folder_that_was_checked_is_the_one_that_is_mounted() {
    let plan = with_project(ProjectFolder::Allowed("/data/payments".to_owned())).plan();
    let Some(trueup_domain::action::Action::CreateContainer(config)) = plan.actions.first() else {
        panic!("{:?}", plan.actions)
    };
    let sources: Vec<_> = config.mounts.iter().map(|mount| mount.source.as_str()).collect();
    assert_eq!(sources, ["/data/payments"]);
}

#[rstest]
fn nothing_is_done_and_nothing_forgotten_when_the_engine_does_not_say(
    #[values("running", "stopped", "paused", "archived", "gone")] goal: &str,
) {
    let known = case(goal, Some(ContainerState::Running)).plan().status;
    let mut case = case(goal, None);
    case.workspace.status = known.clone();
    case.observation.container = Observed::Unknown(unreachable());
    let plan = case.plan();
    assert_eq!((words(&plan).as_slice(), plan.finished), (&[] as &[String], false));
    assert_eq!(plan.status.phase, Phase::Unknown);
    assert_eq!(plan.status.status, WorkspaceStatus::Active);
    assert_eq!(plan.status.container, known.container);
    assert_eq!(plan.status.recovery, known.recovery);
    for kind in [ConditionType::Ready, ConditionType::Synced] {
        let condition = plan.status.conditions.get(kind).unwrap();
        assert_eq!((condition.status, &*condition.reason), (Truth::Unknown, "EngineUnreachable"));
    }
}

#[test]
fn a_step_that_failed_is_told_even_if_the_engine_has_fallen_silent_since() {
    let mut case = Case::new(&json!({}));
    case.observation.container = Observed::Unknown(unreachable());
    let mut desired = case.desired();
    desired.failure = Some(crate::build::failure("start container", 1));
    let plan = trueup_domain::plan::plan(&desired, &case.observation, case.now);
    assert_eq!(plan.status.last_error, desired.failure);
}

#[rstest]
#[case::still_tried(json!({}), true)]
#[case::settled(json!({"state": "stopped"}), false)]
fn a_failure_is_shown_for_as_long_as_something_is_tried(
    #[case] fields: Value,
    #[case] is_shown: bool,
) {
    let mut case = Case::new(&fields);
    case.workspace.status.last_error = Some(crate::build::failure("create container", 1));
    let status = case.plan().status;
    assert_eq!(status.last_error.is_some(), is_shown);
    let progressing = status.conditions.get(ConditionType::Progressing).unwrap();
    assert_eq!(progressing.reason, if is_shown { "Retrying" } else { "AsDeclared" });
}

#[test]
fn a_failure_is_over_when_nothing_is_tried_any_more() {
    let mut case = with_project(forbidden());
    case.workspace.status.last_error = Some(crate::build::failure("create container", 1));
    let status = case.plan().status;
    assert_eq!(status.last_error, None);
    let reason = |kind| status.conditions.get(kind).unwrap().reason.clone();
    assert_eq!(reason(ConditionType::Synced), "ProjectForbidden");
    assert_eq!(reason(ConditionType::Progressing), "NothingToDo");
}

#[test]
fn an_action_is_said_with_the_workspace_s_name_and_twelve_digits_of_an_id() {
    let plan = Case::new(&json!({})).plan();
    assert_eq!(short(&plan.actions[0].to_string()), "create container W");
    assert_eq!(plan.why, "there is no container");
}
