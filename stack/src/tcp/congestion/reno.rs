//! Reno: slow start and congestion avoidance of RFC 5681 with byte counting (RFC 3465), the windows
//! of RFC 6928, and the end of recovery of RFC 6582.
//!
//! The steps that RFC 6582 calls inflating and deflating cwnd are not here: `recovery` counts what
//! has left the network, which comes to the same (RFC 6675 §4, "pipe").

use core::num::NonZeroU32;

use super::window::{CWND_OCTETS_MAX, InitialWindow, beta_mark, l_segments};
use super::{Acked, CongestionControl, Expiry, Handshake, Mode, Utilisation};
use crate::base::Instant;
use crate::config::Config;

/// L after a timeout (RFC 3465 §2.3).
const L_SEGMENTS_AFTER_TIMEOUT: u16 = 1;
/// What a loss leaves of the flight, in parts of a thousand (RFC 5681, equation (4)).
const BETA: u16 = 500;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Reno {
    cwnd: u32,
    ssthresh: u32,
    smss: u32,
    /// bytes_acked of RFC 3465 §2.1, in congestion avoidance.
    bytes_acked: u32,
    initial: InitialWindow,
    /// L of RFC 3465 §2.1.
    l_segments: u16,
    /// L, until slow start after a timeout is over.
    l_segments_now: u16,
    /// What a congestion mark leaves of the flight, in parts of a thousand.
    beta_mark: u16,
    /// cwnd and ssthresh before the last reduction (RFC 4015 §3.2: pipe_prev).
    undo_cwnd: Option<NonZeroU32>,
    undo_ssthresh: u32,
}

impl Reno {
    /// Before the handshake is over: room for one segment.
    pub(crate) fn new(config: &Config) -> Self {
        let l_segments = l_segments(config);
        Self {
            cwnd: 536,
            ssthresh: CWND_OCTETS_MAX,
            smss: 536,
            bytes_acked: 0,
            initial: InitialWindow::new(config),
            l_segments,
            l_segments_now: l_segments,
            beta_mark: beta_mark(config, BETA),
            undo_cwnd: None,
            undo_ssthresh: 0,
        }
    }

    /// RFC 5681, equation (4); `beta` is in parts of a thousand.
    fn reduce(&mut self, flight_octets: u32, beta: u16) {
        self.undo_cwnd = NonZeroU32::new(self.cwnd);
        self.undo_ssthresh = self.ssthresh;
        let rest = u64::from(flight_octets) * u64::from(beta) / 1_000;
        self.ssthresh = u32::try_from(rest).unwrap_or(u32::MAX).max(2 * self.smss);
        self.bytes_acked = 0;
    }
}

impl CongestionControl for Reno {
    fn cwnd_octets(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh_octets(&self) -> u32 {
        self.ssthresh
    }

    fn mode(&self) -> Mode {
        if self.cwnd < self.ssthresh {
            Mode::SlowStart
        } else {
            Mode::Avoidance
        }
    }

    fn on_established(&mut self, smss: u32, handshake: Handshake) {
        self.smss = smss;
        self.cwnd = self.initial.after(handshake, smss);
    }

    fn on_smss_changed(&mut self, smss: u32) {
        self.smss = smss;
        self.cwnd = self.cwnd.max(smss);
    }

    fn adopt(&mut self, cwnd: u32, ssthresh: u32, smss: u32) {
        (self.cwnd, self.ssthresh, self.smss) = (cwnd, ssthresh, smss);
    }

    fn on_ack(&mut self, acked: &Acked) {
        if acked.utilisation == Utilisation::ApplicationLimited {
            return;
        }
        let octets = acked.octets;
        if self.cwnd < self.ssthresh {
            self.cwnd += octets.min(u32::from(self.l_segments_now).saturating_mul(self.smss));
            if self.cwnd >= self.ssthresh {
                self.l_segments_now = self.l_segments;
            }
        } else {
            self.bytes_acked = self.bytes_acked.saturating_add(octets);
            if self.bytes_acked >= self.cwnd {
                self.bytes_acked -= self.cwnd;
                self.cwnd += self.smss;
            }
        }
        self.cwnd = self.cwnd.min(CWND_OCTETS_MAX);
    }

    fn on_loss(&mut self, flight_octets: u32, _now: Instant) {
        self.reduce(flight_octets, BETA);
        self.cwnd = self.ssthresh;
    }

    fn on_congestion_mark(&mut self, flight_octets: u32, _now: Instant) {
        // RFC 3168 §6.1.2: as for a single dropped packet, or by less as RFC 8511 has it. cwnd goes
        // down to one segment if marks go on. Nothing was lost, so there is nothing to undo.
        let before = self.cwnd;
        self.reduce(flight_octets, self.beta_mark);
        self.undo_cwnd = None;
        self.cwnd = if flight_octets < 4 * self.smss {
            self.smss.max(flight_octets / 2)
        } else {
            self.ssthresh
        };
        self.cwnd = self.cwnd.min(before);
    }

    fn on_recovered(&mut self) {
        // RFC 6582 §3.2, full acknowledgments, option (2). What was sent during recovery keeps the
        // ACK clock running, so there is no burst to speak of.
        self.cwnd = self.ssthresh;
        self.bytes_acked = 0;
    }

    fn on_timeout(&mut self, flight_octets: u32, first: Expiry, _now: Instant) {
        if first == Expiry::First {
            self.reduce(flight_octets, BETA);
        }
        // The loss window of RFC 5681 §3.1.
        self.cwnd = self.smss;
        self.bytes_acked = 0;
        self.l_segments_now = L_SEGMENTS_AFTER_TIMEOUT;
    }

    fn on_spurious(&mut self, _now: Instant) {
        if let Some(before) = self.undo_cwnd.take() {
            self.cwnd = self.cwnd.max(before.get());
            self.ssthresh = self.ssthresh.max(self.undo_ssthresh);
            self.l_segments_now = self.l_segments;
        }
    }

    fn on_idle(&mut self) {
        // RW = min (IW, cwnd), RFC 5681 §4.1.
        self.cwnd = self.cwnd.min(self.initial.octets(self.smss));
    }

    fn on_unvalidated(&mut self) {
        let before = self.cwnd;
        self.cwnd = (before / 2).max(self.initial.octets(self.smss)).min(before);
        self.ssthresh = self.ssthresh.max(before / 4 * 3);
    }
}
