//! Whatever is done to the engine, in whatever order: it stays whole, and every call ends in time.

use crate::support::*;
use futures::future::join_all;
use jiff::SignedDuration;
use std::{collections::BTreeSet, time::Duration};
use tokio::time::Instant;
use trueup_domain::{
    action::{Action, NetworkConfig},
    container::{ContainerConfig, ContainerState, MountKind, NetworkMode, PortBinding},
    id::ContainerId,
    port::Engine,
    spec::Protocol,
};
use trueup_engine_sim::{EngineAct, HumanAct, Limits, Odds, Program, SimEngine, Snapshot};

const NAMES: [&str; 4] = ["w0", "w1", "w2", "w3"];

fn network(name: &str) -> NetworkConfig {
    NetworkConfig {
        name: format!("net-{name}"),
        labels: labels(),
        inter_container: false,
        range: None,
        seed: 0,
    }
}

fn random_action(rng: &mut fastrand::Rng) -> Action {
    let name = NAMES[rng.usize(0..NAMES.len())];
    let id = ContainerId::new(name);
    match rng.u32(0..12) {
        0 => Action::EnsureNetwork(network(name)),
        1 => Action::EnsureVolume { name: format!("vol-{name}"), labels: labels() },
        2 | 3 => Action::CreateContainer(Box::new(ContainerConfig {
            network: NetworkMode::Named { name: network(name).name },
            mounts: mount(MountKind::Volume, &format!("vol-{name}")),
            restart: rng.bool(),
            ports: BTreeSet::from([PortBinding {
                container: 80,
                protocol: Protocol::Tcp,
                address: String::new(),
                host: rng.bool().then_some(8080),
            }]),
            ..checked(name)
        })),
        4 | 5 => Action::StartContainer(id),
        6 => Action::StopContainer { container: id, grace: secs(rng.u64(0..20)) },
        7 => Action::PauseContainer(id),
        8 => Action::UnpauseContainer(id),
        9 => Action::RemoveContainer(id),
        10 => Action::RemoveNetwork { name: network(name).name },
        _ => Action::RemoveVolume { name: format!("vol-{name}") },
    }
}

fn random_act(rng: &mut fastrand::Rng) -> HumanAct {
    let container = NAMES[rng.usize(0..NAMES.len())].to_owned();
    let network = network(&container).name;
    match rng.u32(0..12) {
        0 => HumanAct::Stop { container, grace: secs(1) },
        1 => HumanAct::Kill { container },
        2 => HumanAct::KillOnHost { container },
        3 => HumanAct::OutOfMemory { container },
        4 => HumanAct::Pause { container },
        5 => HumanAct::Unpause { container },
        6 => HumanAct::Remove { container },
        7 => HumanAct::Rename { container, to: NAMES[rng.usize(0..NAMES.len())].to_owned() },
        8 => HumanAct::Disconnect { container, network },
        9 => HumanAct::Connect { container, network: "bridge".to_owned() },
        10 => HumanAct::Start { container },
        _ => HumanAct::Update { container, limits: Limits { pids: 5, ..Limits::default() } },
    }
}

fn random_suffering(rng: &mut fastrand::Rng) -> EngineAct {
    match rng.u32(0..4) {
        0 => EngineAct::Away { length: millis(rng.u64(0..5000)) },
        1 => EngineAct::Restart { length: millis(rng.u64(0..5000)), live_restore: rng.bool() },
        2 => EngineAct::JumpClock { by: SignedDuration::from_secs(rng.i64(-100..100)) },
        _ => EngineAct::CutStreams,
    }
}

/// What holds at any moment.
fn assert_whole(snapshot: &Snapshot) {
    let views = || snapshot.containers.values();
    let names: BTreeSet<_> = views().map(|view| &view.container.config.name).collect();
    assert_eq!(names.len(), snapshot.containers.len(), "two of one name");
    for view in views() {
        let container = &view.container;
        let runs = matches!(container.state, ContainerState::Running | ContainerState::Paused);
        assert_eq!(view.process.is_some(), runs, "{container:?}");
        assert!(runs || container.published.is_empty(), "{container:?}");
        assert_eq!(container.exit_code.is_some(), !runs && view.starts > 0, "{container:?}");
        for mount in &container.config.mounts {
            assert!(snapshot.volumes.contains_key(&mount.source), "a volume in use is gone");
        }
    }
}

/// The longest that a call may take: what waits for a place among those that make networks waits as long
/// again.
const LONGEST: Duration = Duration::from_secs(70);

async fn act_at_random(sim: &SimEngine, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    for _ in 0..60 {
        let action = random_action(&mut rng);
        let begin = Instant::now();
        let _ = sim.perform(&action).await;
        assert!(begin.elapsed() < LONGEST, "{action} took {:?}", begin.elapsed());
        let _ = sim.inspect(&ContainerId::new(NAMES[rng.usize(0..NAMES.len())])).await;
        assert_whole(&sim.snapshot());
    }
}

async fn disturb_at_random(sim: &SimEngine, seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    for step in 0..100 {
        tokio::time::sleep(millis(rng.u64(0..1000))).await;
        // A refusal is as good an answer as any.
        let _ = sim.act(random_act(&mut rng));
        if step % 20 == 19 {
            sim.suffer(random_suffering(&mut rng));
        }
        assert_whole(&sim.snapshot());
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_done_it_stays_whole_and_answers_again_when_the_faults_stop() {
    for seed in 0..40 {
        let sim = engine(seed);
        sim.faults(|faults| faults.odds(Odds::rough()));
        set_program(&sim, "w1", Program::exits(1, secs(2)));
        set_program(&sim, "w2", Program::ignores_term());
        set_program(&sim, "w3", Program::out_of_memory(secs(7)));
        let acting = join_all((0..3).map(|actor| act_at_random(&sim, seed * 10 + actor)));
        let ((), _) = tokio::join!(disturb_at_random(&sim, seed), acting);
        sim.faults(trueup_engine_sim::Faults::stop);
        // Whatever is still under way lands.
        tokio::time::sleep(secs(60)).await;
        clear(&sim).await;
        let left = sim.snapshot();
        assert!(left.containers.is_empty() && left.networks.is_empty(), "{}", sim.transcript());
    }
}

async fn clear(sim: &SimEngine) {
    for id in sim.snapshot().containers.into_keys() {
        remove(sim, &id).await.unwrap();
    }
    for name in sim.snapshot().networks.into_keys() {
        sim.perform(&Action::RemoveNetwork { name }).await.unwrap();
    }
}
