//! Cuts a datagram that is larger than its path takes (RFC 791 §3.2, RFC 8200 §4.5).
//!
//! `ip/output.rs` calls it for datagrams that may be fragmented. Every piece but the last is a multiple
//! of eight octets and as large as the path allows; pieces never overlap and share the payload's
//! octets.

use crate::wire::cause::Cause;
use crate::wire::ipv4::{IPV4_HEADER_OCTETS, Ipv4Header};
use crate::wire::ipv6::{
    FragmentHeader, IPV6_FRAGMENT_HEADER_OCTETS, IPV6_HEADER_OCTETS, Ipv6Header,
};
use crate::wire::packet::{HeaderOctets, OutPacket, Text};
use crate::wire::protocol::Protocol;

/// Fragments come in units of so many octets.
const UNIT_OCTETS: usize = 8;

/// One piece of a payload.
struct Piece {
    offset_octets: u16,
    more: bool,
    text: Text,
}

/// The payload in pieces of up to `room_octets`.
fn cut(payload: Text, room_octets: usize) -> impl Iterator<Item = Piece> {
    let piece_octets = (room_octets / UNIT_OCTETS).max(1) * UNIT_OCTETS;
    let octets = payload.octets();
    (0..octets).step_by(piece_octets).map(move |offset| Piece {
        // A payload has at most 65,535 octets.
        offset_octets: offset as u16,
        more: offset + piece_octets < octets,
        text: payload.slice(offset, piece_octets),
    })
}

/// The fragments of an IPv4 datagram. `header` is that of the whole one.
pub(crate) fn pieces_v4(
    header: Ipv4Header,
    identification: u16,
    payload: Text,
    mtu_octets: usize,
    cause: Cause,
) -> impl Iterator<Item = OutPacket> {
    let room_octets = mtu_octets.saturating_sub(IPV4_HEADER_OCTETS);
    cut(payload, room_octets).map(move |piece| {
        let mut octets = HeaderOctets::new();
        let fields = Ipv4Header {
            identification,
            dont_fragment: false,
            more_fragments: piece.more,
            fragment_offset_octets: piece.offset_octets,
            ..header
        };
        fields.emit(piece.text.octets(), &mut octets);
        packet(octets, piece.text, cause)
    })
}

/// The fragments of an IPv6 packet. `header` is that of the whole one.
pub(crate) fn pieces_v6(
    header: Ipv6Header,
    identification: u32,
    payload: Text,
    mtu_octets: usize,
    cause: Cause,
) -> impl Iterator<Item = OutPacket> {
    let room_octets = mtu_octets.saturating_sub(IPV6_HEADER_OCTETS + IPV6_FRAGMENT_HEADER_OCTETS);
    cut(payload, room_octets).map(move |piece| {
        let mut octets = HeaderOctets::new();
        let fields = Ipv6Header {
            next_header: Protocol::FRAGMENT,
            ..header
        };
        fields.emit(
            IPV6_FRAGMENT_HEADER_OCTETS + piece.text.octets(),
            &mut octets,
        );
        let fragment = FragmentHeader {
            next_header: header.next_header,
            offset_octets: piece.offset_octets,
            more: piece.more,
            identification,
        };
        fragment.emit(&mut octets);
        packet(octets, piece.text, cause)
    })
}

fn packet(header: HeaderOctets, text: Text, cause: Cause) -> OutPacket {
    OutPacket {
        header,
        text,
        cause: Some(cause),
        ..OutPacket::default()
    }
}
