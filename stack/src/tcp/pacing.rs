//! Pacing (draft-ietf-ccwg-bbr §5.6.2, §5.6.3): text leaves in quanta of about a millisecond, spread over
//! the round trip, and not a whole window at once.
//!
//! `output.rs` asks how much may leave now and notes what did; the connection's timers wake it when
//! there is credit again. There is no timer for each packet: credit grows with time, and one quantum of
//! it is worth waking up for.

use crate::base::{Duration, Instant};

/// The most that leaves at once.
const QUANTUM_OCTETS_MAX: u64 = 65_536;

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pacing {
    /// Octets a second; 0: not paced.
    rate: u64,
    /// The least that is worth waking up for.
    quantum: u32,
    /// What may leave at `at`, in octets; below zero while more left than was there.
    credit: i64,
    at: Instant,
}

/// What the pace says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Pace {
    /// So many octets may leave now.
    Octets(u32),
    /// Nothing may before this moment.
    Until(Instant),
}

impl Pacing {
    /// The rate is `rate` octets a second from now on; `None`: nothing is held back.
    pub(crate) fn set_rate(&mut self, rate: Option<u64>, smss: u32, now: Instant) {
        self.grow(now);
        let was_paced = self.rate != 0;
        self.rate = rate.map_or(0, |rate| rate.max(1));
        let quantum = (self.rate / 1_000).min(QUANTUM_OCTETS_MAX);
        self.quantum = (quantum as u32).max(2 * smss);
        if !was_paced {
            self.credit = i64::from(self.quantum);
        }
    }

    /// Octets a second; `None` if nothing is held back.
    pub(crate) fn rate(&self) -> Option<u64> {
        (self.rate != 0).then_some(self.rate)
    }

    /// What may leave now, in whole segments of `smss`.
    pub(crate) fn pace(&mut self, smss: u32, now: Instant) -> Pace {
        if self.rate == 0 {
            return Pace::Octets(u32::MAX);
        }
        self.grow(now);
        if self.credit > 0 {
            // A segment that the credit covers in part goes whole; the debt is paid later.
            let whole = (self.credit as u64).div_ceil(u64::from(smss)) * u64::from(smss);
            return Pace::Octets(u32::try_from(whole).unwrap_or(u32::MAX));
        }
        let lacking = u64::from(self.quantum).saturating_add(self.credit.unsigned_abs());
        let nanos = u128::from(lacking) * 1_000_000_000 / u128::from(self.rate);
        let wait = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        Pace::Until(self.at + wait.max(Duration::from_nanos(1)))
    }

    /// `octets` left.
    pub(crate) fn on_sent(&mut self, octets: u32) {
        if self.rate != 0 {
            self.credit -= i64::from(octets);
        }
    }

    /// Credit grows with time, up to two quanta: whoever was idle does not burst.
    fn grow(&mut self, now: Instant) {
        let nanos = now.since(self.at).as_nanos();
        let octets = u128::from(self.rate) * nanos / 1_000_000_000;
        if octets == 0 {
            return;
        }
        let most = 2 * i64::from(self.quantum);
        let octets = i64::try_from(octets).unwrap_or(i64::MAX);
        self.credit = self
            .credit
            .saturating_add(octets)
            .min(most.max(self.credit));
        self.at = now;
    }
}

/// The rate at which cwnd leaves within the round trip: twice as fast in slow start, so that cwnd can
/// double, and a fifth faster than that in congestion avoidance, as Linux has it.
pub(crate) fn rate_of_window(
    cwnd: u32,
    srtt: Option<Duration>,
    is_slow_start: Growth,
) -> Option<u64> {
    let micros = srtt?.as_micros().max(1);
    let percent: u128 = match is_slow_start {
        Growth::Doubling => 200,
        Growth::Gentle => 120,
    };
    let rate = u128::from(cwnd) * percent * 10_000 / micros;
    Some(u64::try_from(rate).unwrap_or(u64::MAX))
}

/// How cwnd grows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Growth {
    /// Slow start.
    Doubling,
    /// Congestion avoidance.
    Gentle,
}

#[cfg(test)]
mod tests;
