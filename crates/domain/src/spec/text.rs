//! Text values of a spec that have a form of their own: paths, images, users, variable names.
//!
//! Whether a project path exists and lies under a configured root is not decided here: that needs
//! the file system, and so the [`Projects`](crate::port::Projects) port.

use crate::checked::checked_text;
use std::path::Path;

checked_text! {
    /// A folder of the host: an absolute path, written out plainly, that is no system directory.
    ProjectPath, check_project
}
checked_text! {
    /// Where something is mounted in a workspace: an absolute path, not `/`, not a kernel file system.
    TargetPath, check_target
}
checked_text! {
    /// The directory that the command starts in; `/` is allowed.
    WorkingDir, check_absolute
}
checked_text! {
    /// An image reference, `[registry/]name[:tag][@digest]`.
    Image, check_image
}
checked_text! {
    /// `user`, `uid`, `user:group` or `uid:gid`.
    UnixUser, check_user
}
checked_text! {
    /// The name of an environment variable.
    EnvName, check_env_name
}
checked_text! {
    /// The key of a label; the prefix `trueup.` is ours.
    LabelKey, check_label_key
}

impl Default for TargetPath {
    fn default() -> Self {
        Self("/workspace".to_owned())
    }
}

/// Directories of the host that are never mounted, nor anything below them.
const SYSTEM_TREES: [&str; 11] =
    ["/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr"];
/// Directories of the host that are never mounted as a whole.
const SYSTEM_DIRECTORIES: [&str; 11] = [
    "/", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/var", "/var/lib", "/var/log",
];
/// Where the engine keeps its own state and sockets.
const ENGINE_TREES: [&str; 3] = ["/var/lib/docker", "/var/lib/containerd", "/var/run"];

/// Why a path of the host may not be mounted at all, whatever the configured roots say.
pub fn check_not_system(path: &Path) -> Result<(), String> {
    let inside =
        SYSTEM_TREES.iter().chain(&ENGINE_TREES).find(|directory| path.starts_with(directory));
    let exactly = SYSTEM_DIRECTORIES.iter().find(|directory| path == Path::new(directory));
    match inside.or(exactly) {
        Some(directory) => Err(format!(
            "`{}` is not allowed: `{directory}` is a system directory; use a project folder",
            path.display()
        )),
        None => Ok(()),
    }
}

fn check_absolute(text: &str) -> Result<(), String> {
    if !text.starts_with('/') {
        return Err(format!("`{text}` is not an absolute path; it must begin with `/`"));
    }
    if text.contains(['\0', '\n']) {
        return Err("a path may not hold a line break or a NUL".to_owned());
    }
    let strange = text[1..]
        .trim_end_matches('/')
        .split('/')
        .find(|part| matches!(*part, "." | "..") || (part.is_empty() && text.len() > 1));
    match strange {
        Some(part) => Err(format!("`{text}` has a part `{part}`; write the path out plainly")),
        None => Ok(()),
    }
}

fn check_project(text: &str) -> Result<(), String> {
    check_absolute(text)?;
    check_not_system(Path::new(text))
}

fn check_target(text: &str) -> Result<(), String> {
    check_absolute(text)?;
    if text.contains(':') {
        return Err(format!("`{text}` may not contain `:`"));
    }
    let path = Path::new(text);
    if path == Path::new("/") || ["/proc", "/sys", "/dev"].iter().any(|tree| path.starts_with(tree))
    {
        return Err(format!("nothing can be mounted at `{text}`; use a path like `/workspace`"));
    }
    Ok(())
}

fn check_image(text: &str) -> Result<(), String> {
    let fail = |why: &str| Err(format!("image `{text}` {why}; write for example `debian:12`"));
    if text.is_empty() {
        return fail("is empty");
    }
    if text.len() > 512 {
        return Err("an image reference has 512 characters at most".to_owned());
    }
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    if let Some(digest) = digest {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
            return fail("has a digest that is not `sha256:` and 64 hex digits");
        }
    }
    let last_part = name.rsplit('/').next().unwrap_or(name);
    let (repository, tag) = match last_part.split_once(':') {
        Some((part, tag)) => (&name[..name.len() - last_part.len() + part.len()], Some(tag)),
        None => (name, None),
    };
    if tag.is_some_and(|tag| {
        tag.is_empty() || tag.len() > 128 || !tag.bytes().all(|b| is_word(b) || b == b'.')
    }) {
        return fail("has a bad tag");
    }
    let host_and_path = repository.split('/').enumerate();
    for (index, part) in host_and_path {
        let host_port = index == 0 && repository.contains('/');
        let good = |b: u8| {
            b.is_ascii_lowercase()
                || b.is_ascii_digit()
                || b"._-".contains(&b)
                || (host_port && (b == b':' || b.is_ascii_uppercase()))
        };
        if part.is_empty() || !part.bytes().all(good) {
            return fail("is not a valid reference (lower-case letters, digits, `.`, `_`, `-`)");
        }
    }
    Ok(())
}

fn check_user(text: &str) -> Result<(), String> {
    let good = |part: &str| {
        !part.is_empty() && !part.starts_with('-') && part.bytes().all(|b| is_word(b) || b == b'.')
    };
    let mut parts = text.split(':');
    if parts.clone().count() <= 2 && parts.all(good) {
        Ok(())
    } else {
        Err(format!("`{text}` is not a user; write `user`, `uid` or `\"uid:gid\"`"))
    }
}

fn check_env_name(text: &str) -> Result<(), String> {
    if text.is_empty() || text.contains(['=', '\0']) {
        return Err(format!("`{text}` is not a name of an environment variable"));
    }
    Ok(())
}

fn check_label_key(text: &str) -> Result<(), String> {
    if text.starts_with("trueup.") {
        return Err(format!(
            "label `{text}`: the prefix `trueup.` is reserved; choose another one"
        ));
    }
    if text.is_empty()
        || text.len() > 253
        || !text.bytes().all(|b| is_word(b) || b"./".contains(&b))
    {
        return Err(format!("label `{text}` must be letters, digits, `.`, `_`, `-`, `/`"));
    }
    Ok(())
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reference_is_checked_for_its_form() {
        for good in [
            "debian",
            "debian:12",
            "trueup/workload:test",
            "registry.example:5000/team/app:v1.2",
            &format!("debian@sha256:{}", "a".repeat(64)),
        ] {
            assert_eq!(check_image(good), Ok(()), "{good}");
        }
        for bad in ["", "Debian", "debian:", "a b", "debian@sha256:12", "/debian", "a//b", "x:y z"]
        {
            assert!(check_image(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_system_directory_is_no_project() {
        for bad in ["/", "/etc", "/etc/ssh", "/var/run/docker.sock", "/home", "/srv", "/usr/local"]
        {
            assert!(check_project(bad).is_err(), "{bad} was accepted");
        }
        for good in ["/srv/projects/a", "/home/alice/work", "/etcetera", "/tmp/scratch"] {
            assert_eq!(check_project(good), Ok(()), "{good}");
        }
        for bad in ["relative", "/a/../etc", "/a//b", "/a/./b"] {
            assert!(check_project(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn a_target_is_neither_the_root_nor_a_kernel_file_system() {
        for bad in ["/", "/proc", "/sys/fs", "/dev/shm", "workspace", "/a:b"] {
            assert!(check_target(bad).is_err(), "{bad} was accepted");
        }
        assert_eq!(check_target("/home/dev"), Ok(()));
    }

    #[test]
    fn a_user_is_a_name_or_ids() {
        for good in ["root", "1000", "1000:1000", "dev:dev"] {
            assert_eq!(check_user(good), Ok(()), "{good}");
        }
        for bad in ["", ":", "a:b:c", "a b", "-x", "1000:"] {
            assert!(check_user(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
