//! Playing a course: every step at its time, then quiet, then the judgement and its trials.

mod trial;

use crate::{
    bug::Bug,
    clock::SimClock,
    course::{Course, Deed, IMAGES},
    court::{Court, Finding, Rule},
    judge::{self, Evidence},
    library::Library,
    life::{Life, World},
    meddle::Leftovers,
    store::Shelf,
    witness::Witness,
};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};
use tokio::time::sleep;
use trueup_domain::{
    id::{InstanceId, WorkspaceId},
    name::WorkspaceKey,
    pass::{Cause, CauseKind},
    port::{Clock, SpecWrite, Workspaces},
    workspace::Workspace,
};
use trueup_engine_sim::{Image, Program, Pull, SimEngine, SimOptions};
use trueup_reconciler::runtime::Priority;
use trueup_store::{Options, SqliteStore};

/// How long nothing may happen for a world to be at rest: longer than any wait in it.
const REST: Duration = Duration::from_secs(100);
/// How long it may take to come to rest.
const PATIENCE: Duration = Duration::from_mins(20);
/// Longer than any engine is away, or takes to start.
const LONGEST_OUTAGE: Duration = Duration::from_secs(100);

/// What came of a run.
#[derive(Debug)]
pub struct Played {
    /// The first rule that was broken, if any.
    pub finding: Option<Finding>,
    /// How many calls the engine took.
    pub calls: u64,
    /// How often the store committed.
    pub commits: u64,
    /// How much time passed in it.
    pub simulated: Duration,
    /// A digest of all that happened on the engine, to compare runs by.
    pub digest: u64,
    /// What happened on the engine and in the passes, line by line: the newest of it.
    pub story: Vec<(Duration, String)>,
}

/// Plays a course on a thread and a clock of its own.
///
/// # Errors
/// What kept it from being played; that says nothing about the controller.
pub fn play(course: &Course, bug: Option<Bug>) -> Result<Played> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .context("there is no runtime to be had")?;
    let folder = folder()?;
    runtime.block_on(Stage::play(course, bug, folder.path()))
}

/// In memory where there is a file system for that: nothing here outlives its run.
fn folder() -> Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let folder = match tempfile::tempdir_in(memory) {
        Ok(folder) => Ok(folder),
        Err(_) => tempfile::tempdir(),
    };
    folder.context("no folder can be made for the database")
}

struct Stage {
    world: World,
    court: Arc<Court>,
    life: Option<Life>,
    lives: u64,
    leftovers: Leftovers,
    /// Workspaces whose volumes are to go.
    doomed: BTreeSet<WorkspaceId>,
    seed: u64,
}

impl Stage {
    async fn play(course: &Course, bug: Option<Bug>, folder: &Path) -> Result<Played> {
        let mut stage = Self::set(course.seed, bug, folder)?;
        for step in &course.steps {
            sleep(step.at.saturating_sub(stage.world.clock.elapsed())).await;
            stage.perform(&step.deed).await;
            if stage.court.finding().is_some() {
                break;
            }
        }
        if stage.court.finding().is_none() {
            stage.calm().await;
            stage.come_to_rest().await;
        }
        if stage.court.finding().is_none() {
            stage.judge(course.is_whisper());
        }
        if stage.court.finding().is_none() {
            stage.pass_again().await;
        }
        if stage.court.finding().is_none() {
            stage.probe().await;
        }
        stage.finish().await
    }

    fn set(seed: u64, bug: Option<Bug>, folder: &Path) -> Result<Self> {
        let options = Options {
            // It does nothing at leisure.
            upkeep_after: Duration::from_hours(24 * 365),
            events: u64::MAX / 4,
            readers: 1,
            ..Options::new(crate::INSTANCE)
        };
        let library = Library::open(folder.join("sim.db"), options)?;
        let sim = SimEngine::new(SimOptions::new(seed, InstanceId::new(crate::INSTANCE)));
        furnish(&sim);
        let court = Arc::new(Court::default());
        let world = World {
            witness: Arc::new(Witness::new(Arc::clone(&court), sim.clone())),
            shelf: Arc::new(Shelf::new(library, seed)),
            clock: Arc::new(SimClock::new()),
            sim,
            bug,
        };
        let life = Some(Life::begin(&world, seed));
        let (leftovers, doomed) = (Leftovers::default(), BTreeSet::new());
        Ok(Self { world, court, life, lives: 1, leftovers, doomed, seed })
    }

    async fn perform(&mut self, deed: &Deed) {
        match deed {
            Deed::Declare { workspace, spec } => {
                let name = name(*workspace);
                let (id_if_new, spec) = (self.world.clock.workspace_id(), spec.clone());
                let fields = json!({"name": name, "owner": "alice"});
                let Ok(metadata) = serde_json::from_value(fields) else { return };
                let expected = None;
                self.write(SpecWrite::Apply { id_if_new, metadata, spec, expected });
            }
            Deed::SetState { workspace, state, renew } => {
                let (key, state, renew) = (key(*workspace), *state, *renew);
                self.write(SpecWrite::SetState { key, state, renew, expected: None });
            }
            Deed::Delete { workspace, volumes } => {
                let (key, volumes) = (key(*workspace), *volumes);
                if let Some(row) = self.row(*workspace).filter(|_| volumes) {
                    self.doomed.insert(row.id);
                    self.world.witness.dooms(&row);
                }
                self.write(SpecWrite::Delete { key, volumes, expected: None });
            }
            Deed::Sync { workspace } => {
                if let Some(row) = self.row(*workspace) {
                    self.sync(row.id);
                }
            }
            Deed::Meddle { workspace, act } => {
                if let Some(row) = self.row(*workspace) {
                    self.leftovers.meddle(&self.world, &row, *act);
                }
            }
            Deed::Engine(act) => self.world.sim.suffer(act.clone()),
            Deed::Odds(odds) => self.world.sim.faults(|faults| {
                faults.odds(**odds);
            }),
            Deed::StoreFails(odds) => self.world.shelf.fail(*odds),
            Deed::Crash { calls } => self.crash(*calls).await,
        }
        if self.life.as_ref().is_some_and(Life::has_ended) {
            self.court.accuse(Rule::R1, "the controller has ended by itself");
        }
    }

    /// A user asks for a pass.
    fn sync(&self, id: WorkspaceId) {
        let Some(life) = &self.life else { return };
        life.handle.reset_backoff(&id);
        life.handle.enqueue(id, Cause::new(CauseKind::Sync, ""), Priority::User);
    }

    /// The controller dies after so many calls, and another one begins.
    async fn crash(&mut self, calls: u64) {
        let Some(life) = self.life.take() else { return };
        life.fuse.light(calls);
        tokio::select! {
            biased;
            () = life.fuse.blown() => {}
            () = sleep(Duration::from_secs(30)) => life.fuse.light(0),
        }
        life.end().await;
        self.lives += 1;
        sleep(Duration::from_millis(self.seed.wrapping_mul(self.lives) % 3_000)).await;
        self.life = Some(Life::begin(&self.world, self.seed ^ self.lives));
    }

    /// Nothing goes wrong any more, and nobody does anything.
    async fn calm(&mut self) {
        self.world.sim.faults(|faults| {
            faults.stop();
        });
        self.world.shelf.fail(0);
        // Nobody tidies up an engine that is away.
        sleep(LONGEST_OUTAGE).await;
        self.leftovers.tidy(&self.world);
    }

    async fn come_to_rest(&mut self) {
        let (begin, mut since) = (self.world.clock.elapsed(), self.world.clock.elapsed());
        let mut seen = self.fingerprint();
        loop {
            sleep(Duration::from_secs(5)).await;
            let (now, fingerprint) = (self.world.clock.elapsed(), self.fingerprint());
            if fingerprint != seen {
                (seen, since) = (fingerprint, now);
            }
            if now.saturating_sub(since) >= REST {
                return;
            }
            if now.saturating_sub(begin) > PATIENCE {
                let rows = self.world.shelf.rows();
                let restless = judge::restless(&rows);
                self.court.accuse(Rule::R1, format!("no rest after {PATIENCE:?}: {restless}"));
                return;
            }
        }
    }

    fn fingerprint(&self) -> (u64, u64) {
        (self.world.sim.counters().mutating(), self.world.shelf.commits())
    }

    fn judge(&self, is_whisper: bool) {
        let evidence = Evidence {
            rows: self.world.shelf.rows(),
            held: self.world.sim.snapshot(),
            doomed: &self.doomed,
            copies: &self.leftovers.copies,
            removals: self.world.sim.removals(),
            is_whisper,
        };
        evidence.judge(&self.court);
    }

    async fn finish(mut self) -> Result<Played> {
        if let Some(life) = self.life.take() {
            life.fuse.light(0);
            life.end().await;
        }
        let transcript = self.world.sim.transcript();
        let mut story = self.world.witness.passes();
        story.extend(transcript.entries().map(|entry| (entry.at, entry.what.clone())));
        story.sort_by_key(|(at, _)| *at);
        let played = Played {
            finding: self.court.finding(),
            calls: self.world.sim.counters().calls.values().sum(),
            commits: self.world.shelf.commits(),
            simulated: self.world.clock.elapsed(),
            digest: transcript.digest(),
            story,
        };
        Ok(played)
    }

    /// A user's write; one that is refused is none.
    fn write(&self, write: SpecWrite) {
        let now = self.world.clock.now();
        let work = async move |store: &SqliteStore| store.write(vec![write], "alice", now).await;
        drop(self.world.shelf.call("write", work));
    }

    fn row(&self, workspace: usize) -> Option<Arc<Workspace>> {
        let key = key(workspace);
        let work = async move |store: &SqliteStore| store.find(&key).await;
        self.world.shelf.call("find", work).ok().flatten()
    }
}

/// What the images do, and where they come from.
fn furnish(sim: &SimEngine) {
    let programs = [
        ("brief:1", Program::exits(1, Duration::from_millis(700))),
        ("done:1", Program::exits(0, Duration::from_secs(5))),
        ("sick:1", Program::unhealthy(Duration::from_secs(12))),
        ("deaf:1", Program::ignores_term()),
        ("hungry:1", Program::out_of_memory(Duration::from_secs(3))),
        ("broken:1", Program::cannot_run()),
    ];
    sim.model(|model| {
        for (image, program) in programs {
            model.programs().for_image(image, program);
        }
        for (image, _) in IMAGES {
            model.publish(image, Image::new(image), Pull::Works(None));
        }
        model.add_image(IMAGES[0].0, Image::new(IMAGES[0].0));
    });
}

fn name(workspace: usize) -> String {
    format!("w{workspace}")
}

fn key(workspace: usize) -> WorkspaceKey {
    let text = |text: String| serde_json::Value::String(text);
    let read = || {
        Some(WorkspaceKey {
            owner: serde_json::from_value(text("alice".to_owned())).ok()?,
            name: serde_json::from_value(text(name(workspace))).ok()?,
        })
    };
    read().unwrap_or_else(|| unreachable!("both are DNS labels"))
}
