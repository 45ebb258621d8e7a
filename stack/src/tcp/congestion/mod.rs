//! Congestion control behind one trait (RFC 5681, RFC 9743): how much may be in flight.
//!
//! `arrives/congestion.rs`, `timeout/retransmission.rs` and `output.rs` tell it what happened and ask
//! for cwnd. It never sees a packet, a queue or the peer's window.

use core::fmt::Debug;

use crate::base::{Duration, Instant, SeqNumber};
use crate::call::CongestionAlgorithm;
use crate::config::Config;
use crate::tcp::delivery::RateSample;

mod bbr;
mod cubic;
mod hystart;
mod reno;
pub(crate) mod validation;
mod window;

use bbr::Bbr;
use cubic::Cubic;
pub(crate) use reno::Reno;

pub(crate) use crate::status::CongestionMode as Mode;

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

/// What an acknowledgment means for congestion control.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    /// When it arrived.
    pub(crate) now: Instant,
    /// Octets that SND.UNA advanced by.
    pub(crate) octets: u32,
    /// SEG.ACK.
    pub(crate) una: SeqNumber,
    /// SND.NXT.
    pub(crate) nxt: SeqNumber,
    /// The round trip that it measured, if it did.
    pub(crate) round_trip: Option<Duration>,
    /// SRTT.
    pub(crate) srtt: Option<Duration>,
    /// Whether cwnd was what held the sender back.
    pub(crate) utilisation: Utilisation,
    /// "pipe" after it: octets that are thought to be in the network.
    pub(crate) in_flight: u32,
}

/// Who says how much may be sent while losses are repaired.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RepairPace {
    /// Loss recovery: what was delivered lets out a part of it (RFC 6937).
    ProportionalRate,
    /// The algorithm: cwnd holds in recovery too.
    Cwnd,
}

/// An algorithm that sets cwnd. All sizes are in octets.
pub(crate) trait CongestionControl: Debug {
    /// cwnd.
    fn cwnd_octets(&self) -> u32;

    /// ssthresh.
    fn ssthresh_octets(&self) -> u32;

    /// What cwnd does when text is acknowledged.
    fn mode(&self) -> Mode;

    /// The connection is open; `smss` is the most text in one segment.
    fn on_established(&mut self, smss: u32, handshake: Handshake);

    /// SMSS changed because the path MTU did. cwnd stays (RFC 1191 §6.4).
    fn on_smss_changed(&mut self, smss: u32);

    /// It takes over from another algorithm.
    fn adopt(&mut self, cwnd: u32, ssthresh: u32, smss: u32);

    /// Something was delivered, or shown to be lost, in recovery or not; before any of the others.
    fn on_delivery(&mut self, _sample: &RateSample, _acked: &Acked) {}

    /// New text was acknowledged outside of recovery.
    fn on_ack(&mut self, acked: &Acked);

    /// A loss was detected with `flight_octets` in flight; recovery begins.
    fn on_loss(&mut self, flight_octets: u32, now: Instant);

    /// Recovery ended.
    fn on_recovered(&mut self);

    /// The peer reports a congestion mark, once in a window (RFC 3168 §6.1.2).
    fn on_congestion_mark(&mut self, flight_octets: u32, now: Instant);

    /// The retransmission timer expired. `first` tells whether what is resent now was not resent
    /// by a timeout before.
    fn on_timeout(&mut self, flight_octets: u32, first: Expiry, now: Instant);

    /// The last reduction, for a loss or a timeout, was a mistake: nothing was lost (RFC 4015 §3.2,
    /// RFC 9438 §4.9.1). It is undone as far as that is still possible.
    fn on_spurious(&mut self, now: Instant);

    /// Nothing was sent for longer than RTO (RFC 5681 §4.1).
    fn on_idle(&mut self);

    /// A part of cwnd was out of use for so long that it proves nothing (RFC 7661 §4.4.1).
    fn on_unvalidated(&mut self);

    /// Text leaves after an application-limited time in which nothing was in flight.
    fn on_restart(&mut self, _now: Instant) {}

    /// How many octets a second may leave; `None` if cwnd alone counts.
    fn pacing_rate(&self, _srtt: Option<Duration>) -> Option<u64> {
        None
    }

    /// Who paces the repair of losses.
    fn repair_pace(&self) -> RepairPace {
        RepairPace::ProportionalRate
    }
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
    /// RFC 9438 with RFC 9406.
    Cubic(Cubic),
    /// draft-ietf-ccwg-bbr.
    Bbr(Bbr),
}

impl Congestion {
    /// The algorithm of a new connection.
    pub(crate) fn new(algorithm: CongestionAlgorithm, config: &Config) -> Self {
        match algorithm {
            CongestionAlgorithm::Reno => Self::Reno(Reno::new(config)),
            CongestionAlgorithm::Cubic => Self::Cubic(Cubic::new(config)),
            CongestionAlgorithm::Bbr => Self::Bbr(Bbr::new(config)),
        }
    }

    /// Which one it is.
    pub(crate) const fn algorithm(&self) -> CongestionAlgorithm {
        match self {
            Self::Reno(_) => CongestionAlgorithm::Reno,
            Self::Cubic(_) => CongestionAlgorithm::Cubic,
            Self::Bbr(_) => CongestionAlgorithm::Bbr,
        }
    }

    /// Another algorithm takes over where this one stands.
    pub(crate) fn change(&mut self, to: CongestionAlgorithm, smss: u32, config: &Config) {
        if self.algorithm() != to {
            let (cwnd, ssthresh) = (self.cwnd_octets(), self.ssthresh_octets());
            *self = Self::new(to, config);
            self.adopt(cwnd, ssthresh, smss);
        }
    }
}

macro_rules! forward {
    ($self:ident, $algorithm:ident => $call:expr) => {
        match $self {
            Self::Reno($algorithm) => $call,
            Self::Cubic($algorithm) => $call,
            Self::Bbr($algorithm) => $call,
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

    fn mode(&self) -> Mode {
        forward!(self, it => it.mode())
    }

    fn adopt(&mut self, cwnd: u32, ssthresh: u32, smss: u32) {
        forward!(self, it => it.adopt(cwnd, ssthresh, smss));
    }

    fn on_unvalidated(&mut self) {
        forward!(self, it => it.on_unvalidated());
    }

    fn on_established(&mut self, smss: u32, handshake: Handshake) {
        forward!(self, it => it.on_established(smss, handshake));
    }

    fn on_smss_changed(&mut self, smss: u32) {
        forward!(self, it => it.on_smss_changed(smss));
    }

    fn on_delivery(&mut self, sample: &RateSample, acked: &Acked) {
        forward!(self, it => it.on_delivery(sample, acked));
    }

    fn on_ack(&mut self, acked: &Acked) {
        forward!(self, it => it.on_ack(acked));
    }

    fn on_loss(&mut self, flight_octets: u32, now: Instant) {
        forward!(self, it => it.on_loss(flight_octets, now));
    }

    fn on_recovered(&mut self) {
        forward!(self, it => it.on_recovered());
    }

    fn on_congestion_mark(&mut self, flight_octets: u32, now: Instant) {
        forward!(self, it => it.on_congestion_mark(flight_octets, now));
    }

    fn on_timeout(&mut self, flight_octets: u32, first: Expiry, now: Instant) {
        forward!(self, it => it.on_timeout(flight_octets, first, now));
    }

    fn on_spurious(&mut self, now: Instant) {
        forward!(self, it => it.on_spurious(now));
    }

    fn on_idle(&mut self) {
        forward!(self, it => it.on_idle());
    }

    fn on_restart(&mut self, now: Instant) {
        forward!(self, it => it.on_restart(now));
    }

    fn pacing_rate(&self, srtt: Option<Duration>) -> Option<u64> {
        forward!(self, it => it.pacing_rate(srtt))
    }

    fn repair_pace(&self) -> RepairPace {
        forward!(self, it => it.repair_pace())
    }
}

#[cfg(test)]
mod tests;
