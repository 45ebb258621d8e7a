//! What Reno and CUBIC have in common: initial and restart window (RFC 6928, RFC 5681 §4.1), the
//! counting of octets in slow start (RFC 3465), and the answer to a congestion mark (RFC 8511).
//!
//! The algorithms use it when they begin. It holds no state of a connection.

use super::Handshake;
use crate::config::Config;

/// cwnd never exceeds the largest window that can be advertised (RFC 7323 §2.3). As ssthresh it means
/// "arbitrarily high" (RFC 5681 §3.1).
pub(crate) const CWND_OCTETS_MAX: u32 = 1 << 30;

/// IW of RFC 6928 §2: min (10*MSS, max (2*MSS, 14600)).
#[derive(Clone, Copy, Debug)]
pub(crate) struct InitialWindow {
    segments: u8,
}

impl InitialWindow {
    /// Of so many segments as `config` says.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            segments: u8::try_from(config.initial_window_segments).unwrap_or(10),
        }
    }

    /// IW with segments of `smss` octets.
    pub(crate) fn octets(self, smss: u32) -> u32 {
        let segments = u32::from(self.segments);
        (segments * smss).min((2 * smss).max(segments * 1_460))
    }

    /// The first cwnd.
    pub(crate) fn after(self, handshake: Handshake, smss: u32) -> u32 {
        match handshake {
            Handshake::Clean => self.octets(smss),
            Handshake::Lossy => smss,
        }
    }
}

/// L: how many segments one ACK adds in slow start at most (RFC 3465 §2.1, RFC 9406 §4.2).
pub(crate) fn l_segments(config: &Config) -> u16 {
    u16::try_from(config.slow_start_segments_max).unwrap_or(2)
}

/// What a congestion mark leaves of cwnd, in parts of a thousand; `beta_loss` is what a loss does.
pub(crate) fn beta_mark(config: &Config, beta_loss: u16) -> u16 {
    let percent = u16::try_from(config.ecn_backoff_percent).unwrap_or(0);
    // RFC 8511 §3: never less than for a loss.
    beta_loss.max(percent * 10)
}
