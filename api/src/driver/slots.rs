//! Values under the stack's own keys: which channel belongs to which connection.
//!
//! The stack's keys are small indices with a generation, so finding a channel is one array access,
//! and a key that outlived its entry finds nothing.

use sidestep_stack::base::Key;

/// A value for each key that is in use.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    slots: Vec<Option<(Key, T)>>,
    count: usize,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            count: 0,
        }
    }
}

impl<T> Slots<T> {
    /// Puts `value` under `key`; what an older generation left there is dropped.
    pub(crate) fn insert(&mut self, key: Key, value: T) {
        let index = key.index() as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(index)
            && slot.replace((key, value)).is_none()
        {
            self.count += 1;
        }
    }

    /// The value under `key`.
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.slots.get(key.index() as usize) {
            Some(Some((owner, value))) if *owner == key => Some(value),
            _ => None,
        }
    }

    /// Takes the value out.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        let (_, value) = self.slots.get_mut(key.index() as usize)?.take()?;
        self.count -= 1;
        if self.count == 0 {
            self.slots = Vec::new();
        }
        Some(value)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// All of them. For shutdown only.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.slots
            .iter()
            .flatten()
            .map(|(key, value)| (*key, value))
    }
}
