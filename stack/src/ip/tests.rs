//! What arrives and what leaves, as packets. Reassembly, path MTUs, identifications and address
//! selection have tests of their own beside them.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::vec::Vec;

use bytes::Bytes;

use super::*;
use crate::context::Surroundings;
use crate::discard::Discard;
use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::Ipv6Header;
use crate::wire::packet::{HeaderOctets, ReceivedChecksum};
use crate::wire::protocol::{Protocol, TrafficClass};

mod arrives_v4;
mod arrives_v6;
mod emits;
mod hostile;
mod routes;

const US_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const PEER_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const US_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const PEER_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const START: Instant = Instant::from_secs(1);

/// A host with the addresses 192.0.2.1/24 and 2001:db8::1/64, and nothing around it.
struct Host {
    ip: Ip,
    around: Surroundings,
    now: Instant,
}

impl Host {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        let mut around = Surroundings::new(config, 1);
        let mut ip = Ip::new(&around.config, &mut around.random);
        for (address, prefix_bits) in [(US_V4.into(), 24), (US_V6.into(), 64)] {
            ip.add_address(InterfaceAddress {
                address,
                prefix_bits,
            })
            .unwrap();
        }
        Self {
            ip,
            around,
            now: START,
        }
    }

    fn arrives(&mut self, octets: impl Into<Bytes>) -> Input {
        self.arrives_as(Packet::new(octets.into()), Arrival::Device)
    }

    fn arrives_as(&mut self, packet: Packet, arrival: Arrival) -> Input {
        let mut cx = self.around.at(self.now);
        self.ip.packet_arrives(&mut cx, packet, arrival)
    }

    #[track_caller]
    fn delivers(&mut self, octets: impl Into<Bytes>) -> Datagram {
        match self.arrives(octets) {
            Input::Deliver(datagram) => datagram,
            other => panic!("{other:?}, {:?}", self.discards()),
        }
    }

    /// The packet is thrown away for `reason` alone, and nobody is told.
    #[track_caller]
    fn drops(&mut self, octets: impl Into<Bytes>, reason: Discard) {
        let before = self.around.discards.clone();
        let input = self.arrives(octets);
        assert!(matches!(input, Input::Nothing), "{input:?}");
        assert_eq!(
            self.around.discards.get(reason),
            before.get(reason) + 1,
            "{:?}",
            self.discards()
        );
        assert_eq!(self.around.discards.total(), before.total() + 1);
    }

    fn discards(&self) -> Vec<(Discard, u64)> {
        self.around
            .discards
            .iter()
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    fn emits(&mut self, outgoing: Outgoing) -> Result<Vec<(Way, OutPacket)>, CallRefused> {
        self.emits_with(outgoing, Offload::default())
    }

    fn emits_with(
        &mut self,
        outgoing: Outgoing,
        offload: Offload,
    ) -> Result<Vec<(Way, OutPacket)>, CallRefused> {
        let mut out = VecDeque::new();
        let mut cx = self.around.at(self.now);
        self.ip.emit(&mut cx, outgoing, offload, &mut out)?;
        Ok(out.into())
    }
}

fn header_v4() -> Ipv4Header {
    Ipv4Header {
        source: PEER_V4,
        destination: US_V4,
        protocol: Protocol::UDP,
        hop_limit: 64,
        traffic_class: TrafficClass::default(),
        identification: 7,
        dont_fragment: false,
        more_fragments: false,
        fragment_offset_octets: 0,
    }
}

fn packet_v4(header: Ipv4Header, payload: &[u8]) -> Vec<u8> {
    let mut octets = HeaderOctets::new();
    header.emit(payload.len(), &mut octets);
    [octets.as_slice(), payload].concat()
}

fn header_v6() -> Ipv6Header {
    Ipv6Header {
        source: PEER_V6,
        destination: US_V6,
        next_header: Protocol::UDP,
        hop_limit: 64,
        traffic_class: TrafficClass::default(),
        flow_label: 0,
    }
}

fn packet_v6(header: Ipv6Header, payload: &[u8]) -> Vec<u8> {
    let mut octets = HeaderOctets::new();
    header.emit(payload.len(), &mut octets);
    [octets.as_slice(), payload].concat()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
