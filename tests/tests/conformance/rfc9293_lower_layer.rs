//! RFC 9293 §3.9.1.8, §3.9.1.9 and §3.9.2: soft errors, DSCP, TTL, IP options, ICMP.

use std::net::IpAddr;

use sidestep_stack::Event;
use sidestep_stack::base::Duration;
use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::discard::Discard;
use sidestep_stack::event::{ConnectionError, SoftError};
use sidestep_stack::observe::State;
use sidestep_tests::craft::{Ip, Segment, icmp, icmp_protocol, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Family, Flow, Peer, Scene};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A router's ICMP error about a packet that the stack sent.
pub(crate) fn error_about(
    family: Family,
    kind: u8,
    code: u8,
    word: [u8; 4],
    quoted: &[u8],
) -> Vec<u8> {
    let ip = Ip::new(family.address(254), family.us());
    let octets = match family {
        Family::V4 => quoted.len().min(28),
        Family::V6 => quoted.len().min(1_232),
    };
    let message = icmp(&ip, kind, code, word, &quoted[..octets]);
    ip.packet(icmp_protocol(ip.source), &message)
}

/// Type and code of host unreachable (no route, in IPv6) and of port unreachable.
fn unreachable(family: Family) -> [(u8, u8); 2] {
    match family {
        Family::V4 => [(3, 1), (3, 3)],
        Family::V6 => [(1, 3), (1, 4)],
    }
}

/// All errors that may pass (§3.9.2.2, MUST-56).
fn soft_errors(family: Family) -> Vec<(u8, u8)> {
    match family {
        Family::V4 => vec![(3, 0), (3, 1), (3, 5), (11, 0), (11, 1), (12, 0)],
        Family::V6 => vec![(1, 0), (1, 3), (3, 0), (3, 1), (4, 0), (4, 1)],
    }
}

/// A connection with a segment in flight, and the packet that it left in.
fn in_flight(family: Family) -> (Scene, Flow, Vec<u8>) {
    let mut scene = Scene::new(family);
    let flow = scene.accept(Peer::default());
    scene.host.send(flow.connection, b"in flight");
    let (_, seen) = scene.host.next_sent().unwrap();
    (scene, flow, seen.octets)
}

#[test]
fn rfc9293_must_47_a_soft_error_is_told_and_closes_nothing() {
    for family in BOTH {
        let (mut scene, flow, packet) = in_flight(family);
        let [(kind, code), _] = unreachable(family);
        scene
            .host
            .arrives(&error_about(family, kind, code, [0; 4], &packet));
        assert!(scene.host.told(&Event::Soft {
            connection: flow.connection,
            error: SoftError::HostUnreachable,
        }));
        assert_eq!(
            scene.host.status(flow.connection).soft_error,
            Some(SoftError::HostUnreachable)
        );
        scene.assert_state(&flow, State::Established);
    }
}

#[test]
fn rfc9293_shld_20_whoever_does_not_look_at_soft_errors_is_not_disturbed() {
    // A soft error is an event beside the others: no call fails because of it, and an application
    // that does not look at it sees nothing of it.
    let (mut scene, mut flow, packet) = in_flight(BOTH[0]);
    scene
        .host
        .arrives(&error_about(BOTH[0], 3, 1, [0; 4], &packet));
    scene.host.all_events();
    scene.ack(&mut flow, 9);
    scene.data(&mut flow, b"text");
    assert_eq!(scene.host.receive_all(flow.connection), b"text");
    assert_eq!(scene.host.send(flow.connection, b"more"), 4);
    assert_eq!(scene.host.failure_of(flow.connection), None);
}

fn dscp(dscp: u8) -> ConnectionOptions {
    ConnectionOptions {
        dscp: Some(dscp),
        ..ConnectionOptions::default()
    }
}

/// Goes through a whole connection and returns every segment that the stack sent in it.
fn whole_life(family: Family, options: ConnectionOptions) -> Vec<Segment> {
    let mut scene = Scene::new(family);
    let peer = Peer::default();
    let mut all = Vec::new();
    let (connection, syn) = scene.begin_dial(&peer, options);
    let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
    flow.connection = connection;
    all.push(syn);
    scene.send(&scene.syn_ack(&peer, &flow));
    all.extend(scene.segments());
    scene.host.send(connection, b"text");
    all.extend(scene.take_flight(&mut flow));
    scene.send(&flow.seg());
    scene.data(&mut flow, b"text");
    scene.host.advance(secs(1));
    scene.host.receive_all(connection);
    all.extend(scene.segments());
    scene.host.shut_down(connection);
    all.extend(scene.segments());
    flow.rcv += 1;
    scene.send(&flow.seg());
    // A challenge, then the end by a RST of ours.
    scene.send(&flow.at(10).flags("R"));
    all.extend(scene.segments());
    scene.host.abort(connection);
    let resets = scene.segments();
    assert!(resets.iter().any(|segment| segment.has("R")));
    all.extend(resets);
    assert!(all.len() >= 6, "{} segments", all.len());
    all
}

#[test]
fn rfc9293_must_48_the_application_sets_the_dscp_of_all_segments() {
    for family in BOTH {
        for segment in whole_life(family, dscp(46)) {
            assert_eq!(segment.ip.traffic_class >> 2, 46, "{segment:?}");
        }
    }
}

#[test]
fn rfc9293_shld_21_the_dscp_can_change_during_a_connection() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        for value in [10, 0, 63] {
            scene.host.set_options(flow.connection, dscp(value));
            scene.host.send(flow.connection, b"x");
            let flight = scene.take_flight(&mut flow);
            assert_eq!(flight[0].ip.traffic_class >> 2, value);
            scene.send(&flow.seg());
        }
    }
}

#[test]
fn rfc9293_shld_22_the_dscp_reaches_ip_unchanged() {
    for family in BOTH {
        for value in 0..64 {
            let mut scene = Scene::new(family);
            let (_, syn) = scene.begin_dial(&Peer::default(), dscp(value));
            assert_eq!(syn.ip.traffic_class, value << 2);
        }
    }
}

#[test]
fn rfc9293_must_49_the_hop_limit_of_all_segments_can_be_set() {
    for family in BOTH {
        let options = ConnectionOptions {
            hop_limit: Some(3),
            ..ConnectionOptions::default()
        };
        for segment in whole_life(family, options) {
            assert_eq!(segment.ip.hop_limit, 3, "{segment:?}");
        }
        let default = whole_life(family, ConnectionOptions::default());
        assert!(default.iter().all(|segment| segment.ip.hop_limit == 64));
    }
}

#[test]
fn rfc9293_must_50_an_unknown_ip_option_is_ignored() {
    let mut scene = Scene::new(Family::V4);
    let mut flow = scene.accept(Peer::default());
    // A NOP, then an option of number 30 (RFC 3692), not copied, with two octets of data.
    let mut segment = flow.seg().flags("PA").text(b"with options");
    segment.ip = segment.ip.options(&[1, 30, 4, 9, 9]);
    scene.send(&segment);
    flow.nxt += 12;
    scene.expect_ack(&flow);
    assert_eq!(scene.host.receive_all(flow.connection), b"with options");
}

#[test]
fn rfc9293_may_10_the_timestamp_option_of_ip_is_ignored() {
    let mut scene = Scene::new(Family::V4);
    let mut flow = scene.accept(Peer::default());
    let mut segment = flow.seg().text(b"stamped");
    segment.ip = segment.ip.options(&[68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    scene.send(&segment);
    flow.nxt += 7;
    let ack = scene.expect_ack(&flow);
    assert!(ack.ip.options.is_empty());
    assert_eq!(scene.host.receive_all(flow.connection), b"stamped");
}

#[test]
fn rfc9293_may_11_the_record_route_option_of_ip_is_ignored() {
    let mut scene = Scene::new(Family::V4);
    let mut flow = scene.accept(Peer::default());
    let mut segment = flow.seg().text(b"routed");
    segment.ip = segment.ip.options(&[7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
    scene.send(&segment);
    flow.nxt += 6;
    let ack = scene.expect_ack(&flow);
    assert!(ack.ip.options.is_empty());
    assert_eq!(scene.host.receive_all(flow.connection), b"routed");
}

#[test]
fn rfc9293_must_53_a_source_route_is_refused_and_counted() {
    for kind in [131, 137] {
        let mut scene = Scene::new(Family::V4);
        scene.listener();
        // A completed route through one router: the pointer is beyond its end.
        let mut syn = scene.syn(&Peer::default());
        syn.ip = syn.ip.options(&[kind, 7, 8, 192, 0, 2, 254]);
        scene.send(&syn);
        scene.silence_for(secs(3));
        assert_eq!(scene.host.count(Discard::SourceRoute), 1);
    }
}

#[test]
fn rfc9293_must_51_no_segment_ever_carries_a_source_route() {
    for segment in whole_life(Family::V4, ConnectionOptions::default()) {
        assert!(segment.ip.options.is_empty());
    }
}

#[test]
fn rfc9293_must_52_a_source_route_on_an_open_connection_is_not_taken_up() {
    let mut scene = Scene::new(Family::V4);
    let mut flow = scene.accept(Peer::default());
    let mut segment = flow.seg().text(b"routed");
    segment.ip = segment.ip.options(&[131, 7, 8, 192, 0, 2, 254]);
    scene.send(&segment);
    scene.silence_for(secs(1));
    assert_eq!(scene.host.count(Discard::SourceRoute), 1);
    scene.data(&mut flow, b"plain");
    assert!(scene.expect_ack(&flow).ip.options.is_empty());
    assert_eq!(scene.host.receive_all(flow.connection), b"plain");
}

#[test]
fn rfc9293_must_54_an_icmp_error_reaches_the_connection_that_it_quotes_and_no_other() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let (first, _) = scene.host.open(scene.remote(7));
        let (_, syn) = scene.host.next_sent().unwrap();
        let (second, _) = scene.host.open(scene.remote(7));
        let [_, (kind, code)] = unreachable(family);
        scene
            .host
            .arrives(&error_about(family, kind, code, [0; 4], &syn.octets));
        let error = scene.host.failure_of(first);
        assert_eq!(error, Some(ConnectionError::Refused));
        assert_eq!(scene.host.failure_of(second), None);
        assert_eq!(scene.host.state(second), State::SynSent);
    }
}

#[test]
fn rfc9293_must_55_source_quench_is_dropped() {
    let (mut scene, flow, packet) = in_flight(Family::V4);
    let before = scene.host.status(flow.connection);
    scene
        .host
        .arrives(&error_about(Family::V4, 4, 0, [0; 4], &packet));
    assert_eq!(scene.host.status(flow.connection), before);
    assert_eq!(scene.host.count(Discard::IcmpSourceQuench), 1);
    assert_eq!(scene.host.all_events(), []);
}

#[test]
fn rfc9293_must_56_soft_errors_never_end_a_connection() {
    for family in BOTH {
        for (kind, code) in soft_errors(family) {
            let (mut scene, mut flow, packet) = in_flight(family);
            scene
                .host
                .arrives(&error_about(family, kind, code, [0; 4], &packet));
            scene.assert_state(&flow, State::Established);
            assert_eq!(scene.host.failure_of(flow.connection), None);
            scene.data(&mut flow, b"goes on");
            assert_eq!(scene.host.receive_all(flow.connection), b"goes on");

            let mut scene = Scene::new(family);
            let peer = Peer::default();
            let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
            let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
            flow.connection = connection;
            scene
                .host
                .arrives(&error_about(family, kind, code, [0; 4], &syn.packet()));
            assert_eq!(
                scene.host.failure_of(connection),
                None,
                "type {kind} code {code}"
            );
            scene.send(&scene.syn_ack(&peer, &flow));
            scene.assert_state(&flow, State::Established);
        }
    }
}

#[test]
fn rfc9293_shld_25_a_failed_dial_names_the_soft_error() {
    for family in BOTH {
        let (kind, code) = match family {
            Family::V4 => (3, 0),
            Family::V6 => (1, 0),
        };
        let mut scene = Scene::new(family);
        let (connection, syn) = scene.begin_dial(&Peer::default(), ConnectionOptions::default());
        scene
            .host
            .arrives(&error_about(family, kind, code, [0; 4], &syn.packet()));
        scene.host.advance(secs(400));
        let error = scene.host.failure_of(connection);
        assert_eq!(error, Some(ConnectionError::NetworkUnreachable));
    }
}

#[test]
fn rfc9293_shld_26_hard_errors_end_an_opening_and_only_that() {
    let hard = |family| match family {
        Family::V4 => vec![(3, 2), (3, 3)],
        Family::V6 => vec![(1, 4)],
    };
    for family in BOTH {
        for (kind, code) in hard(family) {
            let mut scene = Scene::new(family);
            let (connection, syn) =
                scene.begin_dial(&Peer::default(), ConnectionOptions::default());
            scene
                .host
                .arrives(&error_about(family, kind, code, [0; 4], &syn.packet()));
            assert!(
                scene.host.failure_of(connection).is_some(),
                "type {kind} code {code}"
            );

            let (mut scene, flow, packet) = in_flight(family);
            scene
                .host
                .arrives(&error_about(family, kind, code, [0; 4], &packet));
            assert_eq!(scene.host.failure_of(flow.connection), None);
            scene.assert_state(&flow, State::Established);
        }
    }
}

#[test]
fn rfc5927_01_an_error_counts_only_if_its_quote_is_in_flight() {
    for family in BOTH {
        let [(kind, code), _] = unreachable(family);
        let (scene, flow, packet) = in_flight(family);
        let seq_at = family.header_octets() + 4;
        for (step, counts) in [
            (-1_i32, false),
            (0, true),
            (8, true),
            (9, false),
            (1 << 30, false),
        ] {
            let mut scene = scene.clone();
            let mut quoted = packet.clone();
            let seq = flow.our_seq(0).wrapping_add_signed(step);
            quoted[seq_at..seq_at + 4].copy_from_slice(&seq.to_be_bytes());
            scene
                .host
                .arrives(&error_about(family, kind, code, [0; 4], &quoted));
            let told = scene.host.status(flow.connection).soft_error.is_some();
            assert_eq!(told, counts, "{step} from SND.UNA");
        }
    }
}

#[test]
fn rfc5927_02_hard_errors_are_soft_on_an_open_connection() {
    for family in BOTH {
        let (mut scene, mut flow, packet) = in_flight(family);
        let [_, (kind, code)] = unreachable(family);
        for _ in 0..10 {
            scene
                .host
                .arrives(&error_about(family, kind, code, [0; 4], &packet));
        }
        scene.assert_state(&flow, State::Established);
        scene.ack(&mut flow, 9);
        scene.host.send(flow.connection, b"more");
        scene.expect(see("A").text(b"more"));
    }
}

#[test]
fn bad_20_no_forged_error_ends_an_open_connection() {
    for family in BOTH {
        let (mut scene, flow, packet) = in_flight(family);
        let seq_at = family.header_octets() + 4;
        let kinds: &[(u8, u8)] = match family {
            Family::V4 => &[(3, 1), (3, 2), (3, 3), (3, 13), (11, 0), (12, 0)],
            Family::V6 => &[(1, 0), (1, 1), (1, 3), (1, 4), (3, 0), (4, 1)],
        };
        for block in 0..1_024_u32 {
            for (kind, code) in kinds {
                let mut quoted = packet.clone();
                let seq = (block << 22) | 1;
                quoted[seq_at..seq_at + 4].copy_from_slice(&seq.to_be_bytes());
                scene
                    .host
                    .arrives(&error_about(family, *kind, *code, [0; 4], &quoted));
            }
        }
        assert_eq!(scene.host.failure_of(flow.connection), None);
        scene.assert_state(&flow, State::Established);
    }
}

#[test]
fn rfc1191_01_fragmentation_needed_lowers_the_path_mtu() {
    let mut scene = Scene::new(Family::V4);
    let mut flow = scene.dial(Peer::default());
    scene.host.send(flow.connection, &pattern(0, 100_000));
    let before = flow.rcv;
    let (_, first) = scene.host.next_sent().unwrap();
    scene.segments();
    assert!(first.ip.dont_fragment);
    let cwnd = scene.host.status(flow.connection).cwnd_octets;
    let [a, b] = 1_400_u16.to_be_bytes();
    scene
        .host
        .arrives(&error_about(Family::V4, 3, 4, [0, 0, a, b], &first.octets));
    // What was lost is sent again, in packets that fit, and at once.
    let again = scene.segments();
    assert!(!again.is_empty(), "nothing was sent again");
    assert_eq!(again[0].seq, before);
    for segment in &again {
        assert!(segment.packet().len() <= 1_400);
    }
    let cwnd_after = scene.host.status(flow.connection).cwnd_octets;
    assert!(cwnd_after + 1_460 >= cwnd, "{cwnd} fell to {cwnd_after}");
    // The whole stream arrives in such packets.
    flow.rcv = before;
    let mut got: Vec<u8> = Vec::new();
    for segment in &again {
        if segment.seq == flow.rcv {
            flow.rcv = flow.rcv.wrapping_add(segment.len());
            got.extend(&segment.text);
        }
    }
    scene.send(&flow.seg());
    for _ in 0..60 {
        for segment in scene.segments() {
            assert!(segment.packet().len() <= 1_400);
            if segment.seq == flow.rcv {
                flow.rcv = flow.rcv.wrapping_add(segment.len());
                got.extend(&segment.text);
            }
        }
        scene.host.advance(Duration::from_millis(300));
        scene.send(&flow.seg());
    }
    assert!(got == pattern(0, 100_000), "{} octets", got.len());
}

/// The largest packet that leaves after an error with this MTU.
fn largest_after(family: Family, mtus: &[u32]) -> usize {
    let mut scene = Scene::new(family);
    let mut flow = scene.dial(Peer {
        scale: Some(4),
        ..Peer::default()
    });
    scene.send(&flow.seg());
    scene.host.send(flow.connection, &pattern(0, 300_000));
    for mtu in mtus {
        let Some((_, packet)) = scene.host.next_sent() else {
            break;
        };
        scene.segments();
        let (kind, code) = match family {
            Family::V4 => (3, 4),
            Family::V6 => (2, 0),
        };
        scene.host.arrives(&error_about(
            family,
            kind,
            code,
            mtu.to_be_bytes(),
            &packet.octets,
        ));
    }
    flow.rcv = flow.our_seq(0);
    let mut largest = 0;
    for _ in 0..20 {
        for segment in scene.segments() {
            largest = largest.max(segment.packet().len());
            if segment.seq == flow.rcv {
                flow.rcv = flow.rcv.wrapping_add(segment.len());
            }
        }
        scene.host.advance(Duration::from_millis(300));
        scene.send(&flow.seg());
    }
    assert!(flow.rcv != flow.our_seq(0), "no progress");
    largest
}

#[test]
fn rfc1191_02_the_path_mtu_never_falls_below_its_floor() {
    for mtu in [1, 67, 68, 551, 552] {
        let largest = largest_after(Family::V4, &[mtu]);
        assert!(
            (500..=552).contains(&largest) || largest == 1_500,
            "{largest} after {mtu}"
        );
    }
}

#[test]
fn rfc1191_03_an_error_never_raises_the_path_mtu() {
    assert!(largest_after(Family::V4, &[1_400, 9_000]) <= 1_400);
    assert!(largest_after(Family::V4, &[1_400, 1_450]) <= 1_400);
}

#[test]
fn rfc1191_04_an_mtu_of_zero_means_a_lower_plateau() {
    let largest = largest_after(Family::V4, &[0]);
    assert!((552..1_500).contains(&largest), "{largest}");
}

#[test]
fn rfc1191_06_many_errors_for_one_flight_bring_one_retransmission() {
    let mut scene = Scene::new(Family::V4);
    let flow = scene.dial(Peer::default());
    scene.host.send(flow.connection, &pattern(0, 100_000));
    let flight = scene.host.all_sent();
    let cwnd = scene.host.status(flow.connection).cwnd_octets;
    let [a, b] = 1_400_u16.to_be_bytes();
    for packet in &flight {
        scene
            .host
            .arrives(&error_about(Family::V4, 3, 4, [0, 0, a, b], &packet.octets));
    }
    let again = scene.segments();
    let copies = again
        .iter()
        .filter(|segment| segment.seq == flow.rcv)
        .count();
    assert_eq!(copies, 1, "the front was sent {copies} times again");
    let after = scene.host.status(flow.connection).cwnd_octets;
    assert!(after + 1_460 >= cwnd, "{cwnd} fell to {after}");
}

#[test]
fn rfc8201_01_a_packet_too_big_below_1280_changes_nothing() {
    for mtu in [0, 500, 1_279] {
        assert_eq!(largest_after(Family::V6, &[mtu]), 1_500, "after {mtu}");
    }
}

#[test]
fn rfc8201_02_packet_too_big_lowers_the_path_mtu() {
    assert_eq!(largest_after(Family::V6, &[1_400]), 1_400);
    assert_eq!(largest_after(Family::V6, &[1_280]), 1_280);
}

#[test]
fn rfc8201_02_other_connections_to_the_same_host_learn_it_too() {
    let mut scene = Scene::new(Family::V6);
    let first = scene.dial(Peer::default());
    let mut second = scene.dial(Peer {
        port: 40_001,
        ..Peer::default()
    });
    scene.host.send(first.connection, &pattern(0, 5_000));
    let (_, packet) = scene.host.next_sent().unwrap();
    scene.host.arrives(&error_about(
        Family::V6,
        2,
        0,
        1_300_u32.to_be_bytes(),
        &packet.octets,
    ));
    scene.segments();
    scene.host.send(second.connection, &pattern(0, 5_000));
    let flight = scene.take_flight(&mut second);
    let largest = flight
        .iter()
        .filter(|segment| segment.destination_port == 40_001)
        .map(|segment| segment.packet().len())
        .max();
    assert_eq!(largest, Some(1_300));
}

#[test]
fn rfc8201_03_packet_too_big_never_raises_the_path_mtu() {
    assert!(largest_after(Family::V6, &[1_300, 1_400]) <= 1_300);
}

#[test]
fn rfc8201_04_a_quote_that_was_never_sent_is_ignored() {
    for family in BOTH {
        let (scene, flow, packet) = in_flight(family);
        let (kind, code) = match family {
            Family::V4 => (3, 4),
            Family::V6 => (2, 0),
        };
        let header = family.header_octets();
        for (at, what) in [
            (header + 1, "source port"),
            (header + 3, "port"),
            (header + 4, "seq"),
        ] {
            let mut scene = scene.clone();
            let mut quoted = packet.clone();
            quoted[at] ^= 0x40;
            let mtu = 1_300_u32.to_be_bytes();
            scene
                .host
                .arrives(&error_about(family, kind, code, mtu, &quoted));
            scene.segments();
            let mut flow = flow.clone();
            scene.ack(&mut flow, 9);
            scene.host.send(flow.connection, &pattern(0, 20_000));
            let largest = scene.take_flight(&mut flow);
            let largest = largest.iter().map(|segment| segment.packet().len()).max();
            assert!(largest > Some(1_300), "believed a wrong {what}");
        }
    }
}

#[test]
fn rfc8201_05_the_mss_of_the_peer_still_bounds_and_cwnd_is_left_alone() {
    let mut scene = Scene::new(Family::V6);
    let mut flow = scene.dial(Peer {
        mss: Some(1_000),
        ..Peer::default()
    });
    scene.host.send(flow.connection, &pattern(0, 100_000));
    let (_, packet) = scene.host.next_sent().unwrap();
    scene.segments();
    let cwnd = scene.host.status(flow.connection).cwnd_octets;
    scene.host.arrives(&error_about(
        Family::V6,
        2,
        0,
        1_400_u32.to_be_bytes(),
        &packet.octets,
    ));
    let after = scene.host.status(flow.connection).cwnd_octets;
    assert!(after + 1_000 >= cwnd);
    scene.segments();
    flow.rcv = flow.our_seq(10_000);
    scene.send(&flow.seg());
    let flight = scene.take_flight(&mut flow);
    assert!(flight.iter().all(|segment| segment.text.len() <= 1_000));
}

#[test]
fn bad_21_no_forged_mtu_strangles_a_connection() {
    for mtu in [0, 1, 68, 551, 552, 1_279, 1_280, 65_535] {
        assert!(largest_after(Family::V4, &[mtu]) >= 500, "after {mtu}");
        assert!(largest_after(Family::V6, &[mtu]) >= 1_280, "after {mtu}");
    }
    assert!(largest_after(Family::V4, &[1_400, 1_500, 9_000]) <= 1_400);
}

#[test]
fn bad_13_no_atomic_fragment_is_ever_made() {
    // `Seen` fails on an atomic fragment header (RFC 8021).
    let mut scene = Scene::new(Family::V6);
    let socket = scene.host.open_udp(5_000);
    let remote = scene.remote(6_000);
    scene.host.send_udp(socket, Some(remote), &pattern(0, 100));
    let (_, packet) = scene.host.next_sent().unwrap();
    for mtu in [0_u32, 68, 500, 1_279] {
        scene.host.arrives(&error_about(
            Family::V6,
            2,
            0,
            mtu.to_be_bytes(),
            &packet.octets,
        ));
        scene
            .host
            .send_udp(socket, Some(remote), &pattern(0, 1_000));
        let sent = scene.host.all_sent();
        assert_eq!(sent.len(), 1);
    }
}

#[test]
fn rfc9293_may_9_the_received_dscp_does_not_matter() {
    let mut scene = Scene::new(Family::V4);
    let mut flow = scene.accept(Peer::default());
    let mut segment = flow.seg().text(b"marked");
    segment.ip.traffic_class = 0xb8;
    scene.send(&segment);
    flow.nxt += 6;
    assert_eq!(scene.expect_ack(&flow).ip.traffic_class, 0);
    assert_eq!(scene.host.receive_all(flow.connection), b"marked");
    assert_eq!(flow.local.ip(), IpAddr::from([192, 0, 2, 1]));
}
