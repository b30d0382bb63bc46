//! A thousand workspaces: how long a change on the engine takes until the store tells of it.
//!
//! The whole controller, with its store on a disk, works with the simulated engine over a socket as with
//! a real one. What somebody does to a container behind its back is timed from the deed to the moment
//! at which a client has read the event of it, which is in the store before it is announced.
//! Deliberately absent: the cost of containers, which a simulated engine has not.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of it is test code")]

mod scene;

use scene::Scene;
use std::time::Duration;
use trueup_engine_sim::{HumanAct, Odds};

const WORKSPACES: usize = 1000;
const RESYNC: Duration = Duration::from_secs(5);
/// What a list and the passes that it leads to all at once may take.
const SLACK: Duration = Duration::from_secs(2);
const PACE: Duration = Duration::from_millis(75);

/// What is done to the container with that number.
fn deed(number: usize, container: String) -> HumanAct {
    match number / 6 % 4 {
        0 => HumanAct::Kill { container },
        1 => HumanAct::Stop { container, grace: Duration::from_secs(1) },
        2 => HumanAct::Remove { container },
        _ => HumanAct::Pause { container },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_in_the_store_within_a_second_and_without_any_event_within_a_resync() {
    let scene = Scene::set(RESYNC).await;
    let settled = scene.declare(WORKSPACES).await;
    println!("{WORKSPACES} workspaces settled after {settled:.1?}");

    // Each workspace meets one change at most, so that none waits for its turn to be started again.
    let some = |first, count| (first..WORKSPACES).step_by(6).take(count).collect::<Vec<_>>();
    let told = scene.change(&some(0, 120), deed, PACE).await;
    println!("with events:    {told}");
    assert!(told.of(99) < Duration::from_secs(1), "{told}");

    scene.sim.faults(|faults| faults.odds(Odds { event_lost: 1000, ..Odds::default() }));
    let told = scene.change(&some(1, 40), deed, PACE).await;
    println!("without events: {told}");
    // The deeds take three seconds: whenever the lists come, somebody waits for one.
    assert!(told.of(100) > RESYNC / 4, "events were told: {told}");
    assert!(told.of(100) < RESYNC + SLACK, "{told}");
    scene.strike().await;
}
