//! From none to N running workspaces and back.

use std::time::Duration;

use anyhow::Result;

use crate::bare::{Bare, End};
use crate::compose::{self, Compose};
use crate::options::Options;
use crate::ours::Ours;
use crate::pattern::Pattern;
use crate::stage::Stage;
use crate::table::{Row, Table, median};

/// The bare side may use the best of these.
const PARALLEL: [usize; 5] = [1, 2, 4, 8, 16];
/// How much longer than the engine alone we may take.
const MOST: f64 = 1.1;

/// The times of all rounds.
#[derive(Default)]
struct Times {
    ours_up: Vec<Duration>,
    ours_down: Vec<Duration>,
    bare_up: Vec<Duration>,
    bare_force: Vec<Duration>,
    bare_gentle: Vec<Duration>,
    compose_up: Vec<Duration>,
    compose_down: Vec<Duration>,
}

/// How many calls at a time were best.
struct Best {
    up: usize,
    down: usize,
}

/// One round of everybody after the other, so many times, and the rows.
pub async fn measure(
    stage: &Stage,
    options: &Options,
    ours: &Ours,
    pattern: &Pattern,
    table: &mut Table,
) -> Result<()> {
    let count = options.workspaces;
    let bare = Bare::new(stage, pattern);
    let best = search(&bare, count).await?;
    let compose = Compose::prepare(stage, pattern, count).await?;
    let mut times = Times::default();
    for round in 0..options.rounds {
        eprintln!("round {} of {} ...", round + 1, options.rounds);
        // Who goes first changes, so that nobody always finds what the other has left.
        if round % 2 == 0 {
            our_turn(stage, ours, count, &mut times).await?;
            bare_turn(&bare, count, &best, &mut times).await?;
        } else {
            bare_turn(&bare, count, &best, &mut times).await?;
            our_turn(stage, ours, count, &mut times).await?;
        }
        if let Some(compose) = &compose {
            times.compose_up.push(compose.bring_up(stage).await?);
            times.compose_down.push(compose.take_down(stage).await?);
            let (up, down) = (times.compose_up.last(), times.compose_down.last());
            eprintln!("  compose up {up:.3?}, down {down:.3?}");
        }
    }
    for row in rows(count, &times, &best) {
        table.push(row);
    }
    Ok(())
}

/// Tries every parallelism once; the best ones are used from there on.
async fn search(bare: &Bare<'_>, count: usize) -> Result<Best> {
    let (mut ups, mut downs) = (Vec::new(), Vec::new());
    for parallel in PARALLEL {
        let up = bare.bring_up(count, parallel).await?;
        let down = bare.take_down(count, parallel, End::Force).await?;
        eprintln!("bare API, {parallel:>2} at a time: up {up:.3?}, rm -f {down:.3?}");
        ups.push((up, parallel));
        downs.push((down, parallel));
    }
    let best = |tried: Vec<(Duration, usize)>| tried.into_iter().min().map_or(1, |(_, best)| best);
    Ok(Best { up: best(ups), down: best(downs) })
}

async fn our_turn(stage: &Stage, ours: &Ours, count: usize, times: &mut Times) -> Result<()> {
    let up = ours.bring_up(stage, count).await?;
    let down = ours.take_down(stage, count).await?;
    eprintln!("  trueup up {up:.3?}, down {down:.3?}");
    times.ours_up.push(up);
    times.ours_down.push(down);
    Ok(())
}

async fn bare_turn(bare: &Bare<'_>, count: usize, best: &Best, times: &mut Times) -> Result<()> {
    for end in [End::Force, End::Gentle] {
        let downs = match end {
            End::Force => &mut times.bare_force,
            End::Gentle => &mut times.bare_gentle,
        };
        let up = bare.bring_up(count, best.up).await?;
        let down = bare.take_down(count, best.down, end).await?;
        eprintln!("  bare API up {up:.3?}, {end:?} down {down:.3?}");
        times.bare_up.push(up);
        downs.push(down);
    }
    Ok(())
}

fn rows(count: usize, times: &Times, best: &Best) -> Vec<Row> {
    let at = |parallel| format!("best of {PARALLEL:?} at a time: {parallel}");
    let row = |name: &str, ours: &[Duration], peer: &str, theirs: &[Duration]| Row {
        name: format!("{name}, {count}"),
        ours: median(ours),
        peer: peer.to_owned(),
        theirs: median(theirs),
        most: None,
        note: String::new(),
    };
    let up = row("none to all running", &times.ours_up, "bare create+start", &times.bare_up);
    let down = row("all to none left", &times.ours_down, "bare rm -f", &times.bare_force);
    let gentle = row("all to none left", &times.ours_down, "bare stop+rm", &times.bare_gentle);
    let mut with_compose = [
        row("none to all running", &times.ours_up, "compose up -d", &times.compose_up),
        row("all to none left", &times.ours_down, "compose down", &times.compose_down),
    ];
    let about_compose = if times.compose_up.is_empty() { compose::MISSING } else { compose::NOTE };
    for row in &mut with_compose {
        about_compose.clone_into(&mut row.note);
    }
    let note = format!(
        "{}; it kills at once, we stop gently first (the command ends on TERM at once)",
        at(best.down)
    );
    let mut rows = vec![
        Row { most: Some(MOST), note: at(best.up), ..up },
        Row { most: Some(MOST), note, ..down },
        Row { note: at(best.down), ..gentle },
    ];
    rows.extend(with_compose);
    rows
}
