//! Text on SYNs between two ends (RFC 7413).

use std::net::SocketAddr;
use std::vec::Vec;

use bytes::Bytes;

use super::world::{A, B, PORT, World, forged, pattern, seq};
use crate::base::Duration;
use crate::call::{ConnectionId, ConnectionOptions, Listen, ListenerId, Local, OpenConnection};
use crate::config::Config;
use crate::discard::Discard;
use crate::event::{ConnectionError, Event};
use crate::observe::State;
use crate::wire::tcp::{TcpFlags, TcpHeader};
use crate::wire::tcp_options::{FastOpen, TcpOptions};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn listen(world: &mut World, pending_max: u32) -> ListenerId {
    let it = &mut world.ends[B];
    let call = Listen {
        local: Local {
            port: PORT,
            ..Local::default()
        },
        fast_open: pending_max,
        ..Listen::default()
    };
    it.tcp
        .listen(&mut it.around.at(world.now), &call)
        .unwrap()
        .0
}

fn dial(world: &mut World, text: &[u8]) -> ConnectionId {
    let path = world.path(A);
    let call = OpenConnection {
        remote: SocketAddr::new(world.ends[B].address, PORT),
        local_address: None,
        local_port: 0,
        options: ConnectionOptions::default(),
    };
    let text = Bytes::copy_from_slice(text);
    let it = &mut world.ends[A];
    it.tcp
        .open_with(&mut it.around.at(world.now), &call, path, Some(text))
        .unwrap()
        .0
}

fn taken(world: &mut World, listener: ListenerId, id: Option<ConnectionId>) -> Vec<u8> {
    let id = id.unwrap_or_else(|| world.accept(B, listener).expect("accepted").connection);
    world.receive(B, id, usize::MAX).0
}

/// A knows B's cookie; nothing is open.
fn with_cookie(seed: u8, pending_max: u32) -> (World, ListenerId) {
    with_cookie_and(seed, pending_max, Config::default())
}

fn with_cookie_and(seed: u8, pending_max: u32, b: Config) -> (World, ListenerId) {
    let mut world = World::with(seed, Config::default(), b);
    let listener = listen(&mut world, pending_max);
    dial(&mut world, b"first");
    world.run_for(MS(100));
    assert_eq!(taken(&mut world, listener, None), b"first");
    world.trace.clear();
    (world, listener)
}

/// The SYNs of `end` in the trace: the option, and octets of text.
fn syns(world: &World, end: usize) -> Vec<(Option<FastOpen>, usize)> {
    let syns = world
        .trace
        .iter()
        .filter(|(_, by, header, _)| *by == end && header.flags.contains(TcpFlags::SYN));
    syns.map(|(_, _, header, text)| (header.options.fast_open, *text))
        .collect()
}

#[test]
fn rfc7413_01_a_listener_that_was_not_asked_to_speaks_no_fast_open() {
    let mut world = World::new(1);
    let listener = listen(&mut world, 0);
    let a = dial(&mut world, b"hello");
    world.run_for(MS(100));
    assert_eq!(taken(&mut world, listener, None), b"hello");
    assert_eq!(syns(&world, A), [(Some(FastOpen::REQUEST), 0)]);
    assert_eq!(syns(&world, B), [(None, 0)]);
    assert_eq!(world.state(A, a), State::Established);
    // RFC 7413 §4.1.3.1: the refusal is remembered for a while.
    world.trace.clear();
    dial(&mut world, b"again");
    world.run_for(MS(100));
    assert_eq!(syns(&world, A), [(None, 0)]);
    world.run_for(Duration::from_secs(60));
    world.trace.clear();
    dial(&mut world, b"later");
    world.run_for(MS(100));
    assert_eq!(syns(&world, A), [(Some(FastOpen::REQUEST), 0)]);
}

#[test]
fn text_on_a_syn_is_delivered_and_answered_before_the_handshake_is_over() {
    let (mut world, listener) = with_cookie(1, 10);
    let a = dial(&mut world, b"GET / HTTP/1.0");
    let start = world.now;
    world.run_for(MS(6));
    let b = world.accept(B, listener).expect("at once").connection;
    assert_eq!(world.state(B, b), State::SynReceived);
    assert_eq!(world.receive(B, b, 100).0, b"GET / HTTP/1.0");
    world.send(B, b, b"200 OK");
    world.run_until(start + MS(11));
    assert_eq!(world.state(A, a), State::Established);
    assert_eq!(world.receive(A, a, 100).0, b"200 OK", "one round trip");
    world.run_for(MS(100));
    assert_eq!(world.state(B, b), State::Established);
    assert_eq!(world.ends[B].tcp.openings().fast_opens_accepted, 1);
    let status = world.status(B, b);
    assert!(status.window_scaling && status.sack && status.timestamps);
    assert_eq!(world.status(A, a).in_flight_octets, 0);
}

#[test]
fn more_text_than_a_syn_takes_follows_in_both_directions() {
    for seed in 0..10 {
        let (mut world, listener) = with_cookie(seed, 10);
        if seed > 2 {
            world.impairments.loss = 100;
            world.impairments.jitter_us = 20_000;
        }
        let text = pattern(100_000);
        let a = dial(&mut world, &text);
        let mut b = None;
        let (mut got, mut answer, mut sent) = (Vec::new(), Vec::new(), 0);
        for _ in 0..4_000 {
            world.run_for(MS(10));
            b = b.or_else(|| world.accept(B, listener).map(|it| it.connection));
            let Some(b) = b else { continue };
            got.extend_from_slice(&world.receive(B, b, usize::MAX).0);
            sent += world.send(B, b, &text[sent..]);
            answer.extend_from_slice(&world.receive(A, a, usize::MAX).0);
            if got.len() == text.len() && answer.len() == text.len() {
                break;
            }
        }
        assert!(got == text, "seed {seed}: {}", got.len());
        assert!(answer == text, "seed {seed}: {}", answer.len());
    }
}

#[test]
fn rfc7413_05_after_a_timeout_the_syn_has_neither_text_nor_option_and_the_path_rests() {
    let (mut world, listener) = with_cookie(1, 10);
    let a = dial(&mut world, b"hello");
    world.pull();
    world.cut_wire();
    world.run_for(Duration::from_secs(2));
    let sent = syns(&world, A);
    assert_eq!(sent.len(), 2);
    assert!(sent[0].0.is_some_and(|it| !it.is_request()) && sent[0].1 == 5);
    assert_eq!(sent[1], (None, 0));
    assert_eq!(world.state(A, a), State::Established);
    assert_eq!(taken(&mut world, listener, None), b"hello", "once");
    world.trace.clear();
    dial(&mut world, b"rest");
    world.run_for(MS(100));
    assert_eq!(syns(&world, A), [(None, 0)]);
}

#[test]
fn rfc7413_05_text_that_a_server_did_not_take_is_sent_again_once() {
    let (mut world, listener) = with_cookie(1, 10);
    // Two keys later the cookie is none; a new one comes with the SYN-ACK.
    world.run_for(Duration::from_secs(7_200));
    world.trace.clear();
    let a = dial(&mut world, b"hello");
    world.run_for(MS(100));
    assert_eq!(taken(&mut world, listener, None), b"hello");
    assert_eq!(world.status(A, a).retransmissions, 0);
    let texts: Vec<_> = world
        .trace
        .iter()
        .filter(|(_, by, _, text)| *by == A && *text > 0)
        .map(|(.., text)| *text)
        .collect();
    assert_eq!(texts, [5, 5]);
    let discards = &world.ends[B].around.discards;
    assert_eq!(discards.get(Discard::TcpFastOpenCookie), 1);
    world.trace.clear();
    dial(&mut world, b"with the new cookie");
    world.run_for(MS(6));
    assert_eq!(taken(&mut world, listener, None), b"with the new cookie");
}

#[test]
fn a_lost_syn_ack_of_a_fast_open_is_repeated_and_the_text_counts_once() {
    let (mut world, listener) = with_cookie(1, 10);
    let a = dial(&mut world, b"hello");
    world.run_for(MS(6));
    world.cut_wire();
    let b = world.accept(B, listener).expect("accepted").connection;
    world.run_for(Duration::from_secs(3));
    assert_eq!(world.state(A, a), State::Established);
    assert_eq!(world.state(B, b), State::Established);
    assert_eq!(taken(&mut world, listener, Some(b)), b"hello");
    assert!(world.accept(B, listener).is_none());
    assert_eq!(world.status(A, a).in_flight_octets, 0);
}

/// A SYN as of another host that knows `cookie`.
fn syn(
    from: SocketAddr,
    world: &World,
    cookie: FastOpen,
    text: &[u8],
) -> crate::wire::packet::Datagram {
    let header = TcpHeader {
        seq: seq(1_000),
        flags: TcpFlags::SYN,
        window: 10_000,
        options: TcpOptions {
            mss: Some(1_460),
            fast_open: Some(cookie),
            ..TcpOptions::default()
        },
        ..TcpHeader::default()
    };
    forged(
        from,
        SocketAddr::new(world.ends[B].address, PORT),
        header,
        text,
    )
}

fn cookie_of(world: &mut World, from: SocketAddr) -> FastOpen {
    world.deliver(B, syn(from, world, FastOpen::REQUEST, b""));
    world.pull();
    let (_, _, header, _) = world.trace.last().expect("answered");
    header.options.fast_open.expect("a cookie")
}

#[test]
fn bad_61_bad_and_stolen_cookies_bring_no_text_in() {
    let mut world = World::new(1);
    let listener = listen(&mut world, 10);
    let victim = SocketAddr::from(([203, 0, 113, 7], 1_000));
    let thief = SocketAddr::from(([203, 0, 113, 8], 1_000));
    let cookie = cookie_of(&mut world, victim);
    let mut bad = cookie.cookie().to_vec();
    bad[0] ^= 1;
    for (port, from, cookie) in [
        (2, thief, Some(cookie)),
        (3, victim, FastOpen::new(&bad)),
        (4, victim, FastOpen::new(&cookie.cookie()[..4])),
        (5, victim, FastOpen::new(&[0; 16])),
    ] {
        let from = SocketAddr::new(from.ip(), port);
        world.deliver(B, syn(from, &world, cookie.unwrap(), b"evil"));
        world.pull();
        let (_, _, header, _) = world.trace.last().unwrap().clone();
        assert_eq!(header.ack, seq(1_001), "the SYN only");
        assert!(world.accept(B, listener).is_none());
    }
    // The right one works, so the others failed for what they are.
    world.deliver(
        B,
        syn(SocketAddr::new(victim.ip(), 6), &world, cookie, b"good"),
    );
    assert_eq!(taken(&mut world, listener, None), b"good");
}

#[test]
fn bad_61_a_replayed_syn_is_not_delivered_twice_on_one_connection() {
    let mut world = World::new(1);
    let listener = listen(&mut world, 10);
    let from = SocketAddr::from(([203, 0, 113, 7], 1_000));
    let cookie = cookie_of(&mut world, from);
    let from = SocketAddr::new(from.ip(), 2_000);
    for _ in 0..5 {
        world.deliver(B, syn(from, &world, cookie, b"pay"));
        world.pull();
    }
    let b = world.accept(B, listener).expect("accepted").connection;
    assert_eq!(world.receive(B, b, 100).0, b"pay");
    assert!(world.accept(B, listener).is_none());
}

#[test]
fn rfc7413_04_bad_61_a_flood_of_good_cookies_stops_at_the_limit_and_others_get_in() {
    let (mut world, listener) = with_cookie(1, 10);
    let attacker = SocketAddr::from(([203, 0, 113, 7], 1_000));
    let cookie = cookie_of(&mut world, attacker);
    for port in 2_000..3_000 {
        let from = SocketAddr::new(attacker.ip(), port);
        world.deliver(B, syn(from, &world, cookie, b"flood"));
    }
    world.pull();
    assert_eq!(world.ends[B].tcp.openings().fast_opens_accepted, 10);
    let discards = &world.ends[B].around.discards;
    assert_eq!(discards.get(Discard::TcpFastOpenFull), 990);
    // Beyond the limit there are ordinary handshakes (RFC 7413 §4.2).
    let a = dial(&mut world, b"hello");
    world.run_for(MS(100));
    assert_eq!(world.state(A, a), State::Established);
    let ours = world.status(A, a).local;
    let mut got = Vec::new();
    while let Some(accepted) = world.accept(B, listener) {
        if accepted.remote == ours {
            got = world.receive(B, accepted.connection, 100).0;
        }
    }
    assert_eq!(got, b"hello");
    // What is never completed ends, and makes room.
    world.run_for(Duration::from_secs(100));
    world.trace.clear();
    dial(&mut world, b"fast again");
    world.run_for(MS(6));
    assert_eq!(taken(&mut world, listener, None), b"fast again");
}

#[test]
fn bad_61_a_reset_makes_no_room_for_the_next_forged_syn() {
    let config = Config {
        fast_open_reset_ms: 60_000,
        ..Config::default()
    };
    let (mut world, _) = with_cookie_and(1, 1, config);
    let victim = SocketAddr::from(([203, 0, 113, 7], 1_000));
    let cookie = cookie_of(&mut world, victim);
    let to = SocketAddr::new(world.ends[B].address, PORT);
    for port in 2_000..2_010 {
        let from = SocketAddr::new(victim.ip(), port);
        world.deliver(B, syn(from, &world, cookie, b"forged"));
        world.pull();
        let (_, _, answer, _) = world.trace.last().unwrap().clone();
        let reset = TcpHeader {
            seq: answer.ack,
            flags: TcpFlags::RST,
            ..TcpHeader::default()
        };
        world.deliver(B, forged(from, to, reset, b""));
    }
    assert_eq!(world.ends[B].tcp.openings().fast_opens_accepted, 1);
    world.run_for(Duration::from_secs(61));
    let from = SocketAddr::new(victim.ip(), 3_000);
    world.deliver(B, syn(from, &world, cookie, b"forged"));
    assert_eq!(world.ends[B].tcp.openings().fast_opens_accepted, 2);
}

#[test]
fn bad_66_a_reset_ends_a_fast_open_whether_it_was_accepted_or_not() {
    for accepts in [false, true] {
        let mut world = World::new(1);
        let listener = listen(&mut world, 10);
        let from = SocketAddr::from(([203, 0, 113, 7], 1_000));
        let cookie = cookie_of(&mut world, from);
        let from = SocketAddr::new(from.ip(), 2_000);
        world.deliver(B, syn(from, &world, cookie, b"hello"));
        world.pull();
        let id = accepts.then(|| world.accept(B, listener).expect("accepted").connection);
        let reset = TcpHeader {
            seq: seq(1_006),
            flags: TcpFlags::RST,
            ..TcpHeader::default()
        };
        let to = SocketAddr::new(world.ends[B].address, PORT);
        world.deliver(B, forged(from, to, reset, b""));
        world.pull();
        match id {
            Some(connection) => assert!(world.ends[B].events.contains(&Event::Failed {
                connection,
                error: ConnectionError::Reset,
            })),
            None => {
                assert!(world.accept(B, listener).is_none());
                // The half-open connection that asked for the cookie is another one.
                assert_eq!(world.ends[B].tcp.counts().connections, 0);
            }
        }
    }
}

#[test]
fn rfc7413_02_the_option_counts_on_a_syn_only() {
    let (mut world, listener) = with_cookie(1, 10);
    let a = dial(&mut world, b"x");
    world.run_for(MS(50));
    let b = world.accept(B, listener).expect("accepted").connection;
    let status = world.status(B, b);
    let header = TcpHeader {
        seq: seq(status.rcv_nxt),
        ack: seq(status.snd_nxt),
        flags: TcpFlags::ACK,
        window: 1_000,
        options: TcpOptions {
            timestamps: world.ends[B].tcp.timestamps_to_repeat(b),
            fast_open: Some(FastOpen::REQUEST),
            ..TcpOptions::default()
        },
        ..TcpHeader::default()
    };
    world.trace.clear();
    world.deliver(B, forged(status.remote, status.local, header, b"y"));
    world.run_for(MS(100));
    assert!(
        world
            .trace
            .iter()
            .all(|(_, _, it, _)| it.options.fast_open.is_none())
    );
    assert_eq!(world.receive(B, b, 10).0, b"xy");
    let _ = a;
}

#[test]
fn a_fast_open_that_is_closed_before_its_handshake_is_over_ends_in_order() {
    let (mut world, listener) = with_cookie(1, 10);
    let a = dial(&mut world, b"ask");
    world.run_for(MS(6));
    let b = world.accept(B, listener).expect("accepted").connection;
    world.receive(B, b, 100);
    world.send(B, b, b"answer");
    let it = &mut world.ends[B];
    it.tcp
        .release(&mut it.around.at(world.now), b, crate::call::Release::Close)
        .unwrap();
    world.run_for(MS(100));
    assert_eq!(world.receive(A, a, 100), (b"answer".to_vec(), true));
}

#[test]
fn rfc7413_05_what_a_server_took_of_a_syn_s_text_only_in_part_goes_on_from_there() {
    let (mut world, _) = with_cookie(1, 10);
    let a = dial(&mut world, b"0123456789");
    world.pull();
    let (_, _, syn, octets) = world.trace.last().expect("sent").clone();
    assert_eq!(octets, 10);
    world.cut_wire();
    let status = world.status(A, a);
    let syn_ack = TcpHeader {
        seq: seq(9_000),
        ack: syn.seq + 5,
        flags: TcpFlags::SYN.with(TcpFlags::ACK),
        window: 10_000,
        ..TcpHeader::default()
    };
    world.trace.clear();
    world.deliver(A, forged(status.remote, status.local, syn_ack, b""));
    world.pull();
    let (_, _, next, octets) = world.trace.last().expect("sent").clone();
    assert_eq!((next.seq, octets), (syn.seq + 5, 6));
    assert_eq!(world.status(A, a).retransmissions, 0);
}
