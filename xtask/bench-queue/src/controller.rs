//! The controllers: passes a second that do nothing, over a hundred thousand objects.
//!
//! Everything counts from the first poll to the last outcome: the intake, the queue, the look into
//! the store, the tasks.

use anyhow::Result;
use tokio::time::Instant;

use crate::measure::Bench;
use crate::table::{Floor, Row, Table, Unit};
use crate::{objects, ours, peer};

const OBJECTS: usize = 100_000;

pub fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    for concurrency in [1_u16, 16] {
        let name = format!("controller, {concurrency} at once");
        if !bench.wants(&name) {
            continue;
        }
        let times = bench.alternate(
            || async move {
                let (store, touched) = objects::touched(OBJECTS);
                let started = Instant::now();
                let outcomes = ours::controller(touched, store, concurrency, objects::nothing);
                Ok(objects::finish(outcomes, OBJECTS).await? - started)
            },
            || async move {
                let (store, touched) = objects::touched(OBJECTS);
                let started = Instant::now();
                let outcomes = peer::controller(touched, store, concurrency, objects::nothing);
                Ok(objects::finish(outcomes, OBJECTS).await? - started)
            },
        )?;
        let each = times.each(OBJECTS);
        table.push(Row {
            name,
            flavour: bench.flavour,
            unit: Unit::Rate,
            ours: each.ours,
            peer: Some(each.peer),
            floor: Floor::Ratio(3.0),
            note: String::new(),
        });
    }
    Ok(())
}
