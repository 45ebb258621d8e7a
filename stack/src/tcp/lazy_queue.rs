//! A queue whose members may leave from anywhere at no cost.
//!
//! Listeners keep connections in it that wait for something (RFC 9293 §3.9.1.1). Who leaves is only
//! counted; its key goes when it comes to the front, or when such keys are the larger part. It never
//! decides who leaves.

use alloc::collections::VecDeque;

use crate::base::Key;

/// Keys of those who left that are kept beside as many as are there.
const SLACK: usize = 16;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct LazyQueue {
    keys: VecDeque<Key>,
    live: usize,
}

impl LazyQueue {
    /// How many are there.
    pub(crate) const fn len(&self) -> usize {
        self.live
    }

    /// `key` comes last.
    pub(crate) fn push(&mut self, key: Key) {
        self.keys.push_back(key);
        self.live += 1;
    }

    /// Somebody has left; `is_there` tells who has not.
    pub(crate) fn on_left(&mut self, is_there: impl Fn(Key) -> bool) {
        self.live = self.live.saturating_sub(1);
        if self.live == 0 {
            self.keys = VecDeque::new();
        } else if self.keys.len() > 2 * self.live + SLACK {
            self.keys.retain(|key| is_there(*key));
        }
    }

    /// The first of those for whom `is_there` holds. It leaves.
    pub(crate) fn pop(&mut self, is_there: impl Fn(Key) -> bool) -> Option<Key> {
        while let Some(key) = self.keys.pop_front() {
            if is_there(key) {
                self.live = self.live.saturating_sub(1);
                return Some(key);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
