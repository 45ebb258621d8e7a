use alloc::vec::Vec;
use std::vec;

use super::*;
use crate::base::Random;

/// RFC 1071 §4.1, word by word.
fn by_the_rfc(octets: &[u8]) -> u16 {
    let mut sum = 0_u64;
    for pair in octets.chunks(2) {
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([pair[0], low]));
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn octets(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.bits_16() as u8).collect()
}

#[test]
fn the_example_of_rfc1071_section_3() {
    let sum = Sum::of(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
    assert_eq!(sum.partial(), 0xddf2);
    assert_eq!(sum.checksum(), 0x220d);
}

#[test]
fn every_length_sums_as_the_rfc_does() {
    let mut random = Random::new([1; 32]);
    for len in 0..600 {
        let octets = octets(&mut random, len);
        assert_eq!(Sum::of(&octets).checksum(), by_the_rfc(&octets), "{len}");
    }
    // All carries there can be.
    for len in [64, 65_535, 65_536, 1_000_001] {
        let octets = vec![0xff; len];
        assert_eq!(Sum::of(&octets).checksum(), by_the_rfc(&octets), "{len}");
    }
}

#[test]
fn slices_of_odd_lengths_sum_as_one() {
    let mut random = Random::new([2; 32]);
    for _ in 0..2_000 {
        let len = random.below(300) as usize;
        let octets = octets(&mut random, len);
        let mut sum = Sum::new();
        let mut rest = octets.as_slice();
        while !rest.is_empty() {
            let cut = 1 + random.below(rest.len() as u32) as usize;
            let (slice, next) = rest.split_at(cut);
            sum.add(slice);
            sum.add(&[]);
            rest = next;
        }
        assert_eq!(sum.checksum(), by_the_rfc(&octets));
    }
}

#[test]
fn etherparse_agrees_about_both_pseudo_headers() {
    let mut random = Random::new([3; 32]);
    for len in 0..200_usize {
        let payload = octets(&mut random, len);
        let header = etherparse::UdpHeader {
            source_port: random.bits_16(),
            destination_port: random.bits_16(),
            length: len as u16 + 8,
            checksum: 0,
        };
        let (source, destination) = (random.bits_32(), random.bits_32());
        let source_v4 = Ipv4Addr::from_bits(source);
        let destination_v4 = Ipv4Addr::from_bits(destination);
        let mut sum = Sum::pseudo_header_v4(source_v4, destination_v4, Protocol::UDP, len + 8);
        sum.add(&header.to_bytes());
        sum.add(&payload);
        let theirs = header
            .calc_checksum_ipv4_raw(source_v4.octets(), destination_v4.octets(), &payload)
            .unwrap();
        assert_eq!(sum.checksum(), theirs);

        let source_v6 = Ipv6Addr::from_bits(u128::from(random.bits_64()) << 50);
        let destination_v6 = Ipv6Addr::from_bits(u128::from(random.bits_64()) << 13);
        let mut sum = Sum::pseudo_header_v6(source_v6, destination_v6, Protocol::UDP, len + 8);
        sum.add(&header.to_bytes());
        sum.add(&payload);
        let theirs = header
            .calc_checksum_ipv6_raw(source_v6.octets(), destination_v6.octets(), &payload)
            .unwrap();
        assert_eq!(sum.checksum(), theirs);
    }
}

#[test]
fn a_right_checksum_is_valid_and_every_single_bit_error_is_not() {
    let mut random = Random::new([4; 32]);
    let mut message = octets(&mut random, 64);
    message[10..12].fill(0);
    let checksum = Sum::of(&message).checksum();
    message[10..12].copy_from_slice(&checksum.to_be_bytes());
    assert!(Sum::of(&message).is_valid());
    for bit in 0..64 * 8 {
        message[bit / 8] ^= 1 << (bit % 8);
        assert!(!Sum::of(&message).is_valid(), "bit {bit}");
        message[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_device_that_completes_a_partial_checksum_finds_the_whole_one() {
    let mut random = Random::new([5; 32]);
    let mut segment = octets(&mut random, 101);
    let pseudo = Sum::pseudo_header_v4(
        Ipv4Addr::new(192, 0, 2, 1),
        Ipv4Addr::new(198, 51, 100, 2),
        Protocol::TCP,
        segment.len(),
    );
    segment[16..18].fill(0);
    let mut whole = pseudo;
    whole.add(&segment);
    // What a device does: it sums from csum_start, where the field holds our part of the sum.
    segment[16..18].copy_from_slice(&pseudo.partial().to_be_bytes());
    assert_eq!(Sum::of(&segment).checksum(), whole.checksum());
}

#[test]
fn rfc1624_4_the_update_gives_the_sum_of_the_new_header() {
    // The example of RFC 1624 §4: 0x5555 becomes 0x3285 in a header whose checksum is 0xDD2F.
    assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    let mut random = Random::new([6; 32]);
    for _ in 0..10_000 {
        let mut header = octets(&mut random, 20);
        let before = Sum::of(&header).checksum();
        let at = random.below(9) as usize * 2;
        let old = [header[at], header[at + 1]];
        let new = random.bits_16().to_be_bytes();
        header[at..at + 2].copy_from_slice(&new);
        let updated = update(before, u16::from_be_bytes(old), u16::from_be_bytes(new));
        assert_eq!(updated, Sum::of(&header).checksum());
    }
}

#[test]
fn an_update_of_an_address_gives_the_sum_of_the_new_header() {
    let mut random = Random::new([7; 32]);
    for _ in 0..1_000 {
        let mut header = octets(&mut random, 40);
        let before = Sum::of(&header).checksum();
        let old = header[8..24].to_vec();
        let new = octets(&mut random, 16);
        header[8..24].copy_from_slice(&new);
        assert_eq!(
            update_octets(before, &old, &new),
            Sum::of(&header).checksum()
        );
    }
}
