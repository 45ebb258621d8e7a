//! HyStart++ (RFC 9406): leave slow start when the round trip grows, before the queue overflows.
//!
//! `cubic.rs` asks it about each acknowledgment of the first slow start. It never sets cwnd: it says
//! how fast cwnd may grow, and when slow start is over.

use super::Acked;
use crate::base::{Duration, SeqNumber};

/// §4.2: MIN_RTT_THRESH.
const MIN_RTT_THRESH: Duration = Duration::from_millis(4);
/// §4.2: MAX_RTT_THRESH.
const MAX_RTT_THRESH: Duration = Duration::from_millis(16);
/// §4.2: MIN_RTT_DIVISOR.
const MIN_RTT_DIVISOR: u32 = 8;
/// §4.2: N_RTT_SAMPLE.
const N_RTT_SAMPLE: u32 = 8;
/// §4.2: CSS_GROWTH_DIVISOR.
pub(crate) const CSS_GROWTH_DIVISOR: u32 = 4;
/// §4.2: CSS_ROUNDS.
const CSS_ROUNDS: u32 = 5;

/// How fast cwnd grows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Growth {
    /// As in slow start.
    SlowStart,
    /// Conservative slow start: a quarter of that.
    Conservative,
    /// Slow start is over.
    Over,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct HyStart {
    /// windowEnd: the round ends when this is acknowledged.
    window_end: Option<SeqNumber>,
    /// lastRoundMinRTT.
    last_round_min_rtt: Option<Duration>,
    /// currentRoundMinRTT.
    current_round_min_rtt: Option<Duration>,
    /// rttSampleCount.
    samples: u32,
    /// In conservative slow start: cssBaselineMinRtt and the rounds that it has lasted.
    conservative: Option<Conservative>,
}

#[derive(Clone, Copy, Debug)]
struct Conservative {
    baseline: Duration,
    rounds: u32,
}

impl HyStart {
    /// True in conservative slow start.
    pub(crate) const fn is_conservative(&self) -> bool {
        self.conservative.is_some()
    }

    /// An acknowledgment of new text arrived in slow start. The answer holds for the growth that it
    /// brings about.
    pub(crate) fn on_ack(&mut self, acked: &Acked) -> Growth {
        let round_ends = match self.window_end {
            Some(end) => end.is_at_or_before(acked.una),
            None => true,
        };
        if let Some(round_trip) = acked.round_trip {
            let least = self.current_round_min_rtt.unwrap_or(round_trip);
            self.current_round_min_rtt = Some(least.min(round_trip));
            self.samples += 1;
        }
        // The RFC judges a round once it has N_RTT_SAMPLE samples. A peer that acknowledges by the
        // batch never gives as many: then the round is judged when it ends, by all that it has.
        if self.samples >= N_RTT_SAMPLE || (round_ends && self.samples > 0) {
            self.judge();
        }
        if round_ends && self.next_round(acked.nxt) == Growth::Over {
            return Growth::Over;
        }
        match self.conservative {
            Some(_) => Growth::Conservative,
            None => Growth::SlowStart,
        }
    }

    /// §4.2: has the round trip grown, or was that a false alarm?
    fn judge(&mut self) {
        let Some(current) = self.current_round_min_rtt else {
            return;
        };
        match self.conservative {
            None => {
                let Some(last) = self.last_round_min_rtt else {
                    return;
                };
                let threshold = (last / MIN_RTT_DIVISOR).clamp(MIN_RTT_THRESH, MAX_RTT_THRESH);
                if last + threshold <= current {
                    self.conservative = Some(Conservative {
                        baseline: current,
                        rounds: 0,
                    });
                }
            }
            Some(Conservative { baseline, .. }) if current < baseline => self.conservative = None,
            Some(_) => {}
        }
    }

    fn next_round(&mut self, nxt: SeqNumber) -> Growth {
        let is_first = self.window_end.is_none();
        self.window_end = Some(nxt);
        if is_first {
            // What this ACK acknowledges was sent before the first round began.
            return Growth::SlowStart;
        }
        // A round without any sample leaves what the one before knew.
        self.last_round_min_rtt = self.current_round_min_rtt.or(self.last_round_min_rtt);
        self.current_round_min_rtt = None;
        self.samples = 0;
        if let Some(conservative) = &mut self.conservative {
            conservative.rounds += 1;
            if conservative.rounds >= CSS_ROUNDS {
                return Growth::Over;
            }
        }
        Growth::SlowStart
    }
}

#[cfg(test)]
mod tests;
