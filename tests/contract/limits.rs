//! Limits: changed in place, whatever the container does.

use crate::bench::{Bench, On};
use On::{Real, Served, Simulated};
use rstest::rstest;
use trueup_domain::{
    action::Action,
    container::{Container, ContainerState},
    quantity::{Cpus, Memory},
    spec::Resources,
};

const STEPS: [(u32, u64, u32); 3] = [(500, 1024, 99), (1500, 64, 300), (1500, 64, 300)];

fn limits((millis, mib, pids): (u32, u64, u32)) -> Resources {
    Resources { cpus: Cpus::from_millis(millis), memory: Memory::from_mib(mib), pids }
}

#[rstest]
#[tokio::test]
async fn limits_go_up_and_down_in_place(#[values(Simulated, Served, Real)] on: On) {
    let bench = Bench::new(on).await;
    let id = bench.create(&bench.config("limits")).await;
    for state in [ContainerState::Created, ContainerState::Running] {
        if state == ContainerState::Running {
            bench.perform(Action::StartContainer(id.clone())).await.unwrap();
        }
        let before = bench.inspect(id.as_str()).await;
        for resources in STEPS.map(limits) {
            let action = Action::UpdateResources { container: id.clone(), resources };
            bench.engine.perform(&action).await.unwrap();
            let read = bench.inspect(id.as_str()).await;
            let mut expected = before.clone();
            expected.config.resources = resources;
            assert_eq!(read, Container { state, ..expected });
        }
    }
}
