//! Congestion control behind one trait (RFC 5681, RFC 9743): how much may be in flight.
//!
//! `arrives/check_ack.rs`, `timeout/retransmission.rs` and `output.rs` tell it what happened and ask
//! for cwnd. It never sees a packet, a queue or the peer's window.

use core::fmt::Debug;

use crate::base::Instant;
use crate::call::CongestionAlgorithm;
use crate::config::Config;
use crate::tcp::sample::AckSample;

mod reno;

pub(crate) use reno::Reno;

/// Whether the sender was held back by cwnd; only then does an acknowledgment prove that a larger
/// one would do (RFC 5681 §4.1, RFC 7661).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Utilisation {
    /// cwnd was what held the sender back.
    CwndLimited,
    /// The application or the peer's window was.
    ApplicationLimited,
}

/// Whether the handshake lost a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Handshake {
    /// Nothing was lost.
    Clean,
    /// SYN or SYN-ACK had to be repeated: the initial window is one segment (RFC 5681 §3.1).
    Lossy,
}

/// An algorithm that sets cwnd. All sizes are in octets.
pub(crate) trait CongestionControl: Debug {
    /// cwnd.
    fn cwnd_octets(&self) -> u32;

    /// ssthresh.
    fn ssthresh_octets(&self) -> u32;

    /// The connection is open; `smss` is the most text in one segment.
    fn on_established(&mut self, smss: u32, handshake: Handshake);

    /// SMSS changed because the path MTU did. cwnd stays (RFC 1191 §6.4).
    fn on_smss_changed(&mut self, smss: u32);

    /// New text was acknowledged outside of recovery.
    fn on_ack(&mut self, sample: &AckSample, utilisation: Utilisation);

    /// A loss was detected with `flight_octets` in flight; recovery begins.
    fn on_loss(&mut self, flight_octets: u32, now: Instant);

    /// Recovery ended.
    fn on_recovered(&mut self);

    /// The retransmission timer expired. `first` tells whether what is resent now was not resent
    /// by a timeout before.
    fn on_timeout(&mut self, flight_octets: u32, first: Expiry);

    /// Nothing was sent for longer than RTO (RFC 5681 §4.1).
    fn on_idle(&mut self);
}

/// Whether this text timed out before (RFC 5681 §3.1: ssthresh is held then).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Expiry {
    /// For the first time.
    First,
    /// Again.
    Repeated,
}

/// The algorithms that exist. One connection uses one; an enum keeps it in place and cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Congestion {
    /// RFC 5681 with RFC 6582 and RFC 6928.
    Reno(Reno),
}

impl Congestion {
    /// The algorithm of a new connection.
    pub(crate) fn new(algorithm: CongestionAlgorithm, config: &Config) -> Self {
        match algorithm {
            CongestionAlgorithm::Reno => Self::Reno(Reno::new(config)),
        }
    }
}

macro_rules! forward {
    ($self:ident, $algorithm:ident => $call:expr) => {
        match $self {
            Self::Reno($algorithm) => $call,
        }
    };
}

impl CongestionControl for Congestion {
    fn cwnd_octets(&self) -> u32 {
        forward!(self, it => it.cwnd_octets())
    }

    fn ssthresh_octets(&self) -> u32 {
        forward!(self, it => it.ssthresh_octets())
    }

    fn on_established(&mut self, smss: u32, handshake: Handshake) {
        forward!(self, it => it.on_established(smss, handshake));
    }

    fn on_smss_changed(&mut self, smss: u32) {
        forward!(self, it => it.on_smss_changed(smss));
    }

    fn on_ack(&mut self, sample: &AckSample, utilisation: Utilisation) {
        forward!(self, it => it.on_ack(sample, utilisation));
    }

    fn on_loss(&mut self, flight_octets: u32, now: Instant) {
        forward!(self, it => it.on_loss(flight_octets, now));
    }

    fn on_recovered(&mut self) {
        forward!(self, it => it.on_recovered());
    }

    fn on_timeout(&mut self, flight_octets: u32, first: Expiry) {
        forward!(self, it => it.on_timeout(flight_octets, first));
    }

    fn on_idle(&mut self) {
        forward!(self, it => it.on_idle());
    }
}

#[cfg(test)]
mod tests;
