//! The stage: one engine, one store, one time, and passes that a test polls by hand.
//!
//! Invariant, checked at the end of every pass that is run here: what was recorded as done is what
//! the engine was asked to do (R8).

use super::{Folders, Links, MemoryStore, ModelEngine, Time, poll_once};
use futures::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{sync::Arc, task::Poll};
use tokio::time::Instant;
use trueup_domain::{
    id::{InstanceId, WorkspaceId},
    pass::{AttemptOutcome, Cause, CauseKind, Pass},
    policy::Policy,
    spec::Spec,
    workspace::Workspace,
};
use trueup_reconciler::{
    runtime::{self, Next, Priority, Request, Trigger},
    workspace::{Activity, Context, Error, reconcile},
};

/// More passes than any story here needs.
const TOO_MANY_PASSES: usize = 60;

/// More polls than any pass here needs, so that one that never ends fails its test.
const UNLIMITED: usize = 100_000;

/// Everything that passes work on.
pub(crate) struct Stage {
    pub(crate) time: Arc<Time>,
    pub(crate) engine: Arc<ModelEngine>,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) links: Arc<Links>,
    pub(crate) context: Arc<Context>,
}

/// What came of one pass.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) result: Result<Next, Error>,
    /// What the engine was asked to do in it.
    pub(crate) actions: Vec<String>,
    /// What it left in the history.
    pub(crate) recorded: Option<Pass>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let time = Arc::new(Time::new());
        let engine = Arc::new(ModelEngine::new(Arc::clone(&time)));
        let store = Arc::new(MemoryStore::new(Arc::clone(&time)));
        let links = Arc::new(Links::default());
        let context = Arc::new(Context {
            engine: engine.clone(),
            workspaces: store.clone(),
            passes: store.clone(),
            projects: Arc::new(Folders),
            clock: time.clone(),
            traces: links.clone(),
            policy: policy(),
            meter: Arc::new(()),
            activity: Activity::default(),
        });
        Self { time, engine, store, links, context }
    }

    /// With a workspace of that spec that no pass has seen.
    pub(crate) fn declared(spec: Spec) -> (Self, WorkspaceId) {
        let (stage, id) = (Self::new(), id(1));
        stage.store.declare(id, "payments", spec);
        (stage, id)
    }

    /// With a workspace of that spec that is as declared.
    pub(crate) fn settled(spec: Spec) -> (Self, WorkspaceId) {
        let (stage, id) = Self::declared(spec);
        stage.settle(id);
        (stage, id)
    }

    /// The controller's memory is lost; engine and store stay.
    pub(crate) fn restart(self) -> Self {
        let context = Context {
            engine: self.engine.clone(),
            workspaces: self.store.clone(),
            passes: self.store.clone(),
            projects: Arc::new(Folders),
            clock: self.time.clone(),
            traces: self.links.clone(),
            policy: policy(),
            meter: Arc::new(()),
            activity: Activity::default(),
        };
        Self { context: Arc::new(context), ..self }
    }

    pub(crate) fn row(&self, id: WorkspaceId) -> Arc<Workspace> {
        self.store.row(id).expect("the workspace's row is gone")
    }

    /// A pass that nobody has polled yet.
    pub(crate) fn begin(
        &self,
        id: WorkspaceId,
        trigger: Trigger<Cause>,
    ) -> BoxFuture<'static, Result<Next, Error>> {
        let cause = runtime::Cause { trigger, priority: Priority::Event, added: Instant::now() };
        Box::pin(reconcile(Request::new(id, [cause]), Arc::clone(&self.context)))
    }

    /// One whole pass.
    pub(crate) fn pass(&self, id: WorkspaceId, trigger: Trigger<Cause>) -> Passed {
        self.pass_within(id, trigger, &mut UNLIMITED.clone()).expect("a pass that never ends")
    }

    /// One pass that is cut off when it was polled as often as it may be; `None` then.
    pub(crate) fn pass_within(
        &self,
        id: WorkspaceId,
        trigger: Trigger<Cause>,
        polls: &mut usize,
    ) -> Option<Passed> {
        let (did, wrote) = (self.engine.actions().len(), self.store.writes());
        let refused = self.store.with(|rows| rows.refused.len());
        let mut pass = self.begin(id, trigger);
        let result = loop {
            *polls = polls.checked_sub(1)?;
            if let Poll::Ready(result) = poll_once(pass.as_mut()) {
                break result;
            }
        };
        let actions = self.engine.actions().split_off(did);
        // What takes long is announced by a record of its own, which tells of no attempt.
        let recorded = self.store.with(|rows| {
            let new = rows.passes.get(wrote..).unwrap_or_default();
            new.last().map(|(_, pass)| pass.clone())
        });
        let is_refused = self.store.with(|rows| rows.refused.len()) > refused;
        match &recorded {
            // What a refused round did is nowhere: only the last one is in the history.
            Some(pass) if is_refused => assert!(actions.ends_with(&tried(pass))),
            Some(pass) => {
                assert_eq!(tried(pass), actions, "what was recorded is not what was done");
            }
            None if is_refused || matches!(result, Err(Error::Store { .. })) => {}
            None => assert!(actions.is_empty(), "done and never recorded: {actions:?}"),
        }
        Some(Passed { result, actions, recorded })
    }

    /// Passes until nothing is left to do. Failures are waited out, wake-ups are waited for.
    pub(crate) fn settle(&self, id: WorkspaceId) {
        assert!(self.settle_within(id, &mut UNLIMITED.clone()), "passes that never end");
    }

    /// Passes as `settle` does, but the controller dies when they were polled as often as they may
    /// be; whether it got to the end.
    pub(crate) fn settle_within(&self, id: WorkspaceId, polls: &mut usize) -> bool {
        let mut trigger = cause(CauseKind::Start);
        for _ in 0..TOO_MANY_PASSES {
            let Some(passed) = self.pass_within(id, trigger, polls) else { return false };
            trigger = match passed.result.map(Next::wake_up) {
                Ok(None) => return true,
                Ok(Some(delay)) => {
                    self.time.advance(SignedDuration::try_from(delay).unwrap());
                    Trigger::WakeUp
                }
                Err(_) => {
                    self.time.advance(SignedDuration::from_secs(1));
                    Trigger::Retry
                }
            };
        }
        panic!("it does not settle: {:#?}", self.store.with(|rows| rows.passes.split_off(50)));
    }
}

/// The actions that a recorded pass says it tried.
fn tried(pass: &Pass) -> Vec<String> {
    let tried = pass.attempts.iter().filter(|attempt| attempt.outcome != AttemptOutcome::Skipped);
    tried.map(|attempt| attempt.action.clone()).collect()
}

pub(crate) fn policy() -> Policy {
    Policy {
        strict_range: Some("10.200.0.0/16".to_owned()),
        network_shards: 1,
        ..Policy::new(InstanceId::new("test"))
    }
}

pub(crate) fn id(number: u128) -> WorkspaceId {
    format!("{number:032x}").parse().unwrap()
}

pub(crate) fn spec(fields: &Value) -> Spec {
    let mut all = json!({"image": "debian:12"});
    all.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    serde_json::from_value(all).unwrap()
}

/// The spec with the most that can leak: a network of its own and a named volume.
pub(crate) fn strict(state: &str) -> Spec {
    let volumes = json!([{"name": "home", "target": "/home/dev"}]);
    spec(&json!({"state": state, "isolation": "strict", "volumes": volumes}))
}

pub(crate) fn cause(kind: CauseKind) -> Trigger<Cause> {
    Trigger::Caller(Cause::new(kind, ""))
}

/// A sync that a user asked for.
pub(crate) fn sync_by(actor: &str) -> Trigger<Cause> {
    Trigger::Caller(Cause {
        actor: Some(actor.to_owned()),
        traceparent: Some("00-1-2-01".to_owned()),
        ..Cause::new(CauseKind::Sync, "")
    })
}
