//! Every file under `tests/manifests/bad` has one fault, and its first line says which:
//! `# expect: LINE:COLUMN words`, the place left out where it means nothing.
//!
//! The snapshot holds every message as a user reads it, so that a change of wording is read as a
//! diff.

#![expect(clippy::expect_used, reason = "a helper of tests may fail them")]

use std::{fmt::Write, fs, path::PathBuf};
use trueup_domain::manifest::{ManifestError, parse};

fn bad_manifests() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/manifests/bad");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder of bad manifests")
        .map(|entry| entry.expect("an entry of the folder").path())
        .collect();
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().expect("a file").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("a text file"))
    };
    paths.into_iter().map(read).collect()
}

#[test]
fn every_bad_manifest_is_refused_at_the_place_and_with_the_words_that_it_names() {
    let files = bad_manifests();
    assert!(files.len() >= 30, "only {} bad manifests were found", files.len());
    let mut unlike = String::new();
    for (name, text) in files {
        let expected = text
            .lines()
            .next()
            .and_then(|line| line.strip_prefix("# expect: "))
            .unwrap_or_else(|| panic!("{name} does not say what is expected of it"));
        let errors: Vec<ManifestError> = match parse(&name, &text) {
            Ok(_) => panic!("{name} was accepted"),
            Err(errors) => errors.into_iter().collect(),
        };
        let [error] = errors.as_slice() else {
            panic!("{name} has one fault, and {} errors: {errors:?}", errors.len());
        };
        let (place, words) = match expected.split_once(' ') {
            Some((place, words)) if place.starts_with(|c: char| c.is_ascii_digit()) => {
                (Some(place), words)
            }
            _ => (None, expected),
        };
        let found = format!("{}:{}", error.line(), error.column());
        if place.is_some_and(|place| place != found) || !error.message().contains(words) {
            let _ = writeln!(unlike, "expected {expected}\n{}", error.render_plain());
        }
    }
    assert!(unlike.is_empty(), "\n{unlike}");
}

#[test]
fn every_message_reads_as_it_did() {
    let mut all = String::new();
    for (name, text) in bad_manifests() {
        let errors = parse(&name, &text).expect_err(&name);
        let _ = writeln!(all, "{}", errors.render_plain());
    }
    insta::assert_snapshot!("bad_manifests", all);
}

#[test]
fn every_bad_manifest_has_advice() {
    for (name, text) in bad_manifests() {
        for error in &parse(&name, &text).expect_err(&name) {
            assert!(error.advice().is_some(), "no advice: {error}");
        }
    }
}
