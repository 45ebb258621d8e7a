//! The timers of one connection (RFC 9293 §3.10.8 and those that other sections add).
//!
//! All of them share one entry in the stack's heap: the earliest counts. `timeout/*` acts when one
//! has expired; here nothing is decided.

use crate::base::Instant;
pub(crate) use crate::observe::Timer;

/// In the order in which they expire where it is at the same moment: the timers of RACK-TLP before the
/// one that is the last resort (RFC 8985 §8).
const TIMERS: [Timer; 9] = [
    Timer::Reordering,
    Timer::TailLossProbe,
    Timer::Retransmission,
    Timer::Persist,
    Timer::DelayedAck,
    Timer::KeepAlive,
    Timer::User,
    Timer::TimeWait,
    Timer::Pacing,
];

/// When each of them expires.
#[derive(Clone, Debug)]
pub(crate) struct Timers([Instant; TIMERS.len()]);

impl Default for Timers {
    fn default() -> Self {
        Self([Instant::NEVER; TIMERS.len()])
    }
}

impl Timers {
    /// Lets `timer` expire at `at`.
    pub(crate) const fn set(&mut self, timer: Timer, at: Instant) {
        self.0[timer as usize] = at;
    }

    /// Lets `timer` expire at `at`, unless it runs already.
    pub(crate) fn set_if_idle(&mut self, timer: Timer, at: Instant) {
        if !self.runs(timer) {
            self.set(timer, at);
        }
    }

    /// Stops `timer`.
    pub(crate) const fn stop(&mut self, timer: Timer) {
        self.0[timer as usize] = Instant::NEVER;
    }

    /// Stops all.
    pub(crate) fn stop_all(&mut self) {
        *self = Self::default();
    }

    /// True if `timer` runs.
    pub(crate) fn runs(&self, timer: Timer) -> bool {
        self.0[timer as usize] != Instant::NEVER
    }

    /// When `timer` expires; `None` while it does not run.
    pub(crate) fn at(&self, timer: Timer) -> Option<Instant> {
        let at = self.0[timer as usize];
        (at != Instant::NEVER).then_some(at)
    }

    /// When the first of them expires; [`Instant::NEVER`] if none runs.
    pub(crate) fn earliest(&self) -> Instant {
        self.0.iter().copied().min().unwrap_or(Instant::NEVER)
    }

    /// Stops the earliest of those that have expired at `now` and says which it was.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<Timer> {
        let earliest = self.earliest();
        if now < earliest {
            return None;
        }
        let timer = TIMERS
            .into_iter()
            .find(|timer| self.0[*timer as usize] == earliest)?;
        self.stop(timer);
        Some(timer)
    }
}
