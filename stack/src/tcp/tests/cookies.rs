//! SYN cookies between two ends (RFC 4987 §3.6).

use std::net::SocketAddr;
use std::vec::Vec;

use super::world::{A, B, PORT, World, forged, pattern, seq};
use crate::base::{Duration, Random};
use crate::call::{ConnectionId, ConnectionOptions, KeepAlive, ListenerId};
use crate::config::Config;
use crate::discard::Discard;
use crate::observe::State;
use crate::wire::tcp::{TcpFlags, TcpHeader};
use crate::wire::tcp_options::{TcpOptions, Timestamps};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// B answers every SYN with a cookie.
fn always() -> Config {
    Config {
        syn_cookies_mode: 2,
        ..Config::default()
    }
}

fn world(seed: u8) -> (World, ListenerId, ConnectionId) {
    let mut world = World::with(seed, Config::default(), always());
    let listener = world.listen(B);
    let a = world.dial(A, ConnectionOptions::default());
    (world, listener, a)
}

/// SYNs from many sources, none of which goes on; whatever B answers is lost.
fn flood(world: &mut World, count: u32) {
    let to = SocketAddr::new(world.ends[B].address, PORT);
    for source in 0..count {
        let from = SocketAddr::from(([198, 51, (source >> 8) as u8, source as u8], 1_024));
        let header = TcpHeader {
            seq: seq(source),
            flags: TcpFlags::SYN,
            ..TcpHeader::default()
        };
        world.deliver(B, forged(from, to, header, b""));
        drop_answers(world);
    }
}

fn drop_answers(world: &mut World) {
    let it = &mut world.ends[B];
    while it.tcp.next_segment(&mut it.around.at(world.now)).is_some() {}
}

#[test]
fn rfc4987_02_a_connection_from_a_cookie_has_all_options() {
    let (mut world, listener, a) = world(1);
    world.run_for(MS(7));
    assert_eq!(world.state(A, a), State::SynSent);
    let counts = world.ends[B].tcp.counts();
    assert_eq!((counts.half_open, counts.timers), (0, 0), "nothing is kept");
    world.run_for(MS(50));
    let b = world.accept(B, listener).expect("accepted").connection;
    let (ours, theirs) = (world.status(A, a), world.status(B, b));
    assert_eq!(ours.state, State::Established);
    assert_eq!(theirs.state, State::Established);
    assert!(theirs.window_scaling && theirs.timestamps && theirs.sack);
    assert_eq!(theirs.snd_wind_shift, ours.rcv_wind_shift);
    assert_eq!(theirs.rcv_wind_shift, ours.snd_wind_shift);
    assert_eq!((theirs.irs, theirs.iss), (ours.iss, ours.irs));
    assert_eq!(theirs.peer_mss, 1_460);
    let text = pattern(200_000);
    let mut got = Vec::new();
    let mut sent = 0;
    for _ in 0..200 {
        sent += world.send(A, a, &text[sent..]);
        world.run_for(MS(10));
        got.extend_from_slice(&world.receive(B, b, usize::MAX).0);
    }
    assert!(got == text);
    assert_eq!(world.ends[B].tcp.openings().cookies_accepted, 1);
}

#[test]
fn rfc4987_02_cookies_are_sent_only_when_the_queue_is_full_or_never() {
    for (mode, cookies) in [(0, 0), (1, 100), (2, 200)] {
        let config = Config {
            syn_queue_segments_max: 100,
            syn_cookies_mode: mode,
            ..Config::default()
        };
        let mut world = World::with(1, Config::default(), config);
        world.listen(B);
        flood(&mut world, 200);
        assert_eq!(world.ends[B].tcp.openings().cookies_sent, cookies, "{mode}");
        let kept = if mode == 2 { 0 } else { 100 };
        assert_eq!(world.ends[B].tcp.counts().half_open, kept);
    }
}

#[test]
fn text_that_comes_with_the_ack_or_instead_of_a_lost_one_is_not_lost() {
    // The client's ACK is lost in the first case, its ACK and its first text in the second.
    for lost in 0..3 {
        let (mut world, listener, a) = world(lost as u8);
        let text = pattern(5_000);
        world.run_for(MS(7));
        // The SYN-ACK arrives, and A answers it.
        world.step();
        assert_eq!(world.state(A, a), State::Established);
        if lost > 0 {
            world.cut_wire();
        }
        world.send(A, a, &text[..1_000]);
        world.pull();
        if lost > 1 {
            world.cut_wire();
        }
        world.send(A, a, &text[1_000..]);
        world.run_for(Duration::from_secs(3));
        let b = world.accept(B, listener).expect("accepted").connection;
        assert!(world.receive(B, b, usize::MAX).0 == text, "{lost}");
        assert_eq!(world.state(A, a), State::Established);
    }
}

#[test]
fn rfc4987_03_a_silent_client_whose_ack_was_lost_is_found_by_its_keep_alive() {
    let mut world = World::with(1, Config::default(), always());
    let listener = world.listen(B);
    let options = ConnectionOptions {
        keep_alive: Some(Some(KeepAlive {
            idle: Duration::from_secs(15),
            interval: Duration::from_secs(15),
            probes_max: 9,
        })),
        ..ConnectionOptions::default()
    };
    let a = world.dial(A, options);
    world.run_for(MS(7));
    world.step();
    assert_eq!(world.state(A, a), State::Established);
    world.cut_wire();
    world.run_for(Duration::from_secs(10));
    assert!(world.accept(B, listener).is_none());
    world.run_for(Duration::from_secs(10));
    let b = world.accept(B, listener).expect("accepted").connection;
    world.send(B, b, b"220 ready");
    world.run_for(MS(100));
    assert_eq!(world.receive(A, a, 100).0, b"220 ready");
}

#[test]
fn rfc4987_03_a_client_whose_cookie_is_too_old_is_reset_and_does_not_hang() {
    let (mut world, listener, a) = world(1);
    world.run_for(MS(7));
    world.step();
    world.cut_wire();
    world.run_for(Duration::from_secs(129));
    world.send(A, a, b"late");
    world.run_for(MS(100));
    assert_eq!(world.state(A, a), State::Closed);
    assert!(world.accept(B, listener).is_none());
}

#[test]
fn a_full_accept_queue_lets_the_cookie_come_again() {
    let mut world = World::with(1, Config::default(), always());
    let listener = world.listen_with(B, ConnectionOptions::default(), Some(1));
    let first = world.dial(A, ConnectionOptions::default());
    let second = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(50));
    assert_eq!(world.state(A, first), State::Established);
    assert_eq!(world.state(A, second), State::Established);
    world.send(A, second, b"hello");
    world.run_for(MS(50));
    assert!(world.accept(B, listener).is_some());
    assert!(world.accept(B, listener).is_none());
    world.run_for(Duration::from_secs(2));
    let b = world.accept(B, listener).expect("accepted").connection;
    assert_eq!(world.receive(B, b, 100).0, b"hello");
}

fn ack(sequence: u32, acknowledges: u32, echo_reply: u32) -> TcpHeader {
    TcpHeader {
        seq: seq(sequence),
        ack: seq(acknowledges),
        flags: TcpFlags::ACK,
        window: 1_000,
        options: TcpOptions {
            timestamps: Some(Timestamps {
                value: 7,
                echo_reply,
            }),
            ..TcpOptions::default()
        },
        ..TcpHeader::default()
    }
}

#[test]
fn bad_47_forged_acks_complete_nothing_and_their_rate_is_limited() {
    let (mut world, listener, _) = world(1);
    world.run_for(MS(7));
    world.cut_wire();
    let to = SocketAddr::new(world.ends[B].address, PORT);
    let mut random = Random::new([3; 32]);
    for guess in 0..100_000_u32 {
        let from = SocketAddr::from(([203, 0, 113, guess as u8], 4_000));
        let header = ack(random.bits_32(), random.bits_32(), random.bits_32());
        world.deliver(B, forged(from, to, header, b"evil"));
        drop_answers(&mut world);
    }
    assert!(world.accept(B, listener).is_none());
    let discards = &world.ends[B].around.discards;
    let wrong = discards.get(Discard::TcpCookieWrong) + discards.get(Discard::TcpCookieEarly);
    let unchecked = discards.get(Discard::TcpCookieUnchecked);
    assert_eq!(wrong + unchecked, 100_000);
    assert!(wrong <= 256 * 257, "{wrong}");
    assert!(unchecked > 0);
}

#[test]
fn bad_66_a_reset_or_an_icmp_error_during_a_cookie_leaves_nothing_to_accept() {
    let (mut world, listener, a) = world(1);
    world.run_for(MS(7));
    world.step();
    let status = world.status(A, a);
    world.cut_wire();
    let reset = TcpHeader {
        seq: seq(status.snd_nxt),
        ack: seq(status.rcv_nxt),
        flags: TcpFlags::RST.with(TcpFlags::ACK),
        ..TcpHeader::default()
    };
    world.deliver(B, forged(status.local, status.remote, reset, b""));
    assert!(world.accept(B, listener).is_none());
    assert_eq!(world.ends[B].tcp.counts().connections, 0);
    let quote = crate::wire::path_error::Quote {
        source: status.remote.ip(),
        destination: status.local.ip(),
        ..quote_of(status.remote.port(), status.local.port(), status.irs)
    };
    assert!(!world.ends[B].tcp.quote_is_in_flight(&quote));
}

fn quote_of(source: u16, destination: u16, sequence: u32) -> crate::wire::path_error::Quote {
    let mut transport = Vec::new();
    transport.extend_from_slice(&source.to_be_bytes());
    transport.extend_from_slice(&destination.to_be_bytes());
    transport.extend_from_slice(&sequence.to_be_bytes());
    crate::wire::path_error::Quote {
        source: [0, 0, 0, 0].into(),
        destination: [0, 0, 0, 0].into(),
        protocol: crate::wire::protocol::Protocol::TCP,
        transport: transport.into(),
        packet_octets: 40,
    }
}

#[test]
fn without_timestamps_a_cookie_keeps_the_mss_and_offers_nothing_else() {
    let mut world = World::with(1, Config::default(), always());
    let listener = world.listen(B);
    let from = SocketAddr::new(world.ends[A].address, 999);
    let to = SocketAddr::new(world.ends[B].address, PORT);
    let syn = TcpHeader {
        seq: seq(100),
        flags: TcpFlags::SYN,
        options: TcpOptions {
            mss: Some(1_400),
            window_scale: Some(7),
            sack_permitted: true,
            ..TcpOptions::default()
        },
        ..TcpHeader::default()
    };
    world.deliver(B, forged(from, to, syn, b""));
    world.pull();
    let (_, _, syn_ack, _) = world.trace.last().expect("answered").clone();
    assert_eq!(syn_ack.options.window_scale, None);
    assert!(!syn_ack.options.sack_permitted && syn_ack.options.timestamps.is_none());
    let mut answer = ack(101, syn_ack.seq.raw().wrapping_add(1), 0);
    answer.options = TcpOptions::default();
    world.deliver(B, forged(from, to, answer, b"hi"));
    let b = world.accept(B, listener).expect("accepted").connection;
    let status = world.status(B, b);
    assert_eq!(status.peer_mss, 1_360, "the class below 1,400");
    assert!(!status.window_scaling && !status.sack && !status.timestamps);
    assert_eq!(world.receive(B, b, 10).0, b"hi");
}

#[test]
fn rfc4987_01_one_source_never_has_the_whole_queue() {
    let config = Config {
        syn_queue_segments_max: 100,
        syn_queue_source_segments_max: 25,
        syn_cookies_mode: 0,
        ..Config::default()
    };
    let mut world = World::with(1, Config::default(), config);
    let listener = world.listen(B);
    let to = SocketAddr::new(world.ends[B].address, PORT);
    for port in 1..=1_000 {
        let from = SocketAddr::from(([203, 0, 113, 1], port));
        let header = TcpHeader {
            seq: seq(1),
            flags: TcpFlags::SYN,
            ..TcpHeader::default()
        };
        world.deliver(B, forged(from, to, header, b""));
    }
    drop_answers(&mut world);
    assert_eq!(world.ends[B].tcp.counts().half_open, 25);
    let a = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(50));
    assert_eq!(world.state(A, a), State::Established);
    assert!(world.accept(B, listener).is_some());
    world.run_for(Duration::from_secs(100));
    assert_eq!(world.ends[B].tcp.counts().half_open, 0);
}

#[test]
fn rfc4987_01_without_cookies_one_of_the_older_makes_room_and_nobody_can_tell_who() {
    let config = Config {
        syn_queue_segments_max: 100,
        syn_cookies_mode: 0,
        ..Config::default()
    };
    let mut world = World::with(1, Config::default(), config);
    world.listen(B);
    let to = SocketAddr::new(world.ends[B].address, PORT);
    let flood_one = |world: &mut World, source: u32| {
        let from = SocketAddr::from(([198, 51, (source >> 8) as u8, source as u8], 1_024));
        let header = TcpHeader {
            seq: seq(source),
            flags: TcpFlags::SYN,
            ..TcpHeader::default()
        };
        world.deliver(B, forged(from, to, header, b""));
        drop_answers(world);
        world.now += Duration::from_micros(10);
    };
    for source in 0..200 {
        flood_one(&mut world, source);
    }
    let there = |world: &World, source: u32| {
        let from = SocketAddr::from(([198, 51, (source >> 8) as u8, source as u8], 1_024));
        world.ends[B].tcp.connection_between(to, from).is_some()
    };
    assert_eq!(world.ends[B].tcp.counts().half_open, 100);
    let old = (0..100).filter(|it| there(&world, *it)).count();
    let new = (100..200).filter(|it| there(&world, *it)).count();
    assert_eq!(old + new, 100);
    assert!(old > 0, "not simply the oldest one");
    assert!(
        new > 2 * old,
        "the older ones go first: {old} old, {new} new"
    );
}

#[test]
fn rfc4987_02_ecn_is_agreed_on_by_a_cookie_as_well() {
    for (asks, has_timestamps) in [(true, true), (true, false), (false, true)] {
        let mut world = World::with(1, Config::default(), always());
        let listener = world.listen_with(
            B,
            ConnectionOptions {
                ecn: Some(crate::call::EcnUse::Ask),
                ..ConnectionOptions::default()
            },
            None,
        );
        let from = SocketAddr::new(world.ends[A].address, 999);
        let to = SocketAddr::new(world.ends[B].address, PORT);
        let setup = TcpFlags::SYN.with(TcpFlags::ECE).with(TcpFlags::CWR);
        let syn = TcpHeader {
            seq: seq(100),
            flags: if asks { setup } else { TcpFlags::SYN },
            options: TcpOptions {
                timestamps: has_timestamps.then_some(Timestamps {
                    value: 6,
                    echo_reply: 0,
                }),
                ..TcpOptions::default()
            },
            ..TcpHeader::default()
        };
        world.deliver(B, forged(from, to, syn, b""));
        world.pull();
        let (_, _, syn_ack, _) = world.trace.last().expect("answered").clone();
        let expected = asks && has_timestamps;
        assert_eq!(syn_ack.flags.contains(TcpFlags::ECE), expected);
        let echo_reply = syn_ack.options.timestamps.map_or(0, |it| it.value);
        let mut answer = ack(101, syn_ack.seq.raw().wrapping_add(1), echo_reply);
        if !has_timestamps {
            answer.options = TcpOptions::default();
        }
        world.deliver(B, forged(from, to, answer, b""));
        let b = world.accept(B, listener).expect("accepted").connection;
        let status = world.status(B, b);
        assert_eq!(status.ecn, expected, "{asks} {has_timestamps}");
    }
}
