//! RFC 2018: selective acknowledgment, both directions, and what a liar can do with it.

use sidestep_stack::base::Duration;
use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::observe::State;
use sidestep_tests::craft::{Segment, option, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Flow, Peer, Scene};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The peer sends 100 octets of its stream at `offset`; the ACK that it draws.
fn send_at(scene: &mut Scene, flow: &Flow, offset: u32) -> Segment {
    scene.segments();
    let text = pattern(offset as usize, 100);
    scene.send(&flow.at(i64::from(offset)).text(text));
    scene.expect(see("A"))
}

fn block(flow: &Flow, from: u32, to: u32) -> (u32, u32) {
    (flow.nxt.wrapping_add(from), flow.nxt.wrapping_add(to))
}

#[test]
fn rfc2018_01_sack_is_used_only_if_the_peer_permits_it() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        scene.listener();
        scene.send(&scene.syn(&Peer::default()));
        scene.expect(see("SA").sack_permitted(false));

        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        assert_eq!(send_at(&mut scene, &flow, 100).sack_blocks(), []);

        let mut scene = Scene::new(family);
        scene.listener();
        scene.send(&scene.syn(&Peer::sack()));
        scene.expect(see("SA").sack_permitted(true));

        // Offered when dialling, and not used unless the answer has it.
        let mut scene = Scene::new(family);
        let (connection, syn) = scene.begin_dial(&Peer::default(), ConnectionOptions::default());
        assert!(syn.sack_permitted());
        let mut flow = scene.flow_from(&Peer::default(), &syn, syn.source_port);
        flow.connection = connection;
        scene.send(&scene.syn_ack(&Peer::default(), &flow));
        assert_eq!(send_at(&mut scene, &flow, 100).sack_blocks(), []);
    }
}

#[test]
fn rfc2018_02_the_first_block_holds_what_just_arrived() {
    for family in BOTH {
        for iss in [1_000, u32::MAX - 400] {
            let mut scene = Scene::new(family);
            let flow = scene.accept(Peer {
                iss,
                ..Peer::sack()
            });
            for offset in [300, 500, 700, 100] {
                let ack = send_at(&mut scene, &flow, offset);
                assert_eq!(ack.ack, flow.nxt);
                let first = ack.sack_blocks()[0];
                assert_eq!(first, block(&flow, offset, offset + 100));
            }
            // Joined with its neighbours, the block is the whole of them.
            let ack = send_at(&mut scene, &flow, 400);
            assert_eq!(ack.sack_blocks()[0], block(&flow, 300, 600));
        }
    }
}

#[test]
fn rfc2018_03_as_many_blocks_as_fit_the_recent_ones_first() {
    for (peer, most) in [(Peer::sack(), 4), (Peer::modern(), 3)] {
        let mut scene = Scene::new(BOTH[0]);
        let flow = scene.accept(peer);
        let mut arrived = Vec::new();
        for hole in 1..=6 {
            let offset = hole * 200;
            let ack = send_at(&mut scene, &flow, offset);
            arrived.insert(0, block(&flow, offset, offset + 100));
            let expected: Vec<_> = arrived.iter().copied().take(most).collect();
            assert_eq!(ack.sack_blocks(), expected);
        }
    }
}

/// A connection with ten segments in flight, none of them acknowledged.
fn with_flight(peer: Peer) -> (Scene, Flow, Vec<Segment>) {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.dial(peer);
    scene.host.send(flow.connection, &pattern(0, 100_000));
    let before = flow.rcv;
    let flight = scene.take_flight(&mut flow);
    assert_eq!(flight.len(), 10);
    flow.rcv = before;
    (scene, flow, flight)
}

/// An ACK of nothing new, with these blocks.
fn sack(flow: &Flow, blocks: &[(u32, u32)]) -> Segment {
    let mut options = vec![1, 1];
    options.extend(option::sack(blocks));
    flow.seg().options(&options)
}

fn end_of(segment: &Segment) -> u32 {
    segment.seq.wrapping_add(segment.len())
}

#[test]
fn rfc2018_04_after_a_timeout_the_marks_are_forgotten() {
    let (mut scene, mut flow, flight) = with_flight(Peer::sack());
    // All but the first were selectively acknowledged; two duplicates are too few for a fast
    // retransmission by count, and this stack may still resend the first.
    let all = (flight[1].seq, end_of(&flight[9]));
    scene.send(&sack(&flow, &[all]));
    scene.host.advance(millis(1));
    scene.segments();
    // The peer has lost it all. After the timeout everything is sent again, from SND.UNA on.
    let mut missing = flow.rcv;
    let end = end_of(&flight[9]);
    for _ in 0..100 {
        if missing == end {
            break;
        }
        scene.host.advance(secs(3));
        for segment in scene.segments() {
            if segment.seq == missing {
                missing = end_of(&segment);
            }
        }
        flow.rcv = missing;
        scene.send(&flow.seg());
    }
    assert!(
        missing.wrapping_sub(end) < 1 << 31,
        "the peer starves at {missing}"
    );
}

#[test]
fn rfc2018_05_sacked_text_is_kept_until_it_is_acknowledged() {
    // As before, and the peer takes back what it had: the stream must still become whole.
    let (mut scene, mut flow, flight) = with_flight(Peer::sack());
    for segment in &flight[1..] {
        scene.send(&sack(&flow, &[(segment.seq, end_of(segment))]));
    }
    scene.segments();
    let mut got: Vec<u8> = Vec::new();
    for _ in 0..400 {
        scene.host.advance(millis(500));
        for segment in scene.segments() {
            let skip = flow.rcv.wrapping_sub(segment.seq) as usize;
            if skip < segment.text.len() {
                got.extend(&segment.text[skip..]);
                flow.rcv = end_of(&segment);
            }
        }
        scene.send(&flow.seg());
    }
    assert!(got == pattern(0, 100_000), "{} octets", got.len());
}

#[test]
fn rfc2018_06_malformed_blocks_are_ignored() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(Peer::sack());
        scene.host.send(flow.connection, &pattern(0, 7_000));
        let before = flow.rcv;
        let flight = scene.take_flight(&mut flow);
        let end = flow.rcv;
        flow.rcv = before;
        let (una, second) = (flow.rcv, flight[1].seq);
        let bad: [(u32, u32); 7] = [
            (second, second),
            (end, second),
            (end.wrapping_add(1), end.wrapping_add(1_000)),
            (second, end.wrapping_add(1)),
            (una.wrapping_sub(3_000), una.wrapping_sub(2_000)),
            (una.wrapping_sub(10), end),
            (0, u32::MAX),
        ];
        for block in bad {
            scene.send(&sack(&flow, &[block]));
            scene.send(&sack(&flow, &[block, block, block, block]));
        }
        // Odd lengths: half a block, and a block and a half.
        for length in [2, 3, 6, 9, 14] {
            let mut options = vec![5, length];
            options.resize(usize::from(length), 0xff);
            scene.send(&flow.seg().options(&options));
        }
        scene.assert_state(&flow, State::Established);
        // The transfer goes on as if nothing had been said.
        scene.segments();
        flow.rcv = end;
        scene.send(&flow.seg());
        let status = scene.host.status(flow.connection);
        assert_eq!(status.snd_una, end);
    }
}

#[test]
fn rfc2883_01_a_duplicate_is_reported_in_the_first_block() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::sack());
        scene.data(&mut flow, &pattern(0, 300));
        scene.host.advance(secs(1));
        scene.segments();
        let again = |scene: &mut Scene, offset: i64, octets: usize| {
            scene.segments();
            scene.send(&flow.at(offset).text(pattern(0, octets)));
            scene.expect(see("A").ack(flow.nxt)).sack_blocks()
        };
        let block = |from: i64, to: i64| {
            (
                flow.nxt.wrapping_add(from as u32),
                flow.nxt.wrapping_add(to as u32),
            )
        };
        // Below the cumulative ACK.
        assert_eq!(again(&mut scene, -300, 100)[0], block(-300, -200));
        assert_eq!(again(&mut scene, -100, 100)[0], block(-100, 0));
        // Inside what waits beyond a hole: the duplicate first, then the block that holds it.
        scene.send(&flow.at(500).text(pattern(0, 200)));
        let blocks = again(&mut scene, 550, 50);
        assert_eq!(blocks[..2], [block(550, 600), block(500, 700)]);
    }
}

#[test]
fn rfc2883_02_only_the_duplicate_octets_are_reported_and_only_once() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(Peer::sack());
    scene.data(&mut flow, &pattern(0, 300));
    scene.host.advance(secs(1));
    scene.segments();
    // 100 octets again, and 100 new ones.
    scene.send(&flow.at(-100).text(pattern(0, 200)));
    let old = flow.nxt;
    flow.nxt = flow.nxt.wrapping_add(100);
    let ack = scene.expect_within(millis(499), see("A").ack(flow.nxt));
    assert_eq!(ack.sack_blocks(), [(old.wrapping_sub(100), old)]);
    scene.data(&mut flow, &pattern(0, 100));
    assert_eq!(scene.expect_ack(&flow).sack_blocks(), []);
}

#[test]
fn rfc2883_03_duplicate_sacks_are_no_sign_of_loss() {
    let (mut scene, mut flow, flight) = with_flight(Peer::sack());
    flow.rcv = end_of(&flight[4]);
    scene.send(&flow.seg());
    scene.segments();
    let cwnd = scene.host.status(flow.connection).cwnd_octets;
    let duplicate = (flight[0].seq, end_of(&flight[0]));
    for _ in 0..3 {
        // RFC 2883 §4: the block lies below the cumulative ACK. These ACKs are each the answer to a
        // duplicate, not to something beyond a hole.
        scene.send(&sack(&flow, &[duplicate]));
    }
    scene.assert_state(&flow, State::Established);
    assert!(scene.host.status(flow.connection).cwnd_octets * 2 >= cwnd);
}

#[test]
fn bad_63_reneging_and_senseless_blocks_do_no_harm() {
    let (mut scene, mut flow, flight) = with_flight(Peer::modern());
    let end = end_of(&flight[9]);
    for round in 0..500_u32 {
        let left = flight[(round % 10) as usize].seq;
        let blocks = [
            (left, left.wrapping_add(round % 1_448)),
            (flow.rcv.wrapping_sub(round), flow.rcv),
            (end.wrapping_add(round), end.wrapping_add(round + 50)),
        ];
        let mut segment = flow.seg();
        segment.options.extend(option::sack(&blocks));
        scene.send(&segment);
        if round % 50 == 0 {
            scene.host.advance(millis(100));
        }
    }
    scene.assert_state(&flow, State::Established);
    let mut got: Vec<u8> = Vec::new();
    for _ in 0..600 {
        for segment in scene.segments() {
            // An echo that never moves would say of each timeout that it was a mistake (RFC 3522).
            flow.echo = segment.stamps().map_or(flow.echo, |(value, _)| value);
            let skip = flow.rcv.wrapping_sub(segment.seq) as usize;
            if skip < segment.text.len() {
                got.extend(&segment.text[skip..]);
                flow.rcv = end_of(&segment);
            }
        }
        scene.send(&flow.seg());
        scene.host.advance(millis(300));
    }
    // What the first rounds resent was thrown away above; the stream is whole all the same.
    assert!(got == pattern(0, 100_000), "{} octets", got.len());
}

/// The first segment of text after the peer's text arrived at `offsets`.
fn text_beside(peer: Peer, offsets: &[u32]) -> (Flow, Segment) {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.accept(peer);
    for offset in offsets {
        send_at(&mut scene, &flow, *offset);
    }
    scene.segments();
    scene.host.send(flow.connection, &pattern(0, 5_000));
    let sent = scene.segments();
    let text = sent.into_iter().find(|it| !it.text.is_empty()).unwrap();
    (flow, text)
}

#[test]
fn rfc2018_every_ack_tells_of_holes_also_one_with_text() {
    for peer in [Peer::sack(), Peer::modern()] {
        let (_, full) = text_beside(peer.clone(), &[]);
        assert_eq!(full.sack_blocks(), []);
        let (flow, one) = text_beside(peer.clone(), &[100]);
        assert_eq!(one.sack_blocks(), [block(&flow, 100, 200)]);
        // A block takes 12 octets with what pads it, each further one 8; that much less text fits.
        assert_eq!(one.len(), full.len() - 12);
        let (_, three) = text_beside(peer, &[100, 300, 500, 700]);
        assert_eq!(three.sack_blocks().len(), 3);
        assert_eq!(three.len(), full.len() - 28);
    }
}

#[test]
fn rfc2018_a_fin_that_waits_is_reported_with_the_text_before_it() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::sack());
        scene.segments();
        scene.send(&flow.at(100).text(pattern(100, 100)).flags("FA"));
        let ack = scene.expect(see("A"));
        assert_eq!(ack.sack_blocks(), [block(&flow, 100, 201)]);

        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::sack());
        scene.segments();
        scene.send(&flow.at(100).flags("FA"));
        let ack = scene.expect(see("A"));
        assert_eq!(ack.sack_blocks(), [block(&flow, 100, 101)]);
        // What was missing comes, and the stream ends.
        scene.send(&flow.at(0).text(pattern(0, 100)));
        let ack = scene.expect(see("A"));
        assert_eq!(ack.ack, flow.nxt.wrapping_add(101));
        assert_eq!(ack.sack_blocks(), []);
        scene.assert_state(&flow, State::CloseWait);
    }
}
