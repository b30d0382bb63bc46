//! Project folders on this host: which may be mounted.
//!
//! A folder is judged by where it really is, after symbolic links are resolved: under one of the
//! configured roots and not a system directory. No roots, no projects.

use async_trait::async_trait;
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use trueup_domain::{
    observed::ProjectFolder,
    port::Projects,
    spec::{ProjectPath, check_not_system},
};

/// How long the file system may take: a dead network mount must not hold up a pass.
const PATIENCE: Duration = Duration::from_secs(2);

/// The folders below the configured roots.
#[derive(Debug, Clone)]
pub struct HostProjects {
    roots: Vec<PathBuf>,
}

impl HostProjects {
    /// Folders below these roots are allowed.
    pub const fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots }
    }
}

#[async_trait]
impl Projects for HostProjects {
    async fn look(&self, path: &ProjectPath) -> ProjectFolder {
        let (roots, path) = (self.roots.clone(), PathBuf::from(path.as_str()));
        let shown = path.display().to_string();
        let look = tokio::task::spawn_blocking(move || judge(&roots, &path));
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(Ok(folder)) => folder,
            Ok(Err(_)) => ProjectFolder::Forbidden(format!("`{shown}` could not be looked at")),
            Err(_) => ProjectFolder::Forbidden(format!(
                "the file system of `{shown}` did not answer within {} s",
                PATIENCE.as_secs()
            )),
        }
    }
}

fn judge(roots: &[PathBuf], path: &Path) -> ProjectFolder {
    let resolved = match path.canonicalize() {
        Ok(resolved) => resolved,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return missing(roots, path),
        Err(error) => {
            return ProjectFolder::Forbidden(format!("`{}`: {error}", path.display()));
        }
    };
    if let Err(why) = allow(roots, &resolved) {
        return ProjectFolder::Forbidden(why);
    }
    if !resolved.is_dir() {
        return ProjectFolder::Forbidden(format!("`{}` is not a directory", path.display()));
    }
    match resolved.into_os_string().into_string() {
        Ok(text) => ProjectFolder::Allowed(text),
        Err(_) => ProjectFolder::Forbidden(format!("`{}` is not UTF-8", path.display())),
    }
}

/// A path that does not exist is judged by its nearest ancestor that does, so that nobody learns
/// from the answer what exists outside the roots.
fn missing(roots: &[PathBuf], path: &Path) -> ProjectFolder {
    let nearest = path.ancestors().skip(1).find_map(|ancestor| {
        let resolved = ancestor.canonicalize().ok()?;
        path.strip_prefix(ancestor).ok().map(|rest| resolved.join(rest))
    });
    match nearest.as_deref().map(|place| allow(roots, place)) {
        Some(Ok(())) => ProjectFolder::Missing,
        Some(Err(why)) => ProjectFolder::Forbidden(why),
        None => ProjectFolder::Forbidden(format!("`{}` cannot be resolved", path.display())),
    }
}

fn allow(roots: &[PathBuf], resolved: &Path) -> Result<(), String> {
    check_not_system(resolved)?;
    let is_below = |root: &PathBuf| {
        let root = root.canonicalize().unwrap_or_else(|_| root.clone());
        resolved.starts_with(&root) && resolved != root
    };
    if roots.iter().any(is_below) {
        return Ok(());
    }
    let roots: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
    let allowed = if roots.is_empty() {
        "no project roots are configured (`projects.roots = [\"/srv/projects\"]`)".to_owned()
    } else {
        format!("allowed are folders below {}", roots.join(", "))
    };
    Err(format!("`{}` is not allowed as a project: {allowed}", resolved.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn folder(root: &tempfile::TempDir, name: &str) -> PathBuf {
        let path = root.path().join(name);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_folder_below_a_root_is_allowed_by_its_resolved_path() {
        let root = tempfile::tempdir().unwrap();
        let real = folder(&root, "projects/real");
        let link = root.path().join("projects/link");
        symlink(&real, &link).unwrap();
        let roots = [root.path().join("projects")];
        let resolved = real.canonicalize().unwrap().to_str().unwrap().to_owned();
        assert_eq!(judge(&roots, &link), ProjectFolder::Allowed(resolved));
    }

    #[test]
    fn a_link_that_leads_out_of_the_root_is_forbidden() {
        let root = tempfile::tempdir().unwrap();
        folder(&root, "projects");
        let outside = folder(&root, "outside");
        let link = root.path().join("projects/link");
        symlink(&outside, &link).unwrap();
        symlink("/etc", root.path().join("projects/etc")).unwrap();
        let roots = [root.path().join("projects")];
        for path in [link, root.path().join("projects/etc"), outside, roots[0].clone()] {
            let judged = judge(&roots, &path);
            assert!(
                matches!(judged, ProjectFolder::Forbidden(_)),
                "{}: {judged:?}",
                path.display()
            );
        }
    }

    #[test]
    fn a_missing_folder_below_a_root_is_missing_and_elsewhere_forbidden() {
        let root = tempfile::tempdir().unwrap();
        let roots = [folder(&root, "projects")];
        assert_eq!(judge(&roots, &roots[0].join("gone/deep")), ProjectFolder::Missing);
        let elsewhere = judge(&roots, &root.path().join("gone"));
        assert!(matches!(elsewhere, ProjectFolder::Forbidden(_)), "{elsewhere:?}");
    }

    #[test]
    fn without_roots_nothing_is_allowed() {
        let root = tempfile::tempdir().unwrap();
        let ProjectFolder::Forbidden(why) = judge(&[], &folder(&root, "a")) else {
            panic!("a folder was allowed")
        };
        assert!(why.contains("projects.roots"), "{why}");
    }
}
