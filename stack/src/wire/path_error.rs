//! What an ICMP error says about a path, in words that TCP and UDP understand.
//!
//! `icmp/input.rs` makes one from an ICMPv4 or ICMPv6 error; the page `ingress.rs` carries it to
//! the transport that it quotes. Here nobody decides whether to believe it.

use core::net::IpAddr;

use bytes::Bytes;

use super::protocol::Protocol;

/// Why a destination was unreachable (RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Unreachable {
    /// ICMPv4 codes 0, 6, 11; ICMPv6 code 0.
    Network,
    /// ICMPv4 codes 1, 7, 8, 12; ICMPv6 codes 2, 3.
    Host,
    /// ICMPv4 code 2.
    Protocol,
    /// ICMPv4 code 3; ICMPv6 code 4.
    Port,
    /// ICMPv4 code 5.
    SourceRouteFailed,
    /// ICMPv4 codes 9, 10, 13 to 15; ICMPv6 codes 1, 5, 6.
    Prohibited,
}

/// What went wrong on the path.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum PathErrorKind {
    /// See [`Unreachable`].
    Unreachable(Unreachable),
    /// Fragmentation needed (RFC 1191) or packet too big (RFC 4443 §3.2). `mtu_octets` as it stands
    /// in the message: 0 from old routers.
    TooBig {
        /// MTU of the next hop.
        mtu_octets: u32,
    },
    /// The hop limit ran out in transit.
    HopLimit,
    /// The receiver did not get all fragments in time.
    Reassembly,
    /// A header field was not understood.
    Parameter,
    /// An ICMPv6 error of a type that we do not know (RFC 4443 §2.4(a)).
    UnknownType,
}

/// The packet that an ICMP error quotes: one that we are said to have sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quote {
    /// Its source: one of our addresses.
    pub source: IpAddr,
    /// Its destination.
    pub destination: IpAddr,
    /// What its payload is.
    pub protocol: Protocol,
    /// As much of its transport header and payload as was quoted: at least 8 octets.
    pub transport: Bytes,
    /// How many octets the quoted packet had, by its own length field, IP header included.
    pub packet_octets: u32,
}

impl Quote {
    /// The ports, which TCP and UDP both have first: source (ours), destination.
    pub fn ports(&self) -> Option<(u16, u16)> {
        let [a, b, c, d] = *self.transport.first_chunk::<4>()?;
        Some((u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])))
    }
}

/// An ICMP error that arrived and whose quote makes sense.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathError {
    /// Who sent the error.
    pub reporter: IpAddr,
    /// What went wrong.
    pub kind: PathErrorKind,
    /// With which packet.
    pub quote: Quote,
}
