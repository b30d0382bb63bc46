//! The watch's decisions, apart from its waiting: pure but for the instants it is given.
//!
//! Invariants: an event is passed on at most once while it is remembered; a session begins before the
//! newest event that was seen, and never after the engine's present; a loss is told once per resync
//! interval. Engine times are nanoseconds of the engine's clock, instants are ours; they never meet.

use serde::Deserialize;
use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};
use tokio::time::Instant;
use trueup_domain::{id::ContainerId, port::EngineChange};

/// Events come a little out of order, and a subscription begins a little late.
const OVERLAP_NANOS: i64 = 2_000_000_000;

/// Four times what an engine keeps: after a reopening no more than that is told again.
const REMEMBERED: usize = 1024;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A session that lasted this long was no failure.
const GOOD_SESSION: Duration = Duration::from_secs(10);

/// An event as the engine writes it, with what is needed of it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    #[serde(rename = "Action")]
    action: String,
    #[serde(rename = "Actor")]
    actor: Actor,
    #[serde(rename = "timeNano")]
    time_nano: i64,
}

#[derive(Debug, Clone, Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Attributes", default)]
    attributes: Attributes,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Attributes {
    // The attribute takes no constant; a test holds it to the label's name.
    #[serde(default, rename = "trueup.workspace-id")]
    workspace: Option<String>,
}

/// What a watch remembers from one session to the next.
#[derive(Debug)]
pub(crate) struct State {
    resync: Duration,
    /// The newest event's time.
    newest: Option<i64>,
    seen: HashSet<(i64, String)>,
    order: VecDeque<(i64, String)>,
    subscribed_at: Option<Instant>,
    /// Sessions in a row that were no good.
    failures: u32,
    lost_told_at: Option<Instant>,
}

impl State {
    pub(crate) fn new(resync: Duration) -> Self {
        Self {
            resync,
            newest: None,
            seen: HashSet::new(),
            order: VecDeque::new(),
            subscribed_at: None,
            failures: 0,
            lost_told_at: None,
        }
    }

    /// Where the next session's events begin, when the engine's clock says `engine_now`. A clock
    /// that was set back since must not put the beginning into its future.
    pub(crate) fn since(&self, engine_now: i64) -> i64 {
        self.newest.unwrap_or(engine_now).min(engine_now).saturating_sub(OVERLAP_NANOS)
    }

    pub(crate) fn subscribed(&mut self, now: Instant) {
        self.subscribed_at = Some(now);
    }

    /// The engine answers again: the next loss is news.
    pub(crate) fn listed(&mut self) {
        self.lost_told_at = None;
    }

    /// The change that an event stands for, if it is one, is new and is ours.
    pub(crate) fn take(&mut self, event: Event) -> Option<EngineChange> {
        self.newest = self.newest.max(Some(event.time_nano));
        let action = action(&event.action)?;
        let workspace = event.actor.attributes.workspace.as_deref()?.parse().ok()?;
        // One container's events of one action never share a nanosecond.
        if !self.remember(event.time_nano, format!("{action} {}", event.actor.id)) {
            return None;
        }
        let container = ContainerId::new(event.actor.id);
        Some(EngineChange { workspace, container, action: action.to_owned() })
    }

    /// Whether a loss at `now` is to be told.
    pub(crate) fn is_lost_news(&mut self, now: Instant) -> bool {
        let told = self.lost_told_at.is_some_and(|told| now.duration_since(told) < self.resync);
        if !told {
            self.lost_told_at = Some(now);
        }
        !told
    }

    /// How long to wait after a session that ended at `now`.
    pub(crate) fn pause(&mut self, now: Instant) -> Duration {
        let subscribed = self.subscribed_at.take();
        if subscribed.is_some_and(|since| now.duration_since(since) >= GOOD_SESSION) {
            self.failures = 0;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        pause.min(LONGEST_PAUSE)
    }

    /// Whether it is new.
    fn remember(&mut self, time: i64, what: String) -> bool {
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

/// The engine's word without what it adds to it; `None` for the commands run inside a container,
/// which change nothing and are not to be seen.
fn action(text: &str) -> Option<&str> {
    if text.starts_with("exec_") {
        return None;
    }
    Some(text.split_once(':').map_or(text, |(word, _)| word).trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_domain::{id::WorkspaceId, label};

    const WORKSPACE: &str = "0190f5a0000070008000000000000001";
    const SECOND: i64 = 1_000_000_000;
    const RESYNC: Duration = Duration::from_secs(30);

    fn event(action: &str, time: i64) -> Event {
        let attributes = serde_json::json!({label::WORKSPACE_ID: WORKSPACE, "image": "x"});
        serde_json::from_value(serde_json::json!({
            "Type": "container", "Action": action, "timeNano": time,
            "Actor": {"ID": "abc", "Attributes": attributes},
        }))
        .unwrap()
    }

    #[test]
    fn an_event_becomes_a_change_of_its_workspace() {
        let change = State::new(RESYNC).take(event("die", 1)).unwrap();
        assert_eq!(change.workspace, WORKSPACE.parse::<WorkspaceId>().unwrap());
        assert_eq!(change.container, ContainerId::new("abc"));
        assert_eq!(change.action, "die");
    }

    #[test]
    fn commands_run_inside_are_dropped_and_a_health_check_keeps_only_its_word() {
        let mut state = State::new(RESYNC);
        for secret in ["exec_create: curl -u me:secret", "exec_start: x", "exec_die"] {
            assert_eq!(state.take(event(secret, 1)), None, "{secret}");
        }
        let change = state.take(event("health_status: unhealthy", 2)).unwrap();
        assert_eq!(change.action, "health_status");
    }

    #[test]
    fn an_event_that_comes_again_is_passed_on_once() {
        let mut state = State::new(RESYNC);
        assert!(state.take(event("die", 1)).is_some());
        assert!(state.take(event("die", 1)).is_none());
        assert!(state.take(event("die", 2)).is_some());
        assert!(state.take(event("start", 1)).is_some());
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let mut state = State::new(RESYNC);
        for time in 0..5000 {
            assert!(state.take(event("die", time)).is_some());
        }
        assert_eq!((state.seen.len(), state.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn an_event_without_a_workspace_changes_nothing_but_the_time() {
        let mut state = State::new(RESYNC);
        let mut foreign = event("die", 100 * SECOND);
        foreign.actor.attributes.workspace = None;
        assert_eq!(state.take(foreign), None);
        assert_eq!(state.since(200 * SECOND), 98 * SECOND);
    }

    #[test]
    fn a_session_begins_before_the_newest_event_and_the_first_before_the_present() {
        let mut state = State::new(RESYNC);
        assert_eq!(state.since(100 * SECOND), 98 * SECOND);
        state.take(event("die", 50 * SECOND));
        state.take(event("die", 49 * SECOND));
        assert_eq!(state.since(100 * SECOND), 48 * SECOND);
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_hide_what_comes_next() {
        let mut state = State::new(RESYNC);
        state.take(event("die", 50 * SECOND));
        assert_eq!(state.since(10 * SECOND), 8 * SECOND);
    }

    #[test]
    fn a_loss_is_told_once_per_interval_and_anew_after_a_recovery() {
        let mut state = State::new(RESYNC);
        let start = Instant::now();
        assert!(state.is_lost_news(start));
        assert!(!state.is_lost_news(start + Duration::from_secs(29)));
        assert!(state.is_lost_news(start + Duration::from_secs(30)));
        state.listed();
        assert!(state.is_lost_news(start + Duration::from_secs(31)));
    }

    #[test]
    fn pauses_double_up_to_two_seconds_and_begin_anew_after_a_good_session() {
        let mut state = State::new(RESYNC);
        let start = Instant::now();
        let pauses: Vec<u128> = (0..7).map(|_| state.pause(start).as_millis()).collect();
        assert_eq!(pauses, [100, 200, 400, 800, 1600, 2000, 2000]);
        state.subscribed(start);
        assert_eq!(state.pause(start + GOOD_SESSION).as_millis(), 100);
        state.subscribed(start);
        assert_eq!(state.pause(start + Duration::from_secs(1)).as_millis(), 200);
    }
}
