//! The timestamps option (RFC 7323 §3 to §5): our clock, and what we remember of the peer's.
//!
//! `arrives/check_sequence.rs` asks for PAWS, `arrives/check_ack.rs` for round trips, `output.rs` for
//! what to send. Our clock ticks in milliseconds (7323-12), with an offset that differs for every
//! pair of ends but not between two connections of the same ends (§7.1, RFC 6191).

use core::hash::{Hash, Hasher};

use siphasher::sip::SipHasher24;

use crate::base::{Duration, Instant, Random};
use crate::socket::FourTuple;
use crate::wire::tcp_options::Timestamps;

/// RFC 7323 §5.5: after 24 days TS.Recent proves nothing.
const TS_RECENT_LIFETIME: Duration = Duration::from_secs(24 * 24 * 60 * 60);

/// Where the offsets of our clocks come from.
#[derive(Clone, Debug)]
pub(crate) struct TimestampOffsets {
    secret: [u8; 16],
}

impl TimestampOffsets {
    /// With a secret of its own.
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            secret: random.key(),
        }
    }

    /// The offset for a connection between these ends.
    pub(crate) fn offset(&self, tuple: &FourTuple) -> u32 {
        let mut hash = SipHasher24::new_with_key(&self.secret);
        tuple.hash(&mut hash);
        hash.finish() as u32
    }
}

/// TSval at `now` of a connection with this offset.
pub(crate) const fn ts_value(offset: u32, now: Instant) -> u32 {
    offset.wrapping_add(now.as_millis() as u32)
}

/// True if timestamp `a` is earlier than `b`, less than half a lap apart.
pub(crate) const fn is_earlier(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// The state of the option in one connection that agreed on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimestampState {
    offset: u32,
    /// TS.Recent.
    ts_recent: u32,
    /// When TS.Recent was set.
    ts_recent_at: Instant,
}

impl TimestampState {
    /// The peer's SYN carried `ts_value`.
    pub(crate) const fn new(offset: u32, ts_value: u32, now: Instant) -> Self {
        Self {
            offset,
            ts_recent: ts_value,
            ts_recent_at: now,
        }
    }

    /// TS.Recent.
    pub(crate) const fn ts_recent(&self) -> u32 {
        self.ts_recent
    }

    /// When TS.Recent was set.
    pub(crate) const fn ts_recent_at(&self) -> Instant {
        self.ts_recent_at
    }

    /// What to put on a segment.
    pub(crate) const fn option(&self, now: Instant) -> Timestamps {
        Timestamps {
            value: ts_value(self.offset, now),
            echo_reply: self.ts_recent,
        }
    }

    /// PAWS (RFC 7323 §5.3, R1): true if `ts_value` is older than what came before.
    pub(crate) fn is_old(&self, ts_value: u32, now: Instant) -> bool {
        is_earlier(ts_value, self.ts_recent) && now.since(self.ts_recent_at) < TS_RECENT_LIFETIME
    }

    /// RFC 7323 §4.3 (2) held for a segment with `ts_value`, and the segment was good.
    pub(crate) fn remember(&mut self, ts_value: u32, now: Instant) {
        if !self.is_old(ts_value, now) {
            self.ts_recent = ts_value;
            self.ts_recent_at = now;
        }
    }

    /// The round trip that `echo_reply` measures (RFC 7323 §4.1); `None` if we cannot have sent it.
    pub(crate) const fn round_trip(&self, echo_reply: u32, now: Instant) -> Option<Duration> {
        let millis = ts_value(self.offset, now).wrapping_sub(echo_reply);
        // An echo from the future, or of a time before any connection could live, is made up.
        if echo_reply == 0 || millis as u64 > now.as_millis() || millis > i32::MAX as u32 {
            None
        } else {
            Some(Duration::from_millis(millis as u64))
        }
    }
}
