//! The same seed and the same calls give the same history, with faults on.

use crate::support::*;
use futures::{StreamExt, future::join_all};
use jiff::SignedDuration;
use trueup_domain::{
    action::{Action, NetworkConfig},
    container::{ContainerConfig, NetworkMode},
    id::ContainerId,
    port::Engine,
};
use trueup_engine_sim::{
    EngineAct, Happening, HumanAct, Image, Odds, Program, Pull, SimEngine, Snapshot, Transcript,
};

/// One workspace's worth of calls, whatever comes of them.
async fn live(sim: &SimEngine, name: &str) {
    let network = NetworkConfig {
        name: format!("net-{name}"),
        labels: labels(),
        inter_container: false,
        range: Some("10.200.0.0/16".to_owned()),
        seed: name.len() as u64,
    };
    let mode = NetworkMode::Named { name: network.name.clone() };
    let config = ContainerConfig { network: mode, image: "pulled:1".to_owned(), ..checked(name) };
    let id = ContainerId::new(name);
    let image = "pulled:1".to_owned().try_into().unwrap();
    let actions = [
        Action::PullImage { image },
        Action::EnsureNetwork(network.clone()),
        Action::EnsureVolume { name: format!("vol-{name}"), labels: labels() },
        Action::CreateContainer(Box::new(config)),
        Action::StartContainer(id.clone()),
        Action::PauseContainer(id.clone()),
        Action::UnpauseContainer(id.clone()),
        Action::StopContainer { container: id.clone(), grace: secs(2) },
        Action::RemoveContainer(id.clone()),
        Action::RemoveNetwork { name: network.name.clone() },
    ];
    for _ in 0..5 {
        for action in &actions {
            let _ = sim.perform(action).await;
            let _ = sim.inspect(&id).await;
        }
        let _ = sim.list(Some(workspace())).await;
        let _ = sim.network(&network.name).await;
    }
}

async fn listen(sim: &SimEngine) {
    loop {
        if let Ok(mut events) = sim.events(sim.clock() - SignedDuration::from_secs(2)).await {
            while let Some(event) = events.next().await {
                sim.model(|model| model.note(format!("heard {event:?}")));
            }
        }
        tokio::time::sleep(millis(500)).await;
    }
}

fn trouble(sim: &SimEngine) {
    sim.faults(|faults| faults.odds(Odds::rough()));
    sim.model(|model| {
        model.publish("pulled:1", Image::new("pulled"), Pull::Works(None));
        model.programs().for_name("w1", Program::exits(1, secs(1)));
        model.programs().for_name("w2", Program::ignores_term());
    });
    let act = |after, act| sim.schedule(secs(after), Happening::Human(act));
    act(3, HumanAct::KillOnHost { container: "w0".to_owned() });
    act(7, HumanAct::Remove { container: "w3".to_owned() });
    let suffer = |after, act| sim.schedule(secs(after), Happening::Engine(act));
    suffer(5, EngineAct::Away { length: secs(1) });
    suffer(9, EngineAct::JumpClock { by: SignedDuration::from_secs(-90) });
    suffer(12, EngineAct::Restart { length: secs(2), live_restore: false });
}

async fn history(seed: u64) -> (Transcript, Snapshot) {
    let sim = engine(seed);
    trouble(&sim);
    let names = ["w0", "w1", "w2", "w3", "w4"];
    let lives = join_all(names.map(|name| live(&sim, name)));
    tokio::select! {
        biased;
        _ = lives => {}
        () = listen(&sim) => {}
    }
    (sim.transcript(), sim.snapshot())
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_replays_the_same_history_with_faults_on() {
    for seed in 0..8 {
        let (one, two) = (history(seed).await, history(seed).await);
        assert!(one.0.written() > 500, "{}", one.0.written());
        assert!(one.0.entries().any(|entry| entry.what.contains(" but ")), "no fault at all");
        assert_eq!(one.0.to_string(), two.0.to_string());
        assert_eq!(one.0.digest(), two.0.digest());
        assert_eq!(one.1, two.1);
    }
}

#[tokio::test(start_paused = true)]
async fn another_seed_gives_another_history() {
    assert_ne!(history(1).await.0.digest(), history(2).await.0.digest());
}

#[tokio::test(start_paused = true)]
async fn no_transcript_holds_a_command_or_a_variable() {
    let sim = engine(1);
    let mut secret = config("a");
    secret.env.insert("TOKEN".to_owned(), "hunter2".to_owned());
    secret.command = Some(vec!["hunter2".to_owned()]);
    run(&sim, &secret).await;
    let stranger = ContainerConfig { name: "b".to_owned(), ..secret };
    sim.act(HumanAct::Stranger { config: Box::new(stranger), start: true }).unwrap();
    assert!(!sim.transcript().to_string().contains("hunter2"));
}
