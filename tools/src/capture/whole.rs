//! Packets as they are on a wire, from packets that a device has yet to finish.
//!
//! A device that offloads is given superpackets and unfinished checksums, and gives such packets
//! itself. A capture holds what others would see: superpackets are cut as TSO and USO do it, and
//! every checksum that was left to the device is filled in. A checksum that somebody else got wrong
//! stays wrong. Nothing here is sent.

use sidestep_stack::wire::checksum::Sum;
use sidestep_stack::wire::flow::{Flow, Fragment};
use sidestep_stack::wire::packet::ReceivedChecksum;
use sidestep_stack::wire::protocol::Protocol;
use sidestep_stack::{OutPacket, Packet};

/// Who finishes the checksum of the transport.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checksum {
    /// It stands in the packet, right or wrong.
    Present,
    /// The device does, or vouched for it: what stands in the packet counts for nothing.
    Offloaded,
}

/// A packet on its way out, as one or more packets on the wire.
pub fn sent(packet: &OutPacket) -> Vec<Vec<u8>> {
    let checksum = match packet.partial_checksum {
        Some(_) => Checksum::Offloaded,
        None => Checksum::Present,
    };
    on_the_wire(packet.to_vec(), checksum, packet.segment_octets)
}

/// A packet that came, as one or more packets on the wire.
pub fn received(packet: &Packet) -> Vec<Vec<u8>> {
    let checksum = match packet.checksum {
        ReceivedChecksum::Vouched => Checksum::Offloaded,
        ReceivedChecksum::Unverified => Checksum::Present,
    };
    on_the_wire(packet.octets.to_vec(), checksum, packet.segment_octets)
}

/// `packet`, cut into parts with `segment_octets` of payload, with the checksums that are left to
/// the device. What is no TCP or UDP is left whole.
pub fn on_the_wire(
    packet: Vec<u8>,
    checksum: Checksum,
    segment_octets: Option<u16>,
) -> Vec<Vec<u8>> {
    let Some(flow) = Flow::of(&packet) else {
        return vec![packet];
    };
    let piece_octets = segment_octets.map_or(usize::MAX, usize::from).max(1);
    match text_at(&packet, &flow) {
        Some(text_at) if piece_octets < packet.len().saturating_sub(text_at) => {
            cut(&packet, &flow, text_at, piece_octets)
        }
        Some(_) | None => {
            let mut packet = packet;
            let mended = mend_quote(&mut packet, &flow);
            if mended == Quote::Mended
                || (checksum == Checksum::Offloaded && flow.fragment == Fragment::Whole)
            {
                fill_checksum(&mut packet, &flow);
            }
            vec![packet]
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Quote {
    Mended,
    AsItWas,
}

/// An ICMP error may quote a whole packet whose checksum was left to the device: then what stands
/// there is the sum of the pseudo-header alone. No wire ever saw it so.
fn mend_quote(packet: &mut [u8], flow: &Flow) -> Quote {
    const ICMP_HEADER_OCTETS: usize = 8;
    let is_error = match (flow.protocol, packet.get(flow.transport_at)) {
        (Protocol::ICMP_V4, Some(kind)) => matches!(kind, 3 | 11 | 12),
        (Protocol::ICMP_V6, Some(kind)) => *kind < 128,
        _ => false,
    };
    let quote = packet.get_mut(flow.transport_at + ICMP_HEADER_OCTETS..);
    let (true, Fragment::Whole, Some(quote)) = (is_error, flow.fragment, quote) else {
        return Quote::AsItWas;
    };
    let Some(quoted) = Flow::of(quote).filter(|it| it.fragment == Fragment::Whole) else {
        return Quote::AsItWas;
    };
    let field = match quoted.protocol {
        Protocol::TCP => 16,
        Protocol::UDP => 6,
        _ => return Quote::AsItWas,
    };
    let datagram_octets = quote.len().saturating_sub(quoted.transport_at);
    let (source, destination) = (quoted.source.ip(), quoted.destination.ip());
    let unfinished =
        Sum::pseudo_header(source, destination, quoted.protocol, datagram_octets).partial();
    let at = quoted.transport_at + field;
    let stands = quote.get(at..at + 2);
    if !is_whole(quote) || stands != Some(&unfinished.to_be_bytes()[..]) {
        return Quote::AsItWas;
    }
    fill_checksum(quote, &quoted);
    Quote::Mended
}

/// Whether the octets are as many as the IP header says.
fn is_whole(packet: &[u8]) -> bool {
    let length_at = |at: usize| {
        let pair = packet.get(at..at + 2);
        pair.map(|it| usize::from(u16::from_be_bytes([it[0], it[1]])))
    };
    match packet.first().map(|first| first >> 4) {
        Some(4) => length_at(2) == Some(packet.len()),
        Some(6) => length_at(4).map(|it| it + 40) == Some(packet.len()),
        _ => false,
    }
}

/// Where the payload of TCP or UDP begins.
fn text_at(packet: &[u8], flow: &Flow) -> Option<usize> {
    let header_octets = match flow.protocol {
        Protocol::TCP => usize::from(packet.get(flow.transport_at + 12)? >> 4) * 4,
        Protocol::UDP => 8,
        _ => return None,
    };
    let text_at = flow.transport_at + header_octets;
    (text_at <= packet.len()).then_some(text_at)
}

fn cut(packet: &[u8], flow: &Flow, text_at: usize, piece_octets: usize) -> Vec<Vec<u8>> {
    let (header, text) = packet.split_at(text_at);
    let pieces = text.len().div_ceil(piece_octets);
    let each = text.chunks(piece_octets).enumerate();
    each.map(|(place, text)| {
        let mut piece = [header, text].concat();
        patch_ip(&mut piece, place);
        match flow.protocol {
            Protocol::TCP => {
                let is_last = place + 1 == pieces;
                patch_tcp(&mut piece, flow.transport_at, place * piece_octets, is_last);
            }
            _ => put16(&mut piece, flow.transport_at + 4, text.len() + 8),
        }
        fill_checksum(&mut piece, flow);
        piece
    })
    .collect()
}

/// Lengths; for IPv4 an identification of its own, and the header's checksum.
fn patch_ip(piece: &mut [u8], place: usize) {
    let octets = piece.len();
    if piece.first().is_some_and(|first| first >> 4 == 6) {
        put16(piece, 4, octets.saturating_sub(40));
        return;
    }
    put16(piece, 2, octets);
    let identification = piece.get(4..6).map_or(0, |it| {
        usize::from(u16::from_be_bytes([it[0], it[1]]).wrapping_add(place as u16))
    });
    put16(piece, 4, identification);
    let header_octets = piece.first().map_or(0, |it| usize::from(it & 0xf) * 4);
    put16(piece, 10, 0);
    if let Some(header) = piece.get(..header_octets) {
        let checksum = Sum::of(header).checksum();
        put16(piece, 10, usize::from(checksum));
    }
}

/// What TSO does: numbers go on, CWR stays on the first, FIN and PSH on the last.
fn patch_tcp(piece: &mut [u8], transport_at: usize, offset: usize, is_last: bool) {
    const FIN_PSH: u8 = 0x09;
    const CWR: u8 = 0x80;
    if let Some(seq) = piece.get_mut(transport_at + 4..transport_at + 8) {
        let first = u32::from_be_bytes([seq[0], seq[1], seq[2], seq[3]]);
        seq.copy_from_slice(&first.wrapping_add(offset as u32).to_be_bytes());
    }
    if let Some(flags) = piece.get_mut(transport_at + 13) {
        if offset > 0 {
            *flags &= !CWR;
        }
        if !is_last {
            *flags &= !FIN_PSH;
        }
    }
}

/// Computes the checksum of the transport anew.
fn fill_checksum(packet: &mut [u8], flow: &Flow) {
    let (field, with_pseudo_header) = match flow.protocol {
        Protocol::TCP => (16, true),
        Protocol::UDP => (6, true),
        Protocol::ICMP_V6 => (2, true),
        Protocol::ICMP_V4 => (2, false),
        _ => return,
    };
    let at = flow.transport_at + field;
    if packet.len() < at + 2 {
        return;
    }
    put16(packet, at, 0);
    let Some(datagram) = packet.get(flow.transport_at..) else {
        return;
    };
    let (source, destination) = (flow.source.ip(), flow.destination.ip());
    let mut sum = if with_pseudo_header {
        Sum::pseudo_header(source, destination, flow.protocol, datagram.len())
    } else {
        Sum::new()
    };
    sum.add(datagram);
    // RFC 768: zero would mean that there is none.
    let checksum = match (flow.protocol, sum.checksum()) {
        (Protocol::UDP, 0) => 0xffff,
        (_, checksum) => checksum,
    };
    put16(packet, at, usize::from(checksum));
}

fn put16(octets: &mut [u8], at: usize, value: usize) {
    if let Some(field) = octets.get_mut(at..at + 2) {
        field.copy_from_slice(&(value as u16).to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
