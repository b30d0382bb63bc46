//! Manifests from files, folders and standard input. All of them are good, or none is used.

use crate::error::Error;
use clap::Args;
use std::{
    collections::HashSet,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};
use trueup_api::domain::{
    manifest::{self, Document, MAX_BYTES, Manifest, ManifestErrors},
    name::Owner,
};

/// Where manifests come from.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// A file, a folder (its *.yaml, *.yml and *.json, not those of folders in it) or `-` for
    /// standard input. May be repeated.
    #[arg(short = 'f', long = "file", value_name = "FILE|DIR|-")]
    pub(crate) files: Vec<PathBuf>,
}

impl Sources {
    /// Reads everything, as that owner's if there is one; the error shows all that is wrong with
    /// all files.
    pub(crate) fn read(&self, owner: Option<&Owner>) -> Result<Vec<Manifest>, Error> {
        let mut documents = Vec::new();
        let mut errors: Option<ManifestErrors> = None;
        for path in self.expand()? {
            let (name, bytes) = read_one(&path)?;
            match manifest::parse_documents(&name, &bytes) {
                Ok(more) => documents.extend(more),
                Err(_) if !is_named_as_one(&path) && !manifest::looks_like_manifest(&bytes) => {
                    return Err(Error::NoManifest { path });
                }
                Err(more) => match &mut errors {
                    Some(errors) => errors.extend(more),
                    None => errors = Some(more),
                },
            }
        }
        if let Some(errors) = errors {
            return Err(Error::Manifests(errors));
        }
        if let Some(owner) = owner {
            manifest::set_owner(&mut documents, owner).map_err(Error::Manifests)?;
        }
        manifest::check_unique(&documents).map_err(Error::Manifests)?;
        Ok(documents.into_iter().map(|Document { manifest, .. }| manifest).collect())
    }

    /// Folders replaced by their manifests, sorted by name. No file may be meant twice.
    fn expand(&self) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        let mut seen = HashSet::new();
        for path in &self.files {
            let more = if path.is_dir() { list(path)? } else { vec![path.clone()] };
            // What cannot be resolved cannot be read either, which is said later.
            let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
            if let Some(path) = more.iter().find(|path| seen.contains(&real(path))) {
                return Err(Error::GivenTwice { path: path.clone() });
            }
            seen.extend(more.iter().map(real));
            files.extend(more);
        }
        Ok(files)
    }
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |source| Error::Read { path: folder.to_owned(), source };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if has_extension(&path) && !path.is_dir() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(Error::EmptyFolder { path: folder.to_owned() });
    }
    files.sort();
    Ok(files)
}

fn has_extension(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(extension, Some("yaml" | "yml" | "json"))
}

/// Whether its name says that it is a manifest; standard input has no name.
fn is_named_as_one(path: &Path) -> bool {
    has_extension(path) || path == Path::new("-")
}

/// The text and what to call it. Reads no more than the parser would take, and one byte to tell.
fn read_one(path: &Path) -> Result<(String, Vec<u8>), Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let limit = MAX_BYTES as u64 + 1;
    if path == Path::new("-") {
        io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(failed)?;
        return Ok(("standard input".to_owned(), bytes));
    }
    let file = fs::File::open(path).map_err(failed)?;
    file.take(limit).read_to_end(&mut bytes).map_err(failed)?;
    Ok((path.display().to_string(), bytes))
}
