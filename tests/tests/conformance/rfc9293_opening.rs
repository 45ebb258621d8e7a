//! RFC 9293 §3.4, §3.5, §3.9.1.1, §3.10.7.1 to §3.10.7.3: how connections begin, and what is said to
//! those that cannot.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use sidestep_stack::base::Duration;
use sidestep_stack::call::{
    Call, CallRefused, ConnectionOptions, Listen, Local, OpenConnection, Reply,
};
use sidestep_stack::event::ConnectionError;
use sidestep_stack::observe::State;
use sidestep_stack::{Event, Instant};
use sidestep_tests::craft::{Ip, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Family, PORT, Peer, Scene};

/// Dials from a fixed port, reads the ISS of the SYN, and aborts.
fn iss_of_dial(scene: &mut Scene, local_port: u16, remote: SocketAddr) -> u32 {
    let (connection, _) = scene.host.open_with(OpenConnection {
        remote,
        local_address: None,
        local_port,
        options: ConnectionOptions::default(),
    });
    let syn = scene.expect(see("S"));
    scene.host.abort(connection);
    // ABORT in SYN-SENT sends nothing (RFC 9293 §3.10.5).
    scene.silence();
    syn.seq
}

#[test]
fn rfc9293_must_8_initial_sequence_numbers_follow_a_clock_of_four_microseconds() {
    for family in BOTH {
        for seconds in [1, 100, 10_000] {
            let mut scene = Scene::new(family);
            let remote = scene.remote(PORT);
            let first = iss_of_dial(&mut scene, 50_000, remote);
            scene.host.advance(Duration::from_secs(seconds));
            let second = iss_of_dial(&mut scene, 50_000, remote);
            let steps = (seconds * 250_000) as u32;
            let difference = second.wrapping_sub(first).abs_diff(steps);
            assert!(difference <= 1, "{difference} steps off after {seconds} s");
        }
    }
}

#[test]
fn rfc9293_must_9_initial_sequence_numbers_do_not_tell_each_other() {
    let mut first = Scene::with_seed(BOTH[0], 1, |_| {});
    let mut second = Scene::with_seed(BOTH[0], 2, |_| {});
    let remote = first.remote(PORT);
    let mut steps = HashSet::new();
    let mut between = HashSet::new();
    let mut last = 0_u32;
    for port in 20_000..22_000 {
        let here = iss_of_dial(&mut first, port, remote);
        let there = iss_of_dial(&mut second, port, remote);
        steps.insert(here.wrapping_sub(last));
        between.insert(here.wrapping_sub(there));
        last = here;
    }
    // 2,000 differences of unrelated 32-bit numbers hardly ever coincide.
    assert!(steps.len() > 1_995, "neighbouring ports follow a rule");
    assert!(between.len() > 1_995, "two secrets give related numbers");
}

#[test]
fn rfc9293_shld_1_the_same_ends_give_rising_numbers_and_others_unrelated_ones() {
    let mut scene = Scene::new(BOTH[0]);
    let remote = scene.remote(PORT);
    let mut last = iss_of_dial(&mut scene, 50_000, remote);
    let other = iss_of_dial(&mut scene, 50_001, remote);
    assert!(other.abs_diff(last) > 1_000);
    for _ in 0..100 {
        scene.host.advance(Duration::from_millis(10));
        let next = iss_of_dial(&mut scene, 50_000, remote);
        assert!(next.wrapping_sub(last).abs_diff(2_500) <= 1);
        last = next;
    }
}

#[test]
fn rfc9293_must_10_a_simultaneous_open_makes_one_connection() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer::default();
        let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
        flow.connection = connection;
        let mut bare = scene.syn_ack(&peer, &flow).flags("S");
        bare.ack = 0;
        scene.send(&bare);
        scene.expect(see("SA").seq(flow.irs).ack(flow.nxt));
        scene.assert_state(&flow, State::SynReceived);
        // The peer does the same: its SYN-ACK repeats its SYN.
        scene.send(&scene.syn_ack(&peer, &flow));
        scene.assert_state(&flow, State::Established);
        assert!(scene.host.told(&Event::Established(connection)));
        scene.segments();
        scene.data(&mut flow, b"over one connection");
        assert_eq!(scene.host.receive_all(connection), b"over one connection");
    }
}

#[test]
fn rfc9293_must_11_a_reset_sends_syn_received_back_to_where_it_came_from() {
    for family in BOTH {
        // A passive open goes back to listening, and nobody is told.
        let mut scene = Scene::new(family);
        let flow = scene.half_open(&Peer::default());
        scene.host.all_events();
        scene.send(&flow.seg().flags("R"));
        scene.silence_for(Duration::from_secs(200));
        assert_eq!(scene.host.all_events(), []);
        scene.accept(Peer {
            iss: 77,
            ..Peer::default()
        });

        // An active open is refused.
        let mut scene = Scene::new(family);
        let peer = Peer::default();
        let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        let flow = scene.flow_from(&peer, &syn, syn.source_port);
        let mut bare = scene.syn_ack(&peer, &flow).flags("S");
        bare.ack = 0;
        scene.send(&bare);
        scene.expect(see("SA"));
        scene.send(&flow.seg().flags("RA"));
        let error = scene.host.failure_of(connection);
        assert_eq!(error, Some(ConnectionError::Refused));
    }
}

#[test]
fn rfc9293_must_22_a_syn_is_repeated_with_growing_gaps_until_the_caller_is_told() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let began = scene.host.now;
        let peer = Peer::default();
        let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        let copies = scene.segments_for(Duration::from_secs(400));
        let mut last = began;
        let mut gaps = Vec::new();
        for (at, copy) in &copies {
            assert_eq!((copy.seq, copy.flags), (syn.seq, syn.flags));
            gaps.push(at.since(last));
            last = *at;
        }
        assert!(gaps.len() >= 4, "{gaps:?}");
        for pair in gaps.windows(2) {
            let cap = Duration::from_secs(60);
            assert!(pair[1] == (pair[0] * 2).min(cap), "{gaps:?}");
        }
        let error = scene.host.failure_of(connection);
        assert_eq!(error, Some(ConnectionError::TimedOut));
    }
}

#[test]
fn rfc9293_must_23_an_opening_is_tried_for_three_minutes() {
    let mut scene = Scene::new(BOTH[0]);
    let (connection, _) = scene.begin_dial(&Peer::default(), ConnectionOptions::default());
    scene.host.advance(Duration::from_secs(179));
    assert_eq!(scene.host.failure_of(connection), None);
    assert_eq!(scene.host.state(connection), State::SynSent);
    let copies = scene.segments();
    assert!(copies.len() >= 6);
    scene.host.advance(Duration::from_secs(70));
    let error = scene.host.failure_of(connection);
    assert_eq!(error, Some(ConnectionError::TimedOut));
}

#[test]
fn rfc9293_must_23_a_late_answer_still_opens() {
    let mut scene = Scene::new(BOTH[0]);
    let peer = Peer::default();
    let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
    scene.host.advance(Duration::from_secs(170));
    scene.segments();
    let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
    flow.connection = connection;
    scene.send(&scene.syn_ack(&peer, &flow));
    scene.expect(see("A").ack(flow.nxt).bare());
    scene.assert_state(&flow, State::Established);
}

#[test]
fn rfc9293_must_41_a_second_listener_on_a_port_is_refused_and_disturbs_nobody() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(Peer::default());
    let refused = scene.host.try_call(Call::Listen(Listen {
        local: Local {
            port: PORT,
            ..Local::default()
        },
        ..Listen::default()
    }));
    assert_eq!(refused, Err(CallRefused::AddressInUse));
    scene.data(&mut flow, b"still here");
    assert_eq!(scene.host.receive_all(flow.connection), b"still here");
    scene.segments();
    scene.accept(Peer {
        port: 40_001,
        ..Peer::default()
    });
}

#[test]
fn rfc9293_must_42_a_port_that_dials_may_listen() {
    let mut scene = Scene::new(BOTH[0]);
    let (dialling, _) = scene.host.open_with(OpenConnection {
        remote: scene.remote(7),
        local_address: None,
        local_port: PORT,
        options: ConnectionOptions::default(),
    });
    scene.expect(see("S"));
    scene.accept(Peer::default());
    assert_eq!(scene.host.state(dialling), State::SynSent);
}

#[test]
fn rfc9293_must_43_the_local_address_may_be_given() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let second = family.address(2);
        scene
            .host
            .add_address(second, if family == Family::V4 { 24 } else { 64 });
        scene.host.open_with(OpenConnection {
            remote: scene.remote(7),
            local_address: Some(second),
            local_port: 0,
            options: ConnectionOptions::default(),
        });
        assert_eq!(scene.expect(see("S")).ip.source, second);
    }
}

/// An address of ours that is not in the test network, and a peer beside it.
fn elsewhere(family: Family) -> (IpAddr, u8, IpAddr) {
    match family {
        Family::V4 => (
            IpAddr::from([198, 51, 100, 1]),
            24,
            IpAddr::from([198, 51, 100, 9]),
        ),
        Family::V6 => (
            IpAddr::from([0x2001, 0xdb8, 1, 0, 0, 0, 0, 1]),
            64,
            IpAddr::from([0x2001, 0xdb8, 1, 0, 0, 0, 0, 9]),
        ),
    }
}

#[test]
fn rfc9293_must_44_without_one_the_source_follows_the_route() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let (address, prefix_bits, peer) = elsewhere(family);
        scene.host.add_address(address, prefix_bits);
        scene.host.open(SocketAddr::new(peer, 7));
        assert_eq!(scene.expect(see("S")).ip.source, address);
        scene.host.open(scene.remote(7));
        assert_eq!(scene.expect(see("S")).ip.source, family.us());
    }
}

#[test]
fn rfc9293_must_45_the_local_address_never_changes() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(Peer::default());
        let (address, prefix_bits, _) = elsewhere(family);
        scene.host.add_address(address, prefix_bits);
        // A better match for this very peer.
        scene.host.add_address(family.address(8), prefix_bits);
        scene.host.send(flow.connection, &pattern(0, 5_000));
        for segment in scene.take_flight(&mut flow) {
            assert_eq!(segment.ip.source, family.us());
        }
        scene.send(&flow.seg());
        for segment in scene.take_flight(&mut flow) {
            assert_eq!(segment.ip.source, family.us());
        }
        scene.send(&flow.seg());
        scene.host.shut_down(flow.connection);
        assert_eq!(scene.expect(see("FA")).ip.source, family.us());
    }
}

#[test]
fn rfc9293_must_46_opening_to_a_group_is_refused() {
    let groups: [IpAddr; 5] = [
        IpAddr::from([255, 255, 255, 255]),
        IpAddr::from([192, 0, 2, 255]),
        IpAddr::from([224, 0, 0, 1]),
        IpAddr::from([239, 1, 2, 3]),
        IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 1]),
    ];
    let mut scene = Scene::new(BOTH[0]);
    for group in groups {
        let refused = scene.host.try_call(Call::OpenConnection(OpenConnection {
            remote: SocketAddr::new(group, 7),
            local_address: None,
            local_port: 0,
            options: ConnectionOptions::default(),
        }));
        assert_eq!(refused, Err(CallRefused::RemoteNotUnicast), "{group}");
        scene.silence_for(Duration::from_secs(3));
    }
}

#[test]
fn rfc9293_must_57_a_syn_to_a_group_is_not_answered() {
    let mut scene = Scene::new(BOTH[0]);
    scene.listener();
    let groups: [(IpAddr, IpAddr); 4] = [
        (Family::V4.them(), IpAddr::from([255, 255, 255, 255])),
        (Family::V4.them(), IpAddr::from([192, 0, 2, 255])),
        (Family::V4.them(), IpAddr::from([224, 0, 0, 1])),
        (
            Family::V6.them(),
            IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 1]),
        ),
    ];
    for (source, group) in groups {
        let before = scene.host.discards();
        let mut syn = scene.syn(&Peer::default());
        syn.ip = Ip::new(source, group);
        scene.send(&syn);
        scene.silence_for(Duration::from_secs(2));
        assert_eq!(scene.host.discards(), before + 1, "{group}");
    }
}

#[test]
fn rfc9293_must_63_a_syn_from_an_impossible_source_is_not_answered() {
    let mut scene = Scene::new(BOTH[0]);
    scene.listener();
    let sources: [IpAddr; 8] = [
        IpAddr::from([0, 0, 0, 0]),
        IpAddr::from([255, 255, 255, 255]),
        IpAddr::from([224, 0, 0, 5]),
        IpAddr::from([127, 0, 0, 1]),
        IpAddr::from([192, 0, 2, 255]),
        IpAddr::from([0_u16; 8]),
        IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 5]),
        IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    for source in sources {
        let us = if source.is_ipv4() {
            Family::V4.us()
        } else {
            Family::V6.us()
        };
        for port in [PORT, 81] {
            let before = scene.host.discards();
            let mut syn = scene.syn(&Peer::default());
            syn.ip = Ip::new(source, us);
            syn.destination_port = port;
            scene.send(&syn);
            scene.silence_for(Duration::from_secs(2));
            assert_eq!(scene.host.discards(), before + 1, "{source}");
        }
    }
}

#[test]
fn rfc9293_s01_what_fits_no_connection_is_reset_with_numbers_that_the_sender_accepts() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let stray = scene.flow_to_nobody();
        // With an ACK, its number is ours.
        scene.send(&stray.seg().flags("PA").seq(500).ack(9_999).text(b"hello"));
        scene.expect(see("R").seq(9_999).bare());
        scene.send(&stray.seg().flags("FA").seq(500).ack(u32::MAX));
        scene.expect(see("R").seq(u32::MAX).bare());
        // Without, ours is zero and all of it is acknowledged.
        scene.send(&stray.seg().flags("S").seq(500));
        scene.expect(see("RA").seq(0).ack(501).bare());
        scene.send(&stray.seg().flags("SF").seq(u32::MAX).text(b"hello"));
        scene.expect(see("RA").seq(0).ack(6).bare());
        scene.send(&stray.seg().flags(".").seq(500).text(b"hello"));
        scene.expect(see("RA").seq(0).ack(505).bare());
    }
}

#[test]
fn rfc9293_s02_a_reset_is_never_answered_with_a_reset() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        scene.listener();
        let mut stray = scene.flow_to_nobody();
        for port in [81, PORT] {
            stray.local.set_port(port);
            for letters in ["R", "RA", "RS", "RF", "RSA", "RFSPUA"] {
                scene.send(&stray.seg().flags(letters).text(b"x"));
                scene.silence_for(Duration::from_secs(1));
            }
        }
    }
}

#[test]
fn rfc9293_s03_an_ack_to_a_listener_is_reset() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        scene.listener();
        let mut stray = scene.flow_to_nobody();
        stray.local.set_port(PORT);
        for letters in ["A", "SA", "FA", "PA"] {
            scene.send(&stray.seg().flags(letters).seq(5).ack(4_242));
            scene.expect(see("R").seq(4_242).bare());
            scene.silence();
        }
        // Neither SYN, ACK nor RST: dropped (§3.10.7.2, fifth).
        for letters in [".", "F", "P", "U"] {
            scene.send(&stray.seg().flags(letters).text(b"x"));
            scene.silence_for(Duration::from_secs(1));
        }
        assert_eq!(scene.host.all_events(), []);
    }
}

#[test]
fn rfc9293_s04_text_on_a_syn_is_kept_or_not_acknowledged() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let listener = scene.listener();
        let peer = Peer::default();
        let text = pattern(0, 100);
        scene.send(&scene.syn(&peer).text(&text));
        let answer = scene.expect(see("SA"));
        let mut flow = scene.flow_from(&peer, &answer, PORT);
        let taken = answer.ack.wrapping_sub(flow.nxt);
        assert!(taken == 0 || taken == 100, "{taken} octets acknowledged");
        // An honest sender repeats what was not acknowledged.
        flow.nxt = flow.nxt.wrapping_add(taken);
        scene.send(&flow.seg().flags("PA").text(&text[taken as usize..]));
        flow.nxt = peer.iss.wrapping_add(101);
        scene.expect_ack(&flow);
        flow.connection = scene.host.accept(listener).unwrap().connection;
        assert_eq!(scene.host.receive_all(flow.connection), text);
    }
}

#[test]
fn rfc9293_s05_syn_sent_believes_only_an_ack_of_its_syn() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer::default();
        let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
        flow.connection = connection;
        for wrong in [
            flow.irs,
            flow.irs.wrapping_add(2),
            flow.irs.wrapping_sub(1),
            0,
        ] {
            scene.send(&scene.syn_ack(&peer, &flow).ack(wrong));
            scene.expect(see("R").seq(wrong).bare());
            scene.assert_state(&flow, State::SynSent);
            scene.send(&flow.seg().ack(wrong));
            scene.expect(see("R").seq(wrong).bare());
            // A reset with it is dropped in silence.
            scene.send(&flow.seg().flags("RA").ack(wrong));
            scene.silence();
        }
        scene.send(&flow.seg().flags("R"));
        scene.silence();
        scene.assert_state(&flow, State::SynSent);
        scene.send(&scene.syn_ack(&peer, &flow));
        scene.expect(see("A").ack(flow.nxt));
        scene.assert_state(&flow, State::Established);
    }
}

#[test]
fn rfc9293_s05_a_reset_with_the_right_ack_refuses() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer::default();
        let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        let flow = scene.flow_from(&peer, &syn, syn.source_port);
        scene.send(&flow.seg().flags("RA").seq(0));
        scene.silence();
        let error = scene.host.failure_of(connection);
        assert_eq!(error, Some(ConnectionError::Refused));
        // The name lives until the application gives it up, and nothing more is sent.
        scene.host.close(connection);
        scene.silence_for(Duration::from_secs(300));
    }
}

#[test]
fn rfc6528_01_the_clock_and_a_keyed_hash_make_the_initial_sequence_number() {
    let mut scene = Scene::new(BOTH[1]);
    let remote = scene.remote(PORT);
    let other = SocketAddr::new(BOTH[1].address(10), PORT);
    let at_once = iss_of_dial(&mut scene, 50_000, remote);
    // The same moment and other addresses: another offset.
    assert_ne!(iss_of_dial(&mut scene, 50_000, other), at_once);
    // The same ends and the same moment: the same number.
    assert_eq!(iss_of_dial(&mut scene, 50_000, remote), at_once);
    assert!(scene.host.now > Instant::ZERO);
}

#[test]
fn rfc6528_02_another_seed_is_another_secret() {
    let numbers: HashSet<u32> = (0..50)
        .map(|seed| {
            let mut scene = Scene::with_seed(BOTH[0], seed, |_| {});
            let remote = scene.remote(PORT);
            iss_of_dial(&mut scene, 50_000, remote)
        })
        .collect();
    assert_eq!(numbers.len(), 50);
}

#[test]
fn rfc6056_01_ephemeral_ports_use_the_widest_range() {
    let mut scene = Scene::new(BOTH[0]);
    let mut ports = HashSet::new();
    let mut connections = Vec::new();
    for _ in 0..10_000 {
        let (connection, local) = scene.host.open(scene.remote(7));
        assert!(local.port() >= 1_024);
        assert!(ports.insert(local.port()), "port {} twice", local.port());
        connections.push(connection);
        scene.segments();
    }
    // Eight equal parts of the range are all used, none more than twice as often as it should.
    let mut parts = [0; 8];
    for port in &ports {
        parts[(usize::from(*port) - 1_024) * 8 / 64_512] += 1;
    }
    assert!(
        parts.iter().all(|part| (625..2_500).contains(part)),
        "{parts:?}"
    );
}

#[test]
fn rfc6056_02_ports_do_not_follow_each_other() {
    let mut scene = Scene::new(BOTH[0]);
    let mut last = 0_u16;
    let mut steps = HashSet::new();
    for number in 0..500 {
        // One destination each, and one and the same.
        let host = if number % 2 == 0 {
            9
        } else {
            10 + (number / 2 % 200) as u8
        };
        let remote = SocketAddr::new(BOTH[0].address(host), 7);
        let (_, local) = scene.host.open(remote);
        steps.insert(local.port().wrapping_sub(last));
        last = local.port();
        scene.segments();
    }
    assert!(steps.len() > 400, "only {} different steps", steps.len());
}

#[test]
fn rfc6056_03_no_live_pair_of_ends_is_used_twice() {
    let mut scene = Scene::new(BOTH[0]);
    let remote = scene.remote(7);
    let mut ports = HashSet::new();
    let refused = loop {
        match scene.host.try_call(Call::OpenConnection(OpenConnection {
            remote,
            local_address: None,
            local_port: 0,
            options: ConnectionOptions::default(),
        })) {
            Ok(Reply::Connection { local, .. }) => assert!(ports.insert(local.port())),
            Ok(other) => panic!("{other:?}"),
            Err(refused) => break refused,
        }
        scene.segments();
    };
    assert_eq!(refused, CallRefused::PortsExhausted);
    assert!(ports.len() > 16_000, "only {} ports", ports.len());
    // Another destination still has all of them.
    scene.host.open(SocketAddr::new(BOTH[0].address(10), 7));
    scene.expect(see("S"));
}

#[test]
fn rfc7413_01_no_fast_open_unless_somebody_asks_for_it() {
    for family in BOTH {
        // `Seen` fails on an option 34 of ours.
        let mut scene = Scene::new(family);
        scene.begin_dial(&Peer::default(), ConnectionOptions::default());
        // A request for a cookie, and a cookie with text: an ordinary handshake.
        scene.listener();
        for (port, option) in [
            (41_000, &[34, 2][..]),
            (41_001, &[34, 10, 1, 2, 3, 4, 5, 6, 7, 8]),
        ] {
            let peer = Peer {
                port,
                ..Peer::default()
            };
            let syn = scene.syn(&peer).option(option).text(b"early");
            scene.send(&syn);
            scene.expect(see("SA").octets(0));
            scene.host.all_events();
        }
    }
}
