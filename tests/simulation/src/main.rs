//! `cargo xtask sim`: many seeds, each a whole life of a controller.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "it talks to people, and measures real time outside of any simulation"
)]

use anyhow::{Result, bail};
use clap::Parser;
use std::{
    collections::BTreeMap,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use trueup_simulation::{Bug, Course, Finding, play, shrink};

/// How long a course that ended badly is made shorter for.
const SHRINKING: Duration = Duration::from_mins(1);

/// Plays courses drawn from seeds, and stops at the first one that breaks a rule.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim")]
struct Arguments {
    /// How many seeds are played.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// Play this seed alone, and print its course.
    #[arg(long)]
    seed: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Keep only these steps of the course (with `--seed`).
    #[arg(long, value_delimiter = ',', requires = "seed")]
    keep: Option<Vec<usize>>,
    /// How many workspaces there are.
    #[arg(long, default_value_t = 3)]
    workspaces: usize,
    /// How many simulated minutes something happens for.
    #[arg(long, default_value_t = 4)]
    minutes: u64,
    /// Make a known mistake: the run succeeds when the rule that it breaks is found to be broken.
    #[arg(long)]
    mutate: Option<Bug>,
    /// How many run side by side; the number of cores when not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Print all that happened (with `--seed`).
    #[arg(long, requires = "seed")]
    story: bool,
    /// Go on after a rule was broken.
    #[arg(long)]
    keep_going: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.workspaces == 0 {
        bail!("--workspaces must be at least 1");
    }
    match arguments.seed {
        Some(seed) => one(&arguments, seed),
        None => many(&arguments),
    }
}

fn draw(arguments: &Arguments, seed: u64) -> Course {
    Course::draw(seed, arguments.workspaces, Duration::from_secs(60 * arguments.minutes))
}

fn one(arguments: &Arguments, seed: u64) -> Result<ExitCode> {
    let whole = draw(arguments, seed);
    let course = arguments.keep.as_ref().map_or_else(|| whole.clone(), |keep| whole.only(keep));
    tell_course(&course);
    let played = play(&course, arguments.mutate)?;
    if arguments.story {
        for (at, line) in &played.story {
            println!("  {:>10.3} s  {line}", at.as_secs_f64());
        }
    }
    println!(
        "{:?} simulated, {} engine calls, {} commits, digest {:016x}",
        played.simulated, played.calls, played.commits, played.digest
    );
    if let Some(finding) = played.finding {
        println!("broken: {finding}");
        return Ok(ExitCode::FAILURE);
    }
    println!("seed {seed}: every rule holds");
    Ok(ExitCode::SUCCESS)
}

fn many(arguments: &Arguments) -> Result<ExitCode> {
    let jobs = arguments.jobs.or_else(|| thread::available_parallelism().ok().map(usize::from));
    let begin = Instant::now();
    let (next, broken) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let simulated = AtomicU64::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.unwrap_or(1))
            .map(|_| scope.spawn(|| work(arguments, &next, &broken, &simulated, begin)))
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|_| bail!("a run has panicked: see above"))
        })
    })?;
    let mut broken = broken.into_inner().unwrap_or_else(PoisonError::into_inner);
    broken.sort_by_key(|(seed, _)| *seed);
    let seeds = next.load(Ordering::SeqCst).min(arguments.seeds);
    let (took, hours) = (begin.elapsed(), simulated.load(Ordering::SeqCst) / 3600);
    println!(
        "{seeds} seeds in {took:.1?}, {:.1} a second, {hours} simulated hours",
        seeds as f64 / took.as_secs_f64()
    );
    for (seed, finding) in broken.iter().take(20) {
        println!("seed {seed}: {finding}");
    }
    conclude(arguments, &broken)
}

fn conclude(arguments: &Arguments, broken: &[(u64, Finding)]) -> Result<ExitCode> {
    if let Some(bug) = arguments.mutate {
        return Ok(conclude_mutation(bug, broken));
    }
    let Some((seed, finding)) = broken.first() else {
        println!("every rule holds");
        return Ok(ExitCode::SUCCESS);
    };
    explain(arguments, *seed, finding)?;
    Ok(ExitCode::FAILURE)
}

/// To be noticed for the rule that it breaks is what counts.
fn conclude_mutation(bug: Bug, broken: &[(u64, Finding)]) -> ExitCode {
    let mut counts = BTreeMap::<_, u64>::new();
    for (_, finding) in broken {
        *counts.entry(finding.rule).or_default() += 1;
    }
    println!("broken rules, and in how many runs: {counts:?}");
    let noticed = broken.iter().find(|(_, finding)| finding.rule == bug.rule());
    if let Some((seed, finding)) = noticed {
        println!("mutation {bug} is noticed at seed {seed}: {finding}");
        return ExitCode::SUCCESS;
    }
    println!("mutation {bug} is NOT noticed as a breach of {}", bug.rule());
    ExitCode::FAILURE
}

/// Makes the course shorter, and says how to play it again.
fn explain(arguments: &Arguments, seed: u64, finding: &Finding) -> Result<()> {
    let course = draw(arguments, seed);
    println!("making the course of seed {seed} shorter ...");
    let kept = shrink(&course, arguments.mutate, finding.rule, SHRINKING);
    let shorter = course.only(&kept);
    tell_course(&shorter);
    if let Some(finding) = play(&shorter, arguments.mutate)?.finding {
        println!("broken: {finding}");
    }
    let keep: Vec<_> = kept.iter().map(ToString::to_string).collect();
    println!(
        "replay: cargo xtask sim --seed {seed} --workspaces {} --minutes {} --keep {}",
        arguments.workspaces,
        arguments.minutes,
        keep.join(",")
    );
    Ok(())
}

fn work(
    arguments: &Arguments,
    next: &AtomicU64,
    broken: &Mutex<Vec<(u64, Finding)>>,
    simulated: &AtomicU64,
    begin: Instant,
) -> Result<()> {
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let is_over = number >= arguments.seeds;
        let mut found = broken.lock().unwrap_or_else(PoisonError::into_inner);
        let is_enough = |(_, finding): &(u64, Finding)| {
            arguments.mutate.is_none_or(|bug| finding.rule == bug.rule())
        };
        if is_over || (found.iter().any(is_enough) && !arguments.keep_going) {
            return Ok(());
        }
        drop(found);
        let seed = arguments.from + number;
        let played = play(&draw(arguments, seed), arguments.mutate)?;
        simulated.fetch_add(played.simulated.as_secs(), Ordering::SeqCst);
        if let Some(finding) = played.finding {
            // At once, as a long run may be cut short.
            eprintln!("seed {seed} is broken: {finding}");
            found = broken.lock().unwrap_or_else(PoisonError::into_inner);
            found.push((seed, finding));
        }
        if (number + 1).is_multiple_of(1_000) {
            let a_second = (number + 1) as f64 / begin.elapsed().as_secs_f64();
            eprintln!("{} seeds, {a_second:.1} a second", number + 1);
        }
    }
}

fn tell_course(course: &Course) {
    println!("seed {}: {} steps", course.seed, course.steps.len());
    for step in &course.steps {
        println!("  {:>3} {:>8.3} s  {:?}", step.number, step.at.as_secs_f64(), step.deed);
    }
}
