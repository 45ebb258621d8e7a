//! TIME-WAIT after its connection became a compact record.

use super::world::{A, B, World, forged};
use crate::base::Duration;
use crate::call::{ConnectionId, ConnectionOptions, Release, Status};
use crate::config::Config;
use crate::event::Event;
use crate::observe::State;
use crate::tcp::{Record, TcpCounts};
use crate::wire::tcp::{TcpFlags, TcpHeader};
use crate::wire::tcp_options::{TcpOptions, Timestamps};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A closed first and waits; B is gone. A's name, and what STATUS said before it was a record.
fn waiting(world: &mut World) -> (ConnectionId, Status) {
    let (a, b) = world.connect();
    for (end, id) in [(A, a), (B, b)] {
        let it = &mut world.ends[end];
        it.tcp
            .release(&mut it.around.at(world.now), id, Release::Close)
            .unwrap();
        world.run_for(MS(100));
    }
    let status = world.status(A, a);
    assert_eq!(status.state, State::TimeWait);
    assert!(matches!(
        world.ends[A].tcp.records.get(a.0),
        Some(Record::TimeWait(_))
    ));
    world.trace.clear();
    (a, status)
}

/// A segment of B's for A, with the next number and timestamps that are no news.
fn from_peer(status: &Status, flags: TcpFlags) -> TcpHeader {
    TcpHeader {
        seq: super::world::seq(status.rcv_nxt),
        ack: super::world::seq(status.snd_nxt),
        flags,
        options: TcpOptions {
            timestamps: status.ts_recent.map(|value| Timestamps {
                value,
                echo_reply: 0,
            }),
            ..TcpOptions::default()
        },
        window: 1_000,
        ..TcpHeader::default()
    }
}

fn deliver(world: &mut World, status: &Status, header: TcpHeader) -> usize {
    world.trace.clear();
    world.deliver(A, forged(status.remote, status.local, header, b""));
    world.pull();
    world.trace.len()
}

#[test]
fn rfc9293_3_6_1_the_record_counts_tells_and_ends_as_the_connection_would() {
    let mut world = World::new(1);
    let (a, status) = waiting(&mut world);
    let counts = world.ends[A].tcp.counts();
    assert_eq!(
        (counts.connections, counts.time_wait, counts.timers),
        (1, 1, 1)
    );
    assert!(status.timers.time_wait.is_some());
    let it = &world.ends[A].tcp;
    assert_eq!(it.connection_between(status.local, status.remote), Some(a));
    world.run_for(Duration::from_secs(61));
    assert_eq!(world.ends[A].tcp.counts(), TcpCounts::default());
    assert!(world.ends[A].events.contains(&Event::Released(a)));
}

#[test]
fn rfc1337_3_a_reset_does_not_end_the_record() {
    let mut world = World::new(1);
    let (a, status) = waiting(&mut world);
    assert_eq!(
        deliver(&mut world, &status, from_peer(&status, TcpFlags::RST)),
        0
    );
    assert_eq!(world.state(A, a), State::TimeWait);
}

#[test]
fn rfc9293_3_10_7_4_a_repeated_fin_is_acknowledged_and_the_two_msl_begin_anew() {
    let mut world = World::new(1);
    let (a, status) = waiting(&mut world);
    world.run_for(Duration::from_secs(30));
    let mut header = from_peer(&status, TcpFlags::FIN.with(TcpFlags::ACK));
    header.seq = super::world::seq(status.rcv_nxt - 1);
    assert_eq!(deliver(&mut world, &status, header), 1);
    let (_, _, ack, _) = &world.trace[0];
    assert_eq!(
        (ack.seq.raw(), ack.ack.raw()),
        (status.snd_nxt, status.rcv_nxt)
    );
    assert_eq!(ack.options.timestamps.is_some(), status.timestamps);
    let ends_at = world.status(A, a).timers.time_wait.unwrap();
    assert_eq!(ends_at, world.now + Duration::from_secs(60));
    // It is a record again.
    assert!(matches!(
        world.ends[A].tcp.records.get(a.0),
        Some(Record::TimeWait(_))
    ));
}

#[test]
fn rfc7323_5_3_old_timestamps_are_answered_and_do_not_count() {
    let mut world = World::new(1);
    let (_, status) = waiting(&mut world);
    let mut header = from_peer(&status, TcpFlags::ACK);
    header.options.timestamps = Some(Timestamps {
        value: status.ts_recent.unwrap().wrapping_sub(1),
        echo_reply: 0,
    });
    assert_eq!(deliver(&mut world, &status, header.clone()), 1);
    // And not for ever (BAD-46).
    let answers: usize = (0..50)
        .map(|_| deliver(&mut world, &status, header.clone()))
        .sum();
    assert!(answers < 10, "{answers}");
}

#[test]
fn rfc6191_2_a_newer_syn_takes_the_place_of_the_record_and_an_older_one_does_not() {
    for (newer, reopens) in [(1_u32, true), (0_u32.wrapping_sub(1), false)] {
        let mut world = World::new(1);
        let (_, status) = waiting(&mut world);
        let it = &mut world.ends[A];
        let call = crate::call::Listen {
            local: crate::call::Local {
                port: status.local.port(),
                ..crate::call::Local::default()
            },
            ..crate::call::Listen::default()
        };
        it.tcp.listen(&mut it.around.at(world.now), &call).unwrap();
        let mut header = from_peer(&status, TcpFlags::SYN);
        header.seq = super::world::seq(status.rcv_nxt.wrapping_sub(1_000));
        header.options.timestamps = Some(Timestamps {
            value: status.ts_recent.unwrap().wrapping_add(newer),
            echo_reply: 0,
        });
        deliver(&mut world, &status, header);
        assert_eq!(world.ends[A].tcp.counts().half_open, usize::from(reopens));
        assert_eq!(world.ends[A].tcp.counts().time_wait, usize::from(!reopens));
    }
}

#[test]
fn records_leave_no_trace_whatever_the_order_in_which_they_end() {
    let config = Config {
        time_wait_ms: 10_000,
        ..Config::default()
    };
    let mut world = World::with(2, config.clone(), config);
    let listener = world.listen(B);
    for at in 0..300_u64 {
        let a = world.dial(A, ConnectionOptions::default());
        world.run_for(MS(20));
        let b = world.accept(B, listener).unwrap().connection;
        // Either end closes first.
        let (first, second) = if at % 2 == 0 {
            ((A, a), (B, b))
        } else {
            ((B, b), (A, a))
        };
        for (end, id) in [first, second] {
            let it = &mut world.ends[end];
            it.tcp
                .release(&mut it.around.at(world.now), id, Release::Close)
                .unwrap();
            world.run_for(MS(15));
        }
    }
    assert!(world.ends[A].tcp.counts().time_wait > 50);
    // A change of the path concerns none of them, and is survived by all.
    let destination = world.ends[B].address;
    let it = &mut world.ends[A];
    it.tcp
        .path_mtu_changed(&mut it.around.at(world.now), destination, 1_300);
    world.run_for(Duration::from_secs(11));
    for end in [A, B] {
        let counts = world.ends[end].tcp.counts();
        let listeners = usize::from(end == B);
        assert_eq!(
            counts,
            TcpCounts {
                listeners,
                ..TcpCounts::default()
            }
        );
    }
}
