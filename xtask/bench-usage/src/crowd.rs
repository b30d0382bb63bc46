//! A thousand workspaces and more at the product's own pace: the share of a processor, whether it grows
//! in a straight line, and memory.
//!
//! The files are made, lie in memory and never change: what the kernel does to write its own is not in
//! these figures, and no container stirs. What a reading of real ones costs is measured beside the engine.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};
use trueup_docker_adapter::DockerEngine;
use trueup_domain::id::InstanceId;
use trueup_domain::port::UsageSource;
use trueup_domain::usage::Source;

use crate::cpu;
use crate::options::Options;
use crate::sampling::{self, Sampling};
use crate::table::{Row, Table};
use crate::tree::Tree;

/// The product's own.
const INTERVAL: Duration = Duration::from_secs(10);
/// From the smallest to the largest; the floor is for the one in the middle.
const COUNTS: [usize; 3] = [250, 1000, 1400];
const FLOOR_AT: usize = 1000;
const MOST_PERCENT: f64 = 1.0;
/// How much more the largest may cost by workspace than the smallest.
const MOST_GROWTH: f64 = 1.25;
const MOST_BYTES: f64 = 4096.0;
const PATIENCE: Duration = Duration::from_mins(1);

/// What one number of workspaces costs.
struct Cost {
    percent: f64,
    bytes: f64,
}

pub async fn measure(options: &Options, table: &mut Table) -> Result<()> {
    // Whatever is made once is made before memory is measured.
    one(64, Duration::from_secs(5)).await?;
    let mut costs = Vec::new();
    for count in COUNTS {
        let cost = one(count, options.time.max(INTERVAL * 2)).await?;
        let is_floor = count == FLOOR_AT;
        table.push(Row {
            most: is_floor.then_some(MOST_PERCENT),
            note: "made files".to_owned(),
            ..Row::reading(format!("{count} workspaces every 10 s"), "% of a core", cost.percent)
        });
        table.push(Row {
            most: is_floor.then_some(MOST_BYTES),
            ..Row::reading(format!("{count} workspaces, memory each"), "bytes", cost.bytes)
        });
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        costs.push(cost.percent / count as f64);
    }
    if let (Some(first), Some(last)) = (costs.first(), costs.last()) {
        let name = format!("growth by workspace, {} to {}", COUNTS[0], COUNTS[2]);
        table.push(Row { most: Some(MOST_GROWTH), ..Row::reading(name, "times", last / first) });
    }
    Ok(())
}

async fn one(count: usize, time: Duration) -> Result<Cost> {
    let tree = Tree::grow(count)?;
    let before = cpu::resident()?;
    let options = trueup_docker_adapter::Options::new(tree.host(), InstanceId::new("bench"));
    let source = Arc::new(DockerEngine::connect(options)?.usage(tree.files()));
    ensure!(source.source() == Source::ControlGroup, "{}", source.source());
    let shown: Arc<dyn UsageSource> = Arc::clone(&source) as _;
    let log = sampling::history(&tree.path(".")).await?;
    let sampling = Sampling::start(shown, &tree.containers, INTERVAL, log)?;
    let deadline = Instant::now() + PATIENCE;
    while sampling.known(count) < count {
        ensure!(Instant::now() < deadline, "{} of {count} are known", sampling.known(count));
        sleep(Duration::from_millis(200)).await;
    }
    ensure!(source.source() == Source::ControlGroup, "{}", source.source());
    let begin = (Instant::now(), cpu::own());
    sleep(time).await;
    let percent =
        cpu::own().saturating_sub(begin.1).as_secs_f64() / begin.0.elapsed().as_secs_f64() * 100.0;
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let bytes = cpu::resident()?.saturating_sub(before) as f64 / count as f64;
    eprintln!("{count} workspaces: {percent:.3} % of a core, {bytes:.0} bytes each");
    Ok(Cost { percent, bytes })
}
