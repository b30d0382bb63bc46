//! A sampler, what it is told, and what it says.

use crate::containers::{Containers, Load, TestSource};
use async_trait::async_trait;
use futures::StreamExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{
    future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use trueup_domain::{
    error::StoreError,
    id::{ContainerId, WorkspaceId},
    pass::Cause,
    port::{Clock, UsageLog},
    usage::{CommandDigest, Point, Range, UsageRow},
    workspace::Workspace,
};
use trueup_reconciler::{
    usage::{Figures, Options, Parts, sample},
    workspace::Input,
};

pub(crate) struct Stage {
    pub(crate) containers: Arc<Containers>,
    pub(crate) figures: Arc<Figures>,
    pub(crate) log: Arc<TestLog>,
    pub(crate) woken: Arc<Mutex<Vec<(WorkspaceId, String)>>>,
    inputs: mpsc::UnboundedSender<Input>,
    sessions: mpsc::UnboundedSender<(WorkspaceId, CommandDigest)>,
    sampler: JoinHandle<()>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        let (containers, figures) = (Containers::new(), Arc::<Figures>::default());
        let (log, woken) = (Arc::<TestLog>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (inputs, told) = mpsc::unbounded_channel();
        let (sessions, started) = mpsc::unbounded_channel();
        let parts = Parts {
            source: Arc::new(TestSource(Arc::clone(&containers))),
            log: Arc::clone(&log) as _,
            clock: Arc::new(TestClock(Instant::now())),
            figures: Arc::clone(&figures),
            sessions: UnboundedReceiverStream::new(started).boxed(),
        };
        let noted = Arc::clone(&woken);
        let wake = move |id, cause: Cause| noted.lock().unwrap().push((id, cause.to_string()));
        let told = UnboundedReceiverStream::new(told).boxed();
        let sampler = tokio::spawn(sample(parts, options, told, wake));
        Self { containers, figures, log, woken, inputs, sessions, sampler }
    }

    /// A workspace whose container begins to run now.
    pub(crate) fn start(&self, number: u128, load: Load) {
        self.containers.start(&container(number), load);
        self.tell(&workspace(number, &json!({})));
    }

    pub(crate) fn tell(&self, workspace: &Workspace) {
        let new = Some(Arc::new(workspace.clone()));
        self.inputs.send(Input::Stored { id: workspace.id, new }).unwrap();
    }

    /// Has somebody start a command in a workspace.
    pub(crate) fn exec(&self, number: u128, command: &str) {
        self.sessions.send((id(number), CommandDigest::of_text(command))).unwrap();
    }

    pub(crate) fn forget(&self, number: u128) {
        self.inputs.send(Input::Stored { id: id(number), new: None }).unwrap();
    }

    /// Lets so many seconds pass.
    pub(crate) async fn pass(&self, seconds: u64) {
        sleep(Duration::from_secs(seconds)).await;
        assert!(!self.sampler.is_finished(), "the sampler lives");
    }

    pub(crate) fn cpu(&self, number: u128) -> Option<f64> {
        self.figures.usage(id(number))?.cpu_percent
    }

    pub(crate) fn words(&self) -> Vec<String> {
        self.woken.lock().unwrap().iter().map(|(_, cause)| cause.clone()).collect()
    }

    /// Ends the inputs and waits until the sampler has ended too.
    pub(crate) async fn end(self) -> Arc<TestLog> {
        drop(self.inputs);
        self.sampler.await.unwrap();
        self.log
    }
}

pub(crate) fn id(number: u128) -> WorkspaceId {
    format!("{number:032x}").parse().unwrap()
}

pub(crate) fn container(number: u128) -> ContainerId {
    ContainerId::new(format!("c{number}"))
}

/// A workspace with a running container; `conditions` are what its status says.
pub(crate) fn workspace(number: u128, conditions: &Value) -> Workspace {
    let conditions = if conditions.is_array() { conditions.clone() } else { json!([]) };
    let value = json!({
        "id": id(number),
        "metadata": {"name": format!("w{number}"), "owner": "alice"},
        "spec": {"image": "debian:12"},
        "generation": 1,
        "resourceVersion": 1,
        "createdAt": "2026-03-02T09:00:00Z",
        "status": {
            "conditions": conditions,
            "container": {
                "id": container(number), "name": "n", "state": "running", "image": "debian:12",
                "imageId": "i", "startedAt": "2026-03-02T09:00:00Z", "oomKilled": false,
                "restartCount": 0,
            },
        },
    });
    serde_json::from_value(value).unwrap()
}

/// The same, with a condition of that type and reason.
pub(crate) fn saying(number: u128, kind: &str, status: &str, reason: &str) -> Workspace {
    let condition = json!([{
        "type": kind, "status": status, "reason": reason,
        "lastTransitionTime": "2026-03-02T09:00:00Z", "observedGeneration": 1,
    }]);
    workspace(number, &condition)
}

struct TestClock(Instant);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_000_000).unwrap() + self.0.elapsed()
    }

    fn workspace_id(&self) -> WorkspaceId {
        id(0)
    }
}

/// A history that keeps what it is given, or never answers.
#[derive(Default)]
pub(crate) struct TestLog {
    pub(crate) batches: Mutex<Vec<Vec<UsageRow>>>,
    pub(crate) hangs: AtomicBool,
    pub(crate) fails: AtomicBool,
}

impl TestLog {
    pub(crate) fn rows(&self) -> Vec<UsageRow> {
        self.batches.lock().unwrap().concat()
    }
}

#[async_trait]
impl UsageLog for TestLog {
    async fn append(&self, rows: Vec<UsageRow>, _: Timestamp) -> Result<(), StoreError> {
        if self.hangs.load(Ordering::SeqCst) {
            return future::pending().await;
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Backend { operation: "keep usage", source: "full".into() });
        }
        self.batches.lock().unwrap().push(rows);
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
