//! Hostile TCP: what a peer, or somebody who pretends to be one, may send and must not achieve.

use std::net::SocketAddr;

use sidestep_stack::base::Duration;
use sidestep_stack::call::{ConnectionOptions, Release};
use sidestep_stack::discard::Discard;
use sidestep_stack::event::ConnectionError;
use sidestep_stack::observe::State;
use sidestep_stack::{Event, Reply};
use sidestep_tests::craft::{Ip, Segment, letters_of, option, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::full::{scaled, sized};
use sidestep_tests::scene::{BOTH, Family, Flow, PORT, Peer, Scene};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A simple source of chance for what needs no better one.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.roll() as u8).collect()
    }
}

#[test]
fn bad_40_a_data_offset_outside_the_segment_is_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let ip = scene.ip();
        for offset in 0..16_u8 {
            for octets in 0..=60_usize {
                let mut tcp = vec![0_u8; octets];
                if octets >= 18 {
                    tcp[..4].copy_from_slice(&[0x9c, 0x40, 0, 99]);
                    tcp[12] = offset << 4;
                    // A SYN to a closed port: it would draw a RST.
                    tcp[13] = 2;
                    sidestep_tests::craft::fill_checksum(&ip, 6, &mut tcp, 16);
                }
                scene.host.arrives(&ip.packet(6, &tcp));
                let fits = octets >= 20 && offset >= 5 && usize::from(offset) * 4 <= octets;
                let answers = scene.segments().len();
                assert_eq!(
                    answers,
                    usize::from(fits),
                    "offset {offset}, {octets} octets"
                );
            }
        }
    }
}

#[test]
fn bad_41_no_option_area_harms_a_connection() {
    let mut dice = Dice(41);
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::modern());
        for round in 0..scaled(1_000_000) {
            let count = dice.below(41) as usize;
            let options = dice.octets(count);
            if round % 2 == 0 {
                let mut syn = scene.syn(&Peer::default()).options(&options);
                syn.source_port = 1_024 + (round % 60_000) as u16;
                scene.send(&syn);
                // Whatever was agreed, give it up again.
                if let Some(answer) = scene.segments().first().filter(|answer| answer.has("SA")) {
                    let reset = syn.clone().flags("R").seq(answer.ack).options(&[]);
                    scene.send(&reset);
                }
            } else {
                scene.send(&flow.seg().options(&options).text(b"x"));
            }
            scene.segments();
        }
        scene.assert_state(&flow, State::Established);
    }
}

#[test]
fn bad_41_options_with_particular_lies() {
    for (options, mss) in [
        ([8, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1].to_vec(), None),
        (option::mss(0).to_vec(), Some(536)),
        (option::mss(65_535).to_vec(), Some(1_460)),
        ([3, 3, 255, 1].to_vec(), None),
        ([4, 3, 0, 1].to_vec(), None),
        ([2, 3, 5, 1].to_vec(), None),
    ] {
        let mut scene = Scene::new(Family::V4);
        scene.listener();
        let peer = Peer::default();
        scene.send(&scene.syn(&peer).options(&options));
        let Some(answer) = scene.segments().first().cloned() else {
            assert!(scene.host.discards() > 0);
            continue;
        };
        let mut flow = scene.flow_from(&peer, &answer, PORT);
        scene.send(&flow.seg());
        let listener = scene.listener();
        flow.connection = scene.host.accept(listener).unwrap().connection;
        scene.host.send(flow.connection, &pattern(0, 5_000));
        let flight = scene.take_flight(&mut flow);
        let largest = flight
            .iter()
            .map(|segment| segment.text.len())
            .max()
            .unwrap();
        assert!(
            largest >= 64 && largest <= mss.unwrap_or(1_460),
            "{options:?}: {largest}"
        );
    }
}

/// A connection in each state, as `in_state` of the closing tests, but by name only.
fn states(family: Family) -> Vec<(State, Scene, Flow)> {
    let mut list = Vec::new();
    let mut scene = Scene::new(family);
    let peer = Peer::default();
    let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
    let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
    flow.connection = connection;
    list.push((State::SynSent, scene.clone(), flow.clone()));
    let mut bare = scene.syn_ack(&peer, &flow).flags("S");
    bare.ack = 0;
    scene.send(&bare);
    list.push((State::SynReceived, scene, flow));

    let mut scene = Scene::new(family);
    let mut flow = scene.accept(Peer::default());
    list.push((State::Established, scene.clone(), flow.clone()));
    {
        let (mut scene, mut flow) = (scene.clone(), flow.clone());
        scene.send(&flow.seg().flags("FA"));
        flow.nxt += 1;
        scene.host.advance(secs(1));
        list.push((State::CloseWait, scene.clone(), flow.clone()));
        scene.host.shut_down(flow.connection);
        flow.rcv += 1;
        list.push((State::LastAck, scene, flow));
    }
    scene.host.shut_down(flow.connection);
    list.push((State::FinWait1, scene.clone(), flow.clone()));
    {
        let (mut scene, mut flow) = (scene.clone(), flow.clone());
        scene.send(&flow.seg().flags("FA"));
        flow.nxt += 1;
        list.push((State::Closing, scene, flow));
    }
    flow.rcv += 1;
    scene.send(&flow.seg());
    list.push((State::FinWait2, scene.clone(), flow.clone()));
    scene.send(&flow.seg().flags("FA"));
    flow.nxt += 1;
    list.push((State::TimeWait, scene, flow));
    for (state, scene, flow) in &mut list {
        scene.assert_state(flow, *state);
        scene.segments();
        scene.host.all_events();
    }
    list
}

/// Whether `flags` at `offset` from RCV.NXT may end a connection in `state` at all.
fn may_end(state: State, flags: u8, offset: i64) -> bool {
    let has = |bit: u8| flags & bit != 0;
    let (fin, rst, ack) = (has(1), has(4), has(0x10));
    match state {
        State::SynSent => rst && ack,
        // LAST-ACK ends by the ACK of our FIN; an exact RST ends anything but TIME-WAIT.
        State::LastAck => (rst && offset == 0) || ack,
        // A new incarnation (RFC 6191).
        State::TimeWait => flags & 2 != 0 && !rst && !ack && offset >= 0,
        _ => (rst && offset == 0) || (fin && ack),
    }
}

#[test]
fn bad_43_flag_soup_in_every_state_at_every_edge() {
    for family in BOTH {
        for (state, scene, flow) in states(family) {
            let window = i64::from(scene.clone().host.status(flow.connection).rcv_wnd);
            for flags in 0..=255_u8 {
                for offset in [-1, 0, 1, window - 1, window] {
                    let mut scene = scene.clone();
                    let mut segment = flow.at(offset).text(b"soup");
                    segment.flags = flags;
                    scene.send(&segment);
                    let answers = scene.segments();
                    let what = format!("{} at {offset} in {state:?}", letters_of(flags));
                    assert!(answers.len() <= 2, "{} answers to {what}", answers.len());
                    if flags & 4 != 0 {
                        // RFC 9293 §3.5.2: a RST never draws a RST.
                        assert!(answers.iter().all(|answer| !answer.has("R")), "{what}");
                    }
                    let now = scene.host.state(flow.connection);
                    if now == State::Closed && state != State::Closed {
                        assert!(may_end(state, flags, offset), "{what} ended the connection");
                    }
                    if flags & 0x12 == 0 && flags & 4 == 0 && state != State::SynSent {
                        // Neither ACK, SYN nor RST: nothing changes.
                        assert_eq!(now, state, "{what}");
                    }
                    let synchronized = !matches!(state, State::SynSent | State::SynReceived);
                    if flags & 2 != 0 && flags & 4 == 0 && synchronized && state != State::TimeWait
                    {
                        // A SYN is challenged and does nothing else (RFC 5961 §4.2).
                        assert_eq!(now, state, "{what}");
                        assert_eq!(answers.len(), 1, "{what}");
                    }
                }
            }
        }
    }
}

#[test]
fn bad_43_flag_soup_at_a_listener_and_a_closed_port() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        scene.listener();
        let stray = scene.flow_to_nobody();
        for port in [PORT, 81] {
            for flags in 0..=255_u8 {
                let mut segment = stray.seg().text(b"soup");
                segment.destination_port = port;
                segment.source_port = 20_000 + u16::from(flags);
                segment.flags = flags;
                scene.send(&segment);
                let answers = scene.segments();
                let (syn, rst, ack) = (flags & 2 != 0, flags & 4 != 0, flags & 0x10 != 0);
                let what = format!("{} to {port}", letters_of(flags));
                let reset = answers.iter().any(|answer| answer.has("R"));
                let opened = answers.iter().any(|answer| answer.has("SA"));
                assert!(answers.len() <= 1, "{what}");
                if rst {
                    assert!(answers.is_empty(), "{what}");
                } else if port == 81 || ack {
                    assert!(reset, "{what}");
                } else if syn {
                    assert!(opened || answers.is_empty(), "{what}");
                } else {
                    assert!(answers.is_empty(), "{what}");
                }
            }
        }
    }
}

#[test]
fn bad_49_peers_that_never_open_their_window_stay_below_the_cap_and_starve_nobody() {
    // The default cap is 256 MiB for 10,000 of them; fewer have as much less.
    let peers = sized(1_000, 10_000);
    let cap = (256 << 20) / 10_000 * peers;
    let mut scene = Scene::with(BOTH[0], |config| {
        config.memory_octets_max = cap;
        config.backlog_segments_max = 65_536;
    });
    let queued = |scene: &Scene| scene.host.stack.counters().tcp.queued_octets as u64;
    let text = pattern(0, 65_536);
    for number in 0..peers as u16 {
        let flow = scene.accept(Peer {
            window: 0,
            port: 1_024 + number,
            ..Peer::default()
        });
        scene.host.send(flow.connection, &text);
        assert!(queued(&scene) <= cap, "{} after {number}", queued(&scene));
    }
    let hoarded = queued(&scene);
    assert!(hoarded > cap / 2, "{hoarded}");
    // Probes go on for ever. The first ones are remembered; the later ones cost no more.
    scene.host.advance(secs(120));
    scene.segments();
    let probing = queued(&scene);
    assert!(probing <= cap, "{probing}");
    scene.host.advance(secs(240));
    scene.segments();
    assert!(queued(&scene) <= probing, "{probing} were {hoarded}");
    // Whoever behaves gets in, is heard and is answered.
    let mut healthy = scene.accept(Peer {
        port: 60_000,
        ..Peer::default()
    });
    for round in 0..20 {
        let ask = pattern(round * 500, 500);
        scene.data(&mut healthy, &ask);
        assert_eq!(scene.host.receive_all(healthy.connection), ask);
        scene.segments();
        assert!(scene.host.send(healthy.connection, b"answer") > 0);
        let answers = scene.take_flight(&mut healthy);
        assert!(!answers.is_empty(), "round {round}");
        scene.send(&healthy.seg());
        assert!(queued(&scene) <= cap);
    }
}

#[test]
fn bad_50_a_window_that_shrinks_again_and_again() {
    for (family, peer) in [(BOTH[0], Peer::default()), (BOTH[1], Peer::modern())] {
        let mut dice = Dice(50);
        let mut scene = Scene::new(family);
        let mut flow = scene.dial(peer);
        scene.send(&flow.seg());
        let text = pattern(0, 150_000);
        scene.host.send(flow.connection, &text);
        let mut got: Vec<u8> = Vec::new();
        for _ in 0..3_000 {
            for segment in scene.segments() {
                let skip = flow.rcv.wrapping_sub(segment.seq) as usize;
                // It takes what it likes of what comes in order.
                if skip < segment.text.len() && dice.below(3) > 0 {
                    got.extend(&segment.text[skip..]);
                    flow.rcv = segment.seq.wrapping_add(segment.text.len() as u32);
                }
            }
            flow.window = match dice.below(5) {
                0 => 0,
                1 => 1,
                2 => dice.below(1_000) as u16,
                _ => 65_535,
            };
            scene.send(&flow.seg());
            scene.host.advance(millis(dice.below(300)));
            if got.len() == text.len() {
                break;
            }
        }
        assert!(got == text, "{} octets", got.len());
    }
}

#[test]
fn bad_51_handshakes_that_are_nearly_right() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer::default();
        let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
        flow.connection = connection;
        for ack in [flow.irs, flow.irs.wrapping_add(2), flow.irs.wrapping_sub(9)] {
            scene.send(&scene.syn_ack(&peer, &flow).ack(ack).text(b"early"));
            assert!(scene.segments().iter().all(|answer| answer.has("R")));
            scene.assert_state(&flow, State::SynSent);
        }
        // SYN-ACK with text and FIN: the text may be taken or left, never twice.
        scene.send(&scene.syn_ack(&peer, &flow).text(b"early"));
        let answer = scene.segments().remove(0);
        let taken = answer.ack.wrapping_sub(flow.nxt);
        assert!(taken == 0 || taken == 5);
        scene.send(&flow.seg().flags("PA").text(b"early"));
        flow.nxt += 5;
        scene.host.advance(secs(1));
        assert_eq!(scene.host.receive_all(connection), b"early");
        // A second SYN-ACK with another MSS changes nothing.
        scene.segments();
        let other = Peer {
            mss: Some(100),
            ..peer.clone()
        };
        scene.send(&scene.syn_ack(&other, &flow));
        scene.segments();
        scene.host.send(connection, &pattern(0, 1_000));
        assert_eq!(scene.take_flight(&mut flow)[0].text.len(), 1_000);
    }
}

#[test]
fn bad_52_a_tiny_mss_and_alternating_sacks_stay_cheap() {
    for family in BOTH {
        for mss in [0, 1, 8, 48] {
            let mut scene = Scene::new(family);
            let mut flow = scene.dial(Peer {
                mss: Some(mss),
                ..Peer::sack()
            });
            scene.host.send(flow.connection, &pattern(0, 100_000));
            let flight = scene.take_flight(&mut flow);
            let largest = flight
                .iter()
                .map(|segment| segment.text.len())
                .max()
                .unwrap();
            assert!(largest >= 64, "MSS {mss} gave segments of {largest}");
        }
    }
    // Alternating blocks of one octet against all that is in flight.
    let in_flight = sized(1, 16) as usize * 1_000_000;
    let mut scene = Scene::with(BOTH[0], |config| {
        config.send_buffer_octets = 64 << 20;
        config.slow_start_segments_max = 65_535;
    });
    let mut flow = scene.dial(Peer {
        scale: Some(14),
        ..Peer::sack()
    });
    scene.send(&flow.seg());
    scene.host.send(flow.connection, &pattern(0, 4 * in_flight));
    while (scene.host.status(flow.connection).cwnd_octets as usize) < in_flight {
        scene.honest_rounds(&mut flow, 1);
    }
    let before = flow.rcv;
    let flight = scene.take_flight(&mut flow);
    let octets: u32 = flight.iter().map(Segment::len).sum();
    flow.rcv = before;
    assert!(octets as usize >= in_flight / 2, "{octets}");
    let began = std::time::Instant::now();
    for at in 0..10_000_u32 {
        let left = before.wrapping_add(2 + at * 2 * (octets / 20_010).max(1));
        let mut segment = flow.seg();
        segment
            .options
            .extend(option::sack(&[(left, left.wrapping_add(1))]));
        scene.send(&segment);
        scene.segments();
    }
    // Generous: a build without optimisation on a busy machine. A quadratic cost takes minutes.
    assert!(began.elapsed() < secs(20), "{:?}", began.elapsed());
    scene.assert_state(&flow, State::Established);
}

#[test]
fn bad_53_many_small_ranges_out_of_order_stay_bounded() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(Peer::sack());
    let began = std::time::Instant::now();
    for at in 0..sized(50_000, 100_000) as i64 {
        scene.send(&flow.at(2 + at * 2 % 400_000).text(b"x"));
        scene.segments();
    }
    assert!(began.elapsed() < secs(20), "{:?}", began.elapsed());
    assert!(scene.host.count(Discard::TcpReassemblyFull) > 0);
    // The stream goes on.
    scene.data(&mut flow, b"in order");
    assert!(
        scene
            .host
            .receive_all(flow.connection)
            .starts_with(b"in order")
    );
}

#[test]
fn bad_56_a_split_handshake_does_not_swap_the_roles() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer::default();
        let (connection, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        let mut flow = scene.flow_from(&peer, &syn, syn.source_port);
        flow.connection = connection;
        // A bare ACK of our SYN: dropped, or the peer is told off (§3.10.7.3, fourth).
        scene.send(&flow.seg());
        assert_eq!(scene.host.state(connection), State::SynSent);
        scene.segments();
        // Then a SYN: a simultaneous open, which it may be.
        let mut bare = scene.syn_ack(&peer, &flow).flags("S");
        bare.ack = 0;
        scene.send(&bare);
        scene.expect(see("SA").seq(flow.irs).ack(flow.nxt));
        scene.send(&flow.seg());
        scene.assert_state(&flow, State::Established);
        assert!(scene.host.told(&Event::Established(connection)));
    }
}

#[test]
fn bad_57_initial_sequence_numbers_pass_simple_tests_of_chance() {
    let mut scene = Scene::new(BOTH[0]);
    scene.listener();
    let mut last = 0_u32;
    let mut ones = [0_u32; 32];
    let mut steps = std::collections::HashSet::new();
    let count = sized(10_000, 100_000) as u32;
    for number in 0..count {
        let mut syn = scene.syn(&Peer::default());
        syn.source_port = 1_024 + (number % 60_000) as u16;
        scene.send(&syn);
        let answer = scene.expect(see("SA"));
        for (bit, count) in ones.iter_mut().enumerate() {
            *count += (answer.seq >> bit) & 1;
        }
        steps.insert(answer.seq.wrapping_sub(last));
        last = answer.seq;
        scene.send(&syn.clone().flags("R").seq(answer.ack));
    }
    let half = count / 2;
    assert!(
        ones.iter().all(|ones| ones.abs_diff(half) < half / 16),
        "{ones:?}"
    );
    assert!(steps.len() > (count - count / 1_000) as usize);
}

#[test]
fn bad_58_colliding_tuples_cost_no_more_than_others() {
    // What collides under an unkeyed sum or xor of the four numbers: pairs that trade ports.
    let fill = |colliding: bool| {
        let mut dice = Dice(58);
        let mut scene = Scene::new(BOTH[0]);
        scene.listener();
        let began = std::time::Instant::now();
        for number in 0..sized(4_000, 40_000) as u16 {
            let mut syn = scene.syn(&Peer::default());
            let (host, port) = if colliding {
                (number / 250, 10_000 - number / 250 + number % 250 * 16)
            } else {
                (dice.below(200) as u16, dice.below(60_000) as u16 + 1_024)
            };
            syn.ip = Ip::new(BOTH[0].address(10 + (host % 200) as u8), BOTH[0].us());
            syn.source_port = port;
            scene.send(&syn);
            scene.segments();
        }
        began.elapsed()
    };
    fill(false);
    let (chance, design) = (fill(false), fill(true));
    assert!(
        design < chance * 4 + millis(200),
        "{design:?} against {chance:?}"
    );
}

#[test]
fn bad_62_a_peer_that_vanishes_is_forgotten_in_each_state() {
    for family in BOTH {
        for (state, mut scene, flow) in states(family) {
            if matches!(
                state,
                State::SynSent | State::SynReceived | State::Established
            ) {
                continue;
            }
            scene.host.close(flow.connection);
            scene.host.advance(secs(3_600));
            scene.segments();
            assert_eq!(
                scene.host.state(flow.connection),
                State::Closed,
                "{state:?}"
            );
            assert!(
                scene.host.told(&Event::Released(flow.connection)),
                "{state:?}"
            );
        }
    }
}

#[test]
fn bad_64_probes_with_garbage_are_answered_and_not_delivered() {
    for family in BOTH {
        let mut scene = Scene::with(family, |config| config.fix_receive_buffer(4_096));
        let mut flow = scene.accept(Peer::default());
        scene.data(&mut flow, b"real");
        scene.host.advance(secs(1));
        scene.segments();
        for _ in 0..5 {
            scene.host.advance(secs(2));
            scene.send(&flow.at(-1).text(b"?"));
            scene.expect(see("A").ack(flow.nxt).bare());
        }
        // A new octet at a closed window: answered, not delivered, and taken when there is room.
        let mut expected = b"real".to_vec();
        loop {
            let window = scene.host.status(flow.connection).rcv_wnd as usize;
            if window == 0 {
                break;
            }
            let part = pattern(expected.len(), window.min(1_000));
            scene.data(&mut flow, &part);
            expected.extend(part);
            scene.host.advance(secs(1));
        }
        scene.segments();
        for _ in 0..5 {
            scene.host.advance(secs(5));
            scene.send(&flow.seg().text(b"!"));
            scene.expect(see("A").ack(flow.nxt).window(0).bare());
        }
        assert!(scene.host.receive_all(flow.connection) == expected);
        scene.data(&mut flow, b"!");
        assert_eq!(scene.host.receive_all(flow.connection), b"!");
    }
}

#[test]
fn bad_65_the_same_octets_with_two_contents_have_one_that_stays() {
    for family in BOTH {
        // Out of order: what came first is kept, whether the other lies over it, in it or around it.
        for (from, to) in [(100, 200), (150, 250), (50, 150), (50, 250), (120, 180)] {
            let mut scene = Scene::new(family);
            let flow = scene.accept(Peer::default());
            scene.send(&flow.at(100).text([b'A'; 100]));
            scene.send(&flow.at(from).text(vec![b'B'; (to - from) as usize]));
            scene.send(&flow.seg().text([b'C'; 100]));
            let got = scene.host.receive_all(flow.connection);
            assert!(
                got[100..200].iter().all(|octet| *octet == b'A'),
                "{from} to {to}"
            );
        }
        // In order: what was delivered is delivered.
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(Peer::default());
        scene.data(&mut flow, b"first");
        scene.send(&flow.at(-5).text(b"OTHER and more"));
        assert_eq!(scene.host.receive_all(flow.connection), b"first and more");
    }
}

#[test]
fn bad_80_an_application_that_never_accepts_or_reads() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let listener = scene
            .host
            .listen_with(PORT, Some(8), ConnectionOptions::default());
        let mut answered = 0;
        for port in 0..100 {
            let peer = Peer {
                port: 41_000 + port,
                ..Peer::default()
            };
            scene.send(&scene.syn(&peer));
            let Some(answer) = scene.segments().first().cloned() else {
                continue;
            };
            assert!(!answer.has("R"), "an overflow is met with silence");
            answered += 1;
            let flow = scene.flow_from(&peer, &answer, PORT);
            scene.send(&flow.seg());
        }
        assert!(
            (8..=20).contains(&answered),
            "{answered} of 100 at a backlog of 8"
        );
        let mut accepted = 0;
        while scene.host.accept(listener).is_some() {
            accepted += 1;
        }
        assert!((8..=10).contains(&accepted), "{accepted} accepted");
    }
}

#[test]
fn bad_87_limits_give_typed_errors_and_never_an_abort() {
    let mut scene = Scene::with(BOTH[0], |config| {
        config.connections_max = 10;
        config.listeners_max = 2;
        config.sockets_max = 3;
    });
    let mut refused = None;
    for _ in 0..20 {
        let reply = scene.host.try_call(sidestep_stack::Call::OpenConnection(
            sidestep_stack::call::OpenConnection {
                remote: scene.remote(7),
                local_address: None,
                local_port: 0,
                options: ConnectionOptions::default(),
            },
        ));
        if let Err(error) = reply {
            refused = Some(error);
        }
    }
    assert_eq!(refused, Some(sidestep_stack::CallRefused::LimitReached));
    scene.segments();
    // A SYN that finds no room is dropped and counted.
    scene.listener();
    scene.send(&scene.syn(&Peer::default()));
    scene.silence();
    assert_eq!(scene.host.count(Discard::TcpConnectionsFull), 1);
    let mut sockets = 0;
    for port in 5_000..5_010 {
        let local = sidestep_stack::call::Local {
            port,
            ..Default::default()
        };
        let call = sidestep_stack::Call::OpenSocket(sidestep_stack::call::OpenSocket {
            local,
            remote: None,
            ..Default::default()
        });
        match scene.host.try_call(call) {
            Ok(Reply::Socket { .. }) => sockets += 1,
            Ok(other) => panic!("{other:?}"),
            Err(error) => assert_eq!(error, sidestep_stack::CallRefused::LimitReached),
        }
    }
    assert_eq!(sockets, 3);
}

#[test]
fn bad_81_a_name_that_was_given_up_is_nobodys() {
    for family in BOTH {
        for how in [Release::Close, Release::CloseUnread, Release::Abort] {
            for (state, mut scene, flow) in states(family) {
                scene.host.release(flow.connection, how);
                let again = scene.host.try_call(sidestep_stack::Call::Release {
                    connection: flow.connection,
                    how,
                });
                assert!(again.is_err(), "given up twice in {state:?}");
                scene.host.advance(secs(7_200));
                scene.segments();
                assert_eq!(
                    scene.host.state(flow.connection),
                    State::Closed,
                    "{state:?}"
                );
            }
        }
    }
}

#[test]
fn bad_85_a_jump_of_the_clock_fires_each_timer_once() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(Peer::default());
        scene.host.send(flow.connection, b"x");
        scene.segments();
        // An hour passes in one step, as after a suspend.
        scene.host.now += secs(3_600);
        let now = scene.host.now;
        scene.host.stack.time_passes(now);
        scene.host.settle();
        assert!(scene.segments().len() <= 1, "a burst after the jump");
        scene.assert_state(&flow, State::Established);
        assert_eq!(scene.host.failure_of(flow.connection), None);
        // Backwards: time never does.
        let earlier = scene.host.now;
        scene.host.stack.time_passes(sidestep_stack::Instant::ZERO);
        scene.host.settle();
        scene.host.now = earlier;
        scene.host.advance(secs(1));
        assert_ne!(
            scene.host.failure_of(flow.connection),
            Some(ConnectionError::TimedOut)
        );
    }
}

#[test]
fn bad_47_a_small_flood_of_syns_keeps_nobody_out() {
    // 100,000 SYNs in each of 60 seconds; the program `syn_flood` has the rate in real time.
    let mut scene = Scene::with(BOTH[0], |config| config.syn_queue_segments_max = 256);
    let listener = scene.listener();
    for number in 0..scaled(6_000_000) as u32 {
        let mut syn = scene.syn(&Peer::default());
        syn.ip = Ip::new(
            SocketAddr::from((
                [10, (number >> 16) as u8, (number >> 8) as u8, number as u8],
                1,
            ))
            .ip(),
            BOTH[0].us(),
        );
        scene.send(&syn);
        scene.segments();
        scene.host.advance(Duration::from_micros(10));
    }
    // An honest one tries as long as any TCP would.
    let peer = Peer::default();
    for _ in 0..7 {
        scene.send(&scene.syn(&peer));
        let sent = scene.segments();
        let answer = sent.iter().find(|answer| {
            answer.has("SA")
                && answer.destination_port == peer.port
                && answer.ip.destination == BOTH[0].them()
        });
        if let Some(answer) = answer {
            let flow = scene.flow_from(&peer, answer, PORT);
            scene.send(&flow.seg());
            assert!(scene.host.accept(listener).is_some());
            return;
        }
        scene.host.advance(secs(10));
    }
    panic!("kept out for 70 seconds");
}

#[test]
fn bad_48_floods_to_random_ends_make_no_state() {
    // 200,000 segments in each of 30 seconds.
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(Peer::default());
    let before = scene.host.stack.counters().tcp;
    let mut dice = Dice(48);
    for _ in 0..scaled(6_000_000) {
        let letters = ["R", "FA", "A", "PA", "RA"][dice.below(5) as usize];
        let mut stray = scene.flow_to_nobody().seg().flags(letters);
        stray.ip = Ip::new(BOTH[0].address(10 + dice.below(200) as u8), BOTH[0].us());
        stray.source_port = 1 + dice.below(65_535) as u16;
        stray.destination_port = 1 + dice.below(65_535) as u16;
        stray.seq = dice.roll() as u32;
        stray.ack = dice.roll() as u32;
        scene.send(&stray);
        assert!(scene.segments().len() <= 1);
    }
    assert_eq!(scene.host.stack.counters().tcp, before);
    scene.data(&mut flow, b"served all the same");
    assert_eq!(
        scene.host.receive_all(flow.connection),
        b"served all the same"
    );
}

#[test]
fn bad_59_stamps_that_wrap_in_the_middle_of_a_transfer() {
    // Sequence numbers wrap in the tests of RFC 9293 S18; here the peer's timestamps do, and time
    // itself has run for longer than 32 bits of milliseconds.
    for family in BOTH {
        let mut scene = Scene::new(family);
        scene.host.advance(secs(60 * 24 * 3_600));
        let mut flow = scene.accept(Peer {
            stamp: Some(u32::MAX - 500),
            ..Peer::modern()
        });
        let mut got = Vec::new();
        for step in 0..1_000 {
            scene.data(&mut flow, &pattern(step * 100, 100));
            scene.host.advance(millis(1));
            flow.stamp = flow.stamp.map(|stamp| stamp.wrapping_add(1));
            got.extend(scene.host.receive_all(flow.connection));
            scene.segments();
        }
        assert!(got == pattern(0, 100_000));
    }
}
