//! RFC 8200, RFC 5095, RFC 8504, RFC 2675: the IPv6 header and its chain of extension headers.

use std::net::IpAddr;

use sidestep_stack::base::Duration;
use sidestep_stack::discard::Discard;
use sidestep_tests::craft::{Ip, echo_request, icmp, pattern, protocol, udp};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{Family, Peer, Scene};
use sidestep_tests::seen::Payload;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An options header (hop-by-hop or destination): `options` padded with PadN to eight octets.
pub(crate) fn options_header(next: u8, options: &[u8]) -> Vec<u8> {
    let mut header = vec![next, 0];
    header.extend(options);
    let missing = (8 - header.len() % 8) % 8;
    match missing {
        0 => {}
        1 => header.push(0),
        more => {
            header.extend([1, more as u8 - 2]);
            header.resize(header.len() + more - 2, 0);
        }
    }
    header[1] = (header.len() / 8 - 1) as u8;
    header
}

/// A routing header of this type with so many segments left and one address.
fn routing_header(next: u8, kind: u8, segments_left: u8) -> Vec<u8> {
    let mut header = vec![next, 2, kind, segments_left, 0, 0, 0, 0];
    header.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x66]);
    header
}

/// An echo request behind `chain`, whose first header has number `first`.
fn echo_behind(ip: &Ip, first: u8, chain: &[u8]) -> Vec<u8> {
    let echo = icmp(ip, 128, 0, [0, 1, 0, 2], b"behind");
    ip.packet(first, &[chain, &echo].concat())
}

/// What the host says to a packet: type, code and pointer of an ICMPv6 message, or nothing.
fn answer(scene: &mut Scene, packet: &[u8]) -> Option<(u8, u8, u32)> {
    scene.host.advance(secs(2));
    scene.host.all_sent();
    scene.host.arrives(packet);
    let sent = scene.host.all_sent();
    assert!(sent.len() <= 1, "{} answers", sent.len());
    sent.first().map(|seen| match &seen.payload {
        Payload::Icmp {
            kind, code, word, ..
        } => (*kind, *code, u32::from_be_bytes(*word)),
        other => panic!("{other:?}"),
    })
}

const ECHO_REPLY: Option<(u8, u8, u32)> = Some((129, 0, 0x0001_0002));

fn scene() -> (Scene, Ip) {
    let scene = Scene::new(Family::V6);
    let ip = scene.ip();
    (scene, ip)
}

#[test]
fn rfc8200_01_a_hop_limit_of_zero_reaches_us() {
    let (mut scene, ip) = scene();
    for hop_limit in [2, 1, 0] {
        scene
            .host
            .arrives(&echo_request(&ip.clone().hop_limit(hop_limit), 1, 2, b"x"));
        assert_eq!(scene.host.all_sent()[0].icmp(), Some((129, 0)));
    }
}

#[test]
fn rfc8200_02_extension_headers_in_any_order_and_hop_by_hop_first() {
    let (mut scene, ip) = scene();
    let next = |next| options_header(next, &[]);
    let destination = protocol::DESTINATION_OPTIONS;
    let chain = [
        next(destination),
        next(protocol::ROUTING),
        routing_header(destination, 0, 0),
        next(protocol::ICMP_V6),
    ]
    .concat();
    let packet = echo_behind(&ip, protocol::HOP_BY_HOP, &chain);
    assert_eq!(answer(&mut scene, &packet), ECHO_REPLY);
    // Hop-by-hop as the second one: the next-header field of the first is at octet 40.
    let chain = [next(protocol::HOP_BY_HOP), next(protocol::ICMP_V6)].concat();
    let packet = echo_behind(&ip, destination, &chain);
    assert_eq!(answer(&mut scene, &packet), Some((4, 1, 40)));
}

#[test]
fn rfc8200_03_an_unknown_next_header_is_a_parameter_problem() {
    let (mut scene, ip) = scene();
    assert_eq!(
        answer(&mut scene, &ip.packet(253, b"unknown")),
        Some((4, 1, 6))
    );
    let header = options_header(253, &[]);
    let packet = ip.packet(
        protocol::DESTINATION_OPTIONS,
        &[&header[..], b"unknown"].concat(),
    );
    assert_eq!(answer(&mut scene, &packet), Some((4, 1, 40)));
    let header = [
        options_header(protocol::DESTINATION_OPTIONS, &[]),
        options_header(253, &[1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    ]
    .concat();
    let packet = ip.packet(protocol::HOP_BY_HOP, &[&header[..], b"unknown"].concat());
    assert_eq!(answer(&mut scene, &packet), Some((4, 1, 48)));
}

#[test]
fn rfc8200_04_the_top_bits_of_an_unknown_option_say_what_to_do() {
    let (mut scene, ip) = scene();
    let all_nodes = Ip::new(ip.source, IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 1]));
    for (kind, unicast, multicast) in [
        (0x1e, ECHO_REPLY, None),
        (0x5e, None, None),
        (0x9e, Some((4, 2, 42)), Some((4, 2, 42))),
        (0xde, Some((4, 2, 42)), None),
    ] {
        for first in [protocol::DESTINATION_OPTIONS, protocol::HOP_BY_HOP] {
            let chain = options_header(protocol::ICMP_V6, &[kind, 4, 0, 0, 0, 0]);
            let packet = echo_behind(&ip, first, &chain);
            assert_eq!(answer(&mut scene, &packet), unicast, "{kind:#x} to us");
            let packet = echo_behind(&all_nodes, first, &chain);
            let found = answer(&mut scene, &packet);
            // Whether a group's echo is answered is another question (RFC 4443 §4.2).
            let found = found.filter(|found| found.0 != 129);
            assert_eq!(found, multicast, "{kind:#x} to a group");
        }
    }
}

#[test]
fn rfc8200_05_padding_is_understood_and_options_stay_inside_their_header() {
    let (mut scene, ip) = scene();
    let kind = protocol::DESTINATION_OPTIONS;
    // Pad1, PadN of all lengths in a header of eight octets, and a header of sixteen.
    for options in [
        &[0, 0, 0, 0, 0, 0][..],
        &[1, 4, 0, 0, 0, 0],
        &[0, 1, 3, 0, 0, 0],
        &[1, 0, 1, 2, 0, 0],
        &[1, 6, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0],
    ] {
        let packet = echo_behind(&ip, kind, &options_header(protocol::ICMP_V6, options));
        assert_eq!(answer(&mut scene, &packet), ECHO_REPLY, "{options:?}");
    }
    // Overruns.
    for options in [
        &[1, 5, 0, 0, 0, 0][..],
        &[0x1e, 255, 0, 0, 0, 0],
        &[0, 0, 0, 0, 0, 1],
    ] {
        let packet = echo_behind(&ip, kind, &options_header(protocol::ICMP_V6, options));
        assert_ne!(answer(&mut scene, &packet), ECHO_REPLY, "{options:?}");
    }
    // A header that is longer than the packet.
    for length in [1, 2, 255] {
        let mut chain = options_header(protocol::ICMP_V6, &[]);
        chain[1] = length;
        let before = scene.host.discards();
        let packet = ip.packet(kind, &chain);
        assert_ne!(answer(&mut scene, &packet), ECHO_REPLY);
        assert_eq!(scene.host.discards(), before + 1);
    }
    // The longest one that fits: 2,048 octets.
    let mut chain = options_header(protocol::ICMP_V6, &[]);
    chain.resize(8, 0);
    while chain.len() < 2_048 {
        chain.extend([1, 6, 0, 0, 0, 0, 0, 0]);
    }
    chain[1] = 255;
    let packet = echo_behind(&ip, kind, &chain);
    let found = answer(&mut scene, &packet);
    assert!(found == ECHO_REPLY || scene.host.count(Discard::Ipv6Extension) > 0);
}

#[test]
fn rfc8200_06_routing_headers_with_segments_left_are_a_parameter_problem() {
    let (mut scene, ip) = scene();
    for kind in [0, 1, 3, 4, 253] {
        let chain = routing_header(protocol::ICMP_V6, kind, 0);
        let packet = echo_behind(&ip, protocol::ROUTING, &chain);
        assert_eq!(
            answer(&mut scene, &packet),
            ECHO_REPLY,
            "type {kind}, none left"
        );
        for left in [1, 255] {
            let chain = routing_header(protocol::ICMP_V6, kind, left);
            let packet = echo_behind(&ip, protocol::ROUTING, &chain);
            assert_eq!(
                answer(&mut scene, &packet),
                Some((4, 0, 42)),
                "type {kind}, {left} left"
            );
        }
    }
}

#[test]
fn rfc5095_01_type_zero_is_an_unknown_type() {
    let (mut scene, ip) = scene();
    let chain = routing_header(protocol::ICMP_V6, 0, 1);
    let packet = echo_behind(&ip, protocol::ROUTING, &chain);
    assert_eq!(answer(&mut scene, &packet), Some((4, 0, 42)));
    assert_eq!(scene.host.count(Discard::RoutingHeader), 1);
}

#[test]
fn rfc8200_15_udp_over_ipv6_has_a_checksum() {
    let (mut scene, ip) = scene();
    let socket = scene.host.open_udp(5_000);
    let mut payload = udp(&ip, 6_000, 5_000, b"none");
    payload[6..8].copy_from_slice(&[0, 0]);
    scene.host.arrives(&ip.packet(protocol::UDP, &payload));
    scene.silence();
    assert!(scene.host.receive_udp(socket).is_none());
    assert_eq!(scene.host.count(Discard::UdpChecksum), 1);
    // Ours: a sum of zero is sent as all ones.
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
    assert!(matches!(
        seen.payload,
        Payload::Udp {
            checksum: 0xffff,
            ..
        }
    ));
}

#[test]
fn rfc8200_16_the_pseudo_header_knows_nothing_of_extension_headers() {
    let (mut scene, ip) = scene();
    scene.listener();
    let syn = scene.syn(&Peer::default());
    let chain = options_header(protocol::TCP, &[]);
    let packet = ip.packet(
        protocol::DESTINATION_OPTIONS,
        &[chain.clone(), syn.tcp()].concat(),
    );
    scene.host.arrives(&packet);
    scene.expect(see("SA").ack(1_001));
    // Behind a fragment header, too.
    let mut syn = syn;
    syn.source_port += 1;
    let payload = [chain, syn.tcp()].concat();
    for part in ip
        .id(8)
        .fragments(protocol::DESTINATION_OPTIONS, &payload, 32)
    {
        scene.host.arrives(&part);
    }
    let sent = scene.segments();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].has("SA"));
}

#[test]
fn rfc8200_17_no_next_header_ends_a_packet() {
    let (mut scene, ip) = scene();
    for octets in [0, 1, 100] {
        let packet = ip.packet(protocol::NO_NEXT_HEADER, &pattern(0, octets));
        assert_eq!(answer(&mut scene, &packet), None);
    }
    let chain = options_header(protocol::NO_NEXT_HEADER, &[]);
    let packet = ip.packet(
        protocol::DESTINATION_OPTIONS,
        &[chain, pattern(0, 100)].concat(),
    );
    assert_eq!(answer(&mut scene, &packet), None);
    assert!(scene.host.count(Discard::NoNextHeader) >= 3);
}

#[test]
fn rfc8200_18_a_reply_has_no_routing_header() {
    let (mut scene, ip) = scene();
    let chain = routing_header(protocol::ICMP_V6, 0, 0);
    scene
        .host
        .arrives(&echo_behind(&ip, protocol::ROUTING, &chain));
    // `Seen` fails on any extension header; the reply goes straight to the source.
    let (_, seen) = scene.host.next_sent().unwrap();
    assert_eq!(seen.icmp(), Some((129, 0)));
    assert_eq!(seen.ip.destination, ip.source);
}

#[test]
fn rfc8504_01_many_headers_and_many_pads_take_bounded_work() {
    let (mut scene, ip) = scene();
    let next = options_header(protocol::DESTINATION_OPTIONS, &[]);
    let mut chain = next.repeat(100);
    chain.extend(options_header(protocol::ICMP_V6, &[]));
    let packet = echo_behind(&ip, protocol::DESTINATION_OPTIONS, &chain);
    assert_ne!(answer(&mut scene, &packet), ECHO_REPLY);
    assert_eq!(scene.host.count(Discard::Ipv6Extension), 1);
    // A hundred Pad1 options: taken or dropped, and then counted.
    let before = scene.host.discards();
    let chain = options_header(protocol::ICMP_V6, &[0; 102]);
    let packet = echo_behind(&ip, protocol::DESTINATION_OPTIONS, &chain);
    let found = answer(&mut scene, &packet);
    assert!(found == ECHO_REPLY || scene.host.discards() == before + 1);
}

#[test]
fn bad_08_source_routes_of_both_families_are_refused() {
    let (mut scene, ip) = scene();
    let chain = routing_header(protocol::ICMP_V6, 0, 1);
    scene
        .host
        .arrives(&echo_behind(&ip, protocol::ROUTING, &chain));
    let sent = scene.host.all_sent();
    assert_eq!(sent[0].icmp(), Some((4, 0)));
    assert_eq!(sent[0].ip.destination, ip.source, "it is never forwarded");
    let ip = Ip::new(Family::V4.them(), Family::V4.us());
    for kind in [131, 137] {
        // A completed route and one with a hop left.
        for pointer in [4, 8] {
            let ip = ip.clone().options(&[kind, 7, pointer, 192, 0, 2, 77]);
            scene.host.arrives(&echo_request(&ip, 1, 1, b"x"));
            for seen in scene.host.all_sent() {
                assert!(seen.ip.options.is_empty());
                assert_eq!(seen.ip.destination, Family::V4.them());
                assert_ne!(seen.icmp(), Some((0, 0)), "answered a source route");
            }
        }
    }
    assert_eq!(scene.host.count(Discard::SourceRoute), 4);
}

#[test]
fn bad_09_chains_without_end_or_progress_are_left() {
    let (mut scene, ip) = scene();
    let kinds = [
        protocol::DESTINATION_OPTIONS,
        protocol::HOP_BY_HOP,
        protocol::ROUTING,
    ];
    // As many headers as a packet holds.
    let mut chain = Vec::new();
    while chain.len() < 65_000 {
        chain.extend(options_header(protocol::DESTINATION_OPTIONS, &[]));
    }
    let mut packets = vec![ip.packet(protocol::DESTINATION_OPTIONS, &chain)];
    // Cut at each octet, in each kind of header, with lengths that lie.
    let whole = [
        options_header(protocol::ROUTING, &[0x1e, 2, 0, 0]),
        routing_header(protocol::DESTINATION_OPTIONS, 0, 0),
        options_header(protocol::UDP, &[]),
    ]
    .concat();
    for cut in 0..whole.len() {
        packets.push(ip.packet(protocol::DESTINATION_OPTIONS, &whole[..cut]));
    }
    for kind in kinds {
        for length in [0, 1, 2, 127, 255] {
            for option in [0, 1, 2, 255] {
                packets.push(ip.packet(kind, &[kind, length, 1, option, 0, 0, 0, 0]));
            }
        }
    }
    for packet in &packets {
        scene.host.advance(secs(1));
        let before = scene.host.discards();
        scene.host.arrives(packet);
        assert!(
            scene.host.discards() > before,
            "{:02x?}",
            &packet[40..packet.len().min(56)]
        );
    }
    scene.host.all_sent();
}

#[test]
fn bad_14_a_payload_length_of_zero_and_a_jumbo_option_are_dropped() {
    let (mut scene, ip) = scene();
    let jumbo = options_header(protocol::UDP, &[0xc2, 4, 0, 1, 0, 0]);
    let mut packet = ip.packet(protocol::HOP_BY_HOP, &[jumbo, pattern(0, 100)].concat());
    packet[4..6].copy_from_slice(&[0, 0]);
    scene.host.arrives(&packet);
    assert_eq!(scene.host.count(Discard::Jumbogram), 1);
    for seen in scene.host.all_sent() {
        assert_eq!(seen.icmp().map(|(kind, _)| kind), Some(4));
    }
    let mut packet = echo_request(&ip, 1, 1, b"x");
    packet[4..6].copy_from_slice(&[0, 0]);
    let before = scene.host.discards();
    scene.host.arrives(&packet);
    assert_eq!(scene.host.discards(), before + 1);
    scene.silence();
}
