use alloc::vec::Vec;
use core::net::{Ipv4Addr, Ipv6Addr};

use super::*;

const SOURCE_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const DESTINATION_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 2));
const SOURCE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const DESTINATION_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));

const FAMILIES: [(IpAddr, IpAddr); 2] = [(SOURCE_V4, DESTINATION_V4), (SOURCE_V6, DESTINATION_V6)];

const HEADER: UdpHeader = UdpHeader {
    source_port: 0x1234,
    destination_port: 53,
};

fn summed(source: IpAddr, destination: IpAddr, payload: &[u8]) -> Vec<u8> {
    let mut out = HeaderOctets::new();
    HEADER.emit(payload.len(), &mut out);
    let mut datagram = out.as_slice().to_vec();
    datagram.extend_from_slice(payload);
    sum_again(source, destination, &mut datagram);
    datagram
}

fn sum_again(source: IpAddr, destination: IpAddr, datagram: &mut [u8]) {
    let covered = usize::from(u16::from_be_bytes([datagram[4], datagram[5]]));
    datagram[6..8].fill(0);
    let Some(octets) = datagram.get(..covered) else {
        return;
    };
    let mut sum = Sum::pseudo_header(source, destination, Protocol::UDP, covered);
    sum.add(octets);
    datagram[6..8].copy_from_slice(&udp_checksum(sum).to_be_bytes());
}

fn parse(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> Result<ParsedUdp, UdpRejected> {
    UdpHeader::parse(source, destination, datagram, ReceivedChecksum::Unverified)
}

#[test]
fn what_is_emitted_parses_and_etherparse_agrees() {
    for (source, destination) in FAMILIES {
        for payload_octets in [0, 1, 2, 1_472, 65_507] {
            let payload: Vec<u8> = (0..payload_octets)
                .map(|octet: usize| octet as u8)
                .collect();
            let datagram = summed(source, destination, &payload);
            let parsed = parse(source, destination, &datagram).unwrap();
            assert_eq!(parsed.header, HEADER);
            assert_eq!(&datagram[UDP_HEADER_OCTETS..parsed.total_octets], &payload);
            let theirs = etherparse::UdpSlice::from_slice(&datagram).unwrap();
            assert_eq!(theirs.payload(), &payload);
            let sum = match (source, destination) {
                (IpAddr::V4(source), IpAddr::V4(destination)) => theirs
                    .to_header()
                    .calc_checksum_ipv4_raw(source.octets(), destination.octets(), &payload),
                (IpAddr::V6(source), IpAddr::V6(destination)) => theirs
                    .to_header()
                    .calc_checksum_ipv6_raw(source.octets(), destination.octets(), &payload),
                _ => unreachable!(),
            };
            assert_eq!(sum, Ok(theirs.checksum()));
        }
    }
}

#[test]
fn rfc768_01_the_length_is_at_least_eight_and_not_beyond_the_packet() {
    for (source, destination) in FAMILIES {
        for length_octets in [0, 1, 7, 8, 9, 19, 20, 21, 65_535_u16] {
            for have_octets in [0, 1, 7, 8, 9, 19, 20] {
                let mut datagram = summed(source, destination, &[7; 12]);
                datagram[4..6].copy_from_slice(&length_octets.to_be_bytes());
                sum_again(source, destination, &mut datagram);
                let result = parse(source, destination, &datagram[..have_octets]);
                let total_octets = usize::from(length_octets);
                if have_octets < 8 {
                    assert_eq!(result, Err(UdpRejected::Truncated { have_octets }));
                } else if !(8..=have_octets).contains(&total_octets) {
                    assert_eq!(
                        result,
                        Err(UdpRejected::Length {
                            length_octets,
                            have_octets
                        })
                    );
                } else {
                    // Octets beyond the length are neither summed nor delivered.
                    assert_eq!(result.map(|parsed| parsed.total_octets), Ok(total_octets));
                }
            }
        }
    }
}

#[test]
fn rfc768_02_a_datagram_without_payload_is_legal() {
    let datagram = summed(SOURCE_V4, DESTINATION_V4, &[]);
    let parsed = parse(SOURCE_V4, DESTINATION_V4, &datagram).unwrap();
    assert_eq!(parsed.total_octets, UDP_HEADER_OCTETS);
}

#[test]
fn rfc1122_22_a_bad_checksum_is_rejected_and_none_is_legal_over_ipv4() {
    let good = summed(SOURCE_V4, DESTINATION_V4, b"payload");
    for bit in 0..good.len() * 8 {
        let mut datagram = good.clone();
        datagram[bit / 8] ^= 1 << (bit % 8);
        assert!(
            parse(SOURCE_V4, DESTINATION_V4, &datagram).is_err(),
            "bit {bit}"
        );
    }
    let mut none = good;
    none[6..8].fill(0);
    assert!(parse(SOURCE_V4, DESTINATION_V4, &none).is_ok());
}

#[test]
fn rfc8200_15_no_checksum_is_rejected_over_ipv6() {
    let mut datagram = summed(SOURCE_V6, DESTINATION_V6, b"payload");
    assert!(parse(SOURCE_V6, DESTINATION_V6, &datagram).is_ok());
    datagram[6..8].fill(0);
    assert_eq!(
        parse(SOURCE_V6, DESTINATION_V6, &datagram),
        Err(UdpRejected::ChecksumMissing)
    );
}

#[test]
fn a_computed_zero_is_sent_as_all_ones_and_accepted() {
    for (source, destination) in FAMILIES {
        let mut zero = None;
        for word in 0..=u16::MAX {
            let mut sum = Sum::pseudo_header(source, destination, Protocol::UDP, 10);
            let mut out = HeaderOctets::new();
            HEADER.emit(2, &mut out);
            sum.add(out.as_slice());
            sum.add(&word.to_be_bytes());
            assert_ne!(udp_checksum(sum), 0);
            if sum.checksum() == 0 {
                zero = Some(word);
            }
        }
        let datagram = summed(source, destination, &zero.unwrap().to_be_bytes());
        assert_eq!(datagram[6..8], [0xff, 0xff]);
        assert!(parse(source, destination, &datagram).is_ok());
    }
}

#[test]
fn what_the_device_vouches_for_is_not_summed_again() {
    let mut datagram = summed(SOURCE_V6, DESTINATION_V6, b"payload");
    datagram[7] ^= 1;
    assert_eq!(
        parse(SOURCE_V6, DESTINATION_V6, &datagram),
        Err(UdpRejected::Checksum)
    );
    let vouched = ReceivedChecksum::Vouched;
    assert!(UdpHeader::parse(SOURCE_V6, DESTINATION_V6, &datagram, vouched).is_ok());
}
