//! Routers and switches: what stands between hosts.
//!
//! A [`Router`] forwards by the longest prefix (RFC 1812 §5.2.4.3), takes one from the hop limit, and
//! tells the sender what it cannot forward (RFC 792, RFC 4443). A [`Switch`] sends a packet to where
//! its destination was last heard from, and everywhere else at first. Both act at once: time passes
//! on links only. Neither fragments, queues or answers for itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::{Bytes, BytesMut};
use sidestep_stack::base::{Duration, Instant};
use sidestep_stack::wire::checksum::Sum;
use sidestep_stack::wire::icmpv4::{self, Icmpv4Message};
use sidestep_stack::wire::icmpv6::{self, Icmpv6Message};
use sidestep_stack::wire::ipv4::Ipv4Header;
use sidestep_stack::wire::ipv6::Ipv6Header;
use sidestep_stack::wire::packet::HeaderOctets;
use sidestep_stack::wire::protocol::{Protocol, TrafficClass};

/// A cable's end at a node, counted in the order in which they were connected.
pub(super) type Port = usize;

/// What a node in between does with a packet: so many copies leave at these ports.
pub(super) type Sent = Vec<(Port, Bytes)>;

/// What a router did.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RouterCounters {
    /// Sent on.
    pub forwarded: u64,
    /// Thrown away: the hop limit ran out (RFC 1812 §5.3.1).
    pub hop_limit_exceeded: u64,
    /// Thrown away: no route (RFC 1812 §5.2.7.1).
    pub no_route: u64,
    /// Thrown away: the header makes no sense (RFC 1812 §5.2.2).
    pub malformed: u64,
    /// Errors told to senders.
    pub errors_sent: u64,
}

#[derive(Clone, Copy, Debug)]
struct RouteTo {
    prefix: IpAddr,
    bits: u8,
    port: Port,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Router {
    /// Its own addresses: the source of what it tells.
    v4: Ipv4Addr,
    v6: Ipv6Addr,
    routes: Vec<RouteTo>,
    counters: RouterCounters,
}

/// So much of a packet is quoted by ICMPv4 (RFC 1812 §4.3.2.3: at most 576 octets in all).
const QUOTE_V4_OCTETS: usize = 576 - 28;
/// So much by ICMPv6 (RFC 4443 §2.4(c): at most 1,280 octets in all).
const QUOTE_V6_OCTETS: usize = 1_280 - 48;

/// Why a packet is not forwarded, as its sender is told.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    HopLimit,
    NoRoute,
}

impl Router {
    pub(super) const fn new(v4: Ipv4Addr, v6: Ipv6Addr) -> Self {
        Self {
            v4,
            v6,
            routes: Vec::new(),
            counters: RouterCounters {
                forwarded: 0,
                hop_limit_exceeded: 0,
                no_route: 0,
                malformed: 0,
                errors_sent: 0,
            },
        }
    }

    /// What it did so far.
    pub const fn counters(&self) -> RouterCounters {
        self.counters
    }

    pub(super) fn add_route(&mut self, prefix: IpAddr, bits: u8, port: Port) {
        self.routes.push(RouteTo { prefix, bits, port });
        // The longest first, in the order in which they were added.
        self.routes
            .sort_by_key(|route| std::cmp::Reverse(route.bits));
    }

    fn port_to(&self, destination: IpAddr) -> Option<Port> {
        let route = self
            .routes
            .iter()
            .find(|route| covers(route.prefix, route.bits, destination))?;
        Some(route.port)
    }

    /// A packet arrives, or was made here.
    pub(super) fn packet_arrives(&mut self, packet: &Bytes) -> Sent {
        let Some(header) = Head::of(packet) else {
            self.counters.malformed += 1;
            return Sent::new();
        };
        if header.hop_limit <= 1 {
            self.counters.hop_limit_exceeded += 1;
            return self.tell(&header, packet, Trouble::HopLimit);
        }
        let Some(port) = self.port_to(header.destination) else {
            self.counters.no_route += 1;
            return self.tell(&header, packet, Trouble::NoRoute);
        };
        self.counters.forwarded += 1;
        vec![(port, with_one_hop_less(packet))]
    }

    /// What the link behind a port sends back to the sender of a packet.
    pub(super) fn comes_back(&mut self, packet: &Bytes) -> Sent {
        match Head::of(packet).and_then(|header| self.port_to(header.destination)) {
            Some(port) => vec![(port, packet.clone())],
            None => Sent::new(),
        }
    }

    fn tell(&mut self, header: &Head, packet: &Bytes, trouble: Trouble) -> Sent {
        let Some(port) = self.port_to(header.source) else {
            return Sent::new();
        };
        if !may_be_told(header, packet) {
            return Sent::new();
        }
        self.counters.errors_sent += 1;
        let message = match (header.source, header.destination) {
            (IpAddr::V4(source), _) => self.message_v4(source, packet, trouble),
            (IpAddr::V6(source), _) => self.message_v6(source, packet, trouble),
        };
        vec![(port, message)]
    }

    fn message_v4(&self, to: Ipv4Addr, packet: &Bytes, trouble: Trouble) -> Bytes {
        let quote = packet.slice(..packet.len().min(QUOTE_V4_OCTETS));
        let message = match trouble {
            Trouble::HopLimit => Icmpv4Message::TimeExceeded { code: 0, quote },
            Trouble::NoRoute => Icmpv4Message::DestinationUnreachable {
                code: 0,
                next_hop_mtu_octets: 0,
                quote,
            },
        };
        let mut icmp = HeaderOctets::new();
        message.emit(&mut icmp);
        let carried = message.carried();
        let mut sum = Sum::of(icmp.as_slice());
        sum.add(carried);
        fill_in(&mut icmp, sum);
        let header = Ipv4Header {
            source: self.v4,
            destination: to,
            protocol: Protocol::ICMP_V4,
            hop_limit: 64,
            // RFC 1812 §4.3.2.5: internetwork control.
            traffic_class: TrafficClass(0xc0),
            identification: 0,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset_octets: 0,
        };
        let mut ip = HeaderOctets::new();
        header.emit(icmp.as_slice().len() + carried.len(), &mut ip);
        join(&[ip.as_slice(), icmp.as_slice(), carried])
    }

    fn message_v6(&self, to: Ipv6Addr, packet: &Bytes, trouble: Trouble) -> Bytes {
        let quote = packet.slice(..packet.len().min(QUOTE_V6_OCTETS));
        let message = match trouble {
            Trouble::HopLimit => Icmpv6Message::TimeExceeded { code: 0, quote },
            Trouble::NoRoute => Icmpv6Message::DestinationUnreachable { code: 0, quote },
        };
        let mut icmp = HeaderOctets::new();
        message.emit(&mut icmp);
        let carried = message.carried();
        let octets = icmp.as_slice().len() + carried.len();
        let mut sum = Sum::pseudo_header_v6(self.v6, to, Protocol::ICMP_V6, octets);
        sum.add(icmp.as_slice());
        sum.add(carried);
        fill_in(&mut icmp, sum);
        let header = Ipv6Header {
            source: self.v6,
            destination: to,
            next_header: Protocol::ICMP_V6,
            hop_limit: 64,
            traffic_class: TrafficClass(0),
            flow_label: 0,
        };
        let mut ip = HeaderOctets::new();
        header.emit(octets, &mut ip);
        join(&[ip.as_slice(), icmp.as_slice(), carried])
    }
}

fn fill_in(icmp: &mut HeaderOctets, sum: Sum) {
    let at = icmpv4::ICMP_CHECKSUM_OFFSET;
    if let Some(place) = icmp.as_mut_slice().get_mut(at..at + 2) {
        place.copy_from_slice(&sum.checksum().to_be_bytes());
    }
}

fn join(parts: &[&[u8]]) -> Bytes {
    let mut octets = BytesMut::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        octets.extend_from_slice(part);
    }
    octets.freeze()
}

/// What a router reads of a header.
#[derive(Clone, Copy, Debug)]
struct Head {
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
    protocol: Protocol,
    payload_at: usize,
    later_fragment: bool,
}

impl Head {
    fn of(packet: &[u8]) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => {
                let parsed = Ipv4Header::parse(packet).ok()?;
                Some(Self {
                    source: parsed.header.source.into(),
                    destination: parsed.header.destination.into(),
                    hop_limit: parsed.header.hop_limit,
                    protocol: parsed.header.protocol,
                    payload_at: parsed.header_octets,
                    later_fragment: parsed.header.fragment_offset_octets != 0,
                })
            }
            6 => {
                let parsed = Ipv6Header::parse(packet).ok()?;
                Some(Self {
                    source: parsed.header.source.into(),
                    destination: parsed.header.destination.into(),
                    hop_limit: parsed.header.hop_limit,
                    protocol: parsed.header.next_header,
                    payload_at: 40,
                    later_fragment: false,
                })
            }
            _ => None,
        }
    }
}

/// RFC 1812 §4.3.2.7, RFC 4443 §2.4(e): nothing is told about errors, groups or later fragments.
fn may_be_told(header: &Head, packet: &[u8]) -> bool {
    let kind = packet.get(header.payload_at).copied().unwrap_or(0);
    let about_error = match header.protocol {
        Protocol::ICMP_V4 => icmpv4::is_error(kind),
        Protocol::ICMP_V6 => icmpv6::is_error(kind),
        _ => false,
    };
    let one_host = !header.source.is_unspecified() && !header.source.is_multicast();
    !about_error && !header.later_fragment && one_host && !header.destination.is_multicast()
}

/// The same packet with a hop limit that is one less (RFC 1812 §5.3.1).
fn with_one_hop_less(packet: &[u8]) -> Bytes {
    let mut octets = BytesMut::from(packet);
    match packet.first().map(|first| first >> 4) {
        Some(4) => {
            octets[8] -= 1;
            let header_octets = usize::from(octets[0] & 0x0f) * 4;
            octets[10..12].copy_from_slice(&[0, 0]);
            let checksum = Sum::of(&octets[..header_octets]).checksum();
            octets[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        _ => octets[7] -= 1,
    }
    octets.freeze()
}

fn covers(prefix: IpAddr, bits: u8, address: IpAddr) -> bool {
    let (a, b, width) = match (prefix, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return false,
    };
    let rest = width - u32::from(bits).min(width);
    // A shift by the whole width: everything is covered.
    (a ^ b).checked_shr(rest).unwrap_or(0) == 0
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct Switch {
    /// Where an address was last heard from, and when.
    heard: BTreeMap<IpAddr, (Port, Instant)>,
}

/// So many addresses are remembered; what is sent to others goes everywhere.
const HEARD_MAX: usize = 4_096;

/// An address that was not heard for so long may be anywhere (IEEE 802.1Q §8.8.3). A packet whose
/// source was damaged on its way teaches a switch something wrong, and only this ends it.
const AGEING: Duration = Duration::from_secs(300);

impl Switch {
    /// A packet arrives at one of so many ports.
    pub(super) fn packet_arrives(
        &mut self,
        now: Instant,
        from: Port,
        ports: usize,
        packet: &Bytes,
    ) -> Sent {
        let Some(header) = Head::of(packet) else {
            return Sent::new();
        };
        if self.heard.len() < HEARD_MAX || self.heard.contains_key(&header.source) {
            self.heard.insert(header.source, (from, now));
        }
        let heard = self.heard.get(&header.destination);
        match heard.filter(|(_, at)| now.since(*at) < AGEING) {
            Some((port, _)) if *port == from => Sent::new(),
            Some((port, _)) => vec![(*port, packet.clone())],
            None => (0..ports)
                .filter(|port| *port != from)
                .map(|port| (port, packet.clone()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
