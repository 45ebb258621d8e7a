//! The way down through IP: addresses, transport checksum, header, fragments (RFC 791 §3.2, RFC 8200
//! §4.5, RFC 6864).
//!
//! `ip/mod.rs` calls it for each datagram that `egress.rs` hands down. What it refuses it does not
//! count: the caller does, or tells the user. It never sends from an address that is not ours.

use alloc::collections::VecDeque;
use core::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;

use super::{Ip, Way, fragment};
use crate::call::CallRefused;
use crate::context::Context;
use crate::wire::checksum::Sum;
use crate::wire::ipv4::{IPV4_HEADER_OCTETS, Ipv4Header};
use crate::wire::ipv6::{IPV6_HEADER_OCTETS, Ipv6Header};
use crate::wire::packet::{
    Fragmentation, HeaderOctets, Offload, OutPacket, Outgoing, PartialChecksum, Text,
};
use crate::wire::protocol::Protocol;

/// The MTU of the way to ourselves: the longest IPv4 packet.
pub(crate) const LOOPBACK_MTU_OCTETS: u16 = 65_535;
/// The longest IPv4 packet, and the longest payload of an IPv6 packet.
const LENGTH_OCTETS_MAX: usize = 65_535;

/// Packets with the way that each of them goes.
pub(crate) type Packets = VecDeque<(Way, OutPacket)>;

pub(crate) fn emit(
    ip: &mut Ip,
    cx: &mut Context<'_>,
    mut outgoing: Outgoing,
    offload: Offload,
    out: &mut Packets,
) -> Result<(), CallRefused> {
    let way = check_addresses(ip, &outgoing)?;
    // RFC 1122 §3.2.1.7: a host never sends a packet that is dead already.
    outgoing.hop_limit = outgoing.hop_limit.max(1);
    borrow_checksum_field(&mut outgoing);
    let mtu_octets = usize::from(match way {
        Way::Loopback => LOOPBACK_MTU_OCTETS,
        Way::Device => ip
            .path_mtus
            .get(outgoing.destination, ip.interface.mtu_octets()),
    });
    let ip_header_octets = header_octets(outgoing.destination);
    let transport_octets = outgoing.header.as_slice().len() + outgoing.text.octets();
    let longest = match outgoing.destination {
        IpAddr::V4(_) => LENGTH_OCTETS_MAX - ip_header_octets,
        IpAddr::V6(_) => LENGTH_OCTETS_MAX,
    };
    if transport_octets > longest {
        return Err(CallRefused::MessageTooLong);
    }
    if outgoing
        .segment_octets
        .is_some_and(|segment| usize::from(segment) >= outgoing.text.octets())
    {
        // One segment is no superpacket.
        outgoing.segment_octets = None;
    }
    let one_packet_octets = match outgoing.segment_octets {
        Some(segment) => outgoing.header.as_slice().len() + usize::from(segment),
        None => transport_octets,
    };
    if ip_header_octets + one_packet_octets <= mtu_octets {
        let finish = match way {
            // A packet to ourselves is vouched for; nobody will look at its checksum.
            Way::Loopback => Finish::ByReceiver,
            Way::Device if offload.partial_checksum => Finish::ByReceiver,
            Way::Device => Finish::Here,
        };
        emit_one(ip, cx, outgoing, finish, way, out);
        return Ok(());
    }
    match outgoing.fragmentation {
        Fragmentation::Allowed if outgoing.segment_octets.is_none() => {
            emit_fragments(ip, cx, outgoing, mtu_octets, way, out)
        }
        Fragmentation::Allowed | Fragmentation::Forbidden => Err(CallRefused::MessageTooLong),
    }
}

/// RFC 1122 §3.2.1.3, §3.3.4.2: the source is one of our addresses, and a loopback address stays
/// inside.
fn check_addresses(ip: &Ip, outgoing: &Outgoing) -> Result<Way, CallRefused> {
    let Outgoing {
        source,
        destination,
        ..
    } = *outgoing;
    if source.is_ipv4() != destination.is_ipv4() {
        return Err(CallRefused::FamilyMismatch);
    }
    // RFC 3810 §5.2.13: who has no address yet says so to the routers of the link with `::`.
    let has_none = source == IpAddr::V6(Ipv6Addr::UNSPECIFIED)
        && outgoing.protocol == Protocol::HOP_BY_HOP
        && destination.is_multicast();
    let is_ours = ip.interface.is_ours(source) || ip.interface.stands_in_for(source);
    if !is_ours && !has_none {
        return Err(CallRefused::AddressNotOurs);
    }
    if ip.interface.is_ours(destination) {
        return Ok(Way::Loopback);
    }
    if source.is_loopback() {
        return Err(CallRefused::AddressNotOurs);
    }
    if destination.is_unspecified() {
        return Err(CallRefused::NoRoute);
    }
    Ok(Way::Device)
}

const fn header_octets(destination: IpAddr) -> usize {
    match destination {
        IpAddr::V4(_) => IPV4_HEADER_OCTETS,
        IpAddr::V6(_) => IPV6_HEADER_OCTETS,
    }
}

/// A raw ICMPv6 message comes as text alone; its first octets move to the header, because its
/// checksum is ours to fill in (RFC 3542 §3.1).
fn borrow_checksum_field(outgoing: &mut Outgoing) {
    const FIELD_END: usize = 4;
    if outgoing.protocol != Protocol::ICMP_V6
        || !outgoing.header.as_slice().is_empty()
        || outgoing.text.octets() < FIELD_END
    {
        return;
    }
    let mut octets = [0; FIELD_END];
    for (octet, from) in octets
        .iter_mut()
        .zip(outgoing.text.slices().flat_map(|slice| slice.iter()))
    {
        *octet = *from;
    }
    let [kind, code, _, _] = octets;
    outgoing.header.push(&[kind, code, 0, 0]);
    outgoing.text = outgoing.text.slice(FIELD_END, usize::MAX);
}

/// Who finishes the transport checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Finish {
    /// We do.
    Here,
    /// The device, or nobody at all.
    ByReceiver,
}

/// Where the checksum is in a transport header, and who may finish it.
fn checksum_field(outgoing: &Outgoing) -> Option<usize> {
    let field = match outgoing.protocol {
        Protocol::TCP => 16,
        Protocol::UDP => 6,
        Protocol::ICMP_V4 | Protocol::ICMP_V6 => 2,
        _ => return None,
    };
    // A raw socket's payload has no header of ours, and brings its own checksum.
    (outgoing.header.as_slice().len() >= field + 2).then_some(field)
}

/// Fills the transport checksum in, whole or partial; the offset of its field if partial.
fn fill_checksum(outgoing: &mut Outgoing, finish: Finish) -> Option<usize> {
    let field = checksum_field(outgoing)?;
    let octets = outgoing.header.as_slice().len() + outgoing.text.octets();
    let protocol = outgoing.protocol;
    let mut sum = match protocol {
        Protocol::ICMP_V4 => Sum::new(),
        _ => Sum::pseudo_header(outgoing.source, outgoing.destination, protocol, octets),
    };
    let by_receiver =
        finish == Finish::ByReceiver && matches!(protocol, Protocol::TCP | Protocol::UDP);
    let checksum = if by_receiver {
        sum.partial()
    } else {
        sum.add(outgoing.header.as_slice());
        for slice in outgoing.text.slices() {
            sum.add(slice);
        }
        match sum.checksum() {
            // RFC 768, RFC 8200 §8.1: zero would mean that there is none.
            0 if protocol == Protocol::UDP => 0xffff,
            checksum => checksum,
        }
    };
    if let Some(room) = outgoing.header.as_mut_slice().get_mut(field..field + 2) {
        room.copy_from_slice(&checksum.to_be_bytes());
    }
    by_receiver.then_some(field)
}

/// A packet, or a superpacket, that needs no fragments.
fn emit_one(
    ip: &mut Ip,
    cx: &mut Context<'_>,
    mut outgoing: Outgoing,
    finish: Finish,
    way: Way,
    out: &mut Packets,
) {
    let partial = fill_checksum(&mut outgoing, finish);
    let mut header = HeaderOctets::new();
    let payload_octets = outgoing.header.as_slice().len() + outgoing.text.octets();
    match ip_header(&outgoing) {
        Some(IpHeader::V4(fields)) => {
            // RFC 6864 §4.1: an atomic datagram needs no identification. One that routers may
            // fragment has its own; if those are used up it goes as an atomic one.
            let identification = match outgoing.fragmentation {
                Fragmentation::Allowed if outgoing.segment_octets.is_none() => {
                    next_identification_v4(ip, cx, &outgoing)
                }
                Fragmentation::Allowed | Fragmentation::Forbidden => None,
            };
            let fields = Ipv4Header {
                identification: identification.unwrap_or(0),
                dont_fragment: identification.is_none(),
                ..fields
            };
            match outgoing.protocol {
                // RFC 3376 §4: routers that have no interest of their own look at it.
                Protocol::IGMP => fields.emit_with_router_alert(payload_octets, &mut header),
                _ => fields.emit(payload_octets, &mut header),
            }
        }
        Some(IpHeader::V6(fields)) => fields.emit(payload_octets, &mut header),
        None => return,
    }
    let start = header.as_slice().len() as u16;
    header.push(outgoing.header.as_slice());
    let packet = OutPacket {
        header,
        text: outgoing.text,
        partial_checksum: partial.map(|field| PartialChecksum {
            start,
            offset: field as u16,
        }),
        segment_octets: outgoing.segment_octets,
        cause: Some(outgoing.cause),
    };
    out.push_back((way, packet));
}

/// A datagram in pieces of up to `mtu_octets`; the transport checksum covers it whole.
fn emit_fragments(
    ip: &mut Ip,
    cx: &mut Context<'_>,
    mut outgoing: Outgoing,
    mtu_octets: usize,
    way: Way,
    out: &mut Packets,
) -> Result<(), CallRefused> {
    let cause = outgoing.cause;
    fill_checksum(&mut outgoing, Finish::Here);
    let mut payload = Text::from(Bytes::copy_from_slice(outgoing.header.as_slice()));
    for slice in outgoing.text.slices() {
        payload.push(slice.clone());
    }
    match ip_header(&outgoing) {
        Some(IpHeader::V4(fields)) => {
            // RFC 6864 §4.3: rather none than one that is still on its way.
            let identification =
                next_identification_v4(ip, cx, &outgoing).ok_or(CallRefused::LimitReached)?;
            let pieces = fragment::pieces_v4(fields, identification, payload, mtu_octets, cause);
            out.extend(pieces.map(|packet| (way, packet)));
        }
        Some(IpHeader::V6(fields)) => {
            let identification = ip.identifications.next_v6(
                outgoing.source,
                outgoing.destination,
                outgoing.protocol,
            );
            let pieces = fragment::pieces_v6(fields, identification, payload, mtu_octets, cause);
            out.extend(pieces.map(|packet| (way, packet)));
        }
        None => return Err(CallRefused::FamilyMismatch),
    }
    Ok(())
}

fn next_identification_v4(ip: &mut Ip, cx: &Context<'_>, outgoing: &Outgoing) -> Option<u16> {
    ip.identifications.next_v4(
        outgoing.source,
        outgoing.destination,
        outgoing.protocol,
        cx.now,
    )
}

/// The header of an atomic packet of either family.
enum IpHeader {
    V4(Ipv4Header),
    V6(Ipv6Header),
}

/// `None` if the addresses are of different families.
fn ip_header(outgoing: &Outgoing) -> Option<IpHeader> {
    match (outgoing.source, outgoing.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => Some(IpHeader::V4(Ipv4Header {
            source,
            destination,
            protocol: outgoing.protocol,
            hop_limit: outgoing.hop_limit,
            traffic_class: outgoing.traffic_class,
            identification: 0,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset_octets: 0,
        })),
        (IpAddr::V6(source), IpAddr::V6(destination)) => Some(IpHeader::V6(Ipv6Header {
            source,
            destination,
            next_header: outgoing.protocol,
            hop_limit: outgoing.hop_limit,
            traffic_class: outgoing.traffic_class,
            flow_label: 0,
        })),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}
