//! RFC 1122 §3 and §4.1, RFC 768: what a host does with IPv4, ICMP and UDP.

use std::net::{IpAddr, SocketAddr};

use sidestep_stack::base::Duration;
use sidestep_stack::call::{CallRefused, Local, OpenSocket, SendDatagram};
use sidestep_stack::discard::Discard;
use sidestep_stack::event::SocketError;
use sidestep_stack::{Call, Event};
use sidestep_tests::craft::{
    Ip, More, echo_request, icmp, icmp_protocol, mend_ipv4_checksum, pattern, protocol, udp,
};
use sidestep_tests::host::Host;
use sidestep_tests::scene::{BOTH, Family, Peer, Scene};
use sidestep_tests::seen::{Payload, Seen};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A UDP datagram to `port` of the host, as a packet.
fn datagram(scene: &Scene, port: u16, octets: &[u8]) -> Vec<u8> {
    let ip = scene.ip();
    ip.packet(protocol::UDP, &udp(&ip, 6_000, port, octets))
}

/// Puts what left as fragments together again.
pub(crate) fn reassemble(sent: &[Seen]) -> Vec<u8> {
    let mut whole = Vec::new();
    for seen in sent {
        match &seen.payload {
            Payload::Fragment { offset, octets, .. } => {
                if whole.len() < offset + octets.len() {
                    whole.resize(offset + octets.len(), 0);
                }
                whole[*offset..offset + octets.len()].copy_from_slice(octets);
            }
            other => panic!("not a fragment: {other:?}"),
        }
    }
    whole
}

/// The echo reply among `sent`: its source and its data, put together if it was fragmented.
fn echo_reply(sent: &[Seen]) -> Option<(IpAddr, Vec<u8>)> {
    let first = sent.first()?;
    match &first.payload {
        Payload::Icmp { kind, rest, .. } if [0, 129].contains(kind) => {
            Some((first.ip.source, rest.clone()))
        }
        Payload::Fragment { .. } => {
            let whole = reassemble(sent);
            [0, 129]
                .contains(&whole[0])
                .then(|| (first.ip.source, whole[8..].to_vec()))
        }
        _ => None,
    }
}

#[test]
fn rfc1122_01_a_version_other_than_four_or_six_is_dropped() {
    let mut scene = Scene::new(Family::V4);
    for version in [0, 1, 5, 7, 15] {
        let mut packet = echo_request(&scene.ip(), 1, 1, b"data");
        packet[0] = (version << 4) | 5;
        mend_ipv4_checksum(&mut packet);
        scene.host.arrives(&packet);
        scene.silence();
    }
    assert_eq!(scene.host.count(Discard::IpVersion), 5);
}

#[test]
fn rfc1122_02_a_flipped_bit_in_the_header_draws_no_answer() {
    let mut scene = Scene::new(Family::V4);
    let packet = echo_request(&scene.ip(), 1, 1, b"data");
    for bit in 0..160 {
        let mut flipped = packet.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let before = scene.host.discards();
        scene.host.arrives(&flipped);
        scene.silence();
        assert_eq!(scene.host.discards(), before + 1, "bit {bit}");
    }
    scene.host.arrives(&packet);
    assert!(echo_reply(&scene.host.all_sent()).is_some());
}

#[test]
fn rfc1122_03_what_is_for_others_is_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        scene.listener();
        let other = Ip::new(family.them(), family.address(77));
        scene.host.arrives(&echo_request(&other, 1, 1, b"data"));
        let mut syn = scene.syn(&Peer::default());
        syn.ip = other;
        scene.send(&syn);
        scene.silence_for(secs(3));
        assert_eq!(scene.host.count(Discard::NotForUs), 2);
    }
}

/// Sources that cannot be one host.
fn martians(family: Family) -> Vec<IpAddr> {
    match family {
        Family::V4 => vec![
            IpAddr::from([255, 255, 255, 255]),
            IpAddr::from([192, 0, 2, 255]),
            IpAddr::from([224, 0, 0, 1]),
            IpAddr::from([239, 255, 255, 255]),
            IpAddr::from([127, 0, 0, 1]),
            IpAddr::from([127, 1, 2, 3]),
            IpAddr::from([240, 0, 0, 1]),
        ],
        Family::V6 => vec![
            IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 1]),
            IpAddr::from([0xff0e, 0, 0, 0, 0, 0, 0, 1]),
        ],
    }
}

#[test]
fn rfc1122_04_impossible_sources_are_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        scene.listener();
        let socket = scene.host.open_udp(5_000);
        for source in martians(family) {
            let ip = Ip::new(source, family.us());
            let mut syn = scene.syn(&Peer::default());
            syn.ip = ip.clone();
            for packet in [
                echo_request(&ip, 1, 1, b"data"),
                ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_000, b"data")),
                ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_001, b"data")),
                syn.packet(),
            ] {
                scene.host.arrives(&packet);
                scene.silence();
            }
        }
        assert!(scene.host.receive_udp(socket).is_none());
        let dropped = 4 * martians(family).len() as u64;
        assert_eq!(scene.host.discards(), dropped);
    }
}

#[test]
fn rfc1122_05_packets_leave_from_an_address_of_ours_and_never_from_loopback() {
    // `Seen` fails every test in which a packet leaves from or to loopback or a group.
    let mut scene = Scene::new(Family::V4);
    let server = scene.host.open_udp(5_000);
    let client = scene.host.open_udp(5_001);
    let ourselves = SocketAddr::from(([127, 0, 0, 1], 5_000));
    scene
        .host
        .send_udp(client, Some(ourselves), b"to ourselves");
    scene.silence();
    let got = scene.host.receive_udp(server).unwrap();
    assert_eq!(&got.octets[..], b"to ourselves");
    for family in BOTH {
        let remote = SocketAddr::new(family.them(), 9);
        scene.host.send_udp(client, Some(remote), b"out");
        let (_, seen) = scene.host.next_sent().unwrap();
        assert_eq!(seen.ip.source, family.us());
    }
}

#[test]
fn rfc1122_06_a_ttl_of_one_or_zero_reaches_us() {
    let mut scene = Scene::new(Family::V4);
    for ttl in [2, 1, 0] {
        let ip = scene.ip().hop_limit(ttl);
        scene.host.arrives(&echo_request(&ip, 1, 1, b"data"));
        let sent = scene.host.all_sent();
        assert!(echo_reply(&sent).is_some(), "TTL {ttl}");
        assert!(sent[0].ip.hop_limit > 1);
    }
}

#[test]
fn rfc1122_07_unknown_options_are_ignored_and_impossible_ones_do_not_loop() {
    for (options, answered) in [
        (&[0x88, 0, 1, 1][..], false),
        (&[0x88, 1, 1, 1], false),
        (&[0x88, 5, 1, 1], false),
        (&[1, 1, 1, 0x88], false),
        (&[0x88, 4, 1, 1], true),
        (&[1, 1, 1, 0], true),
        (&[0x1e, 4, 9, 9], true),
    ] {
        let mut scene = Scene::new(Family::V4);
        let ip = scene.ip().options(options);
        scene.host.arrives(&echo_request(&ip, 1, 1, b"data"));
        let reply = echo_reply(&scene.host.all_sent());
        assert_eq!(reply.is_some(), answered, "{options:02x?}");
        assert_eq!(scene.host.count(Discard::Ipv4Option), u64::from(!answered));
    }
}

#[test]
fn rfc1122_08_header_and_total_length_are_checked_against_the_frame() {
    let mut scene = Scene::new(Family::V4);
    let good = echo_request(&scene.ip(), 1, 1, b"four");
    let with = |first: u8, total: u16, frame: usize| {
        let mut packet = good.clone();
        packet.resize(frame.max(20), 0);
        packet[0] = first;
        packet[2..4].copy_from_slice(&total.to_be_bytes());
        mend_ipv4_checksum(&mut packet);
        packet.truncate(frame);
        packet
    };
    let length = good.len();
    let total = length as u16;
    for packet in [
        with(0x44, total, length),
        with(0x40, total, length),
        with(0x4f, 20, 20),
        with(0x45, 19, length),
        with(0x45, 0, length),
        with(0x45, total + 1, length),
        with(0x45, 65_535, length),
        with(0x45, total, length - 1),
        with(0x45, total, 19),
        with(0x45, total, 1),
        Vec::new(),
    ] {
        let before = scene.host.discards();
        scene.host.arrives(&packet);
        scene.silence();
        assert_eq!(scene.host.discards(), before + 1, "{packet:02x?}");
    }
    // Below the frame: link padding, which is no part of the data.
    scene.host.arrives(&with(0x45, total, length + 18));
    let (_, data) = echo_reply(&scene.host.all_sent()).unwrap();
    assert_eq!(data, b"four");
}

#[test]
fn rfc1122_09_icmp_of_unknown_type_is_dropped() {
    for (family, kinds) in [
        (Family::V4, [44, 1, 2, 255]),
        (Family::V6, [200, 201, 254, 255]),
    ] {
        let mut scene = Scene::new(family);
        for kind in kinds {
            let ip = scene.ip();
            let message = icmp(&ip, kind, 0, [0; 4], b"data");
            scene
                .host
                .arrives(&ip.packet(icmp_protocol(ip.source), &message));
            scene.silence_for(secs(1));
        }
        assert_eq!(scene.host.count(Discard::IcmpUnknown), 4);
    }
}

#[test]
fn rfc1122_10_no_icmp_error_about_what_must_not_draw_one() {
    let mut scene = Scene::new(Family::V4);
    let ip = scene.ip();
    let closed = udp(&ip, 6_000, 5_001, b"data");
    // About an ICMP error.
    let error = icmp(&ip, 3, 3, [0; 4], &ip.packet(253, b"0123456789"));
    scene.host.arrives(&ip.packet(protocol::ICMP_V4, &error));
    // About a broadcast and a group.
    for destination in [[255, 255, 255, 255], [192, 0, 2, 255], [224, 0, 0, 1]] {
        let ip = Ip::new(Family::V4.them(), IpAddr::from(destination));
        scene
            .host
            .arrives(&ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_001, b"data")));
        scene.host.arrives(&ip.packet(253, b"unknown protocol"));
    }
    // About a fragment that is not the first.
    scene
        .host
        .arrives(&ip.fragment(protocol::UDP, 3, More::Nothing, &closed));
    scene
        .host
        .arrives(&ip.fragment(253, 3, More::Fragments, &pattern(0, 16)));
    // About a source that is not one host.
    for source in [
        [0, 0, 0, 0],
        [255, 255, 255, 255],
        [224, 0, 0, 9],
        [127, 0, 0, 1],
    ] {
        let ip = Ip::new(IpAddr::from(source), Family::V4.us());
        scene
            .host
            .arrives(&ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_001, b"data")));
    }
    scene.silence_for(secs(200));
}

#[test]
fn rfc1122_11_an_icmp_error_quotes_the_packet_unchanged() {
    for octets in [0, 1, 8, 100, 1_400] {
        let mut scene = Scene::new(Family::V4);
        let packet = datagram(&scene, 5_001, &pattern(0, octets));
        scene.host.arrives(&packet);
        let sent = scene.host.all_sent();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].icmp(), Some((3, 3)));
        assert_eq!(sent[0].ip.destination, Family::V4.them());
        let Payload::Icmp { rest, word, .. } = &sent[0].payload else {
            panic!("no ICMP");
        };
        assert_eq!(*word, [0; 4]);
        assert!(rest.len() >= 28 && sent[0].octets.len() <= 576);
        assert_eq!(rest[..], packet[..rest.len()]);
    }
}

#[test]
fn rfc1122_11_an_icmp_error_reaches_the_socket_that_it_quotes() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let remote = scene.remote(9);
        let open = |host: &mut Host, port| {
            host.open_udp_with(OpenSocket {
                local: Local {
                    port,
                    ..Local::default()
                },
                remote: Some(remote),
                ..Default::default()
            })
            .0
        };
        let one = open(&mut scene.host, 5_000);
        let other = open(&mut scene.host, 5_001);
        scene.host.send_udp(one, None, b"to nobody");
        let (_, packet) = scene.host.next_sent().unwrap();
        scene.host.all_events();
        let (kind, code) = match family {
            Family::V4 => (3, 3),
            Family::V6 => (1, 4),
        };
        let error =
            super::rfc9293_lower_layer::error_about(family, kind, code, [0; 4], &packet.octets);
        scene.host.arrives(&error);
        assert!(scene.host.told(&Event::DatagramArrived(one)));
        assert_eq!(
            scene.host.try_send_udp(one, None, b"again"),
            Err(CallRefused::Pending(SocketError::Refused))
        );
        // Told once, and not to the other.
        assert!(scene.host.try_send_udp(one, None, b"again").is_ok());
        assert!(scene.host.try_send_udp(other, None, b"mine").is_ok());
    }
}

#[test]
fn rfc1122_12_no_port_and_no_protocol_are_reported() {
    let mut scene = Scene::new(Family::V4);
    let packet = datagram(&scene, 5_001, b"data");
    scene.host.arrives(&packet);
    assert_eq!(scene.host.all_sent()[0].icmp(), Some((3, 3)));
    let ip = scene.ip();
    scene.host.arrives(&ip.packet(253, b"no such protocol"));
    assert_eq!(scene.host.all_sent()[0].icmp(), Some((3, 2)));
    // It can be switched off.
    let mut scene = Scene::with(Family::V4, |config| config.icmp_errors_per_second = 0);
    scene.host.advance(secs(10));
    for _ in 0..20 {
        scene.host.arrives(&packet);
    }
    let sent = scene.host.all_sent();
    assert!(sent.len() <= 10, "only the first burst may leave");
}

#[test]
fn rfc1122_13_echo_gives_the_same_data_from_the_address_that_was_asked() {
    let mut scene = Scene::new(Family::V4);
    scene.host.add_address(Family::V4.address(2), 24);
    for address in [Family::V4.us(), Family::V4.address(2)] {
        for octets in [0, 1, 7, 1_472, 1_473, 20_000, 65_507] {
            let data = pattern(3, octets);
            let ip = Ip::new(Family::V4.them(), address).id(octets as u32);
            let message = icmp(&ip, 8, 0, [1, 2, 3, 4], &data);
            if octets <= 1_472 {
                scene.host.arrives(&ip.packet(protocol::ICMP_V4, &message));
            } else {
                for fragment in ip.fragments(protocol::ICMP_V4, &message, 1_480) {
                    scene.host.arrives(&fragment);
                }
            }
            let sent = scene.host.all_sent();
            let (source, reply) = echo_reply(&sent).unwrap_or_else(|| panic!("{octets} octets"));
            assert_eq!(source, address);
            assert!(reply == data, "{octets} octets");
            assert!(sent.iter().all(|seen| seen.octets.len() <= 1_500));
        }
    }
}

#[test]
fn rfc1122_14_echo_to_a_group_is_not_answered() {
    let mut scene = Scene::new(Family::V4);
    for destination in [[255, 255, 255, 255], [192, 0, 2, 255], [224, 0, 0, 1]] {
        let ip = Ip::new(Family::V4.them(), IpAddr::from(destination));
        scene.host.arrives(&echo_request(&ip, 1, 1, b"data"));
        scene.silence_for(secs(1));
    }
    assert_eq!(scene.host.discards(), 3);
}

#[test]
fn rfc1122_15_a_redirect_changes_nothing_and_none_is_sent() {
    let mut scene = Scene::new(Family::V4);
    let socket = scene.host.open_udp(5_000);
    let remote = SocketAddr::from(([198, 51, 100, 7], 9));
    scene.host.send_udp(socket, Some(remote), b"first");
    let (_, before) = scene.host.next_sent().unwrap();
    let ip = Ip::new(Family::V4.address(254), Family::V4.us());
    let redirect = icmp(&ip, 5, 1, [192, 0, 2, 66], &before.octets[..28]);
    scene.host.arrives(&ip.packet(protocol::ICMP_V4, &redirect));
    assert_eq!(scene.host.count(Discard::IcmpRedirect), 1);
    scene.silence();
    scene.host.send_udp(socket, Some(remote), b"first");
    let (_, after) = scene.host.next_sent().unwrap();
    assert_eq!(after.payload, before.payload);
    assert_eq!(after.ip.destination, before.ip.destination);
}

#[test]
fn rfc1122_18_an_answer_leaves_from_the_address_that_was_asked() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let second = family.address(2);
        scene
            .host
            .add_address(second, if family == Family::V4 { 24 } else { 64 });
        let socket = scene.host.open_udp(5_000);
        for address in [family.us(), second] {
            let ip = Ip::new(family.them(), address);
            scene
                .host
                .arrives(&ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_000, b"question")));
            let got = scene.host.receive_udp(socket).unwrap();
            assert_eq!(got.destination, address);
            scene.host.call(Call::SendDatagram {
                socket,
                datagram: SendDatagram {
                    remote: Some(got.remote),
                    source: Some(got.destination),
                    octets: bytes::Bytes::from_static(b"answer"),
                    hop_limit: None,
                    traffic_class: None,
                },
            });
            let (_, seen) = scene.host.next_sent().unwrap();
            assert_eq!(seen.ip.source, address);
        }
    }
}

#[test]
fn rfc1122_20_port_unreachable_is_rate_limited() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let packet = datagram(&scene, 5_001, b"data");
        let mut answers = 0;
        for _ in 0..100 {
            scene.host.arrives(&packet);
            answers += scene.host.all_sent().len();
            scene.host.advance(Duration::from_millis(10));
        }
        assert!((1..=21).contains(&answers), "{answers} errors in a second");
        assert_eq!(
            scene.host.count(Discard::IcmpRateLimited),
            100 - answers as u64
        );
    }
}

#[test]
fn rfc1122_21_a_connected_socket_hears_that_nobody_listens() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let (socket, _) = scene.host.open_udp_with(OpenSocket {
            local: Local::default(),
            remote: Some(scene.remote(9)),
            ..Default::default()
        });
        scene.host.send_udp(socket, None, b"anybody?");
        let (_, packet) = scene.host.next_sent().unwrap();
        let (kind, code) = match family {
            Family::V4 => (3, 3),
            Family::V6 => (1, 4),
        };
        let error =
            super::rfc9293_lower_layer::error_about(family, kind, code, [0; 4], &packet.octets);
        scene.host.arrives(&error);
        assert_eq!(
            scene.host.try_call(Call::ReceiveDatagram(socket)),
            Err(CallRefused::Pending(SocketError::Refused))
        );
    }
}

#[test]
fn rfc1122_22_checksums_of_udp() {
    let mut scene = Scene::new(Family::V4);
    let socket = scene.host.open_udp(5_000);
    // Wrong: silence.
    let ip = scene.ip();
    let mut payload = udp(&ip, 6_000, 5_000, b"wrong");
    payload[6] ^= 0x55;
    scene.host.arrives(&ip.packet(protocol::UDP, &payload));
    scene.silence();
    assert!(scene.host.receive_udp(socket).is_none());
    assert_eq!(scene.host.count(Discard::UdpChecksum), 1);
    // None: delivered.
    let mut payload = udp(&ip, 6_000, 5_000, b"none");
    payload[6..8].copy_from_slice(&[0, 0]);
    scene.host.arrives(&ip.packet(protocol::UDP, &payload));
    assert_eq!(&scene.host.receive_udp(socket).unwrap().octets[..], b"none");
    // Ours: a sum of zero is sent as all ones. The text is what makes the sum zero.
    let remote = scene.remote(9);
    scene.host.send_udp(socket, Some(remote), &[0, 0]);
    let (_, seen) = scene.host.next_sent().unwrap();
    let Payload::Udp { checksum, .. } = seen.payload else {
        panic!("no UDP");
    };
    scene
        .host
        .send_udp(socket, Some(remote), &checksum.to_be_bytes());
    let (_, seen) = scene.host.next_sent().unwrap();
    let Payload::Udp { checksum, .. } = seen.payload else {
        panic!("no UDP");
    };
    assert_eq!(checksum, 0xffff);
}

#[test]
fn rfc1122_23_a_datagram_says_which_address_it_was_sent_to() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let second = family.address(2);
        scene
            .host
            .add_address(second, if family == Family::V4 { 24 } else { 64 });
        let socket = scene.host.open_udp(5_000);
        for address in [second, family.us()] {
            let ip = Ip::new(family.them(), address);
            scene
                .host
                .arrives(&ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_000, b"hello")));
            let got = scene.host.receive_udp(socket).unwrap();
            assert_eq!(got.destination, address);
            assert_eq!(got.remote, SocketAddr::new(family.them(), 6_000));
        }
    }
}

#[test]
fn rfc768_01_the_length_of_a_datagram_is_checked() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let socket = scene.host.open_udp(5_000);
        for (length, delivered) in [
            (0_u16, None),
            (1, None),
            (7, None),
            (8, Some(0)),
            (12, Some(4)),
            (18, Some(10)),
            (19, None),
            (65_535, None),
        ] {
            let ip = scene.ip();
            let mut payload = udp(&ip, 6_000, 5_000, b"ten octets");
            payload[4..6].copy_from_slice(&length.to_be_bytes());
            // The checksum covers as much as the length says.
            let covered = usize::from(length).clamp(8, 18);
            sidestep_tests::craft::fill_checksum(&ip, protocol::UDP, &mut payload[..covered], 6);
            scene.host.arrives(&ip.packet(protocol::UDP, &payload));
            let got = scene.host.receive_udp(socket).map(|got| got.octets.len());
            assert_eq!(got, delivered, "length {length}");
            scene.silence();
        }
        assert_eq!(scene.host.count(Discard::UdpLength), 5);
    }
}

#[test]
fn rfc768_02_an_empty_datagram_is_a_message() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let socket = scene.host.open_udp(5_000);
        let packet = datagram(&scene, 5_000, b"");
        scene.host.arrives(&packet);
        assert!(scene.host.told(&Event::DatagramArrived(socket)));
        let got = scene.host.receive_udp(socket).unwrap();
        assert!(got.octets.is_empty());
        assert_eq!(got.remote, scene.remote(6_000));
        assert!(scene.host.receive_udp(socket).is_none());
        // Ours, too.
        scene.host.send_udp(socket, Some(got.remote), b"");
        let (_, seen) = scene.host.next_sent().unwrap();
        assert!(matches!(seen.payload, Payload::Udp { octets, .. } if octets.is_empty()));
    }
}

#[test]
fn bad_70_a_length_below_eight_or_beyond_the_packet_is_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let socket = scene.host.open_udp(5_000);
        let ip = scene.ip();
        let mut dropped = 12;
        for octets in 0..8 {
            scene
                .host
                .arrives(&ip.packet(protocol::UDP, &pattern(0, octets)));
            // An IPv6 packet whose payload length is zero is dropped before UDP sees it (RFC 2675).
            dropped += u64::from(octets > 0 || family == Family::V4);
        }
        for length in (0..8).chain([19, 20, 1_000, 65_535]) {
            let mut payload = udp(&ip, 6_000, 5_000, b"ten octets");
            payload[4..6].copy_from_slice(&(length as u16).to_be_bytes());
            scene.host.arrives(&ip.packet(protocol::UDP, &payload));
        }
        scene.silence();
        assert!(scene.host.receive_udp(socket).is_none());
        assert_eq!(scene.host.count(Discard::UdpLength), dropped);
    }
}

#[test]
fn bad_71_port_zero_and_two_services_that_answer_each_other() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let echo = scene.host.open_udp(5_000);
        let ip = scene.ip();
        scene
            .host
            .arrives(&ip.packet(protocol::UDP, &udp(&ip, 0, 5_000, b"no answer wanted")));
        let got = scene.host.receive_udp(echo).unwrap();
        assert_eq!(got.remote.port(), 0);
        assert!(
            scene
                .host
                .try_send_udp(echo, Some(got.remote), b"x")
                .is_err()
        );
        // Two sockets of ours: what one sends to the other comes once, and nothing comes by itself.
        let other = scene.host.open_udp(5_001);
        let us = SocketAddr::new(family.us(), 5_000);
        scene.host.send_udp(other, Some(us), b"ping");
        scene.host.advance(secs(1));
        assert!(scene.host.receive_udp(echo).is_some());
        assert!(scene.host.receive_udp(echo).is_none());
        assert!(scene.host.receive_udp(other).is_none());
        scene.silence();
    }
}

#[test]
fn bad_72_a_flood_fills_one_queue_and_disturbs_no_other() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flooded = scene.host.open_udp(5_000);
        let quiet = scene.host.open_udp(5_001);
        let packet = datagram(&scene, 5_000, &pattern(0, 1_000));
        for _ in 0..5_000 {
            scene.host.arrives(&packet);
        }
        assert!(scene.host.count(Discard::UdpQueueFull) >= 3_900);
        assert!(scene.host.stack.counters().datagram_octets <= 1_048_576 + 65_536);
        let packet = datagram(&scene, 5_001, b"quiet");
        scene.host.arrives(&packet);
        assert_eq!(&scene.host.receive_udp(quiet).unwrap().octets[..], b"quiet");
        let mut left = 0;
        while scene.host.receive_udp(flooded).is_some() {
            left += 1;
        }
        assert!((1..=1_100).contains(&left));
        assert_eq!(scene.host.stack.counters().datagram_octets, 0);
    }
}
