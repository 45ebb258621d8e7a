//! Promises that need two ends and time.

use std::net::SocketAddr;
use std::vec::Vec;

use bytes::Bytes;

use super::world::{A, B, PORT, World, forged, pattern, seq};
use crate::base::{Duration, Instant};
use crate::call::{CallRefused, ConnectionOptions, KeepAlive, OpenConnection, Release};
use crate::config::Config;
use crate::event::{ConnectionError, Event, SoftError};
use crate::observe::State;
use crate::tcp::PathTo;
use crate::wire::path_error::{PathError, PathErrorKind, Quote, Unreachable};
use crate::wire::protocol::Protocol;
use crate::wire::tcp::{TcpFlags, TcpHeader};

const MS: fn(u64) -> Duration = Duration::from_millis;

#[test]
fn rfc9293_must_10_two_dials_that_cross_become_one_connection() {
    let mut world = World::new(1);
    let mut ids = Vec::new();
    for end in [A, B] {
        let path = world.path(end);
        let remote = SocketAddr::new(world.ends[1 - end].address, PORT);
        let it = &mut world.ends[end];
        let call = OpenConnection {
            remote,
            local_address: None,
            local_port: PORT,
            options: ConnectionOptions::default(),
        };
        let opened = it
            .tcp
            .open(&mut it.around.at(world.now), &call, path)
            .unwrap();
        ids.push(opened.0);
    }
    world.run_for(MS(100));
    for end in [A, B] {
        assert_eq!(world.state(end, ids[end]), State::Established);
    }
    let text = pattern(100_000);
    world.send(A, ids[A], &text);
    let mut got = Vec::new();
    while got.len() < text.len() && world.step() {
        got.extend(world.receive(B, ids[B], usize::MAX).0);
    }
    assert!(got == text);
}

#[test]
fn a_user_timeout_of_zero_gives_the_choice_back() {
    let mut world = World::new(1);
    let (a, _) = world.connect();
    let change = |world: &mut World, user_timeout| {
        let it = &mut world.ends[A];
        let options = ConnectionOptions {
            user_timeout: Some(user_timeout),
            ..ConnectionOptions::default()
        };
        it.tcp
            .set_options(&mut it.around.at(world.now), a, &options)
            .unwrap();
    };
    change(&mut world, Some(MS(500)));
    assert_eq!(world.status(A, a).user_timeout, Some(MS(500)));
    change(&mut world, Some(Duration::ZERO));
    assert_eq!(world.status(A, a).user_timeout, None);
    // The wire is cut: R2 counts retransmissions again, 15 of them.
    world.send(A, a, b"nobody hears");
    world.impairments.loss = 1_000;
    world.run_for(Duration::from_secs(400));
    assert_eq!(world.state(A, a), State::Established);
    world.run_for(Duration::from_secs(300));
    assert_eq!(world.state(A, a), State::Closed);
}

#[test]
fn a_connection_to_itself_works() {
    let mut world = World::new(1);
    let path = world.path(A);
    let me = SocketAddr::new(world.ends[A].address, PORT);
    let it = &mut world.ends[A];
    let call = OpenConnection {
        remote: me,
        local_address: None,
        local_port: PORT,
        options: ConnectionOptions::default(),
    };
    let now = world.now;
    let id = it.tcp.open(&mut it.around.at(now), &call, path).unwrap().0;
    let turn = |world: &mut World| {
        for _ in 0..100 {
            let it = &mut world.ends[A];
            let Some(outgoing) = it.tcp.next_segment(&mut it.around.at(world.now)) else {
                break;
            };
            let header = TcpHeader::parse(outgoing.header.as_slice()).unwrap().header;
            let text: Vec<u8> = outgoing.text.slices().flat_map(|it| it.to_vec()).collect();
            world.deliver(A, forged(me, me, header, &text));
        }
    };
    turn(&mut world);
    assert_eq!(world.state(A, id), State::Established);
    world.send(A, id, b"hello me");
    turn(&mut world);
    assert_eq!(world.receive(A, id, 100).0, b"hello me");
}

#[test]
fn rfc6191_01_a_newer_syn_reopens_what_waits() {
    let mut world = World::new(1);
    let (a, b) = world.connect();
    world.run_for(MS(100));
    let ends = world.status(B, b);
    let release = |world: &mut World, end: usize, id| {
        let it = &mut world.ends[end];
        it.tcp
            .release(&mut it.around.at(world.now), id, Release::Close)
            .unwrap();
    };
    release(&mut world, B, b);
    world.run_for(MS(20));
    release(&mut world, A, a);
    world.run_for(MS(100));
    assert_eq!(world.ends[B].tcp.counts().time_wait, 1);
    let old_end = world.status(B, b).snd_nxt;
    let listener = world.listen(B);
    // The same ends again, from A's side.
    let path = world.path(A);
    let it = &mut world.ends[A];
    let call = OpenConnection {
        remote: ends.local,
        local_address: None,
        local_port: ends.remote.port(),
        options: ConnectionOptions::default(),
    };
    let id = it
        .tcp
        .open(&mut it.around.at(world.now), &call, path)
        .unwrap()
        .0;
    world.run_for(MS(100));
    assert_eq!(world.state(A, id), State::Established);
    let accepted = world.accept(B, listener).unwrap();
    assert_eq!(world.ends[B].tcp.counts().time_wait, 0);
    // The new numbers are beyond all old ones.
    let una = world.status(B, accepted.connection).snd_una;
    assert!(una.wrapping_sub(old_end) < 1 << 31);
}

#[test]
fn rfc9293_must_23_an_unanswered_syn_is_tried_for_three_minutes() {
    let mut world = World::new(1);
    let began = world.now;
    world.impairments.loss = 1_000;
    let id = world.dial(A, ConnectionOptions::default());
    world.run_until(began + Duration::from_secs(179));
    assert_eq!(world.state(A, id), State::SynSent);
    let at: Vec<u64> = world
        .trace
        .iter()
        .map(|it| it.0.since(began).as_secs())
        .collect();
    assert_eq!(at, [0, 1, 3, 7, 15, 31, 63, 123]);
    world.run_until(began + Duration::from_secs(181));
    assert!(world.ends[A].events.contains(&Event::Soft {
        connection: id,
        error: SoftError::NoAnswer
    }));
    assert!(world.ends[A].events.contains(&Event::Failed {
        connection: id,
        error: ConnectionError::TimedOut
    }));
    assert_eq!(world.state(A, id), State::Closed);
}

#[test]
fn rfc9293_must_21_the_user_sets_how_long_text_may_wait() {
    for (timeout, fails) in [(Some(Duration::from_secs(3)), true), (None, false)] {
        let mut world = World::new(1);
        let (a, _) = world.connect_with(ConnectionOptions {
            user_timeout: Some(timeout),
            ..ConnectionOptions::default()
        });
        world.run_for(MS(100));
        world.impairments.loss = 1_000;
        world.send(A, a, b"x");
        let began = world.now;
        world.run_until(began + MS(2_900));
        assert_eq!(world.state(A, a), State::Established);
        world.run_until(began + MS(3_001));
        assert_eq!(world.state(A, a) == State::Closed, fails);
        world.run_until(began + Duration::from_secs(50_000));
        assert_eq!(world.state(A, a) == State::Closed, fails);
    }
}

#[test]
fn rfc9293_must_29_a_dead_peer_is_found_by_keep_alives_and_not_by_one() {
    let mut world = World::new(1);
    let (a, _) = world.connect_with(ConnectionOptions {
        keep_alive: Some(Some(KeepAlive {
            idle: Duration::from_secs(15),
            interval: Duration::from_secs(15),
            probes_max: 9,
        })),
        ..ConnectionOptions::default()
    });
    world.run_for(Duration::from_secs(600));
    assert_eq!(world.state(A, a), State::Established);
    world.impairments.loss = 1_000;
    world.trace.clear();
    let began = world.now;
    world.run_for(Duration::from_secs(130));
    assert_eq!(world.state(A, a), State::Established);
    let probes = world.trace.iter().filter(|it| it.1 == A).count();
    assert!((8..=9).contains(&probes), "{probes}");
    assert!(world.trace.iter().all(|it| it.3 == 0));
    world.run_until(began + Duration::from_secs(170));
    assert_eq!(world.state(A, a), State::Closed);
}

#[test]
fn rfc9293_must_37_a_closed_window_is_probed_for_a_day() {
    let mut world = World::new(1);
    let (a, b) = world.connect_with(ConnectionOptions {
        receive_buffer_octets: Some(10_000),
        ..ConnectionOptions::default()
    });
    world.send(A, a, &pattern(30_000));
    world.run_for(Duration::from_secs(86_400));
    assert_eq!(world.state(A, a), State::Established);
    let probes = world.trace.iter().filter(|it| it.1 == A).count();
    assert!((1_400..1_500).contains(&probes), "{probes}");
    let mut got = Vec::new();
    while got.len() < 30_000 {
        got.extend(world.receive(B, b, usize::MAX).0);
        if !world.step() {
            break;
        }
    }
    assert!(got == pattern(30_000));
}

#[test]
fn rfc9293_s17_abort_resets_the_peer() {
    let mut world = World::new(1);
    let (a, b) = world.connect();
    world.run_for(MS(100));
    world.send(B, b, b"unread");
    world.run_for(MS(100));
    let it = &mut world.ends[A];
    it.tcp
        .release(&mut it.around.at(world.now), a, Release::Close)
        .unwrap();
    world.run_for(MS(100));
    // SHLD-3: closing with unread text is an abort too.
    assert_eq!(world.state(B, b), State::Closed);
    assert!(world.ends[B].events.contains(&Event::Failed {
        connection: b,
        error: ConnectionError::Reset
    }));
    assert!(world.ends[A].events.contains(&Event::Released(a)));
    assert_eq!(world.ends[A].tcp.counts(), Default::default());
    let it = &mut world.ends[A];
    let again = it
        .tcp
        .release(&mut it.around.at(world.now), a, Release::Close);
    assert_eq!(again, Err(CallRefused::NoSuchEntry));
}

#[test]
fn text_that_arrives_after_release_resets_the_peer() {
    let mut world = World::new(1);
    let (a, b) = world.connect();
    world.run_for(MS(100));
    let it = &mut world.ends[A];
    it.tcp
        .release(&mut it.around.at(world.now), a, Release::Close)
        .unwrap();
    world.run_for(MS(100));
    assert_eq!(world.state(B, b), State::CloseWait);
    world.send(B, b, b"too late");
    world.run_for(MS(100));
    assert_eq!(world.state(B, b), State::Closed);
    assert_eq!(world.ends[A].tcp.counts(), Default::default());
}

#[test]
fn bad_80_a_full_backlog_drops_the_handshake_in_silence() {
    let mut world = World::new(1);
    let listener = world.listen_with(B, ConnectionOptions::default(), Some(3));
    let ids: Vec<_> = (0..5)
        .map(|_| world.dial(A, ConnectionOptions::default()))
        .collect();
    world.run_for(MS(500));
    assert_eq!(world.ends[B].tcp.counts().connections, 3);
    let mut accepted = 0;
    for _ in 0..200 {
        if world.accept(B, listener).is_some() {
            accepted += 1;
        }
        world.run_for(MS(500));
    }
    assert_eq!(accepted, 5);
    for id in ids {
        assert_eq!(world.state(A, id), State::Established);
    }
}

#[test]
fn closing_a_listener_resets_what_waits_in_it() {
    let mut world = World::new(1);
    let listener = world.listen(B);
    let a = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(100));
    let it = &mut world.ends[B];
    it.tcp
        .close_listener(&mut it.around.at(world.now), listener)
        .unwrap();
    world.run_for(MS(100));
    assert_eq!(world.state(A, a), State::Closed);
    assert_eq!(world.ends[B].tcp.counts(), Default::default());
    let dialled = world.dial(A, ConnectionOptions::default());
    world.run_for(MS(100));
    assert!(world.ends[A].events.contains(&Event::Failed {
        connection: dialled,
        error: ConnectionError::Refused
    }));
}

fn quote(world: &mut World, at: u32, id: crate::call::ConnectionId) -> Quote {
    let status = world.status(A, id);
    let mut transport = Vec::new();
    transport.extend(status.local.port().to_be_bytes());
    transport.extend(status.remote.port().to_be_bytes());
    transport.extend(at.to_be_bytes());
    Quote {
        source: status.local.ip(),
        destination: status.remote.ip(),
        protocol: Protocol::TCP,
        transport: Bytes::from(transport),
        packet_octets: 1_500,
    }
}

#[test]
fn rfc5927_01_an_icmp_error_must_quote_what_is_in_flight() {
    let mut world = World::new(1);
    let (a, _) = world.connect();
    world.run_for(MS(100));
    world.send(A, a, &pattern(5_000));
    world.pull();
    let status = world.status(A, a);
    for (at, is_in_flight) in [
        (status.snd_una.wrapping_sub(1), false),
        (status.snd_una, true),
        (status.snd_nxt.wrapping_sub(1), true),
        (status.snd_nxt, false),
    ] {
        let quote = quote(&mut world, at, a);
        assert_eq!(world.ends[A].tcp.quote_is_in_flight(&quote), is_in_flight);
    }
}

#[test]
fn rfc9293_shld_26_port_unreachable_refuses_a_dial_and_nothing_else() {
    let error = |quote| PathError {
        reporter: [192, 0, 2, 9].into(),
        kind: PathErrorKind::Unreachable(Unreachable::Port),
        quote,
    };
    let mut world = World::new(1);
    let (a, _) = world.connect();
    world.run_for(MS(100));
    world.send(A, a, b"x");
    world.pull();
    let una = world.status(A, a).snd_una;
    let open = error(quote(&mut world, una, a));
    let it = &mut world.ends[A];
    it.tcp.path_error(&mut it.around.at(world.now), &open);
    assert_eq!(world.state(A, a), State::Established);
    assert_eq!(
        world.status(A, a).soft_error,
        Some(SoftError::PortUnreachable)
    );
    let dialled = world.dial(A, ConnectionOptions::default());
    world.pull();
    let iss = world.status(A, dialled).snd_una;
    let opening = error(quote(&mut world, iss, dialled));
    let it = &mut world.ends[A];
    it.tcp.path_error(&mut it.around.at(world.now), &opening);
    world.pull();
    assert!(world.ends[A].events.contains(&Event::Failed {
        connection: dialled,
        error: ConnectionError::Refused
    }));
}

#[test]
fn rfc1191_06_what_was_too_big_is_sent_again_at_once_and_once() {
    let mut world = World::new(1);
    let (a, b) = world.connect();
    world.run_for(MS(100));
    world.send(A, a, &pattern(10_000));
    world.pull();
    world.cut_wire();
    let before = world.status(A, a);
    assert!(before.in_flight_octets > 7_000);
    for _ in 0..10 {
        let destination = world.ends[B].address;
        let it = &mut world.ends[A];
        it.tcp
            .path_mtu_changed(&mut it.around.at(world.now), destination, 1_000);
        world.mtu = 1_000;
        world.pull();
    }
    let after = world.status(A, a);
    assert_eq!(after.cwnd_octets, before.cwnd_octets);
    assert_eq!(after.snd_mss, 948);
    let resent = before.in_flight_octets.div_ceil(948);
    assert!(after.retransmissions <= u64::from(resent) + 1);
    let mut got = Vec::new();
    while got.len() < 10_000 && world.step() {
        got.extend(world.receive(B, b, usize::MAX).0);
    }
    assert!(got == pattern(10_000));
}

#[test]
fn rfc6056_03_a_port_is_not_given_twice_and_the_range_ends() {
    let mut world = World::new(1);
    let path = world.path(A);
    let remote = SocketAddr::new(world.ends[B].address, PORT);
    let open = |world: &mut World, local_port| {
        let it = &mut world.ends[A];
        let call = OpenConnection {
            remote,
            local_address: None,
            local_port,
            options: ConnectionOptions::default(),
        };
        it.tcp.open(&mut it.around.at(world.now), &call, path)
    };
    assert!(open(&mut world, 5_000).is_ok());
    assert_eq!(open(&mut world, 5_000), Err(CallRefused::AddressInUse));
    let mut opened = 1;
    let refused = loop {
        match open(&mut world, 0) {
            Ok(_) => opened += 1,
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, CallRefused::PortsExhausted);
    assert_eq!(opened, 65_536 - 1_024);
}

#[test]
fn rfc9293_must_46_groups_cannot_be_dialled() {
    let mut world = World::new(1);
    let source = world.ends[A].address;
    for address in ["224.0.0.1", "255.255.255.255", "0.0.0.0"] {
        let it = &mut world.ends[A];
        let call = OpenConnection {
            remote: SocketAddr::new(address.parse().unwrap(), 80),
            local_address: None,
            local_port: 0,
            options: ConnectionOptions::default(),
        };
        let path = PathTo {
            source,
            path_mtu_octets: 1_500,
            link_mtu_octets: 1_500,
        };
        let refused = it.tcp.open(&mut it.around.at(Instant::ZERO), &call, path);
        assert_eq!(refused.unwrap_err(), CallRefused::RemoteNotUnicast);
    }
}

#[test]
fn a_fork_of_the_world_goes_on_the_same_way() {
    let mut world = World::new(1);
    let (a, _) = world.connect();
    world.run_for(MS(100));
    world.send(A, a, &pattern(200_000));
    world.pull();
    let mut fork = world.ends[A].tcp.clone();
    let later = world.now + Duration::from_secs(1);
    let it = &mut world.ends[A];
    it.tcp.time_passes(&mut it.around.at(later));
    fork.time_passes(&mut it.around.at(later));
    loop {
        let one = it.tcp.next_segment(&mut it.around.at(later));
        let other = fork.next_segment(&mut it.around.at(later));
        let octets = |outgoing: &Option<crate::wire::packet::Outgoing>| {
            outgoing
                .as_ref()
                .map(|it| (it.header.as_slice().to_vec(), it.text.octets()))
        };
        assert_eq!(octets(&one), octets(&other));
        if one.is_none() {
            break;
        }
    }
}

#[test]
fn ten_thousand_connections_leave_nothing_behind() {
    let mut world = World::with(
        1,
        Config::default(),
        Config {
            time_wait_ms: 1_000,
            ..Config::default()
        },
    );
    world.whole = true;
    let listener = world.listen(B);
    let mut open = Vec::new();
    for _ in 0..10 {
        let ids: Vec<_> = (0..1_000)
            .map(|_| world.dial(A, ConnectionOptions::default()))
            .collect();
        world.run_for(MS(50));
        for id in ids {
            world.send(A, id, b"ping");
            open.push(id);
        }
        world.run_for(MS(50));
        world.trace.clear();
        while let Some(accepted) = world.accept(B, listener) {
            let id = accepted.connection;
            assert_eq!(world.receive(B, id, 100).0, b"ping");
            let it = &mut world.ends[B];
            it.tcp
                .release(&mut it.around.at(world.now), id, Release::Close)
                .unwrap();
        }
    }
    assert_eq!(open.len(), 10_000);
    assert_eq!(world.ends[A].tcp.counts().connections, 10_000);
    world.run_for(MS(100));
    for id in open {
        let it = &mut world.ends[A];
        it.tcp
            .release(&mut it.around.at(world.now), id, Release::Close)
            .unwrap();
    }
    world.run_for(Duration::from_secs(70));
    assert_eq!(world.ends[A].tcp.counts(), Default::default());
    let counts = world.ends[B].tcp.counts();
    assert_eq!((counts.connections, counts.timers), (0, 0));
}

#[test]
fn an_idle_connection_is_small() {
    let octets = size_of::<crate::tcp::connection::Connection>();
    assert!(octets <= 1_024, "{octets}");
    let octets = size_of::<crate::tcp::half_open::HalfOpen>();
    assert!(octets <= 256, "{octets}");
}

#[test]
fn rfc9293_s02_a_reset_is_never_answered_by_a_reset() {
    let mut world = World::new(1);
    let from = SocketAddr::new(world.ends[A].address, 9);
    let to = SocketAddr::new(world.ends[B].address, 9);
    for (flags, answered) in [
        (TcpFlags::RST, false),
        (TcpFlags::RST.with(TcpFlags::ACK), false),
        (TcpFlags::SYN, true),
        (TcpFlags::ACK, true),
        (TcpFlags(0), true),
    ] {
        let header = TcpHeader {
            seq: seq(100),
            ack: seq(7),
            flags,
            ..TcpHeader::default()
        };
        world.deliver(B, forged(from, to, header, b"text"));
        world.trace.clear();
        world.pull();
        assert_eq!(world.trace.len(), usize::from(answered), "{flags:?}");
        if let Some((_, _, reply, _)) = world.trace.first() {
            assert!(reply.flags.contains(TcpFlags::RST));
            if flags.contains(TcpFlags::ACK) {
                assert_eq!((reply.seq, reply.flags), (seq(7), TcpFlags::RST));
            } else {
                let syn = u32::from(flags.contains(TcpFlags::SYN));
                assert_eq!((reply.seq, reply.ack), (seq(0), seq(104 + syn)));
            }
        }
    }
}
