//! Which entry belongs to a key: a table by hash.
//!
//! What is forgotten leaves its place behind, as a *grave*: an entry without a key. Taking something
//! out of a large table costs a trip to memory that nothing else has touched lately, far more than
//! the rest of an operation; a grave costs none. The next key with the same hash moves in, and the
//! others are cleared away in one go, when they are most of what there is, or nobody lives any
//! more. So memory follows the living, but for what one of them at a far end holds on to, and an idle
//! table is empty.

use hashbrown::{HashTable, hash_table};
use slab::Slab;

use super::entry::Entry;

/// So many graves are never worth the clearing, and so much capacity is never worth giving back.
const FEW: usize = 1024;

/// Half of a hash, and where the entry is: half as large as both whole, since the table is most of what
/// an addition has to fetch from memory. Two keys that share half a hash are told apart by themselves.
#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    id: u32,
}

impl Slot {
    /// There are never as many as four billion in memory.
    fn new(hash: u64, id: usize) -> Self {
        Self { hash: half(hash), id: u32::try_from(id).unwrap_or(u32::MAX) }
    }

    fn id(self) -> usize {
        self.id as usize
    }

    /// What the table goes by.
    fn spread(self) -> u64 {
        spread(self.hash)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of it is wanted")]
const fn half(hash: u64) -> u32 {
    hash as u32
}

/// A table looks at both ends of a hash, and so both have to come from the half that is kept.
const fn spread(half: u32) -> u64 {
    (half as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Finds entries, which are in a slab that each operation is given.
#[derive(Default)]
pub(super) struct Index {
    table: HashTable<Slot>,
    living: usize,
    /// Which entries are graves, so that nobody need walk there to see.
    graves: Marks,
}

impl Index {
    /// How many keys are known.
    pub(super) fn living(&self) -> usize {
        self.living
    }

    /// Where the entry of a key is.
    pub(super) fn find<K: Eq, C>(
        &self,
        entries: &Slab<Entry<K, C>>,
        hash: u64,
        key: &K,
    ) -> Option<usize> {
        let hash = half(hash);
        let is_it = |slot: &Slot| slot.hash == hash && entries[slot.id()].key.as_ref() == Some(key);
        self.table.find(spread(hash), is_it).map(|slot| slot.id())
    }

    /// Where the entry of a key is, which is made if there is none.
    pub(super) fn find_or_insert<K: Eq, C>(
        &mut self,
        entries: &mut Slab<Entry<K, C>>,
        (hash, key): (u64, K),
        make: impl FnOnce(K) -> Entry<K, C>,
    ) -> usize {
        let has_graves = self.table.len() > self.living;
        let half = half(hash);
        let is_it =
            |slot: &Slot| slot.hash == half && entries[slot.id()].key.as_ref() == Some(&key);
        let found = self.table.entry(spread(half), is_it, |slot| slot.spread());
        let vacant = match found {
            hash_table::Entry::Occupied(found) => return found.get().id(),
            hash_table::Entry::Vacant(vacant) => vacant,
        };
        // Should this panic, nothing has changed.
        let entry = make(key);
        self.living += 1;
        if !has_graves {
            let id = entries.insert(entry);
            vacant.insert(Slot::new(hash, id));
            return id;
        }
        let is_grave = |slot: &Slot| slot.hash == half && self.graves.has(slot.id());
        if let Some(slot) = self.table.find(spread(half), is_grave) {
            let id = slot.id();
            self.graves.clear(id);
            entries[id] = entry;
            return id;
        }
        let id = entries.insert(entry);
        self.table.insert_unique(spread(half), Slot::new(hash, id), |slot| slot.spread());
        id
    }

    /// Forgets a key, which is handed back.
    pub(super) fn bury<K, C>(&mut self, entries: &mut Slab<Entry<K, C>>, id: usize) -> Option<K> {
        let key = entries.get_mut(id)?.key.take()?;
        self.living -= 1;
        self.graves.set(id);
        let graves = self.table.len() - self.living;
        if self.living == 0 {
            self.clear(entries);
        } else if graves > 3 * self.living + FEW {
            self.sweep(entries);
        }
        Some(key)
    }

    fn clear<K, C>(&mut self, entries: &mut Slab<Entry<K, C>>) {
        if self.table.capacity() > 2 * FEW {
            *entries = Slab::new();
            *self = Self::default();
        } else {
            entries.clear();
            self.table.clear();
            self.graves.0.clear();
        }
    }

    /// In the order of the table and then in that of the slab, as jumping to and fro would cost what
    /// the graves have saved.
    fn sweep<K, C>(&mut self, entries: &mut Slab<Entry<K, C>>) {
        let graves = std::mem::take(&mut self.graves);
        self.table.retain(|slot| !graves.has(slot.id()));
        // From the end, as the slab fills first what was emptied last.
        for id in graves.last_to_first() {
            entries.remove(id);
        }
        // Or else the next sweep would walk through what this one has emptied.
        let enough = 4 * (self.living + FEW);
        if self.table.capacity() > 4 * enough {
            self.table.shrink_to(enough, |slot| slot.spread());
            entries.shrink_to_fit();
        }
    }
}

/// A set of small numbers, a bit for each.
#[derive(Default)]
struct Marks(Vec<u64>);

impl Marks {
    fn has(&self, id: usize) -> bool {
        self.0.get(id / 64).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    fn set(&mut self, id: usize) {
        if self.0.len() <= id / 64 {
            self.0.resize(id / 64 + 1, 0);
        }
        self.0[id / 64] |= 1 << (id % 64);
    }

    fn clear(&mut self, id: usize) {
        if let Some(word) = self.0.get_mut(id / 64) {
            *word &= !(1 << (id % 64));
        }
    }

    fn last_to_first(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate().rev().filter(|(_, word)| **word != 0);
        words.flat_map(|(place, _)| (64 * place..64 * (place + 1)).rev()).filter(|id| self.has(*id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    type Entries = Slab<Entry<u64, ()>>;

    /// Keys share hashes, so that they meet each other's graves.
    fn hash(key: u64) -> u64 {
        (key / 3).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    fn check(index: &Index, entries: &Entries, model: &HashSet<u64>, keys: u64) {
        assert_eq!(index.living(), model.len());
        for key in 0..keys {
            let found = index.find(entries, hash(key), &key);
            assert_eq!(found.is_some(), model.contains(&key));
            assert!(found.is_none_or(|id| entries[id].key == Some(key)));
        }
    }

    #[test]
    fn an_index_knows_what_a_set_knows_and_keeps_no_more_graves_than_it_may() {
        for keys in [40, 9_000] {
            let mut rng = fastrand::Rng::with_seed(keys);
            let (mut index, mut entries) = (Index::default(), Entries::new());
            let mut model = HashSet::new();
            for turn in 0..60_000 {
                // Phases in which most come, and phases in which most go.
                let key = rng.u64(..keys);
                let comes = rng.u8(..10) < if turn / 10_000 % 2 == 0 { 8 } else { 2 };
                match index.find(&entries, hash(key), &key) {
                    None if comes => {
                        let make = |key| Entry::new(key, 0);
                        let id = index.find_or_insert(&mut entries, (hash(key), key), make);
                        let again = index.find_or_insert(&mut entries, (hash(key), key), make);
                        assert_eq!(id, again);
                        model.insert(key);
                    }
                    Some(id) if !comes => {
                        assert_eq!(index.bury(&mut entries, id), Some(key));
                        model.remove(&key);
                    }
                    _ => {}
                }
                assert!(index.table.len() <= 4 * index.living() + FEW);
                assert_eq!(index.table.len(), entries.len());
                if turn % 5_000 == 0 {
                    check(&index, &entries, &model, keys);
                }
            }
            for key in model.drain() {
                let id = index.find(&entries, hash(key), &key).unwrap();
                index.bury(&mut entries, id);
            }
            check(&index, &entries, &model, keys);
            assert_eq!((index.table.len(), entries.len()), (0, 0));
        }
    }
}
