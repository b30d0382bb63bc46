//! What others do to the engine.

use crate::support::*;
use trueup_domain::{
    action::Action,
    container::ContainerState,
    error::{ErrorClass::Terminal, Reason},
    label,
    port::Engine,
};
use trueup_engine_sim::{By, Happening, HumanAct, Limits, Thing};

fn a() -> String {
    "a".to_owned()
}

#[tokio::test(start_paused = true)]
async fn acts_on_a_container_leave_it_as_they_would() {
    let cases = [
        (HumanAct::Stop { container: a(), grace: secs(1) }, ContainerState::Exited),
        (HumanAct::Kill { container: a() }, ContainerState::Exited),
        (HumanAct::KillOnHost { container: a() }, ContainerState::Exited),
        (HumanAct::Exit { container: a(), code: 1 }, ContainerState::Exited),
        (HumanAct::OutOfMemory { container: a() }, ContainerState::Exited),
        (HumanAct::Pause { container: a() }, ContainerState::Paused),
        (
            HumanAct::Update { container: a(), limits: Limits { pids: 7, ..Limits::default() } },
            ContainerState::Running,
        ),
    ];
    for (act, state_then) in cases {
        let sim = engine(1);
        run(&sim, &config("a")).await;
        let asked = sim.counters().mutating();
        sim.act(act.clone()).unwrap();
        tokio::time::sleep(secs(2)).await;
        assert_eq!(state(&sim, "a"), state_then, "{act:?}");
        assert_eq!(sim.counters().mutating(), asked, "it was none of our calls");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_behind_our_back_is_told_as_one() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    sim.schedule(secs(1), Happening::Human(HumanAct::Remove { container: a() }));
    tokio::time::sleep(secs(2)).await;
    assert_eq!(sim.engine_inspect("a").await, None);
    let removal = sim.removals().remove(0);
    assert_eq!((removal.by, removal.thing), (By::Human, Thing::Container { id, name: a() }));
}

#[tokio::test(start_paused = true)]
async fn a_stranger_with_our_name_is_a_conflict() {
    let sim = engine(1);
    let mut stranger = config("a");
    stranger.labels.clear();
    sim.act(HumanAct::Stranger { config: Box::new(stranger), start: true }).unwrap();
    assert_eq!(sim.list(None).await.unwrap(), []);
    let outcome = sim.perform(&Action::CreateContainer(Box::new(config("a")))).await;
    assert_eq!(kind(outcome), (Terminal, Reason::NameConflict));
}

#[tokio::test(start_paused = true)]
async fn a_copy_from_a_committed_image_has_our_labels_and_is_none_of_a_workspace() {
    let sim = engine(1);
    let id = run(&sim, &config("a")).await;
    let (image, copy) = ("copied:1".to_owned(), "copy".to_owned());
    sim.act(HumanAct::CommitCopy { container: a(), image, copy }).unwrap();
    assert_eq!(seen(&sim, "copy").label(label::WORKSPACE_ID), Some(WORKSPACE));
    assert_eq!(sim.list(None).await.unwrap().len(), 2);
    let own = sim.list(Some(workspace())).await.unwrap();
    assert_eq!(own.into_iter().map(|row| row.id).collect::<Vec<_>>(), [id]);
    sim.act(HumanAct::RemoveImage { image: "copied:1".to_owned() }).unwrap();
    assert_eq!(sim.list(Some(workspace())).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_act_that_the_engine_refuses_is_told_and_written_down() {
    let sim = engine(1);
    sim.act(HumanAct::Start { container: a() }).unwrap_err();
    sim.schedule(secs(1), Happening::Human(HumanAct::Kill { container: a() }));
    tokio::time::sleep(secs(2)).await;
    let transcript = sim.transcript().to_string();
    assert_eq!(transcript.matches("refused: 404").count(), 2, "{transcript}");
}
