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
use tokio::time::{Instant, sleep};
use trueup_docker_adapter::{DockerEngine, HostFiles};
use trueup_domain::id::InstanceId;
use trueup_domain::port::{UsageLog, UsageSource};
use trueup_domain::usage::Source;
use trueup_tests::dockerd::{Dockerd, Network};
use trueup_tests::image;

use crate::asked;
use crate::counting::Counting;
use crate::cpu::{self, Engine};
use crate::options::Options;
use crate::sampling::{self, Nothing, Sampling};
use crate::table::{Row, Table};

/// How often ours samples here: as often as the engine's stream does.
const INTERVAL: Duration = Duration::from_secs(1);
const PARALLEL: usize = 4;
const SETTLE: Duration = Duration::from_secs(5);
/// How many times cheaper than the stream we have to be.
const LEAST: f64 = 100.0;

/// One table row and more for each number of containers.
pub async fn measure(options: &Options, table: &mut Table) -> Result<()> {
    let private = Dockerd::launch_with(Network::Bridge).await?;
    let docker = private.client()?;
    image::ensure(&docker).await?;
    for count in &options.containers {
        eprintln!("starting {count} containers ...");
        let containers = start(&docker, *count).await?;
        let daemons = Engine::of(private.folder())?;
        let scene = Scene { docker: &docker, daemons: &daemons, containers: &containers };
        let (host, time) = (private.endpoint()?.as_str().to_owned(), options.time);
        let folder = tempfile::tempdir()?;
        let ours = scene.ours(&host, time, Arc::new(Nothing)).await?;
        let log = sampling::history(folder.path()).await?;
        let kept = scene.ours(&host, time, log).await?;
        let idle = scene.idle(time).await?;
        let streamed = scene.streamed(time).await?.beyond(idle);
        let asked = scene.asked(time).await?.beyond(idle);
        let a_sample = format!("a sample, {count} containers");
        for (name, ours, peer, theirs, least) in [
            (a_sample.clone(), ours, "stats stream", streamed, Some(LEAST)),
            (a_sample.clone(), ours, "stats one-shot", asked, None),
            (format!("{a_sample}, kept in a file"), kept, "stats stream", streamed, None),
        ] {
            table.push(Row {
                name,
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
    time: Duration,
    own: Duration,
    engine: Duration,
    samples: u64,
}

impl Cost {
    /// Without what an engine that nobody asks has used in the same time, in shares of a processor.
    fn beyond(self, idle: f64) -> Self {
        let engine = self.engine.saturating_sub(self.time.mul_f64(idle));
        Self { engine, ..self }
    }

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
    began: Instant,
    own: Duration,
    engine: Duration,
}

impl<'a> Meter<'a> {
    fn begin(daemons: &'a Engine) -> Result<Self> {
        Ok(Self { daemons, began: Instant::now(), own: cpu::own(), engine: daemons.used()? })
    }

    fn end(&self, samples: u64) -> Result<Cost> {
        let (own, engine) =
            (cpu::own().saturating_sub(self.own), self.daemons.used()?.saturating_sub(self.engine));
        Ok(Cost { time: self.began.elapsed(), own, engine, samples })
    }
}

/// What is measured.
struct Scene<'a> {
    docker: &'a Docker,
    daemons: &'a Engine,
    containers: &'a [String],
}

impl Scene<'_> {
    /// The share of a processor that the engine uses when nobody asks it.
    async fn idle(&self, time: Duration) -> Result<f64> {
        // What was begun before is to be over.
        sleep(SETTLE).await;
        let meter = Meter::begin(self.daemons)?;
        sleep(time).await;
        let cost = meter.end(0)?;
        let share = cost.engine.as_secs_f64() / cost.time.as_secs_f64();
        eprintln!("an idle engine: {:.3} % of a core", share * 100.0);
        Ok(share)
    }

    async fn ours(&self, host: &str, time: Duration, log: Arc<dyn UsageLog>) -> Result<Cost> {
        let options = trueup_docker_adapter::Options::new(host, InstanceId::new("bench"));
        let engine = DockerEngine::connect(options)?;
        let source = Arc::new(Counting::new(engine.usage(HostFiles::default())));
        let shown: Arc<dyn UsageSource> = Arc::clone(&source) as _;
        let sampling = Sampling::start(shown, self.containers, INTERVAL, log)?;
        // Opening costs an inspect each, once.
        sleep(INTERVAL * 3 + SETTLE).await;
        let (known, all) = (sampling.known(self.containers.len()), self.containers.len());
        ensure!(known == all, "only {known} of {all} have figures");
        ensure!(source.source() == Source::ControlGroup, "{}", source.source());
        // It is not asked for a sample, which is shown by stopping it.
        let _frozen = self.daemons.freeze()?;
        let before = source.readings();
        let meter = Meter::begin(self.daemons)?;
        sleep(time).await;
        meter.end(source.readings() - before)
    }

    async fn streamed(&self, time: Duration) -> Result<Cost> {
        let mut meter = None;
        let begin = || {
            meter = Some(Meter::begin(self.daemons)?);
            Ok(())
        };
        let samples = asked::follow(self.docker, self.containers, time, begin).await?;
        meter.context("it never began")?.end(samples)
    }

    async fn asked(&self, time: Duration) -> Result<Cost> {
        let meter = Meter::begin(self.daemons)?;
        let samples = asked::ask(self.docker, self.containers, time).await?;
        meter.end(samples)
    }
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
