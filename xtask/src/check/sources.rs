//! Finds and reads the Rust files that the rules look at.
//!
//! Paths are relative to the root and sorted, so that findings come in the same order everywhere.
//! Deliberately absent: a cache; reading the whole tree takes less than a compiler's start.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file that is read and parsed.
pub(crate) struct Source {
    /// Relative to the root.
    pub(crate) file: PathBuf,
    pub(crate) text: String,
    pub(crate) tree: syn::File,
}

/// Reads and parses every Rust file below the folders, which are relative to the root.
pub(crate) fn parse(root: &Path, folders: &[PathBuf]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for file in files(root, folders)? {
        let text = read(root, &file)?;
        let tree = syn::parse_file(&text)
            .with_context(|| format!("{} is not valid Rust", file.display()))?;
        sources.push(Source { file, text, tree });
    }
    Ok(sources)
}

/// Every Rust file below the folders; build output and hidden folders aside.
pub(crate) fn files(root: &Path, folders: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> =
        folders.iter().filter(|folder| root.join(folder).is_dir()).cloned().collect();
    while let Some(folder) = waiting.pop() {
        for (name, is_folder) in entries(&root.join(&folder))? {
            let path = folder.join(&name);
            if is_folder && name != "target" && !name.starts_with('.') {
                waiting.push(path);
            } else if !is_folder && path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The folders of the packages in `crates/`, relative to the root.
pub(crate) fn packages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> = entries(&root.join("crates"))?
        .into_iter()
        .map(|(name, _)| Path::new("crates").join(name))
        .filter(|folder| root.join(folder).join("Cargo.toml").is_file())
        .collect();
    found.sort();
    Ok(found)
}

/// The text of a file.
pub(crate) fn read(root: &Path, file: &Path) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| format!("read {}", file.display()))
}

fn entries(folder: &Path) -> Result<Vec<(String, bool)>> {
    let context = || format!("list {}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let is_folder = entry.file_type().with_context(context)?.is_dir();
        found.push((entry.file_name().display().to_string(), is_folder));
    }
    Ok(found)
}
