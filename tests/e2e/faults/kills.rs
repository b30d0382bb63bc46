//! The controller is killed at random moments while thirty workspaces change all the time.

use super::churn::{Dice, next};
use super::request::Request;
use super::stage::{Stage, launch};
use super::truth::report;
use crate::scene::Scene;
use anyhow::{Context, Result};
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::pin::pin;
use std::time::Duration;
use tokio::time::Instant;
use trueup_api::domain::spec::DesiredState::Running;

const WORKSPACES: u64 = 30;
const SHORT: u64 = 12;
/// After so many kills at most, and once in between at least, everything has to come to rest.
const KILLS_A_ROUND: u64 = 10;
/// How long the controller lives between two kills, ms.
const LIFE: Range<u64> = 0..1_200;

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_killed_at_any_moment_of_a_churn_loses_leaks_and_doubles_nothing() -> Result<()>
{
    let kills = number("TRUEUP_FAULT_KILLS")?.unwrap_or(SHORT);
    let seed = number("TRUEUP_FAULT_SEED")?.unwrap_or_else(|| RandomState::new().hash_one(0) >> 32);
    eprintln!("fault controller-killed: seed {seed}, {kills} kills");
    let dockerd = launch(false).await?;
    let endpoint = dockerd.endpoint()?;
    let mut stage = Stage::empty(dockerd, &endpoint, &[]).await?;
    let names: Vec<_> = (0..WORKSPACES).map(|number| format!("w{number:02}")).collect();
    let fleet = &mut stage.fleet;
    let specs: Vec<_> =
        names.iter().map(|name| (name.as_str(), fleet.note(name, Running))).collect();
    stage.scene.apply(&specs).await?;

    let (mut done, mut truth, mut rest) = (0, Vec::new(), Duration::ZERO);
    while done < kills {
        let round = KILLS_A_ROUND.min(kills.div_ceil(2)).min(kills - done);
        let dice = Dice::new(seed.wrapping_add(done));
        let (history, end) = churn_and_kill(&mut stage, dice, round).await?;
        done += round;
        let told = || format!("seed {seed}, {done} kills; the round was:\n{}", history.join("\n"));
        let recovered = stage.recover("controller-killed", end).await.with_context(told)?;
        stage.stays("controller-killed").await.with_context(told)?;
        stage.fleet.mark(&stage.scene).await?;
        truth.extend(recovered.truth);
        rest = rest.max(recovered.rest);
    }
    eprintln!("{}", report("controller-killed", &truth, rest));
    stage.strike().await
}

/// Lets users ask for things while the controller is killed so many times and started again; says what
/// happened, and when the last start was.
async fn churn_and_kill(
    stage: &mut Stage,
    mut dice: Dice,
    kills: u64,
) -> Result<(Vec<String>, Instant)> {
    let begin = Instant::now();
    let mut history = Vec::new();
    let mut note = |what: String| {
        history.push(format!("{:6} ms  {what}", begin.elapsed().as_millis()));
    };
    let mut end = begin;
    let mut killed = 0;
    let mut kill_at = begin + dice.millis(LIFE);
    while killed < kills {
        let (fleet, scene) = (&mut stage.fleet, &mut stage.scene);
        let pause = dice.millis(20..120);
        let request = next(fleet, scene, &mut dice, WORKSPACES).await;
        let (cut, answer) = ask_until(scene, &request, pause, kill_at).await?;
        note(format!("{request}: {answer:?}{}", if cut { "; killed" } else { "" }));
        if cut {
            killed += 1;
            // Now and then it dies again before it is ready.
            if killed < kills && dice.roll(0..4) == 0 {
                scene.controller.begin_restart()?;
                tokio::time::sleep(dice.millis(0..150)).await;
                scene.controller.kill();
                killed += 1;
                note("killed while it started".to_owned());
            }
            end = Instant::now();
            tokio::task::block_in_place(|| scene.controller.restart())?;
            note("started".to_owned());
            kill_at = Instant::now() + dice.millis(LIFE);
        }
        if answer.is_err() {
            request.until_accepted(scene).await;
            note(format!("{request}: accepted"));
        }
    }
    Ok((history, end))
}

/// Asks once and pauses; kills the controller if its time comes meanwhile, and says whether it did.
async fn ask_until(
    scene: &Scene,
    request: &Request,
    pause: Duration,
    kill_at: Instant,
) -> Result<(bool, Result<(), String>)> {
    let mut sending = pin!(request.send(scene));
    let answer = tokio::select! {
        answer = &mut sending => answer,
        () = tokio::time::sleep_until(kill_at) => {
            scene.controller.cut()?;
            return Ok((true, sending.await));
        }
    };
    let next = Instant::now() + pause;
    tokio::time::sleep_until(next.min(kill_at)).await;
    if next < kill_at {
        return Ok((false, answer));
    }
    scene.controller.cut()?;
    Ok((true, answer))
}

fn number(variable: &str) -> Result<Option<u64>> {
    let text = std::env::var(variable).ok();
    text.map(|text| text.parse().with_context(|| format!("{variable} is no number"))).transpose()
}
