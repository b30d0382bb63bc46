//! On a real engine: what a sample costs us and the engine, beside the engine's own statistics.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptions, RemoveContainerOptionsBuilder, StartContainerOptions,
};
use futures::{StreamExt, TryStreamExt, stream};
use tokio::time::sleep;
use trueup_docker_adapter::{DockerEngine, HostFiles};
use trueup_domain::id::InstanceId;
use trueup_domain::port::UsageSource;
use trueup_tests::dockerd::{Dockerd, Network};
use trueup_tests::image;

use crate::asked;
use crate::counting::Counting;
use crate::cpu::{self, Engine};
use crate::options::Options;
use crate::sampling::Sampling;
use crate::table::{Row, Table};

/// How often ours samples here: as often as the engine's stream does.
const INTERVAL: Duration = Duration::from_secs(1);
const PARALLEL: usize = 4;
/// How many times cheaper than the stream we have to be.
const LEAST: f64 = 100.0;

/// One table row and more for each number of containers.
pub async fn measure(options: &Options, table: &mut Table) -> Result<()> {
    let private = Dockerd::launch_with(Network::Bridge).await?;
    let docker = private.client()?;
    image::ensure(&docker).await?;
    let daemons = Engine::of(private.folder())?;
    for count in &options.containers {
        eprintln!("starting {count} containers ...");
        let containers = start(&docker, *count).await?;
        let host = private.endpoint()?.as_str().to_owned();
        let ours = ours(&host, &daemons, &containers, options.time).await?;
        let streamed = streamed(&docker, &daemons, &containers, options.time).await?;
        let asked = asked(&docker, &daemons, &containers, options.time).await?;
        for (peer, theirs, least) in
            [("stats stream", streamed, Some(LEAST)), ("stats one-shot", asked, None)]
        {
            table.push(Row {
                name: format!("a sample, {count} containers"),
                unit: "us",
                ours: ours.each(),
                peer: peer.to_owned(),
                theirs: Some(theirs.each()),
                least,
                most: None,
                note: format!("ours {}; theirs {}", ours.parts(), theirs.parts()),
            });
        }
        remove(&docker, &containers).await?;
    }
    Ok(())
}

/// What so many samples have cost.
#[derive(Clone, Copy)]
struct Cost {
    own: Duration,
    engine: Duration,
    samples: u64,
}

impl Cost {
    /// Microseconds a sample.
    fn each(&self) -> f64 {
        self.of(self.own + self.engine)
    }

    fn of(&self, time: Duration) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let samples = self.samples.max(1) as f64;
        time.as_secs_f64() * 1e6 / samples
    }

    fn parts(&self) -> String {
        let (own, engine) = (self.of(self.own), self.of(self.engine));
        format!("{own:.1} asking + {engine:.1} engine, {} samples", self.samples)
    }
}

/// The costs between two moments.
struct Meter<'a> {
    daemons: &'a Engine,
    own: Duration,
    engine: Duration,
}

impl<'a> Meter<'a> {
    fn begin(daemons: &'a Engine) -> Result<Self> {
        Ok(Self { daemons, own: cpu::own(), engine: daemons.used()? })
    }

    fn end(&self, samples: u64) -> Result<Cost> {
        let (own, engine) = (cpu::own() - self.own, self.daemons.used()? - self.engine);
        Ok(Cost { own, engine, samples })
    }
}

async fn ours(host: &str, daemons: &Engine, containers: &[String], time: Duration) -> Result<Cost> {
    let engine =
        DockerEngine::connect(trueup_docker_adapter::Options::new(host, InstanceId::new("bench")))?;
    let folder = tempfile::tempdir()?;
    let source = Arc::new(Counting::new(engine.usage(HostFiles::default())));
    let shown: Arc<dyn UsageSource> = Arc::clone(&source) as _;
    let sampling = Sampling::start(shown, containers, INTERVAL, folder.path()).await?;
    // Opening costs an inspect each, once.
    sleep(INTERVAL * 3).await;
    let known = sampling.known(containers.len());
    ensure!(known == containers.len(), "only {known} of {} have figures", containers.len());
    let before = source.readings();
    let meter = Meter::begin(daemons)?;
    sleep(time).await;
    let cost = meter.end(source.readings() - before)?;
    eprintln!("ours: {}", cost.parts());
    Ok(cost)
}

async fn streamed(
    docker: &Docker,
    daemons: &Engine,
    containers: &[String],
    time: Duration,
) -> Result<Cost> {
    let mut meter = None;
    let begin = || {
        meter = Some(Meter::begin(daemons)?);
        Ok(())
    };
    let samples = asked::follow(docker, containers, time, begin).await?;
    let cost = meter.context("it never began")?.end(samples)?;
    eprintln!("stream: {}", cost.parts());
    Ok(cost)
}

async fn asked(
    docker: &Docker,
    daemons: &Engine,
    containers: &[String],
    time: Duration,
) -> Result<Cost> {
    let meter = Meter::begin(daemons)?;
    let samples = asked::ask(docker, containers, time).await?;
    let cost = meter.end(samples)?;
    eprintln!("one-shot: {}", cost.parts());
    Ok(cost)
}

async fn start(docker: &Docker, count: usize) -> Result<Vec<String>> {
    let one = |_| async move {
        let body = ContainerCreateBody {
            image: Some(image::IMAGE.to_owned()),
            cmd: Some(vec![image::PROGRAM.to_owned(), "sleep".to_owned()]),
            host_config: Some(HostConfig {
                memory: Some(64 << 20),
                pids_limit: Some(64),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let made = docker.create_container(None::<CreateContainerOptions>, body).await?;
        docker.start_container(&made.id, None::<StartContainerOptions>).await?;
        anyhow::Ok(made.id)
    };
    stream::iter(0..count).map(one).buffer_unordered(PARALLEL).try_collect().await
}

async fn remove(docker: &Docker, containers: &[String]) -> Result<()> {
    let one = |id: &String| {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let id = id.clone();
        async move { docker.remove_container(&id, Some(options)).await }
    };
    Ok(stream::iter(containers).map(one).buffer_unordered(PARALLEL).try_collect::<()>().await?)
}
