use alloc::vec::Vec;

use super::*;
use crate::base::Random;
use crate::wire::protocol::Ecn;

const HEADER: Ipv4Header = Ipv4Header {
    source: Ipv4Addr::new(192, 0, 2, 1),
    destination: Ipv4Addr::new(198, 51, 100, 2),
    protocol: Protocol::UDP,
    hop_limit: 64,
    traffic_class: TrafficClass::new(10, Ecn::Capable0),
    identification: 0xbeef,
    dont_fragment: true,
    more_fragments: false,
    fragment_offset_octets: 0,
};

fn emitted(header: &Ipv4Header, payload_octets: usize) -> Vec<u8> {
    let mut out = HeaderOctets::new();
    header.emit(payload_octets, &mut out);
    let mut packet = out.as_slice().to_vec();
    packet.resize(packet.len() + payload_octets, 0xaa);
    packet
}

/// Puts `options`, padded to words, behind the header, and makes lengths and checksum right.
fn with_options(options: &[u8]) -> Vec<u8> {
    let mut packet = emitted(&HEADER, 0);
    packet.extend_from_slice(options);
    packet.resize(packet.len().next_multiple_of(4), 0);
    packet[0] = 0x40 | (packet.len() / 4) as u8;
    packet.resize(packet.len() + 8, 0xaa);
    let total = packet.len() as u16;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    sum_again(&mut packet);
    packet
}

fn sum_again(packet: &mut [u8]) {
    let header_octets = usize::from(packet[0] & 0x0f) * 4;
    if header_octets < IPV4_HEADER_OCTETS || packet.len() < header_octets {
        return;
    }
    packet[10..12].fill(0);
    let checksum = Sum::of(&packet[..header_octets]).checksum();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn what_is_emitted_parses_to_the_same_header() {
    for (dont_fragment, more_fragments, fragment_offset_octets) in [
        (true, false, 0),
        (false, true, 0),
        (false, true, 8),
        (false, false, 65_528),
    ] {
        let header = Ipv4Header {
            dont_fragment,
            more_fragments,
            fragment_offset_octets,
            ..HEADER
        };
        let parsed = Ipv4Header::parse(&emitted(&header, 100)).unwrap();
        assert_eq!(parsed.header, header);
        assert_eq!(parsed.header_octets, 20);
        assert_eq!(parsed.total_octets, 120);
        assert_eq!(parsed.is_fragment(), !dont_fragment);
    }
}

#[test]
fn etherparse_reads_what_we_emit() {
    let packet = emitted(&HEADER, 33);
    let slice = Ipv4HeaderSlice::from_slice(&packet).unwrap();
    assert_eq!(
        slice.to_header().calc_header_checksum(),
        slice.header_checksum()
    );
    assert_eq!(slice.source_addr(), HEADER.source);
    assert_eq!(slice.destination_addr(), HEADER.destination);
    assert_eq!(slice.total_len(), 53);
    assert_eq!(slice.identification(), 0xbeef);
    assert_eq!(slice.dcp().value(), 10);
    assert_eq!(slice.ecn().value(), 2);
    assert!(slice.dont_fragment() && !slice.more_fragments());
}

#[test]
fn rfc1122_01_any_other_version_is_rejected() {
    for version in (0..16).filter(|version| *version != 4) {
        let mut packet = emitted(&HEADER, 8);
        packet[0] = version << 4 | 5;
        sum_again(&mut packet);
        assert_eq!(
            Ipv4Header::parse(&packet),
            Err(Ipv4Rejected::Version { version })
        );
    }
}

#[test]
fn rfc1122_02_every_single_bit_error_in_a_header_is_noticed() {
    let good = emitted(&HEADER, 8);
    for bit in 0..20 * 8 {
        let mut packet = good.clone();
        packet[bit / 8] ^= 1 << (bit % 8);
        assert!(Ipv4Header::parse(&packet).is_err(), "bit {bit}");
    }
    let mut packet = good;
    packet[8] ^= 1;
    assert_eq!(Ipv4Header::parse(&packet), Err(Ipv4Rejected::Checksum));
}

#[test]
fn rfc1122_08_link_padding_is_trimmed_and_a_short_frame_rejected() {
    let mut packet = emitted(&HEADER, 10);
    packet.resize(60, 0);
    assert_eq!(Ipv4Header::parse(&packet).unwrap().total_octets, 30);
    assert!(Ipv4Header::parse(&packet[..30]).is_ok());
    assert_eq!(
        Ipv4Header::parse(&packet[..29]),
        Err(Ipv4Rejected::TotalLength {
            total_octets: 30,
            header_octets: 20,
            have_octets: 29
        })
    );
}

#[test]
fn bad_01_no_combination_of_lengths_gets_past_the_frame() {
    for words in 0..16_u8 {
        for total_octets in [0, 1, 19, 20, 21, 59, 60, 61, 99, 100, 101, 65_535_u16] {
            for have_octets in [0, 1, 19, 20, 21, 59, 60, 61, 99, 100] {
                // Octets of 1 are NOPs where options are.
                let mut packet = emitted(&HEADER, 80);
                packet[20..].fill(1);
                packet[0] = 0x40 | words;
                packet[2..4].copy_from_slice(&total_octets.to_be_bytes());
                sum_again(&mut packet);
                let header_octets = usize::from(words) * 4;
                let total_octets = usize::from(total_octets);
                let fits = words >= 5
                    && have_octets >= header_octets
                    && (header_octets..=have_octets).contains(&total_octets);
                let result = Ipv4Header::parse(&packet[..have_octets]);
                assert_eq!(
                    result.is_ok(),
                    fits,
                    "{words} words, total {total_octets}, frame {have_octets}: {result:?}"
                );
                if let Ok(parsed) = result {
                    assert_eq!(parsed.header_octets, header_octets);
                    assert_eq!(parsed.total_octets, total_octets);
                }
            }
        }
    }
}

#[test]
fn rfc1122_07_unknown_options_are_ignored_and_malformed_ones_rejected() {
    // Record route, timestamp, router alert and one that nobody knows.
    for kind in [7, 68, 148, 222] {
        assert!(Ipv4Header::parse(&with_options(&[kind, 4, 9, 9])).is_ok());
    }
    for options in [[0x88, 0, 0, 0], [0x88, 1, 0, 0], [0x88, 5, 0, 0]] {
        assert_eq!(
            Ipv4Header::parse(&with_options(&options)),
            Err(Ipv4Rejected::Option { pointer: 20 })
        );
    }
    assert_eq!(
        Ipv4Header::parse(&with_options(&[1, 1, 1, 0x88])),
        Err(Ipv4Rejected::Option { pointer: 23 })
    );
    // After the end of the list nothing counts.
    assert!(Ipv4Header::parse(&with_options(&[0, 0x88, 0, 0])).is_ok());
}

#[test]
fn bad_07_every_option_type_with_lying_lengths_ends() {
    for kind in 2..=255_u8 {
        for length in [0, 1, 2, 40, 255_u8] {
            let mut options = [1_u8; 40];
            options[0] = kind;
            options[1] = length;
            let expected = if !(2..=40).contains(&length) {
                Err(Ipv4Rejected::Option { pointer: 20 })
            } else if [131, 137].contains(&kind) {
                Err(Ipv4Rejected::SourceRoute { pointer: 20 })
            } else {
                Ok(60)
            };
            let result = Ipv4Header::parse(&with_options(&options));
            assert_eq!(result.map(|parsed| parsed.header_octets), expected);
        }
    }
}

#[test]
fn bad_08_source_routes_are_rejected_wherever_they_stand() {
    for kind in [131, 137] {
        for nops in 0..30 {
            let mut options = std::vec![1; nops];
            options.extend([kind, 7, 4, 192, 0, 2, 9]);
            assert_eq!(
                Ipv4Header::parse(&with_options(&options)),
                Err(Ipv4Rejected::SourceRoute {
                    pointer: 20 + nops as u8
                })
            );
        }
    }
}

#[test]
fn a_quoted_header_is_read_without_its_payload_and_its_checksum() {
    let mut packet = emitted(&HEADER, 1_000);
    packet[8] = 1;
    let parsed = Ipv4Header::parse_quoted(&packet[..28]).unwrap();
    assert_eq!(parsed.total_octets, 1_020);
    assert_eq!(parsed.header.destination, HEADER.destination);
    for have_octets in 0..20 {
        assert!(Ipv4Header::parse_quoted(&packet[..have_octets]).is_err());
    }
}

#[test]
fn a_hundred_thousand_random_packets_neither_hang_nor_panic() {
    let mut random = Random::new([7; 32]);
    for _ in 0..100_000 {
        let mut packet = [0_u8; 80];
        for octet in &mut packet {
            *octet = random.bits_16() as u8;
        }
        packet[0] = 0x45 + random.below(11) as u8;
        packet[2..4].copy_from_slice(&80_u16.to_be_bytes());
        sum_again(&mut packet);
        let _ = Ipv4Header::parse(&packet);
    }
}
