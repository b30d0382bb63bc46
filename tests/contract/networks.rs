//! Networks by name: made once, never a stranger's, and kept for whoever refers to them.

use crate::bench::{Bench, On, kind};
use On::{Real, Served, Simulated};
use futures::future::join_all;
use rstest::rstest;
use trueup_domain::{
    action::{Action, NetworkConfig},
    container::{ContainerConfig, NetworkMode},
    error::{ErrorClass, Reason},
};

#[rstest]
#[tokio::test]
async fn many_who_need_one_network_make_one(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let config = bench.network("shared");
    assert_eq!(bench.engine.network(&config.name).await, Ok(None));
    let ensure = Action::EnsureNetwork(config.clone());
    let outcomes = join_all((0..8).map(|_| bench.engine.perform(&ensure))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let made = bench.engine.network(&config.name).await.unwrap().unwrap();
    assert!(!made.used);
    bench.engine.perform(&ensure).await.unwrap();
    assert_eq!(bench.engine.network(&config.name).await, Ok(Some(made)));
}

#[rstest]
#[tokio::test]
async fn a_range_gives_subnets_until_it_is_full_and_again_when_one_is_free(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    // A /27 has room for two.
    let config =
        |part| NetworkConfig { range: Some("10.214.78.0/27".to_owned()), ..bench.network(part) };
    for part in ["a", "b"] {
        bench.perform(Action::EnsureNetwork(config(part))).await.unwrap();
    }
    let third = Action::EnsureNetwork(config("c"));
    let outcome = bench.engine.perform(&third).await;
    assert_eq!(kind(outcome), (ErrorClass::Retryable, Reason::SubnetsExhausted));
    bench.perform(Action::RemoveNetwork { name: bench.name("a") }).await.unwrap();
    bench.engine.perform(&third).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_range_that_is_none_is_refused(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let config = NetworkConfig { range: Some("ten".to_owned()), ..bench.network("a") };
    let outcome = bench.perform(Action::EnsureNetwork(config)).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::Refused));
}

#[rstest]
#[tokio::test]
async fn a_network_of_somebody_else_is_neither_seen_nor_taken_nor_removed(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let other = bench.other();
    let config = bench.network("foreign");
    let theirs = NetworkConfig { labels: other.labels(), ..config.clone() };
    other.perform(Action::EnsureNetwork(theirs)).await.unwrap();
    let before = other.engine.network(&config.name).await.unwrap().unwrap();
    assert_eq!(bench.engine.network(&config.name).await, Ok(None));
    let outcome = bench.perform(Action::EnsureNetwork(config.clone())).await;
    assert_eq!(kind(outcome), (ErrorClass::Terminal, Reason::NameConflict));
    bench.perform(Action::RemoveNetwork { name: config.name.clone() }).await.unwrap();
    assert_eq!(other.engine.network(&config.name).await, Ok(Some(before)));
}

#[rstest]
#[tokio::test]
async fn a_network_is_used_by_a_container_that_never_ran_and_stays_for_it(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let network = bench.network("own");
    bench.perform(Action::EnsureNetwork(network.clone())).await.unwrap();
    let mode = NetworkMode::Named { name: network.name.clone() };
    let id = bench.create(&ContainerConfig { network: mode, ..bench.config("a") }).await;
    let remove = Action::RemoveNetwork { name: network.name.clone() };
    let find = || async { bench.engine.network(&network.name).await.unwrap() };
    for step in
        [None, Some(Action::StartContainer(id.clone())), Some(Action::KillContainer(id.clone()))]
    {
        if let Some(action) = &step {
            bench.engine.perform(action).await.unwrap();
            let attached = bench.inspect(id.as_str()).await.network_id;
            assert_eq!(attached, find().await.map(|network| network.id), "{step:?}");
        }
        bench.engine.perform(&remove).await.unwrap();
        assert!(find().await.unwrap().used, "{step:?}");
    }
    bench.remove(&id).await;
    assert!(!find().await.unwrap().used);
    for _ in 0..2 {
        bench.engine.perform(&remove).await.unwrap();
        assert_eq!(find().await, None);
    }
}

#[rstest]
#[tokio::test]
async fn what_a_container_is_attached_to_is_seen_by_inspect_and_in_lists(
    #[values(Simulated, Served, Real)] on: On,
) {
    let bench = Bench::new(on).await;
    let own = bench.network("own");
    bench.perform(Action::EnsureNetwork(own.clone())).await.unwrap();
    for mode in [NetworkMode::None, NetworkMode::Bridge, NetworkMode::Named { name: own.name }] {
        let config = ContainerConfig { network: mode.clone(), ..bench.config("a") };
        let id = bench.create(&config).await;
        for started in [false, true] {
            if started {
                bench.perform(Action::StartContainer(id.clone())).await.unwrap();
            }
            let names = [mode.network().to_owned()].into();
            assert_eq!(bench.inspect(id.as_str()).await.attached, names, "started: {started}");
            for workspace in [None, Some(bench.workspace)] {
                assert_eq!(bench.engine.list(workspace).await.unwrap()[0].networks, names);
            }
        }
        bench.remove(&id).await;
    }
}
