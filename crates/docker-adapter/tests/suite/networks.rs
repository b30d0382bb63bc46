//! Networks on a real engine.

use crate::support::Bench;
use bollard::{
    models::{
        NetworkConnectRequest, NetworkCreateRequest, NetworkDisconnectRequest, NetworkInspect,
    },
    query_parameters::InspectNetworkOptions,
};
use std::collections::BTreeSet;
use trueup_domain::{
    action::{Action, NetworkConfig},
    container::{ContainerConfig, NetworkMode},
    id::ContainerId,
    port::Engine,
};

async fn inspect(bench: &Bench, name: &str) -> NetworkInspect {
    bench.docker.inspect_network(name, None::<InspectNetworkOptions>).await.unwrap()
}

async fn subnet(bench: &Bench, name: &str) -> String {
    inspect(bench, name).await.ipam.unwrap().config.unwrap().remove(0).subnet.unwrap()
}

fn foreign(name: &str) -> NetworkCreateRequest {
    NetworkCreateRequest { name: name.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn networks_of_a_range_get_subnets_of_their_own_and_keep_containers_apart() {
    let bench = Bench::new().await;
    let range = Some("10.213.77.0/27");
    for (part, expected) in [("a", "10.213.77.0/28"), ("b", "10.213.77.16/28")] {
        let config = bench.network(part, range);
        bench.perform(Action::EnsureNetwork(config.clone())).await.unwrap();
        assert_eq!(subnet(&bench, &config.name).await, expected);
        let made = inspect(&bench, &config.name).await;
        assert_eq!(made.options.unwrap()["com.docker.network.bridge.enable_icc"], "false");
        let seen = bench.engine.network(&config.name).await.unwrap().unwrap();
        assert_eq!(made.id, Some(seen.id.to_string()));
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
