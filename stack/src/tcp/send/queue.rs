//! What SEND handed over (RFC 9293 §3.10.2), from SND.UNA on: it is kept until acknowledged, because
//! the peer may forget even what it reported by SACK (RFC 2018 §8).
//!
//! `call/send.rs` fills it, `arrives/check_ack.rs` empties it, `output.rs` reads slices of it. It
//! never decides what to send.

use bytes::Bytes;

use crate::base::SeqNumber;
use crate::tcp::slices::Slices;
use crate::wire::packet::Text;

/// Text in sequence space, and the FIN that follows it once the user closed.
#[derive(Clone, Debug)]
pub(crate) struct SendQueue {
    /// The number of the first octet that is held.
    start: SeqNumber,
    slices: Slices,
    closed: bool,
}

impl SendQueue {
    /// An empty queue of a connection whose SYN has the number `iss`.
    pub(crate) const fn new(iss: SeqNumber) -> Self {
        Self {
            start: SeqNumber::new(iss.raw().wrapping_add(1)),
            slices: Slices::new(),
            closed: false,
        }
    }

    /// The number of the first octet that is held.
    pub(crate) const fn start(&self) -> SeqNumber {
        self.start
    }

    /// The number after the last octet that is held.
    pub(crate) fn end(&self) -> SeqNumber {
        self.start + self.slices.octets() as u32
    }

    /// How many octets are held.
    pub(crate) const fn octets(&self) -> usize {
        self.slices.octets()
    }

    /// The number of our FIN, once [`close`](Self::close) was called.
    pub(crate) fn fin(&self) -> Option<SeqNumber> {
        self.closed.then(|| self.end())
    }

    /// True once no more text is taken.
    pub(crate) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// No more text: a FIN follows what is held.
    pub(crate) const fn close(&mut self) {
        self.closed = true;
    }

    /// Adds text to the end.
    pub(crate) fn push(&mut self, slice: Bytes) {
        debug_assert!(!self.closed);
        self.slices.push(slice);
    }

    /// Forgets everything before `una`.
    pub(crate) fn acknowledge(&mut self, una: SeqNumber) {
        if self.start.is_before(una) {
            let acked = (self.start.distance_to(una) as usize).min(self.slices.octets());
            self.slices.advance(acked);
            self.start += acked as u32;
        }
    }

    /// Forgets everything (ABORT, RFC 9293 §3.10.5).
    pub(crate) fn clear(&mut self) {
        self.start = self.end();
        self.slices = Slices::new();
    }

    /// The text from `from` on, at most `octets_max` octets, shared and not copied.
    pub(crate) fn text(&mut self, from: SeqNumber, octets_max: usize) -> Text {
        if from.is_before(self.start) {
            return Text::new();
        }
        self.slices
            .text(self.start.distance_to(from) as usize, octets_max)
    }
}
