//! Reno: slow start and congestion avoidance of RFC 5681 with byte counting (RFC 3465), the windows
//! of RFC 6928, and the end of recovery of RFC 6582.
//!
//! The steps that RFC 6582 calls inflating and deflating cwnd are not here: `recovery` counts what
//! has left the network, which comes to the same (RFC 6675 §4, "pipe").

use super::{Acked, CongestionControl, Expiry, Handshake, Utilisation};
use crate::base::Instant;
use crate::config::Config;

/// cwnd never exceeds the largest window that can be advertised (RFC 7323 §2.3).
const CWND_OCTETS_MAX: u32 = 1 << 30;
/// L of RFC 3465 §2.1: segments that one ACK adds in slow start.
const L_SEGMENTS: u32 = 2;
/// L after a timeout (RFC 3465 §2.3).
const L_SEGMENTS_AFTER_TIMEOUT: u32 = 1;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Reno {
    cwnd: u32,
    ssthresh: u32,
    smss: u32,
    /// bytes_acked of RFC 3465 §2.1, in congestion avoidance.
    bytes_acked: u32,
    initial_window_segments: u32,
    l_segments: u32,
    /// What the last reduction took away.
    undo: Option<Undo>,
}

/// cwnd and ssthresh before a reduction (RFC 4015 §3.2: pipe_prev).
#[derive(Clone, Copy, Debug)]
struct Undo {
    cwnd: u32,
    ssthresh: u32,
}

impl Reno {
    /// Before the handshake is over: room for one segment.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            cwnd: 536,
            ssthresh: CWND_OCTETS_MAX,
            smss: 536,
            bytes_acked: 0,
            initial_window_segments: u32::try_from(config.initial_window_segments).unwrap_or(10),
            l_segments: L_SEGMENTS,
            undo: None,
        }
    }

    /// RFC 5681, equation (4).
    fn reduce(&mut self, flight_octets: u32) {
        self.undo = Some(Undo {
            cwnd: self.cwnd,
            ssthresh: self.ssthresh,
        });
        self.ssthresh = (flight_octets / 2).max(2 * self.smss);
        self.bytes_acked = 0;
    }

    /// IW of RFC 6928 §2: min (10*MSS, max (2*MSS, 14600)).
    fn initial_window(&self) -> u32 {
        let segments = self.initial_window_segments;
        (segments * self.smss).min((2 * self.smss).max(segments * 1_460))
    }
}

impl CongestionControl for Reno {
    fn cwnd_octets(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh_octets(&self) -> u32 {
        self.ssthresh
    }

    fn on_established(&mut self, smss: u32, handshake: Handshake) {
        self.smss = smss;
        self.cwnd = match handshake {
            Handshake::Clean => self.initial_window(),
            Handshake::Lossy => smss,
        };
    }

    fn on_smss_changed(&mut self, smss: u32) {
        self.smss = smss;
        self.cwnd = self.cwnd.max(smss);
    }

    fn on_ack(&mut self, acked: &Acked) {
        if acked.utilisation == Utilisation::ApplicationLimited {
            return;
        }
        let acked = acked.octets;
        if self.cwnd < self.ssthresh {
            self.cwnd += acked.min(self.l_segments * self.smss);
            if self.cwnd >= self.ssthresh {
                self.l_segments = L_SEGMENTS;
            }
        } else {
            self.bytes_acked = self.bytes_acked.saturating_add(acked);
            if self.bytes_acked >= self.cwnd {
                self.bytes_acked -= self.cwnd;
                self.cwnd += self.smss;
            }
        }
        self.cwnd = self.cwnd.min(CWND_OCTETS_MAX);
    }

    fn on_loss(&mut self, flight_octets: u32, _now: Instant) {
        self.reduce(flight_octets);
        self.cwnd = self.ssthresh;
    }

    fn on_congestion_mark(&mut self, flight_octets: u32, now: Instant) {
        // RFC 3168 §6.1.2: as for a single dropped packet. Nothing was lost, so nothing to undo.
        self.on_loss(flight_octets, now);
        self.undo = None;
    }

    fn on_recovered(&mut self) {
        // RFC 6582 §3.2, full acknowledgments, option (2). What was sent during recovery keeps the
        // ACK clock running, so there is no burst to speak of.
        self.cwnd = self.ssthresh;
        self.bytes_acked = 0;
    }

    fn on_timeout(&mut self, flight_octets: u32, first: Expiry, _now: Instant) {
        if first == Expiry::First {
            self.reduce(flight_octets);
        }
        // The loss window of RFC 5681 §3.1.
        self.cwnd = self.smss;
        self.bytes_acked = 0;
        self.l_segments = L_SEGMENTS_AFTER_TIMEOUT;
    }

    fn on_spurious(&mut self, _now: Instant) {
        if let Some(before) = self.undo.take() {
            self.cwnd = self.cwnd.max(before.cwnd);
            self.ssthresh = self.ssthresh.max(before.ssthresh);
            self.l_segments = L_SEGMENTS;
        }
    }

    fn on_idle(&mut self) {
        // RW = min (IW, cwnd), RFC 5681 §4.1.
        self.cwnd = self.cwnd.min(self.initial_window());
    }
}
