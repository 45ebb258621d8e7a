//! RFC 9293 §3.7: maximum segment size and Nagle's algorithm; §3.9.1.2: pushing.

use sidestep_stack::base::Duration;
use sidestep_stack::call::{Call, ConnectionOptions};
use sidestep_tests::craft::{Segment, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Family, Flow, Peer, Scene};

/// Sends `octets` octets and says how much text each segment of the first flights holds.
fn sizes(scene: &mut Scene, flow: &mut Flow, octets: usize) -> Vec<usize> {
    scene.host.send(flow.connection, &pattern(0, octets));
    let mut sizes = Vec::new();
    for _ in 0..40 {
        let flight = scene.take_flight(flow);
        sizes.extend(flight.iter().map(|segment| segment.text.len()));
        scene.host.advance(Duration::from_millis(20));
        scene.ack_each(flow, &flight);
    }
    assert_eq!(sizes.iter().sum::<usize>(), octets);
    sizes
}

fn largest(sizes: &[usize]) -> usize {
    sizes.iter().copied().max().unwrap_or(0)
}

#[test]
fn rfc9293_must_14_mss_is_sent_and_understood() {
    for family in BOTH {
        let own = 1_500 - family.header_octets() as u16 - 20;
        let mut scene = Scene::new(family);
        let peer = Peer {
            mss: Some(700),
            ..Peer::default()
        };
        let (_, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        assert_eq!(syn.mss(), Some(own));

        let mut scene = Scene::new(family);
        scene.listener();
        scene.send(&scene.syn(&peer));
        scene.expect(see("SA").mss(own));

        let mut scene = Scene::new(family);
        let mut flow = scene.dial(peer.clone());
        assert_eq!(largest(&sizes(&mut scene, &mut flow, 10_000)), 700);
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(peer);
        assert_eq!(largest(&sizes(&mut scene, &mut flow, 10_000)), 700);
    }
}

#[test]
fn rfc9293_must_15_without_an_mss_the_default_holds() {
    for family in BOTH {
        let expected = match family {
            Family::V4 => 536,
            Family::V6 => 1_220,
        };
        let peer = Peer {
            mss: None,
            ..Peer::default()
        };
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(peer.clone());
        assert_eq!(largest(&sizes(&mut scene, &mut flow, 10_000)), expected);
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(peer);
        assert_eq!(largest(&sizes(&mut scene, &mut flow, 10_000)), expected);
    }
}

/// The largest text that leaves with this MTU to a peer with this MSS and timestamps.
fn largest_text(family: Family, mtu: u64, mss: u16) -> usize {
    let mut scene = Scene::with(family, |config| config.mtu_octets = mtu);
    let mut flow = scene.dial(Peer {
        mss: Some(mss),
        stamp: Some(1),
        ..Peer::default()
    });
    let sizes = sizes(&mut scene, &mut flow, 40_000);
    largest(&sizes)
}

#[test]
fn rfc9293_must_16_segments_are_as_long_as_peer_and_path_allow_less_the_options() {
    assert_eq!(largest_text(Family::V4, 1_500, 9_000), 1_448);
    assert_eq!(largest_text(Family::V6, 1_500, 9_000), 1_428);
    assert_eq!(largest_text(Family::V4, 576, 1_460), 524);
    assert_eq!(largest_text(Family::V6, 1_280, 1_440), 1_208);
    // The peer is the narrower one; its MSS does not count the options (§3.7.1).
    assert_eq!(largest_text(Family::V4, 9_000, 1_000), 988);
}

#[test]
fn rfc9293_must_67_the_mss_that_we_send_follows_the_mtu() {
    for (mtu, family, mss) in [
        (1_500, Family::V4, 1_460),
        (1_500, Family::V6, 1_440),
        (9_000, Family::V4, 8_960),
        (9_000, Family::V6, 8_940),
        (65_535, Family::V4, 65_495),
        (1_280, Family::V6, 1_220),
        (576, Family::V4, 536),
    ] {
        let mut scene = Scene::with(family, |config| config.mtu_octets = mtu);
        let (_, syn) = scene.begin_dial(&Peer::default(), ConnectionOptions::default());
        assert_eq!(syn.mss(), Some(mss), "MTU {mtu} {family:?}");
    }
    // The least MTU that IPv4 has.
    let mut scene = Scene::with(Family::V4, |config| config.mtu_octets = 68);
    let (_, syn) = scene.begin_dial(&Peer::default(), ConnectionOptions::default());
    assert!(syn.mss().is_some_and(|mss| (28..=536).contains(&mss)));
}

#[test]
fn rfc9293_shld_5_mss_is_on_every_syn() {
    for family in BOTH {
        for mtu in [1_280, 1_500, 9_000] {
            let mut scene = Scene::with(family, |config| config.mtu_octets = mtu);
            let (_, syn) = scene.begin_dial(&Peer::default(), ConnectionOptions::default());
            assert!(syn.mss().is_some());
            scene.listener();
            scene.send(&scene.syn(&Peer::default()));
            assert!(scene.expect(see("SA")).mss().is_some());
        }
    }
}

#[test]
fn rfc9293_may_3_mss_is_sent_even_where_it_is_the_default() {
    let mut scene = Scene::with(Family::V4, |config| config.mtu_octets = 576);
    let (_, syn) = scene.begin_dial(&Peer::default(), ConnectionOptions::default());
    assert_eq!(syn.mss(), Some(536));
}

#[test]
fn rfc9293_shld_6_a_lower_mtu_lowers_the_mss_that_we_send() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer::default();
        let (_, before) = scene.begin_dial(&peer, ConnectionOptions::default());
        scene.host.call(Call::SetMtu(1_300));
        let (_, after) = scene.begin_dial(&peer, ConnectionOptions::default());
        assert_eq!(before.mss().unwrap() - after.mss().unwrap(), 200);
    }
}

fn options_no_delay() -> ConnectionOptions {
    ConnectionOptions {
        no_delay: Some(true),
        ..ConnectionOptions::default()
    }
}

#[test]
fn rfc9293_must_17_nagle_can_be_switched_off() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.dial_with(Peer::default(), options_no_delay());
        scene.host.send(flow.connection, b"a");
        scene.expect(see("A").text(b"a"));
        scene.host.send(flow.connection, b"b");
        scene.expect(see("A").text(b"b"));

        // Also on a connection that is open already.
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene.host.set_options(flow.connection, options_no_delay());
        scene.host.send(flow.connection, b"a");
        scene.expect(see("A").text(b"a"));
        scene.host.send(flow.connection, b"b");
        scene.expect(see("A").text(b"b"));
    }
}

#[test]
fn rfc9293_shld_7_nagle_gathers_small_writes() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        for octet in b"abcdefghij" {
            scene.host.send(flow.connection, &[*octet]);
        }
        scene.expect(see("A").text(b"a"));
        scene.silence();
        scene.ack(&mut flow, 1);
        scene.expect(see("A").text(b"bcdefghij"));
        scene.silence();
    }
}

#[test]
fn rfc9293_may_16_writes_are_gathered() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(Peer::default());
    scene.host.send(flow.connection, b"first");
    scene.expect(see("A").text(b"first"));
    // Nagle does not hold back a full segment, though it was written in parts.
    for _ in 0..20 {
        scene.host.send(flow.connection, &[7; 100]);
    }
    let sent = scene.segments();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].text.len(), 1_460);
    scene.ack(&mut flow, 1_465);
    scene.expect(see("A").octets(540));
}

#[test]
fn rfc9293_shld_28_segments_are_as_long_as_they_may_be() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(Peer::default());
        let full = (1_500 - family.header_octets() - 20).min(1_460);
        let sizes = sizes(&mut scene, &mut flow, 1_000_000);
        let (last, others) = sizes.split_last().unwrap();
        // The peer's window of 65,535 is no multiple of the segment size; a sender that avoids
        // silly windows waits rather than fill its rest.
        assert!(others.iter().all(|octets| *octets == full), "{others:?}");
        assert!(*last <= full);
    }
}

#[test]
fn rfc9293_shld_27_small_writes_that_wait_leave_as_one_segment() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.dial_with(
        Peer {
            window: 0,
            ..Peer::default()
        },
        options_no_delay(),
    );
    for part in [&b"one "[..], b"two ", b"three"] {
        scene.host.send(flow.connection, part);
    }
    assert_eq!(scene.segments().iter().map(Segment::len).sum::<u32>(), 0);
    flow.window = 1_000;
    scene.send(&flow.seg());
    scene.expect(see("A").text(b"one two three"));
    scene.silence();
}

#[test]
fn rfc9293_must_60_text_is_not_held_back() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.host.send(flow.connection, b"x");
        scene.expect(see("A").text(b"x"));
        scene.host.send(flow.connection, b"y");
        scene.silence();
        scene.ack(&mut flow, 1);
        scene.expect(see("A").text(b"y"));
    }
}

#[test]
fn rfc9293_must_61_the_last_segment_that_waits_has_push() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.host.send(flow.connection, &pattern(0, 3_000));
        // Nagle holds the rest until all before it is acknowledged.
        let mut flight = scene.take_flight(&mut flow);
        scene.send(&flow.seg());
        flight.extend(scene.take_flight(&mut flow));
        let octets: usize = flight.iter().map(|segment| segment.text.len()).sum();
        assert_eq!(octets, 3_000);
        assert!(flight.last().unwrap().has("P"));
    }
}

#[test]
fn rfc9293_may_17_text_without_push_reaches_the_reader_at_once() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.accept(Peer::default());
    scene.send(&flow.seg().flags("A").text(b"no push"));
    assert_eq!(scene.host.receive_all(flow.connection), b"no push");
}
