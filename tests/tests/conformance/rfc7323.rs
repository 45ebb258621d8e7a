//! RFC 7323: window scale, timestamps, PAWS.

use sidestep_stack::base::Duration;
use sidestep_stack::call::ConnectionOptions;
use sidestep_stack::discard::Discard;
use sidestep_stack::event::ConnectionError;
use sidestep_stack::observe::State;
use sidestep_tests::craft::{option, pattern};
use sidestep_tests::expect::see;
use sidestep_tests::scene::{BOTH, Flow, Peer, Scene, stamp_option};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn scaled(shift: u8) -> Peer {
    Peer {
        scale: Some(shift),
        ..Peer::default()
    }
}

fn stamped() -> Peer {
    Peer {
        stamp: Some(5_000_000),
        ..Peer::default()
    }
}

#[test]
fn rfc7323_01_scaling_holds_only_if_both_syns_have_it() {
    for family in BOTH {
        // Offered to a listener: answered.
        let mut scene = Scene::new(family);
        scene.listener();
        scene.send(&scene.syn(&scaled(3)));
        assert!(scene.expect(see("SA")).scale().is_some());
        // Not offered: not answered, and nothing is scaled in either direction.
        let mut scene = Scene::new(family);
        scene.listener();
        scene.send(&scene.syn(&Peer::default()));
        scene.expect(see("SA").scale(None));
        // A dialled peer does not answer it.
        let mut scene = Scene::new(family);
        let (connection, syn) = scene.begin_dial(&Peer::default(), ConnectionOptions::default());
        assert!(syn.scale().is_some());
        let flow = scene.flow_from(&Peer::default(), &syn, syn.source_port);
        scene.send(&scene.syn_ack(&Peer::default(), &flow));
        scene.send(&flow.seg().window(1_000));
        let status = scene.host.status(connection);
        assert!(!status.window_scaling);
        assert_eq!(status.snd_wnd, 1_000);
        // A window that does not fit is not cut short by a wrong shift.
        let ack = scene.segments().pop().unwrap();
        assert!(u32::from(ack.window) >= status.rcv_wnd.min(65_535) / 2);
    }
}

#[test]
fn rfc7323_01_a_scale_on_text_means_nothing_and_above_14_means_14() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.dial(scaled(2));
    let segment = flow
        .seg()
        .options(&option::window_scale(9))
        .text(b"x")
        .window(100);
    scene.send(&segment);
    flow.nxt += 1;
    assert_eq!(scene.host.status(flow.connection).snd_wnd, 100 << 2);
    for shift in [14, 15, 255] {
        let mut scene = Scene::new(BOTH[0]);
        let flow = scene.dial(scaled(shift));
        scene.send(&flow.seg().window(3));
        assert_eq!(
            scene.host.status(flow.connection).snd_wnd,
            3 << 14,
            "{shift}"
        );
    }
}

#[test]
fn rfc7323_02_the_window_of_a_syn_is_never_scaled() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let peer = Peer {
            window: 1_000,
            ..scaled(7)
        };
        let flow = scene.dial(peer.clone());
        assert_eq!(scene.host.status(flow.connection).snd_wnd, 1_000);
        scene.send(&flow.seg());
        assert_eq!(scene.host.status(flow.connection).snd_wnd, 128_000);
        // Ours: the field of the SYN itself holds no more than what we take.
        let mut scene = Scene::with(family, |config| config.fix_receive_buffer(1_048_576));
        let (_, syn) = scene.begin_dial(&peer, ConnectionOptions::default());
        assert_eq!(syn.window, 65_535);
    }
}

#[test]
fn rfc7323_03_later_windows_are_scaled_each_direction_by_itself() {
    for family in BOTH {
        for (buffer, shift) in [(32_768, 0), (524_288, 7), (16_777_216, 14)] {
            let mut scene = Scene::with(family, |config| config.fix_receive_buffer(buffer));
            let mut flow = scene.accept(scaled(shift));
            scene.data(&mut flow, b"x");
            let ack = scene.expect_ack(&flow);
            let offered = u32::from(ack.window) << flow.scale;
            let rcv_wnd = scene.host.status(flow.connection).rcv_wnd;
            assert!(
                offered <= rcv_wnd + 1
                    && offered + (2 << flow.scale) > rcv_wnd.min(65_535 << flow.scale)
            );
            assert_eq!(scene.host.status(flow.connection).snd_wnd, 65_535 << shift);
        }
    }
}

#[test]
fn rfc7323_04_a_retreat_by_rounding_is_tolerated() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.dial(scaled(7));
    flow.window = 100;
    scene.send(&flow.seg());
    scene.host.send(flow.connection, &pattern(0, 100_000));
    for _ in 0..200 {
        let flight = scene.take_flight(&mut flow);
        scene.host.advance(millis(20));
        // The peer rounds down: the right edge goes back by up to one unit.
        let taken: u32 = flight.iter().map(sidestep_tests::craft::Segment::len).sum();
        flow.window = 100 - u16::from(!taken.is_multiple_of(128));
        scene.send(&flow.seg());
    }
    assert_eq!(flow.rcv, flow.our_seq(100_000));
}

#[test]
fn rfc7323_05_timestamps_are_on_every_segment_and_a_segment_without_is_dropped() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(stamped());
        scene.host.send(flow.connection, &pattern(0, 5_000));
        for segment in scene.take_flight(&mut flow) {
            assert!(segment.stamps().is_some());
        }
        scene.send(&flow.seg());
        scene.segments();
        scene.send(&flow.seg().options(&[]).flags("PA").text(b"without"));
        scene.host.advance(secs(1));
        for answer in scene.segments() {
            assert!(answer.has("A") && !answer.has("R") && answer.stamps().is_some());
        }
        assert_eq!(scene.host.receive_all(flow.connection), b"");
        assert_eq!(scene.host.count(Discard::TcpTimestampMissing), 1);
        scene.assert_state(&flow, State::Established);
        scene.data(&mut flow, b"with");
        assert_eq!(scene.host.receive_all(flow.connection), b"with");
        // A RST needs none (§3.2).
        scene.send(&flow.seg().options(&[]).flags("R"));
        let error = scene.host.failure_of(flow.connection);
        assert_eq!(error, Some(ConnectionError::Reset));
    }
}

#[test]
fn rfc7323_05_timestamps_that_were_not_agreed_are_ignored() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(Peer::default());
    scene.send(&flow.seg().options(&stamp_option(9, 9)).text(b"text"));
    flow.nxt += 4;
    let ack = scene.expect_ack(&flow);
    assert_eq!(ack.stamps(), None);
    assert_eq!(scene.host.receive_all(flow.connection), b"text");
}

#[test]
fn rfc7323_06_the_echo_is_zero_on_a_syn() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let (_, syn) = scene.begin_dial(&Peer::default(), ConnectionOptions::default());
        assert_eq!(syn.stamps().map(|(_, echo)| echo), Some(0));
    }
}

/// Sends text at `offset` with this TSval and returns the echo of the ACK.
fn echo_of(scene: &mut Scene, flow: &Flow, offset: i64, value: u32, octets: usize) -> u32 {
    let text = pattern(offset.max(0) as usize, octets);
    scene.send(
        &flow
            .at(offset)
            .options(&stamp_option(value, flow.echo))
            .text(text),
    );
    scene.host.advance(millis(499));
    scene.segments().last().unwrap().stamps().unwrap().1
}

#[test]
fn rfc7323_07_ts_recent_follows_only_what_covers_the_last_ack() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let flow = scene.accept(stamped());
        assert_eq!(echo_of(&mut scene, &flow, 0, 5_000_010, 100), 5_000_010);
        // Beyond a hole: the echo stays that of the segment before it.
        assert_eq!(echo_of(&mut scene, &flow, 200, 5_000_030, 100), 5_000_010);
        // A duplicate of old text does not cover Last.ACK.sent.
        assert_eq!(echo_of(&mut scene, &flow, 0, 5_000_040, 100), 5_000_010);
        // The filler of the hole does.
        assert_eq!(echo_of(&mut scene, &flow, 100, 5_000_020, 100), 5_000_020);
    }
}

#[test]
fn rfc7323_08_only_an_ack_of_new_text_measures_the_round_trip() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.dial_slowly(stamped(), millis(100));
    for round in 1..=3 {
        scene.host.send(flow.connection, &pattern(0, 100));
        let flight = scene.take_flight(&mut flow);
        flow.echo = flight[0].stamps().unwrap().0;
        scene.host.advance(millis(100));
        scene.ack(&mut flow, round * 100);
    }
    let srtt = scene.host.status(flow.connection).srtt.unwrap();
    assert!(srtt >= millis(90) && srtt <= millis(110), "{srtt:?}");
    // Much later, an ACK of nothing new echoes an old stamp.
    scene.host.advance(secs(50));
    for _ in 0..5 {
        scene.send(&flow.seg());
    }
    assert_eq!(scene.host.status(flow.connection).srtt, Some(srtt));
}

#[test]
fn rfc6298_08_an_echo_of_the_first_copy_after_a_second_one_is_no_sample() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.dial_slowly(stamped(), millis(100));
    scene.host.send(flow.connection, &pattern(0, 100));
    let first = scene.take_flight(&mut flow)[0].stamps().unwrap().0;
    scene.host.advance(millis(100));
    flow.echo = first;
    scene.ack(&mut flow, 100);
    let srtt = scene.host.status(flow.connection).srtt;

    // It arrives, but its ACK is lost. The peer answers the second copy, and its TS.Recent is still
    // that of the first one.
    scene.host.send(flow.connection, &pattern(100, 100));
    let first = scene.take_flight(&mut flow)[0].stamps().unwrap().0;
    let (_, copy) = scene.wait(secs(5));
    let second = copy.stamps().unwrap().0;
    assert_ne!(first, second);
    scene.host.advance(millis(100));
    flow.echo = first;
    scene.ack(&mut flow, 200);
    assert_eq!(scene.host.status(flow.connection).srtt, srtt);

    // Here the first copy was lost: the echo tells which one is acknowledged.
    scene.host.send(flow.connection, &pattern(200, 100));
    scene.take_flight(&mut flow);
    let (_, copy) = scene.wait(secs(5));
    scene.host.advance(millis(200));
    flow.echo = copy.stamps().unwrap().0;
    scene.ack(&mut flow, 300);
    assert!(scene.host.status(flow.connection).srtt > srtt);
}

#[test]
fn rfc7323_09_an_older_timestamp_is_unacceptable_except_on_a_reset() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(stamped());
        flow.stamp = Some(5_000_100);
        scene.data(&mut flow, b"new");
        scene.expect_ack(&flow);
        scene.host.receive_all(flow.connection);
        let old = stamp_option(5_000_099, flow.echo);
        scene.send(&flow.seg().options(&old).flags("PA").text(b"old"));
        scene.expect_within(millis(1), see("A").ack(flow.nxt).echo(5_000_100));
        assert_eq!(scene.host.receive_all(flow.connection), b"");
        assert_eq!(scene.host.count(Discard::TcpPaws), 1);
        // The same value is fine.
        scene.data(&mut flow, b"same");
        assert_eq!(scene.host.receive_all(flow.connection), b"same");
        scene.send(&flow.seg().options(&old).flags("R"));
        let error = scene.host.failure_of(flow.connection);
        assert_eq!(error, Some(ConnectionError::Reset));
    }
}

#[test]
fn rfc7323_10_queued_text_is_not_tested_again_when_the_hole_fills() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(stamped());
    for part in 1..9 {
        flow.stamp = Some(5_000_000 + part);
        let at = i64::from(part) * 100;
        scene.send(&flow.at(at).text(pattern(at as usize, 100)));
    }
    // The filler is newer than all that wait.
    flow.stamp = Some(5_001_000);
    scene.send(&flow.seg().text(pattern(0, 100)));
    assert_eq!(scene.host.receive_all(flow.connection), pattern(0, 900));
}

#[test]
fn rfc7323_11_after_24_days_of_silence_the_old_stamp_is_not_trusted() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(stamped());
    scene.data(&mut flow, b"before");
    scene.expect_ack(&flow);
    scene.host.receive_all(flow.connection);
    scene.host.advance(secs(25 * 24 * 3_600));
    // A clock of 1 ms has gone more than half around: its value looks older.
    flow.stamp = flow
        .stamp
        .map(|stamp| stamp.wrapping_add(25 * 24 * 3_600 * 1_000));
    scene.data(&mut flow, b"after");
    assert_eq!(scene.host.receive_all(flow.connection), b"after");
    // Twenty days are not enough.
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(stamped());
    scene.data(&mut flow, b"before");
    scene.expect_ack(&flow);
    scene.host.receive_all(flow.connection);
    scene.host.advance(secs(20 * 24 * 3_600));
    flow.stamp = flow.stamp.map(|stamp| stamp.wrapping_sub(1));
    scene.data(&mut flow, b"older");
    assert_eq!(scene.host.receive_all(flow.connection), b"");
}

#[test]
fn rfc7323_12_the_clock_ticks_between_a_millisecond_and_a_second() {
    let mut scene = Scene::new(BOTH[0]);
    let mut flow = scene.accept(stamped());
    let mut value = || {
        scene.host.send(flow.connection, b"x");
        let flight = scene.take_flight(&mut flow);
        scene.send(&flow.seg());
        scene.host.advance(secs(100));
        flight[0].stamps().unwrap().0
    };
    let (first, second) = (value(), value());
    let ticks = second.wrapping_sub(first);
    assert!((100..=100_000).contains(&ticks), "{ticks} ticks in 100 s");
}

#[test]
fn rfc7323_13_each_connection_has_an_offset_of_its_own() {
    let mut scene = Scene::new(BOTH[0]);
    let mut stamps = Vec::new();
    for port in 0..20 {
        let peer = Peer {
            port: 41_000 + port,
            ..stamped()
        };
        scene.listener();
        scene.send(&scene.syn(&peer));
        stamps.push(scene.expect(see("SA")).stamps().unwrap().0);
    }
    stamps.sort_unstable();
    stamps.dedup();
    assert_eq!(stamps.len(), 20);
    let span = stamps[19] - stamps[0];
    assert!(span > 1_000_000, "offsets lie within {span} ticks");
}

#[test]
fn bad_60_a_forged_future_stamp_is_not_believed() {
    for family in BOTH {
        let mut scene = Scene::new(family);
        let mut flow = scene.accept(stamped());
        scene.data(&mut flow, b"first");
        scene.expect_ack(&flow);
        let future = stamp_option(5_000_000 + (1 << 30), flow.echo);
        // Outside the window, and with an ACK of what was never sent.
        scene.send(&flow.at(1 << 29).options(&future).text(b"forged"));
        scene.send(&flow.at(-600).options(&future).text(b"forged"));
        let never = flow.rcv.wrapping_add(1 << 20);
        scene.send(&flow.seg().options(&future).ack(never).text(b"forged"));
        scene.segments();
        scene.data(&mut flow, b"second");
        assert_eq!(scene.host.receive_all(flow.connection), b"firstsecond");
    }
}
