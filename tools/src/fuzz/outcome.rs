//! What became of an input: what it reached, a digest of what the stacks said, and the first promise
//! that was broken.
//!
//! The bodies of the targets write it; the generator, the shrinker and libFuzzer's harness read it. It
//! decides nothing.

use std::fmt;

use super::coverage::Tally;

/// Something that holds whatever arrives.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Promise {
    /// No input panics.
    NoPanic,
    /// What leaves is well formed, with right checksums, read by etherparse.
    PacketsRight,
    /// An input draws a bounded number of packets.
    OutputBounded,
    /// Queues stay within what the configuration allows.
    MemoryBounded,
    /// The counters agree with what went in and came out.
    CountersAgree,
    /// Time that passes moves the next deadline.
    DeadlineMoves,
    /// The same input gives the same packets.
    SameAgain,
    /// A fork goes on exactly as the original does.
    ForkAlike,
    /// What the application reads is what the peer sent.
    Delivered,
    /// What the peer is sent is what the application wrote.
    Sent,
    /// Acceptable text is acknowledged, and no other (RFC 9293 §3.10.7.4).
    Acknowledged,
    /// ACK never retreats.
    AckAdvances,
    /// The right edge of the window never retreats (RFC 9293 §3.8.6, SHLD-14).
    EdgeAdvances,
    /// Nothing is sent beyond the peer's window but probes.
    WithinWindow,
    /// SND.UNA ≤ SND.NXT and their like.
    NumbersInOrder,
    /// Outstanding data has a timer.
    TimerArmed,
    /// A transfer ends.
    TransferEnds,
    /// A part does what a naive model of it does.
    AsModel,
    /// What was written is read back as it was.
    RoundTrip,
}

impl Promise {
    /// A word for files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoPanic => "no-panic",
            Self::PacketsRight => "packets-right",
            Self::OutputBounded => "output-bounded",
            Self::MemoryBounded => "memory-bounded",
            Self::CountersAgree => "counters-agree",
            Self::DeadlineMoves => "deadline-moves",
            Self::SameAgain => "same-again",
            Self::ForkAlike => "fork-alike",
            Self::Delivered => "delivered",
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::AckAdvances => "ack-advances",
            Self::EdgeAdvances => "edge-advances",
            Self::WithinWindow => "within-window",
            Self::NumbersInOrder => "numbers-in-order",
            Self::TimerArmed => "timer-armed",
            Self::TransferEnds => "transfer-ends",
            Self::AsModel => "as-model",
            Self::RoundTrip => "round-trip",
        }
    }
}

/// A promise that was broken, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Which one.
    pub promise: Promise,
    /// What was seen instead, for a person.
    pub detail: String,
    /// For [`Promise::Acknowledged`]: so many octets of the peer's text should be acknowledged.
    pub due_octets: Option<u64>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise.name(), self.detail)
    }
}

/// What became of an input.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What it reached.
    pub reached: Tally,
    /// A digest of all packets, events and results, in their order.
    pub digest: u64,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
}

impl Outcome {
    /// Adds octets to the digest (FNV-1a, a word at a time).
    pub(crate) fn digest(&mut self, octets: &[u8]) {
        let mut state = self.digest ^ 0xcbf2_9ce4_8422_2325 ^ octets.len() as u64;
        let (words, rest) = octets.as_chunks::<8>();
        for word in words {
            state = (state ^ u64::from_le_bytes(*word)).wrapping_mul(0x0100_0000_01b3);
            state ^= state >> 29;
        }
        for octet in rest {
            state = (state ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        }
        self.digest = state;
    }

    /// Notes that `promise` is broken unless `holds`; only the first one counts.
    pub(crate) fn require(
        &mut self,
        holds: bool,
        promise: Promise,
        detail: impl FnOnce() -> String,
    ) {
        if !holds && self.violation.is_none() {
            self.violation = Some(Violation {
                promise,
                detail: detail(),
                due_octets: None,
            });
        }
    }

    /// Notes that `octets` of the peer's text should be acknowledged, unless they are.
    pub(crate) fn require_acknowledged(&mut self, holds: bool, octets: u64, got: u64) {
        self.require(holds, Promise::Acknowledged, || {
            format!("{octets} octets arrived in order and are acceptable, {got} are acknowledged")
        });
        if !holds
            && let Some(violation) = &mut self.violation
            && violation.promise == Promise::Acknowledged
        {
            violation.due_octets.get_or_insert(octets);
        }
    }

    /// True once a promise is broken: the rest of the input does not matter.
    pub(crate) const fn is_broken(&self) -> bool {
        self.violation.is_some()
    }
}
