//! A container that is not as declared: altered behind our back, or made for an older declaration.

use crate::build::{Case, at, network_id, words};
use rstest::rstest;
use serde_json::{Value, json};
use trueup_domain::{
    condition::ConditionType,
    container::{Container, ContainerState, HealthConfig, Mount, MountKind, NetworkMode},
    drift::{self, Remedy, drift},
    id::NetworkId,
    observed::{NetworkState, Presence},
    quantity::Memory,
    status::{ContainerStatus, Phase},
};

const REPLACE: [&str; 4] = [
    "rename container c1 to W-previous",
    "create container W",
    "stop container c1",
    "start container W",
];
const ANEW: [&str; 3] = ["remove container c1", "create container W", "start container W"];
const UPDATE: &str = "update resources c1 to 1 cpus, 512MiB memory, 256 pids";

fn full() -> Value {
    json!({
        "command": ["sleep", "infinity"], "env": {"EDITOR": "vim"}, "workingDir": "/workspace/",
        "user": "1000:1000", "project": {"path": "/srv/projects/payments"},
        "volumes": [{"name": "home", "target": "/home/dev/"}],
        "ports": [{"container": 8080, "host": 18080}], "health": {"command": ["true"]},
    })
}

fn network() -> NetworkState {
    NetworkState { id: network_id(), used: true }
}

#[rstest]
#[case("name", Remedy::Rename, |c: &mut Container| c.config.name = "other".into())]
#[case("image", Remedy::Recreate, |c: &mut Container| c.config.image = "evil".into())]
#[case("command", Remedy::Recreate, |c: &mut Container| c.config.command = None)]
#[case("env", Remedy::Recreate, |c: &mut Container| c.config.env.clear())]
#[case("workingDir", Remedy::Recreate, |c: &mut Container| c.config.working_dir = None)]
#[case("user", Remedy::Recreate, |c: &mut Container| c.config.user = Some("root".into()))]
#[case("hostname", Remedy::Recreate, |c: &mut Container| c.config.hostname = "h".into())]
#[case("mounts", Remedy::Recreate, |c: &mut Container| c.config.mounts.clear())]
#[case("ports", Remedy::Recreate, |c: &mut Container| c.config.ports.clear())]
#[case("resources.memory", Remedy::Update,
    |c: &mut Container| c.config.resources.memory = Memory::from_mib(1))]
#[case("resources.pids", Remedy::Update, |c: &mut Container| c.config.resources.pids = 1)]
#[case("capabilities", Remedy::Recreate,
    |c: &mut Container| { c.config.capabilities.insert("SYS_ADMIN".into()); })]
#[case("readOnlyRoot", Remedy::Recreate, |c: &mut Container| c.config.read_only_root = true)]
#[case("noNewPrivileges", Remedy::Recreate,
    |c: &mut Container| c.config.no_new_privileges = false)]
#[case("init", Remedy::Recreate, |c: &mut Container| c.config.init = false)]
#[case("privileged", Remedy::Recreate, |c: &mut Container| c.config.privileged = true)]
#[case("network", Remedy::Recreate, |c: &mut Container| c.config.network = NetworkMode::Bridge)]
#[case::cut_off("network", Remedy::Recreate, |c: &mut Container| c.attached.clear())]
#[case::on_another_too("network", Remedy::Recreate,
    |c: &mut Container| { c.attached.insert("other".into()); })]
#[case::on_another("network", Remedy::Recreate,
    |c: &mut Container| c.attached = ["other".into()].into())]
#[case("swap", Remedy::Update, |c: &mut Container| c.config.swap = true)]
#[case("restart", Remedy::Update, |c: &mut Container| c.config.restart = true)]
#[case("health", Remedy::Recreate, |c: &mut Container| c.config.health = None)]
fn each_field_is_compared(
    #[case] field: &str,
    #[case] remedy: Remedy,
    #[case] alter: fn(&mut Container),
) {
    let desired = Case::new(&full()).desired();
    let mut container = crate::build::container(&desired, ContainerState::Running);
    assert_eq!(drift(&desired.config, &container, Some(&network())), []);
    alter(&mut container);
    let found = drift(&desired.config, &container, Some(&network()));
    let found: Vec<_> = found.iter().map(|found| (found.field, found.remedy)).collect();
    assert_eq!(found, [(field, remedy)]);
}

#[test]
fn what_the_image_or_the_engine_adds_is_no_difference() {
    let mut desired = Case::new(&json!({"project": {"path": "/srv/projects/payments"}})).desired();
    let mut container = crate::build::container(&desired, ContainerState::Running);
    let is = &mut container.config;
    is.command = Some(vec!["bash".to_owned()]);
    is.env.insert("PATH".to_owned(), "/bin".to_owned());
    is.working_dir = Some("/srv".to_owned());
    is.user = Some("app".to_owned());
    is.labels.insert("maintainer".to_owned(), "somebody".to_owned());
    is.health = Some(HealthConfig {
        command: vec!["true".to_owned()],
        interval_ms: 1,
        timeout_ms: 1,
        retries: 1,
        start_period_ms: 1,
    });
    let resolved = |mount: Mount| Mount { source: "/data/payments".to_owned(), ..mount };
    is.mounts = is.mounts.clone().into_iter().map(resolved).collect();
    is.mounts.insert(Mount {
        target: "/scratch".to_owned(),
        kind: MountKind::Tmpfs,
        source: String::new(),
        read_only: false,
    });
    assert_eq!(drift(&desired.config, &container, Some(&network())), []);
    assert!(!drift::is_outdated(&desired.config, &container));
    desired.config.labels.insert(trueup_domain::label::SPEC_HASH.to_owned(), "0".to_owned());
    assert!(drift::is_outdated(&desired.config, &container));
}

#[test]
fn a_path_is_declared_as_the_engine_reports_it() {
    let config = Case::new(&full()).desired().config;
    assert_eq!(config.working_dir.as_deref(), Some("/workspace"));
    let targets: Vec<_> = config.mounts.iter().map(|mount| mount.target.as_str()).collect();
    assert_eq!(targets, ["/home/dev", "/workspace"]);
}

#[test]
fn a_value_of_the_environment_is_never_shown() {
    let case = Case::new(&json!({"env": {"TOKEN": "hush"}}));
    let case = case.with_altered(ContainerState::Running, |container| {
        container.config.env.insert("TOKEN".to_owned(), "stolen".to_owned());
    });
    let said = format!("{:?}", case.plan().why);
    assert!(said.contains("TOKEN") && !said.contains("hush") && !said.contains("stolen"), "{said}");
}

fn renamed(container: &mut Container) {
    "mine".clone_into(&mut container.config.name);
}
fn limited(container: &mut Container) {
    container.config.resources.memory = Memory::from_mib(64);
}
fn exposed(container: &mut Container) {
    container.config.privileged = true;
}

fn restarted(container: &mut Container) {
    container.config.restart = true;
}
fn connected(container: &mut Container) {
    container.attached.insert("other".to_owned());
}

#[rstest]
#[case("recreate", renamed, &["rename container c1 to W"])]
#[case("recreate", limited, &[UPDATE])]
#[case("recreate", restarted, &[UPDATE])]
#[case("recreate", exposed, &REPLACE)]
#[case("recreate", connected, &REPLACE)]
#[case("report", renamed, &[])]
#[case("report", limited, &[])]
#[case("report", exposed, &[])]
#[case("report", connected, &[])]
#[case("ignore", renamed, &[])]
#[case("ignore", limited, &[])]
#[case("ignore", exposed, &[])]
fn on_drift_says_what_is_done_about_an_altered_container(
    #[case] on_drift: &str,
    #[case] alter: fn(&mut Container),
    #[case] actions: &[&str],
) {
    let case = Case::new(&json!({"onDrift": on_drift}));
    let plan = case.with_altered(ContainerState::Running, alter).plan();
    assert_eq!(words(&plan), actions);
    let conditions = &plan.status.conditions;
    assert_eq!(conditions.is_true(ConditionType::Synced), on_drift == "ignore");
    assert_eq!(conditions.is_true(ConditionType::Degraded), on_drift == "report");
    if on_drift != "recreate" {
        assert_eq!((plan.status.phase, plan.wake_at), (Phase::Running, None));
    }
}

#[rstest]
#[case(ContainerState::Running, "running")]
#[case(ContainerState::Paused, "paused")]
fn an_engine_that_reports_otherwise_than_it_was_told_does_not_make_us_replace_without_end(
    #[case] state: ContainerState,
    #[case] goal: &str,
) {
    let just_started = |container: &mut Container| {
        exposed(container);
        container.started_at = Some(at(-1_000));
    };
    let mut case = Case::new(&json!({"state": goal})).with_altered(state, just_started);
    let plan = case.plan();
    assert_eq!((words(&plan).len(), plan.wake_at), (0, Some(at(59_000))));
    let degraded = plan.status.conditions.get(ConditionType::Degraded).unwrap();
    assert_eq!(degraded.reason, "Drift");
    assert!(degraded.message.contains("privileged: true instead of false"), "{degraded:?}");
    case.now = at(59_000);
    assert!(words(&case.plan()).contains(&"rename container c1 to W-previous".to_owned()));
}

#[rstest]
#[case::at_once("always", 0, &ANEW)]
#[case::later("always", 3, &[])]
#[case::never("never", 0, &[])]
fn a_container_that_was_altered_and_ended_is_replaced_when_it_is_to_start(
    #[case] policy: &str,
    #[case] crashes: u32,
    #[case] actions: &[&str],
) {
    let case = Case::new(&json!({"recovery": {"policy": policy}}));
    let case = case.with(ContainerState::Exited).crashed(crashes);
    let plan = case
        .with_altered(ContainerState::Exited, |container| {
            exposed(container);
            container.finished_at = Some(at(0));
            container.started_at = Some(at(0));
        })
        .plan();
    assert_eq!(words(&plan), actions);
    let counted = if policy == "never" { 0 } else { crashes + 1 };
    assert_eq!(plan.status.recovery.crashes, counted);
}

#[test]
fn a_difference_is_said_in_words() {
    let desired = Case::new(&full()).desired();
    let mut container = crate::build::container(&desired, ContainerState::Running);
    container.config.mounts.clear();
    container.config.ports.clear();
    let found = drift(&desired.config, &container, Some(&network()));
    let said: Vec<_> = found.iter().map(|found| crate::build::short(&found.to_string())).collect();
    assert_eq!(
        said,
        [
            "mounts: none instead of W-home at /home/dev, a folder at /workspace",
            "ports: none instead of 127.0.0.1:18080 to 8080/tcp",
        ]
    );
}

#[rstest]
#[case(&[], "no network")]
#[case(&["a", "shared"], "a and shared")]
fn what_a_container_is_attached_to_is_said_in_words(#[case] attached: &[&str], #[case] said: &str) {
    let desired = Case::new(&json!({})).desired();
    let mut container = crate::build::container(&desired, ContainerState::Running);
    container.attached = attached.iter().map(|&name| name.to_owned()).collect();
    let found = drift(&desired.config, &container, Some(&network()));
    let wanted = desired.config.network.network();
    let expected = format!("network: attached to {said} instead of to {wanted} alone");
    assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

#[rstest]
#[case("none", NetworkMode::None)]
#[case("bridge", NetworkMode::Bridge)]
fn the_engine_has_names_for_its_own_networks(#[case] name: &str, #[case] mode: NetworkMode) {
    let mut desired = Case::new(&json!({})).desired();
    desired.config.network = mode;
    let mut container = crate::build::container(&desired, ContainerState::Running);
    assert_eq!(container.attached, [name.to_owned()].into());
    assert_eq!(drift(&desired.config, &container, None), []);
    container.attached.insert("other".to_owned());
    assert_eq!(drift(&desired.config, &container, None).len(), 1);
}

#[rstest]
fn what_a_container_without_a_process_is_attached_to_is_no_difference(
    #[values(ContainerState::Created, ContainerState::Exited)] state: ContainerState,
) {
    let desired = Case::new(&json!({})).desired();
    let mut container = crate::build::container(&desired, state);
    container.attached.clear();
    assert_eq!(drift(&desired.config, &container, Some(&network())), []);
}

/// Seen by an earlier pass, with swap or without.
fn seen(mut case: Case, swap: bool) -> Case {
    let container = crate::build::container(&case.desired(), ContainerState::Running);
    let status = ContainerStatus { swap, ..ContainerStatus::from(&container) };
    case.workspace.status.container = Some(status);
    case
}

fn swapping(container: &mut Container) {
    container.config.swap = true;
}

#[test]
fn swap_that_somebody_allowed_is_taken_away_and_again_if_that_failed() {
    let mut case =
        seen(Case::new(&json!({})), false).with_altered(ContainerState::Running, swapping);
    for _ in 0..2 {
        let plan = case.plan();
        assert_eq!(words(&plan), [UPDATE]);
        assert!(plan.why.contains("swap: true instead of false"), "{}", plan.why);
        case.workspace.status = plan.status;
    }
}

#[test]
fn an_engine_that_cannot_limit_swap_is_not_told_to_again_and_again() {
    let fresh = Case::new(&json!({})).with_altered(ContainerState::Running, swapping);
    let known = seen(Case::new(&json!({})), true).with_altered(ContainerState::Running, swapping);
    for case in [fresh, known] {
        let plan = case.plan();
        assert_eq!(words(&plan), [] as [&str; 0]);
        assert!(plan.status.conditions.is_true(ConditionType::Synced));
        assert!(plan.status.container.unwrap().swap);
    }
}

#[test]
fn a_crash_loop_is_worse_news_than_drift() {
    let case = Case::new(&json!({"onDrift": "report"})).with(ContainerState::Exited).crashed(3);
    let case = case.with_altered(ContainerState::Exited, |container| {
        limited(container);
        container.finished_at = Some(at(0));
        container.started_at = Some(at(0));
    });
    let status = case.plan().status;
    assert_eq!(status.conditions.get(ConditionType::Degraded).unwrap().reason, "CrashLoop");
}

#[test]
fn mends_come_before_the_start() {
    let case = Case::new(&json!({})).with_altered(ContainerState::Exited, |container| {
        renamed(container);
        limited(container);
    });
    let plan = case.plan();
    assert_eq!(words(&plan), ["rename container c1 to W", UPDATE, "start container c1"]);
    assert!(plan.why.starts_with("the container was altered: name: mine instead of"));
}

#[rstest]
fn limits_that_are_declared_anew_are_set_in_place_whatever_on_drift_says(
    #[values("recreate", "report", "ignore")] on_drift: &str,
) {
    let old = json!({"onDrift": on_drift, "resources": {"memory": "64MiB"}});
    let case = Case::new(&old).with(ContainerState::Running);
    let mut case = case.declared_anew(&json!({"onDrift": on_drift}));
    let plan = case.plan();
    assert_eq!(words(&plan), [UPDATE]);
    assert!(plan.why.starts_with("the declaration has changed: resources.memory: 64MiB"));
    // That it failed once changes nothing.
    case.workspace.status = plan.status;
    case.workspace.status.last_error = Some(crate::build::failure("update resources", 2));
    assert_eq!(words(&case.plan()), [UPDATE]);
}

#[rstest]
#[case(Presence::Here, &REPLACE)]
#[case(Presence::Missing,
    &["pull image debian:13", REPLACE[0], REPLACE[1], REPLACE[2], REPLACE[3]])]
fn a_changed_declaration_replaces_the_container_once_the_image_is_there(
    #[case] image: Presence,
    #[case] actions: &[&str],
) {
    let case = Case::new(&json!({})).with(ContainerState::Running);
    let mut case = case.declared_anew(&json!({"image": "debian:13", "onDrift": "ignore"}));
    case.observation.image = image;
    let plan = case.plan();
    assert_eq!(words(&plan), actions);
    assert!(plan.why.starts_with("the declaration has changed: image: debian:12"), "{}", plan.why);
}

#[test]
fn a_stopped_workspace_is_not_replaced_before_it_is_to_run_again() {
    let case = Case::new(&json!({"state": "stopped"})).with(ContainerState::Exited);
    let case = case.declared_anew(&json!({"state": "stopped", "image": "debian:13"}));
    assert_eq!(words(&case.plan()), [] as [&str; 0]);
    let case = case.declared_anew(&json!({"image": "debian:13"}));
    assert_eq!(words(&case.plan()), ANEW);
}

fn other_network() -> NetworkState {
    NetworkState { id: NetworkId::new("n2"), used: false }
}

#[rstest]
fn a_container_that_lost_its_network_is_made_anew_when_it_is_to_start(
    #[values("recreate", "report", "ignore")] on_drift: &str,
    #[values(None, Some(other_network()))] present: Option<NetworkState>,
) {
    let mut case = Case::new(&json!({"onDrift": on_drift})).with(ContainerState::Exited);
    let is_missing = present.is_none();
    case.observation.network = present;
    let plan = case.plan();
    let ensure: &[&str] = if is_missing { &["ensure network shared"] } else { &[] };
    assert_eq!(words(&plan), [ensure, &ANEW].concat());
    assert_eq!(plan.status.recovery.crashes, 1, "its end is counted all the same");
}

#[rstest]
#[case::its_policy_lets_it_rest("never")]
#[case::it_did_its_work("onFailure")]
fn a_container_that_rests_does_not_run_again_because_its_network_is_gone(#[case] policy: &str) {
    let case = Case::new(&json!({"recovery": {"policy": policy}}));
    let mut case =
        case.with_altered(ContainerState::Exited, |container| container.exit_code = Some(0));
    case.observation.network = None;
    assert_eq!(words(&case.plan()), [] as [&str; 0]);
}

#[test]
fn a_running_container_holds_its_network_itself() {
    let mut case = Case::new(&json!({})).with(ContainerState::Running);
    case.observation.network = None;
    assert_eq!(words(&case.plan()), [] as [&str; 0]);
}
