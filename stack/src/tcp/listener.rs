//! LISTEN: what begins connections, and where they wait to be accepted (RFC 9293 §3.9.1.1, §3.10.1).
//!
//! `call/open.rs` makes one, `arrives/listen.rs` and `arrives/syn_received.rs` fill its queues,
//! `call/accept.rs` empties them. Both queues are bounded: when the SYN queue is full the oldest entry
//! makes room (RFC 4987 §3.4), when the accept queue is full the newcomer waits outside (BAD-80).

use alloc::collections::VecDeque;

use super::settings::Settings;
use crate::base::Key;
use crate::call::{ListenerId, Local};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    /// Its name.
    pub(crate) id: ListenerId,
    /// Where it listens.
    pub(crate) local: Local,
    /// What its connections begin with.
    pub(crate) settings: Settings,
    /// Connections that wait to be accepted, the oldest first. Some may have failed since.
    pub(crate) accept_queue: VecDeque<Key>,
    /// The most of them.
    pub(crate) backlog: usize,
    /// Half-open connections, the oldest first. Some may be gone since.
    syn_queue: VecDeque<Key>,
    /// How many of them are not gone.
    half_open: usize,
    /// Whether `Acceptable` waits to be told.
    pub(crate) is_acceptable: bool,
    /// Whether it stands in the queue of events.
    pub(crate) is_announced: bool,
}

impl Listener {
    /// With empty queues.
    pub(crate) const fn new(
        id: ListenerId,
        local: Local,
        settings: Settings,
        backlog: usize,
    ) -> Self {
        Self {
            id,
            local,
            settings,
            accept_queue: VecDeque::new(),
            backlog,
            syn_queue: VecDeque::new(),
            half_open: 0,
            is_acceptable: false,
            is_announced: false,
        }
    }

    /// True if the accept queue is full.
    pub(crate) fn is_full(&self) -> bool {
        self.accept_queue.len() >= self.backlog
    }

    /// How many connections are half open.
    pub(crate) const fn half_open(&self) -> usize {
        self.half_open
    }

    /// `key` is half open from now on.
    pub(crate) fn push_half_open(&mut self, key: Key) {
        self.syn_queue.push_back(key);
        self.half_open += 1;
    }

    /// A half-open connection is one no more. Its key stays until it comes to the front, or until
    /// such keys are the larger part; `is_half_open` tells which are not.
    pub(crate) fn drop_half_open(&mut self, is_half_open: impl Fn(Key) -> bool) {
        self.half_open = self.half_open.saturating_sub(1);
        if self.half_open == 0 {
            self.syn_queue = VecDeque::new();
        } else if self.syn_queue.len() > 2 * self.half_open + 16 {
            self.syn_queue.retain(|key| is_half_open(*key));
        }
    }

    /// Takes the next key from the SYN queue, be it still half open or not.
    pub(crate) fn pop_half_open(&mut self) -> Option<Key> {
        self.syn_queue.pop_front()
    }
}
