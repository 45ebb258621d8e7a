//! Does cwnd say what the path carries? (RFC 7661, RFC 5681 §4.1)
//!
//! `output.rs` tells what is in flight and what stops it, `arrives/congestion.rs` asks whether cwnd may
//! grow and whether a part of it was out of use for so long that it proves nothing. It never moves
//! cwnd.

use super::{Mode, Utilisation};
use crate::base::{Duration, Instant, SeqNumber};

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validation {
    /// The round ends when this is acknowledged.
    round_end: Option<SeqNumber>,
    /// Most octets in flight in this round, and in the one before (pipeACK, RFC 7661 §4.2).
    most_now: u32,
    most_before: u32,
    /// cwnd stopped the sender in this round, and in the one before.
    limited_now: bool,
    limited_before: bool,
    /// When cwnd was last seen to be in use.
    validated_at: Instant,
}

impl Validation {
    /// Something was sent: `in_flight` octets are on their way now.
    pub(crate) fn on_sent(&mut self, in_flight: u32) {
        self.most_now = self.most_now.max(in_flight);
    }

    /// cwnd, or the pace that follows from it, holds text back.
    pub(crate) const fn on_limited(&mut self) {
        self.limited_now = true;
    }

    /// An acknowledgment arrived. Slow start doubles cwnd in a round, so that half of it in use is all
    /// that a sender which is not held back can show then.
    pub(crate) fn on_ack(
        &mut self,
        una: SeqNumber,
        nxt: SeqNumber,
        cwnd: u32,
        mode: Mode,
        now: Instant,
    ) -> Utilisation {
        let most = self.most_now.max(self.most_before);
        // RFC 7661 §4.3: validated while pipeACK is at least half of cwnd.
        if cwnd / 2 <= most {
            self.validated_at = now;
        }
        let is_slow_start = matches!(mode, Mode::SlowStart | Mode::ConservativeSlowStart);
        let is_limited =
            self.limited_now || self.limited_before || (is_slow_start && cwnd / 2 < most);
        if self.round_end.is_none_or(|end| end.is_at_or_before(una)) {
            self.round_end = Some(nxt);
            self.most_before = core::mem::take(&mut self.most_now);
            self.limited_before = core::mem::take(&mut self.limited_now);
        }
        if is_limited {
            Utilisation::CwndLimited
        } else {
            Utilisation::ApplicationLimited
        }
    }

    /// RFC 7661 §4.4.1: true, once in each such time, if cwnd was not in use for longer than `nvp`.
    pub(crate) fn has_expired(&mut self, nvp: Duration, now: Instant) -> bool {
        let expired = nvp < now.since(self.validated_at);
        if expired {
            self.validated_at = now;
        }
        expired
    }
}
