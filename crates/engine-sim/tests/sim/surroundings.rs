//! Networks and volumes.

use crate::support::*;
use futures::future::join_all;
use trueup_domain::{
    action::{Action, NetworkConfig},
    container::{ContainerConfig, MountKind, NetworkMode},
    error::{
        ErrorClass::{Retryable, Terminal},
        Reason,
    },
    port::Engine,
};
use trueup_engine_sim::{By, CallKind, HumanAct, NetworkRequest, SimEngine, Thing, Why};

fn network(name: &str, range: Option<&str>) -> NetworkConfig {
    NetworkConfig {
        name: name.to_owned(),
        labels: labels(),
        inter_container: false,
        range: range.map(str::to_owned),
        seed: 0,
    }
}

async fn ensure(sim: &SimEngine, config: &NetworkConfig) {
    sim.perform(&Action::EnsureNetwork(config.clone())).await.unwrap();
}

fn on(network: &str, name: &str) -> ContainerConfig {
    ContainerConfig { network: NetworkMode::Named { name: network.to_owned() }, ..config(name) }
}

#[tokio::test(start_paused = true)]
async fn many_who_need_one_network_make_one() {
    let sim = engine(1);
    let action = Action::EnsureNetwork(network("n", None));
    let outcomes = join_all((0..8).map(|_| sim.perform(&action))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(sim.counters().of(CallKind::CreateNetwork), 1);
    assert!(!sim.network("n").await.unwrap().unwrap().used);
}

#[tokio::test(start_paused = true)]
async fn networks_of_a_range_get_subnets_of_their_own_until_it_is_full() {
    let sim = engine(1);
    for (name, subnet) in [("a", "10.213.77.0/28"), ("b", "10.213.77.16/28")] {
        ensure(&sim, &network(name, Some("10.213.77.0/27"))).await;
        assert_eq!(sim.snapshot().networks[name].subnet.unwrap().to_string(), subnet);
    }
    let third = Action::EnsureNetwork(network("c", Some("10.213.77.0/27")));
    assert_eq!(kind(sim.perform(&third).await), (Retryable, Reason::SubnetsExhausted));
    let odd = Action::EnsureNetwork(network("d", Some("ten")));
    assert_eq!(kind(sim.perform(&odd).await), (Terminal, Reason::Refused));
}

#[tokio::test(start_paused = true)]
async fn the_engines_own_pools_end() {
    let sim = engine(1);
    for number in 0..30 {
        ensure(&sim, &network(&format!("n{number}"), None)).await;
    }
    let one_more = Action::EnsureNetwork(network("more", None));
    assert_eq!(kind(sim.perform(&one_more).await), (Retryable, Reason::SubnetsExhausted));
}

#[tokio::test(start_paused = true)]
async fn a_network_of_somebody_else_is_neither_seen_nor_taken_nor_removed() {
    let sim = engine(1);
    let theirs = HumanAct::MakeNetwork { network: "n".to_owned(), labels: [].into() };
    sim.act(theirs).unwrap();
    assert_eq!(sim.network("n").await, Ok(None));
    let outcome = sim.perform(&Action::EnsureNetwork(network("n", None))).await;
    assert_eq!(kind(outcome), (Terminal, Reason::NameConflict));
    sim.perform(&Action::RemoveNetwork { name: "n".to_owned() }).await.unwrap();
    assert!(sim.snapshot().networks.contains_key("n"));
}

#[tokio::test(start_paused = true)]
async fn a_network_is_used_by_a_container_that_never_ran_and_kept_for_it() {
    let sim = engine(1);
    ensure(&sim, &network("n", None)).await;
    let id = create(&sim, &on("n", "a")).await;
    assert_eq!(seen(&sim, "a").network_id, None, "the engine says it from the first start on");
    let remove_network = Action::RemoveNetwork { name: "n".to_owned() };
    for running in [false, true] {
        if running {
            start(&sim, &id).await.unwrap();
        }
        sim.perform(&remove_network).await.unwrap();
        assert!(sim.network("n").await.unwrap().unwrap().used, "running: {running}");
    }
    assert_eq!(seen(&sim, "a").network_id, Some(sim.snapshot().networks["n"].id.clone()));
    remove(&sim, &id).await.unwrap();
    for _ in 0..2 {
        sim.perform(&remove_network).await.unwrap();
        assert_eq!(sim.network("n").await, Ok(None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_without_the_network_that_it_was_attached_to_is_refused_even_if_one_has_its_name() {
    let sim = engine(1);
    ensure(&sim, &network("n", None)).await;
    let id = run(&sim, &on("n", "a")).await;
    stop(&sim, &id, secs(1)).await;
    sim.act(HumanAct::RemoveNetwork { network: "n".to_owned() }).unwrap();
    assert_eq!(kind(start(&sim, &id).await), (Retryable, Reason::NetworkMissing));
    ensure(&sim, &network("n", None)).await;
    assert_eq!(kind(start(&sim, &id).await), (Retryable, Reason::NetworkMissing));
}

#[tokio::test(start_paused = true)]
async fn a_network_of_a_running_container_cannot_be_removed_by_hand() {
    let sim = engine(1);
    ensure(&sim, &network("n", None)).await;
    run(&sim, &on("n", "a")).await;
    let refusal = sim.act(HumanAct::RemoveNetwork { network: "n".to_owned() }).unwrap_err();
    assert_eq!((refusal.status, refusal.why), (403, Why::Busy));
    let own = sim.act(HumanAct::RemoveNetwork { network: "bridge".to_owned() }).unwrap_err();
    assert_eq!(own.status, 403);
}

#[tokio::test(start_paused = true)]
async fn overlapping_subnets_are_refused() {
    let sim = engine(1);
    let request = |name: &str, subnet: &str| NetworkRequest {
        name: name.to_owned(),
        subnet: Some(subnet.parse().unwrap()),
        ..NetworkRequest::default()
    };
    sim.model(|model| model.create_network(request("a", "10.1.0.0/16"))).unwrap();
    let refusal = sim.model(|model| model.create_network(request("b", "10.1.2.0/28"))).unwrap_err();
    assert_eq!(refusal.why, Why::SubnetTaken);
}

#[tokio::test(start_paused = true)]
async fn attachments_made_and_ended_by_hand_are_seen_at_once() {
    let sim = engine(1);
    ensure(&sim, &network("n", None)).await;
    ensure(&sim, &network("m", None)).await;
    run(&sim, &on("n", "a")).await;
    let (container, other) = (|| "a".to_owned(), || "m".to_owned());
    sim.act(HumanAct::Connect { container: container(), network: other() }).unwrap();
    sim.act(HumanAct::Disconnect { container: container(), network: "n".to_owned() }).unwrap();
    let seen = seen(&sim, "a");
    assert_eq!((seen.attached, seen.network_id), ([other()].into(), None));
    assert_eq!(sim.list(None).await.unwrap()[0].networks, [other()].into());
    run(&sim, &config("b")).await;
    let alone = HumanAct::Connect { container: "b".to_owned(), network: other() };
    assert_eq!(sim.act(alone).unwrap_err().status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_volume_is_made_once_listed_and_removed_once() {
    let sim = engine(1);
    for _ in 0..2 {
        let ensure = Action::EnsureVolume { name: "v".to_owned(), labels: labels() };
        sim.perform(&ensure).await.unwrap();
    }
    assert_eq!(sim.volumes(workspace()).await.unwrap(), ["v"]);
    let marker = sim.snapshot().volumes["v"].volume.marker;
    for _ in 0..2 {
        sim.perform(&Action::RemoveVolume { name: "v".to_owned() }).await.unwrap();
    }
    let thing = Thing::Volume { name: "v".to_owned(), marker };
    assert!(
        sim.removals().iter().any(|removal| removal.thing == thing && removal.by == By::Client)
    );
    sim.perform(&Action::EnsureVolume { name: "v".to_owned(), labels: labels() }).await.unwrap();
    assert_ne!(sim.snapshot().volumes["v"].volume.marker, marker, "the content was lost");
}

#[tokio::test(start_paused = true)]
async fn a_volume_in_use_is_busy_and_survives_its_containers() {
    let sim = engine(1);
    sim.perform(&Action::EnsureVolume { name: "v".to_owned(), labels: labels() }).await.unwrap();
    let id =
        create(&sim, &ContainerConfig { mounts: mount(MountKind::Volume, "v"), ..config("a") })
            .await;
    let removal = Action::RemoveVolume { name: "v".to_owned() };
    assert_eq!(kind(sim.perform(&removal).await), (Retryable, Reason::Busy));
    remove(&sim, &id).await.unwrap();
    assert!(sim.snapshot().volumes["v"].users.is_empty());
    sim.perform(&removal).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_volume_of_somebody_else_is_neither_taken_nor_removed() {
    let sim = engine(1);
    sim.act(HumanAct::MakeVolume { volume: "v".to_owned(), labels: [].into() }).unwrap();
    for action in [
        Action::EnsureVolume { name: "v".to_owned(), labels: labels() },
        Action::RemoveVolume { name: "v".to_owned() },
    ] {
        let outcome = sim.perform(&action).await;
        assert_eq!(kind(outcome), (Terminal, Reason::NameConflict), "{action}");
    }
    assert_eq!(sim.volumes(workspace()).await.unwrap(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_creation_makes_the_volumes_that_are_missing_without_labels() {
    let sim = engine(1);
    create(&sim, &ContainerConfig { mounts: mount(MountKind::Volume, "v"), ..config("a") }).await;
    assert!(sim.snapshot().volumes["v"].volume.labels.is_empty());
}
