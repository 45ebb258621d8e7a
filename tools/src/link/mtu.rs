//! The first stage: what is larger than the link's MTU does not enter it as it is.
//!
//! [`Link`](super::Link) asks it about every packet. As a router does, it fragments an IPv4 packet
//! that allows it (RFC 791 §3.2), and drops any other one with an ICMP message to its source: type 3
//! code 4 (RFC 1191 §4) or "packet too big" (RFC 4443 §3.2). The message comes from the address that
//! the packet was for, because a link has none; with `icmp=off` it is a black hole.

use bytes::{BufMut as _, Bytes, BytesMut};
use sidestep_stack::base::{Duration, Instant};
use sidestep_stack::wire::checksum::Sum;
use sidestep_stack::wire::icmpv4::{self, Icmpv4Message, unreachable};
use sidestep_stack::wire::icmpv6::{self, Icmpv6Message};
use sidestep_stack::wire::ipv4::{IPV4_HEADER_OCTETS, Ipv4Header, ParsedIpv4};
use sidestep_stack::wire::ipv6::{IPV6_HEADER_OCTETS, Ipv6Header};
use sidestep_stack::wire::packet::HeaderOctets;
use sidestep_stack::wire::protocol::{Protocol, TrafficClass};

use super::counters::Counters;
use super::recipe::{Icmp, Recipe};

#[cfg(test)]
mod tests;

/// An ICMPv4 error is no longer than this (RFC 1812 §4.3.2.3).
const ICMPV4_OCTETS_MAX: usize = 576;
/// An ICMPv6 error is no longer than this (RFC 4443 §3.2: the minimum IPv6 MTU).
const ICMPV6_OCTETS_MAX: usize = 1_280;
const ICMP_HEADER_OCTETS: usize = 8;
const HOP_LIMIT: u8 = 64;

/// What becomes of a packet at the entrance.
#[derive(Debug)]
pub(super) enum Entrance {
    /// It enters.
    Whole(Bytes),
    /// These enter in its place.
    Pieces(Vec<Bytes>),
    /// It does not enter; its source is told.
    Back(Bytes),
    /// It does not enter.
    Nothing,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Mtu {
    /// When the allowance for messages would be used up (a leaky bucket that holds one second's).
    full_until: Instant,
}

impl Mtu {
    /// A packet wants to enter.
    pub(super) fn packet_arrives(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
        packet: Bytes,
    ) -> Entrance {
        let Some(mtu) = recipe.mtu.map(usize::from) else {
            return Entrance::Whole(packet);
        };
        if packet.len() <= mtu {
            return Entrance::Whole(packet);
        }
        let message = match Ipv4Header::parse(&packet) {
            Ok(parsed) if !parsed.header.dont_fragment => {
                let pieces = fragments(&packet, &parsed, mtu);
                counters.fragmented += 1;
                counters.fragments += pieces.len() as u64;
                return Entrance::Pieces(pieces);
            }
            Ok(parsed) => fragmentation_needed(&packet, &parsed, mtu),
            Err(_) => packet_too_big(&packet, mtu),
        };
        counters.lost_too_big += 1;
        match message.filter(|_| self.may_send(now, recipe.icmp)) {
            Some(message) => {
                counters.icmp_sent += 1;
                Entrance::Back(message)
            }
            None => Entrance::Nothing,
        }
    }

    fn may_send(&mut self, now: Instant, icmp: Icmp) -> bool {
        let each_second = match icmp {
            Icmp::Off => return false,
            Icmp::On => return true,
            Icmp::EachSecond(messages) => messages.max(1),
        };
        let second = Duration::from_secs(1);
        let full_until = self.full_until.max(now) + second / each_second;
        let may = now.until(full_until) <= second;
        if may {
            self.full_until = full_until;
        }
        may
    }
}

/// The pieces of an IPv4 packet: RFC 791 §3.2, each with a header of its own.
fn fragments(packet: &Bytes, parsed: &ParsedIpv4, mtu: usize) -> Vec<Bytes> {
    let header = parsed.header;
    let payload = packet.slice(parsed.header_octets..parsed.total_octets);
    let options = packet.slice(IPV4_HEADER_OCTETS..parsed.header_octets);
    let copied = copied_options(&options);
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < payload.len() {
        let options: &[u8] = if at == 0 { &options } else { &copied };
        let header_octets = IPV4_HEADER_OCTETS + options.len();
        // At least one unit: an MTU is at least 68, and a header at most 60 (RFC 791 §3.2).
        let most = (mtu.saturating_sub(header_octets) & !7).max(8);
        let end = (at + most).min(payload.len());
        let piece = Ipv4Header {
            more_fragments: header.more_fragments || end < payload.len(),
            fragment_offset_octets: header.fragment_offset_octets.saturating_add(at as u16),
            ..header
        };
        pieces.push(with_options(&piece, options, &payload[at..end]));
        at = end;
    }
    pieces
}

/// An IPv4 packet with options.
fn with_options(header: &Ipv4Header, options: &[u8], payload: &[u8]) -> Bytes {
    let mut front = HeaderOctets::new();
    // Counted as payload here, so that the total length is right; the rest is mended below.
    header.emit(options.len() + payload.len(), &mut front);
    front.push(options);
    let front = front.as_mut_slice();
    front[0] = 0x40 | (front.len() / 4) as u8;
    front[10..12].fill(0);
    let sum = Sum::of(front).checksum();
    front[10..12].copy_from_slice(&sum.to_be_bytes());
    joined(front, payload)
}

/// The options that every fragment carries, those with the copied flag, padded to words.
fn copied_options(options: &[u8]) -> Vec<u8> {
    const END: u8 = 0;
    const NO_OPERATION: u8 = 1;
    const COPIED: u8 = 0x80;
    let mut copied = Vec::new();
    let mut rest = options;
    while let [kind, tail @ ..] = rest {
        match *kind {
            END => break,
            NO_OPERATION => rest = tail,
            kind => {
                let octets = usize::from(tail.first().copied().unwrap_or(0));
                // The parser has seen that the length is at least 2 and fits; a list that it did
                // not see ends here.
                let Some((option, after)) = rest.split_at_checked(octets.max(2)) else {
                    break;
                };
                if kind & COPIED != 0 {
                    copied.extend_from_slice(option);
                }
                rest = after;
            }
        }
    }
    copied.resize(copied.len().next_multiple_of(4), END);
    copied
}

/// The message about an IPv4 packet that may not be fragmented; `None` if RFC 1812 §4.3.2.7 forbids
/// one about it.
fn fragmentation_needed(packet: &Bytes, parsed: &ParsedIpv4, mtu: usize) -> Option<Bytes> {
    let header = parsed.header;
    let is_one = |address: std::net::Ipv4Addr| {
        !address.is_multicast() && !address.is_broadcast() && !address.is_unspecified()
    };
    let kind = packet.get(parsed.header_octets).copied().unwrap_or(0);
    let is_error = header.protocol == Protocol::ICMP_V4 && icmpv4::is_error(kind);
    if is_error
        || header.fragment_offset_octets != 0
        || !is_one(header.source)
        || !is_one(header.destination)
    {
        return None;
    }
    let room = ICMPV4_OCTETS_MAX - IPV4_HEADER_OCTETS - ICMP_HEADER_OCTETS;
    let quote = packet.slice(..parsed.total_octets.min(room));
    let message = Icmpv4Message::DestinationUnreachable {
        code: unreachable::FRAGMENTATION_NEEDED,
        next_hop_mtu_octets: u16::try_from(mtu).unwrap_or(u16::MAX),
        quote,
    };
    let mut front = HeaderOctets::new();
    message.emit(&mut front);
    let mut sum = Sum::of(front.as_slice());
    sum.add(message.carried());
    front.as_mut_slice()[2..4].copy_from_slice(&sum.checksum().to_be_bytes());
    let body = joined(front.as_slice(), message.carried());
    let back = Ipv4Header {
        source: header.destination,
        destination: header.source,
        protocol: Protocol::ICMP_V4,
        hop_limit: HOP_LIMIT,
        traffic_class: TrafficClass(0),
        identification: 0,
        dont_fragment: false,
        more_fragments: false,
        fragment_offset_octets: 0,
    };
    let mut front = HeaderOctets::new();
    back.emit(body.len(), &mut front);
    Some(joined(front.as_slice(), &body))
}

/// The message about an IPv6 packet; `None` if it is no packet, or if RFC 4443 §2.4(e) forbids one
/// about it.
fn packet_too_big(packet: &Bytes, mtu: usize) -> Option<Bytes> {
    let parsed = Ipv6Header::parse(packet).ok()?;
    let header = parsed.header;
    let kind = packet.get(IPV6_HEADER_OCTETS).copied().unwrap_or(0);
    let is_error = header.next_header == Protocol::ICMP_V6 && icmpv6::is_error(kind);
    if is_error || header.source.is_unspecified() || header.source.is_multicast() {
        return None;
    }
    // A group's members may be told (RFC 4443 §2.4(e.3)), but not by the group's address.
    if header.destination.is_multicast() {
        return None;
    }
    let room = ICMPV6_OCTETS_MAX - IPV6_HEADER_OCTETS - ICMP_HEADER_OCTETS;
    let message = Icmpv6Message::PacketTooBig {
        mtu_octets: mtu as u32,
        quote: packet.slice(..parsed.total_octets.min(room)),
    };
    let mut front = HeaderOctets::new();
    message.emit(&mut front);
    let octets = ICMP_HEADER_OCTETS + message.carried().len();
    let (source, destination) = (header.destination, header.source);
    let mut sum = Sum::pseudo_header_v6(source, destination, Protocol::ICMP_V6, octets);
    sum.add(front.as_slice());
    sum.add(message.carried());
    front.as_mut_slice()[2..4].copy_from_slice(&sum.checksum().to_be_bytes());
    let body = joined(front.as_slice(), message.carried());
    let back = Ipv6Header {
        source,
        destination,
        next_header: Protocol::ICMP_V6,
        hop_limit: HOP_LIMIT,
        traffic_class: TrafficClass(0),
        flow_label: 0,
    };
    let mut front = HeaderOctets::new();
    back.emit(body.len(), &mut front);
    Some(joined(front.as_slice(), &body))
}

fn joined(front: &[u8], rest: &[u8]) -> Bytes {
    let mut octets = BytesMut::with_capacity(front.len() + rest.len());
    octets.put_slice(front);
    octets.put_slice(rest);
    octets.freeze()
}
