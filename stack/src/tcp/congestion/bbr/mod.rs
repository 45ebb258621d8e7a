//! BBR (draft-ietf-ccwg-bbr-06, "BBRv3") in integers: a model of the path's bandwidth and round trip
//! sets the pace and cwnd. Gains are in parts of a thousand, rates in octets a second.
//!
//! The connection's event files call it through [`CongestionControl`]. `model.rs` follows §5.5 of the
//! draft, `cycle.rs` §5.3 and §5.4, `control.rs` §5.6. It differs from it: excess loss is judged for
//! each acknowledgment (§5.5.10.2 does so for each lost packet) and takes more than two segments; the
//! margin of the pace is not mistaken for a slower path; after a timeout cwnd grows back by what is
//! delivered; and congestion marks (RFC 3168), of which the draft does not speak, count as loss.

use alloc::boxed::Box;

use super::window::{CWND_OCTETS_MAX, InitialWindow};
use super::{Acked, CongestionControl, Expiry, Handshake, Mode, RepairPace};
use crate::base::{Duration, Instant};
use crate::config::Config;
use crate::tcp::delivery::{RateSample, Supply};

mod control;
mod cycle;
mod model;

use cycle::{AckPhase, Phase};

/// BBR.StartupPacingGain (§2.4).
const STARTUP_PACING_GAIN: u64 = 2_770;
/// BBR.DefaultCwndGain.
const DEFAULT_CWND_GAIN: u64 = 2_000;
/// BBR.DrainPacingGain.
const DRAIN_PACING_GAIN: u64 = 500;
/// BBR.ProbeRTTCwndGain.
const PROBE_RTT_CWND_GAIN: u64 = 500;
/// BBR.Beta.
const BETA: u64 = 700;
/// 1 - BBR.Headroom.
const WITHOUT_HEADROOM: u64 = 850;
/// BBR.LossThresh.
const LOSS_THRESH: u64 = 20;
/// BBRStartupFullLossCnt: so many times a loss is seen in a round.
const STARTUP_FULL_LOSS_COUNT: u32 = 6;
/// 1 - BBR.PacingMarginPercent.
const PACING_MARGIN: u64 = 990;
/// BBR.MinRTTFilterLen.
const MIN_RTT_FILTER: Duration = Duration::from_secs(10);
/// BBR.ProbeRTTInterval.
const PROBE_RTT_INTERVAL: Duration = Duration::from_secs(5);
/// BBR.ProbeRTTDuration.
const PROBE_RTT_DURATION: Duration = Duration::from_millis(200);
/// BBR.MinPipeCwnd, in segments.
const MIN_PIPE_SEGMENTS: u32 = 4;
/// BBR.ExtraAckedFilterLen, in halves of the filter.
const EXTRA_ACKED_HALF_ROUNDS: u32 = 5;
/// "Infinity".
const UNBOUNDED: u64 = u64::MAX;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Bbr {
    cwnd: u32,
    smss: u32,
    initial: InitialWindow,
    model: Box<Model>,
}

/// The variables BBR.* of the draft, by their names there.
#[derive(Clone, Debug)]
struct Model {
    phase: Phase,
    pacing_gain: u64,
    cwnd_gain: u64,
    pacing_rate: u64,
    has_pacing_rate: bool,
    // Bandwidth: the maxima of this cycle and of the one before.
    max_bw_filter: [u64; 2],
    cycle_count: u32,
    bw_shortterm: u64,
    bw_latest: u64,
    bw: u64,
    // Volume.
    inflight_longterm: u64,
    inflight_shortterm: u64,
    inflight_latest: u64,
    // Rounds.
    next_round_delivered: u64,
    round_start: bool,
    round_count: u32,
    loss_round_delivered: u64,
    loss_round_start: bool,
    is_loss_in_round: bool,
    losses_in_round: u32,
    // Has the pipe been filled?
    full_bw: u64,
    full_bw_count: u32,
    full_bw_now: bool,
    full_bw_reached: bool,
    drain_start_round: u32,
    // The cycle of ProbeBW.
    ack_phase: AckPhase,
    cycle_stamp: Instant,
    bw_probe_wait: Duration,
    rounds_since_probe_up: u32,
    bw_probe_up_rounds: u32,
    bw_probe_up_acked: u64,
    probe_up_acked_per_inc: u64,
    is_bw_probe_sample: bool,
    prev_probe_too_high: bool,
    prev_probe_precautionary: bool,
    // Round trips.
    min_rtt: Option<Duration>,
    min_rtt_stamp: Instant,
    probe_rtt_min_delay: Option<Duration>,
    probe_rtt_min_stamp: Instant,
    probe_rtt_expired: bool,
    probe_rtt_done_stamp: Option<Instant>,
    probe_rtt_round_done: bool,
    idle_restart: bool,
    // Aggregation.
    extra_acked_interval_start: Instant,
    extra_acked_delivered: u64,
    extra_acked_filter: [u64; 2],
    extra_acked_rounds: u32,
    // What is undone if a loss was none.
    prior_cwnd: u32,
    is_recovering: bool,
    undo: Option<Undo>,
    /// Where random waits come from; the connection's first numbers seed it.
    random: u64,
}

/// BBR.undo_*.
#[derive(Clone, Copy, Debug)]
struct Undo {
    phase: Option<Phase>,
    bw_shortterm: u64,
    inflight_shortterm: u64,
    inflight_longterm: u64,
}

/// One acknowledgment: RS.* and what of C.* goes with it.
#[derive(Clone, Copy, Debug)]
struct Step<'a> {
    rate: &'a RateSample,
    acked: &'a Acked,
    /// RS.delivery_rate; 0 if there is none.
    delivery_rate: u64,
    /// RS.is_app_limited, or in ProbeRTT.
    supply: Supply,
}

impl Bbr {
    /// OnInit (§5.2.1).
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            cwnd: 536,
            smss: 536,
            initial: InitialWindow::new(config),
            model: Box::new(Model::new()),
        }
    }
}

impl Model {
    fn new() -> Self {
        Self {
            phase: Phase::Startup,
            pacing_gain: STARTUP_PACING_GAIN,
            cwnd_gain: DEFAULT_CWND_GAIN,
            pacing_rate: 0,
            has_pacing_rate: false,
            max_bw_filter: [0; 2],
            cycle_count: 0,
            bw_shortterm: UNBOUNDED,
            bw_latest: 0,
            bw: 0,
            inflight_longterm: UNBOUNDED,
            inflight_shortterm: UNBOUNDED,
            inflight_latest: 0,
            next_round_delivered: 0,
            round_start: false,
            round_count: 0,
            loss_round_delivered: 0,
            loss_round_start: false,
            is_loss_in_round: false,
            losses_in_round: 0,
            full_bw: 0,
            full_bw_count: 0,
            full_bw_now: false,
            full_bw_reached: false,
            drain_start_round: 0,
            ack_phase: AckPhase::Init,
            cycle_stamp: Instant::ZERO,
            bw_probe_wait: Duration::ZERO,
            rounds_since_probe_up: 0,
            bw_probe_up_rounds: 0,
            bw_probe_up_acked: 0,
            probe_up_acked_per_inc: UNBOUNDED,
            is_bw_probe_sample: false,
            prev_probe_too_high: false,
            prev_probe_precautionary: false,
            min_rtt: None,
            min_rtt_stamp: Instant::ZERO,
            probe_rtt_min_delay: None,
            probe_rtt_min_stamp: Instant::ZERO,
            probe_rtt_expired: false,
            probe_rtt_done_stamp: None,
            probe_rtt_round_done: false,
            idle_restart: false,
            extra_acked_interval_start: Instant::ZERO,
            extra_acked_delivered: 0,
            extra_acked_filter: [0; 2],
            extra_acked_rounds: 0,
            prior_cwnd: 0,
            is_recovering: false,
            undo: None,
            random: 0,
        }
    }

    /// A number below `bound`, and the next one is another (xorshift).
    fn random_below(&mut self, bound: u64) -> u64 {
        let mut x = self.random | 1;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        self.random = x;
        (x >> 11) % bound.max(1)
    }
}

/// `value` times a gain in parts of a thousand.
fn times(value: u64, gain: u64) -> u64 {
    let product = u128::from(value) * u128::from(gain) / 1_000;
    u64::try_from(product).unwrap_or(u64::MAX)
}

impl CongestionControl for Bbr {
    fn cwnd_octets(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh_octets(&self) -> u32 {
        // It has none.
        CWND_OCTETS_MAX
    }

    fn mode(&self) -> Mode {
        match self.model.phase {
            Phase::Startup => Mode::Startup,
            Phase::Drain => Mode::Drain,
            Phase::Down => Mode::ProbeBwDown,
            Phase::Cruise => Mode::ProbeBwCruise,
            Phase::Refill => Mode::ProbeBwRefill,
            Phase::Up => Mode::ProbeBwUp,
            Phase::ProbeRtt => Mode::ProbeRtt,
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

    fn adopt(&mut self, cwnd: u32, _ssthresh: u32, smss: u32) {
        (self.cwnd, self.smss) = (cwnd, smss);
    }

    fn on_delivery(&mut self, rate: &RateSample, acked: &Acked) {
        self.update(rate, acked);
    }

    fn on_ack(&mut self, _acked: &Acked) {}

    fn on_loss(&mut self, _flight_octets: u32, _now: Instant) {
        // OnEnterFastRecovery (§5.6.4.4).
        self.save_cwnd();
        self.model.is_recovering = true;
    }

    fn on_congestion_mark(&mut self, _flight_octets: u32, now: Instant) {
        self.meet_mark(now);
    }

    fn on_recovered(&mut self) {
        self.model.is_recovering = false;
        self.restore_cwnd();
        self.bound_cwnd();
    }

    fn on_timeout(&mut self, _flight_octets: u32, first: Expiry, _now: Instant) {
        // OnEnterRTO (§5.6.4.4): nothing is thought to be in flight.
        if first == Expiry::First {
            self.save_cwnd();
            self.model.note_state();
        }
        self.model.is_recovering = false;
        self.cwnd = self.smss;
    }

    fn on_spurious(&mut self, now: Instant) {
        self.undo_loss(now);
    }

    // §5.4: neither idleness nor a short application takes cwnd away; the pace bounds the burst.
    fn on_idle(&mut self) {}

    fn on_unvalidated(&mut self) {}

    fn on_restart(&mut self, now: Instant) {
        self.restart(now);
    }

    fn repair_pace(&self) -> RepairPace {
        RepairPace::Cwnd
    }

    fn pacing_rate(&self, srtt: Option<Duration>) -> Option<u64> {
        Some(if self.model.has_pacing_rate {
            self.model.pacing_rate
        } else {
            self.initial_pacing_rate(srtt)
        })
    }
}

#[cfg(test)]
mod tests;
