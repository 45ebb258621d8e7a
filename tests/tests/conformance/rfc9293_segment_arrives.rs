//! RFC 9293 §3.10.7.4: the checks that every segment of an open connection passes, in their order.

use sidestep_stack::base::Duration;
use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::discard::Discard;
use sidestep_stack::observe::State;
use sidestep_tests::craft::pattern;
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Family, Flow, Peer, Scene};

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A connection whose stack-side window is small and known.
fn with_window(family: Family, iss: u32) -> (Scene, Flow, i64) {
    let mut scene = Scene::with(family, |config| config.fix_receive_buffer(4_096));
    let flow = scene.accept(Peer {
        iss,
        ..Peer::default()
    });
    let window = i64::from(scene.host.status(flow.connection).rcv_wnd);
    assert!(window > 1_000);
    (scene, flow, window)
}

/// Where the numbers of the peer begin: anywhere, across the wrap, across the sign.
const NUMBERS: [u32; 3] = [1_000, 0xffff_f800, 0x7fff_f800];

#[test]
fn rfc9293_s06_the_four_cases_of_acceptability() {
    for family in BOTH {
        for iss in NUMBERS {
            // One octet of text, window open: acceptable from NXT-0 to NXT+WND-1.
            let (scene, flow, window) = with_window(family, iss);
            for (offset, taken) in [
                (-1, false),
                (0, true),
                (1, true),
                (window - 1, true),
                (window, false),
                (window + 1, false),
            ] {
                let mut scene = scene.clone();
                scene.send(&flow.at(offset).text(b"x"));
                let outside = scene.host.count(Discard::TcpOutsideWindow);
                assert_eq!(
                    outside == 0,
                    taken,
                    "one octet at {offset} of {window}, from {iss}"
                );
            }
            // No text, window open: a RST shows which numbers are in the window, because one in it
            // is challenged and one outside is not (RFC 5961 §3.2).
            for (offset, inside) in [(-1, false), (1, true), (window - 1, true), (window, false)] {
                let mut scene = scene.clone();
                scene.send(&flow.at(offset).flags("R"));
                assert_eq!(
                    scene.segments().len(),
                    usize::from(inside),
                    "RST at {offset}"
                );
                scene.assert_state(&flow, State::Established);
            }
        }
    }
}

#[test]
fn rfc9293_s06_at_a_closed_window_only_an_empty_segment_at_its_edge_is_acceptable() {
    for family in BOTH {
        for iss in NUMBERS {
            let (mut scene, mut flow, _) = with_window(family, iss);
            shut(&mut scene, &mut flow);
            // Its ACK is taken: it acknowledges new text.
            scene.host.send(flow.connection, b"abc");
            scene.expect(see("A").text(b"abc"));
            scene.send(&flow.seg().ack(flow.rcv.wrapping_add(1)));
            assert_eq!(scene.host.status(flow.connection).in_flight_octets, 2);
            for offset in [-1, 1] {
                let before = scene.host.count(Discard::TcpOutsideWindow);
                scene.send(&flow.at(offset));
                assert_eq!(
                    scene.host.count(Discard::TcpOutsideWindow),
                    before + 1,
                    "at {offset}"
                );
            }
            // Text is not acceptable, and none of it is delivered.
            let unread = scene.host.status(flow.connection).unread_octets;
            scene.segments();
            scene.send(&flow.seg().text(b"x"));
            scene.expect_within(millis(1), see("A").ack(flow.nxt).window(0));
            assert_eq!(scene.host.status(flow.connection).unread_octets, unread);
        }
    }
}

fn shut(scene: &mut Scene, flow: &mut Flow) {
    for _ in 0..100 {
        let window = scene.host.status(flow.connection).rcv_wnd;
        if window == 0 {
            break;
        }
        scene.data(flow, &pattern(0, window.min(1_000) as usize));
        scene.host.advance(millis(500));
    }
    assert_eq!(scene.host.status(flow.connection).rcv_wnd, 0);
    scene.segments();
}

#[test]
fn rfc9293_s06_text_that_reaches_into_the_window_from_either_side_is_acceptable() {
    for family in BOTH {
        for iss in NUMBERS {
            let (scene, flow, window) = with_window(family, iss);
            let size = window as usize;
            // From 10 before the left edge, and to 10 beyond the right one.
            let mut left = scene.clone();
            left.send(&flow.at(-10).text(pattern(0, size)));
            let got = left.host.receive_all(flow.connection);
            assert!(
                got == pattern(10, size - 10),
                "{} octets, from {iss}",
                got.len()
            );
            let mut right = scene.clone();
            right.send(&flow.seg().text(pattern(0, size + 10)));
            let got = right.host.receive_all(flow.connection);
            assert!(got == pattern(0, size), "{} octets, from {iss}", got.len());
        }
    }
}

#[test]
fn rfc9293_s07_an_unacceptable_segment_is_answered_with_an_ack_and_a_reset_is_not() {
    for family in BOTH {
        let (mut scene, mut flow, window) = with_window(family, 1_000);
        scene.data(&mut flow, b"new");
        scene.expect_ack(&flow);
        for offset in [-3, window + 10, 1 << 30] {
            scene.host.advance(Duration::from_secs(2));
            scene.send(&flow.at(offset).flags("PA").text(b"old"));
            scene.expect_within(millis(1), see("A").seq(flow.rcv).ack(flow.nxt).bare());
            let further = if offset < 0 {
                offset - 100
            } else {
                offset + 100
            };
            scene.send(&flow.at(further).flags("R"));
            scene.silence_for(Duration::from_secs(1));
        }
        assert_eq!(scene.host.receive_all(flow.connection), b"new");
    }
}

#[test]
fn rfc9293_s08_only_what_is_new_and_inside_the_window_is_taken() {
    for family in BOTH {
        for iss in NUMBERS {
            let (mut scene, mut flow, window) = with_window(family, iss);
            scene.data(&mut flow, &pattern(0, 100));
            // Ten octets again, and ten new ones.
            scene.send(&flow.at(-10).flags("PA").text(pattern(90, 20)));
            flow.nxt = flow.nxt.wrapping_add(10);
            // The rest of the window, then ten too many and a FIN.
            let left = window as usize - 110;
            scene.send(&flow.seg().flags("FPA").text(pattern(110, left + 10)));
            scene.host.advance(millis(500));
            let got = scene.host.receive_all(flow.connection);
            assert!(got == pattern(0, window as usize));
            scene.assert_state(&flow, State::Established);
            // What was cut comes again and is taken now, with the FIN.
            flow.nxt = flow.nxt.wrapping_add(left as u32);
            scene.segments();
            scene.send(&flow.seg().flags("FPA").text(pattern(window as usize, 10)));
            assert_eq!(
                scene.host.receive(flow.connection, 100),
                (pattern(window as usize, 10), true)
            );
        }
    }
}

#[test]
fn rfc9293_s08_a_fin_just_beyond_the_window_is_cut() {
    let (mut scene, flow, window) = with_window(BOTH[0], 1_000);
    // The text fills the window exactly; the FIN behind it is outside.
    scene.send(&flow.seg().flags("FA").text(pattern(0, window as usize)));
    scene.assert_state(&flow, State::Established);
    let (got, ended) = scene.host.receive(flow.connection, usize::MAX);
    assert_eq!((got.len(), ended), (window as usize, false));
}

#[test]
fn rfc9293_s09_without_ack_a_segment_is_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        for letters in [".", "P", "F", "U", "FPU"] {
            scene.send(&flow.seg().flags(letters).text(b"no ack"));
            scene.silence_for(Duration::from_secs(1));
        }
        assert_eq!(scene.host.count(Discard::TcpNoAck), 5);
        scene.assert_state(&flow, State::Established);
        scene.data(&mut flow, b"ack");
        assert_eq!(scene.host.receive_all(flow.connection), b"ack");
    }
}

#[test]
fn rfc9293_s10_an_ack_of_what_was_never_sent_is_answered_and_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        for ahead in [1, 1_000, 1 << 30] {
            scene.host.advance(Duration::from_secs(2));
            let segment = flow.seg().ack(flow.rcv.wrapping_add(ahead));
            scene.send(&segment.flags("PA").text(b"never"));
            scene.expect_within(millis(1), see("A").seq(flow.rcv).ack(flow.nxt).bare());
        }
        assert_eq!(scene.host.receive_all(flow.connection), b"");
        scene.assert_state(&flow, State::Established);
    }
}

#[test]
fn rfc9293_s11_an_older_segment_does_not_change_the_window() {
    for family in BOTH {
        for iss in NUMBERS {
            let (mut scene, mut flow, _) = with_window(family, iss);
            let wnd = |scene: &mut Scene| scene.host.status(flow.connection).snd_wnd;
            scene.send(&flow.at(1).window(5_000));
            assert_eq!(wnd(&mut scene), 5_000);
            // It was sent before: its sequence number is lower (SND.WL1).
            scene.send(&flow.seg().window(60_000));
            assert_eq!(wnd(&mut scene), 5_000);
            // The same sequence number and a lower ACK (SND.WL2).
            scene.host.send(flow.connection, b"abc");
            scene.segments();
            flow.rcv = flow.rcv.wrapping_add(3);
            scene.send(&flow.at(1).window(7_000));
            assert_eq!(scene.host.status(flow.connection).snd_wnd, 7_000);
            let old = flow.rcv.wrapping_sub(2);
            scene.send(&flow.at(1).ack(old).window(1_000));
            assert_eq!(scene.host.status(flow.connection).snd_wnd, 7_000);
            // The same numbers and another window: that is an update.
            scene.send(&flow.at(1).window(8_000));
            assert_eq!(scene.host.status(flow.connection).snd_wnd, 8_000);
        }
    }
}

#[test]
fn rfc9293_s13_text_after_the_fin_is_ignored() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.data(&mut flow, b"all");
        scene.send(&flow.seg().flags("FA"));
        flow.nxt += 1;
        scene.expect_ack(&flow);
        scene.send(&flow.seg().flags("PA").text(b"more"));
        scene.send(&flow.seg().urgent(2).text(b"more"));
        scene.assert_state(&flow, State::CloseWait);
        assert_eq!(
            scene.host.receive(flow.connection, 100),
            (b"all".to_vec(), true)
        );
        assert!(!scene.host.status(flow.connection).urgent_pending);
    }
}

#[test]
fn rfc9293_s18_a_whole_connection_across_the_wrap_of_both_sequence_spaces() {
    for family in BOTH {
        // The peer's numbers are ours to choose; the stack's own wrap is looked for by its clock.
        for iss in [0xffff_ff00, 0x7fff_ff00] {
            let mut scene = Scene::new(family);
            let mut flow = scene.accept(Peer {
                iss,
                ..Peer::default()
            });
            exchange(&mut scene, &mut flow);
        }
        let mut scene = Scene::new(family);
        let (connection, flow) = dial_with_iss_near_wrap(&mut scene);
        let mut flow = Flow { connection, ..flow };
        assert!(flow.irs > 0xffff_0000);
        exchange(&mut scene, &mut flow);
        assert!(flow.rcv < 0x8000_0000, "our numbers did not wrap");
    }
}

/// 200,000 octets in each direction, then both ends.
fn exchange(scene: &mut Scene, flow: &mut Flow) {
    let text = pattern(5, 200_000);
    let mut got = Vec::new();
    for part in text.chunks(1_000) {
        scene.data(flow, part);
        got.extend(scene.host.receive_all(flow.connection));
        scene.segments();
    }
    assert!(got == text);
    scene.host.send(flow.connection, &text);
    let sent = scene.honest_rounds(flow, 30);
    assert!(sent == text);
    scene.host.shut_down(flow.connection);
    scene.expect(see("FA").seq(flow.rcv));
    flow.rcv = flow.rcv.wrapping_add(1);
    scene.send(&flow.seg().flags("FA"));
    flow.nxt = flow.nxt.wrapping_add(1);
    scene.expect_ack(flow);
    scene.assert_state(flow, State::TimeWait);
}

/// Dials at a moment at which the clock of RFC 6528 makes the ISS wrap within 64 KiB.
fn dial_with_iss_near_wrap(scene: &mut Scene) -> (sidestep_stack::call::ConnectionId, Flow) {
    let open = sidestep_stack::call::OpenConnection {
        remote: scene.remote(40_000),
        local_address: None,
        local_port: 50_000,
        options: ConnectionOptions::default(),
    };
    let (probe, _) = scene.host.open_with(open.clone());
    let iss = scene.expect(see("S")).seq;
    scene.host.abort(probe);
    let steps = 0xffff_8000_u32.wrapping_sub(iss);
    scene
        .host
        .advance(Duration::from_micros(u64::from(steps) * 4));
    let peer = Peer::default();
    let (connection, _) = scene.host.open_with(open);
    let syn = scene.expect(see("S"));
    let flow = scene.flow_from(&peer, &syn, 50_000);
    scene.send(&scene.syn_ack(&peer, &flow));
    scene.expect(see("A"));
    (connection, flow)
}
