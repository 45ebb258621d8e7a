//! A queue of octets made of shared slices (design §5.2, §5.3): what waits to be sent or acknowledged,
//! and what waits for RECEIVE.
//!
//! `send/queue.rs` and `receive/queue.rs` are built on it. Slices are cut and shared, never copied,
//! except that many tiny ones in a row are merged so that their bookkeeping stays below their content.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use crate::wire::packet::Text;

/// A slice below this is tiny.
const TINY_OCTETS: usize = 256;
/// So many tiny slices in a row become one.
const TINY_SLICES_MAX: usize = 16;

/// Octets in order, in slices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slices {
    slices: VecDeque<Bytes>,
    octets: usize,
    /// How many slices at the end are tiny.
    tiny_at_end: usize,
    /// Where the last look-up ended: (index of a slice, octets before it). Reading goes forwards, so
    /// the next one starts there.
    cursor: (usize, usize),
}

impl Slices {
    /// No octets, and no memory.
    pub(crate) const fn new() -> Self {
        Self {
            slices: VecDeque::new(),
            octets: 0,
            tiny_at_end: 0,
            cursor: (0, 0),
        }
    }

    /// How many octets there are.
    pub(crate) const fn octets(&self) -> usize {
        self.octets
    }

    /// True if there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.octets == 0
    }

    /// How many slices there are.
    #[cfg(test)]
    pub(crate) fn slice_count(&self) -> usize {
        self.slices.len()
    }

    /// Adds `slice` to the end.
    pub(crate) fn push(&mut self, slice: Bytes) {
        if slice.is_empty() {
            return;
        }
        self.octets += slice.len();
        if slice.len() < TINY_OCTETS {
            self.tiny_at_end += 1;
        } else {
            self.tiny_at_end = 0;
        }
        self.slices.push_back(slice);
        if self.tiny_at_end >= TINY_SLICES_MAX {
            self.merge_tiny();
        }
    }

    /// Drops `octets` octets (or all) from the front. An empty queue gives its memory back.
    pub(crate) fn advance(&mut self, octets: usize) {
        let gone = octets.min(self.octets);
        let slices_before = self.slices.len();
        let mut left = gone;
        self.octets -= gone;
        while left > 0 {
            let Some(front) = self.slices.front_mut() else {
                break;
            };
            if left < front.len() {
                let _ = front.split_to(left);
                break;
            }
            left -= front.len();
            self.slices.pop_front();
        }
        let (index, before) = self.cursor;
        let slices_gone = slices_before - self.slices.len();
        self.cursor = if slices_gone < index && gone <= before {
            (index - slices_gone, before - gone)
        } else {
            (0, 0)
        };
        self.tiny_at_end = self.tiny_at_end.min(self.slices.len());
        if self.octets == 0 {
            *self = Self::new();
        }
    }

    /// Takes up to `octets_max` octets from the front.
    pub(crate) fn take(&mut self, octets_max: usize) -> Vec<Bytes> {
        let mut taken = Vec::new();
        let mut left = octets_max.min(self.octets);
        self.octets -= left;
        while left > 0 {
            let Some(mut front) = self.slices.pop_front() else {
                break;
            };
            if left < front.len() {
                taken.push(front.split_to(left));
                self.slices.push_front(front);
                break;
            }
            left -= front.len();
            taken.push(front);
        }
        self.cursor = (0, 0);
        self.tiny_at_end = self.tiny_at_end.min(self.slices.len());
        if self.octets == 0 {
            *self = Self::new();
        }
        taken
    }

    /// The octets from `offset` on, at most `octets_max` of them, shared.
    pub(crate) fn text(&mut self, offset: usize, octets_max: usize) -> Text {
        let mut text = Text::new();
        let (mut index, mut before) = self.cursor;
        if offset < before {
            (index, before) = (0, 0);
        }
        let mut want = octets_max.min(self.octets.saturating_sub(offset));
        let mut skip = offset - before;
        while want > 0 {
            let Some(slice) = self.slices.get(index) else {
                break;
            };
            if skip < slice.len() {
                let take = want.min(slice.len() - skip);
                text.push(slice.slice(skip..skip + take));
                want -= take;
                if want == 0 {
                    break;
                }
                skip = slice.len();
            }
            skip -= slice.len();
            before += slice.len();
            index += 1;
        }
        self.cursor = (index, before);
        text
    }

    /// Copies the tiny slices at the end into one.
    fn merge_tiny(&mut self) {
        let first = self.slices.len() - self.tiny_at_end.min(self.slices.len());
        let mut merged = BytesMut::new();
        for slice in self.slices.drain(first..) {
            merged.extend_from_slice(&slice);
        }
        self.tiny_at_end = usize::from(merged.len() < TINY_OCTETS);
        self.slices.push_back(merged.freeze());
        self.cursor = (0, 0);
    }
}
