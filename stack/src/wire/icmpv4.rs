//! ICMP for IPv4 (RFC 792, RFC 1191 §4 for the next-hop MTU).
//!
//! `icmp/input.rs` parses, `icmp/output.rs` emits; raw sockets see the octets as they are. Whether a
//! quote makes sense, and whether a message may be answered, is asked in `icmp`.

use bytes::Bytes;
use core::net::Ipv4Addr;
use thiserror::Error;

use super::checksum::Sum;
use super::packet::{HeaderOctets, ReceivedChecksum};

/// Octets of the header that all messages have.
pub const ICMP_HEADER_OCTETS: usize = 8;
/// Where in the header the checksum stands, in both families.
pub const ICMP_CHECKSUM_OFFSET: usize = 2;

/// Why octets are no ICMP message, in either family. The sender, or somebody on the path, is to
/// blame.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum IcmpRejected {
    /// The message ends before its header does.
    #[error("message holds {have_octets} octets, its header needs 8")]
    Truncated {
        /// What arrived.
        have_octets: usize,
    },
    /// The checksum does not match.
    #[error("checksum does not match")]
    Checksum,
}

/// Echo request or reply, in either family (RFC 792, RFC 4443 §4).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Echo {
    /// Tells the requests of one sender from those of another one.
    pub identifier: u16,
    /// Tells one request from the next.
    pub sequence_number: u16,
    /// What comes back unchanged.
    pub data: Bytes,
}

/// The codes of a destination unreachable message that we send (RFC 792, RFC 1122 §3.2.2.1).
pub mod unreachable {
    /// The protocol is not supported.
    pub const PROTOCOL: u8 = 2;
    /// No socket has the port.
    pub const PORT: u8 = 3;
    /// Larger than the next hop's MTU, and DF is set.
    pub const FRAGMENTATION_NEEDED: u8 = 4;
}

/// The code of a time exceeded message that we send: not all fragments came in time.
pub const TIME_EXCEEDED_REASSEMBLY: u8 = 1;

/// Message types.
mod kind {
    pub(super) const ECHO_REPLY: u8 = 0;
    pub(super) const DESTINATION_UNREACHABLE: u8 = 3;
    pub(super) const SOURCE_QUENCH: u8 = 4;
    pub(super) const REDIRECT: u8 = 5;
    pub(super) const ECHO_REQUEST: u8 = 8;
    pub(super) const TIME_EXCEEDED: u8 = 11;
    pub(super) const PARAMETER_PROBLEM: u8 = 12;
}

/// True if a message of `kind` tells of an error: about it no error is ever sent (RFC 1122 §3.2.2).
///
/// A type that we do not know is taken for an error, unless it is one of the queries of RFC 792,
/// RFC 950 and RFC 1256: silence is the safer mistake.
pub const fn is_error(kind: u8) -> bool {
    !matches!(kind, 0 | 8 | 9 | 10 | 13..=18)
}

/// An ICMPv4 message. Codes stand as they do on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Icmpv4Message {
    /// Type 8.
    EchoRequest(Echo),
    /// Type 0.
    EchoReply(Echo),
    /// Type 3.
    DestinationUnreachable {
        /// What was unreachable.
        code: u8,
        /// Code 4: MTU of the next hop, 0 from old routers (RFC 1191 §4). Otherwise without meaning.
        next_hop_mtu_octets: u16,
        /// The beginning of the packet that met the error.
        quote: Bytes,
    },
    /// Type 4; hosts ignore it (RFC 6633 §3).
    SourceQuench {
        /// The beginning of the packet that met the error.
        quote: Bytes,
    },
    /// Type 5.
    Redirect {
        /// For what: 0 network, 1 host, 2 and 3 the same with type of service.
        code: u8,
        /// The better first hop.
        gateway: Ipv4Addr,
        /// The beginning of the packet that took the detour.
        quote: Bytes,
    },
    /// Type 11.
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
        /// The beginning of the packet that met the error.
        quote: Bytes,
    },
    /// Type 12.
    ParameterProblem {
        /// 0: `pointer` says where.
        code: u8,
        /// Which octet of the quote was not understood.
        pointer: u8,
        /// The beginning of the packet that met the error.
        quote: Bytes,
    },
    /// Any other type.
    Unknown {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
    },
}

impl Icmpv4Message {
    /// Reads and verifies `message`, which is all of the IP payload. What the message carries is
    /// shared with it, not copied.
    ///
    /// # Errors
    ///
    /// See [`IcmpRejected`].
    pub fn parse(message: &Bytes, checksum: ReceivedChecksum) -> Result<Self, IcmpRejected> {
        let Some(&[kind, code, _, _, a, b, c, d]) = message.first_chunk::<ICMP_HEADER_OCTETS>()
        else {
            return Err(IcmpRejected::Truncated {
                have_octets: message.len(),
            });
        };
        if checksum == ReceivedChecksum::Unverified && !Sum::of(message).is_valid() {
            return Err(IcmpRejected::Checksum);
        }
        let rest = message.slice(ICMP_HEADER_OCTETS..);
        Ok(match kind {
            kind::ECHO_REQUEST | kind::ECHO_REPLY => {
                let echo = Echo {
                    identifier: u16::from_be_bytes([a, b]),
                    sequence_number: u16::from_be_bytes([c, d]),
                    data: rest,
                };
                if kind == kind::ECHO_REQUEST {
                    Self::EchoRequest(echo)
                } else {
                    Self::EchoReply(echo)
                }
            }
            kind::DESTINATION_UNREACHABLE => Self::DestinationUnreachable {
                code,
                next_hop_mtu_octets: u16::from_be_bytes([c, d]),
                quote: rest,
            },
            kind::SOURCE_QUENCH => Self::SourceQuench { quote: rest },
            kind::REDIRECT => Self::Redirect {
                code,
                gateway: Ipv4Addr::new(a, b, c, d),
                quote: rest,
            },
            kind::TIME_EXCEEDED => Self::TimeExceeded { code, quote: rest },
            kind::PARAMETER_PROBLEM => Self::ParameterProblem {
                code,
                pointer: a,
                quote: rest,
            },
            kind => Self::Unknown { kind, code },
        })
    }

    /// Appends the header to `out`, with a checksum of zero; [`carried`](Self::carried) follows it.
    pub fn emit(&self, out: &mut HeaderOctets) {
        let (kind, code, word) = match self {
            Self::EchoRequest(echo) => (kind::ECHO_REQUEST, 0, echo.word()),
            Self::EchoReply(echo) => (kind::ECHO_REPLY, 0, echo.word()),
            Self::DestinationUnreachable {
                code,
                next_hop_mtu_octets,
                ..
            } => (
                kind::DESTINATION_UNREACHABLE,
                *code,
                u32::from(*next_hop_mtu_octets).to_be_bytes(),
            ),
            Self::SourceQuench { .. } => (kind::SOURCE_QUENCH, 0, [0; 4]),
            Self::Redirect { code, gateway, .. } => (kind::REDIRECT, *code, gateway.octets()),
            Self::TimeExceeded { code, .. } => (kind::TIME_EXCEEDED, *code, [0; 4]),
            Self::ParameterProblem { code, pointer, .. } => {
                (kind::PARAMETER_PROBLEM, *code, [*pointer, 0, 0, 0])
            }
            Self::Unknown { kind, code } => (*kind, *code, [0; 4]),
        };
        out.push(&[kind, code, 0, 0]);
        out.push(&word);
    }

    /// What the message carries behind its header: echo data or a quote.
    pub const fn carried(&self) -> &Bytes {
        static NOTHING: Bytes = Bytes::new();
        match self {
            Self::EchoRequest(echo) | Self::EchoReply(echo) => &echo.data,
            Self::DestinationUnreachable { quote, .. }
            | Self::SourceQuench { quote }
            | Self::Redirect { quote, .. }
            | Self::TimeExceeded { quote, .. }
            | Self::ParameterProblem { quote, .. } => quote,
            Self::Unknown { .. } => &NOTHING,
        }
    }
}

impl Echo {
    /// Identifier and sequence number as they stand in the header.
    pub(super) const fn word(&self) -> [u8; 4] {
        let [a, b] = self.identifier.to_be_bytes();
        let [c, d] = self.sequence_number.to_be_bytes();
        [a, b, c, d]
    }
}

#[cfg(test)]
mod tests;
