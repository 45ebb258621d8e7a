//! RFC 8985 §7.2 and RFC 9937: when a tail is probed, and how much leaves while losses are repaired.
//!
//! A scripted peer with SACK decides what is lost. What recovery does over whole transfers is tested
//! beside the code; here each step of it is seen on the wire.

use sidestep_stack::base::Duration;
use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::status::RecoveryPhase;
use sidestep_tests::craft::{Segment, option, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Flow, Peer, Scene};

const SMSS: usize = 1_460;

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A peer with SACK and a window that never matters.
fn peer() -> Peer {
    Peer {
        scale: Some(7),
        ..Peer::sack()
    }
}

/// The octets of a stream that a segment carries.
fn block_of(segment: &Segment) -> (u32, u32) {
    (segment.seq, segment.seq.wrapping_add(segment.len()))
}

/// An acknowledgment of `flow.rcv` that reports `blocks`.
fn sack(flow: &Flow, blocks: &[(u32, u32)]) -> Segment {
    let mut options = vec![1, 1];
    options.extend(option::sack(blocks));
    flow.seg().options(&options)
}

#[test]
fn rfc8985_06_a_tail_is_probed_after_two_round_trips() {
    for family in BOTH {
        for round_trip in [20, 100, 300] {
            let mut scene = Scene::new(family);
            let flow = scene.dial_slowly(peer(), millis(round_trip));
            let smss = usize::from(scene.host.status(flow.connection).snd_mss);
            scene.host.send(flow.connection, &pattern(0, 3 * smss));
            let flight = scene.segments();
            assert_eq!(flight.len(), 3);
            let before = scene.host.status(flow.connection);
            // Never after the RTO, which is 200 ms at least.
            let interval = millis(2 * round_trip).min(before.rto);
            let began = scene.host.now;
            let (at, probe) = scene.wait(millis(2_000));
            assert_eq!(at.since(began), interval, "round trip of {round_trip} ms");
            // There is nothing new to send: the last segment goes again, and nothing is reduced.
            assert_eq!(block_of(&probe), block_of(&flight[2]));
            let after = scene.host.status(flow.connection);
            assert_eq!(after.cwnd_octets, before.cwnd_octets);
            assert_eq!(after.timeouts, 0);
        }
    }
}

#[test]
fn rfc8985_06_the_acknowledgment_of_a_single_segment_may_be_delayed() {
    // 2 * SRTT and TLP.max_ack_delay, which is 200 ms.
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.dial_slowly(peer(), millis(300));
    scene.host.send(flow.connection, b"alone");
    let began = scene.host.now;
    scene.expect(see("A").text(b"alone"));
    let (at, probe) = scene.wait(millis(2_000));
    assert_eq!(
        (probe.text.as_slice(), at.since(began)),
        (&b"alone"[..], millis(800))
    );
    assert_eq!(scene.host.status(flow.connection).timeouts, 0);
    // With a shorter round trip the RTO comes first: a probe after it would be none.
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.dial_slowly(peer(), millis(150));
    scene.host.send(flow.connection, b"alone");
    let rto = scene.host.status(flow.connection).rto;
    assert_eq!(rto, millis(450));
    let began = scene.host.now;
    scene.expect(see("A").text(b"alone"));
    let (at, copy) = scene.wait(millis(2_000));
    assert_eq!(
        (copy.text.as_slice(), at.since(began)),
        (&b"alone"[..], rto)
    );
}

#[test]
fn rfc8985_06_without_a_round_trip_the_probe_waits_a_second() {
    let mut scene = Scene::new(BOTH[0]);
    let peer = peer();
    let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
    // The SYN was sent twice: no round trip is known (RFC 6298 §3), and RTO is three seconds (§5.7).
    scene.expect_within(millis(1_000), see("S").seq(syn.seq));
    let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
    flow.connection = connection;
    scene.send(&scene.syn_ack(&peer, &flow));
    scene.segments();
    assert_eq!(scene.host.status(connection).srtt, None);
    scene.host.send(connection, b"tail");
    let began = scene.host.now;
    scene.expect(see("A").text(b"tail"));
    let (at, probe) = scene.wait(millis(2_900));
    assert_eq!(
        (probe.text.as_slice(), at.since(began)),
        (&b"tail"[..], millis(1_000))
    );
    assert_eq!(scene.host.status(connection).timeouts, 0);
}

/// A flight of ten segments on a path of 100 ms, all of it sent and nothing acknowledged, in a
/// connection with more text.
fn flight_of_ten(algorithm: u64) -> (Scene, Flow, Vec<Segment>) {
    let mut scene = Scene::with(BOTH[0], |config| config.congestion_algorithm = algorithm);
    let mut flow = scene.dial_slowly(peer(), millis(100));
    scene.send(&flow.seg());
    scene.host.send(flow.connection, &pattern(0, 1_000_000));
    let before = flow.rcv;
    let flight = scene.take_flight(&mut flow);
    assert_eq!(flight.len(), 10);
    flow.rcv = before;
    scene.host.advance(millis(100));
    (scene, flow, flight)
}

/// How many segments with text leave now.
fn leaving(scene: &mut Scene) -> Vec<Segment> {
    let mut sent = scene.segments();
    sent.retain(|segment| !segment.text.is_empty());
    sent
}

#[test]
fn rfc9937_01_below_ssthresh_as_much_leaves_as_was_delivered_and_one_more_after_a_good_sign() {
    // Segments 0 to 5 of ten are lost: what is in flight falls below ssthresh at once.
    let (mut scene, mut flow, flight) = flight_of_ten(0);
    let mut reported = block_of(&flight[6]);
    for (index, limited) in [(6, 1), (7, 1)] {
        reported.1 = block_of(&flight[index]).1;
        scene.send(&sack(&flow, &[reported]));
        assert_eq!(leaving(&mut scene).len(), limited, "limited transmit");
    }
    // The third report begins recovery: one segment was delivered, one leaves, and it is the first.
    reported.1 = block_of(&flight[8]).1;
    scene.send(&sack(&flow, &[reported]));
    let sent = leaving(&mut scene);
    let status = scene.host.status(flow.connection);
    assert_eq!(status.recovery_phase, RecoveryPhase::FastRecovery);
    assert!(status.pipe_octets < status.ssthresh_octets);
    let segments = |octets| octets as usize / SMSS;
    assert_eq!(segments(status.sacked_octets), 3);
    assert_eq!(segments(status.lost_octets), 5, "and one was sent again");
    assert_eq!(segments(status.resent_in_flight_octets), 1);
    assert_eq!(
        sent.iter().map(block_of).collect::<Vec<_>>(),
        [block_of(&flight[0])]
    );
    // One more was delivered, nothing is acknowledged: one leaves.
    reported.1 = block_of(&flight[9]).1;
    scene.send(&sack(&flow, &[reported]));
    let sent = leaving(&mut scene);
    assert_eq!(
        sent.iter().map(block_of).collect::<Vec<_>>(),
        [block_of(&flight[1])]
    );
    // SND.UNA advances and nothing more is lost: what was delivered, and one segment more.
    scene.host.advance(millis(100));
    flow.rcv = block_of(&flight[0]).1;
    scene.send(&sack(&flow, &[reported]));
    let sent = leaving(&mut scene);
    assert_eq!(
        sent.iter().map(block_of).collect::<Vec<_>>(),
        [block_of(&flight[2]), block_of(&flight[3])]
    );
    // An acknowledgment that was lost: the next one speaks for two segments, the copy of the second
    // and one of limited transmit. Three would leave, but two more fill ssthresh.
    flow.rcv = block_of(&flight[1]).1;
    reported.1 = reported.1.wrapping_add(SMSS as u32);
    scene.send(&sack(&flow, &[reported]));
    let sent = leaving(&mut scene);
    assert_eq!(
        sent.iter().map(block_of).collect::<Vec<_>>(),
        [block_of(&flight[4]), block_of(&flight[5])]
    );
    let status = scene.host.status(flow.connection);
    assert_eq!(status.pipe_octets, status.ssthresh_octets);
}

#[test]
fn rfc9937_01_an_acknowledgment_that_delivers_nothing_lets_nothing_out() {
    let (mut scene, flow, flight) = flight_of_ten(0);
    let reported = (block_of(&flight[6]).0, block_of(&flight[8]).1);
    scene.send(&sack(&flow, &[reported]));
    assert!(!leaving(&mut scene).is_empty(), "the fast retransmit");
    let status = scene.host.status(flow.connection);
    assert_eq!(status.recovery_phase, RecoveryPhase::FastRecovery);
    for _ in 0..20 {
        scene.send(&sack(&flow, &[reported]));
    }
    assert_eq!(leaving(&mut scene), []);
}

#[test]
fn rfc9937_02_at_the_end_of_recovery_cwnd_is_ssthresh() {
    for (algorithm, left) in [(0, 0.5), (1, 0.7)] {
        let (mut scene, mut flow, flight) = flight_of_ten(algorithm);
        let cwnd = scene.host.status(flow.connection).cwnd_octets;
        let mut all = flight.clone();
        // The first is lost; every other one is reported by itself.
        let mut index = 1;
        let mut out_in_recovery = 0;
        while index < all.len() && index < 10 {
            let reported = (block_of(&all[1]).0, block_of(&all[index]).1);
            scene.send(&sack(&flow, &[reported]));
            let sent = leaving(&mut scene);
            let status = scene.host.status(flow.connection);
            if status.recovery_phase == RecoveryPhase::FastRecovery {
                out_in_recovery += sent.len();
                assert!(status.cwnd_octets <= cwnd);
            }
            all.extend(sent.into_iter().filter(|it| it.seq != flight[0].seq));
            index += 1;
        }
        let status = scene.host.status(flow.connection);
        assert_eq!(status.recovery_phase, RecoveryPhase::FastRecovery);
        let ssthresh = status.ssthresh_octets;
        assert!((f64::from(ssthresh) - left * f64::from(cwnd)).abs() < 2.0 * SMSS as f64);
        // Above ssthresh the share of it leaves of what was delivered, not all and not nothing.
        assert!(
            (2..=6).contains(&out_in_recovery),
            "{out_in_recovery} left while seven were delivered"
        );
        // The copy of the first arrives: everything up to RecoveryPoint is acknowledged.
        scene.host.advance(millis(100));
        flow.rcv = all
            .iter()
            .map(|it| block_of(it).1)
            .fold(flow.rcv, |most, end| {
                if end.wrapping_sub(most) < 1 << 31 {
                    end
                } else {
                    most
                }
            });
        scene.send(&flow.seg());
        let after = scene.host.status(flow.connection);
        assert_eq!(after.recovery_phase, RecoveryPhase::Open);
        assert_eq!(after.cwnd_octets, ssthresh, "algorithm {algorithm}");
        assert_eq!(after.ssthresh_octets, ssthresh);
        // And what leaves fills it, and no more.
        let octets: u32 = leaving(&mut scene).iter().map(Segment::len).sum();
        assert!(octets <= ssthresh && octets + SMSS as u32 > ssthresh);
    }
}
