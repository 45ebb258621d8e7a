//! Text in order that waits for RECEIVE (RFC 9293 §3.10.3).
//!
//! `arrives/take_text.rs` fills it, `call/receive.rs` empties it. It knows no sequence numbers.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::tcp::slices::Slices;

/// A text below this part of its frame, (3, 4) for three quarters, is copied out of it: what is charged
/// for text is never much less than the memory that it holds (design §5.3).
const FRAME_PART: (usize, usize) = (3, 4);

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReceiveQueue {
    slices: Slices,
    /// How many octets RECEIVE took so far.
    taken: u64,
    /// Whether some were forgotten that nobody had read.
    has_lost: bool,
}

impl ReceiveQueue {
    /// Nothing waits.
    pub(crate) const fn new() -> Self {
        Self {
            slices: Slices::new(),
            taken: 0,
            has_lost: false,
        }
    }

    /// How many octets wait.
    pub(crate) const fn octets(&self) -> usize {
        self.slices.octets()
    }

    /// True if none waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }

    /// The position up to which RECEIVE took the text.
    pub(crate) const fn taken(&self) -> u64 {
        self.taken
    }

    /// Adds text to the end.
    pub(crate) fn push(&mut self, text: Bytes) {
        self.slices.push(text);
    }

    /// Counts text that nobody will read as taken. Only while nothing waits.
    pub(crate) const fn skip(&mut self, octets: usize) {
        self.taken += octets as u64;
    }

    /// Takes up to `octets_max` octets from the front.
    pub(crate) fn take(&mut self, octets_max: usize) -> Vec<Bytes> {
        let before = self.slices.octets();
        let taken = self.slices.take(octets_max);
        self.taken += (before - self.slices.octets()) as u64;
        taken
    }

    /// True if text was forgotten that nobody had read: the end of the stream cannot be reached.
    pub(crate) const fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// Forgets everything that waits.
    pub(crate) fn clear(&mut self) {
        self.has_lost |= !self.slices.is_empty();
        self.taken += self.slices.octets() as u64;
        self.slices = Slices::new();
    }
}

/// `text`, or a copy of it if it would pin a frame that is much larger than itself.
pub(crate) fn unpinned(text: Bytes, frame_octets: usize) -> Bytes {
    if text.len() < frame_octets / FRAME_PART.1 * FRAME_PART.0 {
        Bytes::copy_from_slice(&text)
    } else {
        text
    }
}
