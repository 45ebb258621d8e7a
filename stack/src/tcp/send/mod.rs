//! The sending half of a connection: the variables SND.* of RFC 9293 §3.3.1.
//!
//! `arrives/*`, `call/*`, `timeout/*` and `output.rs` compose these parts with the receiving half,
//! loss recovery and congestion control. Nothing here knows of those.

pub(crate) mod in_flight;
pub(crate) mod queue;
pub(crate) mod segmentize;
pub(crate) mod window;

use in_flight::InFlight;
use queue::SendQueue;
use window::SendWindow;

use crate::base::SeqNumber;

/// Everything that one side needs to send.
#[derive(Clone, Debug)]
pub(crate) struct SendHalf {
    /// ISS: the number of our SYN.
    pub(crate) iss: SeqNumber,
    /// SND.UNA, SND.NXT, SND.WND and what belongs to them.
    pub(crate) window: SendWindow,
    /// Text that waits to be sent or acknowledged, and the FIN after it.
    pub(crate) queue: SendQueue,
    /// When what is in flight was sent.
    pub(crate) in_flight: InFlight,
}

impl SendHalf {
    /// Before our SYN is sent: everything stands at `iss`.
    pub(crate) const fn new(iss: SeqNumber) -> Self {
        Self {
            iss,
            window: SendWindow::new(iss),
            queue: SendQueue::new(iss),
            in_flight: InFlight::new(),
        }
    }

    /// Octets of text that were never sent.
    pub(crate) fn unsent_octets(&self) -> usize {
        let end = self.queue.end();
        // After our FIN, SND.NXT is one past the end.
        if self.window.nxt.is_before(end) {
            self.window
                .nxt
                .later_of(self.queue.start())
                .distance_to(end) as usize
        } else {
            0
        }
    }

    /// True if our FIN was sent.
    pub(crate) fn fin_is_sent(&self) -> bool {
        self.queue
            .fin()
            .is_some_and(|fin| fin.is_before(self.window.nxt))
    }

    /// True if our FIN was acknowledged.
    pub(crate) fn fin_is_acked(&self) -> bool {
        self.queue
            .fin()
            .is_some_and(|fin| fin.is_before(self.window.una))
    }
}

#[cfg(test)]
mod tests;
