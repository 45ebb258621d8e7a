//! SRTT, RTTVAR and RTO: RFC 6298.
//!
//! `arrives/check_ack.rs` feeds it, `timeout/retransmission.rs` backs it off, `output.rs` asks how
//! long to wait. Karn's rule is kept by those who feed it: a sample is never ambiguous.

use crate::base::{Duration, Instant};
use crate::config::{Config, millis};

/// RFC 6298 §5.7: RTO for text if the SYN had to be repeated.
const RTO_AFTER_LOST_SYN: Duration = Duration::from_secs(3);

/// The estimator.
#[derive(Clone, Debug)]
pub(crate) struct RttEstimator {
    estimate: Option<Estimate>,
    /// RTO before it is backed off.
    base: Duration,
    /// How often it was doubled since the last sample.
    backoffs: u32,
    min_ms: u32,
    max_ms: u32,
    least: LeastRtt,
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

#[derive(Clone, Copy, Debug)]
struct Estimate {
    srtt: Duration,
    rttvar: Duration,
}

impl RttEstimator {
    /// RFC 6298 §2.1: before any sample.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            estimate: None,
            base: millis(config.rto_initial_ms),
            backoffs: 0,
            min_ms: u32::try_from(config.rto_min_ms).unwrap_or(u32::MAX),
            max_ms: u32::try_from(config.rto_max_ms).unwrap_or(u32::MAX),
            least: LeastRtt::new(),
        }
    }

    /// SRTT, once there was a sample.
    pub(crate) fn srtt(&self) -> Option<Duration> {
        self.estimate.map(|it| it.srtt)
    }

    /// RTTVAR, once there was a sample.
    pub(crate) fn rttvar(&self) -> Option<Duration> {
        self.estimate.map(|it| it.rttvar)
    }

    /// The shortest round trip of late (RACK.min_RTT, RFC 8985 §6.2, step 1).
    pub(crate) fn min_rtt(&self) -> Option<Duration> {
        self.least.get()
    }

    /// A round trip took `r`: is it the shortest?
    pub(crate) fn on_least(&mut self, r: Duration, now: Instant) {
        self.least.on_sample(r, now);
    }

    fn max(&self) -> Duration {
        millis(u64::from(self.max_ms))
    }

    /// RTO, backed off.
    pub(crate) fn rto(&self) -> Duration {
        let factor = 1_u32 << self.backoffs.min(16);
        self.base.saturating_mul(factor).min(self.max())
    }

    /// How often it was doubled since the last sample.
    pub(crate) const fn backoffs(&self) -> u32 {
        self.backoffs
    }

    /// RFC 6298 §2.2, §2.3: a round trip took `r`.
    pub(crate) fn on_sample(&mut self, r: Duration) {
        let estimate = match self.estimate {
            None => Estimate {
                srtt: r,
                rttvar: r / 2,
            },
            Some(Estimate { srtt, rttvar }) => Estimate {
                // RTTVAR first, from the old SRTT.
                rttvar: rttvar * 3 / 4 + srtt.abs_diff(r) / 4,
                srtt: srtt * 7 / 8 + r / 8,
            },
        };
        self.estimate = Some(estimate);
        // The clock granularity G is one nanosecond and never counts (§2.3).
        let rto = estimate.srtt + estimate.rttvar * 4;
        // §2.4 has it rounded up to one second; our least is shorter, so the round trip comes on top:
        // a peer that delays its ACK by as much as the least does not draw a retransmission.
        let min = millis(u64::from(self.min_ms));
        let rto = if rto < min { min + estimate.srtt } else { rto };
        self.base = rto.min(self.max());
        self.backoffs = 0;
    }

    /// RFC 6298 §5.5: the timer expired.
    pub(crate) const fn on_timeout(&mut self) {
        self.backoffs = self.backoffs.saturating_add(1);
    }

    /// RFC 6298 §5.7: the handshake is over, and its SYN had to be repeated.
    pub(crate) fn on_lossy_handshake(&mut self) {
        if self.estimate.is_none() {
            self.base = self.base.max(RTO_AFTER_LOST_SYN);
        }
        self.backoffs = 0;
    }
}
