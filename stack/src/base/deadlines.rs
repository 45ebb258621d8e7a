//! When to wake up for whom: one deadline for each key, the earliest found at once.
//!
//! `tcp`, `ip` and `dns` keep theirs here, so that [`Stack::next_deadline`](crate::Stack) need not
//! walk anything (design §5.8). It is a heap of four branches whose entries know their place; setting,
//! clearing and taking cost the logarithm of the number of keys. It never reads a clock.

use alloc::vec::Vec;

use super::{Instant, Key};

/// Something with a small number of its own, as a [`Key`] of a [`Table`](super::Table) has.
pub trait Indexed: Copy + Ord {
    /// The small number. Two keys that exist at the same time never share it.
    fn index(self) -> u32;
}

impl Indexed for Key {
    fn index(self) -> u32 {
        Key::index(self)
    }
}

/// Branches of the heap: four children share a cache line.
const BRANCHES: usize = 4;
/// The place of a key that has no deadline.
const NOWHERE: u32 = u32::MAX;

/// Deadlines in a heap. Equal deadlines are due in the order of their keys.
#[derive(Clone, Debug)]
pub struct Deadlines<K = Key> {
    heap: Vec<(Instant, K)>,
    /// By index of the key: where in `heap` it stands.
    places: Vec<u32>,
}

impl<K> Default for Deadlines<K> {
    fn default() -> Self {
        Self {
            heap: Vec::new(),
            places: Vec::new(),
        }
    }
}

impl<K: Indexed> Deadlines<K> {
    /// No deadline.
    pub const fn new() -> Self {
        Self {
            heap: Vec::new(),
            places: Vec::new(),
        }
    }

    /// How many keys have a deadline.
    pub const fn len(&self) -> usize {
        self.heap.len()
    }

    /// True if no key has a deadline.
    pub const fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The deadline of `key`.
    pub fn get(&self, key: K) -> Option<Instant> {
        let place = self.place_of(key)?;
        self.heap.get(place).map(|(instant, _)| *instant)
    }

    /// Gives `key` the deadline `instant` in place of any earlier one; [`Instant::NEVER`] clears it.
    ///
    /// A deadline that an earlier owner of the same index left behind is replaced.
    pub fn set(&mut self, key: K, instant: Instant) {
        let index = key.index() as usize;
        let occupied = self.places.get(index).copied().unwrap_or(NOWHERE);
        if instant == Instant::NEVER {
            if occupied != NOWHERE {
                self.take(occupied as usize);
            }
            return;
        }
        if occupied != NOWHERE
            && let Some(entry) = self.heap.get_mut(occupied as usize)
        {
            *entry = (instant, key);
            self.settle(occupied as usize);
            return;
        }
        if self.places.len() <= index {
            self.places.resize(index + 1, NOWHERE);
        }
        let place = self.heap.len();
        self.heap.push((instant, key));
        self.places[index] = place as u32;
        self.settle(place);
    }

    /// Takes the deadline of `key` away. Nothing happens if it has none.
    pub fn clear(&mut self, key: K) {
        if let Some(place) = self.place_of(key) {
            self.take(place);
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Instant> {
        self.heap.first().map(|(instant, _)| *instant)
    }

    /// Takes the earliest key whose deadline is not after `now`. It has no deadline from now on.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (instant, key) = *self.heap.first()?;
        if now < instant {
            return None;
        }
        self.take(0);
        Some(key)
    }

    /// Where `key` itself stands, not another key with its index.
    fn place_of(&self, key: K) -> Option<usize> {
        let place = *self.places.get(key.index() as usize)? as usize;
        let (_, there) = self.heap.get(place)?;
        (*there == key).then_some(place)
    }

    /// Takes out the entry at `place`, which exists.
    fn take(&mut self, place: usize) {
        let (_, key) = self.heap.swap_remove(place);
        self.places[key.index() as usize] = NOWHERE;
        if place < self.heap.len() {
            self.settle(place);
        }
    }

    /// Moves the entry at `place`, which exists, to where it belongs.
    fn settle(&mut self, place: usize) {
        let place = self.rise(place);
        self.sink(place);
    }

    fn rise(&mut self, mut place: usize) -> usize {
        let entry = self.heap[place];
        while place > 0 {
            let parent = (place - 1) / BRANCHES;
            if self.heap[parent] <= entry {
                break;
            }
            self.put(place, self.heap[parent]);
            place = parent;
        }
        self.put(place, entry);
        place
    }

    fn sink(&mut self, mut place: usize) {
        let entry = self.heap[place];
        loop {
            let first = place * BRANCHES + 1;
            let end = (first + BRANCHES).min(self.heap.len());
            let Some(least) = (first..end).min_by_key(|child| self.heap[*child]) else {
                break;
            };
            if entry <= self.heap[least] {
                break;
            }
            self.put(place, self.heap[least]);
            place = least;
        }
        self.put(place, entry);
    }

    /// Writes `entry` at `place`, and its place at its index. Both exist.
    fn put(&mut self, place: usize, entry: (Instant, K)) {
        self.heap[place] = entry;
        self.places[entry.1.index() as usize] = place as u32;
    }
}

#[cfg(test)]
mod tests;
