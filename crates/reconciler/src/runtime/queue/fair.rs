//! Turns: who goes next, fairly between owners.
//!
//! Each owner has a line of its own, and at most one *ticket* in the line of tickets, however many
//! keys wait behind it. When a ticket's turn comes, the first key of the owner's line starts, and
//! the owner gets a new ticket at the end. So owners with the same urgency take turns, and one
//! owner's thousand keys cost another's equally urgent one no more than a single turn.
//!
//! A ticket is as urgent as the most urgent key behind it; within an owner's line keys go by their
//! own rank. In both lines a place never moves back, so that whatever waits is overtaken only by
//! what comes in during a bounded time: no key starves, at any priority and load (Q5).
//!
//! With one owner there is one ticket, and all that remains is that owner's line.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;
use slab::Slab;

use super::super::owner::Owner;
use super::super::request::Priority;
use super::Limits;
use super::moment::Moment;
use super::place::{Line, Place, Placed};

/// The lines of all owners, and the line of their tickets.
pub(super) struct Fair {
    flows: Slab<Flow>,
    /// An owner is a hash already.
    owners: HashMap<Owner, usize, FixedState>,
    /// Where keys without an owner are kept.
    nobody: Option<usize>,
    tickets: Line,
}

/// How many keys are how urgent, the most urgent first.
type Urgencies = [u32; Priority::MOST_URGENT_FIRST.len()];

/// What is known about one owner. It is forgotten with the last of its keys.
struct Flow {
    owner: Option<Owner>,
    line: Line,
    /// The place among the tickets, if there is one.
    ticket: Option<Place>,
    /// How many of the keys in line are how urgent, the most urgent first.
    urgencies: Urgencies,
    /// How many of its keys run.
    running: usize,
    /// How many of its keys are known at all.
    keys: usize,
}

impl Flow {
    fn new(owner: Option<Owner>) -> Self {
        let line = Line::new();
        Self { owner, line, ticket: None, urgencies: Default::default(), running: 0, keys: 0 }
    }

    /// How urgent the most urgent key in line is.
    fn urgency(&self) -> Option<Priority> {
        most_urgent(&self.urgencies)
    }
}

impl Placed for Flow {
    fn place(&self) -> Option<&Place> {
        self.ticket.as_ref()
    }

    fn place_mut(&mut self) -> &mut Option<Place> {
        &mut self.ticket
    }
}

impl Fair {
    pub(super) fn new() -> Self {
        Self { flows: Slab::new(), owners: HashMap::default(), nobody: None, tickets: Line::new() }
    }

    /// How many owners have keys that are known.
    pub(super) fn owners(&self) -> usize {
        self.flows.len()
    }

    /// Counts a new key of this owner, and says where the owner is kept. Keys without one belong
    /// together.
    pub(super) fn admit(&mut self, owner: Option<Owner>) -> usize {
        let flows = &mut self.flows;
        let new = || flows.insert(Flow::new(owner));
        let flow = match owner {
            Some(owner) => *self.owners.entry(owner).or_insert_with(new),
            None => *self.nobody.get_or_insert_with(new),
        };
        flows[flow].keys += 1;
        flow
    }

    /// Takes back an [`admit`](Self::admit): the key is forgotten.
    pub(super) fn dismiss(&mut self, flow: usize) {
        self.flows[flow].keys -= 1;
        if self.flows[flow].keys == 0 {
            match self.flows.remove(flow).owner {
                Some(owner) => self.owners.remove(&owner),
                None => self.nobody.take(),
            };
        }
    }

    /// Has a key stand in its owner's line from `since` on. One that stands there already moves
    /// forward if that is an advantage, and stays otherwise.
    pub(super) fn line_up<T: Placed>(
        &mut self,
        keys: &mut Slab<T>,
        (flow_id, id): (usize, usize),
        (priority, since): (Priority, Moment),
        limits: &Limits,
    ) {
        let due = since.after(limits.head_start(priority));
        let flow = &mut self.flows[flow_id];
        if let Some(place) = keys[id].place_mut() {
            if place.urgency >= priority {
                return;
            }
            flow.urgencies[place.urgency.steps_behind()] -= 1;
            place.urgency = priority;
            if place.due > due {
                flow.line.rejoin(keys, id, priority, due);
            }
        } else {
            flow.line.join(keys, id, priority, due);
        }
        flow.urgencies[priority.steps_behind()] += 1;
        // Mostly the owner waits for its turn already.
        if flow.ticket.is_none_or(|ticket| ticket.lane < priority) {
            self.issue_ticket(flow_id, since, limits);
        }
    }

    /// Takes out the key that goes next, and counts it as running.
    pub(super) fn next<T: Placed>(
        &mut self,
        keys: &mut Slab<T>,
        now: Moment,
        limits: &Limits,
    ) -> Option<usize> {
        let id = self.tickets.first(&self.flows)?;
        let flow = &mut self.flows[id];
        let first = flow.line.first(keys)?;
        flow.urgencies[keys[first].place()?.urgency.steps_behind()] -= 1;
        flow.line.leave(keys, first);
        flow.running += 1;
        match flow.urgency() {
            Some(lane) if flow.running < limits.concurrency_per_owner.max(1) => {
                let due = now.after(limits.head_start(lane));
                self.tickets.rejoin(&mut self.flows, id, lane, due);
            }
            _ => self.tickets.leave(&mut self.flows, id),
        }
        Some(first)
    }

    /// Takes back the counting of [`next`](Self::next): a key of this owner has ended its run.
    pub(super) fn release(&mut self, flow: usize, now: Moment, limits: &Limits) {
        self.flows[flow].running -= 1;
        if self.flows[flow].ticket.is_none() {
            self.issue_ticket(flow, now, limits);
        }
    }

    /// Whether a key could start now, if there is a place free for it.
    pub(super) fn has_next(&self) -> bool {
        !self.tickets.is_empty()
    }

    /// All keys that stand in line, in the order in which they would start if they all did now and
    /// ended at once.
    pub(super) fn order<T: Placed>(
        &self,
        keys: &Slab<T>,
        now: Moment,
        limits: &Limits,
    ) -> Vec<usize> {
        let mut lines: HashMap<usize, std::vec::IntoIter<usize>> =
            self.flows.iter().map(|(id, flow)| (id, flow.line.all(keys).into_iter())).collect();
        // By when they are due, and then by who came first.
        let place = |id: usize| self.flows[id].ticket.map(|place| (place.due, place.lane));
        let tickets = self.tickets.all(&self.flows).into_iter().enumerate();
        let mut tickets: BTreeSet<_> = tickets
            .filter_map(|(number, id)| {
                place(id).map(|(due, lane)| (due, Reverse(lane), number, id))
            })
            .collect();
        let mut urgencies: HashMap<usize, _> =
            self.flows.iter().map(|(id, flow)| (id, flow.urgencies)).collect();
        let (mut order, mut number) = (Vec::new(), tickets.len());
        while let Some((_, _, _, flow)) = tickets.pop_first() {
            let next = lines.get_mut(&flow).and_then(Iterator::next);
            let (Some(id), Some(counts)) = (next, urgencies.get_mut(&flow)) else { continue };
            order.push(id);
            if let Some(place) = keys[id].place() {
                counts[place.urgency.steps_behind()] -= 1;
            }
            if let Some(lane) = most_urgent(counts) {
                number += 1;
                tickets.insert((now.after(limits.head_start(lane)), Reverse(lane), number, flow));
            }
        }
        // Owners without a ticket run as many as they may; their keys go last.
        let without = self.flows.iter().filter(|(_, flow)| flow.ticket.is_none());
        order.extend(without.flat_map(|(_, flow)| flow.line.all(keys)));
        order
    }

    /// Gives the owner a ticket if it has none and may have one, and moves the one it has forward
    /// if something more urgent has come.
    fn issue_ticket(&mut self, id: usize, since: Moment, limits: &Limits) {
        let flow = &self.flows[id];
        let Some(lane) = flow.urgency() else { return };
        if flow.running >= limits.concurrency_per_owner.max(1) {
            return;
        }
        let due = since.after(limits.head_start(lane));
        match flow.ticket {
            Some(ticket) if ticket.lane >= lane || ticket.due <= due => return,
            Some(_) => self.tickets.leave(&mut self.flows, id),
            None => {}
        }
        self.tickets.join(&mut self.flows, id, lane, due);
    }
}

fn most_urgent(counts: &Urgencies) -> Option<Priority> {
    let counts = counts.iter().zip(Priority::MOST_URGENT_FIRST);
    counts.filter(|(count, _)| **count > 0).map(|(_, urgency)| urgency).next()
}
