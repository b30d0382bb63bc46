//! Many passes at once, all asleep: what it costs to find the one that wakes up.
//!
//! As many passes may run as there are keys. They sleep from nothing to one second, evenly spread
//! and dealt out by a fixed seed, so that a second is the least it can take.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::measure::Bench;
use crate::objects::{self, Object};
use crate::table::{Floor, Row, Table, Unit};
use crate::{ours, peer};

/// How many, and how long ours may take for them.
const LOADS: [(&str, u16, Floor); 2] = [
    ("in flight, 10,000 passes", 10_000, Floor::Absent),
    ("in flight, 30,000 passes", 30_000, Floor::AtMost(1.15)),
];

pub fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    for (name, passes, floor) in LOADS {
        if !bench.wants(name) {
            continue;
        }
        let objects = usize::from(passes);
        let naps = naps(passes);
        let work = move |object: Arc<Object>| {
            let nap = objects::number(&object).and_then(|it| naps.get(it).copied());
            sleep(nap.unwrap_or(Duration::MAX))
        };
        let (ours, peer) = (work.clone(), work);
        let times = bench.alternate(
            move || {
                let work = ours.clone();
                async move {
                    let (store, touched) = objects::touched(objects);
                    let started = Instant::now();
                    let outcomes = ours::controller(touched, store, passes, work);
                    Ok(objects::finish(outcomes, objects).await? - started)
                }
            },
            move || {
                let work = peer.clone();
                async move {
                    let (store, touched) = objects::touched(objects);
                    let started = Instant::now();
                    let outcomes = peer::controller(touched, store, passes, work);
                    Ok(objects::finish(outcomes, objects).await? - started)
                }
            },
        )?;
        table.push(Row {
            name: name.to_owned(),
            flavour: bench.flavour,
            unit: Unit::Seconds,
            ours: times.ours,
            peer: Some(times.peer),
            floor,
            note: String::new(),
        });
    }
    Ok(())
}

/// How long each pass sleeps.
fn naps(passes: u16) -> Arc<[Duration]> {
    let step = Duration::from_secs(1) / u32::from(passes - 1);
    let mut naps: Vec<Duration> = (0..u32::from(passes)).map(|rank| step * rank).collect();
    fastrand::Rng::with_seed(4).shuffle(&mut naps);
    naps.into()
}
