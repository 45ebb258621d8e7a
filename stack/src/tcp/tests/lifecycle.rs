//! Opening, sending, closing: the arcs of Figure 5.

use std::vec::Vec;

use super::world::{A, B, World, pattern};
use crate::base::Duration;
use crate::call::{ConnectionId, ConnectionOptions, KeepAlive, Release, Shutdown};
use crate::event::{ConnectionError, Event};
use crate::observe::State;

fn transfer(world: &mut World, from: usize, ids: [ConnectionId; 2], text: &[u8]) {
    let mut sent = 0;
    let mut received = Vec::new();
    for _ in 0..1_000_000 {
        if sent < text.len() {
            sent += world.send(from, ids[from], &text[sent..]);
        }
        world.step();
        let (octets, _) = world.receive(1 - from, ids[1 - from], usize::MAX);
        received.extend_from_slice(&octets);
        if received.len() >= text.len() {
            break;
        }
    }
    assert!(received == text, "{} of {}", received.len(), text.len());
}

fn release(world: &mut World, end: usize, id: ConnectionId, how: Release) {
    let it = &mut world.ends[end];
    it.tcp
        .release(&mut it.around.at(world.now), id, how)
        .unwrap();
}

fn shutdown(world: &mut World, end: usize, id: ConnectionId) {
    let it = &mut world.ends[end];
    it.tcp
        .shutdown(&mut it.around.at(world.now), id, Shutdown::Write)
        .unwrap();
}

#[test]
fn a_connection_opens_transfers_both_ways_and_closes() {
    let mut world = World::new(1);
    let (a, b) = world.connect();
    world.run_for(Duration::from_millis(100));
    assert!(world.ends[A].events.contains(&Event::Established(a)));
    let text = pattern(300_000);
    transfer(&mut world, A, [a, b], &text);
    transfer(&mut world, B, [a, b], &text);

    shutdown(&mut world, A, a);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.state(A, a), State::FinWait2);
    assert_eq!(world.state(B, b), State::CloseWait);
    assert_eq!(world.receive(B, b, 10), (Vec::new(), true));
    shutdown(&mut world, B, b);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.state(A, a), State::TimeWait);
    assert_eq!(world.state(B, b), State::Closed);
    release(&mut world, A, a, Release::Close);
    release(&mut world, B, b, Release::Close);
    world.run_for(Duration::from_secs(61));
    for end in [A, B] {
        assert_eq!(world.ends[end].tcp.counts(), Default::default());
    }
    assert!(world.ends[A].events.contains(&Event::Released(a)));
    assert!(world.ends[B].events.contains(&Event::Released(b)));
}

#[test]
fn bulk_text_goes_in_full_segments_without_retransmission() {
    for whole in [false, true] {
        let mut world = World::new(2);
        world.whole = whole;
        let (a, b) = world.connect();
        let text = pattern(3_000_000);
        transfer(&mut world, A, [a, b], &text);
        let status = world.status(A, a);
        assert_eq!(status.retransmissions, 0);
        assert_eq!(status.snd_mss, 1_448);
        assert!(status.timestamps && status.sack && status.window_scaling);
        world.run_for(Duration::from_secs(1));
        assert_eq!(world.ends[A].tcp.counts().queued_octets, 0);
        assert_eq!(world.ends[B].tcp.counts().queued_octets, 0);
        assert_eq!(world.ends[A].tcp.counts().timers, 0);
    }
}

#[test]
fn rfc9293_must_10_both_ends_may_close_at_the_same_time() {
    let mut world = World::new(3);
    let (a, b) = world.connect();
    world.run_for(Duration::from_millis(100));
    release(&mut world, A, a, Release::Close);
    release(&mut world, B, b, Release::Close);
    world.run_for(Duration::from_millis(4));
    assert_eq!(world.state(A, a), State::FinWait1);
    world.run_for(Duration::from_millis(2));
    assert_eq!(world.state(A, a), State::Closing);
    assert_eq!(world.state(B, b), State::Closing);
    world.run_for(Duration::from_millis(20));
    assert_eq!(world.state(A, a), State::TimeWait);
    assert_eq!(world.state(B, b), State::TimeWait);
    world.run_for(Duration::from_secs(61));
    assert_eq!(world.ends[A].tcp.counts(), Default::default());
}

/// A sends a text and closes its direction; B reads nothing of it.
fn unread_text_and_fin() -> (World, ConnectionId, ConnectionId) {
    let mut world = World::new(1);
    let (a, b) = world.connect();
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.send(A, a, &pattern(1_000)), 1_000);
    shutdown(&mut world, A, a);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.state(B, b), State::CloseWait);
    (world, a, b)
}

#[test]
fn a_reset_that_takes_unread_text_away_is_never_shown_as_the_end_of_the_stream() {
    let (mut world, a, b) = unread_text_and_fin();
    let (octets, end_of_stream) = world.receive(B, b, 400);
    assert_eq!((octets.len(), end_of_stream), (400, false));
    release(&mut world, A, a, Release::Abort);
    world.run_for(Duration::from_millis(100));
    let failed = Event::Failed {
        connection: b,
        error: ConnectionError::Reset,
    };
    assert!(world.ends[B].events.contains(&failed));
    // 600 octets are gone: this is no end, it is a failure.
    assert_eq!(world.receive(B, b, usize::MAX), (Vec::new(), false));
}

#[test]
fn a_reset_after_the_whole_text_was_read_leaves_the_end_of_the_stream() {
    let (mut world, a, b) = unread_text_and_fin();
    let (octets, end_of_stream) = world.receive(B, b, usize::MAX);
    assert_eq!((octets.len(), end_of_stream), (1_000, true));
    release(&mut world, A, a, Release::Abort);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.receive(B, b, usize::MAX), (Vec::new(), true));
}

#[test]
fn rfc9293_3_10_7_4_a_reset_in_last_ack_flushes_nothing() {
    let (mut world, a, b) = unread_text_and_fin();
    shutdown(&mut world, B, b);
    release(&mut world, A, a, Release::Abort);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.state(B, b), State::Closed);
    let (octets, end_of_stream) = world.receive(B, b, usize::MAX);
    assert!(octets == pattern(1_000) && end_of_stream);
}

#[test]
fn rfc9293_3_8_4_a_peer_that_is_slow_to_take_our_fin_is_still_asked_for_in_fin_wait_2() {
    let keep_alive = KeepAlive {
        idle: Duration::from_secs(5),
        interval: Duration::from_secs(1),
        probes_max: 3,
    };
    let mut world = World::new(1);
    let (a, b) = world.connect_with(ConnectionOptions {
        keep_alive: Some(Some(keep_alive)),
        receive_buffer_octets: Some(4_096),
        ..ConnectionOptions::default()
    });
    world.run_for(Duration::from_millis(100));
    // B's window is full, so the FIN waits behind text for longer than the peer may be silent.
    assert_eq!(world.send(A, a, &pattern(8_000)), 8_000);
    shutdown(&mut world, A, a);
    world.run_for(Duration::from_secs(20));
    assert_eq!(world.state(A, a), State::FinWait1);
    for _ in 0..40 {
        world.receive(B, b, usize::MAX);
        world.run_for(Duration::from_millis(500));
    }
    assert_eq!(world.state(A, a), State::FinWait2);
    assert!(world.status(A, a).timers.keep_alive.is_some());
    // Nobody answers any more: three probes, and the connection fails.
    for _ in 0..15_000 {
        world.cut_wire();
        world.run_for(Duration::from_millis(1));
    }
    let failed = Event::Failed {
        connection: a,
        error: ConnectionError::TimedOut,
    };
    assert!(world.ends[A].events.contains(&failed));
}

#[test]
fn rfc9293_3_10_7_4_an_acknowledgment_is_acceptable_to_a_peer_whose_window_is_closed() {
    let mut world = World::new(7);
    let (a, b) = world.connect_with(ConnectionOptions {
        receive_buffer_octets: Some(4_096),
        send_buffer_octets: Some(8_192),
        ..ConnectionOptions::default()
    });
    // A fills the window of B, and ends its direction.
    let text = pattern(100_000);
    let mut sent = 0;
    while world.status(B, b).rcv_wnd > 0 || world.status(A, a).in_flight_octets > 0 {
        sent += world.send(A, a, &text[sent..]);
        assert!(world.step() && sent < text.len());
    }
    let unsent = world.status(A, a).unsent_octets;
    world.run_for(Duration::from_secs(30));
    // The octet of a window probe is in flight now, and what B sends is acknowledged behind it.
    assert!(unsent > 0 && world.status(A, a).in_flight_octets > 0);
    world.send(B, b, &pattern(3_000));
    world.run_for(Duration::from_millis(300));
    assert_eq!(world.status(B, b).in_flight_octets, 0);
}
