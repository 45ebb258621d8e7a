//! What one acknowledgment says, as a value: the only language in which the sending half, loss
//! recovery and congestion control speak to each other.
//!
//! `arrives/check_ack.rs` makes it and carries it from one to the next.

use crate::base::SeqNumber;

/// An acknowledgment that was accepted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckSample {
    /// SND.UNA before it.
    pub(crate) una_before: SeqNumber,
    /// SEG.ACK: SND.UNA after it.
    pub(crate) ack: SeqNumber,
    /// SND.NXT.
    pub(crate) nxt: SeqNumber,
    /// SMSS: the most text in one segment that we send, in octets.
    pub(crate) smss: u32,
    /// True for a duplicate acknowledgment by RFC 5681 §2.
    pub(crate) is_duplicate: bool,
}

impl AckSample {
    /// Octets that are acknowledged for the first time.
    pub(crate) const fn acked_octets(&self) -> u32 {
        self.una_before.distance_to(self.ack)
    }

    /// FlightSize after it.
    pub(crate) const fn flight_octets(&self) -> u32 {
        self.ack.distance_to(self.nxt)
    }
}

/// What loss recovery concludes from an acknowledgment, for congestion control to act on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LossSignal {
    /// All is well, or nothing is known.
    None,
    /// A loss was detected: recovery begins (RFC 5681 §3.2, RFC 6675 §5).
    LossDetected {
        /// FlightSize, without what limited transmit sent (RFC 5681 §3.2, step 1).
        flight_octets: u32,
    },
    /// Recovery goes on: the congestion window does not grow.
    Recovering,
    /// Everything that was in flight when recovery began is acknowledged.
    Recovered,
}
