//! The observer's decisions, apart from its waiting: pure but for the instants it is given.
//!
//! Invariants: an event is passed on at most once while it is remembered; a session begins before the
//! newest event that was seen, and never after the engine's present; a loss is told once per resync
//! interval. Timestamps are the engine's clock, instants are ours; they never meet.

use jiff::{SignedDuration, Timestamp};
use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};
use tokio::time::Instant;
use trueup_domain::port::{EngineChange, EngineEvent, Unreadable};

/// Events come a little out of order, and a subscription begins a little late.
const OVERLAP: SignedDuration = SignedDuration::from_secs(2);

/// Four times what an engine keeps: after a reopening no more than that is told again.
const REMEMBERED: usize = 1024;

/// Bytes of an id or an action; engines need about 64 and 16.
const LONGEST_WORD: usize = 256;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A session that went on for this long after its first list was no failure.
const GOOD_SESSION: Duration = Duration::from_secs(10);

/// What is remembered from one session to the next.
#[derive(Debug)]
pub(super) struct State {
    resync: Duration,
    /// The newest event's time.
    newest: Option<Timestamp>,
    seen: HashSet<(Timestamp, String)>,
    order: VecDeque<(Timestamp, String)>,
    /// When the present session listed for the first time.
    listed_at: Option<Instant>,
    /// Sessions in a row that were no good.
    failures: u32,
    lost_told_at: Option<Instant>,
}

impl State {
    pub(super) fn new(resync: Duration) -> Self {
        Self {
            resync,
            newest: None,
            seen: HashSet::new(),
            order: VecDeque::new(),
            listed_at: None,
            failures: 0,
            lost_told_at: None,
        }
    }

    /// Where the next session's events begin, when the engine's clock says `engine_now`. A clock
    /// that was set back since must not put the beginning into its future; what was the newest by
    /// the old time is none any more.
    pub(super) fn since(&mut self, engine_now: Timestamp) -> Timestamp {
        self.newest = self.newest.map(|newest| newest.min(engine_now));
        let begin = self.newest.unwrap_or(engine_now);
        begin.checked_sub(OVERLAP).unwrap_or(Timestamp::MIN)
    }

    /// The engine answers: the next loss is news, and the session counts from its first list.
    pub(super) fn listed(&mut self, now: Instant) {
        self.lost_told_at = None;
        self.listed_at.get_or_insert(now);
    }

    /// The change that an event stands for, if it is new and of a workspace.
    pub(super) fn take(&mut self, event: EngineEvent) -> Result<Option<EngineChange>, Unreadable> {
        let EngineEvent { at, workspace, container, action } = event;
        if action.len().max(container.as_str().len()) > LONGEST_WORD {
            return Err(Unreadable);
        }
        self.newest = self.newest.max(Some(at));
        let Some(workspace) = workspace else { return Ok(None) };
        // One container's events of one action never share a nanosecond.
        let is_new = self.remember(at, format!("{action} {container}"));
        Ok(is_new.then_some(EngineChange { workspace, container, action }))
    }

    /// Whether a loss at `now` is to be told.
    pub(super) fn is_lost_news(&mut self, now: Instant) -> bool {
        let told = self.lost_told_at.is_some_and(|told| now.duration_since(told) < self.resync);
        if !told {
            self.lost_told_at = Some(now);
        }
        !told
    }

    /// How long to wait after a session that ended at `now`.
    pub(super) fn pause(&mut self, now: Instant) -> Duration {
        let listed = self.listed_at.take();
        if listed.is_some_and(|since| now.duration_since(since) >= GOOD_SESSION) {
            self.failures = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        pause.min(LONGEST_PAUSE)
    }

    /// Whether it is new.
    fn remember(&mut self, time: Timestamp, what: String) -> bool {
        if !self.seen.insert((time, what.clone())) {
            return false;
        }
        self.order.push_back((time, what));
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_domain::id::ContainerId;

    const RESYNC: Duration = Duration::from_secs(30);

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn event(action: &str, at: i64) -> EngineEvent {
        let workspace = "0190f5a0000070008000000000000001".parse().unwrap();
        let (container, action) = (ContainerId::new("abc"), action.to_owned());
        EngineEvent { at: second(at), workspace: Some(workspace), container, action }
    }

    /// Whether it is passed on.
    fn is_told(state: &mut State, event: EngineEvent) -> bool {
        state.take(event).unwrap().is_some()
    }

    #[test]
    fn an_event_becomes_a_change_of_its_workspace() {
        let change = State::new(RESYNC).take(event("die", 1)).unwrap().unwrap();
        assert_eq!(Some(change.workspace), event("die", 1).workspace);
        assert_eq!(change.container, ContainerId::new("abc"));
        assert_eq!(change.action, "die");
    }

    #[test]
    fn an_event_that_comes_again_is_passed_on_once() {
        let mut state = State::new(RESYNC);
        assert!(is_told(&mut state, event("die", 1)));
        assert!(!is_told(&mut state, event("die", 1)));
        assert!(is_told(&mut state, event("die", 2)));
        assert!(is_told(&mut state, event("start", 1)));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut state = State::new(RESYNC);
        for at in 0..5000 {
            assert!(is_told(&mut state, event("die", at)));
        }
        assert_eq!((state.seen.len(), state.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn words_longer_than_any_engine_s_are_not_kept() {
        let mut state = State::new(RESYNC);
        let long = "x".repeat(LONGEST_WORD + 1);
        let of_long = EngineEvent { container: ContainerId::new(&*long), ..event("die", 1) };
        for event in [event(&long, 1), of_long] {
            assert_eq!(state.take(event), Err(Unreadable));
        }
        assert_eq!(state.seen.len(), 0);
    }

    #[test]
    fn an_event_without_a_workspace_changes_nothing_but_the_time() {
        let mut state = State::new(RESYNC);
        let foreign = EngineEvent { workspace: None, ..event("die", 100) };
        assert!(!is_told(&mut state, foreign));
        assert_eq!(state.since(second(200)), second(98));
    }

    #[test]
    fn a_session_begins_before_the_newest_event_and_the_first_before_the_present() {
        let mut state = State::new(RESYNC);
        assert_eq!(state.since(second(100)), second(98));
        is_told(&mut state, event("die", 50));
        is_told(&mut state, event("die", 49));
        assert_eq!(state.since(second(100)), second(48));
        assert_eq!(State::new(RESYNC).since(Timestamp::MIN), Timestamp::MIN);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_hide_what_comes_next() {
        let mut state = State::new(RESYNC);
        is_told(&mut state, event("die", 50));
        assert_eq!(state.since(second(10)), second(8));
        is_told(&mut state, event("die", 20));
        assert_eq!(state.since(second(30)), second(18), "the old time is forgotten");
    }

    #[test]
    fn a_loss_is_told_once_per_interval_and_anew_after_a_recovery() {
        let mut state = State::new(RESYNC);
        let start = Instant::now();
        assert!(state.is_lost_news(start));
        assert!(!state.is_lost_news(start + Duration::from_secs(29)));
        assert!(state.is_lost_news(start + Duration::from_secs(30)));
        state.listed(start);
        assert!(state.is_lost_news(start + Duration::from_secs(31)));
    }

    #[test]
    fn pauses_double_up_to_two_seconds_and_begin_anew_after_a_good_session() {
        let mut state = State::new(RESYNC);
        let start = Instant::now();
        let pauses: Vec<u128> = (0..7).map(|_| state.pause(start).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 2000, 2000]);
        state.listed(start);
        assert_eq!(state.pause(start + GOOD_SESSION).as_millis(), 100);
        state.listed(start);
        assert_eq!(state.pause(start + Duration::from_secs(1)).as_millis(), 200);
    }
}
