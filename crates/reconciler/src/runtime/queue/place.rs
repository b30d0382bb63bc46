//! Lines that allocate nothing: the links are in what stands in line.
//!
//! A line has one lane for each priority, and each lane is first in, first out: whoever joins it
//! is due no earlier than all that are in it. So joining, leaving and finding the first are a few
//! steps, however long the line is.

use slab::Slab;

use super::super::request::Priority;
use super::moment::Moment;

/// How many lanes a line has: one for each priority.
const LANES: usize = 4;

/// No neighbour.
const NOBODY: u32 = u32::MAX;

/// Where something stands, while it stands in line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Whoever's turn is due earlier goes first; of two equals the more urgent one.
    pub(super) due: Moment,
    ahead: u32,
    behind: u32,
    pub(super) lane: Priority,
    /// How urgent it is by now. That may be more than the lane says, for one that had waited long
    /// enough to be better off in its old place.
    pub(super) urgency: Priority,
}

/// What can stand in one line at a time.
pub(super) trait Placed {
    fn place(&self) -> Option<&Place>;
    fn place_mut(&mut self) -> &mut Option<Place>;
}

#[derive(Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
}

/// A line. What stands in it is in a slab, which each operation is given.
pub(super) struct Line {
    /// The most urgent one first.
    lanes: [Ends; LANES],
}

impl Line {
    pub(super) fn new() -> Self {
        Self { lanes: [Ends { first: NOBODY, last: NOBODY }; LANES] }
    }

    /// Puts something that stands in no line at the end of a lane. It is due no earlier than whoever
    /// is ahead, even if the head starts of the lanes have changed since those came.
    pub(super) fn join<T: Placed>(
        &mut self,
        slab: &mut Slab<T>,
        id: usize,
        lane: Priority,
        mut due: Moment,
    ) {
        let ends = &mut self.lanes[lane.steps_behind()];
        let ahead = std::mem::replace(&mut ends.last, link(id));
        if ahead == NOBODY {
            ends.first = link(id);
        } else if let Some(place) = neighbour(slab, ahead) {
            place.behind = link(id);
            due = due.max(place.due);
        }
        *slab[id].place_mut() = Some(Place { due, ahead, behind: NOBODY, lane, urgency: lane });
    }

    /// Takes something out that stands in this line, from wherever it stands.
    pub(super) fn leave<T: Placed>(&mut self, slab: &mut Slab<T>, id: usize) {
        let Some(Place { lane, ahead, behind, .. }) = slab[id].place_mut().take() else { return };
        let ends = &mut self.lanes[lane.steps_behind()];
        if ahead == NOBODY {
            ends.first = behind;
        } else if let Some(place) = neighbour(slab, ahead) {
            place.behind = behind;
        }
        if behind == NOBODY {
            ends.last = ahead;
        } else if let Some(place) = neighbour(slab, behind) {
            place.ahead = ahead;
        }
    }

    /// Moves something that stands in this line to the end of a lane.
    pub(super) fn rejoin<T: Placed>(
        &mut self,
        slab: &mut Slab<T>,
        id: usize,
        lane: Priority,
        due: Moment,
    ) {
        if let Some(place) = slab[id].place_mut()
            && place.lane == lane
            && place.behind == NOBODY
        {
            place.due = due.max(place.due);
            return;
        }
        self.leave(slab, id);
        self.join(slab, id, lane, due);
    }

    /// Who goes next.
    pub(super) fn first<T: Placed>(&self, slab: &Slab<T>) -> Option<usize> {
        let mut fronts = self.lanes.iter().map(|ends| ends.first).filter(|id| *id != NOBODY);
        let due = |id: u32| slab.get(id as usize).and_then(Placed::place).map(|place| place.due);
        let first = fronts.next()?;
        // Mostly one lane is in use, and no comparison is needed.
        let first = fronts.fold(first, |best, id| if due(id) < due(best) { id } else { best });
        Some(first as usize)
    }

    /// Whether nobody stands here.
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.iter().all(|ends| ends.first == NOBODY)
    }

    /// Everybody, first to last.
    pub(super) fn all<T: Placed>(&self, slab: &Slab<T>) -> Vec<usize> {
        let mut all = Vec::new();
        for (lane, ends) in self.lanes.iter().enumerate() {
            let mut id = ends.first;
            while let Some(place) = slab.get(id as usize).and_then(Placed::place) {
                all.push((place.due, lane, id as usize));
                id = place.behind;
            }
        }
        // Stable, for those in one lane that are due at the same moment.
        all.sort_by_key(|(due, lane, _)| (*due, *lane));
        all.into_iter().map(|(_, _, id)| id).collect()
    }
}

/// There are never as many as four billion in memory.
fn link(id: usize) -> u32 {
    u32::try_from(id).unwrap_or(NOBODY)
}

fn neighbour<T: Placed>(slab: &mut Slab<T>, id: u32) -> Option<&mut Place> {
    slab.get_mut(id as usize).and_then(|neighbour| neighbour.place_mut().as_mut())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Person(Option<Place>);

    impl Placed for Person {
        fn place(&self) -> Option<&Place> {
            self.0.as_ref()
        }

        fn place_mut(&mut self) -> &mut Option<Place> {
            &mut self.0
        }
    }

    #[test]
    fn a_line_is_what_a_sorted_list_would_be_whoever_joins_and_leaves() {
        let mut rng = fastrand::Rng::with_seed(5);
        let mut slab: Slab<Person> = Slab::new();
        let people: Vec<_> = (0..12).map(|_| slab.insert(Person(None))).collect();
        let (mut line, mut model) = (Line::new(), Vec::new());
        for number in 0..10_000_u64 {
            let id = people[rng.usize(..people.len())];
            let priority = Priority::MOST_URGENT_FIRST[rng.usize(..LANES)];
            let behind = priority.steps_behind();
            let due = Duration::from_millis(number / 2 + 20 * behind as u64);
            let due = Moment::default().after(due);
            let stands = model.iter().position(|(_, _, _, other)| *other == id);
            stands.map(|at| model.remove(at));
            match stands {
                Some(_) if rng.bool() => line.leave(&mut slab, id),
                Some(_) => {
                    line.rejoin(&mut slab, id, priority, due);
                    model.push((due, behind, number, id));
                }
                None => {
                    line.join(&mut slab, id, priority, due);
                    model.push((due, behind, number, id));
                }
            }
            model.sort_unstable();
            let ids: Vec<_> = model.iter().map(|(_, _, _, id)| *id).collect();
            assert_eq!(line.all(&slab), ids);
            assert_eq!(line.first(&slab), ids.first().copied());
            assert_eq!(line.is_empty(), model.is_empty());
        }
    }
}
