//! Our sampler as the product runs it, over containers that are said to run, with its history in a file
//! or with none.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinHandle;
use trueup_domain::error::StoreError;
use trueup_domain::id::{ContainerId, WorkspaceId};
use trueup_domain::port::{Clock, UsageLog, UsageSource};
use trueup_domain::usage::{Point, Range, UsageRow};
use trueup_domain::workspace::Workspace;
use trueup_reconciler::usage::{Figures, Options, Parts, sample};
use trueup_reconciler::workspace::Input;
use trueup_store::{SqliteUsageLog, UsageOptions};

/// A running sampler; dropping it ends it.
pub struct Sampling {
    pub figures: Arc<Figures>,
    task: JoinHandle<()>,
}

impl Sampling {
    /// Starts one over these containers.
    pub fn start(
        source: Arc<dyn UsageSource>,
        containers: &[String],
        interval: Duration,
        log: Arc<dyn UsageLog>,
    ) -> Result<Self> {
        let figures = Arc::<Figures>::default();
        let parts = Parts {
            source,
            log,
            clock: Arc::new(Wall),
            figures: Arc::clone(&figures),
            sessions: stream::pending().boxed(),
        };
        let all = containers.iter().enumerate().map(|(number, id)| workspace(number, id));
        let inputs = stream::iter([Input::Loaded(all.collect::<Result<_>>()?)]);
        let options = Options { interval, ..Options::default() };
        let inputs = inputs.chain(stream::pending()).boxed();
        let task = tokio::spawn(sample(parts, options, inputs, |_, _| ()));
        Ok(Self { figures, task })
    }

    /// How many workspaces have figures now.
    pub fn known(&self, count: usize) -> usize {
        (0..count).filter(|number| self.figures.usage(id(*number)).is_some()).count()
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The product's history, in a file of that folder.
pub async fn history(folder: &Path) -> Result<Arc<dyn UsageLog>> {
    let path = SqliteUsageLog::path_beside(&folder.join("bench.db"));
    let log = SqliteUsageLog::open(path, UsageOptions::default(), Timestamp::now()).await?;
    Ok(Arc::new(log))
}

/// A history that keeps nothing.
pub struct Nothing;

#[async_trait]
impl UsageLog for Nothing {
    async fn append(&self, _: Vec<UsageRow>, _: Timestamp) -> Result<(), StoreError> {
        Ok(())
    }

    async fn history(
        &self,
        _: WorkspaceId,
        _: &Range,
        _: Timestamp,
    ) -> Result<Vec<Point>, StoreError> {
        Ok(Vec::new())
    }
}

pub fn id(number: usize) -> WorkspaceId {
    WorkspaceId::new(uuid::Uuid::from_u128(number as u128 + 1))
}

fn workspace(number: usize, container: &str) -> Result<Arc<Workspace>> {
    let value = json!({
        "id": id(number),
        "metadata": {"name": format!("w{number}"), "owner": "bench"},
        "spec": {"image": "bench"},
        "generation": 1,
        "resourceVersion": 1,
        "createdAt": Timestamp::UNIX_EPOCH,
        "status": {"container": {
            "id": ContainerId::new(container), "name": format!("w{number}"), "state": "running",
            "image": "bench", "imageId": "bench", "startedAt": Timestamp::UNIX_EPOCH,
            "oomKilled": false, "restartCount": 0,
        }},
    });
    Ok(Arc::new(serde_json::from_value(value)?))
}

/// The wall's clock.
struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn workspace_id(&self) -> WorkspaceId {
        id(0)
    }
}
