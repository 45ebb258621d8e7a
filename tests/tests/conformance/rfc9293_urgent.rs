//! RFC 9293 §3.8.5: urgent information, received in line (RFC 6093).

use sidestep_stack::Event;
use sidestep_stack::event::ConnectionError;
use sidestep_stack::observe::State;
use sidestep_tests::craft::pattern;
use sidestep_tests::scene::{BOTH, Flow, Peer, Scene};

/// How often the application was told that urgent text waits.
fn notices(scene: &mut Scene, flow: &Flow) -> usize {
    let told = Event::Urgent(flow.connection);
    scene
        .host
        .all_events()
        .iter()
        .filter(|event| **event == told)
        .count()
}

fn pending(scene: &mut Scene, flow: &Flow) -> bool {
    scene.host.status(flow.connection).urgent_pending
}

#[test]
fn rfc9293_must_30_urgent_text_is_delivered_in_line() {
    for family in BOTH {
        for pointer in [1, 5, 10, 11, 500] {
            let mut scene = Scene::new(family);
            let flow = scene.accept(Peer::default());
            scene.send(&flow.seg().flags("PA").urgent(pointer).text(b"ten octets"));
            assert_eq!(notices(&mut scene, &flow), 1, "pointer {pointer}");
            assert!(pending(&mut scene, &flow));
            assert_eq!(scene.host.receive_all(flow.connection), b"ten octets");
            assert_eq!(
                pending(&mut scene, &flow),
                pointer > 10,
                "pointer {pointer}"
            );
        }
    }
}

#[test]
fn rfc9293_must_31_urgent_text_may_be_of_any_length() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(Peer::default());
    let text = pattern(0, 100_000);
    let mut got = Vec::new();
    for (at, part) in text.chunks(1_000).enumerate() {
        let left = 100_000 - at * 1_000;
        // The pointer names the end as soon as it fits into 16 bits; before, the furthest it can.
        let pointer = left.min(65_535) as u16;
        scene.send(&flow.seg().flags("A").urgent(pointer).text(part));
        flow.nxt += 1_000;
        let (octets, _) = scene.host.receive(flow.connection, 1_000);
        got.extend(octets);
        assert_eq!(
            pending(&mut scene, &flow),
            got.len() < 100_000,
            "after {} octets",
            got.len()
        );
    }
    assert!(got == text);
}

#[test]
fn rfc9293_must_32_each_advance_of_the_pointer_is_told_once() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.send(&flow.seg().flags("A").urgent(3).text(b"abc"));
        assert_eq!(notices(&mut scene, &flow), 1);
        flow.nxt += 3;
        // The same place, seen from further on.
        scene.send(&flow.at(-3).flags("A").urgent(3).text(b"abc"));
        scene.send(&flow.seg().flags("A").urgent(0).text(b"def"));
        assert_eq!(notices(&mut scene, &flow), 0);
        flow.nxt += 3;
        scene.send(&flow.seg().flags("A").urgent(7).text(b"ghi"));
        assert_eq!(notices(&mut scene, &flow), 1);
        flow.nxt += 3;
    }
}

#[test]
fn rfc9293_must_33_the_application_can_ask_whether_urgent_text_is_left() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        assert!(!pending(&mut scene, &flow));
        scene.send(&flow.seg().flags("PA").urgent(4).text(b"ten octets"));
        for octets in 1..=10 {
            scene.host.receive(flow.connection, 1);
            assert_eq!(pending(&mut scene, &flow), octets < 4, "after {octets}");
        }
    }
}

#[test]
fn rfc9293_must_62_the_pointer_names_the_octet_after_the_urgent_text() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.data(&mut flow, b"calm");
        scene.send(&flow.seg().flags("PA").urgent(3).text(b"URGcalm"));
        // Six octets: one of the urgent text is left. Seven: none.
        scene.host.receive(flow.connection, 6);
        assert!(pending(&mut scene, &flow));
        scene.host.receive(flow.connection, 1);
        assert!(!pending(&mut scene, &flow));
    }
}

#[test]
fn rfc9293_must_66_reset_and_urgent_count_even_at_a_closed_window() {
    for family in BOTH {
        let mut scene = Scene::with(family, |config| config.fix_receive_buffer(4_096));
        let mut flow = scene.accept(Peer::default());
        fill_window(&mut scene, &mut flow);
        scene.send(&flow.seg().urgent(20));
        assert_eq!(notices(&mut scene, &flow), 1);
        assert!(pending(&mut scene, &flow));
        scene.send(&flow.seg().flags("R"));
        let error = scene.host.failure_of(flow.connection);
        assert_eq!(error, Some(ConnectionError::Reset));
    }
}

/// The peer sends as much as the window takes; nobody reads.
fn fill_window(scene: &mut Scene, flow: &mut Flow) {
    for _ in 0..100 {
        let window = scene.host.status(flow.connection).rcv_wnd;
        if window == 0 {
            break;
        }
        scene.data(flow, &pattern(0, window.min(500) as usize));
        scene.host.advance(std::time::Duration::from_millis(500));
    }
    scene.segments();
    scene.host.all_events();
    assert_eq!(scene.host.status(flow.connection).rcv_wnd, 0);
}

#[test]
fn bad_42_no_urgent_pointer_changes_the_stream() {
    for family in BOTH {
        let pointers = [0, 1, 4, 5, 6, 65_535];
        for first in pointers {
            for second in pointers {
                // Across the wrap of the sequence space, too.
                for iss in [1_000, u32::MAX - 4] {
                    let mut scene = Scene::new(family);
                    let peer = Peer {
                        iss,
                        ..Peer::default()
                    };
                    let listener = scene.listener();
                    scene.send(&scene.syn(&peer).urgent(first));
                    let answer = scene.segments().remove(0);
                    let mut flow = scene.flow_from(&peer, &answer, 80);
                    scene.send(&flow.seg().urgent(second));
                    flow.connection = scene.host.accept(listener).unwrap().connection;
                    scene.send(&flow.seg().urgent(first).text(b"abcde"));
                    flow.nxt = flow.nxt.wrapping_add(5);
                    scene.send(&flow.seg().urgent(second).text(b"fghij"));
                    flow.nxt = flow.nxt.wrapping_add(5);
                    // It went back, or came again.
                    scene.send(&flow.at(-10).urgent(second).text(b"abcde"));
                    scene.data(&mut flow, b"end");
                    assert_eq!(scene.host.receive_all(flow.connection), b"abcdefghijend");
                    scene.assert_state(&flow, State::Established);
                }
            }
        }
    }
}
