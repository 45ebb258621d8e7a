//! RFC 9293 §3.8.6: windows that shrink, close and open; probes; silly windows; delayed ACKs.

use sidestep_stack::base::{Duration, Instant};
use sidestep_stack::observe::State;
use sidestep_tests::craft::{Segment, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{ACK_LIMIT, BOTH, Family, Flow, Peer, Scene};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A connection with a full flight of 10 segments under way and more waiting; the flight is
/// returned and nothing of it is acknowledged.
fn with_flight(family: Family) -> (Scene, Flow, Vec<Segment>) {
    let mut scene = Scene::new(family);
    let mut flow = scene.dial(Peer::default());
    scene.host.send(flow.connection, &pattern(0, 200_000));
    let before = flow.rcv;
    let flight = scene.take_flight(&mut flow);
    assert!(flight.len() >= 8);
    flow.rcv = before;
    (scene, flow, flight)
}

fn octets_of(flight: &[Segment]) -> u32 {
    flight.iter().map(Segment::len).sum()
}

fn end_of(segment: &Segment) -> u32 {
    segment.seq.wrapping_add(segment.len())
}

#[test]
fn rfc9293_must_34_a_window_pulled_back_is_survived() {
    for family in BOTH {
        let (mut scene, mut flow, flight) = with_flight(family);
        let edge = octets_of(&flight) / 2;
        flow.window = edge as u16;
        scene.send(&flow.seg());
        scene.silence_for(millis(100));
        // It opens again and takes everything.
        flow.rcv = end_of(flight.last().unwrap());
        flow.window = 65_535;
        scene.send(&flow.seg());
        let rest = scene.honest_rounds(&mut flow, 40);
        assert_eq!(rest.len(), 200_000 - octets_of(&flight) as usize);
    }
}

#[test]
fn rfc9293_shld_15_after_a_shrink_no_new_text_leaves() {
    for family in BOTH {
        let (mut scene, mut flow, flight) = with_flight(family);
        // One segment is acknowledged, but the edge moves to the left.
        flow.rcv = end_of(&flight[0]);
        flow.window = 3_000;
        scene.send(&flow.seg());
        let end = end_of(flight.last().unwrap());
        for (_, segment) in scene.segments_for(secs(5)) {
            // Repeating what had left already is allowed (MAY-7).
            let beyond = end_of(&segment).wrapping_sub(end) as i32;
            assert!(beyond <= 0, "{beyond} octets of new text");
        }
    }
}

#[test]
fn rfc9293_shld_16_after_a_shrink_what_lies_inside_is_resent() {
    for family in BOTH {
        let (mut scene, mut flow, flight) = with_flight(family);
        flow.rcv = end_of(&flight[0]);
        flow.window = 3_000;
        scene.send(&flow.seg());
        let (_, copy) = scene.wait(secs(5));
        assert_eq!(copy.seq, flow.rcv);
        assert_eq!(copy.text[..], flight[1].text[..copy.text.len()]);
        assert!(!copy.text.is_empty());
    }
}

#[test]
fn rfc9293_shld_17_text_beyond_a_shrunk_edge_does_not_end_the_connection() {
    for family in BOTH {
        let (mut scene, mut flow, _) = with_flight(family);
        flow.window = 0;
        scene.send(&flow.seg());
        answer_probes_for(&mut scene, &flow, secs(2 * 3_600));
        scene.assert_state(&flow, State::Established);
        assert_eq!(scene.host.failure_of(flow.connection), None);
    }
}

/// Everything that the stack says is answered with what the flow says. How much it said.
fn answer_probes_for(scene: &mut Scene, flow: &Flow, duration: Duration) -> Vec<Instant> {
    let end = scene.host.now + duration;
    let mut probes = Vec::new();
    while scene.host.advance_to_packet(end) {
        let (at, _) = scene.host.next_sent().unwrap();
        probes.push(at);
        scene.send(&flow.seg());
    }
    probes
}

#[test]
fn rfc9293_may_7_what_is_resent_beyond_a_shrunk_edge_does_no_harm() {
    let (mut scene, mut flow, flight) = with_flight(BOTH[0]);
    flow.window = 0;
    scene.send(&flow.seg());
    scene.segments_for(secs(30));
    flow.rcv = end_of(flight.last().unwrap());
    flow.window = 65_535;
    scene.send(&flow.seg());
    scene.segments_for(millis(1));
    scene.assert_state(&flow, State::Established);
}

#[test]
fn rfc9293_must_35_a_window_that_shrinks_to_zero_is_probed() {
    for family in BOTH {
        let (mut scene, mut flow, _) = with_flight(family);
        flow.window = 0;
        scene.send(&flow.seg());
        let probes = scene.segments_for(secs(60));
        assert!(probes.len() >= 3, "{} probes", probes.len());
        for (_, probe) in probes {
            assert!(probe.text.len() <= 1_460);
        }
    }
}

/// A peer that never had room, and text that waits for it.
fn at_zero_window(family: Family) -> (Scene, Flow) {
    let mut scene = Scene::new(family);
    let mut flow = scene.dial(Peer::default());
    flow.window = 0;
    scene.send(&flow.seg());
    scene.silence();
    scene.host.send(flow.connection, b"waits for room");
    (scene, flow)
}

#[test]
fn rfc9293_must_36_a_zero_window_is_probed_and_a_lost_update_is_found() {
    for family in BOTH {
        let (mut scene, mut flow) = at_zero_window(family);
        scene.silence();
        let (_, probe) = scene.wait(secs(5));
        assert!(probe.text.len() <= 1);
        // The window is open, but only a probe brings that to light.
        flow.window = 1_000;
        if probe.text.len() == 1 {
            flow.rcv += 1;
        }
        scene.send(&flow.seg());
        let rest = &b"waits for room"[probe.text.len()..];
        scene.expect(see("A").seq(flow.rcv).text(rest));
    }
}

#[test]
fn rfc9293_must_37_a_connection_lives_as_long_as_probes_are_answered() {
    for family in BOTH {
        let (mut scene, flow) = at_zero_window(family);
        let probes = answer_probes_for(&mut scene, &flow, secs(24 * 3_600));
        assert!(probes.len() > 100);
        scene.assert_state(&flow, State::Established);
    }
}

#[test]
fn rfc9293_shld_29_the_first_probe_comes_after_one_timeout() {
    for family in BOTH {
        let (mut scene, flow) = at_zero_window(family);
        let rto = scene.host.status(flow.connection).rto;
        let began = scene.host.now;
        let (at, _) = scene.wait(secs(5));
        let waited = at.since(began);
        assert!(
            waited >= rto.mul_f64(0.9) && waited <= rto.mul_f64(1.5),
            "{waited:?} for {rto:?}"
        );
    }
}

#[test]
fn rfc9293_shld_30_the_gaps_between_probes_grow() {
    for family in BOTH {
        let (mut scene, flow) = at_zero_window(family);
        let probes = answer_probes_for(&mut scene, &flow, secs(1_000));
        let gaps: Vec<Duration> = probes
            .windows(2)
            .map(|pair| pair[1].since(pair[0]))
            .collect();
        assert!(gaps.len() > 6);
        for pair in gaps.windows(2) {
            assert_eq!(pair[1], (pair[0] * 2).min(secs(60)), "{gaps:?}");
        }
    }
}

#[test]
fn rfc9293_must_38_a_sender_does_not_fill_silly_windows() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(Peer::default());
        scene.host.send(flow.connection, &pattern(0, 20_000));
        scene.take_flight(&mut flow);
        let mut edge = flow.rcv;
        // All is acknowledged, then the right edge moves by one octet every 10 ms.
        let mut segments = 0;
        for step in 0..100_u16 {
            flow.window = step;
            scene.send(&flow.seg());
            scene.host.advance(millis(10));
            for segment in scene.take_flight(&mut flow) {
                edge = end_of(&segment);
                segments += 1;
            }
        }
        // One second at an override of 0.1 to 1 second: not a hundred of them.
        assert!(segments <= 12, "{segments} small segments up to {edge}");
    }
}

#[test]
fn rfc9293_must_38_a_segment_of_the_usual_size_or_half_the_window_goes() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.dial(Peer {
        window: 2_000,
        ..Peer::default()
    });
    scene.host.send(flow.connection, &pattern(0, 20_000));
    // 2,000 octets: one full segment; its rest is less than half of the largest window.
    let flight = scene.take_flight(&mut flow);
    assert_eq!(
        flight
            .iter()
            .map(|segment| segment.text.len())
            .collect::<Vec<_>>(),
        [1_460]
    );
    scene.send(&flow.seg());
    let flight = scene.take_flight(&mut flow);
    assert_eq!(flight[0].text.len(), 1_460);
}

/// The peer sends until the window is shut; nobody reads. The last ACK is returned.
fn fill(scene: &mut Scene, flow: &mut Flow) -> Segment {
    let mut last = None;
    for _ in 0..200 {
        let window = scene.host.status(flow.connection).rcv_wnd;
        if window == 0 {
            break;
        }
        scene.data(flow, &pattern(0, window.min(1_000) as usize));
        scene.host.advance(millis(500));
        last = scene.segments().pop().or(last);
    }
    last.expect("at least one ACK")
}

#[test]
fn rfc9293_must_39_a_receiver_does_not_offer_silly_windows() {
    for family in BOTH {
        let mut scene = Scene::with(family, |config| config.fix_receive_buffer(8_192));
        let mut flow = scene.accept(Peer::default());
        let shut = fill(&mut scene, &mut flow);
        assert_eq!(shut.window, 0);
        let mut edge = shut.ack.wrapping_add(u32::from(shut.window));
        let mut updates = 0;
        for _ in 0..4_000 {
            scene.host.receive(flow.connection, 1);
            for update in scene.segments() {
                let next = update.ack.wrapping_add(u32::from(update.window));
                let step = next.wrapping_sub(edge);
                assert!(step >= 1_400, "the window moved by {step}");
                edge = next;
                updates += 1;
            }
        }
        assert!(
            (1..=3).contains(&updates),
            "{updates} updates for 4,000 octets"
        );
    }
}

#[test]
fn rfc9293_shld_14_the_right_edge_never_moves_to_the_left() {
    for family in BOTH {
        for peer in [Peer::default(), Peer::modern()] {
            let mut scene = Scene::with(family, |config| config.fix_receive_buffer(40_000));
            let mut flow = scene.accept(peer);
            let mut edge = 0_u32;
            for step in 0..300_usize {
                let status = scene.host.status(flow.connection);
                let octets = (step * 37 % 1_400 + 1).min(status.rcv_wnd as usize);
                scene.data(&mut flow, &pattern(0, octets));
                if step % 3 == 0 {
                    scene.host.receive(flow.connection, step * 53 % 3_000);
                }
                scene.host.advance(millis(50));
                for ack in scene.segments() {
                    let window = u32::from(ack.window) << flow.scale;
                    let next = ack.ack.wrapping_add(window);
                    if edge != 0 {
                        let moved = next.wrapping_sub(edge) as i32;
                        // A scaled window may lose what its shift rounds away (RFC 7323 §2.4).
                        assert!(moved > -(1 << flow.scale), "{moved} octets at {step}");
                    }
                    edge = next;
                }
            }
        }
    }
}

#[test]
fn rfc9293_may_8_a_closed_window_may_stay_closed() {
    for family in BOTH {
        let mut scene = Scene::with(family, |config| config.fix_receive_buffer(4_096));
        let mut flow = scene.accept(Peer::default());
        fill(&mut scene, &mut flow);
        for _ in 0..60 {
            scene.host.advance(secs(60));
            scene.send(&flow.seg().text(b"?"));
            scene.expect_within(millis(1), see("A").ack(flow.nxt).window(0).bare());
        }
        scene.assert_state(&flow, State::Established);
        // Reading opens it.
        scene.host.receive_all(flow.connection);
        let update = scene.expect(see("A").ack(flow.nxt));
        assert!(update.window > 2_000);
    }
}

#[test]
fn rfc9293_must_40_an_ack_waits_for_less_than_half_a_second() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        for octets in [1, 100, 1_460] {
            scene.data(&mut flow, &pattern(0, octets));
            scene.expect_within(ACK_LIMIT, see("A").ack(flow.nxt).bare());
            scene.host.receive_all(flow.connection);
            scene.segments();
        }
    }
}

#[test]
fn rfc9293_shld_18_a_lone_segment_is_acknowledged_later_or_with_text() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        // The first segments of a connection may be acknowledged at once; later ones wait.
        for _ in 0..40 {
            scene.data(&mut flow, &pattern(0, 100));
            scene.host.advance(millis(500));
            scene.host.receive_all(flow.connection);
        }
        scene.segments();
        scene.data(&mut flow, b"question");
        scene.silence();
        scene.host.send(flow.connection, b"answer");
        scene.expect(see("A").ack(flow.nxt).text(b"answer"));
        scene.silence_for(millis(150));
    }
}

#[test]
fn rfc9293_shld_19_every_second_full_segment_is_acknowledged() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        let mut acks = 0;
        for _ in 0..100 {
            scene.data(&mut flow, &pattern(0, 1_460));
            scene.host.receive_all(flow.connection);
            acks += scene.segments().len();
        }
        assert!((50..=100).contains(&acks), "{acks} ACKs for 100 segments");
    }
}

#[test]
fn rfc9293_must_58_one_batch_draws_few_acks() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        let batch: Vec<Segment> = (0..10)
            .map(|at| flow.at(at * 1_000).flags("A").text(pattern(0, 1_000)))
            .collect();
        flow.nxt += 10_000;
        scene.send_batch(&batch);
        scene.host.advance(ACK_LIMIT);
        let acks = scene.segments();
        assert!((1..=5).contains(&acks.len()), "{} ACKs", acks.len());
        assert_eq!(acks.last().unwrap().ack, flow.nxt);
    }
}

#[test]
fn rfc9293_must_59_a_batch_that_fills_a_hole_draws_one_ack_for_all() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.at(1_000).text(pattern(1_000, 1_000)));
        scene.expect_within(millis(1), see("A").ack(flow.nxt));
        let batch = [
            flow.seg().text(pattern(0, 1_000)),
            flow.at(2_000).text(pattern(2_000, 1_000)),
            flow.at(3_000).text(pattern(3_000, 1_000)),
        ];
        flow.nxt += 4_000;
        scene.send_batch(&batch);
        scene.expect(see("A").ack(flow.nxt).bare());
        scene.silence_for(secs(1));
        assert_eq!(scene.host.receive_all(flow.connection), pattern(0, 4_000));
    }
}

#[test]
fn rfc9293_shld_31_text_above_a_hole_is_kept() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.at(100).text(pattern(100, 100)));
        scene.send(&flow.at(200).text(pattern(200, 100)));
        assert_eq!(scene.host.receive_all(flow.connection), b"");
        scene.send(&flow.seg().text(pattern(0, 100)));
        flow.nxt += 300;
        assert_eq!(scene.host.receive_all(flow.connection), pattern(0, 300));
        assert_eq!(scene.segments().last().unwrap().ack, flow.nxt);
    }
}

#[test]
fn rfc9293_may_13_text_above_a_hole_draws_an_ack_at_once() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        for at in [100, 300, 500] {
            scene.send(&flow.at(at).text(pattern(0, 100)));
            scene.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
            scene.silence();
        }
    }
}
