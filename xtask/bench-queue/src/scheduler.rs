//! The queues alone: what an addition costs, its way out included.
//!
//! Each load is measured with three ways of stamping additions, because they cost the sides
//! differently. The floor is for the last of them, as it is the one in which both sides' controllers
//! work; the other two are for reading, and are where the peer does best:
//!
//! - *Stamped beforehand*: each has an instant of its own, taken before the clock starts. Nothing is
//!   cheaper for the peer, as an addition for a key that waits already is later than the first and is
//!   dropped; no program can work so.
//! - *Stamped once*: one look at the clock serves all. That leaves the queues alone, and lets the
//!   peer keep all its timers in one place; but an addition at the same instant as the one before it
//!   moves the key's timer, which is what costs it most when keys repeat.
//! - *Stamped as they come*: as each side's own controller does. The peer's `applier` looks at the
//!   clock for each request that it reads from its stream, so that keys are due at many instants, and
//!   an addition for a key that waits already is later than the first and is dropped. Our sources
//!   hand over up to 64 at a time, and our runner looks at the clock once for them.
//!
//! The clock stops when every key has come out. Ending the runs is not measured here: what runs is
//! known to the peer's runner and not to its scheduler, and the controllers are measured as a whole.
//! Ours starts to keep account of each run all the same.

use anyhow::Result;

use crate::measure::Bench;
use crate::table::{Floor, Row, Table, Unit};
use crate::{ours, peer};

/// How many keys, and how many additions over them.
const LOADS: [(&str, u64, u64); 2] =
    [("100,000 keys once", 100_000, 100_000), ("1,000,000 adds of 100 keys", 100, 1_000_000)];

/// How additions come by their time.
#[derive(Clone, Copy)]
pub enum Stamps {
    /// One for each, taken beforehand.
    Beforehand,
    /// One, taken beforehand, is that of all.
    Once,
    /// Taken as the additions come, as often as the side's controller does.
    AsTheyCome,
}

impl Stamps {
    const ALL: [Self; 3] = [Self::Beforehand, Self::Once, Self::AsTheyCome];

    /// What has to be reached.
    fn floor(self) -> Floor {
        match self {
            Self::AsTheyCome => Floor::Ratio(3.0),
            Self::Beforehand | Self::Once => Floor::Absent,
        }
    }

    /// As it is printed.
    fn name(self) -> &'static str {
        match self {
            Self::Beforehand => "stamped beforehand",
            Self::Once => "stamped once",
            Self::AsTheyCome => "stamped as they come",
        }
    }
}

pub fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    for (load, distinct, adds) in LOADS {
        for stamps in Stamps::ALL {
            let name = format!("scheduler, {load}, {}", stamps.name());
            if !bench.wants(&name) {
                continue;
            }
            let keys: Vec<u64> = (0..adds).map(|add| add % distinct).collect();
            let count = usize::try_from(distinct)?;
            let times = bench.alternate(
                || ours::schedule(keys.clone(), count, stamps),
                || peer::schedule(keys.clone(), count, stamps),
            )?;
            let each = times.each(keys.len());
            table.push(Row {
                name,
                flavour: bench.flavour,
                unit: Unit::PerOperation,
                ours: each.ours,
                peer: Some(each.peer),
                floor: stamps.floor(),
                note: String::new(),
            });
        }
    }
    Ok(())
}
