//! Which package may depend on which.
//!
//! The table below is the architecture: what it does not allow is refused, and a package that it
//! does not know is refused too, so that a new one is a decision. It is read from the manifests and
//! not from the resolved graph, so that the finding points at the line to change. Deliberately
//! absent: dependencies on the outside world.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::de::{DeTable, DeValue};

use super::finding::Finding;
use super::sources;

/// A package in `crates/` and what it may depend on.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("trueup-domain", &[]),
    ("trueup-observability", &[]),
    ("trueup-store", &["trueup-domain"]),
    ("trueup-docker-adapter", &["trueup-domain"]),
    ("trueup-reconciler", &["trueup-domain"]),
    ("trueup-api", &["trueup-domain"]),
    ("trueup-engine-sim", &["trueup-domain"]),
    (
        "trueup-controller",
        &[
            "trueup-domain",
            "trueup-store",
            "trueup-docker-adapter",
            "trueup-reconciler",
            "trueup-observability",
            "trueup-api",
        ],
    ),
    ("trueup-cli", &["trueup-api", "trueup-controller"]),
    (
        "trueup-simulation",
        &["trueup-domain", "trueup-store", "trueup-reconciler", "trueup-engine-sim"],
    ),
];

/// What tests of any package may use besides.
const FOR_TESTS: &str = "trueup-tests";
const PREFIX: &str = "trueup-";
const TOOLING: &str = "xtask";
const WHY: &str = "the core stays free of engine and database only while nothing can reach them";

/// Finds the arrows that the table does not allow.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let names = renamed(root)?;
    let mut findings = Vec::new();
    for folder in sources::packages(root)? {
        findings.extend(check_package(root, folder.join("Cargo.toml"), &names)?);
    }
    Ok(findings)
}

fn check_package(
    root: &Path,
    file: PathBuf,
    names: &HashMap<String, String>,
) -> Result<Vec<Finding>> {
    let text = sources::read(root, &file)?;
    let manifest = parse(&text, &file)?;
    let name = manifest.get("package").and_then(|package| package.get_ref().get("name"));
    let (package, at) = name
        .and_then(|name| Some((name.get_ref().as_str()?.to_owned(), name.span().start)))
        .with_context(|| format!("{} names no package", file.display()))?;
    let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == package) else {
        return Ok(vec![Finding {
            file,
            line: line_of(&text, at),
            rule: "arrow",
            what: format!("the package `{package}` has no place in the architecture yet"),
            why: WHY,
            mend: "decide what it may depend on and add it to the table in xtask's check/arrows.rs"
                .to_owned(),
        }]);
    };
    let mut arrows = Vec::new();
    collect(&manifest, names, &mut arrows);
    let forbidden = arrows.into_iter().filter(|arrow| {
        let ours = arrow.to.starts_with(PREFIX) || arrow.to == TOOLING;
        // A package's tests may ask for more of its own features.
        let for_tests = arrow.in_tests && (arrow.to == FOR_TESTS || arrow.to == package);
        ours && !for_tests && !allowed.contains(&arrow.to.as_str())
    });
    Ok(forbidden
        .map(|arrow| Finding {
            file: file.clone(),
            line: line_of(&text, arrow.at),
            rule: "arrow",
            what: format!("`{package}` must not depend on `{}`", arrow.to),
            why: WHY,
            mend: mend(allowed),
        })
        .collect())
}

fn mend(allowed: &[&str]) -> String {
    let list = if allowed.is_empty() { "none of ours".to_owned() } else { allowed.join(", ") };
    format!("express the need as a port in trueup-domain; allowed here: {list}")
}

struct Arrow {
    to: String,
    /// Offset of the dependency's name in the manifest.
    at: usize,
    in_tests: bool,
}

/// All dependency tables of a manifest, those for single platforms included.
fn collect(manifest: &DeTable<'_>, names: &HashMap<String, String>, arrows: &mut Vec<Arrow>) {
    let kinds =
        [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)];
    for (kind, in_tests) in kinds {
        let table = manifest.get(kind).and_then(|value| value.get_ref().as_table());
        for (key, value) in table.into_iter().flatten() {
            let key_text = key.get_ref().as_ref();
            let renamed = package_of(value.get_ref()).or_else(|| names.get(key_text).cloned());
            let to = renamed.unwrap_or_else(|| key_text.to_owned());
            arrows.push(Arrow { to, at: key.span().start, in_tests });
        }
    }
    let targets = manifest.get("target").and_then(|value| value.get_ref().as_table());
    for (_, target) in targets.into_iter().flatten() {
        if let Some(table) = target.get_ref().as_table() {
            collect(table, names, arrows);
        }
    }
}

/// What the root manifest calls differently from its package name.
fn renamed(root: &Path) -> Result<HashMap<String, String>> {
    let file = Path::new("Cargo.toml");
    let text = sources::read(root, file)?;
    let manifest = parse(&text, file)?;
    let shared = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get_ref().get("dependencies"))
        .and_then(|dependencies| dependencies.get_ref().as_table());
    Ok(shared
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| {
            Some((key.get_ref().clone().into_owned(), package_of(value.get_ref())?))
        })
        .collect())
}

fn package_of(dependency: &DeValue<'_>) -> Option<String> {
    dependency.get("package")?.get_ref().as_str().map(str::to_owned)
}

fn parse<'t>(text: &'t str, file: &Path) -> Result<DeTable<'t>> {
    let parsed = DeTable::parse(text).with_context(|| format!("parse {}", file.display()))?;
    Ok(parsed.into_inner())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|&byte| byte == b'\n').count() + 1
}
