//! Networks on a real engine.

use crate::support::{Bench, kind};
use bollard::{
    models::{NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest},
    query_parameters::InspectNetworkOptions,
};
use futures::future::join_all;
use std::collections::BTreeSet;
use trueup_domain::{
    action::{Action, NetworkConfig},
    container::{ContainerConfig, NetworkMode},
    error::{ErrorClass, Reason},
    id::ContainerId,
    port::Engine,
};

async fn subnet(bench: &Bench, name: &str) -> String {
    let network = bench.docker.inspect_network(name, None::<InspectNetworkOptions>).await.unwrap();
    network.ipam.unwrap().config.unwrap().remove(0).subnet.unwrap()
}

fn foreign(name: &str) -> NetworkCreateRequest {
    NetworkCreateRequest { name: name.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn many_who_need_one_network_make_one() {
    let bench = Bench::new().await;
    let config = bench.network("shared", None);
    let ensure = Action::EnsureNetwork(config.clone());
    let outcomes = join_all((0..8).map(|_| bench.engine.perform(&ensure))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let network =
        bench.docker.inspect_network(&config.name, None::<InspectNetworkOptions>).await.unwrap();
    let options = network.options.unwrap();
    assert_eq!(options["com.docker.network.bridge.enable_icc"], "false");
    let seen = bench.engine.network(&config.name).await.unwrap().unwrap();
    assert_eq!((Some(seen.id.to_string()), seen.used), (network.id, false));
}

#[tokio::test]
async fn networks_of_a_range_get_subnets_of_their_own_until_it_is_full() {
    let bench = Bench::new().await;
    // 10.213.0.0/27 has room for two; the third is told so.
    let range = Some("10.213.77.0/27");
    for (part, expected) in [("a", "10.213.77.0/28"), ("b", "10.213.77.16/28")] {
        let config = bench.network(part, range);
        bench.perform(Action::EnsureNetwork(config.clone())).await.unwrap();
        assert_eq!(subnet(&bench, &config.name).await, expected);
    }
    let outcome = bench.perform(Action::EnsureNetwork(bench.network("c", range))).await;
    assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::SubnetsExhausted));
}

#[tokio::test]
async fn a_range_that_is_none_is_refused() {
    let bench = Bench::new().await;
    let outcome = bench.perform(Action::EnsureNetwork(bench.network("a", Some("ten")))).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::Refused));
}

#[tokio::test]
async fn a_network_of_somebody_else_is_neither_seen_nor_taken_nor_removed() {
    let bench = Bench::new().await;
    let config = bench.network("foreign", None);
    bench.docker.create_network(foreign(&config.name)).await.unwrap();
    assert_eq!(bench.engine.network(&config.name).await, Ok(None));
    let outcome = bench.perform(Action::EnsureNetwork(config.clone())).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::NameConflict));
    bench.perform(Action::RemoveNetwork { name: config.name.clone() }).await.unwrap();
    subnet(&bench, &config.name).await;
}

#[tokio::test]
async fn a_network_is_used_by_a_container_that_never_ran_and_stays_for_it() {
    let bench = Bench::new().await;
    let network = bench.network("own", None);
    bench.perform(Action::EnsureNetwork(network.clone())).await.unwrap();
    let mode = NetworkMode::Named { name: network.name.clone() };
    let config = ContainerConfig { network: mode, ..bench.config("a") };
    let id = bench.create(&config).await;
    let remove = Action::RemoveNetwork { name: network.name.clone() };
    let find = || async { bench.engine.network(&network.name).await.unwrap() };
    for running in [false, true] {
        if running {
            bench.perform(Action::StartContainer(id.clone())).await.unwrap();
            let attached = bench.inspect(id.as_str()).await.network_id;
            assert_eq!(attached, find().await.map(|network| network.id));
        }
        bench.engine.perform(&remove).await.unwrap();
        assert!(find().await.unwrap().used, "running: {running}");
    }
    bench.perform(Action::RemoveContainer(id)).await.unwrap();
    assert!(!find().await.unwrap().used);
    for _ in 0..2 {
        bench.engine.perform(&remove).await.unwrap();
        assert_eq!(find().await, None);
    }
}

#[tokio::test]
async fn what_a_container_is_attached_to_is_seen_at_once_by_inspect_and_in_lists() {
    let bench = Bench::new().await;
    let (own, other) = (bench.network("own", None), bench.network("other", None));
    for network in [&own, &other] {
        bench.perform(Action::EnsureNetwork(network.clone())).await.unwrap();
    }
    let named = NetworkMode::Named { name: own.name.clone() };
    for mode in [NetworkMode::None, NetworkMode::Bridge, named] {
        let id = bench.run(&ContainerConfig { network: mode.clone(), ..bench.config("a") }).await;
        assert_attached(&bench, &id, &[mode.network()]).await;
        if mode != NetworkMode::None {
            bench.docker.connect_network(&other.name, connection(&id)).await.unwrap();
            assert_attached(&bench, &id, &[&other.name, mode.network()]).await;
            for network in [mode.network(), &other.name] {
                bench.docker.disconnect_network(network, disconnection(&id)).await.unwrap();
            }
            assert_attached(&bench, &id, &[]).await;
        }
        bench.perform(Action::RemoveContainer(id)).await.unwrap();
    }
}

async fn assert_attached(bench: &Bench, id: &ContainerId, names: &[&str]) {
    let names: BTreeSet<_> = names.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(bench.inspect(id.as_str()).await.attached, names);
    for workspace in [None, Some(bench.workspace)] {
        assert_eq!(bench.engine.list(workspace).await.unwrap()[0].networks, names);
    }
}

fn connection(id: &ContainerId) -> NetworkConnectRequest {
    NetworkConnectRequest { container: id.to_string(), ..Default::default() }
}

fn disconnection(id: &ContainerId) -> NetworkDisconnectRequest {
    NetworkDisconnectRequest { container: id.to_string(), force: Some(true) }
}

#[tokio::test]
async fn a_double_that_came_about_is_removed() {
    let bench = Bench::new().await;
    let config: NetworkConfig = bench.network("double", None);
    let ensure = Action::EnsureNetwork(config.clone());
    bench.engine.perform(&ensure).await.unwrap();
    let first = bench.engine.network(&config.name).await.unwrap();
    let labels = Some(config.labels.clone().into_iter().collect());
    let double = NetworkCreateRequest { labels, ..foreign(&config.name) };
    // Engines from API 1.44 on refuse it, and there is nothing to repair.
    let made = bench.docker.create_network(double).await.is_ok();
    bench.engine.perform(&ensure).await.unwrap();
    assert_eq!(bench.engine.network(&config.name).await.unwrap(), first, "doubled: {made}");
    subnet(&bench, &config.name).await;
}
