//! The engine's events: a ring of the last 256 of all kinds, and a channel of 1,024 for every
//! subscriber.
//!
//! Invariants: at both bounds events are lost without a word, as they are by the real engine. Stamps
//! are slightly out of order. Deliberately absent: what gets lost on the way, which is
//! [`StreamFault`](crate::StreamFault)'s.

use super::Model;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, VecDeque};

const RING: usize = 256;
const CHANNEL: usize = 1024;
/// One event in so many is stamped a little too early.
const INVERSIONS: u32 = 60;
/// What noise is about.
const NOBODYS: &str = "sha256:noise";

/// An event as the engine tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The stamp, by the engine's wall clock.
    pub at: Timestamp,
    /// What it is about.
    pub kind: EventKind,
    /// The id of the container or network, the name of the volume or image.
    pub subject: String,
    /// The labels of the subject.
    pub labels: BTreeMap<String, String>,
    /// What happened, with what the engine adds to the word (`health_status: healthy`).
    pub action: String,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A container.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// An image.
    Image,
}

/// A subscription, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Subscriber(u64);

/// What a subscriber finds.
#[derive(Debug)]
pub(crate) enum Told {
    Event(Event),
    Nothing,
    Over,
}

#[derive(Debug, Default)]
pub(crate) struct Events {
    ring: VecDeque<Event>,
    subscribers: BTreeMap<Subscriber, VecDeque<Event>>,
    subscribed: u64,
    told: u64,
}

impl Events {
    fn tell(&mut self, event: Event) {
        for channel in self.subscribers.values_mut().filter(|channel| channel.len() < CHANNEL) {
            channel.push_back(event.clone());
        }
        if self.ring.len() == RING {
            self.ring.pop_front();
        }
        self.ring.push_back(event);
        self.told += 1;
    }

    pub(crate) fn subscribe(&mut self, since: Timestamp) -> Subscriber {
        self.subscribed += 1;
        let subscriber = Subscriber(self.subscribed);
        let missed = self.ring.iter().filter(|event| event.at >= since).cloned().collect();
        self.subscribers.insert(subscriber, missed);
        subscriber
    }

    pub(crate) fn unsubscribe(&mut self, subscriber: Subscriber) {
        self.subscribers.remove(&subscriber);
    }

    fn next(&mut self, subscriber: Subscriber) -> Told {
        match self.subscribers.get_mut(&subscriber) {
            Some(channel) => channel.pop_front().map_or(Told::Nothing, Told::Event),
            None => Told::Over,
        }
    }

    /// Ends all subscriptions.
    pub(crate) fn cut(&mut self) {
        self.subscribers.clear();
    }

    pub(crate) fn forget(&mut self) {
        self.ring.clear();
    }
}

impl Model {
    /// The events that the engine still remembers, in the order in which it told them.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.ring.iter()
    }

    /// How many events were told since the engine was made.
    pub const fn events_told(&self) -> u64 {
        self.events.told
    }

    /// The next event for a subscriber.
    pub(crate) fn tell_next(&mut self, subscriber: Subscriber) -> Told {
        self.events.next(subscriber)
    }

    /// Ends a subscription.
    pub(crate) fn end_subscription(&mut self, subscriber: Subscriber) {
        self.events.unsubscribe(subscriber);
    }

    /// Tells an event, unless the engine is down.
    pub(super) fn tell(
        &mut self,
        kind: EventKind,
        subject: &str,
        labels: &BTreeMap<String, String>,
        action: &str,
    ) {
        if self.is_down() {
            return;
        }
        let late = if self.rng.u32(0..INVERSIONS) == 0 { self.rng.i64(1..1_500_000) } else { 0 };
        let at = self.clock();
        let at = at.checked_sub(SignedDuration::from_nanos(late)).unwrap_or(at);
        if subject != NOBODYS {
            self.note(format!("event {action} of {}", short(subject)));
        }
        let (subject, labels) = (subject.to_owned(), labels.clone());
        self.events.tell(Event { at, kind, subject, labels, action: action.to_owned() });
        self.stirred = true;
    }

    /// Events of things that are nobody's concern: they push others out of the ring.
    pub fn make_noise(&mut self, events: u32) {
        let nobodys = BTreeMap::new();
        for _ in 0..events {
            self.tell(EventKind::Image, NOBODYS, &nobodys, "tag");
        }
    }
}

/// The first twelve digits of an id; names stay whole.
pub(crate) fn short(subject: &str) -> &str {
    let is_id = subject.len() == 64 && subject.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id { &subject[..12] } else { subject }
}
