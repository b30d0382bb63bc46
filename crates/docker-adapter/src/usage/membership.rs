//! Which control groups a process is in, by `/proc/<pid>/cgroup`.
//!
//! Invariant: a group is told only when its path names the container that it was looked up for, so
//! that a process id that belongs to somebody else is noticed. What is told is the container's own
//! group, also when its first process moved on to one below (as an init system or a nested engine
//! does): the figures of the container are those of the whole. Deliberately absent: where groups are
//! mounted.

/// The two interfaces of the kernel. A host may have controllers in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// One hierarchy for each controller or a few of them.
    V1,
    /// One hierarchy for all.
    V2,
}

/// The groups of one process of a container.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Membership {
    /// Controllers as they stand in the file (`cpu,cpuacct`; none of version 2) and the path of the
    /// container's group; `None` where the path does not name the container.
    groups: Vec<(String, Option<String>)>,
}

/// Why no group is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// No line of the file is about the controller.
    Absent,
    /// The process belongs to something else.
    Stranger,
}

impl Membership {
    /// Reads the file for the container with that id. Lines that are no lines of it are left out: then
    /// their controllers are absent.
    pub(super) fn parse(text: &str, id: &str) -> Self {
        let whole = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        let group = |line: &str| {
            let mut parts = line.splitn(3, ':');
            let (_, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            Some((controllers.to_owned(), own_group(path, id).map(str::to_owned)))
        };
        Self { groups: whole.filter_map(group).collect() }
    }

    /// The container's group in the hierarchy of that controller: of version 1, or else the one of
    /// version 2, which is in all controllers that are not in version 1.
    pub(super) fn group(&self, controller: &str) -> Result<(Version, &str), Refused> {
        let of_v1 = self.groups.iter().find(|(all, _)| all.split(',').any(|it| it == controller));
        let of_v2 = || self.groups.iter().find(|(controllers, _)| controllers.is_empty());
        let (version, found) = match of_v1 {
            Some((_, path)) => (Version::V1, path),
            None => (Version::V2, &of_v2().ok_or(Refused::Absent)?.1),
        };
        Ok((version, found.as_deref().ok_or(Refused::Stranger)?))
    }
}

/// The path up to the part that names the container: `<id>` or, under systemd, `docker-<id>.scope`.
fn own_group<'a>(path: &'a str, id: &str) -> Option<&'a str> {
    // A short or empty id would be named by about any path.
    if id.len() < 32 || !path.starts_with('/') {
        return None;
    }
    let mut end = 0;
    for part in path.split_inclusive('/') {
        end += part.len();
        let part = part.trim_end_matches('/');
        let in_scope = || part.strip_suffix(".scope")?.rsplit_once('-');
        if part == id || in_scope().is_some_and(|(_, named)| named == id) {
            return Some(path[..end].trim_end_matches('/'));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "e674fb443a59a69f992b1da1abe45244175c4fe52fe4393a70ad3a8c8ebed742";
    const OTHER: &str = "0674fb443a59a69f992b1da1abe45244175c4fe52fe4393a70ad3a8c8ebed742";

    fn v2(path: &str) -> Result<String, Refused> {
        let membership = Membership::parse(&format!("0::{path}\n"), ID);
        membership.group("memory").map(|(version, group)| {
            assert_eq!(version, Version::V2);
            group.to_owned()
        })
    }

    #[test]
    fn the_group_is_that_of_the_container_under_every_driver() {
        for group in [
            format!("/docker/{ID}"),
            format!("/system.slice/docker-{ID}.scope"),
            format!("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope"),
            format!("/docker/{OTHER}/docker/{ID}"),
            format!("/../docker-{ID}.scope"),
        ] {
            assert_eq!(v2(&group), Ok(group.clone()));
            assert_eq!(v2(&format!("{group}/init.scope")), Ok(group.clone()), "moved below");
            assert_eq!(
                v2(&format!("{group}/docker/{OTHER}")),
                Ok(group.clone()),
                "a nested engine"
            );
        }
    }

    #[test]
    fn a_path_that_does_not_name_the_container_is_a_stranger_s() {
        let (short, longer) = (&ID[..12], format!("{ID}0"));
        for path in [
            "/".to_owned(),
            "/init.scope".to_owned(),
            String::new(),
            ID.to_owned(),
            format!("/docker/{OTHER}"),
            format!("/docker/{short}"),
            format!("/docker/{longer}"),
            format!("/docker/x{ID}"),
            format!("/docker-{ID}.service"),
            // The group was removed, and its last process waits for its parent.
            format!("/docker/{ID} (deleted)"),
        ] {
            assert_eq!(v2(&path), Err(Refused::Stranger), "{path}");
        }
        let empty = Membership::parse("0::/docker/\n", "");
        assert_eq!(empty.group("memory"), Err(Refused::Stranger), "no id at all");
    }

    #[test]
    fn controllers_of_version_1_have_their_own_lines_and_the_others_are_in_version_2() {
        let text = format!("4:memory:/docker/{ID}\n2:cpu,cpuacct:/a/docker/{ID}\n0::/b/{ID}\n");
        let membership = Membership::parse(&text, ID);
        let group = |controller| membership.group(controller).unwrap();
        assert_eq!(group("memory"), (Version::V1, &*format!("/docker/{ID}")));
        assert_eq!(group("cpuacct"), (Version::V1, &*format!("/a/docker/{ID}")));
        assert_eq!(group("pids"), (Version::V2, &*format!("/b/{ID}")));
    }

    #[test]
    fn a_line_that_is_cut_off_or_odd_tells_no_group() {
        for text in [format!("0::/docker/{ID}"), "nonsense\n".to_owned(), String::new()] {
            assert_eq!(
                Membership::parse(&text, ID).group("memory"),
                Err(Refused::Absent),
                "{text}"
            );
        }
        let only_v1 = Membership::parse(&format!("4:memory:/docker/{ID}\n"), ID);
        assert_eq!(only_v1.group("pids"), Err(Refused::Absent));
    }
}
