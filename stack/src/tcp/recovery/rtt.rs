//! SRTT, RTTVAR and RTO: RFC 6298.
//!
//! `arrives/check_ack.rs` feeds it, `timeout/retransmission.rs` backs it off, `output.rs` asks how
//! long to wait. Karn's rule is kept by those who feed it: a sample is never ambiguous.

use crate::base::{Duration, Instant};
use crate::config::{Config, millis};

/// RFC 6298 §5.7: RTO for text if the SYN had to be repeated.
const RTO_AFTER_LOST_SYN: Duration = Duration::from_secs(3);

/// RFC 6298 §2.4: RTO is at least one second.
const RFC_LEAST_NANOS: u64 = 1_000_000_000;

/// The estimator.
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    estimate: Option<Estimate>,
    /// RTO before it is backed off, in nanoseconds.
    base: u64,
    /// How often it was doubled since the last sample.
    backoffs: u32,
    min_ms: u32,
    max_ms: u32,
    least: LeastRtt,
    /// A timeout was a mistake: the next sample is taken at its full weight (RFC 4015 §3.6).
    believes_next: bool,
}

/// How long a shortest round trip is believed (RFC 8985 §6.2, step 1): paths change.
const LEAST_LIFETIME: Duration = Duration::from_secs(300);

/// The shortest round trip of the last five to ten minutes: two halves, of which the older one is
/// forgotten when the newer one is full.
#[derive(Clone, Copy, Debug)]
struct LeastRtt {
    /// In nanoseconds; [`UNKNOWN`] before any sample.
    older: u64,
    /// In nanoseconds; [`UNKNOWN`] before any sample.
    newer: u64,
    newer_since: Instant,
}

const UNKNOWN: u64 = u64::MAX;

impl LeastRtt {
    const fn new() -> Self {
        Self {
            older: UNKNOWN,
            newer: UNKNOWN,
            newer_since: Instant::ZERO,
        }
    }

    fn on_sample(&mut self, r: Duration, now: Instant) {
        if self.newer != UNKNOWN && now.since(self.newer_since) >= LEAST_LIFETIME {
            self.older = core::mem::replace(&mut self.newer, UNKNOWN);
        }
        if self.newer == UNKNOWN {
            self.newer_since = now;
        }
        let nanos = u64::try_from(r.as_nanos()).unwrap_or(UNKNOWN - 1);
        self.newer = self.newer.min(nanos);
    }

    fn get(&self) -> Option<Duration> {
        let least = self.older.min(self.newer);
        (least != UNKNOWN).then(|| Duration::from_nanos(least))
    }
}

/// Half of what 64 bits hold: there is room for what is added.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos())
        .unwrap_or(u64::MAX)
        .min(u64::MAX / 2)
}

#[derive(Clone, Copy, Debug)]
struct Estimate {
    /// In nanoseconds.
    srtt: u64,
    /// In nanoseconds.
    rttvar: u64,
}

impl RttEstimator {
    /// RFC 6298 §2.1: before any sample.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            estimate: None,
            base: nanos(millis(config.rto_initial_ms)),
            backoffs: 0,
            min_ms: u32::try_from(config.rto_min_ms).unwrap_or(u32::MAX),
            max_ms: u32::try_from(config.rto_max_ms).unwrap_or(u32::MAX),
            least: LeastRtt::new(),
            believes_next: false,
        }
    }

    /// SRTT, once there was a sample.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.estimate.map(|it| Duration::from_nanos(it.srtt))
    }

    /// RTTVAR, once there was a sample.
    pub(crate) fn rttvar(&self) -> Option<Duration> {
        self.estimate.map(|it| Duration::from_nanos(it.rttvar))
    }

    /// The shortest round trip of late (RACK.min_RTT, RFC 8985 §6.2, step 1).
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.least.get()
    }

    /// A round trip took `r`: is it the shortest?
    pub(crate) fn on_least(&mut self, r: Duration, now: Instant) {
        self.least.on_sample(r, now);
    }

    /// RTO, backed off.
    pub(crate) fn rto(&self) -> Duration {
        let factor = 1_u32 << self.backoffs.min(16);
        Duration::from_nanos(self.base)
            .saturating_mul(factor)
            .min(self.max())
    }

    /// How often it was doubled since the last sample.
    pub(crate) const fn backoffs(&self) -> u32 {
        self.backoffs
    }

    fn max(&self) -> Duration {
        millis(u64::from(self.max_ms))
    }

    /// RFC 6298 §2.2, §2.3: a round trip took `r`.
    pub(crate) fn on_sample(&mut self, r: Duration) {
        let r = nanos(r);
        let estimate = match self.estimate {
            None => Estimate {
                srtt: r,
                rttvar: r / 2,
            },
            Some(Estimate { srtt, rttvar }) if self.believes_next => Estimate {
                srtt: srtt.max(r),
                rttvar: rttvar.max(r / 2),
            },
            Some(Estimate { srtt, rttvar }) => Estimate {
                // RTTVAR first, from the old SRTT.
                rttvar: rttvar / 4 * 3 + rttvar % 4 * 3 / 4 + srtt.abs_diff(r) / 4,
                srtt: srtt / 8 * 7 + srtt % 8 * 7 / 8 + r / 8,
            },
        };
        self.believes_next = false;
        self.estimate = Some(estimate);
        // The clock granularity G is one nanosecond and never counts (§2.3). §2.4 has RTO rounded up
        // to one second, and a least of ours that is shorter is a margin for what the estimate cannot
        // know, a delayed ACK or a queue that fills: it comes on top of the round trip, however long
        // that is. RTTVAR alone is next to nothing after a flight whose every segment was measured.
        let least = nanos(millis(u64::from(self.min_ms)));
        let variance = estimate.rttvar.saturating_mul(4);
        let rto = if least < RFC_LEAST_NANOS {
            estimate.srtt.saturating_add(variance.max(least))
        } else {
            estimate.srtt.saturating_add(variance).max(least)
        };
        self.base = rto.min(nanos(self.max()));
        self.backoffs = 0;
    }

    /// What was resent had not been lost (RFC 4015 §3.1, step 11).
    pub(crate) const fn on_spurious(&mut self) {
        self.believes_next = true;
    }

    /// RFC 6298 §5.5: the timer expired.
    pub(crate) const fn on_timeout(&mut self) {
        self.backoffs = self.backoffs.saturating_add(1);
    }

    /// RFC 6298 §5.7: the handshake is over, and its SYN had to be repeated.
    pub(crate) fn on_lossy_handshake(&mut self) {
        if self.estimate.is_none() {
            self.base = self.base.max(nanos(RTO_AFTER_LOST_SYN));
        }
        self.backoffs = 0;
    }
}
