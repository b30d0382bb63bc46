//! The configuration's sources, rules and documentation.

use super::*;
use std::{collections::HashMap, path::Path};

const EXAMPLE: &str = include_str!("../../../../deploy/trueup.example.toml");

fn load(toml: &str, variables: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Settings, Error> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trueup.toml");
    std::fs::write(&file, toml).unwrap();
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    Settings::from_sources(Some(&file), own(variables).into_iter().collect(), &own(flags))
}

/// The error with its sources, as a user reads it.
fn told(result: Result<Settings, Error>) -> String {
    let error = result.unwrap_err();
    let first: &dyn std::error::Error = &error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[test]
fn the_later_source_wins() {
    let toml = "[engine]\nhost = \"unix:///file\"\nresync = \"5s\"\nstop_grace = \"1s\"";
    let variables =
        [("TRUEUP_ENGINE__HOST", "unix:///environment"), ("TRUEUP_ENGINE__RESYNC", "6s")];
    let settings = load(toml, &variables, &[("engine.host", "unix:///flag")]).unwrap();
    assert_eq!(settings.engine.host, "unix:///flag");
    assert_eq!(settings.engine.resync, Period::from_secs(6));
    assert_eq!(settings.engine.stop_grace, Period::from_secs(1));
    assert_eq!(settings.store, Store::default());
}

#[test]
fn numbers_lists_and_truths_can_come_from_the_environment() {
    let variables = [
        ("TRUEUP_RECONCILE__CONCURRENCY", "7"),
        ("TRUEUP_TELEMETRY__SAMPLE_RATIO", "0.5"),
        ("TRUEUP_PROJECTS__ROOTS", "/srv/a,/srv/b"),
    ];
    let settings = load("", &variables, &[("network.shards", "2")]).unwrap();
    assert_eq!(settings.reconcile.concurrency, 7);
    assert!((settings.telemetry.sample_ratio - 0.5).abs() < f64::EPSILON);
    assert_eq!(settings.projects.roots, [PathBuf::from("/srv/a"), PathBuf::from("/srv/b")]);
    assert_eq!(settings.network.shards, 2);
    for (written, roots) in
        [("[\"/srv/c\"]", vec!["/srv/c"]), ("/srv/c,/srv/d", vec!["/srv/c", "/srv/d"])]
    {
        let roots: Vec<_> = roots.into_iter().map(PathBuf::from).collect();
        let flags = [("projects.roots", written), ("network.publish_address", "0.0.0.0")];
        assert_eq!(load("", &variables, &flags).unwrap().projects.roots, roots);
        let variables = [("TRUEUP_PROJECTS__ROOTS", written)];
        assert_eq!(load("", &variables, &[]).unwrap().projects.roots, roots);
    }
}

#[test]
fn an_unknown_key_is_refused_wherever_it_stands() {
    for (toml, variables) in [
        ("[engine]\nhots = \"x\"", vec![]),
        ("[motor]\nhost = \"x\"", vec![]),
        ("", vec![("TRUEUP_ENGINE__HOTS", "x")]),
    ] {
        let told = told(load(toml, &variables, &[]));
        assert!(told.contains("unknown field"), "{told}");
    }
}

#[test]
fn a_bad_value_is_refused_and_its_key_is_named() {
    for (toml, key) in [
        ("[engine]\nresync = \"soon\"", "engine.resync"),
        ("[engine]\nresync = \"1ms\"", "engine.resync"),
        ("[api]\nlisten = \"0.0.0.0:7117\"", "api.listen"),
        ("[api]\nlisten = \"nowhere\"", "api.listen"),
        ("[reconcile]\nconcurrency = 0", "reconcile.concurrency"),
        ("[reconcile]\nconcurrency_per_owner = 0", "reconcile.concurrency_per_owner"),
        ("[reconcile]\nbackoff_base = \"2m\"", "reconcile.backoff_max"),
        ("[telemetry]\nsample_ratio = 2.0", "telemetry.sample_ratio"),
        ("[projects]\nroots = [\"relative\"]", "projects.roots"),
        ("[network]\nshards = 0", "network.shards"),
        ("[network]\nstrict_range = \"abc\"", "network.strict_range"),
        ("[network]\nstrict_range = \"10.0.0.0/30\"", "network.strict_range"),
        ("[usage]\ninterval = \"900ms\"", "usage.interval"),
        ("[usage]\ncpu_threshold = 101", "usage.cpu_threshold"),
        ("[usage]\nmemory_threshold = -1", "usage.memory_threshold"),
        ("[usage]\nhold = \"long\"", "usage.hold"),
    ] {
        let told = told(load(toml, &[], &[]));
        assert!(told.contains(key), "{toml}: {told}");
    }
}

#[test]
fn a_variable_with_one_underscore_too_few_is_refused_and_the_client_s_own_are_left_alone() {
    let told = told(load("", &[("TRUEUP_ENGINE_RESYNC", "5s")], &[]));
    assert!(told.contains("TRUEUP_ENGINE__RESYNC"), "{told}");
    let client = [("TRUEUP_HOST", "x"), ("TRUEUP_OWNER", "y"), ("TRUEUP_CONFIG", "z")];
    assert!(load("", &client, &[]).is_ok());
}

#[test]
fn a_file_that_was_named_and_is_not_there_is_an_error() {
    let missing = Path::new("/nonexistent/trueup.toml");
    let told = told(Settings::from_sources(Some(missing), HashMap::new(), &[]));
    assert!(told.contains("/nonexistent/trueup.toml"), "{told}");
}

#[test]
fn the_example_shows_the_defaults() {
    let shown = load(EXAMPLE, &[], &[]).unwrap();
    let mut defaults = Settings::default();
    // The one default that depends on the environment.
    defaults.engine.host.clone_from(&shown.engine.host);
    assert_eq!(shown, defaults);
}

#[test]
fn the_example_names_every_key_and_each_commented_one_is_valid() {
    let uncommented: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)) => rest,
            _ => line,
        })
        .collect::<Vec<_>>()
        .join("\n");
    let settings = load(&uncommented, &[], &[]).unwrap();
    assert!(settings.instance.id.is_some() && settings.network.strict_range.is_some());
    assert!(settings.reconcile.concurrency_per_owner.is_some());
    let all = serde_json::to_value(&settings).unwrap();
    for (section, keys) in all.as_object().unwrap() {
        assert!(EXAMPLE.contains(&format!("[{section}]")), "section {section} is not shown");
        for key in keys.as_object().unwrap().keys() {
            assert!(uncommented.contains(&format!("\n{key} = ")), "{section}.{key} is not shown");
        }
    }
}

fn is_key(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}
