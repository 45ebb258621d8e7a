//! A keyed map that also knows the age of its entries.
//!
//! Reassembly, path MTUs and the ICMP limiter share its two questions: what is under this key, and
//! which entry is the oldest? Both cost the same however many entries there are (the order of age
//! is a B-tree), and an outsider can neither steer the hash nor see its order.

use alloc::collections::BTreeMap;
use core::hash::Hash;

use super::keyed::{Keyed, KeyedMap};

/// Entries under keys, in the order in which they were put in or made young again.
#[derive(Clone, Debug)]
pub struct AgedMap<K, V> {
    ages: KeyedMap<K, u64>,
    entries: BTreeMap<u64, (K, V)>,
    next_age: u64,
}

impl<K: Clone + Eq + Hash, V> AgedMap<K, V> {
    /// A map with no entry, hashed under the secret `key`.
    pub fn new(key: [u8; 16]) -> Self {
        Self {
            ages: KeyedMap::with_hasher(Keyed::new(key)),
            entries: BTreeMap::new(),
            next_age: 0,
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry under `key`.
    pub fn get(&self, key: &K) -> Option<&V> {
        let age = self.ages.get(key)?;
        self.entries.get(age).map(|(_, entry)| entry)
    }

    /// The entry under `key`, to be changed. Its age stays.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let age = self.ages.get(key)?;
        self.entries.get_mut(age).map(|(_, entry)| entry)
    }

    /// Puts `entry` under `key` as the youngest one; what was there before is handed back.
    pub fn insert(&mut self, key: K, entry: V) -> Option<V> {
        let age = self.next_age;
        self.next_age += 1;
        let before = self
            .ages
            .insert(key.clone(), age)
            .and_then(|before| self.entries.remove(&before));
        self.entries.insert(age, (key, entry));
        before.map(|(_, entry)| entry)
    }

    /// Takes the entry under `key` out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let age = self.ages.remove(key)?;
        self.entries.remove(&age).map(|(_, entry)| entry)
    }

    /// The oldest entry.
    pub fn oldest(&self) -> Option<(&K, &V)> {
        self.entries
            .first_key_value()
            .map(|(_, (key, entry))| (key, entry))
    }

    /// Takes the oldest entry out.
    pub fn remove_oldest(&mut self) -> Option<(K, V)> {
        let (_, (key, entry)) = self.entries.pop_first()?;
        self.ages.remove(&key);
        Some((key, entry))
    }

    /// All entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.values().map(|(key, entry)| (key, entry))
    }
}

#[cfg(test)]
mod tests;
