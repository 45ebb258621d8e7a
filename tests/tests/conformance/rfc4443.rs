//! RFC 4443, RFC 5927 and the hostile side of ICMP, in both families.

use std::net::IpAddr;

use sidestep_stack::base::Duration;
use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::discard::Discard;
use sidestep_stack::event::SoftError;
use sidestep_stack::observe::State;
use sidestep_tests::craft::{Ip, More, echo_request, icmp, icmp_protocol, pattern, protocol, udp};
use sidestep_tests::scene::{BOTH, Family, Peer, Scene};
use sidestep_tests::seen::Payload;

use super::rfc8200::options_header;
use super::rfc9293_lower_layer::error_about;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn group() -> IpAddr {
    IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 1])
}

#[test]
fn rfc4443_01_a_reply_leaves_from_a_unicast_address() {
    let mut scene = Scene::new(Family::V6);
    scene.host.add_address(Family::V6.address(2), 64);
    for address in [Family::V6.us(), Family::V6.address(2)] {
        let ip = Ip::new(Family::V6.them(), address);
        scene.host.arrives(&echo_request(&ip, 1, 1, b"x"));
        let (_, seen) = scene.host.next_sent().unwrap();
        assert_eq!(seen.ip.source, address);
    }
    // To a group: if it is answered at all, then from an address of ours.
    let ip = Ip::new(Family::V6.them(), group());
    scene.host.arrives(&echo_request(&ip, 1, 1, b"x"));
    for seen in scene.host.all_sent() {
        assert!([Family::V6.us(), Family::V6.address(2)].contains(&seen.ip.source));
    }
}

#[test]
fn rfc4443_02_the_checksum_covers_the_pseudo_header() {
    let mut scene = Scene::new(Family::V6);
    let good = echo_request(&scene.ip(), 1, 1, b"checked");
    for bit in 40 * 8..good.len() * 8 {
        let mut packet = good.clone();
        packet[bit / 8] ^= 1 << (bit % 8);
        scene.host.arrives(&packet);
        scene.silence();
    }
    // As ICMPv4 would sum it, without a pseudo-header.
    let mut packet = good.clone();
    packet[42..44].copy_from_slice(&[0, 0]);
    let sum = sidestep_tests::craft::checksum(&[&packet[40..]]);
    packet[42..44].copy_from_slice(&sum.to_be_bytes());
    scene.host.arrives(&packet);
    scene.silence();
    assert!(scene.host.count(Discard::IcmpChecksum) > 100);
}

#[test]
fn rfc4443_03_unknown_errors_reach_the_transport_and_unknown_messages_nobody() {
    let mut scene = Scene::new(Family::V6);
    let flow = scene.accept(Peer::default());
    scene.host.send(flow.connection, b"in flight");
    let (_, packet) = scene.host.next_sent().unwrap();
    scene
        .host
        .arrives(&error_about(Family::V6, 100, 0, [0; 4], &packet.octets));
    let told = scene.host.status(flow.connection).soft_error;
    assert!(told.is_some(), "an error of unknown type was not passed up");
    assert_ne!(told, Some(SoftError::NoAnswer));
    scene.assert_state(&flow, State::Established);
    let ip = scene.ip();
    let before = scene.host.discards();
    scene
        .host
        .arrives(&ip.packet(protocol::ICMP_V6, &icmp(&ip, 200, 0, [0; 4], b"?")));
    scene.silence();
    assert_eq!(scene.host.discards(), before + 1);
}

#[test]
fn rfc4443_04_an_error_quotes_as_much_as_fits_into_1280_octets() {
    let mut scene = Scene::new(Family::V6);
    for (octets, expected) in [(1_400, 1_280), (1_184, 1_280), (1_183, 1_279), (100, 196)] {
        scene.host.advance(secs(2));
        let ip = scene.ip();
        let packet = ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_001, &pattern(0, octets)));
        scene.host.arrives(&packet);
        let (_, seen) = scene.host.next_sent().unwrap();
        assert_eq!(seen.icmp(), Some((1, 4)));
        assert_eq!(seen.octets.len(), expected, "about {octets} octets");
        let Payload::Icmp { rest, .. } = &seen.payload else {
            panic!("no ICMP");
        };
        assert_eq!(rest[..], packet[..rest.len()]);
    }
}

#[test]
fn rfc4443_05_no_error_about_what_must_not_draw_one() {
    let mut scene = Scene::new(Family::V6);
    let ip = scene.ip();
    let closed = |ip: &Ip| ip.packet(protocol::UDP, &udp(ip, 6_000, 5_001, b"x"));
    // About an error: here one whose quote ends with an unknown protocol, and an unknown error.
    for kind in [1, 2, 3, 4, 100, 127] {
        let message = icmp(&ip, kind, 0, [0; 4], &ip.packet(253, b"quoted octets"));
        scene.host.arrives(&ip.packet(protocol::ICMP_V6, &message));
    }
    // About a redirect.
    let redirect = icmp(&ip, 137, 0, [0; 4], &[0; 32]);
    scene.host.arrives(&ip.packet(protocol::ICMP_V6, &redirect));
    // About a packet to a group.
    let to_group = Ip::new(Family::V6.them(), group());
    scene.host.arrives(&closed(&to_group));
    scene.host.arrives(&to_group.packet(253, b"x"));
    // About a source that is not one host.
    for source in [IpAddr::from([0_u16; 8]), group()] {
        scene
            .host
            .arrives(&closed(&Ip::new(source, Family::V6.us())));
        scene
            .host
            .arrives(&Ip::new(source, Family::V6.us()).packet(253, b"x"));
    }
    scene.silence_for(secs(100));
    // The exception: an option that asks for it (code 2), even to a group.
    let header = options_header(protocol::UDP, &[0x9e, 4, 0, 0, 0, 0]);
    scene
        .host
        .arrives(&to_group.packet(protocol::DESTINATION_OPTIONS, &header));
    assert_eq!(scene.host.all_sent()[0].icmp(), Some((4, 2)));
}

#[test]
fn rfc4443_06_errors_are_limited_by_a_bucket_for_each_destination() {
    let mut scene = Scene::new(Family::V6);
    let closed = |source: IpAddr| {
        let ip = Ip::new(source, Family::V6.us());
        ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_001, b"x"))
    };
    let mut answers = 0;
    for _ in 0..1_000 {
        scene.host.arrives(&closed(Family::V6.them()));
        answers += scene.host.all_sent().len();
        scene.host.advance(Duration::from_millis(1));
    }
    assert!(
        (10..=21).contains(&answers),
        "{answers} in the first second"
    );
    // Another one is served all the same.
    scene.host.arrives(&closed(Family::V6.address(10)));
    assert_eq!(scene.host.all_sent().len(), 1);
    // The limit can be set.
    let mut scene = Scene::with(Family::V6, |config| {
        config.icmp_errors_per_second = 1;
        config.icmp_errors_burst = 1;
    });
    let mut answers = 0;
    for _ in 0..100 {
        scene.host.arrives(&closed(Family::V6.them()));
        answers += scene.host.all_sent().len();
        scene.host.advance(Duration::from_millis(30));
    }
    assert!((2..=5).contains(&answers), "{answers} in three seconds");
}

#[test]
fn rfc4443_07_a_port_without_a_socket_is_unreachable() {
    let mut scene = Scene::new(Family::V6);
    let ip = scene.ip();
    scene
        .host
        .arrives(&ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_001, b"x")));
    let (_, seen) = scene.host.next_sent().unwrap();
    assert_eq!(seen.icmp(), Some((1, 4)));
    assert_eq!(seen.ip.source, Family::V6.us());
}

#[test]
fn rfc4443_08_packet_too_big_reaches_the_transport() {
    let mut scene = Scene::new(Family::V6);
    let mut flow = scene.accept(Peer::default());
    scene.host.send(flow.connection, &pattern(0, 1_400));
    let (_, packet) = scene.host.next_sent().unwrap();
    let error = error_about(Family::V6, 2, 0, 1_280_u32.to_be_bytes(), &packet.octets);
    scene.host.arrives(&error);
    let again = scene.take_flight(&mut flow);
    assert_eq!(again[0].text.len(), 1_280 - 60);
    assert_eq!(flow.rcv, flow.our_seq(1_400));
}

#[test]
fn rfc4443_10_a_parameter_problem_points_at_the_octet() {
    let mut scene = Scene::new(Family::V6);
    let ip = scene.ip();
    let destination = protocol::DESTINATION_OPTIONS;
    let padded = |next| options_header(next, &[]);
    let mut routing = vec![protocol::UDP, 0, 9, 1, 0, 0, 0, 0];
    routing[1] = 0;
    let table: Vec<(Vec<u8>, u8, u32)> = vec![
        (ip.packet(253, b"x"), 1, 6),
        (ip.packet(destination, &padded(253)), 1, 40),
        (
            ip.packet(
                protocol::HOP_BY_HOP,
                &[padded(destination), padded(253)].concat(),
            ),
            1,
            48,
        ),
        (ip.packet(destination, &padded(protocol::HOP_BY_HOP)), 1, 40),
        (
            ip.packet(
                destination,
                &options_header(protocol::UDP, &[0x80, 4, 0, 0, 0, 0]),
            ),
            2,
            42,
        ),
        (
            ip.packet(
                destination,
                &options_header(protocol::UDP, &[0, 0x80, 3, 0, 0, 0]),
            ),
            2,
            43,
        ),
        (
            ip.packet(
                protocol::HOP_BY_HOP,
                &options_header(protocol::UDP, &[0xc9, 4, 0, 0, 0, 0]),
            ),
            2,
            42,
        ),
        (ip.packet(protocol::ROUTING, &routing), 0, 42),
        (
            ip.packet(
                destination,
                &[padded(protocol::ROUTING), routing.clone()].concat(),
            ),
            0,
            50,
        ),
        (
            ip.clone()
                .id(1)
                .fragment(protocol::UDP, 0, More::Fragments, &pattern(0, 13)),
            0,
            4,
        ),
    ];
    for (packet, code, pointer) in table {
        scene.host.advance(secs(2));
        scene.host.arrives(&packet);
        let (_, seen) = scene
            .host
            .next_sent()
            .unwrap_or_else(|| panic!("code {code} at {pointer}"));
        assert_eq!(seen.icmp(), Some((4, code)), "wanted pointer {pointer}");
        let Payload::Icmp { word, .. } = seen.payload else {
            panic!("no ICMP");
        };
        assert_eq!(u32::from_be_bytes(word), pointer, "code {code}");
        scene.silence();
    }
}

#[test]
fn bad_15_nothing_that_is_sent_to_a_group_is_amplified() {
    let mut scene = Scene::new(Family::V4);
    let groups = [
        IpAddr::from([255, 255, 255, 255]),
        IpAddr::from([192, 0, 2, 255]),
        IpAddr::from([224, 0, 0, 1]),
        group(),
    ];
    for group in groups {
        let source = match group {
            IpAddr::V4(_) => Family::V4.them(),
            IpAddr::V6(_) => Family::V6.them(),
        };
        let ip = Ip::new(source, group);
        scene
            .host
            .arrives(&ip.packet(protocol::UDP, &udp(&ip, 7, 19, b"x")));
        if group.is_ipv4() {
            scene.host.arrives(&echo_request(&ip, 1, 1, b"x"));
        }
        scene.silence_for(secs(1));
    }
}

#[test]
fn bad_11_land_and_martians_are_met_with_silence() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        scene.listener();
        let us = family.us();
        let ip = Ip::new(us, us);
        // LAND: from us to us, the same port.
        let mut syn = scene.syn(&Peer::default());
        syn.ip = ip.clone();
        syn.source_port = 80;
        scene.send(&syn);
        scene.host.arrives(&echo_request(&ip, 1, 1, b"x"));
        scene
            .host
            .arrives(&ip.packet(protocol::UDP, &udp(&ip, 7, 7, b"x")));
        scene.silence_for(secs(5));
        assert_eq!(scene.host.count(Discard::OwnSource), 3);
        let martians: Vec<IpAddr> = match family {
            Family::V4 => [
                [0, 0, 0, 0],
                [0, 1, 2, 3],
                [127, 0, 0, 1],
                [240, 0, 0, 1],
                [224, 0, 0, 1],
                [192, 0, 2, 255],
                [255, 255, 255, 255],
            ]
            .map(IpAddr::from)
            .to_vec(),
            Family::V6 => vec![IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), group()],
        };
        for source in martians {
            let ip = Ip::new(source, us);
            let mut syn = scene.syn(&Peer::default());
            syn.ip = ip.clone();
            scene.send(&syn);
            scene.host.arrives(&echo_request(&ip, 1, 1, b"x"));
            scene
                .host
                .arrives(&ip.packet(protocol::UDP, &udp(&ip, 7, 7, b"x")));
            scene.silence_for(secs(5));
        }
    }
}

#[test]
fn bad_22_a_hostile_quote_is_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene.host.send(flow.connection, b"in flight");
        let (_, packet) = scene.host.next_sent().unwrap();
        let header = family.header_octets();
        let good = &packet.octets[..header + 8];
        let (kind, code) = match family {
            Family::V4 => (3, 3),
            Family::V6 => (1, 4),
        };
        let router = Ip::new(family.address(254), family.us());
        let mut quotes: Vec<Vec<u8>> = (0..good.len()).map(|cut| good[..cut].to_vec()).collect();
        let change = |at: usize, value: u8| {
            let mut quote = good.to_vec();
            quote[at] = value;
            quote
        };
        match family {
            Family::V4 => {
                // IHL too small and too large, a version that is none, a fragment, strangers.
                quotes.extend([
                    change(0, 0x44),
                    change(0, 0x4f),
                    change(0, 0x65),
                    change(0, 0x05),
                ]);
                quotes.extend([change(7, 1), change(9, 253), change(9, 1), change(15, 77)]);
            }
            Family::V6 => {
                quotes.extend([change(0, 0x45), change(0, 0), change(6, 253), change(6, 58)]);
                quotes.extend([change(6, 44), change(6, 0), change(6, 43), change(23, 77)]);
            }
        }
        for quote in quotes {
            let before = scene.host.discards();
            let message = icmp(&router, kind, code, [0; 4], &quote);
            scene
                .host
                .arrives(&router.packet(icmp_protocol(router.source), &message));
            assert!(scene.host.discards() > before, "{quote:02x?}");
            assert_eq!(
                scene.host.status(flow.connection).soft_error,
                None,
                "{quote:02x?}"
            );
        }
        scene.silence();
        scene.assert_state(&flow, State::Established);
        // Inside it all, the good one is still believed.
        let message = icmp(&router, kind, code, [0; 4], good);
        scene
            .host
            .arrives(&router.packet(icmp_protocol(router.source), &message));
        assert!(scene.host.status(flow.connection).soft_error.is_some());
    }
}

#[test]
fn bad_23_echo_of_any_size_is_exact_or_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let ip = scene.ip();
        let (request, reply) = match family {
            Family::V4 => (8, 0),
            Family::V6 => (128, 129),
        };
        // Shorter than the header of an echo.
        for octets in 1..8 {
            let before = scene.host.discards();
            let mut message = vec![request, 0, 0, 0, 0, 0, 0, 0];
            message.truncate(octets);
            if octets >= 4 {
                match family {
                    Family::V4 => {
                        let sum = sidestep_tests::craft::checksum(&[&message]);
                        message[2..4].copy_from_slice(&sum.to_be_bytes());
                    }
                    Family::V6 => sidestep_tests::craft::fill_checksum(
                        &ip,
                        protocol::ICMP_V6,
                        &mut message,
                        2,
                    ),
                }
            }
            scene
                .host
                .arrives(&ip.packet(icmp_protocol(ip.source), &message));
            assert_eq!(scene.host.discards(), before + 1, "{octets} octets");
            scene.silence();
        }
        for octets in [0, 1, 2, 3, 7, 99, 1_001, 1_400] {
            let data = pattern(octets, octets);
            scene.host.arrives(&echo_request(&ip, 3, 4, &data));
            let (_, seen) = scene.host.next_sent().unwrap();
            let Payload::Icmp {
                kind, rest, word, ..
            } = seen.payload
            else {
                panic!("no ICMP");
            };
            assert_eq!((kind, word, rest), (reply, [0, 3, 0, 4], data));
        }
    }
}

#[test]
fn bad_24_the_limiter_tells_a_stranger_nothing() {
    // SAD DNS: the attacker fills the global limit with probes of closed ports, one of which may be
    // the open one, and looks whether an error to himself still comes. Here his own bucket is his.
    for open in [false, true] {
        let mut scene = Scene::new(Family::V4);
        if open {
            scene.host.open_udp(5_050);
        }
        for port in 5_001..=5_051 {
            let ip = Ip::new(Family::V4.address(50), Family::V4.us());
            scene
                .host
                .arrives(&ip.packet(protocol::UDP, &udp(&ip, 53, port, b"x")));
        }
        let spoofed = scene.host.all_sent().len();
        assert!(spoofed <= 11);
        let ip = scene.ip();
        scene
            .host
            .arrives(&ip.packet(protocol::UDP, &udp(&ip, 6_000, 9, b"x")));
        assert_eq!(scene.host.all_sent().len(), 1, "open: {open}");
    }
}

#[test]
fn bad_10_tunnelled_packets_are_of_an_unknown_protocol() {
    let mut scene = Scene::new(Family::V4);
    let inner = echo_request(&scene.ip(), 1, 1, b"inside");
    let mut nested = inner;
    for _ in 0..100 {
        nested = scene.ip().packet(4, &nested);
    }
    scene.host.arrives(&nested);
    let sent = scene.host.all_sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].icmp(), Some((3, 2)));
    let v6 = Ip::new(Family::V6.them(), Family::V6.us());
    for number in [4, 41] {
        scene
            .host
            .arrives(&v6.packet(number, &echo_request(&v6, 1, 1, b"inside")));
        assert_eq!(scene.host.all_sent()[0].icmp(), Some((4, 1)));
    }
    let ip = scene.ip().id(3);
    for part in ip.fragments(4, &echo_request(&ip, 1, 1, &pattern(0, 500)), 64) {
        scene.host.arrives(&part);
    }
    assert_eq!(scene.host.all_sent()[0].icmp(), Some((3, 2)));
    assert_eq!(scene.host.count(Discard::ProtocolUnknown), 4);
}

#[test]
fn bad_01_no_pair_of_lengths_confuses_the_stack() {
    // IHL, total length and frame length in all combinations around their edges, over UDP and TCP.
    let mut scene = Scene::new(Family::V4);
    scene.listener();
    let socket = scene.host.open_udp(5_000);
    let ip = scene.ip();
    let datagram = udp(&ip, 6_000, 5_000, b"ten octets");
    let syn = scene.syn(&Peer::default());
    for whole in [ip.packet(protocol::UDP, &datagram), syn.packet()] {
        let length = whole.len();
        for ihl in 0..16_u8 {
            for total in [
                0,
                1,
                19,
                20,
                21,
                27,
                28,
                length - 1,
                length,
                length + 1,
                65_535,
            ] {
                for frame in [0, 1, 19, 20, 21, 28, length - 1, length, length + 1, 1_500] {
                    let mut packet = whole.clone();
                    packet.resize(frame.max(20), 0);
                    packet[0] = 0x40 | ihl;
                    packet[2..4].copy_from_slice(&(total as u16).to_be_bytes());
                    sidestep_tests::craft::mend_ipv4_checksum(&mut packet);
                    packet.truncate(frame);
                    scene.host.arrives(&packet);
                    // A longer packet holds octets that the UDP length does not name (RFC 768).
                    let good = ihl == 5 && total >= length && frame >= total;
                    let got = scene.host.receive_udp(socket);
                    if let Some(got) = &got {
                        assert!(good);
                        assert_eq!(&got.octets[..], b"ten octets");
                    }
                    let answers = scene.host.all_sent();
                    let syn_acks = answers.iter().filter(|seen| seen.tcp().is_some()).count();
                    assert!(
                        good || syn_acks == 0,
                        "IHL {ihl}, total {total}, frame {frame}"
                    );
                }
            }
        }
    }
    // IPv6: the payload length.
    let mut scene = Scene::new(Family::V6);
    let socket = scene.host.open_udp(5_000);
    let ip = scene.ip();
    let whole = ip.packet(protocol::UDP, &udp(&ip, 6_000, 5_000, b"ten octets"));
    for payload in [0, 1, 7, 8, 17, 18, 19, 65_535_u16] {
        for frame in [0, 1, 39, 40, 41, 48, 57, 58, 59, 1_500] {
            let mut packet = whole.clone();
            packet.resize(frame.max(40), 0);
            packet[4..6].copy_from_slice(&payload.to_be_bytes());
            packet.truncate(frame);
            scene.host.arrives(&packet);
            let got = scene.host.receive_udp(socket).is_some();
            // Octets that the UDP length does not name are ignored.
            let whole = frame >= 40 + usize::from(payload);
            assert_eq!(
                got,
                payload >= 18 && whole,
                "payload {payload}, frame {frame}"
            );
        }
    }
}

#[test]
fn bad_07_no_ipv4_option_loops_or_overruns() {
    let mut scene = Scene::new(Family::V4);
    for kind in 0..=255_u8 {
        for length in [0, 1, 2, 3, 4, 7, 39, 40, 41, 255] {
            for room in [4, 8, 40] {
                let mut options = vec![0; room];
                options[0] = kind;
                options[1] = length;
                let ip = scene.ip().options(&options);
                let before = scene.host.discards();
                scene.host.arrives(&echo_request(&ip, 1, 1, b"x"));
                let answered = !scene.host.all_sent().is_empty();
                let dropped = scene.host.discards() > before;
                assert_ne!(answered, dropped, "kind {kind} length {length} in {room}");
                let has_length = kind > 1;
                let fits = (2..=room).contains(&usize::from(length));
                if has_length && !fits {
                    // A parameter problem may be sent about it (RFC 1122 §3.2.2.5); no echo reply.
                    assert!(dropped, "kind {kind} length {length} in {room}");
                }
            }
        }
    }
}

#[test]
fn bad_17_what_the_stack_sends_to_itself_never_loops() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let us = std::net::SocketAddr::new(family.us(), 50_000);
        // A port that dials itself: refused, or one connection with itself; either ends.
        let reply = scene.host.try_call(sidestep_stack::Call::OpenConnection(
            sidestep_stack::call::OpenConnection {
                remote: us,
                local_address: Some(family.us()),
                local_port: 50_000,
                options: ConnectionOptions::default(),
            },
        ));
        scene.host.advance(secs(300));
        if let Ok(sidestep_stack::Reply::Connection { connection, .. }) = reply {
            scene.host.abort(connection);
        }
        scene.host.advance(secs(300));
        // Dialling a listener of ours works, and nothing of it leaves the host.
        let listener = scene.listener();
        let (client, _) = scene.host.open(std::net::SocketAddr::new(family.us(), 80));
        scene.host.advance(secs(1));
        let server = scene.host.accept(listener).unwrap().connection;
        scene.host.send(client, &pattern(0, 100_000));
        let mut got = Vec::new();
        for _ in 0..100 {
            scene.host.advance(Duration::from_millis(50));
            got.extend(scene.host.receive_all(server));
        }
        assert!(got == pattern(0, 100_000));
        scene.silence();
    }
}
