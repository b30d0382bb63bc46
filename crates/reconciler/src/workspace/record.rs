//! What a pass leaves in the store: status, events and history in one transaction, or nothing.

use super::{Context, activity::Attempted};
use jiff::Timestamp;
use trueup_domain::{
    event::{CONTROLLER, EventType, NewEvent},
    news,
    pass::{Attempt, AttemptOutcome, Cause, CauseKind, Pass},
    plan::Plan,
    port::PassRecord,
    status::Status,
    workspace::Workspace,
};

/// A pass that is over, before it is recorded.
pub(super) struct Finished<'a> {
    /// The workspace as it was read.
    pub(super) workspace: &'a Workspace,
    /// What woke the pass.
    pub(super) causes: Vec<Cause>,
    /// What it decided at first, and did.
    pub(super) first: &'a Plan,
    /// What is so after that.
    pub(super) last: &'a Plan,
    /// What came of each action.
    pub(super) attempts: Vec<Attempt>,
    /// When it began.
    pub(super) started_at: Timestamp,
    /// How long it took, ms.
    pub(super) duration_ms: u64,
    /// The looks at the workspace so far.
    pub(super) attempted: Attempted,
}

impl Finished<'_> {
    /// The record to store; `None` when nothing happened that anybody would want to read.
    pub(super) fn record(self, context: &Context, now: Timestamp) -> Option<PassRecord> {
        let stored = &self.workspace.status;
        let was_asked_for = self.causes.iter().any(|cause| cause.kind == CauseKind::Sync);
        let is_quiet = self.attempts.is_empty()
            && !self.last.finished
            && !was_asked_for
            && self.last.status.says_the_same(stored);
        if is_quiet {
            return None;
        }
        let trace_id = context.traces.trace_id();
        let mut events = self.events(now);
        for event in &mut events {
            event.trace_id.clone_from(&trace_id);
        }
        let status = Status {
            last_updated: Some(now),
            last_sync_attempt: Some(self.attempted.last),
            sync_attempts: self.attempted.count,
            ..self.last.status.clone()
        };
        Some(PassRecord {
            workspace: self.workspace.id,
            generation: self.workspace.generation,
            status,
            events,
            remove: self.last.finished,
            pass: Pass {
                generation: self.workspace.generation,
                started_at: self.started_at,
                duration_ms: self.duration_ms,
                causes: self.causes,
                why: self.first.why.clone(),
                attempts: self.attempts,
                trace_id,
            },
        })
    }

    /// What happened, in the order in which it was seen: the finding, the repair, the outcome.
    fn events(&self, now: Timestamp) -> Vec<NewEvent> {
        let stored = &self.workspace.status;
        let syncs = self.causes.iter().filter(|cause| cause.kind == CauseKind::Sync);
        let start = syncs.map(|cause| self.sync_event(cause, EventType::SyncStart));
        let mut events: Vec<_> = start.collect();
        let complete: Vec<_> = events
            .iter()
            .map(|event| NewEvent {
                kind: EventType::SyncComplete,
                reason: "sync_complete".to_owned(),
                message: self.first.why.clone(),
                time: now,
                ..event.clone()
            })
            .collect();
        events.extend(news::events(stored, &self.first.status, self.started_at));
        if !self.attempts.is_empty() {
            events.extend(news::events(&self.first.status, &self.last.status, now));
        }
        events.extend(self.repair(now));
        if self.last.finished {
            events.push(self.deleted(now));
        }
        events.extend(complete);
        events
    }

    fn sync_event(&self, cause: &Cause, kind: EventType) -> NewEvent {
        NewEvent {
            time: self.started_at,
            kind,
            actor: cause.actor.clone().unwrap_or_else(|| CONTROLLER.to_owned()),
            reason: "sync_start".to_owned(),
            message: "a sync was asked for".to_owned(),
            old_status: None,
            new_status: None,
            trace_id: None,
        }
    }

    /// That something was brought back, if every action succeeded.
    fn repair(&self, now: Timestamp) -> Option<NewEvent> {
        if self.attempts.iter().any(|attempt| attempt.outcome != AttemptOutcome::Done) {
            return None;
        }
        let actions: Vec<_> = self.attempts.iter().map(|attempt| attempt.action.clone()).collect();
        news::repair(self.workspace, &self.last.status, &actions, &self.first.why, now)
    }

    fn deleted(&self, now: Timestamp) -> NewEvent {
        let asked = self.workspace.deletion.as_ref();
        NewEvent {
            time: now,
            kind: EventType::ContainerUpdate,
            actor: asked.map_or_else(|| CONTROLLER.to_owned(), |deletion| deletion.actor.clone()),
            reason: "workspace_deleted".to_owned(),
            message: "nothing of it is left on the engine".to_owned(),
            old_status: None,
            new_status: None,
            trace_id: None,
        }
    }
}
