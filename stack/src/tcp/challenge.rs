//! How many challenge ACKs a connection may send (RFC 5961 §7), and other ACKs that a forged or
//! looping segment could provoke (BAD-46).
//!
//! Each connection has its own: a shared counter would tell an attacker about other connections
//! (BAD-45). Used by `arrives/*` through [`Connection`](super::connection::Connection).

use crate::base::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// The limiter.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ChallengeLimiter {
    /// When the running second began.
    since: Option<Instant>,
    sent: u32,
}

impl ChallengeLimiter {
    /// True, and counted, if fewer than `per_second` were sent in the running second.
    pub(crate) fn permits(&mut self, now: Instant, per_second: u64) -> bool {
        let running = self.since.is_some_and(|since| now.since(since) < SECOND);
        if !running {
            self.since = Some(now);
            self.sent = 0;
        }
        if u64::from(self.sent) >= per_second {
            return false;
        }
        self.sent += 1;
        true
    }
}
