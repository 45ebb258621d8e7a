//! Congestion control, pacing and ECN over a bottleneck with a queue.

use std::vec::Vec;

use super::world::{A, B, Bottleneck, Impairments, World, forged, seq};
use crate::base::{Duration, Instant};
use crate::call::{CongestionAlgorithm, ConnectionId, ConnectionOptions, EcnUse};
use crate::config::Config;
use crate::observe::Observation;
use crate::status::CongestionMode;
use crate::wire::protocol::{Ecn, TrafficClass};
use crate::wire::tcp::{TcpFlags, TcpHeader};
use crate::wire::tcp_options::TcpOptions;

const TEN_MEGABITS: u64 = 1_250_000;

fn options(algorithm: CongestionAlgorithm) -> ConnectionOptions {
    ConnectionOptions {
        congestion: Some(algorithm),
        receive_buffer_octets: Some(4_000_000),
        send_buffer_octets: Some(4_000_000),
        ..ConnectionOptions::default()
    }
}

/// A way of 10 Mbit/s with this round trip and a queue of so many octets.
fn bottleneck(config: Config, round_trip: Duration, queue_octets: u64) -> World {
    let mut world = World::with(7, config.clone(), config);
    world.delay = round_trip / 2;
    world.bottleneck = Some(Bottleneck::new(TEN_MEGABITS, queue_octets));
    world
}

/// Sends without end on `flows` until `until`; how much each of them delivered.
fn bulk(world: &mut World, flows: &[(ConnectionId, ConnectionId)], until: Instant) -> Vec<u64> {
    let chunk = std::vec![7_u8; 100_000];
    let mut delivered = std::vec![0; flows.len()];
    let mut steps = 0_u32;
    while world.now < until {
        for ((a, b), delivered) in flows.iter().zip(&mut delivered) {
            if steps.is_multiple_of(64) {
                while world.send(A, *a, &chunk) == chunk.len() {}
            }
            *delivered += world.receive(B, *b, 10_000_000).0.len() as u64;
        }
        steps += 1;
        assert!(world.step());
        world.trace.truncate(200_000);
    }
    delivered
}

fn modes(world: &mut World, end: usize) -> Vec<CongestionMode> {
    let mut modes = Vec::new();
    while let Some((_, observation)) = world.ends[end].around.log.take() {
        if let Observation::CongestionModeChanged { to, .. } = observation {
            modes.push(to);
        }
    }
    modes
}

#[test]
fn rfc9406_4_2_slow_start_ends_before_a_deep_queue_overflows() {
    let run = |algorithm| {
        let round_trip = Duration::from_millis(40);
        let mut world = bottleneck(Config::default(), round_trip, 1_000_000);
        let flow = world.connect_with(options(algorithm));
        let until = world.now + Duration::from_secs(4);
        bulk(&mut world, &[flow], until);
        let modes = modes(&mut world, A);
        (modes, world.bottleneck.take().unwrap())
    };
    let (modes, queue) = run(CongestionAlgorithm::Cubic);
    assert!(
        modes.contains(&CongestionMode::ConservativeSlowStart),
        "{modes:?}"
    );
    assert_eq!(modes.last(), Some(&CongestionMode::Avoidance));
    assert_eq!(queue.dropped, 0);
    // Without it the same queue overflows.
    let (_, queue) = run(CongestionAlgorithm::Reno);
    assert!(queue.dropped > 0, "{queue:?}");
}

#[test]
fn bbr_fills_ten_megabits_at_forty_milliseconds_and_one_percent_loss() {
    let round_trip = Duration::from_millis(40);
    let mut world = bottleneck(Config::default(), round_trip, 50_000);
    world.impairments = Impairments {
        loss: 10,
        ..Impairments::default()
    };
    let flow = world.connect_with(options(CongestionAlgorithm::Bbr));
    let began = world.now;
    let until = began + Duration::from_secs(20);
    let delivered = bulk(&mut world, &[flow], until)[0];
    // 1,448 octets of text in 1,500 on the way; one percent is lost on it.
    let carries = TEN_MEGABITS * 20 * 1_448 / 1_500;
    let queue = world.bottleneck.as_ref().unwrap();
    assert!(
        delivered >= carries * 90 / 100,
        "{delivered} of {carries}, {} dropped",
        queue.dropped
    );
}

#[test]
fn two_flows_of_cubic_share_a_bottleneck() {
    let round_trip = Duration::from_millis(20);
    let mut world = bottleneck(Config::default(), round_trip, 25_000);
    let first = world.connect_with(options(CongestionAlgorithm::Cubic));
    let until = world.now + Duration::from_secs(3);
    bulk(&mut world, &[first], until);
    let second = world.connect_with(options(CongestionAlgorithm::Cubic));
    let until = world.now + Duration::from_secs(10);
    bulk(&mut world, &[first, second], until);
    let until = world.now + Duration::from_secs(40);
    let shares = bulk(&mut world, &[first, second], until);
    let [x, y] = [shares[0] as f64, shares[1] as f64];
    let jain = (x + y).powi(2) / (2.0 * (x * x + y * y));
    assert!(jain >= 0.95, "{shares:?}: {jain}");
    let carries = (TEN_MEGABITS * 40 * 1_448 / 1_500) as f64;
    assert!(x + y > carries * 0.9, "{shares:?} of {carries}");
}

#[test]
fn rfc3168_04_marks_are_answered_once_a_window_and_nothing_is_lost() {
    let round_trip = Duration::from_millis(40);
    let mut config = Config::default();
    config.set("ecn", 1).unwrap();
    let mut world = bottleneck(config, round_trip, 400_000);
    world.bottleneck.as_mut().unwrap().marks_above = Some(30_000);
    let flow = world.connect_with(options(CongestionAlgorithm::Cubic));
    assert!(world.status(A, flow.0).ecn && world.status(B, flow.1).ecn);
    let until = world.now + Duration::from_secs(5);
    bulk(&mut world, &[flow], until);
    let queue = world.bottleneck.as_ref().unwrap();
    assert_eq!(queue.dropped, 0);
    assert!(queue.marked > 10, "{}", queue.marked);
    let told: Vec<Instant> = world
        .trace
        .iter()
        .filter(|(_, end, header, octets)| {
            *end == A && *octets > 0 && header.flags.contains(TcpFlags::CWR)
        })
        .map(|(at, ..)| *at)
        .collect();
    assert!(told.len() > 2, "{told:?}");
    for pair in told.windows(2) {
        assert!(pair[1].since(pair[0]) >= round_trip, "{pair:?}");
    }
    let echoed = world.trace.iter().any(|(_, end, header, _)| {
        *end == B && header.flags.contains(TcpFlags::ECE.with(TcpFlags::ACK))
    });
    assert!(echoed);
    // STATUS counts both: what arrived marked, and what came back of it.
    let marked = world.bottleneck.as_ref().unwrap().marked;
    let (a, b) = (world.status(A, flow.0), world.status(B, flow.1));
    assert!(b.marked_segments_in > 0 && b.marked_segments_in <= marked);
    assert!(a.ecn_echoes_in >= told.len() as u64);
    assert_eq!((a.marked_segments_in, b.ecn_echoes_in), (0, 0));
    assert!(a.delivery_rate.is_some_and(|rate| rate <= 2 * TEN_MEGABITS));
}

#[test]
fn rfc3168_02_only_new_text_is_capable_and_only_where_agreed() {
    for (ask, lossy) in [(EcnUse::Ask, 0), (EcnUse::Ask, 50), (EcnUse::Answer, 0)] {
        let mut world = bottleneck(Config::default(), Duration::from_millis(20), 100_000);
        let flow = world.connect_with(ConnectionOptions {
            ecn: Some(ask),
            ..options(CongestionAlgorithm::Cubic)
        });
        world.impairments.loss = lossy;
        let until = world.now + Duration::from_secs(2);
        bulk(&mut world, &[flow], until);
        let mut sent = world.trace[0].2.seq;
        for ((_, end, header, octets), ecn) in world.trace.iter().zip(&world.codepoints) {
            if *end == B || *octets == 0 {
                assert_eq!(*ecn, Ecn::NotCapable);
                continue;
            }
            let is_new = sent.is_at_or_before(header.seq);
            let expected = if is_new && ask == EcnUse::Ask {
                Ecn::Capable0
            } else {
                Ecn::NotCapable
            };
            assert_eq!(*ecn, expected, "{header:?}");
            sent = sent.later_of(header.seq + *octets as u32);
        }
    }
}

#[test]
fn rfc3168_6_1_1_1_a_path_that_swallows_the_asking_syn_still_connects() {
    let mut world = World::new(3);
    let listener = world.listen(B);
    let a = world.dial(
        A,
        ConnectionOptions {
            ecn: Some(EcnUse::Ask),
            ..ConnectionOptions::default()
        },
    );
    world.pull();
    world.cut_wire();
    world.run_for(Duration::from_secs(2));
    assert!(world.accept(B, listener).is_some());
    assert!(!world.status(A, a).ecn);
    let asking = TcpFlags::ECE.with(TcpFlags::CWR);
    let syns: Vec<bool> = world
        .trace
        .iter()
        .filter(|(_, end, header, _)| *end == A && header.flags.contains(TcpFlags::SYN))
        .map(|(_, _, header, _)| header.flags.contains(asking))
        .collect();
    assert_eq!(syns, [true, false]);
}

#[test]
fn pacing_spreads_a_window_over_the_round_trip() {
    let most_at_once = |pacing: u64| {
        let config = Config {
            pacing,
            ..Config::default()
        };
        let mut world = World::with(5, config.clone(), config);
        world.delay = Duration::from_millis(20);
        let (a, b) = world.connect_with(options(CongestionAlgorithm::Cubic));
        let until = world.now + Duration::from_millis(500);
        bulk(&mut world, &[(a, b)], until);
        let mut most = 0;
        let mut at_once = (Instant::ZERO, 0);
        for (at, end, _, octets) in &world.trace {
            if *end == A {
                let before = if at_once.0 == *at { at_once.1 } else { 0 };
                at_once = (*at, before + octets);
                // The first window only: later ones have a faster pace.
                if at_once.1 > most && *at < Instant::from_millis(1_080) {
                    most = at_once.1;
                }
            }
        }
        most
    };
    assert!(most_at_once(0) >= 10 * 1_448);
    assert!(most_at_once(1) <= 4 * 1_448, "{}", most_at_once(1));
}

#[test]
fn the_algorithm_can_be_changed_in_the_midst_of_a_transfer() {
    let mut world = bottleneck(Config::default(), Duration::from_millis(20), 50_000);
    let flow = world.connect_with(options(CongestionAlgorithm::Reno));
    for algorithm in [
        CongestionAlgorithm::Cubic,
        CongestionAlgorithm::Bbr,
        CongestionAlgorithm::Reno,
    ] {
        let change = ConnectionOptions {
            congestion: Some(algorithm),
            ..ConnectionOptions::default()
        };
        let it = &mut world.ends[A];
        it.tcp
            .set_options(&mut it.around.at(world.now), flow.0, &change)
            .unwrap();
        assert_eq!(world.status(A, flow.0).congestion_algorithm, algorithm);
        let until = world.now + Duration::from_secs(4);
        let delivered = bulk(&mut world, &[flow], until)[0];
        assert!(delivered > TEN_MEGABITS * 3, "{algorithm:?}: {delivered}");
    }
}

#[test]
fn rfc3168_06_a_mark_on_text_outside_the_window_is_ignored() {
    let mut config = Config::default();
    config.set("ecn", 1).unwrap();
    let mut world = World::with(3, config.clone(), config);
    let (a, b) = world.connect();
    let chunk = [5_u8; 1_000];
    world.send(A, a, &chunk);
    world.run_for(Duration::from_secs(1));
    world.receive(B, b, 10_000);
    let (local, remote) = {
        let status = world.status(A, a);
        (status.local, status.remote)
    };
    let status = world.status(A, a);
    let echoes_after = |world: &mut World, back: u32, ecn: Ecn| {
        let header = TcpHeader {
            seq: seq(status.snd_nxt.wrapping_sub(back)),
            ack: seq(status.rcv_nxt),
            flags: TcpFlags::ACK,
            window: 1_000,
            options: TcpOptions {
                timestamps: world.ends[B].tcp.timestamps_to_repeat(b),
                ..TcpOptions::default()
            },
            ..TcpHeader::default()
        };
        let mut datagram = forged(local, remote, header, &chunk[..100]);
        datagram.traffic_class = TrafficClass::new(0, ecn);
        world.trace.clear();
        world.deliver(B, datagram);
        world.run_for(Duration::from_secs(1));
        let answer = world.trace.iter().find(|(_, end, ..)| *end == B);
        answer.is_some_and(|(_, _, header, _)| header.flags.contains(TcpFlags::ECE))
    };
    let marked = Ecn::CongestionExperienced;
    assert!(!echoes_after(&mut world, 500, marked), "an old duplicate");
    assert!(echoes_after(&mut world, 0, marked), "new text");
}
