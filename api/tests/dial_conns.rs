//! What a connection can do beyond reading and writing: settings, whole streams, its events.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::{self, Cursor, Read};
use std::thread;
use std::time::Duration;

use sidestep::conn_events::{SendReason, State};
use sidestep::{ConnEventKind, Deadline, Errno, KeepAliveConfig, Net, Op};
use support::{PATIENCE, World, eventually};

in_all_worlds! {
    settings_are_taken_while_open_and_refused_after_close
    an_unknown_congestion_control_does_not_exist
    whole_streams_come_from_readers_and_go_to_writers
    errors_of_whole_streams_name_their_operation
}

fn settings_are_taken_while_open_and_refused_after_close(world: &World) {
    let (conn, accepted) = world.pair();
    let set = || {
        [
            conn.set_nodelay(false),
            conn.set_nodelay(true),
            conn.set_linger(None),
            conn.set_linger(Some(Duration::from_secs(1))),
            conn.set_keep_alive(false),
            conn.set_keep_alive(true),
            conn.set_keep_alive_period(Duration::from_secs(30)),
            conn.set_keep_alive_config(KeepAliveConfig::default()),
            conn.set_keep_alive_config(KeepAliveConfig::off()),
            conn.set_read_buffer(65_536),
            conn.set_write_buffer(65_536),
            conn.set_congestion("reno"),
        ]
    };
    for outcome in set() {
        outcome.unwrap();
    }
    conn.write(b"still works").unwrap();
    assert_eq!(accepted.read(&mut [0; 16]).unwrap(), 11);
    conn.close().unwrap();
    for outcome in set() {
        let error = outcome.unwrap_err();
        assert!(error.is_closed(), "{error}");
        assert_eq!(error.op(), Op::Set);
    }
}

fn an_unknown_congestion_control_does_not_exist(world: &World) {
    let (conn, _accepted) = world.pair();
    let error = conn.set_congestion("no-such-algorithm").unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENOENT), "{error}");
}

fn whole_streams_come_from_readers_and_go_to_writers(world: &World) {
    let (conn, accepted) = world.pair();
    let octets: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    let receiver = thread::spawn(move || {
        let mut received = Vec::new();
        let len = accepted.write_to_writer(&mut received).unwrap();
        assert_eq!(len, received.len() as u64);
        received
    });
    let len = conn.read_from_reader(Cursor::new(&octets)).unwrap();
    assert_eq!(len, octets.len() as u64);
    assert_eq!(conn.read_from_reader(io::empty()).unwrap(), 0);
    conn.close_write().unwrap();
    assert!(receiver.join().unwrap() == octets);
}

fn errors_of_whole_streams_name_their_operation(world: &World) {
    let (conn, _accepted) = world.pair();
    let ends = format!("{}->{}", conn.local_addr(), conn.remote_addr());
    conn.set_deadline(Deadline::past()).unwrap();
    let error = conn.read_from_reader(&b"text"[..]).unwrap_err();
    let net = world.tcp.trim_end_matches(['4', '6']);
    assert_eq!(
        error.to_string(),
        format!("readfrom {net} {ends}: i/o timeout")
    );
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let error = conn.write_to_writer(io::sink()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("writeto {net} {ends}: i/o timeout")
    );

    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _octets: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the other side's own"))
        }
    }
    let error = conn.read_from_reader(Broken).unwrap_err();
    assert_eq!(error.to_string(), "the other side's own");
}

#[test]
fn events_tell_states_segments_and_their_reasons_in_order() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server
        .listen_tcp("tcp", Some(&"192.0.2.2:80".parse().unwrap()))
        .unwrap();
    let conn = client.dial_tcp("tcp", None, listener.addr()).unwrap();
    let accepted = listener.accept_tcp().unwrap();
    let events = conn.subscribe().unwrap();
    conn.write(b"hello").unwrap();
    accepted.set_deadline(PATIENCE).unwrap();
    accepted.read(&mut [0; 8]).unwrap();
    conn.close_write().unwrap();
    assert_eq!(accepted.read(&mut [0; 8]).unwrap(), 0);
    accepted.close().unwrap();
    conn.set_deadline(PATIENCE).unwrap();
    assert_eq!(conn.read(&mut [0; 8]).unwrap(), 0);
    let mut states = Vec::new();
    let mut reasons = Vec::new();
    let mut last = Duration::ZERO;
    while states.last() != Some(&State::TimeWait) {
        let event = events.next_until(Deadline::from(PATIENCE)).unwrap();
        assert!(event.at >= last, "they come in order");
        last = event.at;
        assert!(event.kind.clause().starts_with("RFC "));
        match event.kind {
            ConnEventKind::StateChanged { from, to, .. } => {
                assert_eq!(from, *states.last().unwrap_or(&State::Established));
                states.push(to);
            }
            ConnEventKind::SegmentSent { reason, .. } => reasons.push(reason),
            _ => {}
        }
    }
    assert_eq!(states, [State::FinWait1, State::FinWait2, State::TimeWait]);
    let text = reasons.iter().position(|it| *it == SendReason::NewText);
    let fin = reasons.iter().position(|it| *it == SendReason::Fin);
    assert!(text.unwrap() < fin.unwrap(), "{reasons:?}");
    assert_eq!(events.lost(), 0);
}

#[test]
fn events_of_one_connection_are_not_told_to_another() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen("tcp", ":80").unwrap();
    let dial = || {
        client
            .dial_tcp("tcp", None, &"192.0.2.2:80".parse().unwrap())
            .unwrap()
    };
    let (watched, other) = (dial(), dial());
    let events = watched.subscribe().unwrap();
    for _ in 0..2 {
        thread::spawn({
            let accepted = listener.accept().unwrap();
            move || io::copy(&mut &accepted, &mut io::sink())
        });
    }
    for _ in 0..100 {
        other.write(b"noise").unwrap();
    }
    watched.write(b"signal").unwrap();
    let mut octets = 0;
    while octets < 6 {
        let event = events.next_until(Deadline::from(PATIENCE)).unwrap();
        if let ConnEventKind::SegmentSent { seg_len, .. } = event.kind {
            octets += seg_len;
        }
    }
    assert_eq!(octets, 6);
    // What its acknowledgment brought may follow, but no text of the other.
    let more = std::iter::from_fn(|| events.try_next())
        .any(|event| matches!(event.kind, ConnEventKind::SegmentSent { seg_len: 1.., .. }));
    assert!(!more);
}

#[test]
fn who_reads_too_slowly_loses_the_oldest_and_is_told_how_many() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen("tcp", ":80").unwrap();
    let conn = client
        .dial_tcp("tcp", None, &"192.0.2.2:80".parse().unwrap())
        .unwrap();
    let accepted = listener.accept().unwrap();
    thread::spawn(move || io::copy(&mut &accepted, &mut io::sink()));
    let few = conn.subscribe_to_newest(4).unwrap();
    let all = conn.subscribe().unwrap();
    for _ in 0..50 {
        conn.write(b"x").unwrap();
        // Each has to leave before the next one, or they would leave together.
        eventually("it is acknowledged", || {
            let info = conn.info().unwrap();
            info.unsent_octets == 0 && info.in_flight_octets == 0
        });
    }
    assert_eq!(std::iter::from_fn(|| few.try_next()).count(), 4);
    let kept = std::iter::from_fn(|| all.try_next()).count() as u64;
    assert!(kept >= 50);
    assert_eq!(few.lost(), kept - 4);
    assert_eq!(all.lost(), 0);
}

#[test]
fn events_end_with_the_connection_and_with_the_network() {
    let (client, server) = Net::memory_pair().unwrap();
    let listener = server.listen("tcp", ":80").unwrap();
    let dial = || {
        client
            .dial_tcp("tcp", None, &"192.0.2.2:80".parse().unwrap())
            .unwrap()
    };
    let (first, second) = (dial(), dial());
    let (of_first, of_second) = (first.subscribe().unwrap(), second.subscribe().unwrap());
    first.set_linger(Some(Duration::ZERO)).unwrap();
    first.close().unwrap();
    let last = of_first.last().unwrap();
    assert!(
        matches!(
            last.kind,
            ConnEventKind::StateChanged {
                to: State::Closed,
                ..
            } | ConnEventKind::SegmentSent { seg_len: 0, .. }
        ),
        "{last:?}"
    );
    let waiting = thread::spawn(move || of_second.count());
    client.close();
    waiting.join().unwrap();
    assert!(second.subscribe().is_err());
    drop(listener);
}

#[test]
fn too_many_onlookers_are_refused_and_those_who_left_make_room() {
    let world = World::memory_v4();
    let (conn, accepted) = world.pair();
    let mut onlookers: Vec<_> = (0..16).map(|_| conn.subscribe().unwrap()).collect();
    let error = conn.subscribe().unwrap_err();
    assert_eq!(error.errno(), Some(Errno::ENOBUFS), "{error}");
    onlookers.clear();
    // They are noticed with the next event.
    conn.write(b"x").unwrap();
    accepted.read(&mut [0; 1]).unwrap();
    eventually("there is room", || conn.subscribe().is_ok());
}
