//! Segments follow what the path takes, told by ICMP or found out.

use std::vec::Vec;

use super::world::{A, B, World, pattern};
use crate::base::Duration;
use crate::call::{ConnectionId, ConnectionOptions};
use crate::config::Config;
use crate::observe::{Observation, SendReason};
use crate::wire::tcp::TcpFlags;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn probing(mode: u64) -> World {
    let config = Config {
        mtu_probing: mode,
        observations_max: 100_000,
        ..Config::default()
    };
    World::with(9, config.clone(), config)
}

/// A sends `text` and B reads it; how long that took.
fn transfer(world: &mut World, a: ConnectionId, b: ConnectionId, text: &[u8]) -> Duration {
    let began = world.now;
    let (mut sent, mut got) = (0, Vec::new());
    while got.len() < text.len() {
        sent += world.send(A, a, &text[sent..text.len().min(sent + 100_000)]);
        got.extend(world.receive(B, b, usize::MAX).0);
        assert!(world.step() && world.now.since(began) < Duration::from_secs(60));
    }
    assert!(got == text);
    world.now.since(began)
}

fn probes(world: &mut World) -> usize {
    let mut probes = 0;
    while let Some((_, observation)) = world.ends[A].around.log.take() {
        if let Observation::SegmentSent { reason, .. } = observation {
            probes += usize::from(reason == SendReason::PathProbe);
        }
    }
    probes
}

#[test]
fn rfc4821_01_a_path_that_swallows_full_segments_is_found_out() {
    for (mode, finds) in [(0, false), (1, true)] {
        let mut world = probing(mode);
        let (a, b) = world.connect();
        world.carries_octets = 1_300;
        if !finds {
            world.send(A, a, &pattern(20_000));
            world.run_for(Duration::from_secs(20));
            assert_eq!(world.receive(B, b, usize::MAX).0.len(), 0);
            continue;
        }
        let text = pattern(400_000);
        let took = transfer(&mut world, a, b, &text);
        // Three timeouts, and then it flows.
        assert!(took < Duration::from_secs(8), "{took:?}");
        let mtu = world.status(A, a).path_mtu_octets;
        assert!((1_284..=1_300).contains(&mtu), "{mtu}");
    }
}

#[test]
fn rfc4821_01_one_segment_that_is_not_full_but_too_large_is_found_out_too() {
    // Below the base size, above it, and all but full: what the path takes is below each.
    for octets in [700, 1_100, 1_447] {
        let mut world = probing(1);
        let (a, b) = world.connect();
        world.carries_octets = 576;
        let took = transfer(&mut world, a, b, &pattern(octets));
        // Three timeouts for the base size, and three more for the floor.
        assert!(took < Duration::from_secs(30), "{octets}: {took:?}");
        assert_eq!(world.status(A, a).path_mtu_octets, 552, "{octets}");
    }
    // Where even the floor would not be smaller, nothing is to be found out.
    let mut world = probing(1);
    let (a, _) = world.connect();
    world.carries_octets = 0;
    world.send(A, a, &pattern(500));
    world.run_for(Duration::from_secs(30));
    assert_eq!(world.status(A, a).path_mtu_octets, 1_500);
}

#[test]
fn rfc4821_02_the_search_from_the_start_ends_below_what_the_path_takes() {
    for carries in [1_100, 1_400, 1_500] {
        let mut world = probing(2);
        world.carries_octets = carries;
        let (a, b) = world.connect();
        assert_eq!(world.status(A, a).path_mtu_octets, 1_064);
        transfer(&mut world, a, b, &pattern(1_000_000));
        let mtu = usize::from(world.status(A, a).path_mtu_octets);
        assert!(mtu <= carries && carries < mtu + 32, "{carries}: {mtu}");
        assert!(probes(&mut world) >= 1);
    }
}

#[test]
fn rfc4821_03_the_loss_of_a_probe_is_no_sign_of_congestion() {
    let mut world = probing(2);
    world.carries_octets = 1_200;
    let (a, b) = world.connect();
    transfer(&mut world, a, b, &pattern(1_000_000));
    let status = world.status(A, a);
    // Slow start never ended: nothing but probes was lost.
    assert_eq!(status.timeouts, 0);
    assert!(status.ssthresh_octets >= 1 << 30, "{status:?}");
    assert!(status.retransmissions >= 3);
}

#[test]
fn rfc4821_a_lossy_path_is_no_black_hole() {
    let mut world = probing(1);
    world.impairments.loss = 30;
    let (a, b) = world.connect();
    transfer(&mut world, a, b, &pattern(300_000));
    assert_eq!(world.status(A, a).path_mtu_octets, 1_500);
}

#[test]
fn rfc8201_02_other_connections_to_the_same_destination_follow_and_cwnd_stays() {
    let mut world = World::new(4);
    let (a, b) = world.connect();
    world.send(A, a, &pattern(30_000));
    world.pull();
    let cwnd = world.status(A, a).cwnd_octets;
    let destination = world.ends[B].address;
    let it = &mut world.ends[A];
    it.tcp
        .path_mtu_changed(&mut it.around.at(world.now), destination, 1_300);
    world.cut_wire();
    world.mtu = 1_300;
    world.carries_octets = 1_300;
    world.pull();
    assert!(world.status(A, a).cwnd_octets >= cwnd);
    assert_eq!(world.status(A, a).snd_mss, 1_248);
    world.run_for(Duration::from_secs(2));
    assert_eq!(world.receive(B, b, usize::MAX).0, pattern(30_000));
}

#[test]
fn rfc1191_05_segments_grow_again_when_ip_forgets_what_it_was_told() {
    let mut world = World::new(4);
    let (a, b) = world.connect();
    let destination = world.ends[B].address;
    let it = &mut world.ends[A];
    it.tcp
        .path_mtu_changed(&mut it.around.at(world.now), destination, 1_300);
    assert_eq!(world.status(A, a).path_mtu_octets, 1_300);
    // IP believes 1,300 for as long as it remembers.
    world.mtu = 1_300;
    transfer(&mut world, a, b, &pattern(50_000));
    assert_eq!(world.status(A, a).path_mtu_octets, 1_300);
    world.mtu = 1_500;
    transfer(&mut world, a, b, &pattern(50_000));
    assert_eq!(world.status(A, a).path_mtu_octets, 1_500);
}

#[test]
fn what_is_learned_during_the_handshake_holds_from_the_first_segment_on() {
    let mut world = World::new(4);
    let listener = world.listen(B);
    let a = world.dial(A, ConnectionOptions::default());
    // The SYN arrives; before its answer is acknowledged, the path proves to be smaller.
    for _ in 0..2 {
        world.step();
    }
    world.mtu = 1_280;
    world.run_for(MS(50));
    let b = world.accept(B, listener).unwrap().connection;
    assert_eq!(world.status(B, b).path_mtu_octets, 1_280);
    let _ = a;
}

#[test]
fn mss_clamping_bounds_both_directions() {
    let mut world = World::new(4);
    let (a, b) = world.connect_with(ConnectionOptions {
        mss_octets_max: Some(600),
        ..ConnectionOptions::default()
    });
    for (_, _, header, _) in &world.trace {
        if header.flags.contains(TcpFlags::SYN) {
            assert_eq!(header.options.mss, Some(600));
        }
    }
    assert_eq!(world.status(A, a).snd_mss, 588);
    world.trace.clear();
    transfer(&mut world, a, b, &pattern(20_000));
    // Not below what Linux takes, however little is asked for.
    let mut world = World::new(4);
    let (a, _) = world.connect_with(ConnectionOptions {
        mss_octets_max: Some(1),
        ..ConnectionOptions::default()
    });
    assert_eq!(world.status(A, a).advertised_mss, 88);
}

#[test]
fn ip_is_never_exceeded_by_a_probe() {
    let mut world = probing(2);
    world.mtu = 1_400;
    let (a, b) = world.connect();
    // `World::transmit` asserts it for each segment.
    transfer(&mut world, a, b, &pattern(400_000));
    assert!(world.status(A, a).path_mtu_octets > 1_384);
}
