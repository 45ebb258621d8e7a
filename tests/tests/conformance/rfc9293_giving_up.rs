//! RFC 9293 §3.8.1 to §3.8.4: retransmission, R1 and R2, keep-alive; §3.10.8: the user timeout.

use sidestep_stack::Event;
use sidestep_stack::base::{Duration, Instant};
use sidestep_stack::call::{Call, CallRefused, ConnectionOptions, KeepAlive, Release};
use sidestep_stack::event::{ConnectionError, SoftError};
use sidestep_stack::observe::State;
use sidestep_tests::craft::{Segment, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Flow, Peer, Scene};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// The gaps between copies of one segment that nobody answers.
fn gaps(began: Instant, copies: &[(Instant, Segment)]) -> Vec<Duration> {
    let mut last = began;
    copies
        .iter()
        .map(|(at, _)| {
            let gap = at.since(last);
            last = *at;
            gap
        })
        .collect()
}

#[test]
fn rfc9293_must_18_an_ambiguous_sample_does_not_move_the_timeout() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(Peer::default());
        // One honest sample of 100 ms.
        scene.host.send(flow.connection, b"one");
        scene.expect(see("A"));
        scene.host.advance(millis(100));
        scene.ack(&mut flow, 3);
        let rto = scene.host.status(flow.connection).rto;
        let srtt = scene.host.status(flow.connection).srtt;
        // The first copy is lost; the ACK of the second comes late.
        scene.host.send(flow.connection, b"two");
        scene.expect(see("A"));
        let began = scene.host.now;
        let (at, copy) = scene.wait(secs(5));
        assert_eq!(copy.text, b"two");
        assert!(at.since(began) >= rto);
        scene.host.advance(millis(150));
        scene.ack(&mut flow, 6);
        assert_eq!(scene.host.status(flow.connection).srtt, srtt);
    }
}

#[test]
fn rfc9293_must_19_silence_doubles_the_timeout() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene.host.send(flow.connection, b"into the void");
        scene.expect(see("A"));
        let began = scene.host.now;
        let copies = scene.segments_for(secs(200));
        let gaps = gaps(began, &copies);
        assert!(gaps.len() > 5, "{gaps:?}");
        for pair in gaps.windows(2) {
            assert_eq!(pair[1], (pair[0] * 2).min(secs(60)), "{gaps:?}");
        }
    }
}

#[test]
fn rfc9293_must_19_the_window_doubles_each_round_until_a_loss_and_then_grows_by_one() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.dial(Peer {
        scale: Some(7),
        ..Peer::default()
    });
    scene.send(&flow.seg());
    scene.host.send(flow.connection, &pattern(0, 4_000_000));
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let flight = scene.take_flight(&mut flow);
        rounds.push(flight.len());
        scene.host.advance(millis(50));
        scene.ack_each(&flow, &flight);
    }
    // Slow start (RFC 5681 §3.1): every ACK of a full segment lets two go.
    assert_eq!(rounds, [10, 20, 40, 80]);
    // The first segment of this flight of 160 is lost; the others draw duplicate ACKs.
    let flight = scene.take_flight(&mut flow);
    assert_eq!(flight.len(), 160);
    let lost = flight[0].clone();
    scene.host.advance(millis(50));
    for _ in 1..flight.len() {
        scene.send(&flow.seg().ack(lost.seq));
    }
    let sent = scene.take_flight(&mut flow);
    assert!(
        sent.iter().any(|copy| copy.seq == lost.seq),
        "no fast retransmission"
    );
    // All that is known to have left is acknowledged: recovery ends, and ssthresh is half of what was
    // in flight. How far cwnd falls below it is free (RFC 6582 §3.2, step 3).
    scene.host.advance(millis(50));
    scene.send(&flow.seg());
    let status = scene.host.status(flow.connection);
    let ssthresh = status.ssthresh_octets / 1_460;
    assert!(
        (70..=82).contains(&ssthresh),
        "ssthresh of {ssthresh} segments"
    );
    assert!(status.cwnd_octets <= status.ssthresh_octets);
    // Slow start up to there, then congestion avoidance: at most one more each round.
    let mut avoiding = 0;
    let mut last = status.cwnd_octets;
    for _ in 0..20 {
        let flight = scene.take_flight(&mut flow);
        scene.host.advance(millis(50));
        scene.ack_each(&flow, &flight);
        let status = scene.host.status(flow.connection);
        if last >= status.ssthresh_octets {
            assert!(
                status.cwnd_octets <= last + 1_460,
                "{last} then {}",
                status.cwnd_octets
            );
            avoiding += u32::from(status.cwnd_octets > last);
        }
        assert!(status.cwnd_octets >= last);
        last = status.cwnd_octets;
    }
    assert!(avoiding >= 5, "it never grew again");
}

#[test]
fn rfc9293_must_20_at_r2_the_connection_closes_and_not_before() {
    for family in BOTH {
        let mut scene = Scene::with(family, |config| config.r2_retransmissions = 5);
        let flow = scene.accept(Peer::default());
        scene.host.send(flow.connection, b"into the void");
        scene.expect(see("A"));
        for _ in 0..5 {
            scene.expect_within(secs(100), see("A").text(b"into the void"));
            assert_eq!(scene.host.failure_of(flow.connection), None);
        }
        scene.host.advance(secs(100));
        let error = scene.host.failure_of(flow.connection);
        assert_eq!(error, Some(ConnectionError::TimedOut));
    }
}

fn user_timeout(limit: Option<Duration>) -> ConnectionOptions {
    ConnectionOptions {
        user_timeout: Some(limit),
        ..ConnectionOptions::default()
    }
}

#[test]
fn rfc9293_must_21_the_application_sets_r2() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene
            .host
            .set_options(flow.connection, user_timeout(Some(secs(3))));
        scene.host.send(flow.connection, b"x");
        scene.host.advance(millis(2_900));
        assert_eq!(scene.host.failure_of(flow.connection), None);
        scene.host.advance(millis(2_000));
        let error = scene.host.failure_of(flow.connection);
        assert_eq!(error, Some(ConnectionError::TimedOut));

        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene.host.set_options(flow.connection, user_timeout(None));
        scene.host.send(flow.connection, b"x");
        scene.host.advance(secs(24 * 3_600));
        assert_eq!(scene.host.failure_of(flow.connection), None);
        scene.segments();
        scene.expect_within(secs(121), see("A").text(b"x"));
    }
}

#[test]
fn rfc9293_must_21_what_the_application_sets_holds_for_the_handshake_too() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let (connection, _) = scene.begin_dial(&Peer::default(), user_timeout(Some(secs(5))));
        scene.host.advance(millis(4_900));
        assert_eq!(scene.host.failure_of(connection), None);
        scene.host.advance(millis(200));
        let error = scene.host.failure_of(connection);
        assert_eq!(error, Some(ConnectionError::TimedOut));
    }
}

#[test]
fn rfc9293_s15_the_user_timeout_drops_the_queues_and_tells_the_application() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.accept(Peer::default());
    scene
        .host
        .set_options(flow.connection, user_timeout(Some(secs(5))));
    scene.host.send(flow.connection, &pattern(0, 200_000));
    scene.host.advance(secs(20));
    let error = scene.host.failure_of(flow.connection);
    assert_eq!(error, Some(ConnectionError::TimedOut));
    let refused = scene.host.try_call(Call::Send {
        connection: flow.connection,
        octets: bytes::Bytes::from_static(b"x"),
    });
    assert!(refused.is_err());
    scene.segments();
    scene.silence_for(secs(1_000));
    scene.host.release(flow.connection, Release::Close);
    assert!(scene.host.told(&Event::Released(flow.connection)));
    let refused = scene.host.try_call(Call::Status(flow.connection));
    assert_eq!(refused, Err(CallRefused::NoSuchEntry));
}

#[test]
fn rfc9293_s15_the_retransmission_timeout_resends_the_front_of_the_queue() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(Peer::default());
    scene.host.send(flow.connection, &pattern(0, 10_000));
    let flight = scene.take_flight(&mut flow);
    assert!(flight.len() > 3);
    let (_, copy) = scene.wait(secs(5));
    assert_eq!((copy.seq, &copy.text), (flight[0].seq, &flight[0].text));
    // cwnd is one segment now (RFC 5681 §3.1): nothing else leaves.
    scene.silence();
}

#[test]
fn rfc9293_shld_9_the_application_hears_of_trouble_between_r1_and_r2() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene.host.send(flow.connection, b"x");
        let trouble = Event::Soft {
            connection: flow.connection,
            error: SoftError::NoAnswer,
        };
        scene.host.advance(secs(100));
        assert!(scene.host.told(&trouble));
        assert_eq!(scene.host.failure_of(flow.connection), None);
        assert_eq!(
            scene.host.status(flow.connection).soft_error,
            Some(SoftError::NoAnswer)
        );
    }
}

#[test]
fn rfc9293_shld_10_r1_is_at_least_three_retransmissions() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.accept(Peer::default());
    scene.host.send(flow.connection, b"x");
    scene.expect(see("A"));
    let trouble = Event::Soft {
        connection: flow.connection,
        error: SoftError::NoAnswer,
    };
    for _ in 0..2 {
        scene.expect_within(secs(60), see("A"));
        assert!(!scene.host.told(&trouble), "told before R1");
    }
    scene.expect_within(secs(60), see("A"));
    scene.host.advance(secs(60));
    assert!(scene.host.told(&trouble));
}

#[test]
fn rfc9293_shld_11_r2_is_at_least_a_hundred_seconds() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.accept(Peer::default());
    scene.host.send(flow.connection, b"x");
    scene.host.advance(secs(100));
    assert_eq!(scene.host.failure_of(flow.connection), None);
    scene.host.advance(secs(3_600));
    let error = scene.host.failure_of(flow.connection);
    assert_eq!(error, Some(ConnectionError::TimedOut));
}

// Keep-alive, §3.8.4.

fn keep_alive(idle: u64, interval: u64, probes_max: u32) -> ConnectionOptions {
    ConnectionOptions {
        keep_alive: Some(Some(KeepAlive {
            idle: secs(idle),
            interval: secs(interval),
            probes_max,
        })),
        ..ConnectionOptions::default()
    }
}

fn assert_probe(flow: &Flow, segment: &Segment) {
    assert_eq!(segment.seq, flow.rcv.wrapping_sub(1), "SEG.SEQ = SND.NXT-1");
    assert_eq!(segment.ack, flow.nxt);
    assert!(segment.text.is_empty());
}

#[test]
fn rfc9293_must_24_keep_alive_is_for_the_application_to_switch() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let with = scene.accept(Peer::default());
        let without = scene.accept(Peer {
            port: 40_001,
            ..Peer::default()
        });
        scene
            .host
            .set_options(with.connection, keep_alive(60, 10, 3));
        let sent = scene.segments_for(secs(61));
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].1.destination_port, with.remote.port());
        scene.send(&with.seg());
        let off = ConnectionOptions {
            keep_alive: Some(None),
            ..ConnectionOptions::default()
        };
        scene.host.set_options(with.connection, off);
        scene.silence_for(secs(1_000));
        assert_eq!(scene.host.state(without.connection), State::Established);
    }
}

#[test]
fn rfc9293_must_25_keep_alive_is_off_by_default() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.accept(Peer::default());
    scene.silence_for(secs(3 * 3_600));
    scene.assert_state(&flow, State::Established);
}

#[test]
fn rfc9293_must_26_probes_go_only_after_silence_with_nothing_outstanding() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene
            .host
            .set_options(flow.connection, keep_alive(100, 10, 3));
        for _ in 0..5 {
            scene.host.advance(secs(99));
            scene.silence();
            scene.data(&mut flow, b"x");
            scene.expect_ack(&flow);
            scene.host.receive_all(flow.connection);
        }
        let spoke = scene.host.now;
        let (at, probe) = scene.wait(secs(101));
        assert!(at.since(spoke) >= secs(99));
        assert_probe(&flow, &probe);

        // Text that waits for its ACK is asked after by its own timer.
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene
            .host
            .set_options(flow.connection, keep_alive(10, 1, 3));
        scene.host.send(flow.connection, b"outstanding");
        for (_, segment) in scene.segments_for(secs(60)) {
            assert_eq!(segment.text, b"outstanding");
        }
        scene.assert_state(&flow, State::Established);
    }
}

#[test]
fn rfc9293_must_27_the_interval_can_be_set() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.dial_with(Peer::default(), keep_alive(5, 2, 9));
    let began = scene.host.now;
    let mut times = Vec::new();
    for _ in 0..3 {
        let (at, probe) = scene.wait(secs(10));
        assert_probe(&flow, &probe);
        times.push(at.since(began).as_secs());
    }
    assert_eq!(times, [5, 7, 9]);
}

#[test]
fn rfc9293_must_28_the_default_interval_is_two_hours() {
    let config = sidestep_stack::Config::default();
    let defaults = KeepAlive {
        idle: millis(config.keep_alive_idle_ms),
        interval: millis(config.keep_alive_interval_ms),
        probes_max: config.keep_alive_probes_max as u32,
    };
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.accept(Peer::default());
    let options = ConnectionOptions {
        keep_alive: Some(Some(defaults)),
        ..ConnectionOptions::default()
    };
    scene.host.set_options(flow.connection, options);
    scene.silence_for(secs(7_199));
    let (_, probe) = scene.wait(secs(2));
    assert_probe(&flow, &probe);
}

#[test]
fn rfc9293_must_29_an_unanswered_probe_does_not_end_a_connection() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene
            .host
            .set_options(flow.connection, keep_alive(60, 10, 4));
        for _ in 0..3 {
            let (_, probe) = scene.wait(secs(61));
            assert_probe(&flow, &probe);
        }
        scene.send(&flow.seg());
        scene.silence_for(secs(59));
        scene.data(&mut flow, b"alive");
        assert_eq!(scene.host.receive_all(flow.connection), b"alive");
        // All of them unanswered: it ends.
        scene.segments();
        scene.host.advance(secs(59 + 60));
        assert_eq!(scene.segments().len(), 4 + 1);
        let error = scene.host.failure_of(flow.connection);
        assert_eq!(error, Some(ConnectionError::TimedOut));
    }
}

#[test]
fn rfc9293_shld_12_probes_carry_no_text() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::modern());
        scene.host.send(flow.connection, b"before");
        scene.take_flight(&mut flow);
        scene.send(&flow.seg());
        scene
            .host
            .set_options(flow.connection, keep_alive(60, 10, 4));
        let (_, probe) = scene.wait(secs(61));
        assert_probe(&flow, &probe);
    }
}

#[test]
fn rfc9293_may_5_keep_alive_is_offered() {
    let mut scene = Scene::new(BOTH[1]);
    let flow = scene.accept(Peer::default());
    scene
        .host
        .set_options(flow.connection, keep_alive(60, 10, 4));
    let (_, probe) = scene.wait(secs(61));
    assert_probe(&flow, &probe);
}

#[test]
fn rfc9293_may_6_a_probe_with_a_garbage_octet_is_acknowledged_and_not_delivered() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.data(&mut flow, b"real");
        scene.expect_ack(&flow);
        scene.send(&flow.at(-1).text(b"?"));
        scene.expect_within(millis(1), see("A").seq(flow.rcv).ack(flow.nxt).bare());
        assert_eq!(scene.host.receive_all(flow.connection), b"real");
    }
}

#[test]
fn rfc5482_01_a_user_timeout_of_zero_or_of_a_wrong_length_means_nothing() {
    for option in [&[28, 4, 0, 0][..], &[28, 4, 0x80, 0], &[28, 6, 0, 1, 0, 0]] {
        let mut scene = Scene::new(BOTH[0]);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.seg().options(option).text(b"x"));
        flow.nxt += 1;
        // `Seen` fails on an option that nobody asked for, this one among them.
        scene.expect_ack(&flow);
        scene.host.send(flow.connection, b"x");
        scene.host.advance(secs(100));
        assert_eq!(scene.host.failure_of(flow.connection), None, "{option:?}");
    }
}

#[test]
fn rfc5482_02_the_peer_does_not_change_our_user_timeout() {
    // One second and one minute, as the peer would have it; ours is what the application said, or
    // longer than 100 s by default.
    for option in [[28, 4, 0, 1], [28, 4, 0x80, 1]] {
        let mut scene = Scene::new(BOTH[0]);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.seg().options(&option).text(b"x"));
        flow.nxt += 1;
        scene.expect_ack(&flow);
        scene.host.send(flow.connection, b"x");
        scene.host.advance(secs(100));
        assert_eq!(scene.host.failure_of(flow.connection), None);

        let mut scene = Scene::new(BOTH[0]);
        let flow = scene.accept(Peer::default());
        scene
            .host
            .set_options(flow.connection, user_timeout(Some(secs(3))));
        scene.send(&flow.seg().options(&[28, 4, 0x80, 60]).text(b"x"));
        scene.host.send(flow.connection, b"x");
        scene.host.advance(secs(6));
        let error = scene.host.failure_of(flow.connection);
        assert_eq!(error, Some(ConnectionError::TimedOut));
    }
}
