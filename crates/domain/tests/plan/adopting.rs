//! A container that somebody else made and that was taken over: kept as it is until the declaration needs
//! another one.

use crate::build::{Case, at, words};
use rstest::rstest;
use serde_json::{Value, json};
use trueup_domain::{
    container::{Container, ContainerState, Mount, MountKind, NetworkMode},
    id::ContainerId,
    observed::{Observed, ProjectFolder},
    quantity::{Cpus, Memory},
    spec::Resources,
    status::Phase,
};

/// What `docker run -d --name db …` makes: nothing of it is as we would make it.
fn foreign(container: &mut Container) {
    let config = &mut container.config;
    "db".clone_into(&mut config.name);
    config.labels.clear();
    "0123456789ab".clone_into(&mut config.hostname);
    config.resources =
        Resources { cpus: Cpus::from_millis(0), memory: Memory::from_bytes(0), pids: 0 };
    config.capabilities = ["MKNOD".to_owned(), "NET_RAW".to_owned()].into();
    (config.no_new_privileges, config.init, config.swap, config.restart) =
        (false, false, true, true);
    config.network = NetworkMode::Named { name: "team".to_owned() };
    config.mounts.insert(Mount {
        target: "/data".to_owned(),
        kind: MountKind::Volume,
        source: "data".to_owned(),
        read_only: false,
    });
    container.attached = ["team".to_owned(), "other".to_owned()].into();
}

/// A workspace that has adopted the foreign container, altered further.
fn adopted(fields: &Value, state: ContainerState, alter: fn(&mut Container)) -> Case {
    let mut case = Case::new(fields).with_altered(state, |container| {
        foreign(container);
        alter(container);
    });
    case.workspace.adopted = Some(ContainerId::new("c1"));
    case
}

#[test]
fn an_adopted_container_that_runs_is_left_as_it_is() {
    let plan = adopted(&json!({}), ContainerState::Running, |_| ()).plan();
    assert_eq!(words(&plan), Vec::<String>::new());
    assert_eq!(plan.status.phase, Phase::Running);
}

#[test]
fn what_is_not_adopted_and_looks_like_it_is_replaced() {
    let mut case = adopted(&json!({}), ContainerState::Running, |_| ());
    case.workspace.adopted = Some(ContainerId::new("c2"));
    assert_eq!(words(&case.plan())[0], "rename container c1 to W-previous");
}

#[rstest]
#[case::that_it_has_not(json!({}), |_: &mut Container| (), None)]
#[case::that_it_has(
    json!({"resources": {"pids": 64}}),
    |c: &mut Container| c.config.resources.pids = 64,
    None
)]
#[case::that_were_altered(
    json!({"resources": {"pids": 64}}),
    |c: &mut Container| c.config.resources.pids = 65,
    Some("update resources c1 to 0 cpus, 0B memory, 64 pids")
)]
#[case::that_were_declared_since(
    json!({"resources": {"memory": "1GiB"}}),
    |_: &mut Container| (),
    Some("update resources c1 to 0 cpus, 1GiB memory, 0 pids")
)]
fn only_limits_are_compared(
    #[case] fields: Value,
    #[case] alter: fn(&mut Container),
    #[case] update: Option<&str>,
) {
    let plan = adopted(&fields, ContainerState::Running, alter).plan();
    assert_eq!(words(&plan), Vec::from_iter(update));
}

#[test]
fn it_is_started_again_as_it_is() {
    let project = json!({"project": {"path": "/srv/projects/payments"}});
    let mut case = adopted(&project, ContainerState::Exited, |_| ());
    case.observation.project = ProjectFolder::Allowed("/data/elsewhere".to_owned());
    case.observation.network = None;
    assert_eq!(words(&case.plan()), ["start container c1"]);
}

/// A workspace whose declaration has changed since, so that the container is adopted no more.
fn changed() -> Case {
    let mut case = adopted(&json!({}), ContainerState::Running, |_| ());
    case = case.declared_anew(&json!({"image": "debian:13"}));
    case.workspace.adopted = None;
    case
}

/// The new container in that state, beside the adopted one that was set aside and ended.
fn succeeded_by(state: ContainerState) -> Case {
    let mut case = changed();
    let Observed::Present(mut previous) = case.observation.container.clone() else { panic!() };
    previous.config.name = case.desired().previous_name();
    (previous.state, previous.finished_at) = (ContainerState::Exited, Some(at(-500)));
    case.observation.others = vec![*previous];
    case.with_altered(state, |new| {
        new.id = ContainerId::new("c2");
        new.started_at = Some(at(-60_000));
    })
}

#[test]
fn it_is_set_aside_once_its_declaration_has_changed_and_remembered_by_its_id() {
    let case = changed();
    let expected = ["rename container c1 to W-previous", "create container W", "stop container c1"];
    assert_eq!(words(&case.plan())[..3], expected);

    let plan = succeeded_by(ContainerState::Created).plan();
    assert_eq!(plan.status.set_aside, Some(ContainerId::new("c1")));
    assert!(
        plan.status.knows(&ContainerId::new("c1")) && plan.status.knows(&ContainerId::new("c2"))
    );
}

#[test]
fn it_is_removed_once_the_new_one_has_come_up() {
    // The adapter removes no network but ours.
    let plan = succeeded_by(ContainerState::Running).plan();
    assert_eq!(words(&plan), ["remove container c1", "remove network team"]);
}

#[test]
fn it_is_taken_back_when_the_new_one_does_not_come_up() {
    let mut case = succeeded_by(ContainerState::Exited);
    case.workspace.status.recovery.crashes = 2;
    case.workspace.status.recovery.generation = case.workspace.generation;
    let plan = case.plan();
    assert_eq!(
        words(&plan),
        ["remove container c2", "rename container c1 to W", "start container c1"]
    );
    // It was we who ended it: that is no crash, and its next start is owed at once.
    let recovery = plan.status.recovery;
    assert_eq!((recovery.crashes, recovery.counted), (0, Some(at(-500))));
}

#[test]
fn it_goes_with_its_workspace() {
    let plan = adopted(&json!({}), ContainerState::Running, |_| ()).deleted(false).plan();
    assert_eq!(words(&plan)[..2], ["stop container c1", "remove container c1"]);
}
