//! Limits of containers that others have made.

use crate::support::{Bench, words};
use bollard::{
    models::{ContainerCreateBody, HostConfig},
    query_parameters::CreateContainerOptionsBuilder,
};
use trueup_domain::{
    action::Action,
    id::ContainerId,
    quantity::{Cpus, Memory},
    spec::Resources,
};
use trueup_tests::image;

async fn make(bench: &Bench, part: &str, (period, quota): (i64, i64)) -> ContainerId {
    let options = CreateContainerOptionsBuilder::default().name(&bench.name(part)).build();
    let (cpu_period, cpu_quota) = (Some(period), Some(quota));
    let body = ContainerCreateBody {
        image: Some(image::IMAGE.to_owned()),
        cmd: Some(words(&[image::PROGRAM, "sleep"])),
        host_config: Some(HostConfig { cpu_period, cpu_quota, ..Default::default() }),
        ..Default::default()
    };
    let id = bench.docker.create_container(Some(options), body).await.unwrap().id;
    let id = ContainerId::new(id);
    bench.perform(Action::StartContainer(id.clone())).await.unwrap();
    id
}

#[tokio::test]
async fn one_with_a_quota_or_a_period_is_given_new_limits_as_a_quota() {
    let bench = Bench::new().await;
    for (part, made) in
        [("both", (50_000, 25_000)), ("quota", (0, 25_000)), ("period", (50_000, 0))]
    {
        let container = make(&bench, part, made).await;
        for millis in [1_500, 250] {
            let resources = Resources {
                cpus: Cpus::from_millis(millis),
                memory: Memory::from_mib(64),
                pids: 99,
            };
            let action = Action::UpdateResources { container: container.clone(), resources };
            bench.perform(action).await.unwrap();
            let found = bench.inspect(container.as_str()).await;
            assert_eq!(found.config.resources, resources, "made with {made:?}");
        }
        let told = bench.docker.inspect_container(container.as_str(), None).await.unwrap();
        let host = told.host_config.unwrap();
        assert_eq!((host.cpu_period, host.cpu_quota), (Some(100_000), Some(25_000)));
    }
}
