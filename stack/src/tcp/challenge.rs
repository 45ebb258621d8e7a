//! How many challenge ACKs a connection may send (RFC 5961 §7), and other ACKs that a forged or
//! looping segment could provoke (BAD-46).
//!
//! Each connection has its own: a shared counter would tell an attacker about other connections
//! (BAD-45). Used by `arrives/*` through [`Connection`](super::connection::Connection).

use crate::base::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Answers to repeated text that may be given at once, and again after each progress of the stream.
const REPEATS_BURST: u32 = 8;

/// The limiter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChallengeLimiter {
    /// When the running second began; nothing was sent before the first one.
    since: Instant,
    sent: u32,
    /// Answers to repeated text since the stream got on.
    repeats: u32,
}

impl ChallengeLimiter {
    /// True, and counted, if fewer than `per_second` were sent in the running second.
    pub(crate) fn permits(&mut self, now: Instant, per_second: u64) -> bool {
        let running = self.sent > 0 && now.since(self.since) < SECOND;
        if !running {
            self.since = now;
            self.sent = 0;
        }
        if u64::from(self.sent) >= per_second {
            return false;
        }
        self.sent += 1;
        true
    }

    /// As [`permits`](Self::permits), for text that was received before: some of it may come because
    /// our acknowledgment was lost.
    pub(crate) fn permits_repeat(&mut self, now: Instant, per_second: u64) -> bool {
        if self.repeats < REPEATS_BURST {
            self.repeats += 1;
            return true;
        }
        self.permits(now, per_second)
    }

    /// New text arrived: whoever sends it is no echo.
    pub(crate) const fn on_progress(&mut self) {
        self.repeats = 0;
    }
}
