//! The arithmetic of RTO and of the congestion window by itself, for comparison with models.
//!
//! Fuzzers and simulations of the formulas step through it; the connection does not use it. It is no
//! part of the stable interface.

use super::congestion::{Acked, Congestion, CongestionControl, Expiry, Handshake, Utilisation};
use super::recovery::rtt::RttEstimator;
use crate::base::{Duration, Instant, SeqNumber};
use crate::call::CongestionAlgorithm;
use crate::config::Config;

/// One thing that happens to the estimators of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The handshake is over (RFC 5681 §3.1, RFC 6928 §2).
    Established {
        /// SMSS, in octets.
        smss: u32,
        /// Whether it lost a packet.
        is_lossy: bool,
    },
    /// A round trip was measured (RFC 6298 §2).
    RoundTrip(Duration),
    /// The retransmission timer expired (RFC 6298 §5.5, RFC 5681 §3.1).
    Expired {
        /// FlightSize.
        flight_octets: u32,
        /// Whether the text had not timed out before.
        is_first: bool,
    },
    /// New text was acknowledged (RFC 5681 §3.1, RFC 3465).
    Acked {
        /// How much.
        octets: u32,
        /// SMSS, in octets.
        smss: u32,
        /// Whether cwnd was what held the sender back.
        is_cwnd_limited: bool,
    },
    /// A loss was detected (RFC 5681 §3.2).
    Lost {
        /// FlightSize.
        flight_octets: u32,
    },
    /// Recovery ended (RFC 6582 §3.2).
    Recovered,
    /// Nothing was sent for longer than RTO (RFC 5681 §4.1).
    Idle,
    /// SMSS changed (RFC 1191 §6.4).
    SmssChanged(u32),
}

/// What the estimators say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Values {
    /// SRTT.
    pub srtt: Option<Duration>,
    /// RTTVAR.
    pub rttvar: Option<Duration>,
    /// RTO, backed off.
    pub rto: Duration,
    /// cwnd.
    pub cwnd_octets: u32,
    /// ssthresh.
    pub ssthresh_octets: u32,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Arithmetic {
    rtt: RttEstimator,
    congestion: Congestion,
}

impl Arithmetic {
    /// As a connection begins, with Reno.
    pub fn new(config: &Config) -> Self {
        Self {
            rtt: RttEstimator::new(config),
            congestion: Congestion::new(CongestionAlgorithm::Reno, config),
        }
    }

    /// What the estimators say now.
    pub fn values(&self) -> Values {
        Values {
            srtt: self.rtt.srtt(),
            rttvar: self.rtt.rttvar(),
            rto: self.rtt.rto(),
            cwnd_octets: self.congestion.cwnd_octets(),
            ssthresh_octets: self.congestion.ssthresh_octets(),
        }
    }

    /// Something happens.
    pub fn step(&mut self, step: Step) {
        match step {
            Step::Established { smss, is_lossy } => {
                let handshake = if is_lossy {
                    self.rtt.on_lossy_handshake();
                    Handshake::Lossy
                } else {
                    Handshake::Clean
                };
                self.congestion.on_established(smss, handshake);
            }
            Step::RoundTrip(r) => self.rtt.on_sample(r),
            Step::Expired {
                flight_octets,
                is_first,
            } => {
                let expiry = if is_first {
                    Expiry::First
                } else {
                    Expiry::Repeated
                };
                self.rtt.on_timeout();
                self.congestion
                    .on_timeout(flight_octets, expiry, Instant::ZERO);
            }
            Step::Acked {
                octets,
                is_cwnd_limited,
                ..
            } => {
                let una = SeqNumber::new(octets);
                let utilisation = if is_cwnd_limited {
                    Utilisation::CwndLimited
                } else {
                    Utilisation::ApplicationLimited
                };
                self.congestion.on_ack(&Acked {
                    now: Instant::ZERO,
                    octets,
                    una,
                    nxt: una,
                    round_trip: None,
                    srtt: self.rtt.srtt(),
                    utilisation,
                    in_flight: 0,
                });
            }
            Step::Lost { flight_octets } => self.congestion.on_loss(flight_octets, Instant::ZERO),
            Step::Recovered => self.congestion.on_recovered(),
            Step::Idle => self.congestion.on_idle(),
            Step::SmssChanged(smss) => self.congestion.on_smss_changed(smss),
        }
    }
}
