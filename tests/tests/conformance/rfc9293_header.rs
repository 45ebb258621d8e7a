//! RFC 9293 §3.1 and §3.2: the header, its checksum, its options.

use sidestep_stack::base::Duration;
use sidestep_stack::discard::Discard;
use sidestep_stack::observe::State;
use sidestep_tests::craft::{option, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Flow, Peer, Scene};

/// The most octets in flight while an honest peer takes all that `scene` sends.
fn largest_flight(scene: &mut Scene, flow: &mut Flow, rounds: usize) -> usize {
    let mut largest = 0;
    for _ in 0..rounds {
        let flight = scene.take_flight(flow);
        largest = largest.max(flight.iter().map(|segment| segment.text.len()).sum());
        scene.host.advance(Duration::from_millis(20));
        scene.ack_each(flow, &flight);
    }
    largest
}

#[test]
fn rfc9293_must_1_a_window_above_half_of_its_range_is_used() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(Peer::default());
        scene.host.send(flow.connection, &pattern(0, 1_000_000));
        let largest = largest_flight(&mut scene, &mut flow, 15);
        assert!(
            (32_768..=65_535).contains(&largest),
            "{largest} octets in flight"
        );
    }
}

#[test]
fn rfc9293_must_1_a_scaled_window_of_a_mebibyte_is_used() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.dial(Peer {
        scale: Some(4),
        ..Peer::default()
    });
    // The window of the SYN-ACK is not scaled; this one is.
    scene.send(&flow.seg());
    scene.host.send(flow.connection, &pattern(0, 4_000_000));
    let largest = largest_flight(&mut scene, &mut flow, 12);
    assert!(
        (262_144..=65_535 << 4).contains(&largest),
        "{largest} octets in flight"
    );
}

#[test]
fn rfc9293_rec_1_the_largest_window_is_not_cut_short() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.dial(Peer {
        scale: Some(14),
        ..Peer::default()
    });
    scene.send(&flow.seg());
    assert_eq!(scene.host.status(flow.connection).snd_wnd, 65_535 << 14);
}

#[test]
fn rfc9293_must_2_every_segment_carries_a_correct_checksum() {
    // `Host` verifies the checksum of every packet of every test; here are odd and even lengths,
    // with and without options, in both families.
    for family in BOTH {
        for peer in [Peer::default(), Peer::modern()] {
            let mut scene = Scene::new(family);
            let mut flow = scene.accept(peer);
            for octets in [1, 2, 3, 7, 8, 535, 536, 1_001, 1_400] {
                scene.host.send(flow.connection, &pattern(0, octets));
                let text = scene.honest_rounds(&mut flow, 2);
                assert_eq!(text, pattern(0, octets));
            }
        }
    }
}

#[test]
fn rfc9293_must_2_a_checksum_of_zero_is_sent_as_it_is() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.host.send(flow.connection, &[0, 0]);
        let flight = scene.take_flight(&mut flow);
        scene.ack_each(&flow, &flight);
        // The next segment differs only in its sequence number and its text: with the checksum that
        // it would have over two zeros as its text, it sums up to zero.
        let mut next = flight[0].clone();
        next.seq = next.seq.wrapping_add(2);
        let tcp = next.tcp();
        scene.host.send(flow.connection, &tcp[16..18]);
        let (_, seen) = scene.host.next_sent().unwrap();
        let header = family.header_octets();
        assert_eq!(seen.octets[header + 16..header + 18], [0, 0]);
    }
}

#[test]
fn rfc9293_must_3_a_flipped_bit_makes_a_segment_worth_nothing() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        let segments = [
            flow.seg().flags("PA").text(b"twelve octet"),
            flow.seg().flags("FA"),
            flow.seg().flags("R"),
        ];
        for segment in segments {
            let whole = segment.packet();
            for bit in family.header_octets() * 8..whole.len() * 8 {
                let mut packet = whole.clone();
                packet[bit / 8] ^= 1 << (bit % 8);
                let before = scene.host.discards();
                scene.host.arrives(&packet);
                scene.host.advance(Duration::from_millis(1));
                assert_eq!(scene.host.discards(), before + 1, "bit {bit}");
                scene.silence();
            }
        }
        scene.silence_for(Duration::from_secs(1));
        assert!(scene.host.count(Discard::TcpChecksum) > 0);
        scene.assert_state(&flow, State::Established);
        assert_eq!(scene.host.receive_all(flow.connection), b"");
    }
}

#[test]
fn rfc9293_must_4_end_of_list_no_operation_and_mss_are_understood() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer {
            mss: None,
            ..Peer::default()
        };
        scene.listener();
        let mut options = vec![1, 1];
        options.extend(option::mss(700));
        options.push(0);
        scene.send(&scene.syn(&peer).options(&options));
        let answer = scene.expect(see("SA"));
        let flow = scene.flow_from(&peer, &answer, 80);
        assert_segments_of(&mut scene, flow, 700);
    }
}

/// Completes the handshake of `flow`, sends 3,000 octets and looks at the sizes of the segments.
fn assert_segments_of(scene: &mut Scene, mut flow: Flow, octets: usize) {
    scene.send(&flow.seg());
    let listener = scene.listener();
    flow.connection = scene.host.accept(listener).unwrap().connection;
    scene.host.send(flow.connection, &pattern(0, 3_000));
    let flight = scene.take_flight(&mut flow);
    let largest = flight.iter().map(|segment| segment.text.len()).max();
    assert_eq!(largest, Some(octets));
}

#[test]
fn rfc9293_must_5_options_may_come_on_any_segment() {
    let strange = [200, 6, 1, 2, 3, 4];
    for options in [
        vec![1, 1, 1, 1],
        strange.to_vec(),
        option::timestamps(7, 9).to_vec(),
        [&[1][..], &strange].concat(),
    ] {
        let mut scene = Scene::new(BOTH[0]);
        let mut flow = scene.accept(Peer::default());
        // Text.
        scene.send(&flow.seg().flags("PA").options(&options).text(b"text"));
        flow.nxt += 4;
        scene.expect_ack(&flow);
        assert_eq!(scene.host.receive_all(flow.connection), b"text");
        // An ACK.
        scene.host.send(flow.connection, b"answer");
        scene.expect(see("A").text(b"answer"));
        flow.rcv += 6;
        scene.send(&flow.seg().options(&options));
        assert_eq!(scene.host.status(flow.connection).in_flight_octets, 0);
        // A FIN.
        scene.send(&flow.seg().flags("FA").options(&options));
        flow.nxt += 1;
        scene.expect_ack(&flow);
        scene.assert_state(&flow, State::CloseWait);
        // A RST.
        scene.send(&flow.seg().flags("R").options(&options));
        assert!(scene.host.failure_of(flow.connection).is_some());
    }
}

#[test]
fn rfc9293_must_6_an_unknown_option_is_skipped_by_its_length() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer {
            mss: None,
            ..Peer::default()
        };
        scene.listener();
        let mut options = vec![200, 6, 2, 4, 0, 99];
        options.extend(option::mss(900));
        scene.send(&scene.syn(&peer).options(&options));
        let answer = scene.expect(see("SA"));
        let flow = scene.flow_from(&peer, &answer, 80);
        assert_segments_of(&mut scene, flow, 900);
    }
}

/// Option areas with a length that cannot be.
const IMPOSSIBLE: &[&[u8]] = &[
    &[2, 0, 5, 180],
    &[2, 1, 5, 180],
    &[2, 255, 5, 180],
    &[2, 5, 5, 180],
    &[1, 1, 1, 2],
    &[200, 0, 1, 1],
    &[200, 1, 1, 1],
    &[1, 200, 4, 1],
];

#[test]
fn rfc9293_must_7_an_impossible_option_length_is_survived() {
    for options in IMPOSSIBLE {
        let mut scene = Scene::new(BOTH[0]);
        scene.listener();
        scene.send(&scene.syn(&Peer::default()).options(options));
        scene.silence_for(Duration::from_secs(2));
        assert_eq!(
            scene.host.count(Discard::TcpOption),
            1,
            "{options:?} on a SYN"
        );

        let mut scene = Scene::new(BOTH[0]);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.seg().flags("PA").options(options).text(b"lost"));
        scene.silence_for(Duration::from_secs(2));
        assert_eq!(
            scene.host.count(Discard::TcpOption),
            1,
            "{options:?} on text"
        );
        assert_eq!(scene.host.receive_all(flow.connection), b"");
        scene.data(&mut flow, b"kept");
        assert_eq!(scene.host.receive_all(flow.connection), b"kept");
    }
}

#[test]
fn rfc9293_must_64_options_are_read_at_any_alignment() {
    for padding in 0..4 {
        let mut scene = Scene::new(BOTH[0]);
        let peer = Peer {
            mss: None,
            stamp: Some(77_000),
            ..Peer::default()
        };
        scene.listener();
        let mut options = vec![1; padding];
        options.extend(option::mss(800));
        options.extend(option::timestamps(77_000, 0));
        scene.send(&scene.syn(&peer).options(&options));
        let answer = scene.expect(see("SA").echo(77_000));
        let flow = scene.flow_from(&peer, &answer, 80);
        // Timestamps take 12 octets from each segment.
        assert_segments_of(&mut scene, flow, 788);
    }
}

#[test]
fn rfc9293_must_65_mss_never_leaves_without_a_syn() {
    // `Seen` fails every test in which it does; this one goes through all phases of a connection.
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(Peer::modern());
    scene.host.send(flow.connection, &pattern(0, 10_000));
    scene.honest_rounds(&mut flow, 5);
    scene.host.shut_down(flow.connection);
    let fin = scene.expect(see("FA"));
    assert_eq!(fin.mss(), None);
    flow.rcv += 1;
    scene.send(&flow.seg().flags("FA"));
    flow.nxt += 1;
    assert_eq!(scene.expect_ack(&flow).mss(), None);
}

#[test]
fn rfc9293_must_68_every_option_that_leaves_has_a_length() {
    // `Seen` walks the options of every packet by their lengths; a SYN has all that we know.
    let mut scene = Scene::new(BOTH[1]);
    scene.host.open(scene.remote(9));
    let syn = scene.expect(see("S").sack_permitted(true));
    let kinds: Vec<u8> = syn.option_kinds().iter().map(|(kind, _)| *kind).collect();
    for kind in [2, 3, 4, 8] {
        assert!(kinds.contains(&kind), "no option {kind} in {kinds:?}");
    }
}

#[test]
fn rfc9293_must_69_octets_after_the_end_of_the_list_are_ignored() {
    let mut scene = Scene::new(BOTH[0]);
    let peer = Peer {
        mss: None,
        ..Peer::default()
    };
    scene.listener();
    let mut options = option::mss(700).to_vec();
    // After the end: what would be another MSS, and an impossible length.
    options.extend([0, 2, 4, 1, 44, 3, 0]);
    scene.send(&scene.syn(&peer).options(&options));
    let answer = scene.expect(see("SA"));
    let flow = scene.flow_from(&peer, &answer, 80);
    assert_segments_of(&mut scene, flow, 700);
}
