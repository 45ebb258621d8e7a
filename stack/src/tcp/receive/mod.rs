//! The receiving half of a connection: the variables RCV.* of RFC 9293 §3.3.1.
//!
//! `arrives/*`, `call/receive.rs` and `output.rs` compose these parts. Positions count octets of the
//! stream in 64 bits, from 0 for the first octet after the peer's SYN, so they never wrap.

pub(crate) mod acknowledge;
pub(crate) mod queue;
pub(crate) mod reassembly;
pub(crate) mod sack;
pub(crate) mod urgent;
pub(crate) mod window;

use alloc::boxed::Box;

use acknowledge::Acknowledge;
use queue::ReceiveQueue;
use reassembly::Reassembly;
use sack::SackReporter;
use urgent::Urgent;
use window::ReceiveWindow;

use crate::base::{Instant, SeqNumber};

/// What out-of-order text needs; it exists only while there is some, or a duplicate to report.
#[derive(Clone, Debug, Default)]
pub(crate) struct OutOfOrder {
    /// The text.
    pub(crate) reassembly: Reassembly,
    /// What the peer is told of it.
    pub(crate) sack: SackReporter,
}

/// Everything that one side needs to receive.
#[derive(Clone, Debug)]
pub(crate) struct ReceiveHalf {
    /// IRS: the number of the peer's SYN.
    pub(crate) irs: SeqNumber,
    /// RCV.NXT.
    pub(crate) nxt: SeqNumber,
    /// The position of RCV.NXT: how many octets of text have arrived in order.
    pub(crate) position: u64,
    /// RCV.WND.
    pub(crate) window: ReceiveWindow,
    /// When text last arrived.
    pub(crate) last_text_at: Option<Instant>,
    /// Text in order that waits for RECEIVE.
    pub(crate) queue: ReceiveQueue,
    /// Text that waits for what is missing before it.
    pub(crate) out_of_order: Option<Box<OutOfOrder>>,
    /// Whether and when an acknowledgment is due.
    pub(crate) acknowledge: Acknowledge,
    /// RCV.UP.
    pub(crate) urgent: Urgent,
    /// The position of the peer's FIN, once it is known.
    pub(crate) fin: Option<u64>,
}

impl ReceiveHalf {
    /// The peer's SYN has the number `irs`; `buffer_octets` and `shift` make our window.
    pub(crate) fn new(irs: SeqNumber, buffer_octets: usize, shift: u8) -> Self {
        let nxt = irs + 1;
        Self {
            irs,
            nxt,
            position: 0,
            window: ReceiveWindow::new(nxt, buffer_octets, shift),
            last_text_at: None,
            queue: ReceiveQueue::new(),
            out_of_order: None,
            acknowledge: Acknowledge::new(nxt),
            urgent: Urgent::new(),
            fin: None,
        }
    }

    /// The position of `seq`, which lies less than half a lap from RCV.NXT.
    pub(crate) const fn position_of(&self, seq: SeqNumber) -> u64 {
        let ahead = self.nxt.distance_to(seq) as i32;
        self.position.wrapping_add_signed(ahead as i64)
    }

    /// The number of `position`.
    pub(crate) fn seq_at(&self, position: u64) -> SeqNumber {
        self.nxt + position.wrapping_sub(self.position) as u32
    }

    /// `octets` more have arrived in order.
    pub(crate) fn advance(&mut self, octets: usize) {
        self.nxt += octets as u32;
        self.position += octets as u64;
    }

    /// True once the peer's FIN was processed: RCV.NXT is beyond it.
    pub(crate) fn fin_is_received(&self) -> bool {
        self.fin.is_some_and(|fin| fin < self.position)
    }

    /// True once RECEIVE took everything up to the peer's FIN; never after a reset took text away.
    pub(crate) fn is_at_end(&self) -> bool {
        self.fin_is_received() && self.queue.is_empty() && !self.queue.has_lost()
    }

    /// Octets in memory.
    pub(crate) fn held_octets(&self) -> usize {
        self.queue.octets()
            + self
                .out_of_order
                .as_ref()
                .map_or(0, |it| it.reassembly.held_octets())
    }
}

#[cfg(test)]
mod tests;
