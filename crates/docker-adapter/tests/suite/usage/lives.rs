//! Runs that end while they are measured, in every way in which a run can end.

use super::{open, read, without_processes};
use crate::support::{Bench, PATIENCE, words};
use bollard::query_parameters::{KillContainerOptions, RestartContainerOptionsBuilder};
use std::{fs, io, time::Duration};
use tokio::time::Instant;
use trueup_domain::{
    action::Action,
    container::{ContainerConfig, ContainerState},
    id::ContainerId,
    port::{Gauge, UsageError, UsageSource},
    usage::{Reading, Source},
};
use trueup_tests::image;

/// Reads until the run is over, and holds every reading to be of this run.
async fn read_to_the_end(gauge: &mut Box<dyn Gauge>, mut last: Reading) {
    let until = Instant::now() + PATIENCE;
    loop {
        match gauge.read().await {
            Ok(reading) => {
                assert!(reading.cpu >= last.cpu, "{last:?} and then {reading:?}");
                last = reading;
            }
            Err(UsageError::Gone) => return,
            // The engine has the ending container in hand.
            Err(UsageError::Unreadable(why) | UsageError::Unknown(why)) => assert!(!why.is_empty()),
        }
        assert!(Instant::now() < until, "it never ended: {last:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn open_descriptors() -> usize {
    let is_figure = |link: io::Result<fs::DirEntry>| {
        let target = fs::read_link(link.unwrap().path()).unwrap_or_default();
        target.starts_with("/sys/fs/cgroup") || target.ends_with("net/dev")
    };
    fs::read_dir("/proc/self/fd").unwrap().map(is_figure).filter(|it| *it).count()
}

/// Busy at first, so that a new run's counters are less than the old one's.
fn busy(bench: &Bench) -> ContainerConfig {
    let command = words(&[image::PROGRAM, "burn", "0.5"]);
    ContainerConfig { command: Some(command), ..bench.config("mortal") }
}

#[tokio::test]
async fn thirty_runs_that_end_are_told_to_be_over_and_leave_no_descriptor() {
    let bench = Bench::new().await;
    let usage = bench.usage();
    let restart = RestartContainerOptionsBuilder::default().t(0).build();
    let mut id = bench.run(&busy(&bench)).await;
    for life in 0..30 {
        let mut gauge = open(&usage, &id).await;
        let first = read(&mut gauge).await;
        assert!(open_descriptors() > 0);
        match life % 3 {
            0 => bench.docker.restart_container(id.as_str(), Some(restart.clone())).await.unwrap(),
            1 => {
                let kill = None::<KillContainerOptions>;
                bench.docker.kill_container(id.as_str(), kill).await.unwrap();
            }
            _ => bench.perform(Action::RemoveContainer(id.clone())).await.unwrap(),
        }
        read_to_the_end(&mut gauge, first).await;
        match life % 3 {
            0 => {}
            1 => {
                bench.wait_for(&id, ContainerState::Exited).await;
                assert_eq!(usage.open(&id).await.err(), Some(UsageError::Gone));
                bench.perform(Action::StartContainer(id.clone())).await.unwrap();
            }
            _ => {
                assert_eq!(usage.open(&id).await.err(), Some(UsageError::Gone));
                id = bench.run(&busy(&bench)).await;
            }
        }
        // Another run of the same name, or of the same container, is none of its business.
        let mut next = open(&usage, &id).await;
        read(&mut next).await;
        assert_eq!(gauge.read().await, Err(UsageError::Gone), "life {life}");
        drop((gauge, next));
        assert_eq!(open_descriptors(), 0, "life {life}");
    }
}

#[tokio::test]
async fn the_engine_s_figures_of_another_run_are_not_taken_for_this_one_s() {
    let bench = Bench::new().await;
    let (_folder, blind) = without_processes();
    let usage = bench.engine.usage(blind);
    let id = bench.run(&busy(&bench)).await;
    for _ in 0..3 {
        let mut gauge = usage.open(&id).await.unwrap();
        assert!(matches!(gauge.source(), Source::EngineStats { .. }));
        read(&mut gauge).await;
        let restart = RestartContainerOptionsBuilder::default().t(0).build();
        bench.docker.restart_container(id.as_str(), Some(restart)).await.unwrap();
        assert_eq!(gauge.read().await, Err(UsageError::Gone));
    }
    let mut gauge = usage.open(&id).await.unwrap();
    bench.perform(Action::RemoveContainer(id.clone())).await.unwrap();
    assert_eq!(gauge.read().await, Err(UsageError::Gone));
    assert_eq!(usage.open(&id).await.err(), Some(UsageError::Gone));
    assert!(usage.open(&ContainerId::new("no such")).await.is_err());
}
