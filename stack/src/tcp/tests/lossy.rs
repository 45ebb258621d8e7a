//! Whatever the wire does, the octets read are exactly the octets written.

use std::vec::Vec;

use super::world::{A, B, Impairments, World, pattern};
use crate::base::{Duration, Instant};
use crate::call::{ConnectionId, ConnectionOptions, Release};
use crate::config::Config;

/// Both ends send `octets` and close; how long that took.
fn exchange(world: &mut World, octets: usize) -> Duration {
    let (a, b) = world.connect_with(ConnectionOptions {
        receive_buffer_octets: Some(200_000),
        ..ConnectionOptions::default()
    });
    let ids: [ConnectionId; 2] = [a, b];
    let began = world.now;
    let text = pattern(octets);
    let mut sent = [0, 0];
    let mut received = [Vec::new(), Vec::new()];
    let mut ended = [false, false];
    let mut rests = 0;
    for _ in 0..5_000_000 {
        for end in [A, B] {
            if sent[end] < text.len() {
                let most = text.len().min(sent[end] + 20_000);
                let chunk = &text[sent[end]..most];
                sent[end] += world.send(end, ids[end], chunk);
                if sent[end] == text.len() {
                    let it = &mut world.ends[end];
                    it.tcp
                        .shutdown(
                            &mut it.around.at(world.now),
                            ids[end],
                            crate::call::Shutdown::Write,
                        )
                        .unwrap();
                }
            }
            let (octets, is_end) = world.receive(end, ids[end], 30_000);
            received[end].extend_from_slice(&octets);
            ended[end] = is_end;
        }
        if ended == [true, true] {
            break;
        }
        // The last thing to happen may be what is read next.
        rests = if world.step() { 0 } else { rests + 1 };
        assert!(
            rests < 2,
            "stuck: {:?} after {:?} of {}: {:#?} {:#?}",
            world.ends.each_ref().map(|it| it.tcp.counts()),
            received.each_ref().map(Vec::len),
            text.len(),
            world.status(A, a),
            world.status(B, b),
        );
        assert!(
            world.now.since(began) < Duration::from_secs(3_000),
            "stuck after {:?} of {}: {:#?} {:#?}",
            received.each_ref().map(Vec::len),
            text.len(),
            world.status(A, a),
            world.status(B, b),
        );
    }
    assert!(received[A] == text && received[B] == text);
    let took = world.now.since(began);
    for end in [A, B] {
        let it = &mut world.ends[end];
        it.tcp
            .release(&mut it.around.at(world.now), ids[end], Release::Close)
            .unwrap();
    }
    world.run_for(Duration::from_secs(1_000));
    for end in [A, B] {
        assert_eq!(world.ends[end].tcp.counts(), Default::default());
    }
    took
}

#[test]
fn a_bad_wire_loses_no_octet() {
    let mut worst = Duration::ZERO;
    for seed in 0..60 {
        let mut world = World::new(seed);
        world.impairments = Impairments {
            loss: u32::from(seed) % 11 * 10,
            duplication: u32::from(seed) % 3 * 10,
            corruption: u32::from(seed) % 5 * 4,
            jitter_us: [0, 1_000, 10_000][usize::from(seed) % 3],
        };
        world.whole = seed % 4 == 3;
        let took = exchange(&mut world, 200_000);
        worst = worst.max(took);
        std::eprintln!("seed {seed}: {took:?} {:?}", world.impairments);
    }
    assert!(worst < Duration::from_secs(300), "{worst:?}");
}

#[test]
fn the_same_seed_gives_the_same_segments() {
    let run = |seed| {
        let mut world = World::with(seed, Config::default(), Config::default());
        world.impairments = Impairments {
            loss: 50,
            duplication: 20,
            corruption: 10,
            jitter_us: 3_000,
        };
        exchange(&mut world, 50_000);
        (world.now, world.trace)
    };
    let (first, second): ((Instant, _), (Instant, _)) = (run(7), run(7));
    assert!(first == second);
}
