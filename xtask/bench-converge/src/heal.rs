//! How long a container that was killed is away.
//!
//! Each container is killed once: a second end within a minute would be answered with a wait, by
//! trueup's own rule about commands that end in a row.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bollard::Docker;
use bollard::query_parameters::{
    InspectContainerOptions, KillContainerOptions, StartContainerOptions,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;
use trueup_tests::list;

use crate::bare::{Bare, End};
use crate::options::Options;
use crate::ours::Ours;
use crate::pattern::Pattern;
use crate::stage::Stage;
use crate::table::{Row, Table, median};
use crate::watch::Watch;

/// How much longer than a bare kill and start we may take.
const MOST: f64 = 1.5;
/// How many containers of the bare side are made or removed at a time.
const PARALLEL: usize = 4;

/// Who kills.
#[derive(Clone, Copy, Debug)]
enum Killer {
    /// The engine, asked over its API.
    Api,
    /// Somebody on the host, behind the engine's back.
    Host,
}

/// Kills in turns, ours and the bare side's, and the rows.
pub async fn measure(
    stage: &Stage,
    options: &Options,
    ours: &Ours,
    pattern: &Pattern,
    table: &mut Table,
) -> Result<()> {
    let count = options.kills * 2;
    let bare = Bare::new(stage, pattern);
    ours.bring_up(stage, count).await?;
    bare.bring_up(count, PARALLEL).await?;
    let names = list::labelled(&stage.docker, &ours.label).await?.containers;
    ensure!(names.len() == count, "trueup has {} containers instead of {count}", names.len());

    let killers = [(Killer::Api, "docker kill"), (Killer::Host, "SIGKILL on the host")];
    for ((by, name), part) in killers.into_iter().zip([0, options.kills]) {
        let (mut our_times, mut bare_times) = (Vec::new(), Vec::new());
        for (number, our) in names.iter().enumerate().skip(part).take(options.kills) {
            our_times.push(heal_by_trueup(stage, &ours.label, our, by).await?);
            bare_times.push(heal_by_hand(stage, &bare.name(number), by).await?);
        }
        eprintln!("{name}: trueup {our_times:.3?}, bare API {bare_times:.3?}");
        table.push(Row {
            name: format!("heal after {name}"),
            ours: median(&our_times),
            peer: "bare start after die".to_owned(),
            theirs: median(&bare_times),
            most: Some(MOST),
            note: format!("{} kills", options.kills),
        });
    }
    ours.take_down(stage, count).await?;
    bare.take_down(count, PARALLEL, End::Force).await?;
    Ok(())
}

/// From the kill to the engine's word that the container runs again.
async fn heal_by_trueup(stage: &Stage, label: &str, name: &str, by: Killer) -> Result<Duration> {
    let victim = Victim::find(&stage.docker, name).await?;
    let mut watch = Watch::open(&stage.docker, label).await?;
    let begin = Instant::now();
    victim.kill(&stage.docker, by).await?;
    let end = watch.next("start", |id| id == victim.id).await?;
    victim.must_run_again(&stage.docker).await?;
    Ok(end - begin)
}

/// The same with the least that anybody could do: start it as soon as the engine says it has died.
async fn heal_by_hand(stage: &Stage, name: &str, by: Killer) -> Result<Duration> {
    let victim = Victim::find(&stage.docker, name).await?;
    let mut watch = Watch::open(&stage.docker, &stage.label()).await?;
    let begin = Instant::now();
    victim.kill(&stage.docker, by).await?;
    watch.next("die", |id| id == victim.id).await?;
    let started = stage.docker.start_container(&victim.id, None::<StartContainerOptions>).await;
    started.with_context(|| format!("start {name}"))?;
    let end = watch.next("start", |id| id == victim.id).await?;
    victim.must_run_again(&stage.docker).await?;
    Ok(end - begin)
}

/// A container before it is killed.
struct Victim {
    id: String,
    pid: i64,
    started_at: Option<String>,
}

impl Victim {
    async fn find(docker: &Docker, name: &str) -> Result<Self> {
        let found = docker.inspect_container(name, None::<InspectContainerOptions>).await?;
        let state = found.state.context("the container has no state")?;
        let pid = state.pid.filter(|pid| *pid > 0).context("the container does not run")?;
        let started_at = state.started_at;
        Ok(Self { id: found.id.context("the container has no id")?, pid, started_at })
    }

    async fn kill(&self, docker: &Docker, by: Killer) -> Result<()> {
        match by {
            Killer::Api => {
                let killed = docker.kill_container(&self.id, None::<KillContainerOptions>).await;
                killed.context("kill the container")
            }
            Killer::Host => {
                let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
                let Some(pid) = pid else { bail!("{} is no process id", self.pid) };
                kill_process(pid, Signal::KILL)
                    .context("kill the process: this needs root on the engine's own host")
            }
        }
    }

    async fn must_run_again(&self, docker: &Docker) -> Result<()> {
        let now = Self::find(docker, &self.id).await?;
        ensure!(now.started_at > self.started_at, "the container was not started again");
        Ok(())
    }
}
