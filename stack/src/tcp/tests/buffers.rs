//! Buffers follow the path and the application; windows never take anything back.

use std::vec;

use bytes::Bytes;

use super::world::{A, B, World};
use crate::base::{Duration, Instant};
use crate::call::{ConnectionId, ConnectionOptions};
use crate::config::Config;
use crate::wire::tcp::TcpFlags;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A sends as much as it may and B reads all that comes, for so long. The answer is what B read.
fn stream(world: &mut World, a: ConnectionId, b: ConnectionId, lasts: Duration) -> u64 {
    let text = Bytes::from(vec![7; 1 << 20]);
    let until = world.now + lasts;
    let mut read = 0;
    while world.now < until {
        loop {
            let it = &mut world.ends[A];
            let taken = it.tcp.send(&mut it.around.at(world.now), a, text.clone());
            if taken.unwrap() < text.len() {
                break;
            }
        }
        let it = &mut world.ends[B];
        let got = it.tcp.receive(&mut it.around.at(world.now), b, usize::MAX);
        read += got.unwrap().slices.iter().map(Bytes::len).sum::<usize>() as u64;
        assert!(world.step(), "nothing happens any more");
    }
    read
}

fn long_fat(a: Config, b: Config) -> World {
    let mut world = World::with(5, a, b);
    world.delay = MS(50);
    world.bits_per_second = 1_000_000_000;
    world
}

/// What the whole of the wire carries in `lasts`.
fn carried(world: &World, lasts: Duration) -> u64 {
    world.bits_per_second / 8 * lasts.as_millis() as u64 / 1_000
}

#[test]
fn rfc7323_2_defaults_fill_a_gigabit_over_100_ms() {
    let mut world = long_fat(Config::default(), Config::default());
    let (a, b) = world.connect();
    stream(&mut world, a, b, MS(1_500));
    let lasts = MS(500);
    let read = stream(&mut world, a, b, lasts);
    let could = carried(&world, lasts);
    assert!(read * 100 >= could * 90, "{read} of {could}");
    let (sender, receiver) = (world.status(A, a), world.status(B, b));
    assert!(sender.send_buffer_octets > 12_500_000, "{sender:?}");
    assert!(receiver.receive_buffer_octets > 12_500_000, "{receiver:?}");
}

#[test]
fn the_pipe_is_filled_without_timestamps_too() {
    let mut world = long_fat(Config::default(), Config::default());
    let (a, b) = world.connect();
    // As if the peer had not agreed on them.
    for (end, id) in [(A, a), (B, b)] {
        world.ends[end].tcp.forget_timestamps(id);
    }
    stream(&mut world, a, b, MS(1_500));
    let lasts = MS(500);
    let read = stream(&mut world, a, b, lasts);
    let could = carried(&world, lasts);
    assert!(read * 100 >= could * 90, "{read} of {could}");
}

#[test]
fn a_buffer_that_the_user_chose_stays_as_it_is() {
    let mut world = long_fat(Config::default(), Config::default());
    let (a, b) = world.connect_with(ConnectionOptions {
        receive_buffer_octets: Some(1_000_000),
        send_buffer_octets: Some(700_000),
        ..ConnectionOptions::default()
    });
    let read = stream(&mut world, a, b, Duration::from_secs(2));
    // What is bounded by the send buffer is one buffer a round trip.
    assert!(read < 700_000 * 21, "{read}");
    assert_eq!(world.status(A, a).send_buffer_octets, 700_000);
    assert_eq!(world.status(B, b).receive_buffer_octets, 1_000_000);
}

#[test]
fn a_slow_reader_keeps_its_buffer_small() {
    let mut world = long_fat(Config::default(), Config::default());
    let (a, b) = world.connect();
    let text = Bytes::from(vec![7; 1 << 20]);
    for _ in 0..100 {
        let it = &mut world.ends[A];
        let now = world.now;
        let _ = it.tcp.send(&mut it.around.at(now), a, text.clone());
        // 50,000 octets in each round trip.
        let it = &mut world.ends[B];
        let _ = it.tcp.receive(&mut it.around.at(now), b, 50_000);
        world.run_for(MS(100));
    }
    let buffer = world.status(B, b).receive_buffer_octets;
    assert!(buffer <= 524_288, "{buffer}");
}

#[test]
fn rfc9293_shld_14_no_window_takes_back_what_was_offered_however_buffers_change() {
    let mut world = long_fat(Config::default(), Config::default());
    let (a, b) = world.connect();
    stream(&mut world, a, b, MS(800));
    for octets in [50_000, 3_000_000, 4_096] {
        let it = &mut world.ends[B];
        let options = ConnectionOptions {
            receive_buffer_octets: Some(octets),
            ..ConnectionOptions::default()
        };
        let now = world.now;
        it.tcp
            .set_options(&mut it.around.at(now), b, &options)
            .unwrap();
        stream(&mut world, a, b, MS(300));
    }
    let shift = world.status(B, b).rcv_wind_shift;
    let mut edge = None;
    for (at, from, header, _) in &world.trace {
        if *from != B || header.flags.contains(TcpFlags::SYN) {
            continue;
        }
        let right = header.ack + (u32::from(header.window) << shift);
        if let Some(before) = edge.replace(right) {
            assert!(right == before || before.is_before(right), "{at:?}");
        }
    }
}

#[test]
fn rfc7323_2_3_the_shift_is_chosen_for_what_the_buffer_may_become() {
    for (begins_with, most, shift) in [
        (524_288, 16_777_216, 9),
        (524_288, 65_536, 4),
        (65_535, 65_535, 0),
        (4_096, 1_073_725_440, 14),
    ] {
        let config = Config {
            receive_buffer_octets: begins_with,
            receive_buffer_octets_max: most,
            ..Config::default()
        };
        let mut world = World::with(1, config.clone(), config);
        world.connect();
        for end in [A, B] {
            let (_, _, syn, _) = world
                .trace
                .iter()
                .find(|(_, from, header, _)| *from == end && header.flags.contains(TcpFlags::SYN))
                .unwrap();
            assert_eq!(
                syn.options.window_scale,
                Some(shift),
                "{begins_with} {most}"
            );
        }
    }
}

#[test]
fn an_idle_connection_measures_nothing_and_holds_nothing() {
    let mut world = World::new(3);
    let (_, b) = world.connect();
    world.run_until(Instant::from_secs(10));
    assert_eq!(world.status(B, b).receive_buffer_octets, 524_288);
    assert_eq!(world.ends[B].tcp.counts().queued_octets, 0);
}
