use alloc::vec::Vec;
use core::net::Ipv6Addr;
use std::vec;

use super::*;
use crate::base::Random;
use crate::wire::packet::HeaderOctets;
use crate::wire::protocol::TrafficClass;

const HEADERS_MAX: usize = 8;
/// 40 octets of fixed header: here the first extension header is.
const FIRST: usize = IPV6_HEADER_OCTETS;

/// A packet with a chain of extension headers, each of which names the next one.
struct Builder {
    next_header: Protocol,
    /// Where the field is that will name what comes next; `None`: in the fixed header.
    names: Option<usize>,
    octets: Vec<u8>,
}

impl Builder {
    fn new() -> Self {
        Self {
            next_header: Protocol::NO_NEXT_HEADER,
            names: None,
            octets: Vec::new(),
        }
    }

    fn push(mut self, protocol: Protocol, octets: &[u8]) -> Self {
        match self.names {
            None => self.next_header = protocol,
            Some(at) => self.octets[at] = protocol.0,
        }
        self.names = Some(self.octets.len());
        self.octets.extend_from_slice(octets);
        self
    }

    /// Options, padded with one PadN to 8 octets.
    fn options(self, protocol: Protocol, options: &[u8]) -> Self {
        let mut header = vec![0, 0];
        header.extend_from_slice(options);
        match header.len().next_multiple_of(8) - header.len() {
            0 => {}
            1 => header.push(0),
            room => {
                header.extend([1, room as u8 - 2]);
                header.resize(header.len() + room - 2, 0);
            }
        }
        header[1] = (header.len() / 8 - 1) as u8;
        self.push(protocol, &header)
    }

    fn routing(self, kind: u8, segments_left: u8) -> Self {
        self.push(Protocol::ROUTING, &[0, 0, kind, segments_left, 0, 0, 0, 0])
    }

    fn fragment(self, offset_octets: u16, more: bool) -> Self {
        let mut out = HeaderOctets::new();
        FragmentHeader {
            next_header: Protocol::NO_NEXT_HEADER,
            offset_octets,
            more,
            identification: 7,
        }
        .emit(&mut out);
        self.push(Protocol::FRAGMENT, out.as_slice())
    }

    fn upper(self, protocol: Protocol, octets: usize) -> Self {
        self.push(protocol, &vec![0x50; octets])
    }

    fn packet(&self) -> (Vec<u8>, Ipv6Header) {
        let header = Ipv6Header {
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::LOCALHOST,
            next_header: self.next_header,
            hop_limit: 64,
            traffic_class: TrafficClass(0),
            flow_label: 0,
        };
        let mut out = HeaderOctets::new();
        header.emit(self.octets.len(), &mut out);
        let mut packet = out.as_slice().to_vec();
        packet.extend_from_slice(&self.octets);
        (packet, header)
    }

    fn walk(&self) -> Result<Chain, ChainRejected> {
        let (packet, header) = self.packet();
        Chain::walk(&packet, &header, HEADERS_MAX)
    }
}

fn reply(result: Result<Chain, ChainRejected>) -> Option<(u8, u16)> {
    let reply = result.unwrap_err().reply;
    reply.map(|reply| (reply.code.code(), reply.pointer))
}

#[test]
fn a_packet_without_extension_headers_ends_at_once() {
    let chain = Builder::new().upper(Protocol::TCP, 20).walk().unwrap();
    assert_eq!(chain.protocol, Protocol::TCP);
    assert_eq!(chain.protocol_pointer, 6);
    assert_eq!(chain.payload_offset, FIRST);
    assert_eq!(chain.fragment, None);
}

#[test]
fn rfc8200_02_headers_are_walked_in_any_order_and_number() {
    let chain = Builder::new()
        .options(Protocol::HOP_BY_HOP, &[])
        .options(
            Protocol::DESTINATION_OPTIONS,
            &[0x1e, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        )
        .routing(0, 0)
        .options(Protocol::DESTINATION_OPTIONS, &[])
        .fragment(0, false)
        .routing(4, 0)
        .upper(Protocol::UDP, 8)
        .walk()
        .unwrap();
    assert_eq!(chain.protocol, Protocol::UDP);
    assert_eq!(chain.payload_offset, FIRST + 8 + 16 + 8 + 8 + 8 + 8);
    assert_eq!(
        usize::from(chain.protocol_pointer),
        chain.payload_offset - 8
    );
}

#[test]
fn rfc8200_02_hop_by_hop_options_come_first_only() {
    let result = Builder::new()
        .options(Protocol::DESTINATION_OPTIONS, &[])
        .options(Protocol::HOP_BY_HOP, &[])
        .upper(Protocol::UDP, 8)
        .walk();
    assert_eq!(reply(result), Some((1, FIRST as u16)));
    let result = Builder::new()
        .options(Protocol::HOP_BY_HOP, &[])
        .options(Protocol::HOP_BY_HOP, &[])
        .upper(Protocol::UDP, 8)
        .walk();
    assert_eq!(reply(result), Some((1, FIRST as u16)));
}

#[test]
fn rfc8200_03_an_unknown_next_header_is_named_with_its_pointer() {
    for protocol in [4, 41, 50, 51, 135, 253, 254, 255].map(Protocol) {
        let chain = Builder::new()
            .options(Protocol::DESTINATION_OPTIONS, &[])
            .upper(protocol, 8)
            .walk()
            .unwrap();
        assert_eq!((chain.protocol, chain.protocol_pointer), (protocol, 40));
    }
}

#[test]
fn rfc8200_04_the_top_bits_of_an_option_decide() {
    for header in [Protocol::HOP_BY_HOP, Protocol::DESTINATION_OPTIONS] {
        let walk = |kind| {
            Builder::new()
                .options(header, &[1, 0, kind, 1, 9])
                .upper(Protocol::UDP, 8)
                .walk()
        };
        let pointer = FIRST as u16 + 4;
        assert!(walk(0x1e).is_ok());
        for (kind, reply) in [
            (0x5e, None),
            (0x9e, Some(ToGroup::Replied)),
            (0xde, Some(ToGroup::Silent)),
        ] {
            let rejected = walk(kind).unwrap_err();
            assert_eq!(rejected.fault, ChainFault::UnknownOption);
            assert_eq!(
                rejected.reply,
                reply.map(|to_group| ParameterProblem {
                    code: ParameterProblemCode::UnknownOption,
                    pointer,
                    to_group
                })
            );
        }
    }
}

#[test]
fn rfc8200_05_padding_is_understood_and_lengths_are_bounded() {
    // Pad1 six times, PadN of 8 octets, PadN of the largest size.
    let options = |options: &[u8]| {
        Builder::new()
            .options(Protocol::DESTINATION_OPTIONS, options)
            .upper(Protocol::UDP, 8)
            .walk()
    };
    assert!(options(&[0; 6]).is_ok());
    assert!(options(&[1, 6, 0, 0, 0, 0, 0, 0]).is_ok());
    let mut largest = vec![0; 257];
    largest[0] = 1;
    largest[1] = 255;
    assert!(options(&largest).is_ok());
    // One octet beyond the header, and an option without a length.
    let overrun = |header: [u8; 8]| {
        Builder::new()
            .push(Protocol::DESTINATION_OPTIONS, &header)
            .upper(Protocol::UDP, 8)
            .walk()
    };
    assert!(overrun([0, 0, 1, 4, 0, 0, 0, 0]).is_ok());
    assert_eq!(reply(overrun([0, 0, 1, 5, 0, 0, 0, 0])), Some((0, 43)));
    assert_eq!(reply(overrun([0, 0, 1, 3, 0, 0, 0, 1])), Some((0, 47)));
}

#[test]
fn rfc8200_05_a_header_may_have_any_length_within_the_packet() {
    for units in [0, 1, 254, 255_usize] {
        let mut header = vec![0; (units + 1) * 8];
        header[1] = units as u8;
        let mut at = 2;
        while at < header.len() {
            let room = (header.len() - at - 2).min(200);
            // Never leave one octet, which no PadN fills.
            let room = if header.len() - at - 2 - room == 1 {
                room - 1
            } else {
                room
            };
            header[at] = 1;
            header[at + 1] = room as u8;
            at += 2 + room;
        }
        let chain = Builder::new()
            .push(Protocol::DESTINATION_OPTIONS, &header)
            .upper(Protocol::UDP, 8)
            .walk()
            .unwrap();
        assert_eq!(chain.payload_offset, FIRST + header.len());
        // The packet ends one octet too early: the length field is wrong.
        let builder = Builder::new().push(Protocol::DESTINATION_OPTIONS, &header);
        let (packet, header) = builder.packet();
        let result = Chain::walk(&packet[..packet.len() - 1], &header, HEADERS_MAX);
        assert_eq!(reply(result), Some((0, 41)));
    }
}

#[test]
fn rfc8200_06_a_routing_header_is_skipped_only_without_segments_left() {
    for kind in [0, 1, 2, 3, 4, 253] {
        let walk = |left| {
            Builder::new()
                .options(Protocol::DESTINATION_OPTIONS, &[])
                .routing(kind, left)
                .upper(Protocol::UDP, 8)
                .walk()
        };
        assert!(walk(0).is_ok());
        for left in [1, 255] {
            let rejected = walk(left).unwrap_err();
            assert_eq!(rejected.fault, ChainFault::RoutingHeader);
            assert_eq!(reply(walk(left)), Some((0, FIRST as u16 + 8 + 2)));
        }
    }
}

#[test]
fn rfc8200_08_a_middle_fragment_is_a_multiple_of_eight_octets() {
    let walk = |more, octets| {
        Builder::new()
            .fragment(8, more)
            .upper(Protocol::UDP, octets)
            .walk()
    };
    assert!(walk(true, 16).is_ok());
    assert!(walk(false, 13).is_ok());
    for octets in [1, 7, 9, 13, 15] {
        let rejected = walk(true, octets).unwrap_err();
        assert_eq!(rejected.fault, ChainFault::FragmentLength);
        assert_eq!(reply(walk(true, octets)), Some((0, 4)));
    }
    // A fragment with nothing in it is told to nobody.
    assert_eq!(reply(walk(true, 0)), None);
    assert_eq!(reply(walk(false, 0)), None);
}

#[test]
fn rfc8200_09_no_fragment_ends_beyond_65535_octets() {
    let walk = |octets| {
        Builder::new()
            .fragment(65_528, false)
            .upper(Protocol::UDP, octets)
            .walk()
    };
    assert!(walk(7).is_ok());
    assert_eq!(walk(8).unwrap_err().fault, ChainFault::FragmentTooLong);
    assert_eq!(reply(walk(100)), Some((0, FIRST as u16 + 2)));
    // What is in front of the fragment header is part of the length, too.
    let result = Builder::new()
        .options(Protocol::DESTINATION_OPTIONS, &[])
        .fragment(65_528, false)
        .upper(Protocol::UDP, 7)
        .walk();
    assert_eq!(reply(result), Some((0, FIRST as u16 + 8 + 2)));
}

#[test]
fn rfc8200_11_the_first_fragment_holds_the_whole_chain() {
    let walk = |protocol, octets| {
        Builder::new()
            .fragment(0, true)
            .upper(protocol, octets)
            .walk()
    };
    // The data offset of 0x50 says five words.
    for (protocol, enough) in [
        (Protocol::TCP, 24),
        (Protocol::UDP, 8),
        (Protocol::ICMP_V6, 8),
    ] {
        assert!(walk(protocol, enough).is_ok());
    }
    let too_little = walk(Protocol::TCP, 16);
    assert_eq!(
        too_little.unwrap_err().fault,
        ChainFault::IncompleteFirstFragment
    );
    assert_eq!(reply(too_little), Some((3, 0)));
    // It ends within destination options.
    let mut options = vec![0; 16];
    options[1] = 2;
    let result = Builder::new()
        .fragment(0, true)
        .push(Protocol::DESTINATION_OPTIONS, &options)
        .walk();
    assert_eq!(reply(result), Some((3, 0)));
    // Other fragments need hold nothing.
    assert!(
        Builder::new()
            .fragment(8, true)
            .upper(Protocol::TCP, 8)
            .walk()
            .is_ok()
    );
}

#[test]
fn rfc8200_11_tcp_options_are_part_of_the_chain() {
    let walk = |octets: usize| {
        let mut header = vec![0; octets];
        header[12] = 0xf0;
        Builder::new()
            .fragment(0, true)
            .push(Protocol::TCP, &header)
            .walk()
    };
    assert_eq!(reply(walk(56)), Some((3, 0)));
    assert!(walk(64).is_ok());
}

#[test]
fn rfc8200_12_an_atomic_fragment_is_walked_to_its_end() {
    let chain = Builder::new()
        .fragment(0, false)
        .options(Protocol::DESTINATION_OPTIONS, &[])
        .upper(Protocol::UDP, 9)
        .walk()
        .unwrap();
    assert_eq!(chain.protocol, Protocol::UDP);
    assert_eq!(chain.payload_offset, FIRST + 16);
    assert!(chain.fragment.unwrap().header.is_atomic());
}

#[test]
fn a_fragment_says_where_its_header_is_and_who_named_it() {
    let chain = Builder::new()
        .options(Protocol::DESTINATION_OPTIONS, &[])
        .fragment(16, true)
        .upper(Protocol::TCP, 8)
        .walk()
        .unwrap();
    assert_eq!(chain.protocol, Protocol::TCP);
    assert_eq!(chain.protocol_pointer, FIRST as u16 + 8);
    assert_eq!(chain.payload_offset, FIRST + 16);
    let fragment = chain.fragment.unwrap();
    assert_eq!(fragment.header_offset, FIRST + 8);
    assert_eq!(fragment.next_header_pointer, FIRST as u16);
    assert_eq!(fragment.header.offset_octets, 16);
    assert_eq!(fragment.header.identification, 7);
}

#[test]
fn rfc8200_17_no_next_header_ends_the_walk() {
    let chain = Builder::new()
        .options(Protocol::DESTINATION_OPTIONS, &[])
        .upper(Protocol::NO_NEXT_HEADER, 100)
        .walk()
        .unwrap();
    assert_eq!(chain.protocol, Protocol::NO_NEXT_HEADER);
}

#[test]
fn rfc8504_01_long_chains_and_long_runs_of_pad1_are_refused_silently() {
    let chain = |headers| {
        let mut builder = Builder::new();
        for _ in 0..headers {
            builder = builder.options(Protocol::DESTINATION_OPTIONS, &[]);
        }
        builder.upper(Protocol::UDP, 8).walk()
    };
    assert!(chain(HEADERS_MAX).is_ok());
    assert_eq!(reply(chain(HEADERS_MAX + 1)), None);
    assert_eq!(reply(chain(100)), None);
    let pads = |pads| {
        Builder::new()
            .options(
                Protocol::DESTINATION_OPTIONS,
                &[vec![0; pads], vec![1, 0]].concat(),
            )
            .upper(Protocol::UDP, 8)
            .walk()
    };
    assert!(pads(7).is_ok());
    assert_eq!(reply(pads(8)), None);
    assert_eq!(reply(pads(100)), None);
}

#[test]
fn bad_09_a_chain_that_ends_nowhere_points_at_who_named_it() {
    let builder = Builder::new()
        .options(Protocol::DESTINATION_OPTIONS, &[])
        .push(Protocol::DESTINATION_OPTIONS, &[]);
    assert_eq!(reply(builder.walk()), Some((0, 40)));
    let builder = Builder::new().push(Protocol::FRAGMENT, &[0; 7]);
    assert_eq!(reply(builder.walk()), Some((0, 6)));
    // 64 KiB of destination options.
    let mut builder = Builder::new();
    for _ in 0..8_000 {
        builder = builder.options(Protocol::DESTINATION_OPTIONS, &[]);
    }
    assert_eq!(reply(builder.walk()), None);
}

#[test]
fn bad_14_a_jumbo_payload_option_is_an_option_that_we_do_not_know() {
    let result = Builder::new()
        .options(Protocol::HOP_BY_HOP, &[0xc2, 4, 0, 1, 0, 0])
        .upper(Protocol::UDP, 8)
        .walk();
    assert_eq!(result.unwrap_err().fault, ChainFault::Jumbo);
    assert_eq!(reply(result), Some((2, 42)));
}

#[test]
fn a_fragment_within_a_fragment_is_refused() {
    for more in [true, false] {
        let result = Builder::new()
            .fragment(0, more)
            .fragment(8, true)
            .upper(Protocol::UDP, 8)
            .walk();
        assert_eq!(result.unwrap_err().fault, ChainFault::Extension);
    }
}

#[test]
fn two_hundred_thousand_random_chains_neither_hang_nor_panic() {
    let kinds = [0, 6, 17, 43, 44, 58, 59, 60, 60, 60];
    let mut random = Random::new([9; 32]);
    let (_, header) = Builder::new().upper(Protocol::UDP, 8).packet();
    for _ in 0..200_000 {
        let mut packet = vec![0_u8; FIRST + random.below(200) as usize];
        for octet in &mut packet {
            *octet = match random.below(3) {
                0 => kinds[random.below(10) as usize],
                1 => random.below(4) as u8,
                _ => random.bits_16() as u8,
            };
        }
        let header = Ipv6Header {
            next_header: Protocol(kinds[random.below(10) as usize]),
            ..header
        };
        if let Ok(chain) = Chain::walk(&packet, &header, HEADERS_MAX) {
            assert!(chain.payload_offset <= packet.len());
            assert!(usize::from(chain.protocol_pointer) < packet.len());
        }
    }
}
