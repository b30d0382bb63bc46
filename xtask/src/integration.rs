//! `cargo xtask integration`: the tests on a real Docker Engine, and only those.
//!
//! An engine that `DOCKER_HOST` names is used or the run fails; it is never replaced by another.
//! Without the variable the machine's engine is used and, if there is none, a private one is
//! started for the run. Deliberately absent: images from a registry; the tests import their own.

use std::process::ExitStatus;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use trueup_tests::dockerd::{Dockerd, Network};
use trueup_tests::engine::{self, Endpoint};
use trueup_tests::{controller, workload};

use crate::{cargo, terminal};

/// How the integration tests are run.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Use a private engine even if the machine has one
    #[arg(long)]
    private: bool,
    /// For `cargo nextest run` (or `cargo test`), such as a part of a test's name
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    more: Vec<String>,
}

/// Runs the tests that need an engine on one.
pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("start a runtime")?;
    runtime.block_on(async {
        terminal::step("building the test program");
        workload::build().await?;
        terminal::step("looking for a Docker Engine");
        let engine = Engine::get(args.private).await?;
        let packages = ["--package", "trueup-tests", "--package", "trueup-docker-adapter"];
        let tests = match &engine {
            Engine::Found(_) => cargo::tests(&packages, &args.more),
            Engine::Private(dockerd) => {
                // Where the tests run then, no crate can be fetched any more.
                cargo::run(cargo::command(&[&["test", "--no-run"], &packages[..]].concat()))?;
                let program = controller::build()?;
                let mut tests = dockerd.inside(&cargo::tests(&packages, &args.more));
                tests.env("TRUEUP_BIN", program).env("CARGO_NET_OFFLINE", "true");
                tests
            }
        };
        let status = run_tests(&engine.endpoint()?, tests).await?;
        // The private engine ends here, with everything that the tests left on it.
        drop(engine);
        if !status.success() {
            bail!("the integration tests failed ({status})");
        }
        Ok(())
    })
}

enum Engine {
    Found(Endpoint),
    Private(Box<Dockerd>),
}

impl Engine {
    async fn get(private: bool) -> Result<Self> {
        if !private {
            match engine::find().await {
                Ok(endpoint) => {
                    terminal::note(&format!("using the one at {endpoint}"));
                    return Ok(Self::Found(endpoint));
                }
                Err(error) if std::env::var_os("DOCKER_HOST").is_some() => return Err(error),
                Err(error) => terminal::note(&format!("{error:#}")),
            }
        }
        terminal::note("starting a private one for this run");
        let dockerd = Dockerd::launch_with(Network::Bridge)
            .await
            .context("there is no Docker Engine to test on, and a private one does not start")?;
        Ok(Self::Private(Box::new(dockerd)))
    }

    fn endpoint(&self) -> Result<Endpoint> {
        match self {
            Self::Found(endpoint) => Ok(endpoint.clone()),
            Self::Private(dockerd) => dockerd.endpoint(),
        }
    }
}

/// Ctrl-C ends the tests and not this program, which has a private engine to take down.
async fn run_tests(endpoint: &Endpoint, tests: std::process::Command) -> Result<ExitStatus> {
    terminal::step(&format!("DOCKER_HOST={endpoint} {}", cargo::line(&tests)));
    let mut child = Command::from(tests)
        .env("DOCKER_HOST", endpoint.as_str())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start cargo")?;
    tokio::select! {
        status = child.wait() => status.context("wait for cargo"),
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}
