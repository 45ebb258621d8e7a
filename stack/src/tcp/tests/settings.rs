//! What a user may choose for a connection, on the wire.

use std::vec::Vec;

use super::world::{A, B, World, pattern};
use crate::base::Duration;
use crate::call::{ConnectionId, ConnectionOptions};
use crate::config::Config;
use crate::event::{ConnectionError, Event};
use crate::wire::tcp::TcpFlags;

const MS: fn(u64) -> Duration = Duration::from_millis;

fn set(world: &mut World, end: usize, id: ConnectionId, options: ConnectionOptions) {
    let it = &mut world.ends[end];
    it.tcp
        .set_options(&mut it.around.at(world.now), id, &options)
        .unwrap();
}

fn cork(is_in: bool) -> ConnectionOptions {
    ConnectionOptions {
        cork: Some(is_in),
        no_delay: Some(true),
        ..ConnectionOptions::default()
    }
}

/// Octets of text in each segment that A sent.
fn texts(world: &World) -> Vec<usize> {
    let sent = world.trace.iter().filter(|it| it.1 == A && it.3 > 0);
    sent.map(|it| it.3).collect()
}

#[test]
fn a_cork_keeps_what_fills_no_segment_until_it_is_pulled() {
    let mut world = World::new(1);
    let (a, b) = world.connect_with(cork(true));
    world.trace.clear();
    for _ in 0..3 {
        world.send(A, a, &pattern(700));
        world.pull();
    }
    // 2,100 octets: one full segment, the rest waits.
    assert_eq!(texts(&world), [1_448]);
    set(&mut world, A, a, cork(false));
    world.pull();
    assert_eq!(texts(&world), [1_448, 652]);
    world.run_for(MS(50));
    assert_eq!(world.receive(B, b, usize::MAX).0.len(), 2_100);
}

#[test]
fn a_cork_that_nobody_pulls_holds_for_the_time_of_the_override_only() {
    let mut world = World::new(1);
    let (a, _) = world.connect_with(cork(true));
    world.run_for(MS(100));
    world.trace.clear();
    world.send(A, a, &pattern(100));
    world.pull();
    world.run_for(MS(199));
    assert_eq!(texts(&world), []);
    world.run_for(MS(2));
    assert_eq!(texts(&world), [100]);
}

#[test]
fn a_cork_does_not_outlast_close() {
    let mut world = World::new(1);
    let (a, b) = world.connect_with(cork(true));
    world.send(A, a, &pattern(100));
    let it = &mut world.ends[A];
    it.tcp
        .shutdown(
            &mut it.around.at(world.now),
            a,
            crate::call::Shutdown::Write,
        )
        .unwrap();
    world.run_for(MS(20));
    assert_eq!(world.receive(B, b, usize::MAX), (pattern(100), true));
}

#[test]
fn quick_ack_lets_no_acknowledgment_wait() {
    for (quick_ack, waits) in [(false, MS(40)), (true, MS(0))] {
        let mut world = World::new(1);
        let (a, _) = world.connect_with(ConnectionOptions {
            quick_ack: Some(quick_ack),
            ..ConnectionOptions::default()
        });
        world.run_for(MS(100));
        world.trace.clear();
        world.send(A, a, &pattern(100));
        world.run_for(MS(100));
        let ack = world.trace.iter().find(|it| it.1 == B).unwrap();
        let sent = world.trace.iter().find(|it| it.1 == A).unwrap();
        assert_eq!(ack.0.since(sent.0), world.delay + waits);
    }
}

#[test]
fn quick_acks_at_the_start_and_after_silence_if_the_configuration_says_so() {
    let config = Config {
        quick_ack_segments: 3,
        ..Config::default()
    };
    let mut world = World::with(1, Config::default(), config);
    let (a, _) = world.connect();
    let mut waited = Vec::new();
    for at in 0..8 {
        if at == 5 {
            world.run_for(Duration::from_secs(5));
        }
        world.trace.clear();
        world.send(A, a, &pattern(100));
        world.run_for(MS(100));
        let ack = world.trace.iter().find(|it| it.1 == B).unwrap();
        waited.push(ack.0.since(world.trace[0].0) > MS(20));
    }
    assert_eq!(
        waited,
        [false, false, false, true, true, false, false, false]
    );
}

fn uto(user_timeout: Option<Duration>) -> ConnectionOptions {
    ConnectionOptions {
        user_timeout_option: Some(true),
        user_timeout: user_timeout.map(Some),
        ..ConnectionOptions::default()
    }
}

/// How long after its last word A gives up.
fn gives_up_after(world: &mut World, a: ConnectionId) -> Duration {
    world.run_for(MS(200));
    world.send(A, a, &pattern(10));
    world.pull();
    world.cut_wire();
    world.carries_octets = 0;
    let from = world.now;
    for _ in 0..4_000 {
        world.run_for(Duration::from_secs(1));
        let failed = |event: &Event| {
            matches!(
                event,
                Event::Failed {
                    error: ConnectionError::TimedOut,
                    ..
                }
            )
        };
        if world.ends[A].events.iter().any(failed) {
            return world.now.since(from);
        }
    }
    Duration::MAX
}

#[test]
fn rfc5482_3_1_both_sides_tell_and_the_one_that_did_not_choose_follows() {
    let mut world = World::new(1);
    let listener = world.listen_with(B, uto(Some(Duration::from_secs(400))), None);
    let a = world.dial(A, uto(None));
    world.run_for(MS(100));
    let b = world.accept(B, listener).unwrap().connection;
    let told = |world: &World, end, syn: bool| -> Vec<Option<u16>> {
        let sent = world.trace.iter().filter(|it| it.1 == end);
        sent.filter(|it| it.2.flags.contains(TcpFlags::SYN) == syn)
            .map(|it| it.2.options.user_timeout)
            .collect()
    };
    // In the SYN, and in the first segment without one.
    assert_eq!(told(&world, A, true), [Some(300)]);
    assert_eq!(told(&world, A, false)[0], Some(300));
    world.send(B, b, &pattern(10));
    world.send(A, a, &pattern(10));
    world.run_for(MS(100));
    assert!(told(&world, B, false).contains(&Some(400)));
    assert_eq!(told(&world, A, false).iter().flatten().count(), 1);
    let after = gives_up_after(&mut world, a).as_secs();
    assert!((400..=402).contains(&after), "{after}");
}

#[test]
fn rfc5482_02_a_peer_cannot_hurry_us_nor_change_what_was_chosen() {
    for (ours, theirs, expected) in [(None, 1, 300), (Some(7), 500, 7)] {
        let mut world = World::new(1);
        let listener = world.listen_with(B, uto(Some(Duration::from_secs(theirs))), None);
        let a = world.dial(A, uto(ours.map(Duration::from_secs)));
        world.run_for(MS(100));
        let b = world.accept(B, listener).unwrap().connection;
        world.send(B, b, &pattern(10));
        let after = gives_up_after(&mut world, a).as_secs();
        assert!((expected..=expected + 2).contains(&after), "{after}");
    }
}

#[test]
fn rfc5482_no_option_is_sent_or_followed_unless_it_is_switched_on() {
    let mut world = World::new(1);
    let listener = world.listen_with(B, uto(Some(Duration::from_secs(200))), None);
    let a = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(100));
    let b = world.accept(B, listener).unwrap().connection;
    world.send(B, b, &pattern(10));
    world.run_for(MS(100));
    let sent = world.trace.iter().filter(|it| it.1 == A);
    assert!(
        sent.into_iter()
            .all(|it| it.2.options.user_timeout.is_none())
    );
    // R2 is a count of retransmissions then: far beyond 200 s.
    assert!(gives_up_after(&mut world, a) > Duration::from_secs(300));
}

#[test]
fn settings_are_shared_until_somebody_changes_them() {
    let mut world = World::new(1);
    let (_, b) = world.connect();
    let other = world.connect().1;
    set(
        &mut world,
        B,
        b,
        ConnectionOptions {
            receive_buffer_octets: Some(100_000),
            ..ConnectionOptions::default()
        },
    );
    assert_eq!(world.status(B, b).receive_buffer_octets, 100_000);
    assert_eq!(world.status(B, other).receive_buffer_octets, 524_288);
}

#[test]
fn status_counts_what_was_sent_and_what_held_it_back() {
    let mut world = World::new(1);
    let (a, b) = world.connect_with(ConnectionOptions {
        receive_buffer_octets: Some(20_000),
        ..ConnectionOptions::default()
    });
    world.impairments.loss = 20;
    let text = pattern(200_000);
    let (mut sent, mut got) = (0, Vec::new());
    while got.len() < text.len() {
        sent += world.send(A, a, &text[sent..]);
        if !world.step() {
            world.run_for(MS(5));
        }
        // A reader that is slower than the wire.
        if world.now.as_millis() % 20 < 5 {
            got.extend(world.receive(B, b, 10_000).0);
        }
    }
    world.impairments.loss = 0;
    world.run_for(Duration::from_secs(5));
    let (ours, theirs) = (world.status(A, a), world.status(B, b));
    let segments = |text: usize| text.div_ceil(1_448).max(1);
    let mut out = 0;
    let mut octets = 0;
    for (_, end, _, text) in &world.trace {
        if *end == A {
            out += segments(*text);
            octets += text;
        }
    }
    assert_eq!(ours.segments_out as usize, out);
    assert_eq!(ours.sent_octets, octets as u64);
    assert_eq!(ours.sent_octets - ours.resent_octets, 200_000);
    assert!(ours.resent_octets > 0 && ours.retransmissions > 0);
    assert!(theirs.text_segments_in <= ours.text_segments_out);
    assert!(theirs.text_segments_in * 1_448 >= 200_000);
    assert!(ours.rwnd_limited_time > MS(50), "{ours:?}");
    assert!(ours.rwnd_limited_time <= ours.busy_time);
    assert!(ours.min_rtt.unwrap() >= 2 * world.delay);
    assert!(theirs.last_text_at.unwrap() < world.now);
    // The application never waited for room while all was sent: its text fitted the send buffer.
    assert_eq!(ours.sndbuf_limited_time, Duration::ZERO);
}

#[test]
fn status_counts_timeouts_in_all_and_those_since_the_last_answer() {
    let mut world = World::new(1);
    let (a, _) = world.connect();
    world.impairments.loss = 1_000;
    world.send(A, a, &pattern(1_000));
    world.run_for(Duration::from_secs(5));
    let silent = world.status(A, a);
    assert!(silent.timeouts >= 3, "{silent:?}");
    assert_eq!(silent.timeouts_total, u64::from(silent.timeouts));
    world.impairments.loss = 0;
    world.run_for(Duration::from_secs(30));
    let answered = world.status(A, a);
    assert_eq!((answered.timeouts, answered.in_flight_octets), (0, 0));
    // The one that was answered is the last one.
    assert_eq!(answered.timeouts_total, silent.timeouts_total + 1);
}
