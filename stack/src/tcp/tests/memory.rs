//! The memory contract of design §6: what is held stays below the cap, and those who behave get on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::vec;
use std::vec::Vec;

use bytes::Bytes;

use super::world::{A, B, World, forged, pattern, seq};
use crate::base::Duration;
use crate::call::{ConnectionId, ConnectionOptions};
use crate::config::Config;
use crate::discard::Discard;
use crate::observe::State;
use crate::wire::tcp::{TcpFlags, TcpHeader};

const CAP: u64 = 4 << 20;

fn small() -> Config {
    Config {
        memory_octets_max: CAP,
        ..Config::default()
    }
}

fn held(world: &World, end: usize) -> u64 {
    world.ends[end].tcp.counts().queued_octets as u64
}

/// A thousand connections, open on both ends.
fn crowd(world: &mut World, how_many: usize) -> Vec<(ConnectionId, ConnectionId)> {
    let listener = world.listen(B);
    let mut names = Vec::new();
    for _ in 0..how_many {
        let a = world.dial(A, ConnectionOptions::default());
        let mut b = None;
        while b.is_none() {
            assert!(world.step());
            b = world.accept(B, listener);
        }
        world.trace.clear();
        names.push((a, b.unwrap().connection));
    }
    names
}

#[test]
fn bad_49_writers_whose_peers_do_not_read_stay_below_the_cap() {
    let mut world = World::with(1, small(), Config::default());
    let names = crowd(&mut world, 1_000);
    let text = Bytes::from(vec![1; 1 << 20]);
    for _ in 0..3 {
        for (a, _) in &names {
            let it = &mut world.ends[A];
            let now = world.now;
            it.tcp
                .send(&mut it.around.at(now), *a, text.clone())
                .unwrap();
            assert!(held(&world, A) <= CAP);
        }
        world.run_for(Duration::from_millis(50));
        world.trace.clear();
        assert!(held(&world, A) <= CAP);
    }
    // All of them get on, though slowly: once there is memory again, each is told so.
    let mut got = 0;
    for _ in 0..40 {
        for (a, b) in &names {
            got += world.receive(B, *b, usize::MAX).0.len();
            world.send(A, *a, b"more");
        }
        world.run_for(Duration::from_millis(100));
        world.trace.clear();
        assert!(held(&world, A) <= CAP);
    }
    assert!(got > 4 << 20, "{got}");
    assert!(
        names
            .iter()
            .all(|(a, _)| world.status(A, *a).state == State::Established)
    );
}

#[test]
fn bad_49_readers_that_do_not_read_stay_below_the_cap_and_no_edge_moves_back() {
    let mut world = World::with(1, Config::default(), small());
    let names = crowd(&mut world, 100);
    for (a, _) in &names {
        world.send(A, *a, &pattern(200_000));
    }
    for _ in 0..200 {
        world.run_for(Duration::from_millis(10));
        assert!(held(&world, B) <= CAP, "{}", held(&world, B));
    }
    assert!(held(&world, B) > CAP / 2);
    let mut edges = std::collections::BTreeMap::new();
    for (_, from, header, _) in &world.trace {
        if *from == B && !header.flags.contains(TcpFlags::SYN) {
            let edge = header.ack + (u32::from(header.window) << 9);
            let last = edges.insert(header.destination_port, edge);
            assert!(last.is_none_or(|it| it == edge || it.is_before(edge)));
        }
    }
    world.trace.clear();
    // Now they read: everything arrives, and nobody waits for a probe of a minute.
    let began = world.now;
    let mut got = 0;
    while got < names.len() * 200_000 {
        for (_, b) in &names {
            got += world.receive(B, *b, usize::MAX).0.len();
        }
        world.run_for(Duration::from_millis(20));
        world.trace.clear();
        assert!(held(&world, B) <= CAP);
        assert!(world.now.since(began) < Duration::from_secs(60), "{got}");
    }
}

#[test]
fn text_out_of_order_is_shed_when_memory_is_short_and_comes_again() {
    let mut world = World::with(1, Config::default(), small());
    let names = crowd(&mut world, 40);
    // Each of twenty holds 100,000 octets behind a hole.
    let mut hoarded = 0;
    for (a, b) in &names[..20] {
        let (ours, theirs) = (world.status(A, *a), world.status(B, *b));
        for at in 0..70 {
            let header = TcpHeader {
                seq: seq(ours.snd_nxt) + 1 + at * 1_400,
                ack: seq(theirs.snd_nxt),
                flags: TcpFlags::ACK,
                window: 1_000,
                options: crate::wire::tcp_options::TcpOptions {
                    timestamps: world.ends[B].tcp.timestamps_to_repeat(*b),
                    ..Default::default()
                },
                ..TcpHeader::default()
            };
            let segment = forged(ours.local, ours.remote, header, &pattern(1_400));
            world.deliver(B, segment);
        }
        hoarded += world.status(B, *b).out_of_order_octets;
    }
    assert!(hoarded > 1 << 20);
    world.cut_wire();
    // The others fill the rest in order.
    for (a, _) in &names[20..] {
        world.send(A, *a, &pattern(200_000));
    }
    for _ in 0..100 {
        world.run_for(Duration::from_millis(10));
        assert!(held(&world, B) <= CAP);
    }
    let kept: usize = names[..20]
        .iter()
        .map(|(_, b)| world.status(B, *b).out_of_order_octets)
        .sum();
    assert_eq!(kept, 0);
    let counters = &world.ends[B].around.discards;
    assert!(
        counters.get(Discard::TcpMemoryFull) + counters.get(Discard::TcpReassemblyFull) < 10_000
    );
}

#[test]
fn connections_that_come_and_go_leave_no_names_behind() {
    let mut world = World::new(1);
    let listener = world.listen(B);
    for _ in 0..400 {
        let a = world.dial(A, ConnectionOptions::default());
        let mut b = None;
        while b.is_none() {
            assert!(world.step());
            b = world.accept(B, listener);
        }
        let b = b.unwrap().connection;
        let (ours, theirs) = (world.status(A, a), world.status(B, b));
        let header = TcpHeader {
            seq: seq(ours.snd_nxt) + 5,
            ack: seq(theirs.snd_nxt),
            flags: TcpFlags::ACK,
            window: 1_000,
            options: crate::wire::tcp_options::TcpOptions {
                timestamps: world.ends[B].tcp.timestamps_to_repeat(b),
                ..Default::default()
            },
            ..TcpHeader::default()
        };
        world.deliver(B, forged(ours.local, ours.remote, header, b"beyond"));
        assert!(world.status(B, b).out_of_order_octets > 0);
        for (end, id) in [(A, a), (B, b)] {
            let it = &mut world.ends[end];
            it.tcp
                .release(
                    &mut it.around.at(world.now),
                    id,
                    crate::call::Release::Abort,
                )
                .unwrap();
        }
        world.run_for(Duration::from_millis(20));
        world.trace.clear();
    }
    assert!(world.ends[B].tcp.sheddable.len() < 100);
}

/// The octets of a frame, counted while anybody holds a part of them.
struct Frame {
    octets: Vec<u8>,
    live: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        &self.octets
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.live.fetch_sub(self.octets.len(), Ordering::Relaxed);
    }
}

/// A segment from A to B whose frame is counted in `live`.
fn counted_segment(
    world: &mut World,
    (a, b): (ConnectionId, ConnectionId),
    at: u32,
    octets: usize,
    live: &Arc<AtomicUsize>,
) -> crate::wire::packet::Datagram {
    let (ours, theirs) = (world.status(A, a), world.status(B, b));
    let header = TcpHeader {
        seq: seq(ours.snd_nxt) + at,
        ack: seq(theirs.snd_nxt),
        flags: TcpFlags::ACK,
        window: 1_000,
        options: crate::wire::tcp_options::TcpOptions {
            timestamps: world.ends[B].tcp.timestamps_to_repeat(b),
            ..Default::default()
        },
        ..TcpHeader::default()
    };
    let mut segment = forged(ours.local, ours.remote, header, &pattern(octets));
    let octets = segment.payload.to_vec();
    live.fetch_add(octets.len(), Ordering::Relaxed);
    let live = Arc::clone(live);
    segment.payload = Bytes::from_owner(Frame { octets, live });
    segment.packet = segment.payload.clone();
    segment
}

#[test]
fn bad_49_text_that_was_trimmed_pins_no_frame() {
    let mut world = World::with(1, Config::default(), small());
    let names = crowd(&mut world, 20);
    let live = Arc::new(AtomicUsize::new(0));
    // Behind a hole, each segment repeats the one before and has one new octet at its end.
    for at in 0..300 {
        for name in &names {
            let segment = counted_segment(&mut world, *name, 1, 1_100 + at, &live);
            world.deliver(B, segment);
        }
        world.trace.clear();
    }
    let frames = live.load(Ordering::Relaxed) as u64;
    let charged = held(&world, B);
    assert!(charged >= 20 * 1_399, "all of it is kept: {charged}");
    assert!(
        frames <= charged * 4 / 3 + 1_500 * 20,
        "{charged} octets are charged for {frames} in frames"
    );
    // The same in order, where what was read already is cut off in front.
    world.cut_wire();
    for at in 0..300 {
        for name in &names {
            let segment = counted_segment(&mut world, *name, 0, 1_401 + at, &live);
            world.deliver(B, segment);
        }
        world.trace.clear();
    }
    for (_, b) in &names {
        assert_eq!(world.status(B, *b).unread_octets, 1_700);
    }
    let (frames, charged) = (live.load(Ordering::Relaxed) as u64, held(&world, B));
    assert!(
        frames <= charged * 4 / 3 + 1_500 * 20,
        "{charged} octets are charged for {frames} in frames"
    );
    // Whoever reads gives everything back.
    for (_, b) in &names {
        assert_eq!(world.receive(B, *b, usize::MAX).0.len(), 1_700);
    }
    assert_eq!((live.load(Ordering::Relaxed), held(&world, B)), (0, 0));
}
