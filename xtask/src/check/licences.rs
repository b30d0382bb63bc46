//! Every dependency has a licence that `deny.toml` allows.
//!
//! `deny.toml` is in cargo-deny's own format, so that tool can be used on it as well; here only its
//! `licenses.allow` and `graph.targets` are read. Deliberately absent: advisories, which need a
//! database from the network, and the texts of the licences.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{MetadataCommand, Package};
use spdx::{Expression, Licensee, ParseMode};

use super::finding::Finding;
use super::sources;

const DENY: &str = "deny.toml";
const LOCK: &str = "Cargo.lock";

/// Finds the packages from outside the workspace whose licence is not allowed.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>> {
    let rules = Rules::read(root)?;
    let mut command = MetadataCommand::new();
    // Without a platform cargo fetches what no platform of ours ever compiles.
    let platforms = rules.targets.iter().map(|target| format!("--filter-platform={target}"));
    let options = platforms.chain(["--all-features".to_owned()]).collect::<Vec<_>>();
    command.manifest_path(root.join("Cargo.toml")).other_options(options);
    let metadata = command.exec().context("ask cargo for the dependencies")?;
    // Written by the call above if it was not there.
    let lock = sources::read(root, Path::new(LOCK))?;
    let used: Vec<_> = metadata.resolve.iter().flat_map(|resolve| &resolve.nodes).collect();
    Ok(metadata
        .packages
        .iter()
        .filter(|package| !metadata.workspace_members.contains(&package.id))
        .filter(|package| used.iter().any(|node| node.id == package.id))
        .filter_map(|package| judge(package, &rules.allowed, &lock))
        .collect())
}

struct Rules {
    allowed: Vec<Licensee>,
    targets: Vec<String>,
}

impl Rules {
    fn read(root: &Path) -> Result<Self> {
        let text = sources::read(root, Path::new(DENY))?;
        let table: toml::Table = text.parse().with_context(|| format!("parse {DENY}"))?;
        let list = |section: &str, key: &str| -> Vec<String> {
            let list = table.get(section).and_then(|section| section.get(key)?.as_array());
            list.into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
        };
        let allowed = list("licenses", "allow")
            .iter()
            .map(|name| Licensee::parse(name).with_context(|| format!("{DENY} allows `{name}`")))
            .collect::<Result<_>>()?;
        Ok(Self { allowed, targets: list("graph", "targets") })
    }
}

fn judge(package: &Package, allowed: &[Licensee], lock: &str) -> Option<Finding> {
    let what = refusal(package.license.as_deref(), allowed)?;
    Some(Finding {
        file: LOCK.into(),
        line: line_of(package, lock),
        rule: "licence",
        what: format!("{} {}: {what}", package.name, package.version),
        why: "whoever uses the binary must be free to do so, without reading 400 licences",
        mend: format!("use another crate, or add the licence to `licenses.allow` in {DENY}"),
    })
}

fn refusal(licence: Option<&str>, allowed: &[Licensee]) -> Option<String> {
    let Some(text) = licence else { return Some("it names no licence".to_owned()) };
    // Lax, as older crates still write `MIT/Apache-2.0`.
    match Expression::parse_mode(text, ParseMode::LAX) {
        Err(_) => Some(format!("its licence `{text}` is no SPDX expression")),
        Ok(expression) => {
            let fine = expression.evaluate(|need| allowed.iter().any(|one| one.satisfies(need)));
            (!fine).then(|| format!("its licence `{text}` is not allowed"))
        }
    }
}

/// Where the lock file has the package: its name, and its version on the line after.
fn line_of(package: &Package, lock: &str) -> usize {
    let name = format!("name = \"{}\"", package.name);
    let version = format!("version = \"{}\"", package.version);
    let lines: Vec<&str> = lock.lines().collect();
    let found = lines.windows(2).position(|pair| pair == [name.as_str(), version.as_str()]);
    found.map_or(1, |index| index + 1)
}
