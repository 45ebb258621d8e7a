//! When what is in flight was sent: for RTT samples by Karn's rule (RFC 6298 §3), for the user
//! timeout (RFC 9293 §3.8.3) and for noticing an idle sender (RFC 5681 §4.1).
//!
//! `output.rs` notes what it sends, `arrives/check_ack.rs` asks what an acknowledgment measures. One
//! segment at a time is clocked, so there is a sample in each round trip and nothing is kept for each
//! segment.

use crate::base::{Duration, Instant, SeqNumber};

/// The segment whose round trip is being measured.
#[derive(Clone, Copy, Debug)]
struct Clocked {
    /// The number after its last octet.
    end: SeqNumber,
    sent_at: Instant,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight {
    clocked: Option<Clocked>,
    /// Since when nothing was acknowledged although something is in flight.
    waiting_since: Option<Instant>,
    /// When text was last sent.
    last_sent_at: Option<Instant>,
}

impl InFlight {
    /// Nothing is in flight.
    pub(crate) const fn new() -> Self {
        Self {
            clocked: None,
            waiting_since: None,
            last_sent_at: None,
        }
    }

    /// A segment that ends before `end` was sent for the first time.
    pub(crate) fn on_sent(&mut self, end: SeqNumber, now: Instant) {
        self.clocked.get_or_insert(Clocked { end, sent_at: now });
        self.waiting_since.get_or_insert(now);
        self.last_sent_at = Some(now);
    }

    /// Something was sent again: what was clocked has become ambiguous (Karn's rule).
    pub(crate) fn on_retransmitted(&mut self, now: Instant) {
        self.clocked = None;
        self.waiting_since.get_or_insert(now);
        self.last_sent_at = Some(now);
    }

    /// `una` advanced; `nxt` tells whether anything is still in flight. The answer is the round trip
    /// time if the clocked segment was covered.
    pub(crate) fn on_acked(
        &mut self,
        una: SeqNumber,
        nxt: SeqNumber,
        now: Instant,
    ) -> Option<Duration> {
        self.waiting_since = (una != nxt).then_some(now);
        let clocked = self.clocked?;
        if una.is_before(clocked.end) {
            return None;
        }
        self.clocked = None;
        Some(now.since(clocked.sent_at))
    }

    /// Since when the peer owes us an acknowledgment.
    pub(crate) const fn waiting_since(&self) -> Option<Instant> {
        self.waiting_since
    }

    /// The peer answered, though it acknowledged nothing new (a zero window).
    pub(crate) fn on_answered(&mut self, now: Instant) {
        if self.waiting_since.is_some() {
            self.waiting_since = Some(now);
        }
    }

    /// When something was last sent.
    pub(crate) const fn last_sent_at(&self) -> Option<Instant> {
        self.last_sent_at
    }
}
