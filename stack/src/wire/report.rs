//! What is to be told to the sender of a packet that we could not use.
//!
//! `ip` makes one for what it finds, the page `ingress.rs` for what no transport wanted;
//! `icmp/output.rs` decides whether an ICMP error may be sent about it (RFC 1122 §3.2.2, RFC 4443
//! §2.4), and builds it. Nothing is sent from here.

use core::net::IpAddr;

use bytes::Bytes;

use super::ipv6_chain::ParameterProblem;
use super::packet::{Cast, Datagram};

/// What was wrong, in the words of the ICMP error that says so.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Problem {
    /// No protocol of ours has this number (RFC 1122 §3.2.2.1; ICMPv6: RFC 8200 §4).
    ProtocolUnknown {
        /// Offset of the protocol or next-header field in the packet.
        pointer: u16,
    },
    /// No socket has this port (RFC 1122 §3.2.2.1, RFC 4443 §3.1).
    PortUnreachable,
    /// An IPv6 header field could not be used (RFC 4443 §3.4).
    Parameter(ParameterProblem),
    /// Fragments did not come in time, but the first one did (RFC 1122 §3.3.2, RFC 8200 §4.5).
    ReassemblyTimeout,
}

/// A problem with a packet that arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// What was wrong.
    pub problem: Problem,
    /// Who sent the packet.
    pub source: IpAddr,
    /// To which of our addresses, or which group.
    pub destination: IpAddr,
    /// Whether `destination` is ours alone.
    pub cast: Cast,
    /// The packet from its IP header on, to be quoted.
    pub packet: Bytes,
}

impl Report {
    /// A problem with `datagram`.
    pub fn about(datagram: &Datagram, problem: Problem) -> Self {
        Self {
            problem,
            source: datagram.source,
            destination: datagram.destination,
            cast: datagram.cast,
            packet: datagram.packet.clone(),
        }
    }

    /// No protocol of ours takes `datagram`.
    pub fn protocol_unknown(datagram: &Datagram) -> Self {
        let pointer = datagram.protocol_pointer;
        Self::about(datagram, Problem::ProtocolUnknown { pointer })
    }

    /// No socket has the port that `datagram` was sent to.
    pub fn port_unreachable(datagram: &Datagram) -> Self {
        Self::about(datagram, Problem::PortUnreachable)
    }
}
