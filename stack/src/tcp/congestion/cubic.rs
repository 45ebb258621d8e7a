//! CUBIC (RFC 9438) in integers: windows in octets, times in microseconds, with HyStart++ (RFC 9406)
//! for the first slow start.
//!
//! The connection's event files call it through [`CongestionControl`]. It uses no floating point, and
//! keeps what only a connection in use needs behind a box.

use alloc::boxed::Box;

use super::hystart::{CSS_GROWTH_DIVISOR, Growth, HyStart};
use super::window::{CWND_OCTETS_MAX, InitialWindow, beta_mark, l_segments};
use super::{Acked, CongestionControl, Expiry, Handshake, Mode, Utilisation};
use crate::base::{Duration, Instant};
use crate::config::Config;

/// beta_cubic (§4.6), in parts of a thousand.
const BETA: u16 = 700;
/// alpha_cubic = 3 * (1 - beta) / (1 + beta) (§4.3): 9/17.
const ALPHA: (u128, u128) = (9, 17);
/// W_est carries so many bits after the point.
const FRACTION_BITS: u32 = 20;
/// No time from K is longer than this; it keeps the cube within 128 bits.
const SPAN_MICROS_MAX: u64 = 1_000_000_000;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Cubic {
    cwnd: u32,
    ssthresh: u32,
    smss: u32,
    initial: InitialWindow,
    /// L of RFC 3465 §2.1 and RFC 9406 §4.2, in segments.
    l_segments: u16,
    /// What a congestion mark leaves of cwnd, in parts of a thousand (RFC 8511 §3).
    beta_mark: u16,
    state: Box<State>,
}

/// What the curve is made of.
#[derive(Clone, Debug, Default)]
struct State {
    /// W_max; `None` before the first congestion event.
    w_max: Option<u32>,
    /// cwnd_prior.
    cwnd_prior: u32,
    /// The running stage of congestion avoidance.
    epoch: Option<Epoch>,
    /// A timeout began what goes on: the next stage starts from where it stands (§4.8).
    after_timeout: bool,
    hystart: HyStart,
    undo: Option<Undo>,
}

/// A stage of congestion avoidance.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    /// t_epoch, moved on by whatever time does not count.
    began_at: Instant,
    /// When cwnd was last updated.
    updated_at: Instant,
    /// K.
    k_micros: u64,
    /// W_max of the curve.
    origin: u32,
    /// W_est, with [`FRACTION_BITS`] after the point.
    w_est: u64,
    /// What is left of increments below one octet, in octets times cwnd.
    remainder: u64,
}

/// §4.9.2: what a reduction changes.
#[derive(Clone, Debug)]
struct Undo {
    cwnd: u32,
    ssthresh: u32,
    cwnd_prior: u32,
    w_max: Option<u32>,
    epoch: Option<Epoch>,
}

impl Cubic {
    /// Before the handshake is over: room for one segment.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            cwnd: 536,
            ssthresh: CWND_OCTETS_MAX,
            smss: 536,
            initial: InitialWindow::new(config),
            l_segments: l_segments(config),
            beta_mark: beta_mark(config, BETA),
            state: Box::default(),
        }
    }

    fn in_slow_start(&self) -> bool {
        self.cwnd < self.ssthresh
    }

    fn slow_start(&mut self, acked: &Acked) {
        let most = u32::from(self.l_segments).saturating_mul(self.smss);
        let octets = acked.octets.min(most);
        // RFC 9406 §4.3: only the first slow start, which has no threshold yet.
        let growth = if self.ssthresh == CWND_OCTETS_MAX {
            self.state.hystart.on_ack(acked)
        } else {
            Growth::SlowStart
        };
        match growth {
            Growth::SlowStart => self.cwnd += octets,
            Growth::Conservative => self.cwnd += octets / CSS_GROWTH_DIVISOR,
            // §4.10: W_max is not known; the curve begins here.
            Growth::Over => {
                self.ssthresh = self.cwnd;
                self.state.cwnd_prior = self.cwnd;
            }
        }
        self.cwnd = self.cwnd.min(CWND_OCTETS_MAX);
    }

    /// §4.2 to §4.5.
    fn avoid(&mut self, acked: &Acked) {
        let (cwnd, smss, now) = (self.cwnd, self.smss, acked.now);
        let epoch = self.state.epoch_at(cwnd, smss, now);
        epoch.updated_at = now;
        let elapsed = now.since(epoch.began_at);
        let friendly = self.state.w_est_after(acked.octets, cwnd, smss);
        let Some(epoch) = &mut self.state.epoch else {
            return;
        };
        if epoch.w_cubic(elapsed, smss) < friendly {
            // §4.3: the Reno-friendly region.
            self.cwnd = cwnd.max(friendly);
        } else {
            // §4.4, §4.5: the concave and the convex region grow alike.
            let later = elapsed + acked.srtt.unwrap_or_default();
            let most = cwnd.saturating_add(cwnd / 2);
            let target = epoch.w_cubic(later, smss).clamp(cwnd, most);
            let gain =
                u64::from(target - cwnd) * u64::from(acked.octets.min(cwnd)) + epoch.remainder;
            epoch.remainder = gain % u64::from(cwnd);
            self.cwnd = cwnd.saturating_add((gain / u64::from(cwnd)) as u32);
        }
        self.cwnd = self.cwnd.min(CWND_OCTETS_MAX);
    }

    /// §4.6 and §4.7: `beta` is in parts of a thousand.
    fn reduce(&mut self, beta: u16, least: u32) {
        let cwnd = self.cwnd;
        let state = &mut self.state;
        // Fast convergence: a peak below the former one leaves room for others.
        state.w_max = Some(match state.w_max {
            Some(w_max) if cwnd < w_max => scale(cwnd, (1_000 + beta) / 2),
            Some(_) | None => cwnd,
        });
        state.cwnd_prior = cwnd;
        state.epoch = None;
        state.after_timeout = false;
        // cwnd and not FlightSize, as §4.6 permits, because cwnd grows only while it is what limits
        // the sender (RFC 7661 §4.3).
        let reduced = scale(cwnd, beta);
        self.ssthresh = reduced.max(2 * self.smss);
        self.cwnd = reduced.max(least);
    }

    fn remember(&mut self) {
        self.state.undo = Some(Undo {
            cwnd: self.cwnd,
            ssthresh: self.ssthresh,
            cwnd_prior: self.state.cwnd_prior,
            w_max: self.state.w_max,
            epoch: self.state.epoch,
        });
    }
}

impl State {
    /// The running stage; a new one begins if there is none.
    fn epoch_at(&mut self, cwnd: u32, smss: u32, now: Instant) -> &mut Epoch {
        let after_timeout = core::mem::take(&mut self.after_timeout);
        let w_max = self.w_max.filter(|w_max| cwnd < *w_max && !after_timeout);
        self.epoch.get_or_insert_with(|| Epoch {
            began_at: now,
            updated_at: now,
            k_micros: w_max.map_or(0, |w_max| k_micros(w_max - cwnd, smss)),
            origin: w_max.unwrap_or(cwnd),
            w_est: u64::from(cwnd) << FRACTION_BITS,
            remainder: 0,
        })
    }

    /// W_est after `acked` octets more (§4.3, Figure 4).
    fn w_est_after(&mut self, acked: u32, cwnd: u32, smss: u32) -> u32 {
        let cwnd_prior = self.cwnd_prior;
        let Some(epoch) = &mut self.epoch else {
            return cwnd;
        };
        let (above, below) = if (epoch.w_est >> FRACTION_BITS) < u64::from(cwnd_prior) {
            ALPHA
        } else {
            (1, 1)
        };
        let octets = u128::from(smss) * u128::from(acked) * above;
        let gain = (octets << FRACTION_BITS) / (u128::from(cwnd.max(1)) * below);
        epoch.w_est = epoch
            .w_est
            .saturating_add(u64::try_from(gain).unwrap_or(u64::MAX))
            .min(u64::from(CWND_OCTETS_MAX) << FRACTION_BITS);
        (epoch.w_est >> FRACTION_BITS) as u32
    }
}

impl Epoch {
    /// W_cubic(t) = C * (t - K)^3 + W_max (§4.2, Figure 1), in octets; C is 0.4.
    fn w_cubic(&self, t: Duration, smss: u32) -> u32 {
        let t = u64::try_from(t.as_micros()).unwrap_or(u64::MAX);
        let span = u128::from(t.abs_diff(self.k_micros).min(SPAN_MICROS_MAX));
        let octets = span * span * span * 4 * u128::from(smss) / 10_000_000_000_000_000_000;
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        if t < self.k_micros {
            self.origin.saturating_sub(octets)
        } else {
            self.origin.saturating_add(octets).min(CWND_OCTETS_MAX)
        }
    }
}

/// K = cubic root of ((W_max - cwnd_epoch) / C) (§4.2, Figure 2), in microseconds.
fn k_micros(below_octets: u32, smss: u32) -> u64 {
    let cube =
        u128::from(below_octets) * 10_000_000_000_000_000_000 / (4 * u128::from(smss.max(1)));
    cubic_root(cube)
}

/// The largest whole number whose cube is not larger.
fn cubic_root(cube: u128) -> u64 {
    let mut root: u128 = 0;
    // Bit by bit: a root of 40 bits is above all that [`k_micros`] asks for.
    for bit in (0..40).rev() {
        let next = root | (1 << bit);
        if next * next * next <= cube {
            root = next;
        }
    }
    root as u64
}

fn scale(octets: u32, thousandths: u16) -> u32 {
    (u64::from(octets) * u64::from(thousandths) / 1_000) as u32
}

impl CongestionControl for Cubic {
    fn cwnd_octets(&self) -> u32 {
        self.cwnd
    }

    fn ssthresh_octets(&self) -> u32 {
        self.ssthresh
    }

    fn mode(&self) -> Mode {
        match self.in_slow_start() {
            true if self.state.hystart.is_conservative() => Mode::ConservativeSlowStart,
            true => Mode::SlowStart,
            false => Mode::Avoidance,
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
        self.state.cwnd_prior = cwnd;
    }

    fn on_ack(&mut self, acked: &Acked) {
        if acked.utilisation == Utilisation::ApplicationLimited {
            // §4.2, §5.8: the time does not count in t.
            if let Some(epoch) = &mut self.state.epoch {
                epoch.began_at += acked.now.since(epoch.updated_at);
                epoch.updated_at = acked.now;
            }
            return;
        }
        if self.in_slow_start() {
            self.slow_start(acked);
        } else {
            self.avoid(acked);
        }
    }

    fn on_loss(&mut self, _flight_octets: u32, _now: Instant) {
        self.remember();
        self.reduce(BETA, 2 * self.smss);
    }

    fn on_congestion_mark(&mut self, _flight_octets: u32, _now: Instant) {
        self.state.undo = None;
        self.reduce(self.beta_mark, self.smss);
    }

    fn on_recovered(&mut self) {
        self.cwnd = self.ssthresh;
    }

    fn on_timeout(&mut self, _flight_octets: u32, first: Expiry, _now: Instant) {
        if first == Expiry::First {
            self.remember();
            self.reduce(BETA, 2 * self.smss);
        }
        // §4.8: as Reno, down to one segment.
        self.cwnd = self.smss;
        self.state.epoch = None;
        self.state.after_timeout = true;
    }

    fn on_spurious(&mut self, _now: Instant) {
        let Some(before) = self.state.undo.take() else {
            return;
        };
        // §4.9.2: not if cwnd has grown beyond it since.
        if self.cwnd >= before.cwnd {
            return;
        }
        (self.cwnd, self.ssthresh) = (before.cwnd, before.ssthresh);
        self.state.cwnd_prior = before.cwnd_prior;
        self.state.w_max = before.w_max;
        self.state.epoch = before.epoch;
        self.state.after_timeout = false;
    }

    fn on_idle(&mut self) {
        // RW = min (IW, cwnd), RFC 5681 §4.1; the curve begins anew when slow start is over.
        self.cwnd = self.cwnd.min(self.initial.octets(self.smss));
        self.state.epoch = None;
    }

    fn on_unvalidated(&mut self) {
        let before = self.cwnd;
        self.cwnd = (before / 2).max(self.initial.octets(self.smss)).min(before);
        self.ssthresh = self.ssthresh.max(scale(before, 750));
        self.state.epoch = None;
    }
}

#[cfg(test)]
mod tests;
