use super::*;

/// A header with `options`, whose length is a multiple of four.
fn with_options(options: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut octets = packet_v4(header_v4(), payload);
    let total = (octets.len() + options.len()) as u16;
    octets[0] = 0x45 + (options.len() / 4) as u8;
    octets[2..4].copy_from_slice(&total.to_be_bytes());
    octets.splice(20..20, options.iter().copied());
    mend_checksum(&mut octets);
    octets
}

fn mend_checksum(octets: &mut [u8]) {
    let end = usize::from(octets[0] & 15) * 4;
    octets[10..12].fill(0);
    let checksum = crate::wire::checksum::Sum::of(&octets[..end.min(octets.len())]).checksum();
    octets[10..12].copy_from_slice(&checksum.to_be_bytes());
}

#[test]
fn rfc1122_01_other_versions_are_dropped() {
    for version in [0, 5, 7, 15] {
        let mut octets = packet_v4(header_v4(), b"payload!");
        octets[0] = version << 4 | 5;
        Host::new().drops(octets, Discard::IpVersion);
    }
    Host::new().drops(Vec::new(), Discard::IpTruncated);
}

#[test]
fn rfc1122_02_any_flipped_bit_of_the_header_is_noticed() {
    for bit in 0..160 {
        let mut octets = packet_v4(header_v4(), b"payload!");
        octets[bit / 8] ^= 1 << (bit % 8);
        let mut host = Host::new();
        assert!(matches!(host.arrives(octets), Input::Nothing));
        assert_eq!(host.around.discards.total(), 1);
    }
}

#[test]
fn rfc1122_03_what_is_not_for_us_is_dropped_silently() {
    for destination in [
        "192.0.2.3",
        "198.51.100.1",
        "0.0.0.0",
        "224.0.0.2",
        "127.0.0.1",
    ] {
        let destination = destination.parse().unwrap();
        let header = Ipv4Header {
            destination,
            ..header_v4()
        };
        Host::new().drops(packet_v4(header, b"x"), Discard::NotForUs);
    }
}

#[test]
fn rfc1122_04_and_bad_11_an_impossible_source_is_dropped_silently() {
    for (source, reason) in [
        ("0.0.0.0", Discard::MartianSource),
        ("0.1.2.3", Discard::MartianSource),
        ("127.0.0.1", Discard::MartianSource),
        ("127.9.9.9", Discard::MartianSource),
        ("224.0.0.1", Discard::MartianSource),
        ("240.0.0.1", Discard::MartianSource),
        ("255.255.255.255", Discard::MartianSource),
        ("192.0.2.255", Discard::MartianSource),
        ("192.0.2.0", Discard::MartianSource),
        ("192.0.2.1", Discard::OwnSource),
    ] {
        let header = Ipv4Header {
            source: source.parse().unwrap(),
            ..header_v4()
        };
        Host::new().drops(packet_v4(header, b"x"), reason);
    }
    let header = Ipv4Header {
        source: Ipv4Addr::new(223, 255, 255, 254),
        ..header_v4()
    };
    Host::new().delivers(packet_v4(header, b"x"));
}

#[test]
fn rfc1122_06_a_time_to_live_of_zero_or_one_is_no_reason_to_drop() {
    for hop_limit in [0, 1] {
        let header = Ipv4Header {
            hop_limit,
            ..header_v4()
        };
        assert_eq!(
            Host::new().delivers(packet_v4(header, b"x")).hop_limit,
            hop_limit
        );
    }
}

#[test]
fn rfc1122_07_and_bad_07_options_are_walked_and_never_looped_over() {
    for kind in 2..=255_u8 {
        for length in [0, 1, 2, 40, 255] {
            let mut options = [1_u8; 40];
            options[0] = kind;
            options[1] = length;
            let mut host = Host::new();
            let input = host.arrives(with_options(&options, b"x"));
            let is_route = kind == 131 || kind == 137;
            let delivered = matches!(length, 2 | 40) && !is_route;
            assert_eq!(
                matches!(input, Input::Deliver(_)),
                delivered,
                "{kind} {length}"
            );
        }
    }
    Host::new().drops(with_options(&[0x88, 0, 0, 0], b"x"), Discard::Ipv4Option);
    let datagram = Host::new().delivers(with_options(&[0x88, 4, 0, 0], b"x"));
    assert_eq!(&datagram.payload[..], b"x");
}

#[test]
fn bad_08_source_routes_are_dropped() {
    for kind in [131, 137] {
        let options = [kind, 7, 4, 198, 51, 100, 1, 0];
        Host::new().drops(with_options(&options, b"x"), Discard::SourceRoute);
    }
}

#[test]
fn rfc1122_08_and_bad_01_lengths_must_agree_and_padding_is_trimmed() {
    let plain = packet_v4(header_v4(), b"payload!");
    for frame in 0..plain.len() {
        let mut host = Host::new();
        assert!(matches!(
            host.arrives(plain[..frame].to_vec()),
            Input::Nothing
        ));
        assert_eq!(host.around.discards.total(), 1);
    }
    let mut padded = plain.clone();
    padded.extend([0; 18]);
    let datagram = Host::new().delivers(padded);
    assert_eq!(&datagram.payload[..], b"payload!");
    assert_eq!(datagram.packet, plain);

    for words in 0..=15_u8 {
        for total in [0_u16, 1, 19, 20, 21, 27, 28, 29, 65_535] {
            let mut octets = plain.clone();
            octets[0] = 0x40 | words;
            octets[2..4].copy_from_slice(&total.to_be_bytes());
            mend_checksum(&mut octets);
            let input = Host::new().arrives(octets);
            let header_octets = u16::from(words) * 4;
            if words < 5 || total < header_octets || total > 28 {
                assert!(matches!(input, Input::Nothing), "{words} {total}");
            }
            if let Input::Deliver(datagram) = input {
                assert_eq!(datagram.payload.len(), usize::from(total - header_octets));
            }
        }
    }
}

#[test]
fn rfc6864_01_atomic_datagrams_with_equal_identification_are_both_delivered() {
    let mut host = Host::new();
    host.delivers(packet_v4(header_v4(), b"one"));
    host.delivers(packet_v4(header_v4(), b"two"));
}

#[test]
fn groups_and_broadcasts_say_so() {
    for (destination, cast) in [
        ("192.0.2.1", Cast::Unicast),
        ("192.0.2.255", Cast::Broadcast),
        ("255.255.255.255", Cast::Broadcast),
        ("224.0.0.1", Cast::Multicast),
    ] {
        let header = Ipv4Header {
            destination: destination.parse().unwrap(),
            ..header_v4()
        };
        assert_eq!(Host::new().delivers(packet_v4(header, b"x")).cast, cast);
    }
}

#[test]
fn bad_17_ourselves_may_be_any_of_our_addresses_but_nobody_else() {
    for (source, destination, delivered) in [
        ("127.0.0.1", "127.9.9.9", true),
        ("192.0.2.1", "192.0.2.1", true),
        ("192.0.2.1", "127.0.0.1", true),
        ("192.0.2.2", "192.0.2.1", false),
        ("192.0.2.1", "192.0.2.2", false),
    ] {
        let header = Ipv4Header {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            ..header_v4()
        };
        let packet = Packet::new(packet_v4(header, b"x").into());
        let input = Host::new().arrives_as(packet, Arrival::Loopback);
        assert_eq!(matches!(input, Input::Deliver(_)), delivered, "{source}");
    }
}

#[test]
fn bad_10_a_tunnel_is_a_protocol_like_any_other() {
    for protocol in [4, 41, 47, 253] {
        let inner = packet_v4(header_v4(), b"x");
        let header = Ipv4Header {
            protocol: Protocol(protocol),
            ..header_v4()
        };
        let datagram = Host::new().delivers(packet_v4(header, &inner));
        assert_eq!(datagram.protocol, Protocol(protocol));
        assert_eq!(datagram.protocol_pointer, 9);
        assert_eq!(datagram.payload, inner);
    }
}

#[test]
fn a_superpacket_passes_with_what_the_device_vouches_for() {
    let packet = Packet {
        octets: packet_v4(header_v4(), &[5; 4_000]).into(),
        checksum: ReceivedChecksum::Vouched,
        segment_octets: Some(1_400),
    };
    let Input::Deliver(datagram) = Host::new().arrives_as(packet, Arrival::Device) else {
        panic!("not delivered");
    };
    assert_eq!(datagram.checksum, ReceivedChecksum::Vouched);
    assert_eq!(datagram.segment_octets, Some(1_400));
}

#[test]
fn fragments_become_a_datagram_that_quotes_the_first_of_them() {
    let mut host = Host::new();
    let first = Ipv4Header {
        more_fragments: true,
        ..header_v4()
    };
    let last = Ipv4Header {
        fragment_offset_octets: 16,
        hop_limit: 9,
        ..header_v4()
    };
    let first = packet_v4(first, b"0123456789abcdef");
    assert!(matches!(
        host.arrives(packet_v4(last, b"the end")),
        Input::Nothing
    ));
    assert_eq!(host.ip.next_deadline(), Some(START + millis(60_000)));
    let datagram = host.delivers(first.clone());
    assert_eq!(&datagram.payload[..], b"0123456789abcdefthe end");
    assert_eq!(datagram.packet, first);
    assert_eq!(datagram.hop_limit, 64);
    assert_eq!(datagram.checksum, ReceivedChecksum::Unverified);
    assert_eq!(host.ip.next_deadline(), None);
}

#[test]
fn bad_06_a_header_split_across_fragments_comes_together_as_it_was_sent() {
    // Offset 1 cannot rewrite what fragment zero said.
    let mut host = Host::new();
    let first = Ipv4Header {
        more_fragments: true,
        protocol: Protocol::TCP,
        ..header_v4()
    };
    let rewrite = Ipv4Header {
        fragment_offset_octets: 8,
        more_fragments: true,
        ..first
    };
    let last = Ipv4Header {
        fragment_offset_octets: 24,
        more_fragments: false,
        ..first
    };
    host.arrives(packet_v4(first, &[1; 16]));
    host.drops(packet_v4(rewrite, &[2; 16]), Discard::FragmentOverlap);
    host.drops(packet_v4(last, &[3; 16]), Discard::FragmentOverlap);

    let first = Ipv4Header {
        identification: 8,
        ..first
    };
    let rest = Ipv4Header {
        fragment_offset_octets: 8,
        more_fragments: false,
        ..first
    };
    host.arrives(packet_v4(first, &[1; 8]));
    let datagram = host.delivers(packet_v4(rest, &[2; 12]));
    assert_eq!(&datagram.payload[..], [&[1; 8][..], &[2; 12][..]].concat());
}

#[test]
fn a_reassembly_timeout_is_reported_once() {
    let mut host = Host::new();
    let first = Ipv4Header {
        more_fragments: true,
        ..header_v4()
    };
    host.arrives(packet_v4(first, b"01234567"));
    let deadline = host.ip.next_deadline().unwrap();
    let mut cx = host.around.at(deadline);
    host.ip.time_passes(&mut cx);
    let report = host.ip.next_report().unwrap();
    assert_eq!(report.source, IpAddr::V4(PEER_V4));
    assert_eq!(report.destination, IpAddr::V4(US_V4));
    assert!(host.ip.next_report().is_none());
}
