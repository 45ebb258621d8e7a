//! The model of the path (draft-ietf-ccwg-bbr-06 §5.5): bandwidth, round trip, aggregation, and what
//! losses say about them.
//!
//! `mod.rs` has the variables, `cycle.rs` reads them. It decides on no phase.

use super::cycle::Phase;
use super::{
    BETA, Bbr, EXTRA_ACKED_HALF_ROUNDS, LOSS_THRESH, MIN_RTT_FILTER, Model, PACING_MARGIN,
    PROBE_RTT_INTERVAL, Step, UNBOUNDED, Undo, times,
};
use crate::tcp::delivery::{RateSample, Supply};

impl Model {
    /// BBR.max_bw.
    pub(super) fn max_bw(&self) -> u64 {
        let [a, b] = self.max_bw_filter;
        a.max(b)
    }

    /// StartRound (§5.5.1).
    pub(super) const fn start_round(&mut self, delivered: u64) {
        self.next_round_delivered = delivered;
    }

    /// UpdateRound (§5.5.1).
    fn update_round(&mut self, rate: &RateSample) {
        self.round_start = rate.has_newest && rate.prior_delivered >= self.next_round_delivered;
        if self.round_start {
            self.start_round(rate.total_delivered);
            self.round_count = self.round_count.wrapping_add(1);
            self.rounds_since_probe_up = self.rounds_since_probe_up.saturating_add(1);
        }
    }

    /// UpdateLatestDeliverySignals (§5.5.10.3).
    pub(super) fn update_latest(&mut self, step: &Step<'_>) {
        self.loss_round_start = false;
        self.bw_latest = self.bw_latest.max(step.delivery_rate);
        self.inflight_latest = self.inflight_latest.max(step.rate.delivered);
        if step.rate.has_newest && step.rate.prior_delivered >= self.loss_round_delivered {
            self.loss_round_delivered = step.rate.total_delivered;
            self.loss_round_start = true;
        }
    }

    /// AdvanceLatestDeliverySignals (§5.5.10.3).
    pub(super) const fn advance_latest(&mut self, step: &Step<'_>) {
        if self.loss_round_start {
            self.bw_latest = step.delivery_rate;
            self.inflight_latest = step.rate.delivered;
        }
    }

    /// UpdateMaxBw (§5.5.5).
    pub(super) fn update_max_bw(&mut self, step: &Step<'_>) {
        self.update_round(step.rate);
        let rate = step.delivery_rate;
        if rate > 0 && (rate >= self.max_bw() || step.supply == Supply::Plenty) {
            let slot = &mut self.max_bw_filter[(self.cycle_count & 1) as usize];
            *slot = rate.max(*slot);
        }
    }

    /// AdvanceMaxBwFilter (§5.5.6).
    pub(super) const fn advance_max_bw_filter(&mut self) {
        self.cycle_count = self.cycle_count.wrapping_add(1);
        self.max_bw_filter[(self.cycle_count & 1) as usize] = 0;
    }

    /// NoteLoss, SaveStateUponLoss (§5.5.10.2, §5.5.11.1).
    pub(super) fn note_loss(&mut self, delivered: u64) {
        if !self.is_loss_in_round {
            self.loss_round_delivered = delivered;
            self.note_state();
        }
        self.is_loss_in_round = true;
        self.losses_in_round = self.losses_in_round.saturating_add(1);
    }

    /// SaveStateUponLoss (§5.5.11.1), but for cwnd.
    pub(super) const fn note_state(&mut self) {
        self.undo = Some(Undo {
            phase: None,
            bw_shortterm: self.bw_shortterm,
            inflight_shortterm: self.inflight_shortterm,
            inflight_longterm: self.inflight_longterm,
        });
    }

    /// IsInflightTooHigh (§5.5.10.2). One or two lost segments of fewer than a hundred are no rate: they
    /// pass for the noise of the path.
    pub(super) fn is_inflight_too_high(rate: &RateSample, smss: u32) -> bool {
        let allowed = times(u64::from(rate.sent_in_flight), LOSS_THRESH);
        rate.lost > allowed.max(2 * u64::from(smss))
    }

    /// ResetCongestionSignals (§5.5.10.3).
    pub(super) const fn reset_congestion_signals(&mut self) {
        self.is_loss_in_round = false;
        self.losses_in_round = 0;
        self.bw_latest = 0;
        self.inflight_latest = 0;
    }

    /// ResetShortTermModel (§5.5.10.3).
    pub(super) const fn reset_short_term_model(&mut self) {
        self.bw_shortterm = UNBOUNDED;
        self.inflight_shortterm = UNBOUNDED;
    }

    /// InitLowerBounds (§5.5.10.3).
    pub(super) fn init_lower_bounds(&mut self, cwnd: u32) {
        if self.bw_shortterm == UNBOUNDED {
            self.bw_shortterm = self.max_bw();
        }
        if self.inflight_shortterm == UNBOUNDED {
            self.inflight_shortterm = u64::from(cwnd);
        }
    }

    /// BoundBWForModel (§5.5.10.3).
    pub(super) fn bound_bw(&mut self) {
        self.bw = self.max_bw().min(self.bw_shortterm);
    }

    /// UpdateMinRTT (§5.3.4.3).
    pub(super) fn update_min_rtt(&mut self, step: &Step<'_>) {
        let now = step.acked.now;
        self.probe_rtt_expired = self.probe_rtt_min_delay.is_some()
            && now > self.probe_rtt_min_stamp + PROBE_RTT_INTERVAL;
        if let Some(round_trip) = step.acked.round_trip
            && (self.probe_rtt_expired
                || self
                    .probe_rtt_min_delay
                    .is_none_or(|least| round_trip < least))
        {
            self.probe_rtt_min_delay = Some(round_trip);
            self.probe_rtt_min_stamp = now;
        }
        let has_expired = now > self.min_rtt_stamp + MIN_RTT_FILTER;
        if let Some(delay) = self.probe_rtt_min_delay
            && (has_expired || self.min_rtt.is_none_or(|least| delay < least))
        {
            self.min_rtt = Some(delay);
            self.min_rtt_stamp = self.probe_rtt_min_stamp;
        }
    }

    /// UpdateACKAggregation (§5.5.9). The filter of ten rounds is kept in two halves of five.
    pub(super) fn update_aggregation(&mut self, step: &Step<'_>, cwnd: u32) {
        let now = step.acked.now;
        let interval = now.since(self.extra_acked_interval_start).as_nanos();
        let expected = u128::from(self.bw) * interval / 1_000_000_000;
        let mut expected = u64::try_from(expected).unwrap_or(u64::MAX);
        if self.extra_acked_delivered <= expected {
            self.extra_acked_delivered = 0;
            self.extra_acked_interval_start = now;
            expected = 0;
        }
        self.extra_acked_delivered += u64::from(step.rate.newly_delivered);
        let extra = (self.extra_acked_delivered - expected).min(u64::from(cwnd));
        if self.round_start {
            self.extra_acked_rounds += 1;
            let half = if self.full_bw_reached {
                EXTRA_ACKED_HALF_ROUNDS
            } else {
                1
            };
            if self.extra_acked_rounds >= half {
                self.extra_acked_rounds = 0;
                self.extra_acked_filter = [0, self.extra_acked_filter[0]];
            }
        }
        let newest = &mut self.extra_acked_filter[0];
        *newest = extra.max(*newest);
    }

    /// BBR.extra_acked.
    pub(super) fn extra_acked(&self) -> u64 {
        let [a, b] = self.extra_acked_filter;
        a.max(b)
    }
}

impl Bbr {
    /// UpdateCongestionSignals, AdaptLowerBoundsFromCongestion (§5.5.10.3).
    pub(super) fn update_congestion_signals(&mut self, step: &Step<'_>) {
        let cwnd = self.cwnd;
        let model = &mut self.model;
        model.update_max_bw(step);
        if step.rate.newly_lost > 0 {
            model.note_loss(step.rate.total_delivered);
        }
        if !model.loss_round_start {
            return;
        }
        let probes = matches!(model.phase, Phase::Startup | Phase::Refill | Phase::Up);
        if model.is_loss_in_round && !probes {
            model.init_lower_bounds(cwnd);
            // LossLowerBounds.
            // What was delivered at a pace of 99 in 100 does not show that the path carries less.
            let delivered = model.bw_latest.saturating_mul(1_000) / PACING_MARGIN;
            let kept = times(model.bw_shortterm, BETA);
            model.bw_shortterm = delivered.min(model.bw_shortterm).max(kept);
            model.inflight_shortterm = model
                .inflight_latest
                .max(times(model.inflight_shortterm, BETA));
        }
        if model.phase != Phase::Startup {
            model.is_loss_in_round = false;
            model.losses_in_round = 0;
        }
    }
}
