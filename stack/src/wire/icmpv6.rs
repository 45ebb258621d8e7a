//! ICMP for IPv6 (RFC 4443).
//!
//! `icmp/input.rs` parses, `icmp/output.rs` emits; raw sockets see the octets as they are. Whether a
//! quote makes sense, and whether a message may be answered, is asked in `icmp`; neighbour discovery
//! is unknown here.

use bytes::Bytes;
use core::net::Ipv6Addr;

use super::checksum::Sum;
use super::icmpv4::{Echo, ICMP_HEADER_OCTETS, IcmpRejected};
use super::packet::{HeaderOctets, ReceivedChecksum};
use super::protocol::Protocol;

/// The code of a destination unreachable message that we send: no socket has the port.
pub const UNREACHABLE_PORT: u8 = 4;
/// The code of a time exceeded message that we send: not all fragments came in time.
pub const TIME_EXCEEDED_REASSEMBLY: u8 = 1;

/// Message types.
mod kind {
    pub(super) const DESTINATION_UNREACHABLE: u8 = 1;
    pub(super) const PACKET_TOO_BIG: u8 = 2;
    pub(super) const TIME_EXCEEDED: u8 = 3;
    pub(super) const PARAMETER_PROBLEM: u8 = 4;
    pub(super) const ECHO_REQUEST: u8 = 128;
    pub(super) const ECHO_REPLY: u8 = 129;
    pub(super) const REDIRECT: u8 = 137;
}

/// True if about a message of `kind` no error is ever sent: all errors, and redirects (RFC 4443
/// §2.1, §2.4(e.1) and (e.2)).
pub const fn is_error(kind: u8) -> bool {
    kind < 128 || kind == kind::REDIRECT
}

/// An ICMPv6 message. Codes stand as they do on the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Icmpv6Message {
    /// Type 128.
    EchoRequest(Echo),
    /// Type 129.
    EchoReply(Echo),
    /// Type 1.
    DestinationUnreachable {
        /// What was unreachable.
        code: u8,
        /// The beginning of the packet that met the error.
        quote: Bytes,
    },
    /// Type 2.
    PacketTooBig {
        /// MTU of the next hop.
        mtu_octets: u32,
        /// The beginning of the packet that met the error.
        quote: Bytes,
    },
    /// Type 3.
    TimeExceeded {
        /// 0 in transit, 1 in reassembly.
        code: u8,
        /// The beginning of the packet that met the error.
        quote: Bytes,
    },
    /// Type 4.
    ParameterProblem {
        /// See [`ParameterProblemCode`](super::ipv6_chain::ParameterProblemCode).
        code: u8,
        /// Which octet of the packet was not understood; it may lie beyond the quote.
        pointer: u32,
        /// The beginning of the packet that met the error.
        quote: Bytes,
    },
    /// Any other type below 128: passed to the upper layer that it quotes (RFC 4443 §2.4(a)).
    UnknownError {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// The beginning of the packet that met the error.
        quote: Bytes,
    },
    /// Any other type from 128 on: discarded (RFC 4443 §2.4(b)).
    UnknownInformation {
        /// The type.
        kind: u8,
        /// The code.
        code: u8,
        /// What follows the first eight octets.
        rest: Bytes,
    },
}

impl Icmpv6Message {
    /// Reads and verifies `message`, which is all of the IP payload. What the message carries is
    /// shared with it, not copied.
    ///
    /// # Errors
    ///
    /// See [`IcmpRejected`].
    pub fn parse(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        message: &Bytes,
        checksum: ReceivedChecksum,
    ) -> Result<Self, IcmpRejected> {
        let Some(&[kind, code, _, _, a, b, c, d]) = message.first_chunk::<ICMP_HEADER_OCTETS>()
        else {
            return Err(IcmpRejected::Truncated {
                have_octets: message.len(),
            });
        };
        if checksum == ReceivedChecksum::Unverified {
            let mut sum =
                Sum::pseudo_header_v6(source, destination, Protocol::ICMP_V6, message.len());
            sum.add(message);
            if !sum.is_valid() {
                return Err(IcmpRejected::Checksum);
            }
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
            kind::DESTINATION_UNREACHABLE => Self::DestinationUnreachable { code, quote: rest },
            kind::PACKET_TOO_BIG => Self::PacketTooBig {
                mtu_octets: u32::from_be_bytes([a, b, c, d]),
                quote: rest,
            },
            kind::TIME_EXCEEDED => Self::TimeExceeded { code, quote: rest },
            kind::PARAMETER_PROBLEM => Self::ParameterProblem {
                code,
                pointer: u32::from_be_bytes([a, b, c, d]),
                quote: rest,
            },
            kind @ 0..128 => Self::UnknownError {
                kind,
                code,
                quote: rest,
            },
            kind => Self::UnknownInformation { kind, code, rest },
        })
    }

    /// Appends the header to `out`, with a checksum of zero; [`carried`](Self::carried) follows it.
    pub fn emit(&self, out: &mut HeaderOctets) {
        let (kind, code, word) = match self {
            Self::EchoRequest(echo) => (kind::ECHO_REQUEST, 0, echo.word()),
            Self::EchoReply(echo) => (kind::ECHO_REPLY, 0, echo.word()),
            Self::DestinationUnreachable { code, .. } => {
                (kind::DESTINATION_UNREACHABLE, *code, [0; 4])
            }
            Self::PacketTooBig { mtu_octets, .. } => {
                (kind::PACKET_TOO_BIG, 0, mtu_octets.to_be_bytes())
            }
            Self::TimeExceeded { code, .. } => (kind::TIME_EXCEEDED, *code, [0; 4]),
            Self::ParameterProblem { code, pointer, .. } => {
                (kind::PARAMETER_PROBLEM, *code, pointer.to_be_bytes())
            }
            Self::UnknownError { kind, code, .. } | Self::UnknownInformation { kind, code, .. } => {
                (*kind, *code, [0; 4])
            }
        };
        out.push(&[kind, code, 0, 0]);
        out.push(&word);
    }

    /// What the message carries behind its header: echo data, a quote, or what is unknown.
    pub const fn carried(&self) -> &Bytes {
        match self {
            Self::EchoRequest(echo) | Self::EchoReply(echo) => &echo.data,
            Self::DestinationUnreachable { quote, .. }
            | Self::PacketTooBig { quote, .. }
            | Self::TimeExceeded { quote, .. }
            | Self::ParameterProblem { quote, .. }
            | Self::UnknownError { quote, .. } => quote,
            Self::UnknownInformation { rest, .. } => rest,
        }
    }
}

#[cfg(test)]
mod tests;
