//! The real store, as the simulated controller meets it: in no time, one call after the other, and with
//! the fuse before and behind each.
//!
//! One after the other, since the order in which a database's threads are done is left to chance. The
//! users of the simulation write past the fuse: they do not die with the controller.

use crate::{bug::Bug, fuse::Fuse, library::Library, witness::Witness};
use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use jiff::Timestamp;
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};
use trueup_domain::{
    error::StoreError,
    id::{Generation, WorkspaceId},
    name::WorkspaceKey,
    pass::{Attempt, AttemptOutcome, Pass},
    port::{
        Change, Changes, PassLog, PassRecord, Recorded, Retries, RetryState, SpecWrite, Workspaces,
        Written,
    },
    spec::DesiredState,
    workspace::Workspace,
};
use trueup_store::SqliteStore;

/// The store over all lives of the controller.
pub(crate) struct Shelf {
    library: Library,
    /// How many of a thousand calls fail.
    failing: AtomicU32,
    chance: Mutex<fastrand::Rng>,
}

impl Shelf {
    pub(crate) fn new(library: Library, seed: u64) -> Self {
        let chance = Mutex::new(fastrand::Rng::with_seed(seed));
        Self { library, failing: AtomicU32::new(0), chance }
    }

    /// Does something with the store while the clock stands still.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl AsyncFnOnce(&SqliteStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let dead = |error: anyhow::Error| StoreError::Backend { operation, source: error.into() };
        self.library.ask(work).map_err(dead)?
    }

    /// Has so many of a thousand calls fail.
    pub(crate) fn fail(&self, per_thousand: u32) {
        self.failing.store(per_thousand, Ordering::SeqCst);
    }

    /// All workspaces by their ids.
    pub(crate) fn rows(&self) -> BTreeMap<WorkspaceId, Arc<Workspace>> {
        let all = self.call("list", async |store| store.list().await);
        all.unwrap_or_default().into_iter().map(|row| (row.id, row)).collect()
    }

    pub(crate) fn commits(&self) -> u64 {
        self.library.ask(async |store| store.commits()).unwrap_or_default()
    }

    fn fails(&self) -> bool {
        let odds = self.failing.load(Ordering::SeqCst);
        let mut chance = self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        odds > 0 && chance.u32(0..1000) < odds
    }
}

/// The store as one life of the controller has it.
pub(crate) struct LifeStore {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) fuse: Arc<Fuse>,
    pub(crate) witness: Arc<Witness>,
    pub(crate) bug: Option<Bug>,
}

impl LifeStore {
    async fn call<T>(
        &self,
        operation: &'static str,
        work: impl AsyncFnOnce(&SqliteStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
    {
        self.fuse.step().await;
        let answer = if self.shelf.fails() {
            Err(StoreError::Backend { operation, source: "the disk is full".into() })
        } else {
            self.shelf.call(operation, work)
        };
        self.fuse.step().await;
        answer
    }
}

#[async_trait]
impl Workspaces for LifeStore {
    async fn get(&self, id: WorkspaceId) -> Result<Option<Arc<Workspace>>, StoreError> {
        let row = self.call("get", async move |store| store.get(id).await).await?;
        if self.bug == Some(Bug::HealStops)
            && let Some(row) = &row
            && row.spec.state == Some(DesiredState::Stopped)
        {
            let mut healed = (**row).clone();
            healed.spec.state = Some(DesiredState::Running);
            return Ok(Some(Arc::new(healed)));
        }
        Ok(row)
    }

    async fn find(&self, key: &WorkspaceKey) -> Result<Option<Arc<Workspace>>, StoreError> {
        let key = key.clone();
        self.call("find", async move |store| store.find(&key).await).await
    }

    async fn list(&self) -> Result<Vec<Arc<Workspace>>, StoreError> {
        self.call("list", async |store| store.list().await).await
    }

    async fn write(
        &self,
        writes: Vec<SpecWrite>,
        actor: &str,
        now: Timestamp,
    ) -> Result<Vec<Written>, StoreError> {
        let actor = actor.to_owned();
        self.call("write", async move |store| store.write(writes, &actor, now).await).await
    }
}

#[async_trait]
impl PassLog for LifeStore {
    async fn record(&self, mut record: PassRecord) -> Result<Recorded, StoreError> {
        self.fuse.step().await;
        let (id, generation, bug) = (record.workspace, record.generation, self.bug);
        match bug {
            Some(Bug::ClearRowEarly) => {
                let goes = self.row(id).is_some_and(|row| row.deletion.is_some());
                record.remove |= goes;
            }
            Some(Bug::PolishHistory) => {
                let failed = |outcome: &_| matches!(outcome, AttemptOutcome::Failed { .. });
                record.pass.attempts.retain(|attempt| !failed(&attempt.outcome));
            }
            Some(Bug::SeeAhead) => record.status.observed_generation = generation.next(),
            Some(Bug::SeeNothing) => {
                let failed =
                    |attempt: &Attempt| matches!(attempt.outcome, AttemptOutcome::Failed { .. });
                if record.pass.attempts.iter().any(failed) {
                    record.status.observed_generation = Generation::default();
                }
            }
            _ => {}
        }
        self.witness.records(&record);
        let before = self.row(id);
        if bug == Some(Bug::ForgetRecords)
            && let Some(row) = before
        {
            return Ok(Recorded::Stored(row));
        }
        let again = record.clone();
        let mut recorded =
            self.call("record", async move |store| PassLog::record(store, record).await).await?;
        if bug == Some(Bug::IgnoreGeneration)
            && let (Recorded::Stale, Some(row)) = (&recorded, &before)
        {
            let generation = row.generation;
            let forced = PassRecord { generation, ..again };
            recorded = self
                .call("record", async move |store| PassLog::record(store, forced).await)
                .await?;
        }
        self.witness.recorded(generation, before.as_deref(), &recorded);
        Ok(recorded)
    }

    async fn passes(&self, id: WorkspaceId, limit: u32) -> Result<Vec<Pass>, StoreError> {
        self.call("passes", async move |store| store.passes(id, limit).await).await
    }
}

impl LifeStore {
    /// A look that is the witness's and not the controller's.
    fn row(&self, id: WorkspaceId) -> Option<Arc<Workspace>> {
        self.shelf.call("get", async move |store| store.get(id).await).ok().flatten()
    }
}

#[async_trait]
impl Retries for LifeStore {
    async fn load(&self) -> Result<Vec<(WorkspaceId, RetryState)>, StoreError> {
        self.call("load retries", async |store| store.load().await).await
    }

    async fn record(
        &self,
        changes: Vec<(WorkspaceId, Option<RetryState>)>,
    ) -> Result<(), StoreError> {
        let work = async move |store: &SqliteStore| Retries::record(store, changes).await;
        self.call("record retries", work).await
    }
}

impl Changes for LifeStore {
    fn subscribe(&self) -> BoxStream<'static, Change> {
        let subscribed = self.shelf.library.ask(async |store| store.subscribe());
        subscribed.unwrap_or_else(|_| futures::stream::empty().boxed())
    }
}
