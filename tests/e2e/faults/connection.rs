//! What is between the controller and the daemon fails; the daemon itself is well.

use super::stage::{Stage, launch};
use anyhow::Result;
use std::time::Duration;
use tokio::time::Instant;
use trueup_api::domain::spec::DesiredState::Running;
use trueup_api::wire::Verb;
use trueup_tests::socket_proxy::{Behaviour, SocketProxy};

/// Long enough for calls to run into their deadlines.
const LASTS: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread")]
async fn after_connections_were_cut_silent_truncated_and_forgotten_all_is_right_again() -> Result<()>
{
    let dockerd = launch(false).await?;
    let proxy = SocketProxy::before(&dockerd.endpoint()?)?;
    let mut stage = Stage::set_before(dockerd, &proxy.endpoint()?, &[]).await?;
    // Each begins where the one before it ended.
    let faults = [
        ("connections-cut", Behaviour::Cutting, [Verb::Stop, Verb::Start, Verb::Pause]),
        ("connections-silent", Behaviour::Silent, [Verb::Start, Verb::Stop, Verb::Start]),
        ("answers-truncated", Behaviour::Truncating, [Verb::Pause, Verb::Start, Verb::Stop]),
    ];
    for (fault, behaviour, [first, second, third]) in faults {
        stage.fleet.declare(&stage.scene, "w0", Running).await;
        stage.fleet.ask(&stage.scene, "w1", first).await;
        stage.fleet.ask(&stage.scene, "w7", second).await;
        proxy.behave(behaviour);
        let end = Instant::now() + LASTS;
        stage.fleet.declare(&stage.scene, "w2", Running).await;
        stage.fleet.ask(&stage.scene, "w6", third).await;
        if stage.fleet.state("w3").is_some() {
            stage.fleet.delete(&stage.scene, "w3", true).await;
        } else {
            stage.fleet.declare(&stage.scene, "w3", Running).await;
        }
        stage.kill(&["w5"]).await?;
        tokio::time::sleep_until(end).await;
        proxy.behave(Behaviour::Faithful);
        stage.judge(fault, Instant::now()).await?;
    }
    // No event comes any more and nothing says so: the next list has to tell.
    proxy.forget_open_connections();
    stage.kill(&["w0", "w2", "w4", "w5"]).await?;
    let end = Instant::now();
    stage.judge("events-lost", end).await?;
    stage.strike().await
}
