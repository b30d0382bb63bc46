//! The peer that heals too: a service of Docker's own swarm, on the same engine.
//!
//! The engine is made a swarm of one for the time of the measurement, reachable from nowhere else.
//! An engine that is in a swarm already is somebody's, and is left alone.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use bollard::models::{
    ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated, SwarmInitRequest, TaskSpec,
    TaskSpecContainerSpec, TaskSpecRestartPolicy,
};
use bollard::query_parameters::{KillContainerOptions, ListContainersOptionsBuilder};
use tokio::time::Instant;

use crate::options::Options;
use crate::pattern::Pattern;
use crate::stage::Stage;
use crate::table::{Row, Table, median};
use crate::watch::Watch;

const LOOPBACK: &str = "127.0.0.1";
const SERVICE_LABEL: &str = "trueup-bench.service";
/// With swarm's default of five seconds between starts, each kill takes that long.
const KILLS_WITH_DELAY: usize = 3;

/// The rows of swarm, beside our figures that are in the table already.
pub async fn measure(
    stage: &Stage,
    options: &Options,
    pattern: &Pattern,
    table: &mut Table,
) -> Result<()> {
    if stage.is_in_swarm().await? {
        table.remark("swarm is not measured: the engine is in one already, which is left alone");
        return Ok(());
    }
    if let Err(error) = begin(stage).await {
        table.remark(&format!("swarm is not measured: the engine cannot be one: {error:#}"));
        return stage.leave_swarm().await;
    }
    let delays = [
        ("swarm, delay 0", Some(0), options.kills),
        ("swarm, default delay", None, options.kills.min(KILLS_WITH_DELAY)),
    ];
    for (peer, delay, kills) in delays {
        let times = heal(stage, pattern, delay, kills).await?;
        eprintln!("{peer}: {times:.3?}");
        table.push(Row {
            name: "heal after docker kill".to_owned(),
            ours: table.ours("heal after docker kill"),
            peer: peer.to_owned(),
            theirs: median(&times),
            most: None,
            note: format!("{kills} kills; it makes a new container"),
        });
    }
    stage.leave_swarm().await
}

async fn begin(stage: &Stage) -> Result<()> {
    stage.claim_swarm().await;
    let request = SwarmInitRequest {
        listen_addr: Some(format!("{LOOPBACK}:0")),
        advertise_addr: Some(LOOPBACK.to_owned()),
        ..SwarmInitRequest::default()
    };
    stage.docker.init_swarm(request).await?;
    Ok(())
}

/// A service of one container, killed so many times.
async fn heal(
    stage: &Stage,
    pattern: &Pattern,
    delay: Option<i64>,
    kills: usize,
) -> Result<Vec<Duration>> {
    let name = format!("trueup-bench-{}-{}", stage.run(), delay.unwrap_or(-1));
    let label = format!("{SERVICE_LABEL}={name}");
    let mut watch = Watch::open(&stage.docker, &label).await?;
    let service = service(stage, pattern, &name, delay);
    stage.docker.create_service(service, None).await.context("create the service")?;
    watch.next("start", |_| true).await.context("the service does not start")?;
    let mut times = Vec::new();
    for _ in 0..kills {
        let victim = running(stage, &label).await?;
        let begin = Instant::now();
        let killed = stage.docker.kill_container(&victim, None::<KillContainerOptions>).await;
        killed.context("kill the service's container")?;
        let end = watch.next("start", |id| id != victim).await?;
        times.push(end - begin);
    }
    stage.docker.delete_service(&name).await.context("delete the service")?;
    Ok(times)
}

async fn running(stage: &Stage, label: &str) -> Result<String> {
    let filters = HashMap::from([("label", vec![label]), ("status", vec!["running"])]);
    let options = ListContainersOptionsBuilder::default().filters(&filters).build();
    let rows = stage.docker.list_containers(Some(options)).await?;
    rows.into_iter().next().and_then(|row| row.id).context("the service has no container")
}

fn service(stage: &Stage, pattern: &Pattern, name: &str, delay: Option<i64>) -> ServiceSpec {
    let (image, command) = pattern.program();
    let own = (SERVICE_LABEL.to_owned(), name.to_owned());
    let container = TaskSpecContainerSpec {
        image: Some(image),
        command: Some(command),
        init: Some(true),
        labels: Some(HashMap::from([stage.label_pair(), own])),
        ..TaskSpecContainerSpec::default()
    };
    let restart_policy =
        delay.map(|delay| TaskSpecRestartPolicy { delay: Some(delay), ..Default::default() });
    ServiceSpec {
        name: Some(name.to_owned()),
        task_template: Some(TaskSpec {
            container_spec: Some(container),
            restart_policy,
            ..TaskSpec::default()
        }),
        mode: Some(ServiceSpecMode {
            replicated: Some(ServiceSpecModeReplicated { replicas: Some(1) }),
            ..ServiceSpecMode::default()
        }),
        ..ServiceSpec::default()
    }
}
