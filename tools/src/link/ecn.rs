//! The two bits of an IP header by which a queue says that it is congested (RFC 3168 §5).
//!
//! The queues call [`mark`] where they would drop. A packet whose sender does not understand the mark
//! is never marked.

use bytes::{Bytes, BytesMut};
use sidestep_stack::wire::checksum;

#[cfg(test)]
mod tests;

/// Congestion experienced.
const CE: u8 = 0b11;

/// The packet with the mark, its IPv4 header checksum right; `None` if its transport is not capable
/// of ECN, or if it is no IP packet.
pub(super) fn mark(packet: &Bytes) -> Option<Bytes> {
    match packet.first()? >> 4 {
        4 => mark_v4(packet),
        6 => mark_v6(packet),
        _ => None,
    }
}

fn mark_v4(packet: &Bytes) -> Option<Bytes> {
    let &[first, service] = packet.first_chunk::<2>()?;
    if service & CE == 0 || packet.len() < 20 {
        return None;
    }
    if service & CE == CE {
        return Some(packet.clone());
    }
    let marked = service | CE;
    let word = |service| u16::from_be_bytes([first, service]);
    let before = u16::from_be_bytes([*packet.get(10)?, *packet.get(11)?]);
    let sum = checksum::update(before, word(service), word(marked));
    let mut octets = BytesMut::from(&packet[..]);
    octets[1] = marked;
    octets[10..12].copy_from_slice(&sum.to_be_bytes());
    Some(octets.freeze())
}

/// The traffic class lies across the first two octets; its last two bits are in the middle of the
/// second one. IPv6 has no header checksum.
fn mark_v6(packet: &Bytes) -> Option<Bytes> {
    let second = *packet.get(1)?;
    if (second >> 4) & CE == 0 || packet.len() < 40 {
        return None;
    }
    let mut octets = BytesMut::from(&packet[..]);
    octets[1] = second | CE << 4;
    Some(octets.freeze())
}
