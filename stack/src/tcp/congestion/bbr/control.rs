//! The control parameters (draft-ietf-ccwg-bbr-06 §5.6): the pace and cwnd that follow from the model
//! and the phase.
//!
//! `cycle.rs` calls it at the end of each acknowledgment. It changes neither model nor phase.

use super::cycle::Phase;
use super::{Bbr, MIN_PIPE_SEGMENTS, PACING_MARGIN, PROBE_RTT_CWND_GAIN, STARTUP_PACING_GAIN};
use super::{Step, times};
use crate::base::Duration;
use crate::tcp::congestion::window::CWND_OCTETS_MAX;

/// §5.6.3: the send quantum is what leaves in a millisecond, within these bounds.
const QUANTUM_OCTETS_MAX: u64 = 65_536;

impl Bbr {
    /// UpdateControlParameters (§5.2.3).
    pub(super) fn control(&mut self, step: &Step<'_>) {
        if !self.model.has_pacing_rate && self.model.bw > 0 {
            self.model.pacing_rate = self.initial_pacing_rate(step.acked.srtt);
            self.model.has_pacing_rate = true;
        }
        self.set_pacing_rate_with_gain(self.model.pacing_gain);
        self.set_cwnd(step);
    }

    /// InitPacingRate (§5.6.2).
    pub(super) fn initial_pacing_rate(&self, srtt: Option<Duration>) -> u64 {
        let srtt = srtt.unwrap_or(Duration::from_millis(1)).as_micros().max(1);
        let initial = u128::from(self.initial.octets(self.smss));
        let nominal = u64::try_from(initial * 1_000_000 / srtt).unwrap_or(u64::MAX);
        times(nominal, STARTUP_PACING_GAIN)
    }

    /// SetPacingRateWithGain (§5.6.2).
    pub(super) fn set_pacing_rate_with_gain(&mut self, gain: u64) {
        let rate = times(times(self.model.bw, gain), PACING_MARGIN);
        if rate > 0 && (self.model.full_bw_reached || rate > self.model.pacing_rate) {
            self.model.pacing_rate = rate;
        }
    }

    /// BBR.MinPipeCwnd in octets.
    pub(super) fn min_pipe(&self) -> u64 {
        u64::from(MIN_PIPE_SEGMENTS * self.smss)
    }

    /// BDPMultiple (§5.6.4.2).
    pub(super) fn bdp(&self, gain: u64) -> u64 {
        let Some(min_rtt) = self.model.min_rtt else {
            return u64::from(self.initial.octets(self.smss));
        };
        let bw = self.model.bw.max(1);
        let octets = u128::from(bw) * min_rtt.as_nanos() / 1_000_000_000;
        times(u64::try_from(octets).unwrap_or(u64::MAX), gain)
    }

    /// QuantizationBudget (§5.6.4.2).
    fn quantized(&self, octets: u64) -> u64 {
        let smss = u64::from(self.smss);
        let quantum = (self.model.pacing_rate / 1_000)
            .min(QUANTUM_OCTETS_MAX)
            .max(2 * smss);
        let octets = octets.max(3 * quantum).max(self.min_pipe());
        match self.model.phase {
            Phase::Up => octets + 2 * smss,
            _ => octets,
        }
    }

    /// Inflight (§5.6.4.2).
    pub(super) fn inflight(&self, gain: u64) -> u64 {
        self.quantized(self.bdp(gain))
    }

    /// SetCwnd (§5.6.4.6).
    fn set_cwnd(&mut self, step: &Step<'_>) {
        let most = self.bdp(self.model.cwnd_gain) + self.model.extra_acked();
        let most = self.quantized(most);
        let newly = u64::from(step.rate.newly_delivered);
        let mut cwnd = u64::from(self.cwnd);
        let initial = u64::from(self.initial.octets(self.smss));
        if self.model.full_bw_reached {
            cwnd = (cwnd + newly).min(most);
        } else if cwnd < most || step.rate.total_delivered < initial {
            cwnd += newly;
        }
        cwnd = cwnd.max(self.min_pipe()).min(u64::from(CWND_OCTETS_MAX));
        self.cwnd = cwnd as u32;
        self.bound_cwnd();
    }

    /// ProbeRTTCwnd (§5.6.4.5).
    pub(super) fn probe_rtt_cwnd(&self) -> u64 {
        self.bdp(PROBE_RTT_CWND_GAIN).max(self.min_pipe())
    }

    /// BoundCwndForProbeRTT, BoundCwndForModel (§5.6.4.5, §5.6.4.7).
    pub(super) fn bound_cwnd(&mut self) {
        let model = &self.model;
        let cap = match model.phase {
            Phase::Down | Phase::Refill | Phase::Up => model.inflight_longterm,
            Phase::ProbeRtt | Phase::Cruise => self.inflight_with_headroom(),
            Phase::Startup | Phase::Drain => u64::MAX,
        };
        let mut cap = cap.min(model.inflight_shortterm).max(self.min_pipe());
        if model.phase == Phase::ProbeRtt {
            cap = cap.min(self.probe_rtt_cwnd());
        }
        self.cwnd = u64::from(self.cwnd).min(cap) as u32;
    }

    /// SaveCwnd (§5.6.4.4).
    pub(super) fn save_cwnd(&mut self) {
        let in_way = self.model.is_recovering || self.model.phase == Phase::ProbeRtt;
        self.model.prior_cwnd = if in_way {
            self.model.prior_cwnd.max(self.cwnd)
        } else {
            self.cwnd
        };
    }

    /// RestoreCwnd (§5.6.4.4).
    pub(super) fn restore_cwnd(&mut self) {
        self.cwnd = self.cwnd.max(self.model.prior_cwnd);
    }
}
