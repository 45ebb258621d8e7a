//! How connections begin: queues, questions, deferral, and both ends at once (RFC 9293 §3.5, §3.9.1.1,
//! §3.10.7).

use std::net::SocketAddr;
use std::vec::Vec;

use super::world::{A, B, PORT, World, forged, seq};
use crate::base::{Duration, Instant};
use crate::call::{
    Admission, CallRefused, ConnectionId, ConnectionOptions, Decision, Listen, ListenerId, Local,
    OpenConnection, Release,
};
use crate::config::Config;
use crate::event::{ConnectionError, Event, SynArrived};
use crate::observe::State;
use crate::wire::tcp::{TcpFlags, TcpHeader};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn listen(world: &mut World, call: Listen) -> ListenerId {
    let it = &mut world.ends[B];
    let call = Listen {
        local: Local {
            port: PORT,
            ..Local::default()
        },
        ..call
    };
    it.tcp
        .listen(&mut it.around.at(world.now), &call)
        .unwrap()
        .0
}

fn release(world: &mut World, end: usize, id: ConnectionId, how: Release) {
    let it = &mut world.ends[end];
    it.tcp
        .release(&mut it.around.at(world.now), id, how)
        .unwrap();
}

fn questions(world: &mut World) -> Vec<SynArrived> {
    let events = core::mem::take(&mut world.ends[B].events);
    let questions = events.into_iter().filter_map(|event| match event {
        Event::SynArrived(syn) => Some(syn),
        _ => None,
    });
    questions.collect()
}

fn decide(world: &mut World, id: ConnectionId, decision: Decision) -> Result<(), CallRefused> {
    let it = &mut world.ends[B];
    it.tcp.decide(&mut it.around.at(world.now), id, decision)
}

fn asking(seed: u8) -> (World, ListenerId, ConnectionId, SynArrived) {
    let mut world = World::new(seed);
    let listener = listen(
        &mut world,
        Listen {
            admission: Admission::Ask,
            ..Listen::default()
        },
    );
    let a = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(20));
    let asked = questions(&mut world);
    assert_eq!(asked.len(), 1);
    (world, listener, a, asked[0])
}

fn answers_of_b(world: &World) -> usize {
    world.trace.iter().filter(|(_, by, ..)| *by == B).count()
}

#[test]
fn a_syn_is_told_with_its_options_and_nothing_is_sent_until_the_user_decides() {
    let (mut world, listener, a, asked) = asking(1);
    assert_eq!(asked.listener, listener);
    assert_eq!(asked.local, SocketAddr::new(world.ends[B].address, PORT));
    assert_eq!(asked.remote, world.status(A, a).local);
    assert_eq!(asked.mss, 1_460);
    assert!(asked.sack_permitted && asked.timestamps && asked.window_scale.is_some());
    // The SYN is repeated meanwhile: no second question.
    world.run_for(MS(1_500));
    assert_eq!(answers_of_b(&world), 0);
    assert!(questions(&mut world).is_empty());
    decide(&mut world, asked.connection, Decision::Accept).unwrap();
    world.run_for(MS(50));
    assert_eq!(world.state(A, a), State::Established);
    let accepted = world.accept(B, listener).expect("accepted");
    assert_eq!(accepted.connection, asked.connection);
    assert_eq!(
        decide(&mut world, asked.connection, Decision::Drop),
        Err(CallRefused::NoSuchEntry)
    );
}

#[test]
fn a_syn_that_the_user_refuses_is_reset_and_one_that_is_dropped_is_not() {
    let (mut world, listener, a, asked) = asking(1);
    decide(&mut world, asked.connection, Decision::Reset).unwrap();
    world.run_for(MS(50));
    assert_eq!(world.state(A, a), State::Closed);
    let (mut world, _, a, asked) = asking(2);
    decide(&mut world, asked.connection, Decision::Drop).unwrap();
    world.run_for(MS(50));
    assert_eq!(world.state(A, a), State::SynSent);
    assert_eq!(answers_of_b(&world), 0);
    // The next SYN is another question.
    world.run_for(MS(1_500));
    assert_eq!(questions(&mut world).len(), 1);
    assert!(world.accept(B, listener).is_none());
}

#[test]
fn a_question_that_nobody_answers_ends_by_itself() {
    let (mut world, _, a, asked) = asking(1);
    release(&mut world, A, a, Release::Abort);
    world.cut_wire();
    world.run_for(MS(2_900));
    assert_eq!(world.ends[B].tcp.counts().half_open, 1);
    world.run_for(MS(100));
    let counts = world.ends[B].tcp.counts();
    assert_eq!((counts.half_open, counts.timers), (0, 0));
    assert_eq!(
        decide(&mut world, asked.connection, Decision::Accept),
        Err(CallRefused::NoSuchEntry)
    );
    assert_eq!(answers_of_b(&world), 0);
}

#[test]
fn questions_are_bounded_and_end_with_the_listener() {
    let config = Config {
        syn_decisions_max: 10,
        ..Config::default()
    };
    let mut world = World::with(1, Config::default(), config);
    let listener = listen(
        &mut world,
        Listen {
            admission: Admission::Ask,
            ..Listen::default()
        },
    );
    let to = SocketAddr::new(world.ends[B].address, PORT);
    for round in 0..5 {
        for port in 1..=1_000 {
            let from = SocketAddr::from(([203, 0, 113, 1], port));
            let header = TcpHeader {
                seq: seq(1),
                flags: TcpFlags::SYN,
                ..TcpHeader::default()
            };
            world.deliver(B, forged(from, to, header, b""));
        }
        assert_eq!(world.ends[B].tcp.counts().half_open, 10, "{round}");
        // The application looks only now and then.
        world.now += Duration::from_secs(4);
        let it = &mut world.ends[B];
        it.tcp.time_passes(&mut it.around.at(world.now));
    }
    world.pull();
    assert!(questions(&mut world).is_empty(), "all of them are over");
    let it = &mut world.ends[B];
    it.tcp
        .close_listener(&mut it.around.at(world.now), listener)
        .unwrap();
    assert_eq!(world.ends[B].tcp.counts(), Default::default());
}

fn deferring(seed: u8, backlog: Option<usize>) -> (World, ListenerId) {
    let mut world = World::new(seed);
    let listener = listen(
        &mut world,
        Listen {
            backlog,
            defer_accept: Some(Duration::from_secs(10)),
            ..Listen::default()
        },
    );
    (world, listener)
}

#[test]
fn a_deferred_connection_is_offered_when_text_or_the_end_has_come() {
    for ends in [false, true] {
        let (mut world, listener) = deferring(1, None);
        let a = world.dial(A, ConnectionOptions::default());
        world.run_for(MS(100));
        assert_eq!(world.state(A, a), State::Established);
        assert!(world.accept(B, listener).is_none());
        assert!(world.ends[B].events.is_empty());
        if ends {
            release(&mut world, A, a, Release::Close);
        } else {
            world.send(A, a, b"GET /");
        }
        world.run_for(MS(100));
        assert_eq!(world.ends[B].events, [Event::Acceptable(listener)]);
        let b = world.accept(B, listener).expect("accepted").connection;
        let (text, ended) = world.receive(B, b, 100);
        assert_eq!(
            (text.as_slice(), ended),
            (if ends { &b""[..] } else { b"GET /" }, ends)
        );
    }
}

#[test]
fn a_deferred_connection_is_offered_at_last_and_lives_on() {
    let (mut world, listener) = deferring(1, None);
    let a = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(9_900));
    assert!(world.accept(B, listener).is_none());
    world.run_for(MS(200));
    let b = world.accept(B, listener).expect("accepted").connection;
    world.send(B, b, b"220");
    world.run_for(Duration::from_secs(100));
    assert_eq!(world.receive(A, a, 10).0, b"220");
    assert_eq!(world.state(B, b), State::Established);
}

#[test]
fn those_who_say_nothing_keep_nobody_out() {
    let (mut world, listener) = deferring(1, Some(3));
    let silent: Vec<_> = (0..5)
        .map(|_| {
            let id = world.dial(A, ConnectionOptions::default());
            world.run_for(MS(50));
            id
        })
        .collect();
    let states: Vec<_> = silent.iter().map(|id| world.state(A, *id)).collect();
    assert_eq!(
        states
            .iter()
            .filter(|it| **it == State::Established)
            .count(),
        3
    );
    assert_eq!(states[..2], [State::Closed; 2], "the oldest ones made room");
    let a = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(50));
    world.send(A, a, b"hello");
    world.run_for(MS(50));
    assert!(world.accept(B, listener).is_some());
}

#[test]
fn a_connection_that_failed_still_waits_to_be_accepted() {
    let mut world = World::new(1);
    let listener = world.listen_with(B, ConnectionOptions::default(), Some(2));
    let ids: Vec<_> = (0..2)
        .map(|_| world.dial(A, ConnectionOptions::default()))
        .collect();
    world.run_for(MS(50));
    let locals = ids.iter().map(|id| world.status(A, *id).local);
    let locals: Vec<_> = locals.collect();
    for id in ids {
        release(&mut world, A, id, Release::Abort);
    }
    world.run_for(MS(50));
    // Both places are taken, as on a kernel.
    let late = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(50));
    assert_eq!(world.state(A, late), State::SynSent);
    for local in locals {
        let accepted = world.accept(B, listener).expect("it waits");
        assert_eq!(accepted.remote, local);
        assert_eq!(world.state(B, accepted.connection), State::Closed);
        world.run_for(MS(1));
        assert!(world.ends[B].events.contains(&Event::Failed {
            connection: accepted.connection,
            error: ConnectionError::Reset,
        }));
        release(&mut world, B, accepted.connection, Release::Close);
    }
    // Now there is room again.
    world.run_for(MS(3_000));
    assert_eq!(world.state(A, late), State::Established);
    let accepted = world.accept(B, listener).expect("accepted");
    assert_eq!(accepted.remote, world.status(A, late).local);
    assert!(world.accept(B, listener).is_none());
    assert_eq!(world.ends[B].tcp.counts().connections, 1);
}

#[test]
fn the_handshake_is_the_first_round_trip_of_both_ends() {
    let mut world = World::new(1);
    let (a, b) = world.connect();
    let round_trip = Some(2 * world.delay);
    for (end, id) in [(A, a), (B, b)] {
        let status = world.status(end, id);
        assert_eq!(status.srtt, round_trip);
        assert_eq!(
            status.min_rtt, round_trip,
            "RACK has it from the first text on"
        );
    }
}

#[test]
fn connections_that_failed_in_the_accept_queue_end_with_their_listener() {
    let mut world = World::new(1);
    let listener = world.listen(B);
    let a = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(50));
    release(&mut world, A, a, Release::Abort);
    world.run_for(MS(50));
    assert_eq!(world.ends[B].tcp.counts().connections, 1);
    let sent = world.trace.len();
    let it = &mut world.ends[B];
    it.tcp
        .close_listener(&mut it.around.at(world.now), listener)
        .unwrap();
    world.run_for(MS(50));
    assert_eq!(world.ends[B].tcp.counts().connections, 0);
    assert_eq!(world.trace.len(), sent, "there is nobody to tell");
}

#[test]
fn bad_80_while_the_accept_queue_is_full_syns_are_dropped_and_the_last_ack_waits() {
    let mut world = World::new(1);
    let listener = world.listen_with(B, ConnectionOptions::default(), Some(1));
    // Both SYNs come while there is room; only one of the two fits the queue.
    let both = [
        world.dial(A, ConnectionOptions::default()),
        world.dial(A, ConnectionOptions::default()),
    ];
    world.run_for(MS(50));
    assert_eq!(world.ends[B].tcp.counts().half_open, 1);
    let third = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(50));
    assert_eq!(world.state(A, third), State::SynSent);
    assert!(world.accept(B, listener).is_some());
    // The SYN-ACK is repeated, and the ACK of it completes the second one.
    world.run_for(MS(1_000));
    assert!(world.accept(B, listener).is_some());
    world.run_for(Duration::from_secs(3));
    assert!(world.accept(B, listener).is_some());
    for id in both {
        assert_eq!(world.state(A, id), State::Established);
    }
    assert_eq!(world.state(A, third), State::Established);
}

/// When A sent its SYNs.
fn syns(world: &World, by: usize) -> Vec<u64> {
    let syns = world
        .trace
        .iter()
        .filter(|(_, end, header, _)| *end == by && header.flags.contains(TcpFlags::SYN));
    syns.map(|(at, ..)| at.as_millis()).collect()
}

#[test]
fn rfc9293_must_23_syns_are_repeated_as_often_and_as_long_as_is_set() {
    for (retransmissions, ms, expected) in [
        (3, 180_000, &[0, 1_000, 3_000, 7_000][..]),
        (255, 4_000, &[0, 1_000, 3_000]),
        (1, 180_000, &[0, 1_000]),
    ] {
        let config = Config {
            syn_retransmissions_max: retransmissions,
            syn_give_up_ms: ms,
            ..Config::default()
        };
        let mut world = World::with(1, config, Config::default());
        let start = world.now.as_millis();
        world.impairments.loss = 1_000;
        let a = world.dial(A, ConnectionOptions::default());
        world.run_for(Duration::from_secs(400));
        let times: Vec<_> = syns(&world, A).iter().map(|at| at - start).collect();
        assert_eq!(times, expected);
        assert_eq!(world.state(A, a), State::Closed);
    }
}

#[test]
fn syn_acks_are_repeated_as_often_and_as_long_as_is_set() {
    for (retransmissions, ms, expected) in [
        (2, 63_000, &[0, 1_000, 3_000][..]),
        (0, 63_000, &[0]),
        (255, 63_000, &[0, 1_000, 3_000, 7_000, 15_000, 31_000]),
    ] {
        let config = Config {
            syn_ack_retransmissions_max: retransmissions,
            syn_ack_give_up_ms: ms,
            ..Config::default()
        };
        let mut world = World::with(1, Config::default(), config);
        world.listen(B);
        let from = SocketAddr::from(([203, 0, 113, 1], 1_000));
        let to = SocketAddr::new(world.ends[B].address, PORT);
        let header = TcpHeader {
            seq: seq(1),
            flags: TcpFlags::SYN,
            ..TcpHeader::default()
        };
        let start = world.now.as_millis();
        world.deliver(B, forged(from, to, header, b""));
        world.impairments.loss = 1_000;
        world.run_for(Duration::from_secs(100));
        let times: Vec<_> = syns(&world, B).iter().map(|at| at - start).collect();
        assert_eq!(times, expected);
        assert_eq!(world.ends[B].tcp.counts().half_open, 0);
    }
}

/// Both ends dial each other at the same time.
fn cross(world: &mut World, text: [&'static [u8]; 2]) -> [ConnectionId; 2] {
    [A, B].map(|end| {
        let path = world.path(end);
        let call = OpenConnection {
            remote: SocketAddr::new(world.ends[1 - end].address, PORT + 1 - end as u16),
            local_address: None,
            local_port: PORT + end as u16,
            options: ConnectionOptions::default(),
        };
        let it = &mut world.ends[end];
        let text = bytes::Bytes::from_static(text[end]);
        it.tcp
            .open_with(&mut it.around.at(world.now), &call, path, Some(text))
            .unwrap()
            .0
    })
}

#[test]
fn rfc9293_must_10_two_dials_that_cross_agree_on_all_options_and_lose_no_text() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        if seed > 0 {
            world.impairments.loss = 300;
        }
        let ids = cross(&mut world, [b"from a", b"from b"]);
        world.run_for(Duration::from_secs(100));
        let [ours, theirs] = [A, B].map(|end| world.status(end, ids[end]));
        for (status, other) in [(&ours, &theirs), (&theirs, &ours)] {
            assert_eq!(status.state, State::Established, "{seed}");
            assert!(status.window_scaling && status.sack && status.timestamps);
            assert_eq!(status.snd_wind_shift, other.rcv_wind_shift);
            assert_eq!((status.peer_mss, status.irs), (1_460, other.iss));
        }
        assert_eq!(world.receive(A, ids[A], 100).0, b"from b");
        assert_eq!(world.receive(B, ids[B], 100).0, b"from a");
    }
}

#[test]
fn rfc6191_01_a_new_connection_of_the_same_ends_begins_beyond_the_old_numbers() {
    let mut world = World::new(1);
    let listener = world.listen(B);
    let dial = |world: &mut World| {
        let path = world.path(A);
        let call = OpenConnection {
            remote: SocketAddr::new(world.ends[B].address, PORT),
            local_address: None,
            local_port: 4_444,
            options: ConnectionOptions::default(),
        };
        let it = &mut world.ends[A];
        it.tcp
            .open(&mut it.around.at(world.now), &call, path)
            .unwrap()
            .0
    };
    let mut last: Option<u32> = None;
    for _ in 0..5 {
        let a = dial(&mut world);
        world.run_for(MS(50));
        let b = world.accept(B, listener).expect("accepted").connection;
        let iss = world.status(B, b).iss;
        if let Some(last) = last {
            assert!(iss.wrapping_sub(last) < 1 << 31, "beyond");
        }
        world.send(B, b, &[1; 5_000]);
        world.run_for(MS(100));
        // B closes first and waits.
        release(&mut world, B, b, Release::Close);
        world.run_for(MS(50));
        world.receive(A, a, usize::MAX);
        release(&mut world, A, a, Release::Close);
        world.run_for(MS(50));
        assert_eq!(world.ends[B].tcp.counts().time_wait, 1);
        last = Some(iss.wrapping_add(5_000));
        assert!(world.now < Instant::from_secs(60));
    }
}
