//! A backlog that stands before the first pass: does a pass cost more when more keys wait?
//!
//! The intake does not count on either side. Ours is handed all keys before it is first polled;
//! the peer takes them in as the initial list of its watch, which it completes before it starts
//! anything (see [`peer::drain`]).
//!
//! That a pop stays flat is held against the queue alone. A pass of these controllers also looks its
//! object up in the peer's store, on both sides, and that gets dearer with the store: it is measured by
//! itself, for reading.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use crate::measure::Bench;
use crate::objects::{self, Key};
use crate::table::{Floor, Row, Table, Unit};
use crate::{ours, peer};

const SIZES: [(&str, usize); 3] =
    [("10,000", 10_000), ("100,000", 100_000), ("1,000,000", 1_000_000)];
const CONCURRENCY: u16 = 16;

/// Where the comparison has its floor.
const COMPARED: usize = 100_000;
/// From here on the peer has a single round.
const LARGE: usize = 1_000_000;
/// A peer that took so many seconds for the size before is not asked for the large one.
const PATIENCE: f64 = 20.0;

pub fn measure(bench: &Bench, table: &mut Table) -> Result<()> {
    controllers(bench, table)?;
    lookups(bench, table)?;
    queue(bench, table)
}

fn controllers(bench: &Bench, table: &mut Table) -> Result<()> {
    let mut costs = Vec::new();
    let mut before = 0.0;
    for (label, size) in SIZES {
        let name = format!("backlog, {label} keys");
        if !bench.wants(&name) {
            continue;
        }
        let (ours, peer, note) = if size < LARGE {
            let times = bench.alternate(|| drain(size), || peer::drain(size, CONCURRENCY))?;
            before = times.peer;
            (times.ours, Some(times.peer), "")
        } else if before > PATIENCE {
            (bench.alone(|| drain(size))?, None, "kube skipped: too slow at the size before")
        } else {
            let ours = bench.alone(|| drain(size))?;
            let peer = bench.spawn(peer::drain(size, CONCURRENCY))?;
            (ours, Some(peer.as_secs_f64()), "kube: one round, no warm-up")
        };
        let cost = (ours / size as f64, peer.map(|peer| peer / size as f64));
        costs.push(cost);
        let floor = if size == COMPARED { Floor::Ratio(3.0) } else { Floor::Absent };
        table.push(row(bench, name, cost, floor, note));
    }
    grow(bench, table, "backlog, cost at 1,000,000 over 10,000", (&costs, Floor::Absent));
    Ok(())
}

/// What both sides' passes spend in the peer's store.
fn lookups(bench: &Bench, table: &mut Table) -> Result<()> {
    for (label, size) in SIZES {
        let name = format!("backlog, a look into the store of {label}");
        if !bench.wants(&name) {
            continue;
        }
        let cost = (bench.alone(|| async move { look_up(size) })? / size as f64, None);
        table.push(row(bench, name, cost, Floor::Absent, "on both sides, part of each pass"));
    }
    Ok(())
}

fn queue(bench: &Bench, table: &mut Table) -> Result<()> {
    let mut costs = Vec::new();
    for (label, size) in SIZES {
        let name = format!("queue pop, {label} keys");
        if !bench.wants(&name) {
            continue;
        }
        let cost = (bench.alone(|| async move { ours::pop(size) })? / size as f64, None);
        costs.push(cost);
        table.push(row(bench, name, cost, Floor::Absent, ""));
    }
    grow(bench, table, "queue pop, cost at 1,000,000 over 10,000", (&costs, Floor::AtMost(1.5)));
    Ok(())
}

/// One round of ours.
async fn drain(backlog: usize) -> Result<Duration> {
    let (store, _writer) = objects::filled(backlog);
    let keys = (0..backlog).map(|number| Key::from_obj(&objects::object(number)));
    let outcomes = ours::controller_behind(keys, store, CONCURRENCY, objects::nothing);
    let started = Instant::now();
    Ok(objects::finish(outcomes, backlog).await? - started)
}

/// Looks each object up once.
fn look_up(objects: usize) -> Result<Duration> {
    let (store, _writer) = objects::filled(objects);
    let keys: Vec<_> = (0..objects).map(|number| Key::from_obj(&objects::object(number))).collect();
    let started = Instant::now();
    let found = keys.iter().filter(|key| store.get(key).is_some()).count();
    let taken = started.elapsed();
    ensure!(found == objects, "{found} of {objects} were found");
    Ok(taken)
}

/// How much more a pass costs at the last size than at the first, if all were measured.
fn grow(
    bench: &Bench,
    table: &mut Table,
    name: &str,
    (costs, floor): (&[(f64, Option<f64>)], Floor),
) {
    let [first, .., last] = costs else { return };
    if costs.len() < SIZES.len() {
        return;
    }
    let peer = last.1.zip(first.1).map(|(last, first)| last / first);
    table.push(Row {
        unit: Unit::Times,
        ..row(bench, name.to_owned(), (last.0 / first.0, peer), floor, "")
    });
}

fn row(
    bench: &Bench,
    name: String,
    (ours, peer): (f64, Option<f64>),
    floor: Floor,
    note: &str,
) -> Row {
    let (flavour, note) = (bench.flavour, note.to_owned());
    Row { name, flavour, unit: Unit::PerOperation, ours, peer, floor, note }
}
