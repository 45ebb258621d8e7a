//! Packets that make sense, and how they are broken: templates of every protocol, edits, and the fixing
//! up of checksums that lets a broken packet get past the first look.
//!
//! The targets make their inputs with it from the fields of a [`Record`]. It knows nothing of the stack
//! under test.

use super::record::{Record, noise};
use super::rig::{Family, host, them, us};
use crate::packet::craft::{
    self, Ip, More, Segment, checksum, fill_checksum, icmp, icmp_protocol, mend_ipv4_checksum,
    pattern, protocol, udp,
};

/// The protocol number of IGMP (RFC 3376 §4).
pub(crate) const IGMP: u8 = 2;
/// The port of the socket that templates send to.
pub(crate) const OPEN_PORT: u16 = 5_000;
/// A port that nobody has.
pub(crate) const CLOSED_PORT: u16 = 5_001;
/// The port of the listener.
pub(crate) const LISTEN_PORT: u16 = 80;

/// The header from the peer to us, with what a record says about it.
pub(crate) fn header(record: &Record, family: Family) -> Ip {
    let mut ip = Ip::new(them(family), us(family));
    ip.identification = u32::from(record.byte(3) & 7);
    ip.hop_limit = record.pick(4, [64, 1, 255, 0, 63, 64, 64, 64]);
    ip.traffic_class = record.byte(5);
    ip.dont_fragment = record.bit(4, 7);
    match record.byte(2) % 16 {
        12 => ip.source = host(family, record.byte(6)),
        13 => ip.destination = host(family, record.byte(6)),
        14 => ip.destination = group_of(family, record.byte(6)),
        15 => std::mem::swap(&mut ip.source, &mut ip.destination),
        _ => {}
    }
    ip
}

/// A group: that of all hosts, and others.
pub(crate) fn group_of(family: Family, number: u8) -> std::net::IpAddr {
    match family {
        Family::V4 => [224, 0, 0, number.max(1)].into(),
        Family::V6 => [0xff02, 0, 0, 0, 0, 0, 0, u16::from(number.max(1))].into(),
    }
}

/// A packet that makes sense: which one is said by the octet at 1.
pub(crate) fn template(record: &Record, family: Family) -> Vec<u8> {
    let ip = header(record, family);
    let octets = usize::from(record.half(8)) % 1_400;
    let text = pattern(0, octets);
    match record.byte(1) % 10 {
        0 => ip.packet(protocol::UDP, &udp(&ip, 6_000, OPEN_PORT, &text)),
        1 => ip.packet(protocol::UDP, &udp(&ip, 6_000, CLOSED_PORT, &text)),
        2 => craft::echo_request(&ip, 1, 2, &text),
        3 => {
            let quoted = Ip::new(us(family), them(family));
            let datagram = udp(&quoted, OPEN_PORT, 6_000, &pattern(0, 64));
            let quote = quoted.packet(protocol::UDP, &datagram);
            let kind = record.pick(6, ICMP_KINDS);
            let rest = &quote[..quote.len().min(8 + octets)];
            let word = record.word(10).to_be_bytes();
            let message = icmp(&ip, kind, record.byte(7) % 8, word, rest);
            ip.packet(icmp_protocol(ip.source), &message)
        }
        4 => {
            let whole = udp(&ip, 6_000, OPEN_PORT, &pattern(0, octets + 64));
            let parts = ip.fragments(protocol::UDP, &whole, 64);
            let at = usize::from(record.byte(7)) % parts.len();
            parts[at].clone()
        }
        5 => {
            let more = if record.bit(7, 0) {
                More::Fragments
            } else {
                More::Nothing
            };
            let units = record.half(10) & 0x1fff;
            let kind = record.pick(6, [protocol::UDP, protocol::TCP, protocol::ICMP_V4, 253]);
            ip.fragment(kind, units, more, &text)
        }
        6 => ip.packet(protocol::TCP, &noise(record.word(10), octets % 80)),
        7 => ip.packet(record.byte(6), &text),
        8 => match family {
            Family::V4 => ip
                .options(&noise(record.word(10), usize::from(record.byte(6)) % 41))
                .packet(protocol::UDP, &udp(&ip_of(family), 6_000, OPEN_PORT, &text)),
            Family::V6 => ip.packet(protocol::NO_NEXT_HEADER, &text),
        },
        _ => noise(record.word(10), octets % 120),
    }
}

fn ip_of(family: Family) -> Ip {
    Ip::new(them(family), us(family))
}

/// Types of ICMP and ICMPv6 that mean something, and some that do not.
const ICMP_KINDS: [u8; 16] = [
    3, 1, 2, 4, 11, 12, 0, 5, 8, 13, 128, 129, 133, 134, 137, 200,
];

/// Values that are near an edge of something.
pub(crate) const TELLING: [u8; 16] = [
    0, 1, 2, 3, 4, 5, 7, 8, 0x0f, 0x10, 0x40, 0x7f, 0x80, 0xc0, 0xfe, 0xff,
];

/// Changes a packet as a record says: up to two octets, its length, and whether its checksums are
/// mended. The octets at 11 to 15 say how.
pub(crate) fn damage(record: &Record, packet: &mut Vec<u8>) {
    let edits = record.byte(0) >> 4;
    for edit in 0..usize::from(edits & 3) {
        if packet.is_empty() {
            return;
        }
        // The headers are where it matters.
        let at = usize::from(record.byte(12 + 2 * edit)) % packet.len().min(128);
        let value = record.byte(13 + 2 * edit);
        packet[at] = if edits & 4 == 0 {
            value
        } else {
            TELLING[usize::from(value) % TELLING.len()]
        };
    }
    if edits & 8 == 0 {
        mend(packet);
        return;
    }
    match record.byte(11) % 4 {
        0 => packet.truncate(usize::from(record.byte(12))),
        1 => packet.extend(noise(record.word(11), usize::from(record.byte(12)))),
        2 => mend(packet),
        _ => {}
    }
}

/// Where the transport header of a packet begins, its protocol, and a header with its addresses.
fn transport(packet: &[u8]) -> Option<(usize, u8, Ip)> {
    match packet.first()? >> 4 {
        4 => {
            let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
            let destination: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
            let header = usize::from(packet[0] & 15) * 4;
            let is_fragment = packet[6] & 0x3f != 0 || packet[7] != 0;
            let ip = Ip::new(source.into(), destination.into());
            (header >= 20 && !is_fragment).then_some((header, packet[9], ip))
        }
        6 => {
            let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
            let destination: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
            let ip = Ip::new(source.into(), destination.into());
            let (at, protocol) = skip_extensions(packet)?;
            Some((at, protocol, ip))
        }
        _ => None,
    }
}

/// Past the extension headers that have a length.
fn skip_extensions(packet: &[u8]) -> Option<(usize, u8)> {
    let (mut at, mut next) = (40, *packet.get(6)?);
    for _ in 0..16 {
        match next {
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION_OPTIONS => {
                next = *packet.get(at)?;
                at += 8 + 8 * usize::from(*packet.get(at + 1)?);
            }
            protocol::FRAGMENT => return None,
            _ => return Some((at, next)),
        }
    }
    None
}

/// Recomputes the checksums, and the lengths that they need, of what still looks like a packet.
pub(crate) fn mend(packet: &mut [u8]) {
    if packet.first().is_some_and(|first| first >> 4 == 4) && packet.len() >= 20 {
        mend_ipv4_checksum(packet);
    }
    let Some((at, number, ip)) = transport(packet) else {
        return;
    };
    let Some(payload) = packet.get_mut(at..) else {
        return;
    };
    let place = match number {
        protocol::TCP => 16,
        protocol::UDP => 6,
        protocol::ICMP_V4 | protocol::ICMP_V6 | IGMP => 2,
        _ => return,
    };
    if payload.len() < place + 2 {
        return;
    }
    if matches!(number, protocol::ICMP_V4 | IGMP) {
        payload[place..place + 2].copy_from_slice(&[0, 0]);
        let sum = checksum(&[payload]);
        payload[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    } else {
        fill_checksum(&ip, number, payload, place);
    }
}

/// The TCP segment in a packet, however strange its fields are; `None` if there is none.
pub(crate) fn segment_of(packet: &[u8]) -> Option<Segment> {
    let (at, number, ip) = transport(packet)?;
    let tcp = etherparse::TcpSlice::from_slice(packet.get(at..)?).ok()?;
    (number == protocol::TCP).then(|| Segment {
        ip,
        source_port: tcp.source_port(),
        destination_port: tcp.destination_port(),
        seq: tcp.sequence_number(),
        ack: tcp.acknowledgment_number(),
        flags: tcp.header_slice().get(13).copied().unwrap_or(0),
        window: tcp.window_size(),
        urgent: tcp.urgent_pointer(),
        options: tcp.options().to_vec(),
        text: tcp.payload().to_vec(),
    })
}
