//! Ten thousand lives of containers: they come, change, end at every moment, and leave their process
//! ids to others.
//!
//! Each run's figures tell its number, so that one figure of another run is noticed. The fates are
//! drawn from a fixed seed; a failure names the life that it came in.

use super::tree::{ID, LAYOUTS, Layout, Tree, Truth};
use crate::usage::{files::FilesGauge, run::Run};
use std::{
    fs,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use trueup_domain::{port::UsageError, usage::Reading};

const LIVES: u64 = 10_000;
/// So few that each is taken again and again.
const PIDS: std::ops::Range<u32> = 100..104;

fn id(life: u64) -> String {
    format!("{life:064x}")
}

/// The figures of a run at its n-th reading.
fn truth(life: u64, reading: u64) -> Truth {
    Truth::number(1 + life * 10 + reading)
}

fn is_that(reading: &Reading, truth: &Truth) -> bool {
    *reading == truth.reading(reading.at)
}

struct Life<'a> {
    tree: &'a Tree,
    number: u64,
    run: Run,
}

impl Life<'_> {
    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.tree.path(file)).unwrap()
    }

    /// Spoils one of its files and mends it again: no reading in between, and the right one after.
    fn spoil(&self, gauge: &mut FilesGauge, random: &mut fastrand::Rng) {
        let files = self.tree.group(&self.run.id, &truth(self.number, 1));
        let (file, text) = random.choice(files.iter()).unwrap();
        let cut = random.usize(..text.len());
        // A cut between two lines of a file of lines is no cut, as the kernel never makes one there.
        let cut = if text[..cut].ends_with('\n') { cut - 1 } else { cut };
        let is_list_that_may_be_empty = cut == 0 && file.ends_with("io.stat");
        // What is looked for may stand before the cut: a line's end shows that it is whole.
        let before = gauge.look().unwrap();
        self.tree.write(file, &text[..cut]);
        match gauge.look() {
            Err(UsageError::Unreadable(_)) => {}
            Ok(reading) if is_list_that_may_be_empty => assert_eq!(reading.cpu, before.cpu),
            other => panic!("life {}: {file} cut at {cut}: {other:?}", self.number),
        }
        self.tree.write(file, text);
        assert!(is_that(&gauge.look().unwrap(), &truth(self.number, 1)), "life {}", self.number);
    }

    /// The process ends, and its number goes to somebody else before anything is noticed.
    fn end(&self, heir: Option<u64>) {
        self.tree.remove(&format!("proc/{}", self.run.pid));
        if let Some(heir) = heir {
            self.tree.put(&id(heir), self.run.pid, &truth(heir, 7));
        }
    }
}

fn live(tree: &Tree, life: u64, random: &mut fastrand::Rng) {
    let host = tree.host();
    let pid = random.u32(PIDS);
    let run = tree.put(&id(life), pid, &truth(life, 0));
    let this = Life { tree, number: life, run };
    let heir = random.bool().then_some(life + LIVES);
    match random.u8(..5) {
        0 => {
            // It ends before it is opened.
            this.end(heir);
            tree.remove_group(&this.run.id);
            assert!(FilesGauge::open(&host, &this.run).is_err(), "life {life} was over");
        }
        1 => {
            // Its process ends, its group is still there.
            this.end(heir);
            assert!(FilesGauge::open(&host, &this.run).is_err(), "life {life} was over");
        }
        2 => {
            // Its group is removed, its process is still there.
            tree.remove_group(&this.run.id);
            assert!(FilesGauge::open(&host, &this.run).is_err(), "life {life} was over");
        }
        fate => {
            let mut gauge = FilesGauge::open(&host, &this.run).unwrap();
            assert!(is_that(&gauge.look().unwrap(), &truth(life, 0)), "life {life}");
            tree.put_group(&this.run.id, &truth(life, 1));
            let net = format!("proc/{pid}/net/dev");
            tree.put_process(&this.run.id, pid, &truth(life, 1));
            assert!(!this.text(&net).is_empty());
            assert!(is_that(&gauge.look().unwrap(), &truth(life, 1)), "life {life}");
            if fate == 3 {
                this.spoil(&mut gauge, random);
            }
            // The last figures of the run, whoever has its process id by now.
            this.end(heir);
            assert!(is_that(&gauge.look().unwrap(), &truth(life, 1)), "life {life}");
            tree.put_group(&this.run.id, &Truth { pids: 0, ..truth(life, 1) });
            assert_eq!(gauge.look(), Err(UsageError::Gone), "life {life}");
        }
    }
    tree.remove_group(&this.run.id);
    if heir.is_some() {
        tree.remove_group(&id(life + LIVES));
    }
    let _ = fs::remove_dir_all(tree.path(&format!("proc/{pid}")));
}

/// A quarter of them on each kind of host, side by side.
fn live_all(layout: Layout) {
    let tree = Tree::new(layout);
    let mut random = fastrand::Rng::with_seed(5);
    for life in 0..LIVES / LAYOUTS.len() as u64 {
        live(&tree, life, &mut random);
        assert_eq!(tree.open_descriptors(), 0, "{layout:?}: life {life} left a descriptor");
    }
}

#[tokio::test]
async fn ten_thousand_lives_leave_no_descriptor_and_give_no_wrong_number_on_version_1() {
    live_all(Layout::V1);
}

#[tokio::test]
async fn ten_thousand_lives_leave_no_descriptor_and_give_no_wrong_number_on_version_2() {
    live_all(Layout::V2);
}

#[tokio::test]
async fn ten_thousand_lives_leave_no_descriptor_and_give_no_wrong_number_on_both_at_once() {
    live_all(Layout::Hybrid);
}

#[tokio::test]
async fn ten_thousand_lives_leave_no_descriptor_and_give_no_wrong_number_in_a_container() {
    live_all(Layout::Nested);
}

/// A process id changes hands all the time while gauges are opened for the first of its two holders.
/// The folders are exchanged as a whole, as the kernel does it.
#[tokio::test]
async fn a_process_id_that_changes_hands_while_files_are_opened_gives_no_other_s_figures() {
    const PID: u32 = 4711;
    let tree = Tree::new(Layout::V1);
    let (host, stranger) = (tree.host(), id(2));
    let run = tree.put(ID, PID, &Truth::number(1));
    tree.put_group(&stranger, &Truth::number(2));
    let done = AtomicBool::new(false);
    let (mut opened, mut refused) = (0, 0);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (here, away) = (tree.path("proc/4711"), tree.path("away"));
            while !done.load(Ordering::Relaxed) {
                fs::rename(&here, &away).unwrap();
                tree.put_process(&stranger, PID, &Truth::number(2));
                thread::yield_now();
                fs::remove_dir_all(&here).unwrap();
                fs::rename(&away, &here).unwrap();
                thread::yield_now();
            }
        });
        for _ in 0..LIVES {
            match FilesGauge::open(&host, &run) {
                Ok(mut gauge) => {
                    opened += 1;
                    let reading = gauge.look().unwrap();
                    if !is_that(&reading, &Truth::number(1)) {
                        done.store(true, Ordering::Relaxed);
                        panic!("figures of another: {reading:?}");
                    }
                }
                Err(_) => refused += 1,
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(opened > 10 && refused > 10, "opened {opened}, refused {refused}");
    assert_eq!(tree.open_descriptors(), 0);
}

/// The number of a process is given on at some moment while its files are opened: first its groups are
/// another's, then its network.
#[tokio::test]
async fn a_process_that_becomes_another_s_while_files_are_opened_gives_no_other_s_network() {
    const PID: u32 = 4711;
    let tree = Tree::new(Layout::V2);
    let (host, stranger) = (tree.host(), id(2));
    let mut random = fastrand::Rng::with_seed(5);
    let (mut opened, mut refused) = (0, 0);
    let begin = Barrier::new(2);
    for attempt in 0..50_000 {
        if attempt >= 2_000 && opened > 10 && refused > 10 {
            break;
        }
        let run = tree.put(ID, PID, &Truth::number(1));
        tree.put_process(&stranger, PID + 1, &Truth::number(2));
        let (from, to) = (tree.path("proc/4712"), tree.path("proc/4711"));
        let moment = random.u32(..30_000);
        let outcome = thread::scope(|scope| {
            scope.spawn(|| {
                begin.wait();
                (0..moment).for_each(|_| std::hint::spin_loop());
                for file in ["cgroup", "net/dev"] {
                    fs::rename(from.join(file), to.join(file)).unwrap();
                }
            });
            begin.wait();
            FilesGauge::open(&host, &run)
        });
        match outcome {
            Ok(mut gauge) => {
                opened += 1;
                let network = gauge.look().unwrap().network;
                assert_eq!(network, Truth::number(1).network, "after {opened}");
            }
            Err(_) => refused += 1,
        }
    }
    assert!(opened > 10 && refused > 10, "opened {opened}, refused {refused}");
}
