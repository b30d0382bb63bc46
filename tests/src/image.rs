//! The test and demo image: built here, imported through the engine's API, never pulled.
//!
//! It holds one static binary, the folders that workspaces write to, and the two files that make
//! `user: "1000:1000"` work. The label carries the digest of the content, so that the same content
//! is imported once and a changed program replaces the old image. Deliberately absent: a
//! Dockerfile, a base image and a registry.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bollard::Docker;
use bollard::query_parameters::CreateImageOptionsBuilder;
use futures::TryStreamExt;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::workload;

/// What manifests and tests name as their image.
pub const IMAGE: &str = "trueup/workload:test";
/// The program inside the image.
pub const PROGRAM: &str = "/workload";

const REPOSITORY: &str = "trueup/workload";
const TAG: &str = "test";
const CONTENT_LABEL: &str = "trueup-test.content";
const IMPORT_DEADLINE: Duration = Duration::from_mins(2);
const LOCK_DEADLINE: Duration = Duration::from_mins(5);

/// Makes sure that the engine has [`IMAGE`] with the present content.
///
/// # Errors
/// If the program does not build or the engine refuses the import.
pub async fn ensure(docker: &Docker) -> Result<()> {
    let program = workload::build().await?;
    // Tests run as processes side by side; two imports would leave an image without a name.
    let _lock = lock(&workload::target_folder().join("import.lock")).await?;
    let archive = archive(&std::fs::read(&program).context("read the test program")?)?;
    let digest = hex(&Sha256::digest(&archive));
    if present(docker, &digest).await? {
        return Ok(());
    }
    tokio::time::timeout(IMPORT_DEADLINE, import(docker, archive, &digest))
        .await
        .with_context(|| format!("the import of {IMAGE} took more than {IMPORT_DEADLINE:?}"))?
}

async fn present(docker: &Docker, digest: &str) -> Result<bool> {
    match docker.inspect_image(IMAGE).await {
        Ok(image) => {
            let labels = image.config.and_then(|config| config.labels).unwrap_or_default();
            Ok(labels.get(CONTENT_LABEL).is_some_and(|found| found == digest))
        }
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => {
            Ok(false)
        }
        Err(error) => Err(error).with_context(|| format!("inspect {IMAGE}")),
    }
}

async fn import(docker: &Docker, archive: Vec<u8>, digest: &str) -> Result<()> {
    let changes = vec![
        format!("CMD [\"{PROGRAM}\", \"sleep\"]"),
        "ENV PATH=/".to_owned(),
        format!("LABEL {CONTENT_LABEL}={digest}"),
    ];
    let options = CreateImageOptionsBuilder::default()
        .from_src("-")
        .repo(REPOSITORY)
        .tag(TAG)
        .changes(changes)
        .build();
    let body = bollard::body_full(archive.into());
    docker
        .create_image(Some(options), Some(body), None)
        .try_collect::<Vec<_>>()
        .await
        .with_context(|| format!("import {IMAGE}"))?;
    Ok(())
}

/// The root file system as a tar archive; equal content gives equal bytes.
fn archive(program: &[u8]) -> Result<Vec<u8>> {
    const ACCOUNTS: &[u8] =
        b"root:x:0:0:root:/:/workload\ndev:x:1000:1000:dev:/home/dev:/workload\n";
    const GROUPS: &[u8] = b"root:x:0:\ndev:x:1000:\n";

    let mut archive = Builder::new(Vec::new());
    for (folder, mode) in [
        ("etc/", 0o755),
        ("home/", 0o755),
        ("home/dev/", 0o777),
        ("tmp/", 0o1777),
        ("workspace/", 0o777),
    ] {
        append(&mut archive, EntryType::Directory, folder, mode, &[])?;
    }
    append(&mut archive, EntryType::Regular, "etc/passwd", 0o644, ACCOUNTS)?;
    append(&mut archive, EntryType::Regular, "etc/group", 0o644, GROUPS)?;
    append(&mut archive, EntryType::Regular, "workload", 0o755, program)?;
    archive.into_inner().context("finish the image's archive")
}

fn append(
    archive: &mut Builder<Vec<u8>>,
    kind: EntryType,
    path: &str,
    mode: u32,
    content: &[u8],
) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    archive
        .append_data(&mut header, path, content)
        .with_context(|| format!("add {path} to the image's archive"))
}

/// Polls, as a blocking lock could not be given up at its deadline.
async fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    let deadline = tokio::time::Instant::now() + LOCK_DEADLINE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(TryLockError::WouldBlock) => bail!("{} is held by another", path.display()),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("lock {}", path.display()));
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_programs_give_equal_archives_and_other_programs_others() {
        assert_eq!(archive(b"one").unwrap(), archive(b"one").unwrap());
        assert_ne!(archive(b"one").unwrap(), archive(b"two").unwrap());
    }

    #[test]
    fn the_archive_holds_what_a_workspace_writes_to() {
        let bytes = archive(b"program").unwrap();
        let modes: Vec<(String, u32)> = tar::Archive::new(bytes.as_slice())
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let path = entry.path().unwrap().display().to_string();
                (path, entry.header().mode().unwrap())
            })
            .collect();
        for folder in ["workspace/", "home/dev/"] {
            assert!(modes.contains(&(folder.to_owned(), 0o777)), "{modes:?}");
        }
        assert!(modes.contains(&("tmp/".to_owned(), 0o1777)), "{modes:?}");
        assert!(modes.contains(&("workload".to_owned(), 0o755)), "{modes:?}");
    }
}
