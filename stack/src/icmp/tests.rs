//! ICMP as datagrams that arrive and messages that leave.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::vec::Vec;

use bytes::Bytes;

use super::*;
use crate::base::Instant;
use crate::context::Surroundings;
use crate::discard::Discard;
use crate::wire::checksum::Sum;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;
use crate::wire::packet::{Cast, HeaderOctets, ReceivedChecksum};
use crate::wire::protocol::{Ecn, Protocol, TrafficClass};

mod arrives;
mod limits;
mod reports;

const US_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const ROUTER_V4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const US_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const PEER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const ROUTER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 1);

fn is_ours(address: IpAddr) -> bool {
    address == IpAddr::V4(US_V4) || address == IpAddr::V6(US_V6)
}

struct Bench {
    icmp: Icmp,
    around: Surroundings,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let mut around = Surroundings::new(config, 2);
        Self {
            icmp: Icmp::new(&around.config, &mut around.random),
            around,
            now: Instant::from_secs(1),
        }
    }

    fn arrives(&mut self, datagram: &Datagram) -> Input {
        let mut cx = self.around.at(self.now);
        self.icmp.datagram_arrives(&mut cx, datagram, is_ours)
    }

    fn reports(&mut self, report: &Report) -> Option<Outgoing> {
        let source = match report.source {
            IpAddr::V4(_) => US_V4.into(),
            IpAddr::V6(_) => US_V6.into(),
        };
        let mut cx = self.around.at(self.now);
        self.icmp.report(&mut cx, report, source)
    }

    fn discards(&self) -> Vec<(Discard, u64)> {
        self.around
            .discards
            .iter()
            .filter(|(_, count)| *count > 0)
            .collect()
    }
}

#[track_caller]
fn assert_dropped(datagram: &Datagram, reason: Discard) {
    let mut bench = Bench::new();
    let input = bench.arrives(datagram);
    assert!(matches!(input, Input::Nothing), "{input:?}");
    assert_eq!(bench.discards(), [(reason, 1)]);
}

/// A message with a right checksum, from the peer's router to us.
fn message_v4(octets: &[u8]) -> Datagram {
    let mut payload = octets.to_vec();
    if let Some(field) = payload.get_mut(2..4) {
        field.fill(0);
        let checksum = Sum::of(&payload).checksum();
        payload[2..4].copy_from_slice(&checksum.to_be_bytes());
    }
    datagram(ROUTER_V4.into(), US_V4.into(), Protocol::ICMP_V4, payload)
}

fn message_v6(octets: &[u8]) -> Datagram {
    let mut payload = octets.to_vec();
    if let Some(field) = payload.get_mut(2..4) {
        field.fill(0);
        let mut sum = Sum::pseudo_header_v6(ROUTER_V6, US_V6, Protocol::ICMP_V6, octets.len());
        sum.add(&payload);
        payload[2..4].copy_from_slice(&sum.checksum().to_be_bytes());
    }
    datagram(ROUTER_V6.into(), US_V6.into(), Protocol::ICMP_V6, payload)
}

fn datagram(source: IpAddr, destination: IpAddr, protocol: Protocol, payload: Vec<u8>) -> Datagram {
    let payload = Bytes::from(payload);
    Datagram {
        source,
        destination,
        cast: Cast::Unicast,
        protocol,
        hop_limit: 60,
        traffic_class: TrafficClass::new(46, Ecn::Capable0),
        payload: payload.clone(),
        packet: payload,
        checksum: ReceivedChecksum::Unverified,
        segment_octets: None,
        protocol_pointer: 9,
    }
}

/// A packet from us to the peer.
fn sent_v4(protocol: Protocol, payload: &[u8]) -> Vec<u8> {
    packet_v4(US_V4, PEER_V4, protocol, payload)
}

fn packet_v4(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: Protocol,
    payload: &[u8],
) -> Vec<u8> {
    let header = Ipv4Header {
        source,
        destination,
        protocol,
        hop_limit: 64,
        traffic_class: TrafficClass::default(),
        identification: 0,
        dont_fragment: true,
        more_fragments: false,
        fragment_offset_octets: 0,
    };
    let mut octets = HeaderOctets::new();
    header.emit(payload.len(), &mut octets);
    [octets.as_slice(), payload].concat()
}

fn sent_v6(next_header: Protocol, payload: &[u8]) -> Vec<u8> {
    packet_v6(US_V6, PEER_V6, next_header, payload)
}

fn packet_v6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    next_header: Protocol,
    payload: &[u8],
) -> Vec<u8> {
    let header = Ipv6Header {
        source,
        destination,
        next_header,
        hop_limit: 64,
        traffic_class: TrafficClass::default(),
        flow_label: 0,
    };
    let mut octets = HeaderOctets::new();
    header.emit(payload.len(), &mut octets);
    [octets.as_slice(), payload].concat()
}
