use rand::rngs::ChaCha12Rng;
use rand::{Rng, RngExt, SeedableRng};

use super::*;
use crate::capture::{Interface, Writer, Written};

/// A classic capture of one packet, in the byte order and resolution that `magic` stands for.
fn classic(order: ByteOrder, magic: u32, fraction: u32, link: u32) -> Vec<u8> {
    let put = |value: u32| match order {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    };
    let mut file = Vec::new();
    // Version 2.4 in two halves, then zone, accuracy, snapshot length and link.
    let version = match order {
        ByteOrder::Little => 0x0004_0002,
        ByteOrder::Big => 0x0002_0004,
    };
    for value in [magic, version, 0, 0, 65_535, link] {
        file.extend(put(value));
    }
    for value in [1_000, fraction, 3, 60] {
        file.extend(put(value));
    }
    file.extend([1, 2, 3]);
    file
}

#[test]
fn classic_pcap_is_read_in_both_orders_and_both_resolutions() {
    for order in [ByteOrder::Little, ByteOrder::Big] {
        for (magic, fraction, nanos) in [
            (CLASSIC_MICROS, 5, 1_000_000_005_000),
            (CLASSIC_NANOS, 5, 1_000_000_000_005),
        ] {
            let file = classic(order, magic, fraction, 101);
            let packets: Vec<_> = Reader::new(file.as_slice())
                .expect("a capture")
                .collect::<Result<_, _>>()
                .expect("it can be read");
            let [packet] = packets.as_slice() else {
                panic!("one packet: {packets:?}");
            };
            assert_eq!(packet.at_nanos, nanos);
            assert_eq!(packet.frame, [1, 2, 3]);
            assert_eq!(packet.original_octets, 60);
            assert!(packet.is_cut());
            assert_eq!(packet.link, LinkType::RAW);
        }
    }
}

/// One block, in either byte order.
fn block_of(order: ByteOrder, kind: u32, body: &[u8]) -> Vec<u8> {
    let put = |value: u32| match order {
        ByteOrder::Little => value.to_le_bytes(),
        ByteOrder::Big => value.to_be_bytes(),
    };
    let length = (body.len() + 12) as u32;
    [&put(kind)[..], &put(length), body, &put(length)].concat()
}

#[test]
fn sections_of_both_orders_in_one_file_have_interfaces_of_their_own() {
    let mut file = Vec::new();
    for order in [ByteOrder::Big, ByteOrder::Little] {
        let put = |value: u32| match order {
            ByteOrder::Little => value.to_le_bytes(),
            ByteOrder::Big => value.to_be_bytes(),
        };
        let header = [&put(BYTE_ORDER)[..], &put(0x0001_0000), &[0xff; 8]].concat();
        file.extend(block_of(order, block::SECTION_HEADER, &header));
        // Link 1 in the half that comes first.
        let link = match order {
            ByteOrder::Little => [1, 0, 0, 0],
            ByteOrder::Big => [0, 1, 0, 0],
        };
        file.extend(block_of(
            order,
            block::INTERFACE_DESCRIPTION,
            &[&link[..], &put(0)].concat(),
        ));
        let packet: Vec<u8> = [0, 0, 7, 2, 2].into_iter().flat_map(put).collect();
        let packet = [&packet[..], &[8, 9, 0, 0]].concat();
        file.extend(block_of(order, block::ENHANCED_PACKET, &packet));
        file.extend(block_of(order, 0x0bad, &[0; 4]));
    }
    let packets: Vec<_> = Reader::new(file.as_slice())
        .expect("a capture")
        .collect::<Result<_, _>>()
        .expect("it can be read");
    let places: Vec<_> = packets.iter().map(|it| it.interface).collect();
    assert_eq!(places, [0, 1]);
    for packet in packets {
        assert_eq!(packet.link, LinkType::ETHERNET);
        assert_eq!((packet.at_nanos, packet.frame), (7_000, vec![8, 9]));
    }
}

#[test]
fn the_ip_packet_is_found_behind_every_link_header() {
    let mut packet = vec![0_u8; 20];
    (packet[0], packet[3]) = (0x45, 20);
    let ethernet = [&[0; 12][..], &[8, 0], &packet, &[0; 26]].concat();
    let tagged = [&[0; 12][..], &[0x81, 0, 0, 5, 8, 0], &packet].concat();
    for (link, frame) in [
        (LinkType::RAW, packet.clone()),
        (LinkType::IPV4, packet.clone()),
        (LinkType::NULL, [&[2, 0, 0, 0][..], &packet].concat()),
        (LinkType::LINUX_SLL, [&[0; 16][..], &packet].concat()),
        (LinkType::LINUX_SLL2, [&[0; 20][..], &packet].concat()),
        (LinkType::ETHERNET, ethernet),
        (LinkType::ETHERNET, tagged),
    ] {
        assert_eq!(link.ip_packet(&frame), Some(&packet[..]), "{link:?}");
    }
    let arp = [&[0; 12][..], &[8, 6], &packet].concat();
    assert_eq!(LinkType::ETHERNET.ip_packet(&arp), None);
    assert_eq!(LinkType(9_999).ip_packet(&packet), None);
}

#[test]
fn a_file_that_is_cut_or_twisted_anywhere_is_an_error_and_never_more() {
    let mut writer = Writer::new(Vec::new()).expect("memory takes it");
    let interface = writer
        .add_interface(&Interface::raw("x"))
        .expect("memory takes it");
    for at_nanos in 0..3 {
        writer
            .packet(&Written {
                interface,
                at_nanos,
                direction: Direction::In,
                octets: &[0x45; 30],
                comments: &["a comment".to_owned()],
                lost_before: 0,
            })
            .expect("memory takes it");
    }
    let good = writer.finish().expect("memory takes it");
    let read = |file: &[u8]| -> Result<usize, ReadError> {
        let mut packets = 0;
        for packet in Reader::new(file)? {
            packet?;
            packets += 1;
        }
        Ok(packets)
    };
    assert_eq!(read(&good).expect("it is good"), 3);
    for end in 0..good.len() {
        // Cut between two blocks it is a shorter capture, elsewhere it is none.
        if let Ok(packets) = read(&good[..end]) {
            assert!(packets < 3);
        }
    }
    let mut random = ChaCha12Rng::seed_from_u64(4);
    for _ in 0..5_000 {
        let mut twisted = good.clone();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..twisted.len());
            twisted[at] = random.next_u32() as u8;
        }
        let _ = read(&twisted);
    }
    let huge = [
        &classic(ByteOrder::Little, CLASSIC_NANOS, 0, 1)[..24],
        &[0xff; 16],
    ]
    .concat();
    assert!(matches!(read(&huge), Err(ReadError::BadLength { .. })));
    assert!(matches!(
        read(b"hello, world"),
        Err(ReadError::NoCapture { .. })
    ));
}
