//! A connection as its peer knows it: the ends, the clocks, and segments made from both sides' numbers.
//!
//! The TCP targets write every segment with it, so that what they provoke is near what the stack
//! expects: sequence numbers come from STATUS, timestamps from the clock of the peer.

use std::net::SocketAddr;

use sidestep_stack::call::Status;
use sidestep_stack::{Duration, Instant};

use crate::packet::craft::{Ip, Segment, flags, option};

/// The octet of a stream at `at`; streams are told apart from shifted copies of themselves.
const fn octet_at(at: u32) -> u8 {
    (at.wrapping_mul(2_654_435_761) >> 23) as u8 ^ (at >> 3) as u8
}

/// `octets` octets of a stream from `from` on, which counts round the sequence space.
pub(crate) fn stream(from: u32, octets: usize) -> Vec<u8> {
    (0..octets as u32)
        .map(|at| octet_at(from.wrapping_add(at)))
        .collect()
}

/// True if `octets` are those of a stream from `from` on.
pub(crate) fn is_stream(from: u32, octets: &[u8]) -> bool {
    let mut at = from;
    octets.iter().all(|octet| {
        let same = *octet == octet_at(at);
        at = at.wrapping_add(1);
        same
    })
}

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    /// The end under test.
    pub(crate) local: SocketAddr,
    /// The peer's end.
    pub(crate) remote: SocketAddr,
    /// The peer's initial sequence number.
    pub(crate) irs: u32,
    /// What the peer's clock showed at `stamped_at`, if it has one.
    pub(crate) stamp: Option<u32>,
    pub(crate) stamped_at: Instant,
    /// The last TSval from us.
    pub(crate) echo: u32,
}

impl Flow {
    /// What the peer's clock shows: a millisecond a tick.
    pub(crate) fn clock(&self, now: Instant) -> Option<u32> {
        let elapsed = Duration::as_millis(&now.since(self.stamped_at)) as u32;
        self.stamp.map(|stamp| stamp.wrapping_add(elapsed))
    }

    /// A bare ACK that is in order, without options.
    pub(crate) fn segment(&self, status: Option<&Status>) -> Segment {
        Segment {
            ip: Ip::new(self.remote.ip(), self.local.ip()),
            source_port: self.remote.port(),
            destination_port: self.local.port(),
            seq: status.map_or(self.irs, |it| it.rcv_nxt),
            ack: status.map_or(0, |it| it.snd_nxt),
            flags: flags::ACK,
            window: 60_000,
            urgent: 0,
            options: Vec::new(),
            text: Vec::new(),
        }
    }

    /// The timestamps option, aligned as most senders do (RFC 7323 appendix A).
    pub(crate) fn stamps(value: u32, echo: u32) -> Vec<u8> {
        let mut options = vec![1, 1];
        options.extend(option::timestamps(value, echo));
        options
    }
}
