//! ICMP messages that arrive (RFC 792, RFC 1122 §3.2.2, RFC 4443 §2.4 and §4).
//!
//! `icmp/mod.rs` calls it for each ICMP datagram. Echo requests to us alone are answered; errors are
//! put into the words of [`PathError`] if their quote could be ours; everything else is counted and
//! gone.

use core::net::IpAddr;

use bytes::Bytes;

use super::{Input, quote};
use crate::context::Context;
use crate::discard::Discard;
use crate::wire::cause::Cause;
use crate::wire::icmpv4::{Echo, IcmpRejected, Icmpv4Message, unreachable};
use crate::wire::icmpv6::Icmpv6Message;
use crate::wire::membership::mld;
use crate::wire::packet::{Cast, Datagram, Fragmentation, HeaderOctets, Outgoing, Text};
use crate::wire::path_error::{PathError, PathErrorKind, Unreachable};
use crate::wire::protocol::{Ecn, Protocol, TrafficClass};

/// ICMPv6's redirect (RFC 4861 §4.5).
const V6_REDIRECT: u8 = 137;

/// What a message says.
enum Meaning {
    EchoRequest(Echo),
    EchoReply,
    Membership,
    Error { kind: PathErrorKind, quote: Bytes },
    Useless(Discard),
}

pub(super) fn datagram_arrives(
    cx: &mut Context<'_>,
    datagram: &Datagram,
    is_ours: impl Fn(IpAddr) -> bool,
) -> Input {
    let meaning = match (datagram.source, datagram.destination, datagram.protocol) {
        (IpAddr::V4(_), IpAddr::V4(_), Protocol::ICMP_V4) => {
            Icmpv4Message::parse(&datagram.payload, datagram.checksum).map(meaning_v4)
        }
        (IpAddr::V6(source), IpAddr::V6(destination), Protocol::ICMP_V6) => {
            Icmpv6Message::parse(source, destination, &datagram.payload, datagram.checksum)
                .map(meaning_v6)
        }
        // ICMP of the other family (RFC 4443 §1 has its own number) says nothing to anybody.
        _ => Ok(Meaning::Useless(Discard::IcmpUnknown)),
    };
    let meaning = meaning.unwrap_or_else(|rejected| {
        Meaning::Useless(match rejected {
            IcmpRejected::Truncated { .. } => Discard::IcmpTruncated,
            IcmpRejected::Checksum => Discard::IcmpChecksum,
        })
    });
    match meaning {
        Meaning::EchoRequest(_) if datagram.cast != Cast::Unicast => {
            discard(cx, Discard::IcmpEchoToGroup)
        }
        Meaning::EchoRequest(echo) => Input::Reply(echo_reply(cx, datagram, echo)),
        Meaning::EchoReply => Input::ForRawSockets,
        Meaning::Membership => Input::Membership,
        Meaning::Error { kind, quote } => {
            let headers_max = cx.config.extension_headers_max as usize;
            match quote::parse(&quote, datagram.destination, headers_max, is_ours) {
                Some(quote) => Input::PathError(PathError {
                    reporter: datagram.source,
                    kind,
                    quote,
                }),
                None => discard(cx, Discard::IcmpQuote),
            }
        }
        Meaning::Useless(reason) => discard(cx, reason),
    }
}

fn discard(cx: &mut Context<'_>, reason: Discard) -> Input {
    cx.discard(reason);
    Input::Nothing
}

/// The same data back, from the address that was asked (RFC 1122 §3.2.2.6, RFC 4443 §4.2). A source
/// route or routing header is not reversed, because none was followed.
fn echo_reply(cx: &Context<'_>, datagram: &Datagram, echo: Echo) -> Outgoing {
    let mut header = HeaderOctets::new();
    let text = Text::from(echo.data.clone());
    match datagram.destination {
        IpAddr::V4(_) => Icmpv4Message::EchoReply(echo).emit(&mut header),
        IpAddr::V6(_) => Icmpv6Message::EchoReply(echo).emit(&mut header),
    }
    Outgoing {
        source: datagram.destination,
        destination: datagram.source,
        protocol: datagram.protocol,
        hop_limit: cx.config.hop_limit as u8,
        // RFC 1122 §3.2.2.6: the same type of service; ECN is for transports that react to it.
        traffic_class: TrafficClass::new(datagram.traffic_class.dscp(), Ecn::NotCapable),
        fragmentation: Fragmentation::Allowed,
        header,
        text,
        segment_octets: None,
        cause: Cause::EchoReply,
    }
}

fn meaning_v4(message: Icmpv4Message) -> Meaning {
    match message {
        Icmpv4Message::EchoRequest(echo) => Meaning::EchoRequest(echo),
        Icmpv4Message::EchoReply(_) => Meaning::EchoReply,
        Icmpv4Message::DestinationUnreachable {
            code,
            next_hop_mtu_octets,
            quote,
        } => error(unreachable_v4(code, next_hop_mtu_octets), quote),
        Icmpv4Message::TimeExceeded { code, quote } => error(time_exceeded(code), quote),
        Icmpv4Message::ParameterProblem { quote, .. } => {
            error(Some(PathErrorKind::Parameter), quote)
        }
        Icmpv4Message::SourceQuench { .. } => Meaning::Useless(Discard::IcmpSourceQuench),
        Icmpv4Message::Redirect { .. } => Meaning::Useless(Discard::IcmpRedirect),
        Icmpv4Message::Unknown { .. } => Meaning::Useless(Discard::IcmpUnknown),
    }
}

fn meaning_v6(message: Icmpv6Message) -> Meaning {
    match message {
        Icmpv6Message::EchoRequest(echo) => Meaning::EchoRequest(echo),
        Icmpv6Message::EchoReply(_) => Meaning::EchoReply,
        Icmpv6Message::DestinationUnreachable { code, quote } => error(unreachable_v6(code), quote),
        Icmpv6Message::PacketTooBig { mtu_octets, quote } => {
            error(Some(PathErrorKind::TooBig { mtu_octets }), quote)
        }
        Icmpv6Message::TimeExceeded { code, quote } => error(time_exceeded(code), quote),
        Icmpv6Message::ParameterProblem { quote, .. } => {
            error(Some(PathErrorKind::Parameter), quote)
        }
        // RFC 4443 §2.4(a): an unknown error still goes to whom it is about.
        Icmpv6Message::UnknownError { quote, .. } => error(Some(PathErrorKind::UnknownType), quote),
        Icmpv6Message::UnknownInformation {
            kind: V6_REDIRECT, ..
        } => Meaning::Useless(Discard::IcmpRedirect),
        Icmpv6Message::UnknownInformation {
            kind: mld::QUERY | mld::REPORT_V1 | mld::DONE | mld::REPORT_V2,
            ..
        } => Meaning::Membership,
        Icmpv6Message::UnknownInformation { .. } => Meaning::Useless(Discard::IcmpUnknown),
    }
}

fn error(kind: Option<PathErrorKind>, quote: Bytes) -> Meaning {
    match kind {
        Some(kind) => Meaning::Error { kind, quote },
        None => Meaning::Useless(Discard::IcmpUnknown),
    }
}

/// RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1; `None` for a code that nobody has defined.
fn unreachable_v4(code: u8, next_hop_mtu_octets: u16) -> Option<PathErrorKind> {
    let why = match code {
        unreachable::FRAGMENTATION_NEEDED => {
            return Some(PathErrorKind::TooBig {
                mtu_octets: u32::from(next_hop_mtu_octets),
            });
        }
        0 | 6 | 11 => Unreachable::Network,
        1 | 7 | 8 | 12 => Unreachable::Host,
        unreachable::PROTOCOL => Unreachable::Protocol,
        unreachable::PORT => Unreachable::Port,
        5 => Unreachable::SourceRouteFailed,
        9 | 10 | 13..=15 => Unreachable::Prohibited,
        16.. => return None,
    };
    Some(PathErrorKind::Unreachable(why))
}

/// RFC 4443 §3.1; a code that is not defined there is still an error of type 1.
fn unreachable_v6(code: u8) -> Option<PathErrorKind> {
    let why = match code {
        0 => Unreachable::Network,
        1 | 5 | 6 => Unreachable::Prohibited,
        2 | 3 => Unreachable::Host,
        4 => Unreachable::Port,
        7 => Unreachable::SourceRouteFailed,
        8.. => return Some(PathErrorKind::UnknownType),
    };
    Some(PathErrorKind::Unreachable(why))
}

const fn time_exceeded(code: u8) -> Option<PathErrorKind> {
    match code {
        0 => Some(PathErrorKind::HopLimit),
        1 => Some(PathErrorKind::Reassembly),
        2.. => None,
    }
}
