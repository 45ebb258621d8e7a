//! RFC 9293 §3.6, §3.10.4, §3.10.5 and the FIN paths of §3.10.7.4; RFC 1337 and RFC 6191.

use sidestep_stack::Event;
use sidestep_stack::base::Duration;
use sidestep_stack::call::{Call, CallRefused, ConnectionOptions, Release};
use sidestep_stack::event::ConnectionError;
use sidestep_stack::observe::State;
use sidestep_tests::craft::{Segment, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Family, Flow, PORT, Peer, Scene};

/// The stack closes first and the peer follows: TIME-WAIT, entered now.
fn to_time_wait(scene: &mut Scene, peer: Peer) -> Flow {
    let mut flow = scene.accept(peer);
    scene.host.shut_down(flow.connection);
    scene.expect(see("FA").seq(flow.rcv));
    flow.rcv = flow.rcv.wrapping_add(1);
    scene.assert_state(&flow, State::FinWait1);
    scene.send(&flow.seg());
    scene.assert_state(&flow, State::FinWait2);
    scene.send(&flow.seg().flags("FA"));
    flow.nxt = flow.nxt.wrapping_add(1);
    scene.expect_ack(&flow);
    scene.assert_state(&flow, State::TimeWait);
    scene.silence();
    flow
}

/// Twice the maximum segment lifetime, as configured by default.
const TWO_MSL: Duration = Duration::from_secs(60);

/// The peer's FIN once more.
fn fin_again(flow: &Flow) -> Segment {
    flow.at(-1).flags("FA")
}

#[test]
fn rfc9293_must_12_the_application_knows_an_end_from_an_abort() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.data(&mut flow, b"last words");
        scene.send(&flow.seg().flags("FA"));
        assert_eq!(
            scene.host.receive(flow.connection, 4),
            (b"last".to_vec(), false)
        );
        let (rest, ended) = scene.host.receive(flow.connection, 100);
        assert_eq!((rest.as_slice(), ended), (&b" words"[..], true));
        assert_eq!(scene.host.failure_of(flow.connection), None);

        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene.send(&flow.seg().flags("R"));
        let error = scene.host.failure_of(flow.connection);
        assert_eq!(error, Some(ConnectionError::Reset));
        let refused = scene.host.try_call(Call::Send {
            connection: flow.connection,
            octets: bytes::Bytes::from_static(b"x"),
        });
        assert!(refused.is_err());
    }
}

#[test]
fn rfc9293_must_13_the_active_closer_lingers_for_two_msl() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = to_time_wait(&mut scene, Peer::default());
        let connection = flow.connection;
        scene.host.advance(TWO_MSL.mul_f64(0.9));
        scene.send(&fin_again(&flow));
        scene.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
        let entered = scene.host.now;
        // The repeated FIN restarts the time (§3.10.7.4, eighth).
        scene
            .host
            .advance_to(entered + (TWO_MSL - Duration::from_millis(1)));
        assert_eq!(scene.host.state(connection), State::TimeWait);
        scene
            .host
            .advance_to(entered + TWO_MSL + Duration::from_millis(1));
        assert_eq!(scene.host.state(connection), State::Closed);
        scene.silence();
        scene.send(&fin_again(&flow));
        // The listener knows nothing of it any more.
        scene.expect(see("R").seq(flow.rcv).bare());
        // The same ends are free again.
        scene.accept(Peer {
            iss: 9,
            ..Peer::default()
        });
    }
}

#[test]
fn rfc9293_s14_a_repeated_fin_is_acknowledged_and_restarts_time_wait() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = to_time_wait(&mut scene, Peer::default());
    for _ in 0..5 {
        scene.host.advance(TWO_MSL - Duration::from_secs(1));
        scene.assert_state(&flow, State::TimeWait);
        scene.send(&fin_again(&flow));
        scene.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
    }
    scene.host.advance(TWO_MSL + Duration::from_secs(1));
    scene.assert_state(&flow, State::Closed);
}

#[test]
fn rfc9293_shld_2_a_reset_with_text_is_a_reset() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene.send(&flow.seg().flags("R").text(b"twenty octets of text"));
        scene.silence();
        let error = scene.host.failure_of(flow.connection);
        assert_eq!(error, Some(ConnectionError::Reset));
    }
}

#[test]
fn rfc9293_shld_3_unread_text_at_a_close_draws_a_reset() {
    for family in BOTH {
        for how in [Release::Close, Release::CloseUnread] {
            let mut scene = Scene::new(family);
            let mut flow = scene.accept(Peer::default());
            scene.data(&mut flow, b"ten octets");
            if how == Release::CloseUnread {
                // The application took it and threw it away.
                scene.host.receive_all(flow.connection);
            }
            scene.segments();
            scene.host.release(flow.connection, how);
            let reset = scene.expect(see_reset(&flow));
            assert_eq!(reset.seq, flow.rcv);
            scene.silence_for(Duration::from_secs(300));
        }
    }
}

#[test]
fn rfc9293_a_close_in_time_wait_takes_nothing_away_whatever_is_unread() {
    for how in [Release::Close, Release::CloseUnread] {
        let mut scene = Scene::new(BOTH[0]);
        let mut flow = scene.accept(Peer::default());
        scene.host.shut_down(flow.connection);
        scene.expect(see("FA"));
        flow.rcv = flow.rcv.wrapping_add(1);
        scene.send(&flow.seg().text(b"unread").flags("FA"));
        flow.nxt = flow.nxt.wrapping_add(7);
        scene.expect(see("A").ack(flow.nxt));
        scene.host.release(flow.connection, how);
        scene.silence();
        // The peer did not hear the last ACK.
        scene.send(&fin_again(&flow));
        scene.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
    }
}

#[test]
fn rfc6191_a_syn_that_nobody_takes_up_leaves_time_wait_alone() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(Peer::default());
        scene.host.shut_down(flow.connection);
        scene.expect(see("FA"));
        flow.rcv = flow.rcv.wrapping_add(1);
        scene.send(&flow.seg().flags("FA"));
        flow.nxt = flow.nxt.wrapping_add(1);
        scene.expect(see("A").ack(flow.nxt));
        // We dialled: there is no listener at this port.
        scene.send(&flow.at(1_000).flags("S").ack(0));
        scene.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
        scene.assert_state(&flow, State::TimeWait);
        scene.send(&fin_again(&flow));
        scene.expect(see("A").seq(flow.rcv).ack(flow.nxt).bare());
    }
}

/// A RST whose ACK bit is left open: RFC 9293 §3.10.5 wants SEQ=SND.NXT and nothing else.
fn see_reset(flow: &Flow) -> sidestep_tests::expect::Expect {
    sidestep_tests::expect::see_any_reset().seq(flow.rcv).bare()
}

#[test]
fn rfc9293_shld_3_text_that_arrives_after_a_close_draws_a_reset() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.host.close(flow.connection);
        scene.expect(see("FA"));
        flow.rcv = flow.rcv.wrapping_add(1);
        scene.send(&flow.seg());
        scene.data(&mut flow, b"too late");
        let reset = scene.wait(Duration::from_millis(1)).1;
        assert!(reset.has("R"), "{reset:?}");
        scene.silence_for(Duration::from_secs(300));
    }
}

#[test]
fn rfc9293_may_1_ending_our_direction_leaves_the_other_open() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.host.shut_down(flow.connection);
        scene.expect(see("FA"));
        flow.rcv = flow.rcv.wrapping_add(1);
        scene.send(&flow.seg());
        scene.data(&mut flow, b"answer");
        scene.expect_ack(&flow);
        assert_eq!(scene.host.receive_all(flow.connection), b"answer");
        let refused = scene.host.try_call(Call::Send {
            connection: flow.connection,
            octets: bytes::Bytes::from_static(b"x"),
        });
        assert_eq!(refused, Err(CallRefused::Closing));
    }
}

#[test]
fn rfc9293_may_2_a_higher_syn_reopens_from_time_wait() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = to_time_wait(&mut scene, Peer::default());
        let old_snd_nxt = flow.rcv;
        let peer = Peer {
            iss: flow.nxt.wrapping_add(1_000),
            ..Peer::default()
        };
        scene.send(&scene.syn(&peer));
        let answer = scene.expect(see("SA").ack(peer.iss.wrapping_add(1)));
        // Our new numbers lie beyond the old ones, so that no old ACK fits.
        assert!(answer.seq.wrapping_sub(old_snd_nxt) < 1 << 31);
    }
}

#[test]
fn rfc9293_s12_passive_close() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.seg().flags("FA"));
        flow.nxt += 1;
        scene.expect_ack(&flow);
        scene.assert_state(&flow, State::CloseWait);
        // Text still goes out in CLOSE-WAIT.
        scene.host.send(flow.connection, b"more");
        scene.expect(see("A").text(b"more"));
        flow.rcv += 4;
        scene.send(&flow.seg());
        scene.host.shut_down(flow.connection);
        scene.expect(see("FA").seq(flow.rcv));
        scene.assert_state(&flow, State::LastAck);
        flow.rcv += 1;
        scene.send(&flow.seg());
        scene.assert_state(&flow, State::Closed);
        scene.silence_for(Duration::from_secs(300));
    }
}

#[test]
fn rfc9293_s12_active_close_with_the_fin_acknowledged_together() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.host.shut_down(flow.connection);
        scene.expect(see("FA"));
        flow.rcv += 1;
        // FIN and ACK of ours in one segment: from FIN-WAIT-1 straight to TIME-WAIT.
        scene.send(&flow.seg().flags("FA"));
        flow.nxt += 1;
        scene.expect_ack(&flow);
        scene.assert_state(&flow, State::TimeWait);
    }
}

#[test]
fn rfc9293_s12_simultaneous_close() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.host.shut_down(flow.connection);
        scene.expect(see("FA"));
        // The peer's FIN does not acknowledge ours.
        scene.send(&flow.seg().flags("FA"));
        flow.nxt += 1;
        scene.expect_within(Duration::from_millis(1), see("A").ack(flow.nxt).bare());
        scene.assert_state(&flow, State::Closing);
        flow.rcv += 1;
        scene.send(&flow.seg());
        scene.assert_state(&flow, State::TimeWait);
        scene.silence_for(TWO_MSL - Duration::from_secs(1));
        scene.assert_state(&flow, State::TimeWait);
        scene.silence_for(Duration::from_secs(2));
        scene.assert_state(&flow, State::Closed);
    }
}

#[test]
fn rfc9293_s12_a_fin_with_text_is_both() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.seg().flags("FPA").text(b"bye"));
        flow.nxt += 4;
        scene.expect_ack(&flow);
        scene.assert_state(&flow, State::CloseWait);
        assert_eq!(
            scene.host.receive(flow.connection, 100),
            (b"bye".to_vec(), true)
        );
    }
}

#[test]
fn rfc9293_s12_a_fin_waits_for_the_text_before_it() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.at(5).flags("FA").text(b"world"));
        scene.expect_within(Duration::from_millis(1), see("A").ack(flow.nxt));
        scene.assert_state(&flow, State::Established);
        scene.send(&flow.seg().text(b"hello"));
        flow.nxt += 11;
        scene.expect_within(Duration::from_millis(1), see("A").ack(flow.nxt));
        scene.assert_state(&flow, State::CloseWait);
        assert_eq!(
            scene.host.receive(flow.connection, 100),
            (b"helloworld".to_vec(), true)
        );
    }
}

#[test]
fn rfc9293_s12_a_repeated_fin_changes_nothing_in_close_wait_closing_and_last_ack() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.seg().flags("FA"));
        flow.nxt += 1;
        scene.expect_ack(&flow);
        for (state, close) in [(State::CloseWait, false), (State::LastAck, true)] {
            if close {
                scene.host.shut_down(flow.connection);
                scene.expect(see("FA"));
            }
            scene.send(&fin_again(&flow));
            let answer = scene.wait(Duration::from_millis(1)).1;
            assert_eq!(answer.ack, flow.nxt);
            scene.assert_state(&flow, state);
        }
    }
}

#[test]
fn rfc9293_s12_our_fin_is_repeated_until_it_is_acknowledged() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.host.shut_down(flow.connection);
        let fin = scene.expect(see("FA"));
        for _ in 0..4 {
            scene.expect_within(Duration::from_secs(10), see("FA").seq(fin.seq));
        }
        flow.rcv += 1;
        scene.send(&flow.seg());
        scene.assert_state(&flow, State::FinWait2);
    }
}

#[test]
fn rfc9293_s16_close_delivers_everything_before_the_fin() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(Peer::default());
        let text = pattern(0, 1_000_000);
        assert_eq!(scene.host.send(flow.connection, &text), text.len());
        scene.host.close(flow.connection);
        let got = scene.honest_rounds(&mut flow, 60);
        assert_eq!(got.len(), text.len());
        assert!(got == text);
        // All text and the FIN.
        assert_eq!(flow.rcv, flow.our_seq(1_000_001));
    }
}

/// Brings a connection into `state` and says what the peer knows.
fn in_state(family: Family, state: State) -> (Scene, Flow) {
    let mut scene = Scene::new(family);
    let peer = Peer::default();
    let opened_by_us = matches!(state, State::SynSent | State::SynReceived);
    let mut flow = if opened_by_us {
        let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
        flow.connection = connection;
        if state == State::SynReceived {
            let mut bare = scene.syn_ack(&peer, &flow).flags("S");
            bare.ack = 0;
            scene.send(&bare);
        }
        flow
    } else {
        scene.accept(peer)
    };
    if matches!(state, State::CloseWait | State::LastAck) {
        scene.send(&flow.seg().flags("FA"));
        flow.nxt += 1;
    }
    if !opened_by_us && !matches!(state, State::Established | State::CloseWait) {
        scene.host.shut_down(flow.connection);
        flow.rcv += 1;
    }
    match state {
        State::FinWait2 => scene.send(&flow.seg()),
        State::Closing => {
            scene.send(&flow.seg().flags("FA").ack(flow.rcv.wrapping_sub(1)));
            flow.nxt += 1;
        }
        State::TimeWait => {
            scene.send(&flow.seg().flags("FA"));
            flow.nxt += 1;
        }
        _ => {}
    }
    scene.segments();
    scene.assert_state(&flow, state);
    (scene, flow)
}

#[test]
fn rfc9293_s17_abort_sends_a_reset_where_the_peer_still_cares() {
    for family in BOTH {
        for state in [
            State::SynReceived,
            State::Established,
            State::FinWait1,
            State::FinWait2,
            State::CloseWait,
        ] {
            let (mut scene, flow) = in_state(family, state);
            scene.host.abort(flow.connection);
            let reset = scene.expect(sidestep_tests::expect::see_any_reset().bare());
            assert_eq!(reset.seq, flow.rcv, "SEQ=SND.NXT in {state:?}");
            scene.silence_for(Duration::from_secs(300));
            assert_eq!(scene.host.state(flow.connection), State::Closed);
        }
    }
}

#[test]
fn rfc9293_s17_abort_says_nothing_in_the_other_states() {
    for family in BOTH {
        for state in [
            State::SynSent,
            State::Closing,
            State::LastAck,
            State::TimeWait,
        ] {
            let (mut scene, flow) = in_state(family, state);
            scene.host.abort(flow.connection);
            scene.silence_for(Duration::from_secs(300));
            assert_eq!(
                scene.host.state(flow.connection),
                State::Closed,
                "{state:?}"
            );
        }
    }
}

#[test]
fn rfc9293_s17_abort_drops_the_queues() {
    let mut scene = Scene::new(BOTH[0]);
    let flow = scene.accept(Peer::default());
    scene.host.send(flow.connection, &pattern(0, 100_000));
    let sent: u32 = scene.segments().iter().map(Segment::len).sum();
    scene.host.abort(flow.connection);
    let reset = scene.expect(sidestep_tests::expect::see_any_reset().bare());
    assert_eq!(reset.seq, flow.our_seq(sent));
    scene.silence_for(Duration::from_secs(300));
}

#[test]
fn rfc9293_s15_time_wait_frees_the_record() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = to_time_wait(&mut scene, Peer::default());
        scene.host.close(flow.connection);
        scene.host.all_events();
        scene.host.advance(TWO_MSL - Duration::from_millis(1));
        assert!(!scene.host.told(&Event::Released(flow.connection)));
        scene.host.advance(Duration::from_millis(2));
        assert!(scene.host.told(&Event::Released(flow.connection)));
        let refused = scene.host.try_call(Call::Status(flow.connection));
        assert_eq!(refused, Err(CallRefused::NoSuchEntry));
    }
}

#[test]
fn rfc1337_01_a_reset_in_time_wait_does_not_free_the_record() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = to_time_wait(&mut scene, Peer::default());
        for offset in [0, 1, 100] {
            scene.send(&flow.at(offset).flags("R"));
            scene.send(&flow.at(offset).flags("RA"));
            scene.assert_state(&flow, State::TimeWait);
        }
        scene.segments();
        // Old text is still caught.
        scene.send(&flow.at(-10).text(b"old"));
        scene.expect_within(Duration::from_millis(600), see("A").ack(flow.nxt).bare());
        scene.assert_state(&flow, State::TimeWait);
    }
}

#[test]
fn bad_55_old_segments_do_not_end_time_wait_and_a_new_connection_is_clean() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = to_time_wait(&mut scene, Peer::default());
        for offset in [-500, -1, 0, 1, 500] {
            for letters in ["A", "PA", "FA", "R", "RA"] {
                scene.send(&flow.at(offset).flags(letters).text(b"old text"));
                scene.host.advance(Duration::from_secs(1));
                scene.assert_state(&flow, State::TimeWait);
            }
        }
        scene.segments();
        let peer = Peer {
            iss: flow.nxt.wrapping_add(100_000),
            ..Peer::default()
        };
        let mut new = scene.accept(peer);
        // What the old one had in flight does not fit the new one.
        scene.send(&flow.at(-5).text(b"stale"));
        scene.data(&mut new, b"fresh");
        assert_eq!(scene.host.receive_all(new.connection), b"fresh");
    }
}

/// TIME-WAIT, then a SYN with these numbers: whether it opened a new connection.
fn reopens(stamps: Option<i32>, seq_step: i32) -> bool {
    let mut scene = Scene::new(BOTH[0]);
    let stamp = stamps.map(|_| 5_000_000);
    let flow = to_time_wait(
        &mut scene,
        Peer {
            stamp,
            ..Peer::default()
        },
    );
    let peer = Peer {
        iss: flow.nxt.wrapping_add_signed(seq_step),
        stamp: stamps.map(|step| 5_000_000_u32.wrapping_add_signed(step)),
        ..Peer::default()
    };
    scene.send(&scene.syn(&peer));
    let answers = scene.segments();
    assert!(answers.iter().all(|answer| !answer.has("R")));
    assert_eq!(flow.local.port(), PORT);
    answers.iter().any(|answer| answer.has("SA"))
}

#[test]
fn rfc6191_01_a_syn_in_time_wait_opens_only_if_it_proves_to_be_new() {
    // A newer timestamp: whatever the sequence number.
    assert!(reopens(Some(1), 1_000));
    assert!(reopens(Some(1), -1_000));
    // The same timestamp: only with a higher sequence number.
    assert!(reopens(Some(0), 1_000));
    assert!(!reopens(Some(0), -1_000));
    // An older timestamp: never.
    assert!(!reopens(Some(-1), 1_000));
    assert!(!reopens(Some(-1), -1_000));
    // No timestamps: only with a higher sequence number.
    assert!(reopens(None, 1_000));
    assert!(!reopens(None, -1_000));
}

#[test]
fn rfc9293_shld_4_timestamps_shorten_time_wait() {
    assert!(reopens(Some(1_000), -50_000));
    assert!(!reopens(None, -50_000));
}
