//! Which fault a call, a row or an event meets.
//!
//! Invariant: every one draws once from its own generator, whether a fault was set for it or not, so
//! that setting one fault leaves the draws of the others as they are.

use super::{CallFault, Faults, RowFault, StreamFault};
use crate::{CallKind, Request};
use std::time::Duration;

/// Thousandths.
const WHOLE: u32 = 1000;

impl Faults {
    /// What goes wrong with the next call, and its number; `names` are all that its subject is called.
    pub(crate) fn draw_call(
        &mut self,
        request: &Request,
        names: &[String],
        rng: &mut fastrand::Rng,
    ) -> (u64, Option<CallFault>) {
        self.calls += 1;
        let drawn = self.draw_by_odds(request.kind(), rng);
        let set =
            self.by_number.remove(&self.calls).or_else(|| self.apply_rule(request.kind(), names));
        (self.calls, set.or(drawn))
    }

    fn apply_rule(&mut self, kind: CallKind, names: &[String]) -> Option<CallFault> {
        let fits = |rule: &super::CallRule| {
            rule.kind.is_none_or(|wanted| wanted == kind)
                && rule.subject.as_ref().is_none_or(|subject| names.contains(subject))
        };
        let index = self.rules.iter().position(fits)?;
        let rule = &mut self.rules[index];
        let fault = rule.fault.clone();
        if let Some(times) = &mut rule.times {
            *times = times.saturating_sub(1);
            if *times == 0 {
                self.rules.remove(index);
            }
        }
        Some(fault)
    }

    fn draw_by_odds(&self, kind: CallKind, rng: &mut fastrand::Rng) -> Option<CallFault> {
        let (point, detail) = (rng.u32(0..WHOLE), rng.u32(..));
        let odds = &self.odds;
        let message = "something broke inside of the engine".to_owned();
        let delay = Duration::from_millis(u64::from(detail % 3000));
        let leave_dead = if kind == CallKind::Remove { odds.leave_dead } else { 0 };
        pick(
            point,
            [
                (odds.error, CallFault::Error { status: 500, message }),
                (odds.delay, CallFault::Delay(delay)),
                (odds.hang, CallFault::Hang { done: detail % 2 == 0 }),
                (odds.drop_before, CallFault::DropBefore),
                (odds.drop_after, CallFault::DropAfter),
                (odds.truncate, CallFault::Truncate),
                (leave_dead, CallFault::LeaveDead),
            ],
        )
    }

    /// What goes wrong with the next row of a list.
    pub(crate) fn draw_row(&mut self, rng: &mut fastrand::Rng) -> Option<RowFault> {
        self.rows += 1;
        let odds =
            [(self.odds.row_missing, RowFault::Missing), (self.odds.row_late, RowFault::Late)];
        let drawn = pick(rng.u32(0..WHOLE), odds);
        self.by_row.remove(&self.rows).or(drawn)
    }

    /// What goes wrong with the next event.
    pub(crate) fn draw_event(&mut self, rng: &mut fastrand::Rng) -> Option<StreamFault> {
        self.events += 1;
        let (point, detail) = (rng.u32(0..WHOLE), rng.u64(..));
        let odds = &self.odds;
        let silence = Duration::from_millis(detail % 180_000);
        let drawn = pick(
            point,
            [
                (odds.event_lost, StreamFault::Lose),
                (odds.event_doubled, StreamFault::Duplicate),
                (odds.event_reordered, StreamFault::Reorder),
                (odds.event_unreadable, StreamFault::Unreadable),
                (odds.stream_cut, StreamFault::Cut),
                (odds.stream_silent, StreamFault::Silence(silence)),
            ],
        );
        self.by_event.remove(&self.events).or(drawn)
    }
}

/// The fault into whose share the point falls.
fn pick<T, const N: usize>(point: u32, odds: [(u32, T); N]) -> Option<T> {
    let mut above = 0;
    odds.into_iter().find_map(|(share, fault)| {
        above += share;
        (point < above).then_some(fault)
    })
}
