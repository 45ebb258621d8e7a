use super::*;
use crate::wire::cause::Cause;
use crate::wire::checksum::Sum;
use crate::wire::packet::{Fragmentation, PartialChecksum, Text};

fn udp(source: IpAddr, destination: IpAddr, text_octets: usize) -> Outgoing {
    let mut header = HeaderOctets::new();
    header.push(&[0x12, 0x34, 0, 53]);
    header.push(&((text_octets + 8) as u16).to_be_bytes());
    header.push(&[0, 0]);
    let text: Vec<u8> = (0..text_octets).map(|place| (place / 8) as u8).collect();
    Outgoing {
        source,
        destination,
        protocol: Protocol::UDP,
        hop_limit: 64,
        traffic_class: TrafficClass(0x28),
        fragmentation: Fragmentation::Allowed,
        header,
        text: Text::from(Bytes::from(text)),
        segment_octets: None,
        cause: Cause::EchoReply,
    }
}

fn udp_v4(text_octets: usize) -> Outgoing {
    udp(US_V4.into(), PEER_V4.into(), text_octets)
}

fn udp_v6(text_octets: usize) -> Outgoing {
    udp(US_V6.into(), PEER_V6.into(), text_octets)
}

fn whole(packets: &[(Way, OutPacket)]) -> Vec<u8> {
    assert_eq!(packets.len(), 1);
    packets[0].1.to_vec()
}

/// What the peer makes of our packets.
fn peer_receives(packets: &[(Way, OutPacket)]) -> Datagram {
    let mut peer = Host::new();
    for (ours, theirs, bits) in [
        (ip("192.0.2.1"), ip("192.0.2.2"), 24),
        (ip("2001:db8::1"), ip("2001:db8::2"), 64),
    ] {
        peer.ip.remove_address(ours).unwrap();
        peer.ip
            .add_address(InterfaceAddress {
                address: theirs,
                prefix_bits: bits,
            })
            .unwrap();
    }
    let mut last = None;
    for (_, packet) in packets {
        assert!(last.is_none());
        if let Input::Deliver(datagram) = peer.arrives(packet.to_vec()) {
            last = Some(datagram);
        }
    }
    assert_eq!(peer.discards(), []);
    last.unwrap()
}

fn checksum_is_valid(datagram: &Datagram) -> bool {
    let mut sum = Sum::pseudo_header(
        datagram.source,
        datagram.destination,
        datagram.protocol,
        datagram.payload.len(),
    );
    sum.add(&datagram.payload);
    sum.is_valid()
}

#[test]
fn a_datagram_that_fits_is_one_packet_with_both_checksums() {
    for text_octets in [0, 1, 7, 8, 1_000, 1_451, 1_452] {
        for outgoing in [udp_v4(text_octets), udp_v6(text_octets)] {
            let packets = Host::new().emits(outgoing.clone()).unwrap();
            assert_eq!(packets.len(), 1);
            assert_eq!(packets[0].0, Way::Device);
            let datagram = peer_receives(&packets);
            assert!(checksum_is_valid(&datagram));
            assert_eq!(datagram.traffic_class, TrafficClass(0x28));
            assert_eq!(datagram.payload.len(), text_octets + 8);
        }
    }
}

#[test]
fn rfc6864_03_df_is_obeyed() {
    for (text_octets, fits) in [(1_472, true), (1_473, false)] {
        let mut outgoing = udp_v4(text_octets);
        outgoing.fragmentation = Fragmentation::Forbidden;
        let result = Host::new().emits(outgoing);
        assert_eq!(result.is_ok(), fits);
        if let Ok(packets) = result {
            let octets = whole(&packets);
            assert_eq!(octets.len(), 1_500);
            // RFC 6864 §4.1: DF is set and the identification is zero.
            assert_eq!(octets[4..8], [0, 0, 0x40, 0]);
        }
    }
    let mut outgoing = udp_v6(1_453);
    outgoing.fragmentation = Fragmentation::Forbidden;
    let refused = Host::new().emits(outgoing).map(|_| ());
    assert_eq!(refused, Err(CallRefused::MessageTooLong));
}

#[test]
fn larger_datagrams_leave_in_pieces_that_come_together() {
    for text_octets in [1_473, 2_952, 2_953, 65_507] {
        let packets = Host::new().emits(udp_v4(text_octets)).unwrap();
        assert_eq!(packets.len(), (text_octets + 8).div_ceil(1_480));
        assert!(packets.iter().all(|(_, packet)| packet.octets() <= 1_500));
        let datagram = peer_receives(&packets);
        assert!(checksum_is_valid(&datagram));
        assert_eq!(datagram.payload.len(), text_octets + 8);
    }
    for text_octets in [1_453, 2_888, 65_527] {
        let packets = Host::new().emits(udp_v6(text_octets)).unwrap();
        assert_eq!(packets.len(), (text_octets + 8).div_ceil(1_448));
        assert!(packets.iter().all(|(_, packet)| packet.octets() <= 1_500));
        let datagram = peer_receives(&packets);
        assert!(checksum_is_valid(&datagram));
        assert_eq!(datagram.payload.len(), text_octets + 8);
    }
    for outgoing in [udp_v4(65_508), udp_v6(65_528)] {
        let refused = Host::new().emits(outgoing).map(|_| ());
        assert_eq!(refused, Err(CallRefused::MessageTooLong));
    }
}

#[test]
fn fragments_obey_a_learned_path_mtu() {
    let mut host = Host::new();
    let mut cx = host.around.at(START);
    host.ip
        .path_mtu_learned(&mut cx, PEER_V4.into(), 600, 1_500);
    host.ip
        .path_mtu_learned(&mut cx, PEER_V6.into(), 1_280, 1_500);
    let packets = host.emits(udp_v4(1_000)).unwrap();
    assert_eq!(packets[0].1.octets(), 596);
    assert_eq!(peer_receives(&packets).payload.len(), 1_008);
    let packets = host.emits(udp_v6(1_300)).unwrap();
    assert!(packets.len() == 2 && packets[0].1.octets() <= 1_280);
    assert_eq!(peer_receives(&packets).payload.len(), 1_308);
}

#[test]
fn bad_13_a_forged_mtu_never_makes_a_fragment_header_appear() {
    let mut host = Host::new();
    let mut cx = host.around.at(START);
    for mtu in [0, 68, 500, 1_279] {
        host.ip
            .path_mtu_learned(&mut cx, PEER_V6.into(), mtu, 1_500);
    }
    let octets = whole(&host.emits(udp_v6(1_000)).unwrap());
    assert_eq!(octets[6], Protocol::UDP.0);
}

#[test]
fn rfc6864_02_a_tuple_that_used_all_identifications_sends_no_more_fragments() {
    let mut host = Host::new();
    for _ in 0..65_536 {
        host.emits(udp_v4(1)).unwrap();
    }
    let refused = host.emits(udp_v4(2_000)).map(|_| ());
    assert_eq!(refused, Err(CallRefused::LimitReached));
    // A small one goes as an atomic datagram.
    let octets = whole(&host.emits(udp_v4(1)).unwrap());
    assert_eq!(octets[4..8], [0, 0, 0x40, 0]);
    host.now = START + identification::DATAGRAM_LIFETIME;
    assert!(host.emits(udp_v4(2_000)).is_ok());
}

#[test]
fn rfc8200_15_a_udp_checksum_of_zero_is_sent_as_ones() {
    let outgoing = udp_v6(2);
    let mut host = Host::new();
    // Text that makes the sum come out as zero: what the checksum would be with zero text.
    let mut zero = outgoing.clone();
    zero.text = Text::from(Bytes::from_static(&[0, 0]));
    let octets = whole(&host.emits(zero).unwrap());
    let mut text = outgoing;
    text.text = Text::from(Bytes::copy_from_slice(&octets[46..48]));
    let octets = whole(&host.emits(text).unwrap());
    assert_eq!(octets[46..48], [0xff, 0xff]);
}

#[test]
fn rfc1122_05_only_our_addresses_are_sources() {
    let us = ip("192.0.2.1");
    for (source, destination, refused) in [
        (
            ip("192.0.2.9"),
            ip("192.0.2.2"),
            CallRefused::AddressNotOurs,
        ),
        (
            ip("127.0.0.1"),
            ip("192.0.2.2"),
            CallRefused::AddressNotOurs,
        ),
        (
            ip("224.0.0.1"),
            ip("192.0.2.2"),
            CallRefused::AddressNotOurs,
        ),
        (us, ip("2001:db8::2"), CallRefused::FamilyMismatch),
        (us, ip("0.0.0.0"), CallRefused::NoRoute),
    ] {
        let result = Host::new().emits(udp(source, destination, 5)).map(|_| ());
        assert_eq!(result, Err(refused), "{source}");
    }
    let packets = Host::new().emits(udp(us, ip("127.0.0.1"), 5)).unwrap();
    assert_eq!(packets[0].0, Way::Loopback);
}

#[test]
fn rfc1122_06_a_packet_never_leaves_dead() {
    let mut outgoing = udp_v4(1);
    outgoing.hop_limit = 0;
    assert_eq!(whole(&Host::new().emits(outgoing).unwrap())[8], 1);
}

#[test]
fn a_device_that_finishes_checksums_is_told_where() {
    let offload = Offload {
        partial_checksum: true,
        segmentation: true,
    };
    for (outgoing, start) in [(udp_v4(100), 20), (udp_v6(100), 40)] {
        let mut sum = Sum::pseudo_header(outgoing.source, outgoing.destination, Protocol::UDP, 108);
        let packets = Host::new().emits_with(outgoing.clone(), offload).unwrap();
        let packet = &packets[0].1;
        assert_eq!(
            packet.partial_checksum,
            Some(PartialChecksum { start, offset: 6 })
        );
        let octets = packet.to_vec();
        let place = usize::from(start) + 6;
        assert_eq!(octets[place..place + 2], sum.partial().to_be_bytes());
        // What the device does gives what we would have done.
        sum = Sum::of(&octets[usize::from(start)..]);
        let finished = sum.checksum().to_be_bytes();
        let ours = whole(&Host::new().emits(outgoing).unwrap());
        assert_eq!(ours[place..place + 2], finished);
        // Fragments are summed here: the device sees only a part.
        let large = if start == 20 {
            udp_v4(2_000)
        } else {
            udp_v6(2_000)
        };
        let packets = Host::new().emits_with(large, offload).unwrap();
        assert!(
            packets
                .iter()
                .all(|(_, packet)| packet.partial_checksum.is_none())
        );
        assert!(checksum_is_valid(&peer_receives(&packets)));
    }
}

#[test]
fn a_superpacket_passes_whole_if_its_segments_fit() {
    let offload = Offload {
        partial_checksum: true,
        segmentation: true,
    };
    let mut outgoing = udp_v4(20_000);
    outgoing.segment_octets = Some(1_472);
    let packets = Host::new().emits_with(outgoing.clone(), offload).unwrap();
    assert_eq!(packets.len(), 1);
    assert_eq!(packets[0].1.segment_octets, Some(1_472));
    assert_eq!(packets[0].1.octets(), 20_028);
    // All its segments would carry the same identification, so they are atomic.
    assert_eq!(packets[0].1.to_vec()[4..8], [0, 0, 0x40, 0]);
    outgoing.segment_octets = Some(1_473);
    let refused = Host::new()
        .emits_with(outgoing.clone(), offload)
        .map(|_| ());
    assert_eq!(refused, Err(CallRefused::MessageTooLong));
    outgoing = udp_v4(1_000);
    outgoing.segment_octets = Some(1_000);
    let packets = Host::new().emits_with(outgoing, offload).unwrap();
    assert_eq!(packets[0].1.segment_octets, None);
}

#[test]
fn a_raw_icmpv6_message_gets_its_checksum_and_other_raw_payloads_keep_theirs() {
    let mut outgoing = udp_v6(0);
    outgoing.header = HeaderOctets::new();
    outgoing.protocol = Protocol::ICMP_V6;
    let mut text = Text::new();
    for slice in [&[128, 0, 9][..], &[9, 0, 1, 0, 2][..], b"data"] {
        text.push(Bytes::copy_from_slice(slice));
    }
    outgoing.text = text;
    let datagram = peer_receives(&Host::new().emits(outgoing.clone()).unwrap());
    assert!(checksum_is_valid(&datagram));
    assert_eq!(datagram.payload[..2], [128, 0]);
    assert_eq!(datagram.payload[4..], *b"\0\x01\0\x02data");

    outgoing = udp_v4(0);
    outgoing.header = HeaderOctets::new();
    outgoing.protocol = Protocol::ICMP_V4;
    outgoing.text = Text::from(Bytes::from_static(b"\x08\0\x12\x34any"));
    let datagram = peer_receives(&Host::new().emits(outgoing).unwrap());
    assert_eq!(&datagram.payload[..], b"\x08\0\x12\x34any");
}

#[test]
fn the_same_seed_gives_the_same_packets() {
    let run = || {
        let mut host = Host::new();
        let mut octets = Vec::new();
        for text_octets in [1, 2_000, 5_000] {
            for outgoing in [udp_v4(text_octets), udp_v6(text_octets)] {
                for (_, packet) in host.emits(outgoing).unwrap() {
                    octets.push(packet.to_vec());
                }
            }
        }
        octets
    };
    assert_eq!(run(), run());
}
