//! What is read from the files of each kind of host, and what is refused.

use super::tree::{HOST_MEMORY, ID, LAYOUTS, Layout, Tree, Truth};
use crate::usage::{files::FilesGauge, files::in_use, host::Host, run::Run};
use std::{fs, time::Duration};
use tokio::time::Instant;
use trueup_domain::{
    port::{Gauge, UsageError},
    usage::{Source, Transfer},
};

const PID: u32 = 4711;
const OTHER: &str = "0674fb443a59a69f992b1da1abe45244175c4fe52fe4393a70ad3a8c8ebed742";

fn refused(host: &Host, run: &Run) -> String {
    match FilesGauge::open(host, run) {
        Err(UsageError::Unreadable(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn every_figure_is_read_on_every_kind_of_host() {
    for layout in LAYOUTS {
        let tree = Tree::new(layout);
        let host = tree.host();
        let run = tree.put(ID, PID, &Truth::number(1_000));
        let mut gauge = FilesGauge::open(&host, &run).unwrap();
        assert_eq!(gauge.source(), Source::ControlGroup);
        for n in [1_000, 1_001, 5_000_000] {
            let truth = Truth::number(n);
            tree.put(ID, PID, &truth);
            tokio::time::advance(Duration::from_secs(10)).await;
            let at = Instant::now() - host.began;
            assert_eq!(gauge.read().await, Ok(truth.reading(at)), "{layout:?} {n}");
        }
    }
}

#[tokio::test]
async fn without_a_limit_or_with_one_beyond_it_the_host_s_memory_is_the_limit() {
    for layout in LAYOUTS {
        let tree = Tree::new(layout);
        let host = tree.host();
        for (limit, seen) in
            [(None, HOST_MEMORY), (Some(64 << 20), 64 << 20), (Some(HOST_MEMORY + 1), HOST_MEMORY)]
        {
            let run = tree.put(ID, PID, &Truth { limit, ..Truth::number(3) });
            let mut gauge = FilesGauge::open(&host, &run).unwrap();
            assert_eq!(gauge.look().unwrap().memory_limit, seen, "{layout:?} {limit:?}");
        }
    }
}

#[test]
fn memory_is_that_without_inactive_file_cache_unless_there_is_nothing_else() {
    assert_eq!(in_use(100, 30), 70);
    assert_eq!(in_use(100, 0), 100);
    assert_eq!((in_use(100, 100), in_use(100, 120)), (100, 100));
}

#[tokio::test]
async fn a_process_that_is_another_s_or_cannot_be_seen_is_refused() {
    for layout in LAYOUTS {
        let tree = Tree::new(layout);
        let host = tree.host();
        let run = tree.put(ID, PID, &Truth::number(1));
        tree.put_process(OTHER, PID, &Truth::number(2));
        assert_eq!(refused(&host, &run), "its process is another one seen from here");
        tree.remove(&format!("proc/{PID}"));
        let why = refused(&host, &run);
        assert!(why.starts_with("its process 4711 cannot be seen from here ("), "{why}");
        assert_eq!(tree.open_descriptors(), 0);
    }
}

#[tokio::test]
async fn a_file_that_is_missing_is_named_and_only_block_devices_may_be_missing() {
    for layout in LAYOUTS {
        let tree = Tree::new(layout);
        let host = tree.host();
        for (file, _) in tree.group(ID, &Truth::number(1)) {
            let run = tree.put(ID, PID, &Truth::number(1));
            fs::remove_file(tree.path(&file)).unwrap();
            let name = file.rsplit('/').next().unwrap();
            if name.contains("io") {
                let mut gauge = FilesGauge::open(&host, &run).unwrap();
                assert_eq!(gauge.look().unwrap().block, Transfer::default());
            } else {
                let why = refused(&host, &run);
                assert_eq!(why, format!("its control group has no {name} that is seen here"));
            }
        }
        assert_eq!(tree.open_descriptors(), 0);
    }
}

#[tokio::test]
async fn a_kernel_before_linux_4_17_counts_block_devices_without_groups_below() {
    let tree = Tree::new(Layout::V1);
    let run = tree.put(ID, PID, &Truth::number(4));
    let file = format!("sys/fs/cgroup/blkio/docker/{ID}/blkio.throttle.io_service_bytes");
    fs::rename(tree.path(&format!("{file}_recursive")), tree.path(&file)).unwrap();
    let reading = FilesGauge::open(&tree.host(), &run).unwrap().look().unwrap();
    assert_eq!(reading.block, Truth::number(4).block);
}

#[tokio::test]
async fn garbage_in_any_file_gives_no_reading_and_says_which_file_until_it_is_mended() {
    for layout in LAYOUTS {
        let tree = Tree::new(layout);
        let host = tree.host();
        let truth = Truth::number(77);
        let run = tree.put(ID, PID, &truth);
        let mut gauge = FilesGauge::open(&host, &run).unwrap();
        let mut files = tree.group(ID, &truth);
        let net_dev = format!("proc/{PID}/net/dev");
        let text = fs::read_to_string(tree.path(&net_dev)).unwrap();
        files.push((net_dev, text));
        for (file, text) in files {
            let cut = &text[..text.len() - 1];
            for garbage in
                [cut, "-1\n", "\0\0\0\n", "12 34 x\n", "max min\n", "99999999999999999999\n"]
            {
                tree.write(&file, garbage);
                let problem = match gauge.look() {
                    Err(UsageError::Unreadable(problem)) => problem,
                    other => panic!("{layout:?} {file} {garbage:?}: {other:?}"),
                };
                let name = problem.split(' ').next().unwrap();
                assert!(file.ends_with(name), "{file}: {problem}");
                assert!(FilesGauge::open(&host, &run).is_err(), "opened {file} with {garbage:?}");
            }
            tree.write(&file, &text);
            assert_eq!(gauge.look().unwrap().cpu, Duration::from_millis(770));
        }
    }
}

#[tokio::test]
async fn a_group_without_a_process_is_a_run_that_is_over() {
    for layout in LAYOUTS {
        let tree = Tree::new(layout);
        let host = tree.host();
        let run = tree.put(ID, PID, &Truth::number(1));
        let mut gauge = FilesGauge::open(&host, &run).unwrap();
        tree.put_group(ID, &Truth { pids: 0, ..Truth::number(1) });
        assert_eq!(gauge.read().await, Err(UsageError::Gone));
        assert_eq!(FilesGauge::open(&host, &run).unwrap_err(), UsageError::Gone);
    }
}

#[tokio::test]
async fn a_network_that_is_the_host_s_counts_nothing() {
    let tree = Tree::new(Layout::V2);
    let host = tree.host();
    let network = |run: &Run| FilesGauge::open(&host, run).unwrap().look().unwrap().network;
    let mut run = tree.put(ID, PID, &Truth::number(9));
    assert_eq!(network(&run), Truth::number(9).network);
    // The engine says so, as with `--network host`.
    run.is_on_host_network = true;
    assert_eq!(network(&run), Transfer::default());
    // The kernel says so, as with the network of a container that is on the host's.
    run.is_on_host_network = false;
    let own = tree.path(&format!("proc/{PID}/net/dev"));
    fs::remove_file(&own).unwrap();
    fs::hard_link(tree.path("proc/1/net/dev"), &own).unwrap();
    assert_eq!(network(&run), Transfer::default());
    // It cannot be told.
    tree.remove("proc/1");
    assert!(refused(&host, &run).starts_with("the host's network cannot be seen from here"));
}

#[tokio::test]
async fn no_more_descriptors_are_kept_than_are_allowed() {
    let tree = Tree::new(Layout::V1);
    let host = Host::look(crate::usage::HostFiles { descriptors: 14, ..tree.files() }).unwrap();
    let run = tree.put(ID, PID, &Truth::number(1));
    let first = FilesGauge::open(&host, &run).unwrap();
    let second = FilesGauge::open(&host, &run).unwrap();
    assert_eq!(tree.open_descriptors(), 14, "each takes what it is counted for");
    let why = refused(&host, &run);
    assert!(why.starts_with("no more than 14 files may be kept open"), "{why}");
    drop(first);
    assert!(FilesGauge::open(&host, &run).is_ok());
    drop(second);
    assert_eq!(tree.open_descriptors(), 0);
}

#[test]
fn a_host_without_control_groups_is_none_to_read_from() {
    let tree = Tree::new(Layout::V2);
    tree.write("proc/self/mountinfo", "22 27 0:21 / /proc rw - proc proc rw\n");
    let why = Host::look(tree.files()).unwrap_err();
    assert_eq!(why, "no control groups for processor time and memory are mounted here");
    fs::remove_file(tree.path("proc/self/mountinfo")).unwrap();
    assert!(Host::look(tree.files()).unwrap_err().contains("mountinfo cannot be read"));
}
