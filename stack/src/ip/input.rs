//! The way up through IP: is the packet valid, is it for us, is it whole? (RFC 791 §3, RFC 1122 §3.2.1,
//! RFC 8200 §3 and §4)
//!
//! `ip/mod.rs` calls it for each packet that `ingress.rs` brings. What fails is counted once, and told
//! to the sender only where an RFC has us tell. It never forwards, never follows a source route and
//! never opens a tunnel: protocol numbers are for others to know.

use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;

use super::reassembly::{Fragment, Head, Key, Outcome, Position, Whole};
use super::{Arrival, Input, Ip, host_model};
use crate::context::Context;
use crate::discard::Discard;
use crate::wire::ipv4::{IPV4_PROTOCOL_POINTER, Ipv4Header, Ipv4Rejected, ParsedIpv4};
use crate::wire::ipv6::{IPV6_HEADER_OCTETS, Ipv6Header, Ipv6Rejected};
use crate::wire::ipv6_chain::{Chain, ChainFault, ChainFragment, ChainRejected};
use crate::wire::packet::{Cast, Datagram, Packet, ReceivedChecksum};
use crate::wire::protocol::Protocol;
use crate::wire::report::{Problem, Report};

pub(crate) fn packet_arrives(
    ip: &mut Ip,
    cx: &mut Context<'_>,
    packet: Packet,
    arrival: Arrival,
) -> Input {
    match packet.octets.first().map(|octet| octet >> 4) {
        Some(4) => v4_arrives(ip, cx, packet, arrival),
        Some(6) => v6_arrives(ip, cx, packet, arrival),
        Some(_) => discard(cx, Discard::IpVersion),
        None => discard(cx, Discard::IpTruncated),
    }
}

fn discard(cx: &mut Context<'_>, reason: Discard) -> Input {
    cx.discard(reason);
    Input::Nothing
}

fn v4_arrives(ip: &mut Ip, cx: &mut Context<'_>, packet: Packet, arrival: Arrival) -> Input {
    let parsed = match Ipv4Header::parse(&packet.octets) {
        Ok(parsed) => parsed,
        Err(rejected) => return discard(cx, reason_v4(rejected)),
    };
    let header = parsed.header;
    let (source, destination) = (IpAddr::V4(header.source), IpAddr::V4(header.destination));
    let cast = match host_model::admit(&ip.interface, arrival, source, destination) {
        Ok(cast) => cast,
        Err(reason) => return discard(cx, reason),
    };
    // RFC 1122 §3.2.1.8: what follows the total length is link padding.
    let octets = packet.octets.slice(..parsed.total_octets);
    if parsed.is_fragment() {
        return fragment_v4(ip, cx, &parsed, octets, cast);
    }
    Input::Deliver(Datagram {
        source,
        destination,
        cast,
        protocol: header.protocol,
        hop_limit: header.hop_limit,
        traffic_class: header.traffic_class,
        payload: octets.slice(parsed.header_octets..),
        packet: octets,
        checksum: packet.checksum,
        segment_octets: packet.segment_octets,
        protocol_pointer: IPV4_PROTOCOL_POINTER,
    })
}

const fn reason_v4(rejected: Ipv4Rejected) -> Discard {
    match rejected {
        Ipv4Rejected::Version { .. } => Discard::IpVersion,
        Ipv4Rejected::Truncated { .. } => Discard::IpTruncated,
        Ipv4Rejected::HeaderLength { .. } | Ipv4Rejected::TotalLength { .. } => Discard::IpLength,
        Ipv4Rejected::Checksum => Discard::Ipv4Checksum,
        Ipv4Rejected::Option { .. } => Discard::Ipv4Option,
        Ipv4Rejected::SourceRoute { .. } => Discard::SourceRoute,
    }
}

fn fragment_v4(
    ip: &mut Ip,
    cx: &mut Context<'_>,
    parsed: &ParsedIpv4,
    octets: Bytes,
    cast: Cast,
) -> Input {
    let header = parsed.header;
    let key = Key {
        source: header.source.into(),
        destination: header.destination.into(),
        protocol: Some(header.protocol),
        identification: u32::from(header.identification),
    };
    let fragment = Fragment {
        key,
        cast,
        position: position(header.more_fragments),
        offset: usize::from(header.fragment_offset_octets),
        packet: octets,
        payload_at: parsed.header_octets,
        counted_header_octets: parsed.header_octets,
        head: Head {
            protocol: header.protocol,
            protocol_pointer: IPV4_PROTOCOL_POINTER,
            hop_limit: header.hop_limit,
            traffic_class: header.traffic_class,
            kept_octets: 0,
        },
    };
    match ip.reassembly.fragment_arrives(cx, &fragment) {
        Outcome::Taken => Input::Nothing,
        Outcome::Whole(whole) => Input::Deliver(Datagram {
            source: key.source,
            destination: key.destination,
            cast,
            protocol: whole.head.protocol,
            hop_limit: whole.head.hop_limit,
            traffic_class: whole.head.traffic_class,
            payload: Bytes::from(whole.octets),
            packet: whole.first,
            checksum: ReceivedChecksum::Unverified,
            segment_octets: None,
            protocol_pointer: whole.head.protocol_pointer,
        }),
    }
}

const fn position(more: bool) -> Position {
    if more { Position::More } else { Position::Last }
}

fn v6_arrives(ip: &mut Ip, cx: &mut Context<'_>, packet: Packet, arrival: Arrival) -> Input {
    let parsed = match Ipv6Header::parse(&packet.octets) {
        Ok(parsed) => parsed,
        Err(rejected) => return discard(cx, reason_v6(rejected)),
    };
    let header = parsed.header;
    let (source, destination) = (IpAddr::V6(header.source), IpAddr::V6(header.destination));
    let cast = match host_model::admit(&ip.interface, arrival, source, destination) {
        Ok(cast) => cast,
        Err(reason) => return discard(cx, reason),
    };
    let octets = packet.octets.slice(..parsed.total_octets);
    let chain = match walk(cx, &octets, &header, cast) {
        Ok(chain) => chain,
        Err(input) => return input,
    };
    match chain.fragment {
        Some(fragment) if !fragment.header.is_atomic() => {
            fragment_v6(ip, cx, &header, &chain, &fragment, octets, cast)
        }
        // RFC 6946 §4: an atomic fragment is whole, whatever else has its identification.
        Some(_) | None => deliver_v6(cx, &header, &chain, Packet { octets, ..packet }, cast),
    }
}

const fn reason_v6(rejected: Ipv6Rejected) -> Discard {
    match rejected {
        Ipv6Rejected::Version { .. } => Discard::IpVersion,
        Ipv6Rejected::Truncated { .. } => Discard::IpTruncated,
        Ipv6Rejected::NoPayload => Discard::Jumbogram,
        Ipv6Rejected::PayloadLength { .. } => Discard::IpLength,
    }
}

/// The walk over the extension headers; a packet that goes no further is counted, and reported if
/// RFC 8200 says so.
fn walk(
    cx: &mut Context<'_>,
    octets: &Bytes,
    header: &Ipv6Header,
    cast: Cast,
) -> Result<Chain, Input> {
    let headers_max = cx.config.extension_headers_max as usize;
    Chain::walk(octets, header, headers_max).map_err(|ChainRejected { fault, reply }| {
        cx.discard(reason_chain(fault));
        match reply {
            None => Input::Nothing,
            Some(problem) => Input::Problem(Report {
                problem: Problem::Parameter(problem),
                source: header.source.into(),
                destination: header.destination.into(),
                cast,
                packet: octets.clone(),
            }),
        }
    })
}

const fn reason_chain(fault: ChainFault) -> Discard {
    match fault {
        ChainFault::Extension => Discard::Ipv6Extension,
        ChainFault::UnknownOption => Discard::Ipv6OptionUnknown,
        ChainFault::Jumbo => Discard::Jumbogram,
        ChainFault::RoutingHeader => Discard::RoutingHeader,
        ChainFault::FragmentLength => Discard::FragmentMalformed,
        ChainFault::FragmentTooLong => Discard::FragmentTooLong,
        ChainFault::IncompleteFirstFragment => Discard::FragmentTiny,
    }
}

fn fragment_v6(
    ip: &mut Ip,
    cx: &mut Context<'_>,
    header: &Ipv6Header,
    chain: &Chain,
    fragment: &ChainFragment,
    octets: Bytes,
    cast: Cast,
) -> Input {
    let fragment = Fragment {
        key: Key {
            source: header.source.into(),
            destination: header.destination.into(),
            protocol: None,
            identification: fragment.header.identification,
        },
        cast,
        position: position(fragment.header.more),
        offset: usize::from(fragment.header.offset_octets),
        packet: octets,
        payload_at: chain.payload_offset,
        counted_header_octets: fragment.header_offset - IPV6_HEADER_OCTETS,
        head: Head {
            protocol: chain.protocol,
            protocol_pointer: fragment.next_header_pointer,
            hop_limit: header.hop_limit,
            traffic_class: header.traffic_class,
            kept_octets: fragment.header_offset,
        },
    };
    match ip.reassembly.fragment_arrives(cx, &fragment) {
        Outcome::Taken => Input::Nothing,
        Outcome::Whole(whole) => whole_v6(cx, whole, cast),
    }
}

/// RFC 8200 §4.5: the fragment header is gone, the header in front of it names what followed, and the
/// payload length is that of the whole. Then the rest of the chain is walked.
fn whole_v6(cx: &mut Context<'_>, whole: Whole, cast: Cast) -> Input {
    let head = whole.head;
    let mut octets: Vec<u8> = whole.octets;
    let payload_octets = u16::try_from(octets.len().saturating_sub(IPV6_HEADER_OCTETS));
    if let (Some(length), Ok(payload_octets)) = (octets.get_mut(4..6), payload_octets) {
        length.copy_from_slice(&payload_octets.to_be_bytes());
    }
    if let Some(next_header) = octets.get_mut(usize::from(head.protocol_pointer)) {
        *next_header = head.protocol.0;
    }
    let octets = Bytes::from(octets);
    let mut header = match Ipv6Header::parse(&octets) {
        Ok(parsed) => parsed.header,
        Err(rejected) => return discard(cx, reason_v6(rejected)),
    };
    header.traffic_class = head.traffic_class;
    match walk(cx, &octets, &header, cast) {
        Ok(chain) => deliver_v6(cx, &header, &chain, Packet::new(octets), cast),
        Err(input) => input,
    }
}

/// Hands up what the chain ends in. `packet` ends where its payload length says.
fn deliver_v6(
    cx: &mut Context<'_>,
    header: &Ipv6Header,
    chain: &Chain,
    packet: Packet,
    cast: Cast,
) -> Input {
    if chain.protocol == Protocol::NO_NEXT_HEADER {
        return discard(cx, Discard::NoNextHeader);
    }
    Input::Deliver(Datagram {
        source: header.source.into(),
        destination: header.destination.into(),
        cast,
        protocol: chain.protocol,
        hop_limit: header.hop_limit,
        traffic_class: header.traffic_class,
        payload: packet.octets.slice(chain.payload_offset..),
        packet: packet.octets,
        checksum: packet.checksum,
        segment_octets: packet.segment_octets,
        protocol_pointer: chain.protocol_pointer,
    })
}
