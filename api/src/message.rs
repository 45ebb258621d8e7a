//! A datagram with all that is known of its journey: [`Msg`], and [`MsgOptions`] for one to be sent.
//!
//! `read_msg` and `write_msg` of UDP and raw sockets speak in these. They are plain values; where a
//! backend cannot tell, it says so with `None`.

use std::net::IpAddr;

use sidestep_stack::call::ReceivedDatagram;
use sidestep_stack::wire::protocol::TrafficClass;

use crate::UDPAddr;

/// Explicit congestion notification, as a router may have marked it (RFC 3168 §5).
pub use sidestep_stack::wire::protocol::Ecn;

/// What is known of a datagram that was received: Go's `ReadMsgUDP` and `ReadMsgIP`, without control
/// messages to parse.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[doc(alias = "ReadMsgUDP")]
#[doc(alias = "ReadMsgIP")]
pub struct Msg<A = UDPAddr> {
    /// How many octets were copied.
    pub n: usize,
    /// True if there was no room for all of it, and the rest is gone (Go's `MSG_TRUNC`).
    pub truncated: bool,
    /// From whom. IPv4 senders are always shown as IPv4.
    pub from: A,
    /// To which address it was sent: one of ours, a broadcast address or a group. `None` on the
    /// host's kernel.
    pub to: Option<IpAddr>,
    /// The mark of a congested router (RFC 3168). `None` on the host's kernel.
    pub ecn: Option<Ecn>,
    /// The differentiated services code point (RFC 2474), 0 to 63. `None` on the host's kernel.
    pub dscp: Option<u8>,
    /// Time to live or hop limit on arrival. `None` on the host's kernel.
    pub hop_limit: Option<u8>,
}

impl<A> Msg<A> {
    /// What the stack knows of `datagram`, of which `n` octets were copied.
    pub(crate) fn of(datagram: &ReceivedDatagram, from: A, n: usize, octets: usize) -> Self {
        Self {
            n,
            truncated: n < octets,
            from,
            to: Some(datagram.destination),
            ecn: Some(datagram.traffic_class.ecn()),
            dscp: Some(datagram.traffic_class.dscp()),
            hop_limit: Some(datagram.hop_limit),
        }
    }
}

/// Where and how one datagram is to be sent. What is `None` is as the socket has it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[doc(alias = "WriteMsgUDP")]
#[doc(alias = "WriteMsgIP")]
pub struct MsgOptions<A = UDPAddr> {
    /// To whom; `None` on a socket with a peer.
    pub to: Option<A>,
    /// From which of our addresses. The host's kernel cannot be told.
    pub source: Option<IpAddr>,
    /// Time to live or hop limit. The host's kernel cannot be told for one datagram.
    pub hop_limit: Option<u8>,
    /// DSCP and ECN as they stand in the header: the octet that was called type of service. The
    /// host's kernel cannot be told for one datagram.
    pub tos: Option<u8>,
}

impl<A> Default for MsgOptions<A> {
    fn default() -> Self {
        Self {
            to: None,
            source: None,
            hop_limit: None,
            tos: None,
        }
    }
}

impl<A> MsgOptions<A> {
    /// To `to`, and otherwise as the socket has it.
    pub fn to(to: A) -> Self {
        Self {
            to: Some(to),
            ..Self::default()
        }
    }

    pub(crate) const fn traffic_class(&self) -> Option<TrafficClass> {
        match self.tos {
            Some(octet) => Some(TrafficClass(octet)),
            None => None,
        }
    }

    /// True if more is asked than what the host's kernel can be told without control messages.
    pub(crate) const fn is_more_than_an_address(&self) -> bool {
        self.source.is_some() || self.hop_limit.is_some() || self.tos.is_some()
    }
}

/// Room for one datagram of a batch, and what is known of it afterwards.
#[derive(Debug)]
pub struct MsgSlot<'a> {
    /// Where its octets go.
    pub octets: &'a mut [u8],
    /// What is known of it; as it was where the batch ended earlier.
    pub msg: Msg,
}

impl<'a> MsgSlot<'a> {
    /// Room in `octets`.
    pub fn new(octets: &'a mut [u8]) -> Self {
        Self {
            octets,
            msg: Msg::default(),
        }
    }
}
