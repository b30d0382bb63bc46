//! The end of a run: what follows from how it went.

use std::hash::Hash;

use tokio::time::Instant;

use super::super::backoff::Backoff;
use super::super::policy::ErrorPolicy;
use super::super::request::Next;
use super::Queue;
use super::entry::{Run, Streak};
use super::moment::Moment;
use super::start::{Finish, Ticket};

impl<K: Clone + Eq + Hash, C> Queue<K, C> {
    /// Ends a run. The ticket must be this queue's own; `None` if nothing runs under it.
    pub fn finish(
        &mut self,
        ticket: Ticket,
        verdict: Result<Next, ErrorPolicy>,
        now: Instant,
    ) -> Option<Finish<K>> {
        let (id, now) = self.stop(ticket, now)?;
        let before = self.entries[id].streak();
        match verdict {
            Ok(next) => self.succeed(id, next.wake_up().map(|delay| now.after(delay))),
            Err(ErrorPolicy::Retry) => self.back_off(id, self.policies.retry, now),
            Err(ErrorPolicy::Unknown) => self.back_off(id, self.policies.unknown, now),
            Err(ErrorPolicy::RetryAfter(delay)) => {
                let streak = &mut self.entries[id].later().streak;
                streak.failures = streak.failures.saturating_add(1);
                streak.retry_at = Some(now.after(delay));
            }
            Err(ErrorPolicy::Terminal) => {
                let later = self.entries[id].later();
                later.streak = Streak::default();
                let look = self.policies.terminal.map(|delay| now.after(delay));
                later.wake_at = later.wake_at.into_iter().chain(look).min();
            }
        }
        let streak = self.entries[id].streak();
        if streak != before {
            self.note_unsaved(id);
        }
        self.stats.retries += u64::from(streak.failures > before.failures);
        let retry_at = streak.retry_at.and_then(|at| self.timeline.instant(at));
        let key = self.let_go(id)?;
        Some(Finish { key, retry_at })
    }

    /// Ends a run that was cut off after the close. It says nothing about the key: whatever was known
    /// of its failures stays as it was.
    pub fn abandon(&mut self, ticket: Ticket, now: Instant) -> Option<K> {
        let (id, _) = self.stop(ticket, now)?;
        self.let_go(id)
    }

    /// The key of a run that is over, moved out if nothing else is left of it.
    fn let_go(&mut self, id: usize) -> Option<K> {
        self.settle(id).or_else(|| self.entries[id].key.clone())
    }

    /// The run is over: what was added meanwhile stands in line from now on.
    #[expect(clippy::needless_pass_by_value, reason = "a run ends once, and the ticket with it")]
    fn stop(&mut self, ticket: Ticket, now: Instant) -> Option<(usize, Moment)> {
        let now = self.pass(now);
        let id = ticket.0;
        let entry = self.entries.get_mut(id).filter(|entry| entry.is_running())?;
        let began = entry.place.map_or(now, |place| place.due);
        if std::mem::replace(&mut entry.run, Run::No) == Run::Cancelled {
            // Whoever runs here next is not meant.
            self.cancelled.remove(&ticket);
        }
        let (flow, pending) = (entry.flow(), entry.pending.as_ref());
        let priority = pending.map(|pending| pending.bundle.priority);
        self.stats.running -= 1;
        self.started -= began.since(Moment::default());
        self.running.leave(&mut self.entries, id);
        self.fair.release(flow, now, &self.limits);
        if let Some(priority) = priority {
            self.fair.line_up(&mut self.entries, (flow, id), (priority, now), &self.limits);
        }
        Some((id, now))
    }

    fn succeed(&mut self, id: usize, wake_at: Option<Moment>) {
        let entry = &mut self.entries[id];
        // Most keys never fail and ask for nothing.
        if entry.later.is_some() || wake_at.is_some() {
            let later = entry.later();
            later.streak = Streak::default();
            later.wake_at = wake_at;
        }
    }

    /// Counts a failure. It only lengthens the backoff if the delay before was waited out: an
    /// event that comes in between runs the key at once, and says nothing about how long the fault
    /// lasts.
    fn back_off(&mut self, id: usize, backoff: Backoff, now: Moment) {
        let streak = &mut self.entries[id].later().streak;
        streak.failures = streak.failures.saturating_add(1);
        if streak.retry_at.is_none_or(|at| at <= now) {
            let delay = backoff.delay(streak.step, &mut self.rng);
            streak.step = streak.step.saturating_add(1);
            streak.retry_at = Some(now.after(delay));
        }
    }
}
