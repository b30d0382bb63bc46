//! Builds the test program (`tests/workload`) as one static binary.
//!
//! It is built in a target folder of its own, with the C runtime linked in, so that neither the
//! flags nor the build lock of the surrounding `cargo test` are touched. Cargo's own check makes
//! a second build free. Deliberately absent: another target triple; the host's is enough, as the
//! engine under test runs on the host.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

const PACKAGE: &str = "trueup-workload";
const BUILD_DEADLINE: std::time::Duration = std::time::Duration::from_mins(10);

/// The path of the binary, built if it is missing or older than its source.
///
/// # Errors
/// If cargo fails; its output is in the error.
pub async fn build() -> Result<PathBuf> {
    let triple = host_triple().await?;
    let target = target_folder();
    let output = run(Command::new(cargo())
        .current_dir(workspace_root())
        .args(["rustc", "--quiet", "--release", "--package", PACKAGE, "--target", &triple])
        .arg("--target-dir")
        .arg(&target)
        // Flags for this one package; RUSTFLAGS would reach its build scripts and dependencies.
        .args(["--", "-C", "target-feature=+crt-static"]))
    .await;
    output.context("cannot build the test program")?;
    Ok(target.join(triple).join("release").join(PACKAGE))
}

/// Where the workload's build, and whatever belongs to its image, is kept.
pub fn target_folder() -> PathBuf {
    let shared = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace_root().join("target"), PathBuf::from);
    workspace_root().join(shared).join("workload")
}

/// Cargo says at run time where the running package is; what was compiled in may be another
/// checkout, if two of them share a target folder.
pub(crate) fn workspace_root() -> PathBuf {
    let compiled = env!("CARGO_MANIFEST_DIR");
    let own = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or(compiled.into()));
    let holds_the_workload = |folder: &&Path| folder.join("tests/workload/Cargo.toml").exists();
    own.ancestors()
        .chain(Path::new(compiled).ancestors())
        .find(holds_the_workload)
        .map(Path::to_owned)
        .unwrap_or(own)
}

fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// rustc is asked, as the engine runs where the tests run and both are of the same kind.
async fn host_triple() -> Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let text =
        run(Command::new(rustc).arg("-vV")).await.context("cannot ask rustc for its host")?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("rustc -vV names no host")
}

async fn run(command: &mut Command) -> Result<String> {
    let output = tokio::time::timeout(BUILD_DEADLINE, command.kill_on_drop(true).output())
        .await
        .with_context(|| format!("not done after {BUILD_DEADLINE:?}"))?
        .context("cannot start it")?;
    if !output.status.success() {
        bail!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    String::from_utf8(output.stdout).context("its output is not UTF-8")
}
