//! What one acknowledgment says, as a value: the only language in which the sending half, loss
//! recovery and congestion control speak to each other.
//!
//! `arrives/check_ack.rs` makes it and carries it from one to the next.

use super::delivery::Newest;
use crate::base::{Duration, Instant, SeqNumber};

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
    /// When it arrived, and what is known of the path.
    pub(crate) clock: PathClock,
    /// The moment that its TSecr names, in whole milliseconds, if it has one that can be true.
    pub(crate) echoed_at: Option<Instant>,
}

/// A moment, and the round trips that times are measured by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathClock {
    /// The moment.
    pub(crate) now: Instant,
    /// SRTT.
    pub(crate) srtt: Option<Duration>,
    /// The shortest round trip of late.
    pub(crate) min_rtt: Option<Duration>,
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

/// What loss recovery makes of an acknowledgment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AckOutcome {
    /// For congestion control to act on.
    pub(crate) signal: LossSignal,
    /// Octets of which it says for the first time that they arrived, by SEG.ACK or by SACK.
    pub(crate) delivered_octets: u32,
    /// Octets that it shows to be lost.
    pub(crate) lost_octets: u32,
    /// The most recently sent of what it says that it arrived.
    pub(crate) newest: Option<Newest>,
    /// The round trip that it measures, if it does so without doubt (RFC 6298 §3).
    pub(crate) round_trip: Option<Duration>,
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
    /// The probe of the tail repaired a loss by itself: a reduction, and no recovery (RFC 8985
    /// §7.4.2).
    TailLossRepaired {
        /// FlightSize before the acknowledgment.
        flight_octets: u32,
    },
    /// Recovery was a mistake: its reduction is undone (RFC 4015 §3).
    Spurious(Evidence),
}

/// What shows that nothing was lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Evidence {
    /// After a timeout, what had been sent before it arrived (RFC 5682 §2.1 or §3.1, step 3b).
    ForwardRto,
    /// The acknowledgment echoes the first transmission (RFC 3522 §3.2).
    Eifel,
    /// Every retransmission was reported as a duplicate (RFC 2883 §5, RFC 3708).
    Dsack,
}

impl Evidence {
    /// The clause that has us believe it.
    pub(crate) const fn clause(self) -> &'static str {
        match self {
            Self::ForwardRto => "RFC 5682 §3.1",
            Self::Eifel => "RFC 3522 §3.2",
            Self::Dsack => "RFC 2883 §5",
        }
    }
}
