//! A table whose keys are never mistaken for those of an earlier entry.
//!
//! Connections, listeners and sockets live in one each. A key that outlived its entry finds
//! nothing; no method here ever walks the whole table except [`Table::iter`].

use alloc::vec::Vec;

/// Names one entry of a [`Table`] for ever: a slot, and how often the slot was reused.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    /// The slot: small, and reused.
    pub const fn index(self) -> u32 {
        self.index
    }

    /// One number that holds the whole key.
    pub const fn as_u64(self) -> u64 {
        ((self.generation as u64) << 32) | self.index as u64
    }
}

#[derive(Clone, Debug)]
struct Slot<T> {
    generation: u32,
    entry: Option<T>,
}

/// Entries under generational keys; insertion, look-up and removal take constant time.
#[derive(Clone, Debug)]
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
    entries: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Table<T> {
    /// A table with no entry.
    pub const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            entries: 0,
        }
    }

    /// How many entries there are.
    pub const fn len(&self) -> usize {
        self.entries
    }

    /// True if there is no entry.
    pub const fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Puts `entry` under a key that no earlier entry had.
    pub fn insert(&mut self, entry: T) -> Key {
        self.insert_with(|_| entry)
    }

    /// Puts what `make` makes of its key under that key, which no earlier entry had.
    pub fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        self.entries += 1;
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            slot.entry = Some(make(Key {
                index,
                generation: slot.generation,
            }));
            return Key {
                index,
                generation: slot.generation,
            };
        }
        let key = Key {
            index: self.slots.len() as u32,
            generation: 0,
        };
        self.slots.push(Slot {
            generation: 0,
            entry: Some(make(key)),
        });
        key
    }

    /// Takes the entry out. Its key finds nothing from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation != key.generation {
            return None;
        }
        let entry = slot.entry.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
        self.entries -= 1;
        Some(entry)
    }

    /// The entry under `key`, if it is still there.
    pub fn get(&self, key: Key) -> Option<&T> {
        let slot = self.slots.get(key.index as usize)?;
        if slot.generation == key.generation {
            slot.entry.as_ref()
        } else {
            None
        }
    }

    /// The entry under `key`, to be changed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        if slot.generation == key.generation {
            slot.entry.as_mut()
        } else {
            None
        }
    }

    /// All entries, in the order of their slots. For reports and shutdown, not for the data path.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let key = Key {
                index: index as u32,
                generation: slot.generation,
            };
            slot.entry.as_ref().map(|entry| (key, entry))
        })
    }
}

#[cfg(test)]
mod tests;
