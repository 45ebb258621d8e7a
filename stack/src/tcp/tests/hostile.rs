//! Segments that nobody sane sends, in every state (BAD-40 to BAD-66).

use std::net::SocketAddr;

use super::world::{A, B, World, forged, pattern, seq};
use crate::base::{Duration, Random};
use crate::call::{ConnectionId, ConnectionOptions, Release, Shutdown};
use crate::observe::State;
use crate::wire::tcp::{TcpFlags, TcpHeader};
use crate::wire::tcp_options::{SackBlock, TcpOptions, Timestamps};

/// Brings a connection of A into `state`; the peer is silent from then on.
fn reach(state: State, seed: u8) -> Option<(World, ConnectionId)> {
    let mut world = World::new(seed);
    let shut = |world: &mut World, end: usize, id| {
        let it = &mut world.ends[end];
        it.tcp
            .shutdown(&mut it.around.at(world.now), id, Shutdown::Write)
            .unwrap();
    };
    let ms = Duration::from_millis;
    let id = match state {
        State::SynSent => {
            let id = world.dial(A, ConnectionOptions::default());
            world.pull();
            id
        }
        State::Closed | State::Listen | State::SynReceived => return None,
        _ => {
            let (a, b) = world.connect();
            world.run_for(ms(100));
            world.send(A, a, &pattern(50_000));
            world.run_for(ms(100));
            world.receive(B, b, usize::MAX);
            world.run_for(ms(300));
            match state {
                State::Established => {
                    world.send(A, a, &pattern(5_000));
                    world.pull();
                }
                State::FinWait1 => {
                    shut(&mut world, A, a);
                    world.pull();
                }
                State::FinWait2 => {
                    shut(&mut world, A, a);
                    world.run_for(ms(100));
                }
                State::CloseWait => {
                    shut(&mut world, B, b);
                    world.run_for(ms(100));
                }
                State::Closing => {
                    shut(&mut world, A, a);
                    shut(&mut world, B, b);
                    world.run_for(ms(7));
                }
                State::LastAck => {
                    shut(&mut world, B, b);
                    world.run_for(ms(100));
                    shut(&mut world, A, a);
                    world.pull();
                }
                _ => {
                    shut(&mut world, A, a);
                    world.run_for(ms(100));
                    shut(&mut world, B, b);
                    world.run_for(ms(100));
                }
            }
            a
        }
    };
    world.cut_wire();
    world.trace.clear();
    assert_eq!(world.state(A, id), state);
    Some((world, id))
}

const STATES: [State; 8] = [
    State::SynSent,
    State::Established,
    State::FinWait1,
    State::FinWait2,
    State::CloseWait,
    State::Closing,
    State::LastAck,
    State::TimeWait,
];

fn random_header(random: &mut Random, rcv_nxt: u32, snd: (u32, u32)) -> TcpHeader {
    let near = |random: &mut Random, centre: u32| {
        let spread = [0, 1, 2, 10, 3_000, 600_000, u32::MAX][random.below(7) as usize];
        let step = if spread == 0 { 0 } else { random.below(spread) };
        if random.below(2) == 0 {
            centre.wrapping_add(step)
        } else {
            centre.wrapping_sub(step)
        }
    };
    let at = near(random, rcv_nxt);
    let ack_centre = if random.below(2) == 0 { snd.0 } else { snd.1 };
    let mut options = TcpOptions::default();
    if random.below(4) > 0 {
        options.timestamps = Some(Timestamps {
            value: near(random, 5_000),
            echo_reply: random.bits_32(),
        });
    }
    if random.below(4) == 0 {
        for _ in 0..random.below(5) {
            options.sack.push(SackBlock {
                left: seq(near(random, snd.0)),
                right: seq(near(random, snd.1)),
            });
        }
        if options.timestamps.is_some() && options.sack.as_slice().len() > 3 {
            options.timestamps = None;
        }
    }
    TcpHeader {
        seq: seq(at),
        ack: seq(near(random, ack_centre)),
        flags: TcpFlags(random.bits_16() as u8),
        window: random.bits_16(),
        urgent_pointer: [0, 1, 7, u16::MAX][random.below(4) as usize],
        options,
        ..TcpHeader::default()
    }
}

#[test]
fn bad_43_any_flags_in_any_state_break_nothing() {
    for (index, state) in STATES.into_iter().enumerate() {
        let mut random = Random::new([index as u8; 32]);
        for round in 0..400 {
            let Some((mut world, id)) = reach(state, round as u8) else {
                continue;
            };
            for _ in 0..25 {
                let before = world.status(A, id);
                let header = random_header(
                    &mut random,
                    before.rcv_nxt,
                    (before.snd_una, before.snd_nxt),
                );
                let text = pattern(random.below(40) as usize * random.below(60) as usize);
                let segment = forged(before.remote, before.local, header, &text);
                let replies = world.trace.len();
                world.deliver(A, segment);
                world.pull();
                let after = world.status(A, id);
                if after.state == State::Closed {
                    break;
                }
                let advanced = |from: u32, to: u32| to.wrapping_sub(from) < 1 << 31;
                if before.state != State::SynSent {
                    assert!(advanced(before.rcv_nxt, after.rcv_nxt));
                    let edge = |it: &crate::call::Status| it.rcv_nxt.wrapping_add(it.rcv_wnd);
                    assert!(advanced(edge(&before), edge(&after)));
                }
                assert!(advanced(before.snd_una, after.snd_una));
                assert!(advanced(after.snd_una, after.snd_nxt));
                assert!(world.trace.len() - replies < 100);
                if random.below(3) == 0 {
                    world.run_for(Duration::from_millis(u64::from(random.below(2_000))));
                }
                world.cut_wire();
            }
            let it = &mut world.ends[A];
            it.tcp
                .release(&mut it.around.at(world.now), id, Release::Close)
                .unwrap();
            world.cut_wire();
            // Nobody answers: everything ends by itself (BAD-62).
            world.ends[B].tcp = World::new(0).ends[B].tcp.clone();
            world.delay = Duration::from_secs(1_000_000);
            world.run_for(Duration::from_secs(4_000));
            assert_eq!(world.ends[A].tcp.counts(), Default::default(), "{state:?}");
        }
    }
}

#[test]
fn bad_44_blind_guesses_neither_reset_nor_inject() {
    let (mut world, id) = reach(State::Established, 1).unwrap();
    let status = world.status(A, id);
    let mut random = Random::new([77; 32]);
    for round in 0..10_000 {
        let flags = [
            TcpFlags::RST,
            TcpFlags::SYN,
            TcpFlags::ACK.with(TcpFlags::PSH),
        ][round % 3];
        let mut header = TcpHeader {
            seq: seq(random.bits_32()),
            ack: seq(random.bits_32()),
            flags,
            ..TcpHeader::default()
        };
        if header.seq.raw() == status.rcv_nxt {
            header.seq += 1;
        }
        let segment = forged(status.remote, status.local, header, &[b'x'; 10]);
        world.deliver(A, segment);
    }
    world.pull();
    let after = world.status(A, id);
    assert_eq!(after.state, State::Established);
    assert_eq!(after.rcv_nxt, status.rcv_nxt);
    assert_eq!(after.unread_octets, 0);
}

#[test]
fn bad_62_orphans_whose_peer_vanished_end_by_their_timers() {
    for state in STATES {
        let (mut world, id) = reach(state, 3).unwrap();
        let it = &mut world.ends[A];
        it.tcp
            .release(&mut it.around.at(world.now), id, Release::Close)
            .unwrap();
        world.ends[B].tcp = World::new(0).ends[B].tcp.clone();
        world.delay = Duration::from_secs(1_000_000);
        world.run_for(Duration::from_secs(1_000));
        assert_eq!(world.ends[A].tcp.counts(), Default::default(), "{state:?}");
    }
}

#[test]
fn bad_47_a_flood_of_syns_keeps_memory_flat_and_the_door_open() {
    let mut world = World::new(1);
    let listener = world.listen(B);
    let to = SocketAddr::new(world.ends[B].address, super::world::PORT);
    for source in 0..100_000_u32 {
        let from = SocketAddr::from((
            [198, 51, (source >> 8) as u8, source as u8],
            1 + (source % 60_000) as u16,
        ));
        let header = TcpHeader {
            seq: seq(source),
            flags: TcpFlags::SYN,
            ..TcpHeader::default()
        };
        world.deliver(B, forged(from, to, header, b""));
        while world.ends[B]
            .tcp
            .next_segment(&mut world.ends[B].around.at(world.now))
            .is_some()
        {}
    }
    let counts = world.ends[B].tcp.counts();
    assert_eq!(counts.half_open, 4_096);
    assert_eq!(counts.timers, 4_096);
    // One more, who means it.
    let id = world.dial(A, ConnectionOptions::default());
    world.delay = Duration::from_micros(10);
    world.run_for(Duration::from_millis(100));
    assert_eq!(world.state(A, id), State::Established);
    assert!(world.accept(B, listener).is_some());
    world.run_for(Duration::from_secs(100));
    assert_eq!(world.ends[B].tcp.counts().half_open, 0);
}

#[test]
fn bad_50_a_window_that_shrinks_and_opens_at_random_loses_no_octet() {
    // The peer is ours, but its window field is forged on every second ACK.
    for seed in 0..20 {
        let mut world = World::new(seed);
        let (a, b) = world.connect();
        world.run_for(Duration::from_millis(100));
        let text = pattern(60_000);
        let mut sent = 0;
        let mut got = std::vec::Vec::new();
        let mut random = Random::new([seed; 32]);
        for _ in 0..100_000 {
            if got.len() == text.len() {
                break;
            }
            if sent < text.len() {
                sent += world.send(A, a, &text[sent..]);
            }
            if !world.step() {
                break;
            }
            got.extend_from_slice(&world.receive(B, b, usize::MAX).0);
            if random.below(2) == 0 {
                let mine = world.status(A, a);
                let header = TcpHeader {
                    seq: seq(mine.rcv_nxt),
                    ack: seq(mine.snd_una),
                    flags: TcpFlags::ACK,
                    window: random.below(200) as u16 * random.below(2) as u16,
                    options: TcpOptions {
                        timestamps: world.ends[A].tcp.timestamps_to_repeat(a),
                        ..TcpOptions::default()
                    },
                    ..TcpHeader::default()
                };
                let forged = forged(mine.remote, mine.local, header, b"");
                world.deliver(A, forged);
            }
        }
        assert!(got == text, "seed {seed}: {} octets", got.len());
    }
}
