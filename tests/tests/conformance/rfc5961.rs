//! RFC 5961: blind resets, SYNs and data.

use sidestep_stack::base::Duration;
use sidestep_stack::discard::Discard;
use sidestep_stack::event::ConnectionError;
use sidestep_stack::observe::State;
use sidestep_tests::craft::pattern;
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Flow, Peer, Scene};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn rfc5961_01_a_reset_counts_only_at_rcv_nxt() {
    for family in BOTH {
        for iss in [1_000, u32::MAX - 2_000] {
            let mut scene = Scene::with(family, |config| config.fix_receive_buffer(4_096));
            let flow = scene.accept(Peer {
                iss,
                ..Peer::default()
            });
            let window = i64::from(scene.host.status(flow.connection).rcv_wnd);
            for (offset, answers) in [(1, 1), (window - 1, 1), (window, 0), (-1, 0), (0, 0)] {
                let mut scene = scene.clone();
                scene.send(&flow.at(offset).flags("R"));
                let sent = scene.segments();
                assert_eq!(sent.len(), answers, "RST at {offset}");
                for challenge in sent {
                    assert!(challenge.has("A") && !challenge.has("R"));
                    assert_eq!((challenge.seq, challenge.ack), (flow.rcv, flow.nxt));
                }
                let error = scene.host.failure_of(flow.connection);
                let expected = (offset == 0).then_some(ConnectionError::Reset);
                assert_eq!(error, expected, "RST at {offset}");
            }
        }
    }
}

#[test]
fn rfc5961_02_in_syn_sent_a_reset_counts_only_with_an_ack_of_the_syn() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer::default();
        let (connection, syn) = scene.begin_dial(&peer, Default::default());
        let flow = scene.flow_from(&peer, &syn, syn.source_port);
        scene.send(&flow.seg().flags("RA").ack(flow.irs));
        scene.send(&flow.seg().flags("R"));
        assert_eq!(scene.host.failure_of(connection), None);
        scene.send(&flow.seg().flags("RA").ack(flow.irs.wrapping_add(1)));
        let error = scene.host.failure_of(connection);
        assert_eq!(error, Some(ConnectionError::Refused));
    }
}

/// A connection in this state, on the way to an active close.
fn closing(scene: &mut Scene, state: State) -> Flow {
    let mut flow = scene.accept(Peer::default());
    if state != State::Established {
        scene.host.shut_down(flow.connection);
        scene.expect(see("FA"));
        flow.rcv += 1;
    }
    if state == State::FinWait2 {
        scene.send(&flow.seg());
    }
    scene.assert_state(&flow, state);
    flow
}

#[test]
fn rfc5961_03_a_syn_is_challenged_whatever_its_number() {
    for family in BOTH {
        for state in [State::Established, State::FinWait1, State::FinWait2] {
            let mut scene = Scene::new(family);
            let flow = closing(&mut scene, state);
            for offset in [0, 1, 1_000, -1, -5_000, 1 << 30] {
                for letters in ["S", "SA"] {
                    // Challenges are throttled: let some time go by.
                    scene.host.advance(secs(2));
                    scene.segments();
                    scene.send(&flow.at(offset).flags(letters));
                    scene.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
                }
            }
            let state_now = scene.host.state(flow.connection);
            assert_eq!(state_now, state);
            assert_eq!(scene.host.count(Discard::TcpSynChallenged), 12);
        }
    }
}

#[test]
fn rfc5961_04_text_with_an_ack_that_is_too_old_or_never_sent_is_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer {
            window: 1_000,
            ..Peer::default()
        });
        // MAX.SND.WND is 1,000: an ACK up to so many octets below SND.UNA may be an old one.
        scene.host.send(flow.connection, &pattern(0, 10_000));
        for _ in 0..10 {
            scene.take_flight(&mut flow);
            scene.send(&flow.seg());
            scene.host.advance(secs(1));
        }
        scene.segments();
        assert_eq!(flow.rcv, flow.our_seq(10_000));
        for (step, taken) in [(-1_000, true), (-1_001, false), (-9_000, false), (1, false)] {
            let mut scene = scene.clone();
            let ack = flow.rcv.wrapping_add_signed(step);
            scene.send(&flow.seg().flags("PA").ack(ack).text(b"text"));
            let expected: &[u8] = if taken { b"text" } else { b"" };
            assert_eq!(scene.host.receive_all(flow.connection), expected, "{step}");
            if !taken {
                scene.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
            }
        }
    }
}

#[test]
fn rfc9293_may_12_the_check_of_old_acks_is_strict() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.accept(Peer::default());
    let far = flow.rcv.wrapping_sub(100_000);
    scene.send(&flow.seg().flags("PA").ack(far).text(b"blind"));
    scene.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
    assert_eq!(scene.host.receive_all(flow.connection), b"");
    assert_eq!(scene.host.count(Discard::TcpUnacceptableAck), 1);
}

#[test]
fn rfc5961_05_challenges_are_throttled_for_each_connection_by_itself() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let loud = scene.accept(Peer::default());
        let quiet = scene.accept(Peer {
            port: 40_001,
            ..Peer::default()
        });
        let mut answers = 0;
        for _ in 0..500 {
            scene.send(&loud.at(1).flags("R"));
            answers += scene.segments().len();
            scene.host.advance(Duration::from_millis(2));
        }
        // One second: the limit of a second, and what a burst may hold.
        assert!((1..=5).contains(&answers), "{answers} challenges");
        scene.send(&quiet.at(1).flags("R"));
        assert_eq!(scene.segments().len(), 1);
        scene.assert_state(&loud, State::Established);
    }
}

#[test]
fn rfc5961_06_a_peer_that_was_restarted_clears_the_old_connection() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let old = scene.accept(Peer::default());
        let peer = Peer {
            iss: 900_000_000,
            ..Peer::default()
        };
        scene.send(&scene.syn(&peer));
        let challenge = scene.expect(see("A").seq(old.rcv).ack(old.nxt));
        // To the restarted peer this fits nothing: it resets with our ACK as its number.
        scene.send(&old.seg().flags("R").seq(challenge.ack));
        let error = scene.host.failure_of(old.connection);
        assert_eq!(error, Some(ConnectionError::Reset));
        scene.host.close(old.connection);
        scene.accept(peer);
    }
}

#[test]
fn bad_44_blind_guesses_neither_reset_nor_inject() {
    // A window of 64 KiB is a 65,536th of the sequence space: of 10,000 guesses hardly any is in it,
    // and of those only one exact hit would count.
    let mut scene = Scene::with(BOTH[0], |config| config.fix_receive_buffer(65_536));
    let mut flow = scene.accept(Peer::default());
    let mut guess = 12_345_u32;
    for round in 0..10_000 {
        guess = guess.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let segment = flow.seg().seq(guess).ack(guess.rotate_left(16));
        let segment = match round % 3 {
            0 => segment.flags("R"),
            1 => segment.flags("S"),
            _ => segment.flags("PA").text(b"injected"),
        };
        if segment.seq != flow.nxt {
            scene.send(&segment);
        }
        scene.host.advance(Duration::from_millis(1));
    }
    scene.segments();
    scene.assert_state(&flow, State::Established);
    scene.data(&mut flow, b"honest");
    assert_eq!(scene.host.receive_all(flow.connection), b"honest");
}

#[test]
fn bad_45_challenges_of_one_connection_tell_nothing_about_another() {
    // The same traffic to A, with and without traffic to B: A is answered the same.
    let answers = |noise: bool| {
        let mut scene = Scene::new(BOTH[0]);
        let a = scene.accept(Peer::default());
        let b = scene.accept(Peer {
            port: 40_001,
            ..Peer::default()
        });
        let mut answers = Vec::new();
        for step in 0..200 {
            if noise {
                for _ in 0..10 {
                    scene.send(&b.at(1).flags("R"));
                }
            }
            scene.segments();
            scene.send(&a.at(1).flags("R"));
            answers.push((step, scene.segments().len()));
            scene.host.advance(Duration::from_millis(20));
        }
        answers
    };
    assert_eq!(answers(true), answers(false));
}

#[test]
fn bad_46_an_ack_is_never_answered_by_a_storm() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        // Each of our ACKs is answered with two that we cannot accept, as a desynchronised peer or a
        // middlebox would: every answer of ours would draw the next ones.
        let mut answers = 0;
        for _ in 0..1_000 {
            let sent = scene.segments();
            answers += sent.len();
            for _ in 0..sent.len().max(1) {
                scene.send(&flow.seg().ack(flow.rcv.wrapping_add(5_000)));
                scene.send(&flow.at(-1));
                scene.send(&flow.at(1_000_000_000));
            }
            scene.host.advance(Duration::from_millis(10));
        }
        // Ten seconds at two a second, and a burst.
        assert!(answers <= 30, "{answers} answers in ten seconds");
        scene.assert_state(&flow, State::Established);
    }
}
