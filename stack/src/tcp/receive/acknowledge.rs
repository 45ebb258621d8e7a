//! When to acknowledge (RFC 9293 §3.8.6.3, RFC 5681 §4.2).
//!
//! `arrives/*` notes what arrived; `output.rs`, which runs after a whole batch, asks what is due. So
//! one acknowledgment answers a batch (MUST-58, MUST-59) with no special case.

use crate::base::SeqNumber;

/// How urgent an acknowledgment is.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Urgency {
    /// None is due.
    #[default]
    Idle,
    /// It may wait for its timer, or for text to ride on.
    Delayed,
    /// It goes out at once.
    Now,
}

/// Without SACK, each segment out of order is told by an ACK of its own, so that the peer can
/// count to three (RFC 5681 §3.2). More than this say nothing new.
const DUPLICATES_MAX: u8 = 16;

/// Nobody's full segments are smaller (RFC 9293 §3.7.1).
const FULL_OCTETS_MIN: u32 = 536;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Acknowledge {
    urgency: Urgency,
    /// Octets of text since the last acknowledgment.
    octets: u32,
    /// What a full segment of the peer holds, as far as has been seen: it may be less than our MSS.
    full_octets: u32,
    /// Duplicate acknowledgments that are owed beyond the one.
    duplicates: u8,
    /// So many segments more are acknowledged at once.
    quick: u8,
    /// Last.ACK.sent (RFC 7323 §4.3).
    last_sent: SeqNumber,
}

impl Acknowledge {
    /// Nothing is due; everything before `nxt` counts as acknowledged.
    pub(crate) const fn new(nxt: SeqNumber) -> Self {
        Self {
            urgency: Urgency::Idle,
            octets: 0,
            full_octets: FULL_OCTETS_MIN,
            duplicates: 0,
            quick: 0,
            last_sent: nxt,
        }
    }

    /// Text arrived in order, `segment_octets` in each segment; the peer's hold `mss_octets` at most.
    /// Every second full segment is acknowledged at once (SHLD-19).
    pub(crate) fn on_text(&mut self, octets: u32, segment_octets: u32, mss_octets: u32) {
        self.full_octets = self.full_octets.max(segment_octets).min(mss_octets);
        self.octets = self.octets.saturating_add(octets);
        if self.octets >= 2 * self.full_octets {
            self.urgency = Urgency::Now;
        } else {
            self.urgency = self.urgency.max(Urgency::Delayed);
        }
    }

    /// The peer begins, or begins again, and its cwnd grows with our acknowledgments: the next
    /// `segments` are acknowledged at once.
    pub(crate) fn quicken(&mut self, segments: u64) {
        self.quick = u8::try_from(segments).unwrap_or(u8::MAX);
    }

    /// Segments with text arrived, so many. True if they are among those that wait for nothing.
    pub(crate) fn takes_quickly(&mut self, segments: u32) -> bool {
        let is_quick = self.quick > 0;
        self.quick = self
            .quick
            .saturating_sub(u8::try_from(segments).unwrap_or(u8::MAX));
        is_quick
    }

    /// An acknowledgment is due at once.
    pub(crate) const fn now(&mut self) {
        self.urgency = Urgency::Now;
    }

    /// A segment arrived out of order, and the peer counts acknowledgments.
    pub(crate) fn duplicate(&mut self) {
        if self.urgency == Urgency::Now {
            self.duplicates = (self.duplicates + 1).min(DUPLICATES_MAX);
        }
        self.urgency = Urgency::Now;
    }

    /// True if more than one is owed.
    pub(crate) const fn owes_duplicates(&self) -> bool {
        self.duplicates > 0
    }

    /// How urgent the next one is.
    pub(crate) const fn urgency(&self) -> Urgency {
        self.urgency
    }

    /// Last.ACK.sent.
    pub(crate) const fn last_sent(&self) -> SeqNumber {
        self.last_sent
    }

    /// A segment with ACK = `nxt` was sent.
    pub(crate) const fn on_sent(&mut self, nxt: SeqNumber) {
        self.last_sent = nxt;
        self.octets = 0;
        if self.duplicates > 0 {
            self.duplicates -= 1;
        } else {
            self.urgency = Urgency::Idle;
        }
    }
}
