//! The state machine (draft-ietf-ccwg-bbr-06 §5.3, §5.4): Startup, Drain, the cycle of ProbeBW and
//! ProbeRTT.
//!
//! `mod.rs` has the variables, `model.rs` what is known of the path. It sets gains; `control.rs` makes a
//! pace and a window of them.

use super::{
    BETA, Bbr, DEFAULT_CWND_GAIN, DRAIN_PACING_GAIN, Model, PROBE_RTT_CWND_GAIN,
    PROBE_RTT_DURATION, STARTUP_FULL_LOSS_COUNT, STARTUP_PACING_GAIN, Step, UNBOUNDED,
    WITHOUT_HEADROOM, times,
};
use crate::base::{Duration, Instant};
use crate::tcp::congestion::{Acked, Utilisation};
use crate::tcp::delivery::{RateSample, Supply};

/// BBR.state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    Startup,
    Drain,
    Down,
    Cruise,
    Refill,
    Up,
    ProbeRtt,
}

impl Phase {
    /// IsInAProbeBWState.
    const fn is_probe_bw(self) -> bool {
        matches!(self, Self::Down | Self::Cruise | Self::Refill | Self::Up)
    }
}

/// BBR.ack_phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum AckPhase {
    Init,
    ProbeStopping,
    Refilling,
    ProbeStarting,
    ProbeFeedback,
}

/// The longest round trip count between two probes (§5.3.3.8).
const RENO_ROUNDS_MAX: u64 = 63;

impl Bbr {
    /// UpdateOnACK (§5.2.3).
    pub(super) fn update(&mut self, rate: &RateSample, acked: &Acked) {
        if self.model.random == 0 {
            self.model.random = u64::from(acked.una.raw()) << 16 | 1;
            self.model.min_rtt_stamp = acked.now;
            self.model.extra_acked_interval_start = acked.now;
        }
        let supply = match self.model.phase {
            // Low rates of ProbeRTT say nothing (§5.3.4.3, MarkConnectionAppLimited).
            Phase::ProbeRtt => Supply::ApplicationLimited,
            _ => rate.supply,
        };
        let step = Step {
            rate,
            acked,
            delivery_rate: rate.octets_per_second().unwrap_or(0),
            supply,
        };
        self.model.update_latest(&step);
        self.update_congestion_signals(&step);
        self.meet_excess_loss(&step);
        self.model.update_aggregation(&step, self.cwnd);
        self.model.check_full_bw_reached(&step);
        self.check_startup_done(&step);
        self.check_drain_done(&step);
        self.update_probe_bw_cycle(&step);
        self.model.update_min_rtt(&step);
        self.check_probe_rtt(&step);
        self.model.advance_latest(&step);
        self.model.bound_bw();
        self.control(&step);
    }

    /// HandleLostPacket (§5.5.10.2), for all that one acknowledgment shows to be lost.
    fn meet_excess_loss(&mut self, step: &Step<'_>) {
        let smss = self.smss;
        let is_probe = step.rate.newly_lost > 0 && self.model.is_bw_probe_sample;
        if is_probe && Model::is_inflight_too_high(step.rate, smss) {
            let in_flight = u64::from(step.rate.sent_in_flight);
            self.inflight_is_too_high(in_flight, step.supply, step);
        }
    }

    /// HandleInflightTooHigh (§5.5.10.2).
    fn inflight_is_too_high(&mut self, in_flight: u64, supply: Supply, step: &Step<'_>) {
        let target = times(self.target_inflight(), BETA);
        let model = &mut self.model;
        model.prev_probe_too_high = true;
        model.is_bw_probe_sample = false;
        if supply == Supply::Plenty {
            model.inflight_longterm = in_flight.max(target);
        }
        if model.phase == Phase::Up {
            if let Some(undo) = &mut model.undo {
                undo.phase = Some(Phase::Up);
            }
            self.start_down(step.acked.now, step.rate.total_delivered);
        }
    }

    /// TargetInflight (§5.3.3.8.3).
    fn target_inflight(&self) -> u64 {
        self.bdp(1_000).min(u64::from(self.cwnd))
    }

    /// A congestion mark, once a window: as a round with loss, at once.
    pub(super) fn meet_mark(&mut self, now: Instant) {
        let (cwnd, target) = (self.cwnd, times(self.target_inflight(), BETA));
        let model = &mut self.model;
        model.init_lower_bounds(cwnd);
        model.bw_shortterm = times(model.bw_shortterm, BETA);
        model.inflight_shortterm = times(model.inflight_shortterm, BETA);
        let delivered = model.next_round_delivered;
        match model.phase {
            Phase::Startup => {
                model.full_bw_reached = true;
                model.inflight_longterm = u64::from(cwnd);
                self.enter_drain();
            }
            Phase::Up | Phase::Refill => {
                model.prev_probe_too_high = true;
                model.is_bw_probe_sample = false;
                model.inflight_longterm = model.inflight_longterm.min(u64::from(cwnd)).max(target);
                self.start_down(now, delivered);
            }
            Phase::Drain | Phase::Down | Phase::Cruise | Phase::ProbeRtt => {}
        }
        self.model.bound_bw();
        self.bound_cwnd();
    }

    fn enter_startup(&mut self) {
        self.model.phase = Phase::Startup;
        self.model.pacing_gain = STARTUP_PACING_GAIN;
        self.model.cwnd_gain = DEFAULT_CWND_GAIN;
    }

    /// CheckStartupDone, CheckStartupHighLoss (§5.3.1).
    fn check_startup_done(&mut self, step: &Step<'_>) {
        if self.model.phase != Phase::Startup {
            return;
        }
        let (bdp, smss) = (self.bdp(1_000), self.smss);
        let model = &mut self.model;
        let is_lossy = model.is_recovering
            && model.loss_round_start
            && model.losses_in_round >= STARTUP_FULL_LOSS_COUNT
            && Model::is_inflight_too_high(step.rate, smss);
        if is_lossy {
            if let Some(undo) = &mut model.undo {
                undo.phase = Some(Phase::Startup);
            }
            model.full_bw_reached = true;
            model.inflight_longterm = bdp.max(model.inflight_latest);
        }
        if model.loss_round_start {
            model.is_loss_in_round = false;
            model.losses_in_round = 0;
        }
        if model.full_bw_reached {
            self.enter_drain();
        }
    }

    fn enter_drain(&mut self) {
        let model = &mut self.model;
        model.phase = Phase::Drain;
        model.pacing_gain = DRAIN_PACING_GAIN;
        model.cwnd_gain = DEFAULT_CWND_GAIN;
        model.drain_start_round = model.round_count;
    }

    /// CheckDrainDone (§5.3.2).
    fn check_drain_done(&mut self, step: &Step<'_>) {
        if self.model.phase != Phase::Drain {
            return;
        }
        let rounds = self.model.round_count - self.model.drain_start_round;
        if u64::from(step.acked.in_flight) <= self.inflight(1_000) || rounds > 3 {
            // EnterProbeBW.
            self.start_down(step.acked.now, step.rate.total_delivered);
        }
    }

    /// StartProbeBW_DOWN (§5.3.3.9).
    fn start_down(&mut self, now: Instant, delivered: u64) {
        let model = &mut self.model;
        model.reset_congestion_signals();
        model.probe_up_acked_per_inc = UNBOUNDED;
        // PickProbeWait: by rounds and by the clock.
        model.rounds_since_probe_up = model.random_below(2) as u32;
        model.bw_probe_wait = Duration::from_millis(2_000 + model.random_below(1_001));
        model.cycle_stamp = now;
        model.ack_phase = AckPhase::ProbeStopping;
        model.start_round(delivered);
        model.set_phase(Phase::Down, 900, DEFAULT_CWND_GAIN);
    }

    /// StartProbeBW_REFILL (§5.3.3.9).
    fn start_refill(&mut self, delivered: u64) {
        let model = &mut self.model;
        model.reset_short_term_model();
        model.bw_probe_up_rounds = 0;
        model.bw_probe_up_acked = 0;
        model.prev_probe_precautionary = false;
        model.ack_phase = AckPhase::Refilling;
        model.start_round(delivered);
        model.set_phase(Phase::Refill, 1_000, DEFAULT_CWND_GAIN);
    }

    /// StartProbeBW_UP (§5.3.3.9).
    fn start_up(&mut self, step: &Step<'_>) {
        let model = &mut self.model;
        model.ack_phase = AckPhase::ProbeStarting;
        model.start_round(step.rate.total_delivered);
        model.reset_full_bw();
        model.full_bw = step.delivery_rate;
        model.set_phase(Phase::Up, 1_250, 2_250);
        self.raise_longterm_slope();
    }

    /// UpdateProbeBWCyclePhase (§5.3.3.9).
    fn update_probe_bw_cycle(&mut self, step: &Step<'_>) {
        if !self.model.full_bw_reached || self.adapt_long_term_model(step) {
            return;
        }
        match self.model.phase {
            Phase::Startup | Phase::Drain | Phase::ProbeRtt => {}
            Phase::Down => {
                if !self.is_time_to_probe_bw(step) && self.is_time_to_cruise(step) {
                    self.model
                        .set_phase(Phase::Cruise, 1_000, DEFAULT_CWND_GAIN);
                }
            }
            Phase::Cruise => {
                self.is_time_to_probe_bw(step);
            }
            Phase::Refill => {
                if self.model.round_start {
                    self.model.is_bw_probe_sample = true;
                    self.start_up(step);
                }
            }
            Phase::Up => {
                if self.is_time_to_go_down(step) {
                    self.model.prev_probe_too_high = false;
                    self.start_down(step.acked.now, step.rate.total_delivered);
                }
            }
        }
    }

    /// IsTimeToProbeBW (§5.3.3.8.3): by the clock, or as often as Reno would grow by one segment.
    fn is_time_to_probe_bw(&mut self, step: &Step<'_>) -> bool {
        let reno_rounds = self.target_inflight() / u64::from(self.smss.max(1));
        let rounds = reno_rounds.min(RENO_ROUNDS_MAX);
        let model = &self.model;
        let is_time = step.acked.now > model.cycle_stamp + model.bw_probe_wait
            || u64::from(model.rounds_since_probe_up) >= rounds;
        if is_time {
            self.start_refill(step.rate.total_delivered);
        }
        is_time
    }

    /// IsTimeToCruise (§5.3.3.9).
    fn is_time_to_cruise(&self, step: &Step<'_>) -> bool {
        let in_flight = u64::from(step.acked.in_flight);
        in_flight <= self.inflight_with_headroom() && in_flight <= self.inflight(1_000)
    }

    /// IsTimeToGoDown (§5.3.3.9).
    fn is_time_to_go_down(&mut self, step: &Step<'_>) -> bool {
        let cwnd = u64::from(self.cwnd);
        let model = &mut self.model;
        if model.prev_probe_too_high && u64::from(step.acked.in_flight) >= model.inflight_longterm {
            model.prev_probe_precautionary = true;
            return true;
        }
        let is_cwnd_limited = step.acked.utilisation == Utilisation::CwndLimited;
        if is_cwnd_limited && cwnd >= model.inflight_longterm {
            model.reset_full_bw();
            model.full_bw = step.delivery_rate;
            return false;
        }
        model.full_bw_now
    }

    /// InflightWithHeadroom (§5.3.3.9).
    pub(super) fn inflight_with_headroom(&self) -> u64 {
        let longterm = self.model.inflight_longterm;
        if longterm == UNBOUNDED {
            return UNBOUNDED;
        }
        let headroom = (longterm - times(longterm, WITHOUT_HEADROOM)).max(u64::from(self.smss));
        longterm.saturating_sub(headroom).max(self.min_pipe())
    }

    /// RaiseInflightLongtermSlope (§5.3.3.9).
    fn raise_longterm_slope(&mut self) {
        let growth = 1_u64 << self.model.bw_probe_up_rounds;
        self.model.bw_probe_up_rounds = (self.model.bw_probe_up_rounds + 1).min(30);
        self.model.probe_up_acked_per_inc =
            (u64::from(self.cwnd) / growth).max(u64::from(self.smss));
    }

    /// ProbeInflightLongtermUpward (§5.3.3.9).
    fn probe_longterm_upward(&mut self, step: &Step<'_>) {
        let is_cwnd_limited = step.acked.utilisation == Utilisation::CwndLimited;
        let smss = u64::from(self.smss);
        let model = &mut self.model;
        if !is_cwnd_limited || u64::from(self.cwnd) < model.inflight_longterm {
            return;
        }
        model.bw_probe_up_acked += u64::from(step.rate.newly_delivered);
        let delta = model.bw_probe_up_acked / model.probe_up_acked_per_inc.max(1);
        if delta > 0 {
            model.bw_probe_up_acked -= delta * model.probe_up_acked_per_inc;
            model.inflight_longterm = model.inflight_longterm.saturating_add(delta * smss);
        }
        if model.round_start {
            self.raise_longterm_slope();
        }
    }

    /// AdaptLongTermModel (§5.3.3.9). True if it decided on a phase.
    fn adapt_long_term_model(&mut self, step: &Step<'_>) -> bool {
        let smss = self.smss;
        let model = &mut self.model;
        if model.ack_phase == AckPhase::ProbeStarting && model.round_start {
            model.ack_phase = AckPhase::ProbeFeedback;
        }
        if model.ack_phase == AckPhase::ProbeStopping && model.round_start {
            model.is_bw_probe_sample = false;
            model.ack_phase = AckPhase::Init;
            let in_probe_bw = model.phase.is_probe_bw();
            if in_probe_bw && step.supply == Supply::Plenty {
                model.advance_max_bw_filter();
            }
            if in_probe_bw && model.prev_probe_precautionary && !model.prev_probe_too_high {
                self.start_refill(step.rate.total_delivered);
                return true;
            }
        }
        let model = &mut self.model;
        if Model::is_inflight_too_high(step.rate, smss) || model.inflight_longterm == UNBOUNDED {
            return false;
        }
        // The rate of loss is safe: upper bounds move up.
        let sent_in_flight = u64::from(step.rate.sent_in_flight);
        model.inflight_longterm = model.inflight_longterm.max(sent_in_flight);
        if model.phase == Phase::Up {
            self.probe_longterm_upward(step);
        }
        false
    }

    /// CheckProbeRTT (§5.3.4.3).
    fn check_probe_rtt(&mut self, step: &Step<'_>) {
        let model = &self.model;
        if model.phase != Phase::ProbeRtt && model.probe_rtt_expired && !model.idle_restart {
            self.save_cwnd();
            let model = &mut self.model;
            model.set_phase(Phase::ProbeRtt, 1_000, PROBE_RTT_CWND_GAIN);
            model.probe_rtt_done_stamp = None;
            model.ack_phase = AckPhase::ProbeStopping;
            model.start_round(step.rate.total_delivered);
        }
        if self.model.phase == Phase::ProbeRtt {
            self.handle_probe_rtt(step);
        }
        if step.rate.newly_delivered > 0 {
            self.model.idle_restart = false;
        }
    }

    /// HandleProbeRTT (§5.3.4.3).
    fn handle_probe_rtt(&mut self, step: &Step<'_>) {
        let now = step.acked.now;
        if self.model.probe_rtt_done_stamp.is_some() {
            self.model.probe_rtt_round_done |= self.model.round_start;
            if self.model.probe_rtt_round_done {
                self.check_probe_rtt_done(now);
            }
        } else if u64::from(step.acked.in_flight) <= self.probe_rtt_cwnd() {
            let model = &mut self.model;
            model.probe_rtt_done_stamp = Some(now + PROBE_RTT_DURATION);
            model.probe_rtt_round_done = false;
            model.start_round(step.rate.total_delivered);
        }
    }

    /// CheckProbeRTTDone, ExitProbeRTT (§5.3.4.3, §5.3.4.4).
    fn check_probe_rtt_done(&mut self, now: Instant) {
        if self
            .model
            .probe_rtt_done_stamp
            .is_none_or(|done| now <= done)
        {
            return;
        }
        self.model.probe_rtt_min_stamp = now;
        self.restore_cwnd();
        self.model.reset_short_term_model();
        if self.model.full_bw_reached {
            let delivered = self.model.next_round_delivered;
            self.start_down(now, delivered);
            self.model
                .set_phase(Phase::Cruise, 1_000, DEFAULT_CWND_GAIN);
        } else {
            self.enter_startup();
        }
    }

    /// HandleRestartFromIdle (§5.4.1).
    pub(super) fn restart(&mut self, now: Instant) {
        self.model.idle_restart = true;
        self.model.extra_acked_interval_start = now;
        if self.model.phase.is_probe_bw() {
            self.set_pacing_rate_with_gain(1_000);
        } else if self.model.phase == Phase::ProbeRtt {
            self.check_probe_rtt_done(now);
        }
    }

    /// HandleSpuriousLossDetection (§5.5.11.2).
    pub(super) fn undo_loss(&mut self, _now: Instant) {
        self.restore_cwnd();
        let model = &mut self.model;
        model.is_loss_in_round = false;
        model.reset_full_bw();
        let Some(undo) = model.undo.take() else {
            return;
        };
        model.bw_shortterm = model.bw_shortterm.max(undo.bw_shortterm);
        model.inflight_shortterm = model.inflight_shortterm.max(undo.inflight_shortterm);
        model.inflight_longterm = model.inflight_longterm.max(undo.inflight_longterm);
        let in_probe_rtt = model.phase == Phase::ProbeRtt;
        match undo.phase {
            Some(Phase::Startup) if model.phase != Phase::Startup => {
                model.full_bw_reached = false;
                if !in_probe_rtt {
                    self.enter_startup();
                }
            }
            Some(Phase::Up) if model.phase != Phase::Up && !in_probe_rtt => {
                let delivered = model.next_round_delivered;
                self.start_refill(delivered);
            }
            Some(_) | None => {}
        }
    }
}

impl Model {
    fn set_phase(&mut self, phase: Phase, pacing_gain: u64, cwnd_gain: u64) {
        (self.phase, self.pacing_gain, self.cwnd_gain) = (phase, pacing_gain, cwnd_gain);
    }

    /// ResetFullBW (§5.3.1.2).
    const fn reset_full_bw(&mut self) {
        self.full_bw = 0;
        self.full_bw_count = 0;
        self.full_bw_now = false;
    }

    /// CheckFullBWReached (§5.3.1.2).
    fn check_full_bw_reached(&mut self, step: &Step<'_>) {
        if self.full_bw_now || !self.round_start || step.supply == Supply::ApplicationLimited {
            return;
        }
        if step.delivery_rate >= times(self.full_bw, 1_250) {
            self.reset_full_bw();
            self.full_bw = step.delivery_rate;
            return;
        }
        self.full_bw_count += 1;
        self.full_bw_now = self.full_bw_count >= 3;
        self.full_bw_reached |= self.full_bw_now;
    }
}
