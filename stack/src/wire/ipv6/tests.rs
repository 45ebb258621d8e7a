use alloc::vec::Vec;

use super::*;
use crate::wire::protocol::Ecn;

const HEADER: Ipv6Header = Ipv6Header {
    source: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
    destination: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
    next_header: Protocol::UDP,
    hop_limit: 64,
    traffic_class: TrafficClass::new(46, Ecn::CongestionExperienced),
    flow_label: 0x000a_bcde,
};

fn emitted(header: &Ipv6Header, payload_octets: usize) -> Vec<u8> {
    let mut out = HeaderOctets::new();
    header.emit(payload_octets, &mut out);
    let mut packet = out.as_slice().to_vec();
    packet.resize(packet.len() + payload_octets, 0xaa);
    packet
}

#[test]
fn what_is_emitted_parses_to_the_same_header() {
    let parsed = Ipv6Header::parse(&emitted(&HEADER, 100)).unwrap();
    assert_eq!(parsed.header, HEADER);
    assert_eq!(parsed.total_octets, 140);
}

#[test]
fn etherparse_reads_what_we_emit() {
    let packet = emitted(&HEADER, 33);
    let slice = Ipv6HeaderSlice::from_slice(&packet).unwrap();
    assert_eq!(slice.version(), 6);
    assert_eq!(slice.traffic_class(), HEADER.traffic_class.0);
    assert_eq!(slice.flow_label().value(), HEADER.flow_label);
    assert_eq!(slice.payload_length(), 33);
    assert_eq!(slice.next_header().0, 17);
    assert_eq!(slice.hop_limit(), 64);
    assert_eq!(slice.source_addr(), HEADER.source);
    assert_eq!(slice.destination_addr(), HEADER.destination);
}

#[test]
fn any_other_version_is_rejected() {
    for version in (0..16).filter(|version| *version != 6) {
        let mut packet = emitted(&HEADER, 8);
        packet[0] = version << 4;
        assert_eq!(
            Ipv6Header::parse(&packet),
            Err(Ipv6Rejected::Version { version })
        );
    }
}

#[test]
fn bad_01_no_payload_length_gets_past_the_frame() {
    for payload_octets in [1, 7, 8, 39, 40, 41, 59, 60, 61, 65_535_u16] {
        for have_octets in [0, 1, 39, 40, 41, 47, 48, 99, 100] {
            let mut packet = emitted(&HEADER, 60);
            packet[4..6].copy_from_slice(&payload_octets.to_be_bytes());
            let total_octets = 40 + usize::from(payload_octets);
            let result = Ipv6Header::parse(&packet[..have_octets]);
            assert_eq!(result.is_ok(), total_octets <= have_octets);
            if let Ok(parsed) = result {
                assert_eq!(parsed.total_octets, total_octets);
            }
        }
    }
}

#[test]
fn bad_14_a_payload_length_of_zero_is_rejected() {
    let mut packet = emitted(&HEADER, 60);
    packet[4..6].fill(0);
    assert_eq!(Ipv6Header::parse(&packet), Err(Ipv6Rejected::NoPayload));
    packet[5] = 1;
    assert!(Ipv6Header::parse(&packet).is_ok());
}

#[test]
fn a_quoted_header_is_read_without_its_payload() {
    let packet = emitted(&HEADER, 1_000);
    let parsed = Ipv6Header::parse_quoted(&packet[..48]).unwrap();
    assert_eq!(parsed.total_octets, 1_040);
    for have_octets in 0..40 {
        assert!(Ipv6Header::parse_quoted(&packet[..have_octets]).is_err());
    }
}

#[test]
fn a_fragment_header_survives_the_wire_and_etherparse_agrees() {
    for (offset_octets, more) in [(0, false), (0, true), (8, true), (65_528, false)] {
        let header = FragmentHeader {
            next_header: Protocol::TCP,
            offset_octets,
            more,
            identification: 0xdead_beef,
        };
        let mut out = HeaderOctets::new();
        header.emit(&mut out);
        let octets: [u8; 8] = out.as_slice().try_into().unwrap();
        assert_eq!(FragmentHeader::read(octets), header);
        assert_eq!(header.is_atomic(), offset_octets == 0 && !more);
        let slice = etherparse::Ipv6FragmentHeaderSlice::from_slice(&octets).unwrap();
        assert_eq!(slice.fragment_offset().value() * 8, offset_octets);
        assert_eq!(slice.more_fragments(), more);
        assert_eq!(slice.identification(), 0xdead_beef);
        // The reserved bits are ignored.
        let mut reserved = octets;
        reserved[1] = 0xff;
        reserved[3] |= 0x06;
        assert_eq!(FragmentHeader::read(reserved), header);
    }
}
