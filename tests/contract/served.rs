//! A simulated engine, and the same one on a socket: what is in it before a test begins.

use crate::bench::{DEAF, MISSING, SHORT, SICK, STARVING};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::{net::UnixListener, task::JoinHandle};
use trueup_controller::clock::SystemClock;
use trueup_domain::{id::InstanceId, port::Clock};
use trueup_engine_sim::{Image, Program, Pull, SimEngine, SimOptions, Verdicts};
use trueup_tests::image;

/// An image whose registry does not answer, on no engine.
pub(crate) const UNREACHABLE: &str = "127.0.0.1:1/nope:1";

/// An engine with the test image, on which programs do what they do for real.
pub(crate) fn simulate(instance: &InstanceId, seed: u64) -> SimEngine {
    let options = SimOptions::new(seed, instance.clone());
    let sim = SimEngine::new(SimOptions { begins: SystemClock.now(), ..options });
    sim.model(|model| {
        let command = Some([image::PROGRAM, "sleep"].map(str::to_owned).to_vec());
        let env = BTreeMap::from([("PATH".to_owned(), "/".to_owned())]);
        model.add_image(image::IMAGE, Image { command, env, ..Image::new(image::IMAGE) });
        model.publish(UNREACHABLE, Image::new(UNREACHABLE), Pull::Down);
        let programs = model.programs();
        let mut does = |command: &[&str], program| {
            programs.for_command(&command.join(" "), program);
        };
        does(DEAF, Program::ignores_term());
        does(SHORT, Program::exits(7, Duration::from_millis(200)));
        does(SICK, Program { verdicts: Verdicts::Never, ..Program::forever() });
        does(STARVING, Program::out_of_memory(Duration::from_millis(100)));
        for command in MISSING {
            does(&[command], Program::cannot_run());
        }
    });
    sim
}

/// A simulated engine that answers on a socket, until the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Served(Arc<Serving>);

struct Serving {
    task: JoinHandle<std::io::Result<()>>,
    folder: TempDir,
}

impl Served {
    pub(crate) fn new(sim: &SimEngine) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let sim = sim.clone();
        let task = tokio::spawn(async move { sim.serve(listener).await });
        Self(Arc::new(Serving { task, folder }))
    }

    /// Where, in the form of `DOCKER_HOST`.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.0.folder.path().join("engine.sock").display())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}
