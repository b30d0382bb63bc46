//! Creating and starting: names, refusals, and what "already so" is.

use crate::support::*;
use futures::future::join_all;
use std::collections::BTreeSet;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState, MountKind, NetworkMode, PortBinding},
    error::{
        ErrorClass::{Retryable, Terminal, Unknown},
        Reason,
    },
    id::ContainerId,
    label,
    port::Engine,
    spec::{Image as Reference, Protocol},
};
use trueup_engine_sim::{CallKind, HumanAct, Image, Program, Pull, Why};

#[tokio::test(start_paused = true)]
async fn of_many_creations_of_one_name_one_is_carried_out_and_all_are_told_well() {
    let sim = engine(1);
    let create = Action::CreateContainer(Box::new(config("a")));
    let outcomes = join_all((0..8).map(|_| sim.perform(&create))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(sim.snapshot().containers.len(), 1);
    assert_eq!(sim.counters().of(CallKind::Create), 8);
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_is_refused_with_the_id_of_its_holder() {
    let sim = engine(1);
    let mut theirs = config("a");
    theirs.labels.remove(label::WORKSPACE_ID);
    let holder = sim.model(|model| model.create(&theirs)).unwrap();
    let refusal = sim.model(|model| model.create(&config("a"))).unwrap_err();
    assert_eq!((refusal.status, refusal.why), (409, Why::NameTaken));
    assert!(refusal.message.contains(holder.as_str()));
    let outcome = sim.perform(&Action::CreateContainer(Box::new(config("a")))).await;
    assert_eq!(kind(outcome), (Terminal, Reason::NameConflict));
}

#[tokio::test(start_paused = true)]
async fn a_creation_needs_its_image_and_its_folder() {
    let sim = engine(1);
    let create = |config| Action::CreateContainer(Box::new(config));
    let imageless = ContainerConfig { image: "nope:1".to_owned(), ..config("a") };
    assert_eq!(kind(sim.perform(&create(imageless)).await), (Terminal, Reason::ImageNotFound));
    let bound = ContainerConfig { mounts: mount(MountKind::Bind, "/srv/x"), ..config("b") };
    sim.act(HumanAct::Folder { path: "/srv/x".to_owned(), is_there: false }).unwrap();
    let outcome = sim.perform(&create(bound.clone())).await;
    assert_eq!(kind(outcome), (Terminal, Reason::ProjectMissing));
    sim.act(HumanAct::Folder { path: "/srv/x".to_owned(), is_there: true }).unwrap();
    sim.perform(&create(bound)).await.unwrap();
    assert_eq!(actions(&sim), ["create"]);
}

#[tokio::test(start_paused = true)]
async fn labels_and_variables_of_the_image_are_inherited() {
    let sim = engine(1);
    let mut image = Image::new("rich");
    image.labels.insert("maker".to_owned(), "them".to_owned());
    image.env.insert("PATH".to_owned(), "/bin".to_owned());
    sim.model(|model| model.add_image("rich", image));
    create(&sim, &ContainerConfig { image: "rich:latest".to_owned(), ..config("a") }).await;
    let made = seen(&sim, "a").config;
    assert_eq!((made.labels["maker"].as_str(), made.env["PATH"].as_str()), ("them", "/bin"));
}

#[tokio::test(start_paused = true)]
async fn starting_what_runs_is_fine_and_starts_nothing() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    start(&sim, &id).await.unwrap();
    assert_eq!(sim.snapshot().containers[&id].starts, 1);
    assert_eq!(actions(&sim), ["create", "start"]);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_container_cannot_be_started() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    sim.perform(&Action::PauseContainer(id.clone())).await.unwrap();
    assert_eq!(kind(start(&sim, &id).await), (Unknown, Reason::Refused));
}

#[tokio::test(start_paused = true)]
async fn a_start_with_a_taken_port_leaves_it_created_and_tells_no_event() {
    let sim = engine(1);
    let published = |name| ContainerConfig {
        network: NetworkMode::Bridge,
        ports: BTreeSet::from([PortBinding {
            container: 80,
            protocol: Protocol::Tcp,
            address: "127.0.0.1".to_owned(),
            host: Some(8080),
        }]),
        ..config(name)
    };
    let first = run(&sim, &published("a")).await;
    let second = create(&sim, &published("b")).await;
    assert_eq!(kind(start(&sim, &second).await), (Retryable, Reason::PortTaken));
    assert_eq!(state(&sim, "b"), ContainerState::Created);
    assert!(seen(&sim, "b").error.unwrap().contains("port is already allocated"));
    assert_eq!(actions(&sim), ["create", "start", "create"]);
    remove(&sim, &first).await.unwrap();
    start(&sim, &second).await.unwrap();
    assert_eq!(seen(&sim, "b").published, published("b").ports);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_is_left_to_the_engine_is_chosen_by_it() {
    let sim = engine(1);
    let port = |container| PortBinding {
        container,
        protocol: Protocol::Tcp,
        address: "127.0.0.1".to_owned(),
        host: None,
    };
    let ports = BTreeSet::from([port(80), port(81)]);
    run(&sim, &ContainerConfig { network: NetworkMode::Bridge, ports, ..config("a") }).await;
    let published = seen(&sim, "a").published;
    let hosts: BTreeSet<_> = published.iter().map(|port| port.host.unwrap()).collect();
    assert_eq!(hosts.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_bad_command_is_refused_at_the_start_or_told_by_the_init() {
    let sim = engine(1);
    set_program(&sim, "a", Program::cannot_run());
    set_program(&sim, "b", Program::cannot_run());
    let bare = create(&sim, &ContainerConfig { init: false, ..config("a") }).await;
    assert_eq!(kind(start(&sim, &bare).await), (Terminal, Reason::CommandInvalid));
    assert_eq!(state(&sim, "a"), ContainerState::Created);
    let behind_init = create(&sim, &config("b")).await;
    start(&sim, &behind_init).await.unwrap();
    tokio::time::sleep(millis(50)).await;
    let ended = seen(&sim, "b");
    assert_eq!((ended.state, ended.exit_code), (ContainerState::Exited, Some(127)));
    assert_eq!(ended.error.unwrap(), "exec sleep failed: No such file or directory");
    assert_eq!(actions(&sim), ["create", "create", "start", "die"]);
}

#[tokio::test(start_paused = true)]
async fn acting_on_what_is_gone_says_so_and_removing_it_is_fine() {
    let sim = engine(1);
    let gone = ContainerId::new("f".repeat(64));
    for action in [
        Action::StartContainer(gone.clone()),
        Action::StopContainer { container: gone.clone(), grace: secs(1) },
        Action::KillContainer(gone.clone()),
        Action::PauseContainer(gone.clone()),
        Action::UnpauseContainer(gone.clone()),
        Action::RenameContainer { container: gone.clone(), to: "x".to_owned() },
    ] {
        let outcome = sim.perform(&action).await;
        assert_eq!(kind(outcome), (Unknown, Reason::NotFound), "{action}");
    }
    assert_eq!(sim.inspect(&gone).await, Ok(None));
    remove(&sim, &gone).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_name_that_could_change_a_path_is_not_sent() {
    let sim = engine(1);
    for name in ["", "../info", "a/b", "a?all=1", "."] {
        let error = sim.inspect(&ContainerId::new(name)).await.unwrap_err();
        assert_eq!(error.reason, Reason::Refused, "{name}");
    }
    assert_eq!(sim.faults(|faults| faults.calls()), 0);
}

#[tokio::test(start_paused = true)]
async fn pulls_end_as_the_registry_says() {
    let sim = engine(1);
    let pulls = [
        ("works:1", Some(Pull::Works(Some(secs(3)))), None),
        ("down:1", Some(Pull::Down), Some((Retryable, Reason::PullFailed))),
        ("denied:1", Some(Pull::Denied), Some((Terminal, Reason::PullFailed))),
        ("broken:1", Some(Pull::BreaksOff(secs(1))), Some((Retryable, Reason::PullFailed))),
        ("hangs:1", Some(Pull::Hangs), Some((Unknown, Reason::DeadlineExceeded))),
        ("unknown:1", None, Some((Terminal, Reason::ImageNotFound))),
    ];
    for (name, pull, failure) in pulls {
        let image = Reference::try_from(name.to_owned()).unwrap();
        if let Some(pull) = pull {
            sim.model(|model| model.publish(name, Image::new(name), pull));
        }
        let outcome = sim.perform(&Action::PullImage { image: image.clone() }).await;
        assert_eq!(outcome.err().map(|error| (error.class, error.reason)), failure, "{name}");
        assert_eq!(sim.has_image(&image).await, Ok(failure.is_none()), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn more_pulls_than_allowed_are_busy() {
    let sim = engine(1);
    sim.model(|model| model.publish("slow", Image::new("slow"), Pull::Works(Some(secs(60)))));
    let image = Reference::try_from("slow".to_owned()).unwrap();
    let pull = Action::PullImage { image };
    let outcomes = join_all((0..4).map(|_| sim.perform(&pull))).await;
    let busy = outcomes.into_iter().filter_map(Result::err);
    assert_eq!(busy.map(|error| error.reason).collect::<Vec<_>>(), [Reason::Busy]);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_after_a_good_run_leaves_it_exited_with_a_code_that_says_so() {
    let sim = engine(1);
    set_program(&sim, "a", Program::exits(0, secs(1)));
    let id = run(&sim, &ContainerConfig { init: false, ..config("a") }).await;
    tokio::time::sleep(secs(2)).await;
    set_program(&sim, "a", Program::cannot_run());
    start(&sim, &id).await.unwrap_err();
    let failed = seen(&sim, "a");
    assert_eq!((failed.state, failed.exit_code), (ContainerState::Exited, Some(127)));
    assert!(failed.error.unwrap().contains("executable file not found"));
}
