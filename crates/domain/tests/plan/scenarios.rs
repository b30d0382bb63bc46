//! Every file of `tests/scenarios` is run, and must come out as it is written.
//!
//! `UPDATE=1 cargo nextest run -p trueup-domain scenario` writes them as they come out; the change
//! is then read as a diff.

use crate::script::play;
use rstest::rstest;
use std::{env, fs, path::PathBuf};

#[rstest]
fn a_scenario_comes_out_as_it_is_written(#[files("tests/scenarios/*.txt")] path: PathBuf) {
    let written = fs::read_to_string(&path).unwrap();
    let played = play(&written);
    if env::var_os("UPDATE").is_some() {
        fs::write(&path, played).unwrap();
        return;
    }
    if let Some(difference) = first_difference(&written, &played) {
        panic!("{}: {difference}\n\nas played:\n\n{played}", path.display());
    }
}

fn first_difference(written: &str, played: &str) -> Option<String> {
    let end = "(the end)";
    let lines = written.lines().chain([end]).zip(played.lines().chain([end]));
    let (number, (old, new)) = lines.enumerate().find(|(_, (old, new))| old != new)?;
    Some(format!("line {}\n- {old}\n+ {new}", number + 1))
}
