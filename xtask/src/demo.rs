//! `cargo xtask demo`: the main job, on this machine's Docker Engine, in about a minute.
//!
//! It drives the real binary the way a person would, by its command line, and plays the saboteur
//! with the engine's own API. Everything it claims, it has looked up in the engine. It leaves
//! nothing behind, whatever happens, unless told to. Deliberately absent: figures to be proud of;
//! those are for benchmarks.

mod mishap;
mod stage;

use anyhow::{Result, bail};
use stage::Stage;
use std::time::Duration;

use crate::terminal;

/// What the demo can be told.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave everything running at the end instead of removing it
    #[arg(long)]
    keep: bool,
}

/// Runs the demo.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: &Args) -> Result<()> {
    let mut stage = Stage::set().await?;
    let played = tokio::select! {
        played = play(&stage) => played,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            Err(anyhow::anyhow!("interrupted"))
        }
    };
    if let Err(error) = played {
        terminal::note("something went wrong; removing what was made");
        let log = stage.log_tail();
        stage.clear().await?;
        return Err(
            error.context(format!("the end of the controller's log:\n{log}\n\nthe demo failed"))
        );
    }
    if args.keep {
        stage.leave();
        return Ok(());
    }
    finale(&mut stage).await
}

async fn play(stage: &Stage) -> Result<()> {
    declare(stage).await?;
    sabotage(stage).await?;
    respect(stage).await
}

/// Declares the examples and waits until all of them can be used.
async fn declare(stage: &Stage) -> Result<()> {
    terminal::step("trueup apply -f examples");
    terminal::result(&stage.trueup(&["apply", "-f", "examples"])?);
    stage.wait_until_all_ready(Duration::from_mins(2)).await?;
    terminal::step("trueup get");
    terminal::result(&stage.trueup(&["get"])?);
    Ok(())
}

/// Kills one, removes another, alters a third, each behind trueup's back.
async fn sabotage(stage: &Stage) -> Result<()> {
    terminal::step("sabotage, past trueup and straight at the engine");
    for report in [
        mishap::kill(stage, "default/hello").await?,
        mishap::remove(stage, "alice/web-server").await?,
        mishap::alter(stage, "agents/locked-down").await?,
    ] {
        terminal::result(&report);
    }
    terminal::step("trueup events (what it says about that)");
    for key in ["default/hello", "alice/web-server", "agents/locked-down"] {
        terminal::result(&mishap::repair_event(stage, key).await?);
    }
    Ok(())
}

/// A user's own wishes are no mishaps: what was stopped stays stopped, what was archived is gone.
async fn respect(stage: &Stage) -> Result<()> {
    terminal::step("trueup stop carol/notebook; trueup sync --all (and it stays stopped)");
    stage.trueup(&["stop", "carol/notebook", "--wait"])?;
    stage.trueup(&["sync", "--all"])?;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if stage.container("carol/notebook").await?.is_none_or(|container| container.running) {
            bail!("carol/notebook should be stopped and is not");
        }
    }
    terminal::step("trueup archive bob/database (its container goes, its volume stays)");
    stage.trueup(&["archive", "bob/database", "--wait"])?;
    if stage.container("bob/database").await?.is_some() {
        bail!("bob/database is archived and still has a container");
    }
    let volumes = stage.left().await?.volumes;
    if !volumes.iter().any(|name| name.contains("database")) {
        bail!("archiving bob/database took its volume along");
    }
    let kept: Vec<_> = volumes.into_iter().filter(|name| name.contains("database")).collect();
    terminal::note(&format!("still there: volume {}", kept.join(", ")));
    terminal::step("trueup get");
    terminal::result(&stage.trueup(&["get"])?);
    Ok(())
}

/// Deletes everything, and shows by the engine's own list that nothing is left.
async fn finale(stage: &mut Stage) -> Result<()> {
    terminal::step("trueup delete --all --volumes");
    let deleted = stage.trueup(&["delete", "--all", "--volumes"]);
    let left = stage.left().await?;
    let ended = stage.end();
    stage.clear().await?;
    terminal::result(&deleted?);
    ended?;
    terminal::step(&format!("what the engine lists with the label {}", stage.label()));
    terminal::result(&format!("containers: {}", shown(&left.containers)));
    terminal::result(&format!("networks:   {}", shown(&left.networks)));
    terminal::result(&format!("volumes:    {}", shown(&left.volumes)));
    if !left.is_empty() {
        bail!("trueup left something behind");
    }
    terminal::step("the demo is over; nothing was left behind");
    Ok(())
}

fn shown(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
