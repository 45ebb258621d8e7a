//! ICMP errors that we send (RFC 792, RFC 1122 §3.2.2, RFC 4443 §2.4 and §3).
//!
//! `icmp/mod.rs` calls it with what IP or a transport could not use. First it asks whether an error may
//! be sent at all, and answers no when in doubt; then the limiter. It quotes as much as the family
//! allows, unchanged, and copies it: a quote must not pin a large frame.

use core::net::IpAddr;

use bytes::Bytes;

use super::limiter::Limiter;
use super::quote::{Anatomy, Fragment};
use crate::context::Context;
use crate::discard::Discard;
use crate::wire::cause::Cause;
use crate::wire::icmpv4::{self, ICMP_HEADER_OCTETS, Icmpv4Message, unreachable};
use crate::wire::icmpv6::{self, Icmpv6Message};
use crate::wire::ipv4::IPV4_HEADER_OCTETS;
use crate::wire::ipv6::IPV6_HEADER_OCTETS;
use crate::wire::ipv6_chain::{ParameterProblemCode, ToGroup};
use crate::wire::packet::{Cast, Fragmentation, HeaderOctets, Outgoing, Text};
use crate::wire::protocol::{Protocol, TrafficClass};
use crate::wire::report::{Problem, Report};

/// The longest ICMPv4 error, IP header included (RFC 1812 §4.3.2.3).
const V4_ERROR_OCTETS_MAX: usize = 576;
/// The longest ICMPv6 error, IP header included: the least IPv6 MTU (RFC 4443 §2.4(c)).
const V6_ERROR_OCTETS_MAX: usize = 1_280;

pub(super) fn report(
    limiter: &mut Limiter,
    cx: &mut Context<'_>,
    report: &Report,
    source: IpAddr,
) -> Option<Outgoing> {
    if source.is_ipv4() != report.source.is_ipv4() || !may_be_reported(cx, report) {
        return None;
    }
    let mut header = HeaderOctets::new();
    let (protocol, quote) = match report.source {
        IpAddr::V4(_) => (Protocol::ICMP_V4, emit_v4(report, &mut header)?),
        IpAddr::V6(_) => (Protocol::ICMP_V6, emit_v6(report, &mut header)),
    };
    if !limiter.allow(cx, report.source) {
        cx.discard(Discard::IcmpRateLimited);
        return None;
    }
    Some(Outgoing {
        source,
        destination: report.source,
        protocol,
        hop_limit: cx.config.hop_limit as u8,
        traffic_class: TrafficClass::default(),
        fragmentation: Fragmentation::Allowed,
        header,
        text: Text::from(quote),
        segment_octets: None,
        cause: match report.problem {
            Problem::ProtocolUnknown { .. } => Cause::ProtocolUnknown,
            Problem::PortUnreachable => Cause::PortUnreachable,
            Problem::Parameter(_) => Cause::ParameterProblem,
            Problem::ReassemblyTimeout => Cause::ReassemblyTimeout,
        },
    })
}

/// RFC 1122 §3.2.2 and RFC 4443 §2.4(e): about which packets no error is ever sent.
fn may_be_reported(cx: &Context<'_>, report: &Report) -> bool {
    if report.source.is_unspecified() || report.source.is_multicast() {
        return false;
    }
    let despite_group = match report.problem {
        Problem::Parameter(problem) => problem.to_group == ToGroup::Replied,
        Problem::ProtocolUnknown { .. } | Problem::PortUnreachable | Problem::ReassemblyTimeout => {
            false
        }
    };
    if report.cast != Cast::Unicast && !despite_group {
        return false;
    }
    let headers_max = cx.config.extension_headers_max as usize;
    match Anatomy::of(&report.packet, headers_max) {
        Some(anatomy) => {
            // RFC 8200 §4.5 has some later fragments reported; RFC 1122 §3.2.2 has none.
            let is_later = anatomy.fragment == Fragment::Later && report.source.is_ipv4();
            !is_later && !anatomy.is_icmp_error(&report.packet)
        }
        // Its chain of headers is broken before it says what it carries; that is what is reported.
        None => matches!(report.problem, Problem::Parameter(_)),
    }
}

/// Appends the header, and says what is quoted. `None`: ICMPv4 has no words for the problem.
fn emit_v4(report: &Report, header: &mut HeaderOctets) -> Option<Bytes> {
    let quote = quote(report, V4_ERROR_OCTETS_MAX - IPV4_HEADER_OCTETS);
    let message = match report.problem {
        Problem::ProtocolUnknown { .. } => Icmpv4Message::DestinationUnreachable {
            code: unreachable::PROTOCOL,
            next_hop_mtu_octets: 0,
            quote,
        },
        Problem::PortUnreachable => Icmpv4Message::DestinationUnreachable {
            code: unreachable::PORT,
            next_hop_mtu_octets: 0,
            quote,
        },
        Problem::ReassemblyTimeout => Icmpv4Message::TimeExceeded {
            code: icmpv4::TIME_EXCEEDED_REASSEMBLY,
            quote,
        },
        Problem::Parameter(_) => return None,
    };
    message.emit(header);
    Some(message.carried().clone())
}

fn emit_v6(report: &Report, header: &mut HeaderOctets) -> Bytes {
    let quote = quote(report, V6_ERROR_OCTETS_MAX - IPV6_HEADER_OCTETS);
    let message = match report.problem {
        Problem::ProtocolUnknown { pointer } => Icmpv6Message::ParameterProblem {
            code: ParameterProblemCode::UnknownNextHeader.code(),
            pointer: u32::from(pointer),
            quote,
        },
        Problem::PortUnreachable => Icmpv6Message::DestinationUnreachable {
            code: icmpv6::UNREACHABLE_PORT,
            quote,
        },
        Problem::Parameter(problem) => Icmpv6Message::ParameterProblem {
            code: problem.code.code(),
            pointer: u32::from(problem.pointer),
            quote,
        },
        Problem::ReassemblyTimeout => Icmpv6Message::TimeExceeded {
            code: icmpv6::TIME_EXCEEDED_REASSEMBLY,
            quote,
        },
    };
    message.emit(header);
    message.carried().clone()
}

/// The beginning of the packet, in an error message of up to `message_octets_max`.
fn quote(report: &Report, message_octets_max: usize) -> Bytes {
    let octets = report
        .packet
        .len()
        .min(message_octets_max - ICMP_HEADER_OCTETS);
    Bytes::copy_from_slice(report.packet.get(..octets).unwrap_or_default())
}
