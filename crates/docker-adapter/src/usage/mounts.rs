//! Where control groups can be seen, by `/proc/self/mountinfo`.
//!
//! A mount may show a part of a hierarchy only, as in a container: then its root is stripped from the
//! path of a group, and groups outside of that root cannot be seen. Deliberately absent: mounting
//! anything, and looking again later; hierarchies do not move while a host is up.

use super::membership::Version;
use std::path::{Path, PathBuf};

/// The mounts of control groups.
#[derive(Debug, Default)]
pub(super) struct Mounts(Vec<Mount>);

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// Of version 1.
    controllers: Vec<String>,
    /// The group that is at the mount point.
    root: String,
    point: PathBuf,
}

impl Mounts {
    /// Reads the file. `base` is put before every mount point.
    pub(super) fn parse(text: &str, base: &Path) -> Self {
        Self(text.lines().filter_map(|line| mount(line, base)).collect())
    }

    /// Whether processor time and memory could be read of groups in here, in whichever version.
    pub(super) fn are_enough(&self) -> bool {
        let has = |controller: &str| {
            let of_v1 = |mount: &Mount| mount.controllers.iter().any(|it| it == controller);
            self.0.iter().any(|mount| mount.version == Version::V2 || of_v1(mount))
        };
        has("cpuacct") && has("memory")
    }

    /// The folders that may be a group's.
    pub(super) fn folders(
        &self,
        version: Version,
        controller: &str,
        group: &str,
    ) -> impl Iterator<Item = PathBuf> {
        let is_it = move |mount: &&Mount| {
            mount.version == version
                && (version == Version::V2 || mount.controllers.iter().any(|it| it == controller))
        };
        self.0.iter().filter(is_it).filter_map(move |mount| {
            let below = match mount.root.as_str() {
                "/" => group,
                root => group.strip_prefix(root)?,
            };
            let is_part = below.is_empty() || below.starts_with('/');
            let is_inside = !below.split('/').any(|part| part == "..");
            (is_part && is_inside).then(|| mount.point.join(below.trim_start_matches('/')))
        })
    }
}

/// `36 35 0:30 ROOT POINT OPTIONS [TAGS…] - TYPE SOURCE OPTIONS-OF-THE-FILE-SYSTEM`.
fn mount(line: &str, base: &Path) -> Option<Mount> {
    let (place, kind) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (root, point) = (unescape(place.next()?)?, unescape(place.next()?)?);
    let mut kind = kind.split(' ');
    let version = match kind.next()? {
        "cgroup" => Version::V1,
        "cgroup2" => Version::V2,
        _ => return None,
    };
    let options = kind.nth(1)?;
    let controllers = match version {
        Version::V1 => options.split(',').map(str::to_owned).collect(),
        Version::V2 => Vec::new(),
    };
    Some(Mount { version, controllers, root, point: base.join(point.trim_start_matches('/')) })
}

/// Spaces, tabs, line feeds and backslashes are written as three octal digits.
fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('\\');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(3)?;
        bytes.push(u8::from_str_radix(digits, 8).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [&Path; 0] = [];

    fn folders(text: &str, version: Version, controller: &str, group: &str) -> Vec<PathBuf> {
        Mounts::parse(text, Path::new("/")).folders(version, controller, group).collect()
    }

    #[test]
    fn joined_controllers_are_found_by_each_name() {
        let text = "1 2 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                    1 2 0:31 / /sys/fs/cgroup/memory rw shared:7 master:1 - cgroup cgroup rw,memory\n";
        assert!(Mounts::parse(text, Path::new("/")).are_enough());
        let found = folders(text, Version::V1, "cpuacct", "/docker/x");
        assert_eq!(found, [Path::new("/sys/fs/cgroup/cpu,cpuacct/docker/x")]);
        assert_eq!(folders(text, Version::V1, "pids", "/docker/x"), NONE);
        assert_eq!(folders(text, Version::V2, "memory", "/docker/x"), NONE);
    }

    #[test]
    fn the_root_of_a_mount_is_stripped_and_what_is_outside_cannot_be_seen() {
        let text = r"1 2 0:30 /docker/outer /sys/fs/a\040b rw - cgroup2 none rw,nsdelegate";
        let found = |group| folders(text, Version::V2, "memory", group);
        assert_eq!(found("/docker/outer/docker/x"), [Path::new("/sys/fs/a b/docker/x")]);
        for outside in ["/docker/x", "/docker/outerx/y", "/docker/outer/../x"] {
            assert_eq!(found(outside), NONE, "{outside}");
        }
    }

    #[test]
    fn a_group_above_our_own_namespace_is_seen_only_through_a_mount_from_there() {
        let own = "1 2 0:30 / /sys/fs/cgroup rw - cgroup2 none rw";
        assert_eq!(folders(own, Version::V2, "memory", "/../x"), NONE);
        let above = "1 2 0:30 /.. /host rw - cgroup2 none rw";
        assert_eq!(folders(above, Version::V2, "memory", "/../x"), [Path::new("/host/x")]);
    }

    #[test]
    fn other_mounts_and_odd_lines_are_left_out() {
        for text in [
            "",
            "1 2 0:30 / /sys rw - sysfs sysfs rw",
            "1 2 0:30 / /sys/fs/cgroup/memory rw cgroup cgroup rw,memory",
            "1 2 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
            r"1 2 0:30 / /sys\9 rw - cgroup2 none rw",
            r"1 2 0:30 / /sys\37 rw - cgroup2 none rw",
        ] {
            assert!(!Mounts::parse(text, Path::new("/")).are_enough(), "{text}");
        }
    }
}
