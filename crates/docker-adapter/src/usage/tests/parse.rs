//! The parsers against everything that may stand in a file.

use crate::usage::{membership::Membership, mounts::Mounts, parse::*};
use proptest::prelude::*;
use std::path::Path;
use trueup_domain::usage::Transfer;

fn transfer(inward: u64, outward: u64) -> Transfer {
    Transfer { inward, outward }
}

#[test]
fn a_number_is_digits_and_a_line_feed_and_nothing_else() {
    assert_eq!(number(b"0\n"), Ok(0));
    assert_eq!(number(b"18446744073709551615\n"), Ok(u64::MAX));
    assert_eq!(limit(b"max\n"), Ok(u64::MAX));
    assert_eq!(limit(b"4096\n"), Ok(4096));
    for odd in
        ["", "\n", "12", "+1\n", "-1\n", " 1\n", "1 \n", "1\n\n", "0x1\n", "18446744073709551616\n"]
    {
        assert!(number(odd.as_bytes()).is_err(), "{odd:?}");
        assert!(limit(odd.as_bytes()).is_err(), "{odd:?}");
    }
    assert!(number(b"max\n").is_err() && limit(b"max").is_err());
}

#[test]
fn a_key_is_a_whole_word() {
    let text = b"inactive_file_x 1\ntotal_inactive_file 2\ninactive_file 3\n";
    assert_eq!(keyed(text, "inactive_file"), Ok(3));
    assert_eq!(keyed(text, "total_inactive_file"), Ok(2));
    assert!(keyed(text, "inactive").is_err());
    assert!(keyed(&text[..text.len() - 1], "inactive_file").is_err());
}

#[test]
fn devices_are_summed_up_in_both_forms() {
    let v1 = b"8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Total 30\n9:0 Read 1\n9:0 Write 2\nTotal 33\n";
    assert_eq!(throttled(v1), Ok(transfer(11, 22)));
    assert_eq!(throttled(b"Total 0\n"), Ok(Transfer::default()));
    for odd in [
        "",
        "8:0 Read 10\n",
        "8:0 Read 10\nTotal 9\n",
        "8:0 Read 1\nTotal 1\nTotal 1\n",
        "Total 1\n8:0 Read 1\n",
        "8:0 Read\nTotal 0\n",
        "Read 8:0 1\nTotal 1\n",
    ] {
        assert!(throttled(odd.as_bytes()).is_err(), "{odd:?}");
    }
    // As Linux 5 wrote devices without figures: on the line of the next.
    let v2 = b"7:0 7:1 8:0 rbytes=10 wbytes=20 rios=1 wios=1 dbytes=5 dios=1\n9:0 \n9:1 rbytes=1 wbytes=2\n";
    assert_eq!(io_stat(v2), Ok(transfer(11, 22)));
    assert_eq!(io_stat(b""), Ok(Transfer::default()));
    for odd in ["8:0 rbytes= wbytes=1\n", "8:0 rbytes=1x\n", "some words\n", "8:0 rbytes=1"] {
        assert!(io_stat(odd.as_bytes()).is_err(), "{odd:?}");
    }
}

const HEADINGS: &str = "Inter-|   Receive    |  Transmit\n face |bytes    packets errs\n";

#[test]
fn interfaces_are_summed_up_without_loopback() {
    let row = |name: &str, inward: u64, outward: u64| {
        format!("{name}:{inward} 1 0 0 0 0 0 0 {outward} 1 0 0 0 0 0 0\n")
    };
    let text = [HEADINGS, &row("    lo", 7, 7), &row("  eth0", 10, 20), &row("lo0", 1, 2)].concat();
    assert_eq!(net_dev(text.as_bytes()), Ok(transfer(11, 22)));
    assert_eq!(net_dev(HEADINGS.as_bytes()), Ok(Transfer::default()));
    for odd in
        ["", "Inter-|\n", &text[10..], &text.replace("20 1", "20 x"), &text.replace(" 1 0", "")]
    {
        assert!(net_dev(odd.as_bytes()).is_err(), "{odd:?}");
    }
    let beyond = [HEADINGS, &row("a", u64::MAX, 0), &row("b", 1, 0)].concat();
    assert!(net_dev(beyond.as_bytes()).is_err());
}

#[test]
fn the_host_s_memory_is_in_units_of_1024() {
    assert_eq!(host_memory(b"MemTotal:       24683656 kB\nMemFree: 1 kB\n"), Ok(24_683_656 * 1024));
    for odd in ["", "MemFree: 1 kB\n", "MemTotal: 1\n", "MemTotal: 1 MB\n", "MemTotal: 1 kB"] {
        assert!(host_memory(odd.as_bytes()).is_err(), "{odd:?}");
    }
}

fn counts() -> impl Strategy<Value = Vec<(u64, u64)>> {
    proptest::collection::vec((0..1_u64 << 56, 0..1_u64 << 56), 0..6)
}

fn total(rows: &[(u64, u64)]) -> Transfer {
    transfer(rows.iter().map(|row| row.0).sum(), rows.iter().map(|row| row.1).sum())
}

fn written(rows: &[(u64, u64)], row: impl Fn(usize, u64, u64) -> String) -> String {
    let all: Vec<String> = rows.iter().enumerate().map(|(n, (i, o))| row(n, *i, *o)).collect();
    all.concat()
}

/// All ways of cutting a text off within a line.
fn cuts(text: &str) -> impl Iterator<Item = &[u8]> {
    (1..text.len()).filter(|end| !text[..*end].ends_with('\n')).map(|end| &text.as_bytes()[..end])
}

proptest! {
    #[test]
    fn nothing_that_may_stand_in_a_file_makes_a_parser_panic(text in ".{0,200}", bytes: Vec<u8>) {
        for text in [text.as_bytes(), &bytes, &[&bytes[..], b"\n"].concat()] {
            let _ = (number(text), limit(text), keyed(text, "a"), throttled(text), io_stat(text));
            let _ = (net_dev(text), host_memory(text));
            let after = [HEADINGS.as_bytes(), text].concat();
            let _ = net_dev(&after);
        }
        let _ = Membership::parse(&text, &"a".repeat(64)).group("memory");
        let mounts = Mounts::parse(&text, Path::new("/"));
        let _ = mounts.are_enough();
    }

    #[test]
    fn every_number_is_read_as_it_was_written_and_no_cut_of_it(value: u64) {
        let text = format!("{value}\n");
        prop_assert_eq!(number(text.as_bytes()), Ok(value));
        for cut in cuts(&text) {
            prop_assert!(number(cut).is_err());
        }
    }

    #[test]
    fn devices_of_version_1_are_summed_up_and_no_cut_of_them_is(rows in counts()) {
        let all = total(&rows);
        let row = |n, i, o| format!("8:{n} Read {i}\n8:{n} Write {o}\n8:{n} Total {}\n", i + o);
        let text = [written(&rows, row), format!("Total {}\n", all.total())].concat();
        prop_assert_eq!(throttled(text.as_bytes()), Ok(all));
        // Here also a cut between two lines is noticed.
        for end in 0..text.len() {
            prop_assert!(throttled(&text.as_bytes()[..end]).is_err());
        }
    }

    #[test]
    fn devices_of_version_2_are_summed_up_and_no_cut_of_them_is(rows in counts()) {
        let text = written(&rows, |n, i, o| {
            format!("8:{n} rbytes={i} wbytes={o} rios=1 wios=2 dbytes=3 dios=4\n")
        });
        prop_assert_eq!(io_stat(text.as_bytes()), Ok(total(&rows)));
        for cut in cuts(&text) {
            prop_assert!(io_stat(cut).is_err());
        }
    }

    #[test]
    fn interfaces_are_summed_up_and_no_cut_of_them_is(rows in counts()) {
        let lines = written(&rows, |n, i, o| {
            format!("  eth{n}: {i} 2 0 0 0 0 0 0 {o} 3 0 0 0 0 0 0\n")
        });
        let text = [HEADINGS, &lines].concat();
        prop_assert_eq!(net_dev(text.as_bytes()), Ok(total(&rows)));
        for cut in cuts(&text) {
            prop_assert!(net_dev(cut).is_err());
        }
    }
}
