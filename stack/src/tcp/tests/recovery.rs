//! Loss and its repair between two ends, in virtual time: what RFC 8985 promises, on any clock.

use std::collections::BTreeSet;
use std::ops::Range;
use std::vec::Vec;

use super::world::{A, B, World, pattern};
use crate::base::{Duration, Instant};
use crate::call::{ConnectionId, ConnectionOptions};
use crate::config::Config;
use crate::observe::{Observation, Timer};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// The most text in one segment: 1,500 octets less headers and timestamps.
const SEGMENT: usize = 1_448;

/// What a transfer came to.
#[derive(Debug, Default)]
struct Report {
    took: Duration,
    timeouts: usize,
    probes: usize,
    undone: usize,
    retransmissions: u64,
}

fn world(quantum: Duration) -> World {
    let config = Config {
        observations_max: 1_000_000,
        ..Config::default()
    };
    let mut world = World::with(7, config.clone(), config);
    world.delay = MS(20);
    // 115 Mbit/s.
    world.serialisation = Duration::from_micros(100);
    world.quantum = quantum;
    world
}

fn connect(world: &mut World) -> (ConnectionId, ConnectionId) {
    let ids = world.connect_with(ConnectionOptions {
        receive_buffer_octets: Some(4_000_000),
        no_delay: Some(true),
        ..ConnectionOptions::default()
    });
    world.run_for(MS(200));
    ids
}

/// A sends `octets` to B. Everything arrives as it was sent.
fn transfer(world: &mut World, ids: (ConnectionId, ConnectionId), octets: usize) -> Report {
    let text = pattern(octets);
    let began = world.now;
    let before = world.status(A, ids.0).retransmissions;
    while world.ends[A].around.log.take().is_some() {}
    let mut sent = 0;
    let mut got = Vec::new();
    while got.len() < octets {
        if sent < octets {
            sent += world.send(A, ids.0, &text[sent..]);
        }
        got.extend(world.receive(B, ids.1, usize::MAX).0);
        assert!(world.step(), "stuck at {} of {octets}", got.len());
        got.extend(world.receive(B, ids.1, usize::MAX).0);
        assert!(world.now.since(began) < Duration::from_secs(600), "slow");
    }
    assert!(got == text);
    let mut report = Report {
        took: world.now.since(began),
        ..Report::default()
    };
    // What is still on its way says whether anything was sent in vain.
    world.run_for(MS(500));
    report.retransmissions = world.status(A, ids.0).retransmissions - before;
    while let Some((_, observation)) = world.ends[A].around.log.take() {
        match observation {
            Observation::TimerFired {
                timer: Timer::Retransmission,
                ..
            } => report.timeouts += 1,
            Observation::TimerFired {
                timer: Timer::TailLossProbe,
                ..
            } => report.probes += 1,
            Observation::RecoveryUndone { .. } => report.undone += 1,
            _ => {}
        }
    }
    assert_eq!(world.status(A, ids.0).in_flight_octets, 0);
    report
}

/// A MiB of which the segments `lost` (counted as they leave) are lost.
fn lossy(quantum: Duration, lost: impl IntoIterator<Item = u64>) -> Report {
    let mut world = world(quantum);
    let ids = connect(&mut world);
    world.lose = lost.into_iter().map(|it| (A, it)).collect();
    transfer(&mut world, ids, 1 << 20)
}

/// A MiB of which the first transmissions of the segments `lost` are lost.
fn lossy_once(lost: Range<u64>) -> Report {
    let mut world = world(Duration::ZERO);
    let ids = connect(&mut world);
    let nxt = world.status(A, ids.0).snd_nxt;
    world.lose_once = lost
        .map(|it| nxt.wrapping_add(it as u32 * SEGMENT as u32))
        .collect();
    let report = transfer(&mut world, ids, 1 << 20);
    assert!(world.lose_once.is_empty());
    report
}

const SEGMENTS: u64 = (1_u64 << 20).div_ceil(SEGMENT as u64);

#[test]
fn rfc8985_3_4_bursts_of_one_to_thirty_losses_anywhere_are_repaired_without_a_timeout() {
    // From behind the initial window on: there, the whole flight may be lost at once.
    for burst in 1..=30 {
        for first in (23..SEGMENTS - 31 - burst).step_by(101) {
            let report = lossy(Duration::ZERO, first..first + burst);
            assert_eq!(report.timeouts, 0, "{burst} from {first}: {report:?}");
            assert_eq!(report.retransmissions, burst, "{first}: {report:?}");
        }
    }
}

#[test]
fn rfc8985_3_4_bursts_in_the_first_flights_are_repaired_if_the_flight_or_its_probe_brings_an_ack() {
    for burst in 1..=30 {
        for first in [0, 1, 2, 3, 5, 8, 13, 19, 20, 22] {
            let report = lossy_once(first..first + burst);
            // IW10, and two segments for each that was acknowledged: so far the flight reaches, and
            // the next segment is the probe of its tail. If all of that is lost, nothing but the timer is
            // left; and again where the same befalls what is sent next.
            let flight_and_probe = 10 + 2 * first + 1 - first;
            if burst < flight_and_probe {
                assert_eq!(report.timeouts, 0, "{burst} from {first}: {report:?}");
            }
        }
    }
}

#[test]
fn rfc3522_3_2_a_timeout_whose_retransmission_is_echoed_needs_no_second_one_for_new_text() {
    // Eleven segments, the initial window and its probe, leave nothing but the timer. What is sent
    // again after it arrives, and shows the rest; new text in its place would be lost once more.
    for burst in 11..=30 {
        let report = lossy_once(0..burst);
        let allowed = 1 + (burst as usize - 11) / 8;
        assert!(report.timeouts <= allowed, "{burst}: {report:?}");
    }
}

#[test]
fn rfc8985_3_4_bursts_near_the_end_are_repaired_without_a_timeout() {
    // Up to a few segments behind the burst: too few for duplicate ACKs, and no more to send.
    for burst in 1..=30 {
        for behind in [1, 2, 3, 6] {
            let first = SEGMENTS - burst - behind;
            let report = lossy_once(first..first + burst);
            assert_eq!(report.timeouts, 0, "{burst}, {behind} behind: {report:?}");
            assert!(report.took < MS(1_500), "{burst}, {behind}: {report:?}");
        }
    }
}

#[test]
fn rfc8985_3_2_a_lost_tail_is_repaired_by_a_probe_and_not_by_a_timeout() {
    for burst in 1..=30 {
        let report = lossy(Duration::ZERO, SEGMENTS - burst..SEGMENTS);
        assert_eq!(report.timeouts, 0, "{burst}: {report:?}");
        assert!(report.probes >= 1, "{burst}: {report:?}");
        assert!(report.took < MS(1_500), "{burst}: {report:?}");
    }
}

#[test]
fn rfc8985_6_2_a_probe_that_is_faster_than_all_before_it_counts() {
    // A short last segment takes less time on the wire than the full ones, and waits for none.
    let mut world = world(Duration::ZERO);
    let ids = connect(&mut world);
    transfer(&mut world, ids, 1 << 20);
    world.delay = Duration::from_micros(19_900);
    let from = world.with_text[A];
    world.lose = (from..from + 3).map(|it| (A, it)).collect();
    let report = transfer(&mut world, ids, 2 * SEGMENT + 100);
    assert_eq!(report.timeouts, 0, "{report:?}");
    assert!(report.probes >= 1, "{report:?}");
}

#[test]
fn rfc8985_4_any_clock_will_do() {
    for quantum in [Duration::from_micros(1), MS(1), MS(4), MS(15)] {
        let clean = lossy(quantum, []);
        assert_eq!(clean.retransmissions, 0, "{quantum:?}: {clean:?}");
        assert_eq!(clean.timeouts, 0, "{quantum:?}: {clean:?}");
        for burst in [1, 2, 3, 7, 12] {
            // A flight is longer than that from here on, even where one ACK answers a whole batch.
            for first in [333, 500, SEGMENTS - 32 - burst, SEGMENTS - burst] {
                let report = lossy(quantum, first..first + burst);
                assert_eq!(
                    report.timeouts, 0,
                    "{quantum:?} {burst} {first}: {report:?}"
                );
                // The probe may repeat one that was not lost.
                assert!(
                    report.retransmissions <= burst + 1,
                    "{quantum:?} {burst} {first}: {report:?}"
                );
            }
        }
    }
}

#[test]
fn rfc8985_09_lost_retransmissions_are_found_by_time() {
    for burst in [1, 2, 5, 12] {
        let first = 200;
        // Find out where the retransmissions leave, then lose those as well.
        let mut world = world(Duration::ZERO);
        let ids = connect(&mut world);
        world.lose = (first..first + burst).map(|it| (A, it)).collect();
        transfer(&mut world, ids, 1 << 20);
        let again = retransmitted(&world);
        assert_eq!(again.len() as u64, burst);
        let both = (first..first + burst).chain(again);
        let report = lossy(Duration::ZERO, both);
        assert_eq!(report.timeouts, 0, "{burst}: {report:?}");
        assert_eq!(report.retransmissions, 2 * burst, "{report:?}");
    }
}

/// Which of A's packets with text repeat what had been sent before.
fn retransmitted(world: &World) -> Vec<u64> {
    let mut seen = BTreeSet::new();
    let mut at = 0;
    let mut again = Vec::new();
    for (_, end, header, octets) in &world.trace {
        if *end != A || *octets == 0 {
            continue;
        }
        let mut piece = 0;
        while piece < *octets {
            let seq = (header.seq + piece as u32).raw();
            if !seen.insert(seq) {
                again.push(at);
            }
            at += 1;
            piece += SEGMENT;
        }
    }
    again
}

#[test]
fn rfc8985_3_3_reordering_by_less_than_a_quarter_round_trip_costs_nothing_once_it_is_known() {
    for late in [1, 3, 5, 9] {
        let mut world = world(Duration::ZERO);
        let ids = connect(&mut world);
        // Every seventh segment is late.
        world.delay_more = (0..4_000)
            .filter(|it| it % 7 == 3)
            .map(|it| ((A, it), MS(late)))
            .collect();
        transfer(&mut world, ids, 1 << 20);
        let report = transfer(&mut world, ids, 1 << 21);
        assert_eq!(report.retransmissions, 0, "{late} ms: {report:?}");
        assert_eq!(report.timeouts, 0, "{late} ms: {report:?}");
    }
}

#[test]
fn rfc8985_3_3_2_reordering_by_more_is_learnt_from_duplicates() {
    let mut world = world(Duration::ZERO);
    let ids = connect(&mut world);
    // Half a round trip: beyond the window that RACK begins with.
    world.delay_more = (0..20_000)
        .filter(|it| it % 50 == 3)
        .map(|it| ((A, it), MS(22)))
        .collect();
    let first = transfer(&mut world, ids, 1 << 22);
    let second = transfer(&mut world, ids, 1 << 22);
    let third = transfer(&mut world, ids, 1 << 22);
    assert_eq!(third.retransmissions, 0, "{first:?} {second:?} {third:?}");
    assert_eq!((first.timeouts, second.timeouts), (0, 0));
    let status = world.status(A, ids.0);
    assert!(status.reordering_seen && status.dsacks > 0, "{status:?}");
    assert_eq!(status.timeouts_total, 0);
}

#[test]
fn lost_acknowledgments_cost_no_retransmission() {
    for one_of in [10, 4, 2] {
        let mut world = world(Duration::ZERO);
        let ids = connect(&mut world);
        world.lose_acks = one_of;
        let report = transfer(&mut world, ids, 1 << 20);
        // The last acknowledgment has no successor: a probe asks for it, and where that of the probe is
        // lost as well, the timer.
        let most = usize::from(one_of == 2);
        assert!(report.timeouts <= most, "one of {one_of}: {report:?}");
        assert!(report.retransmissions <= 2, "one of {one_of}: {report:?}");
    }
}

#[test]
fn rfc4015_a_reduction_for_what_was_only_late_is_undone() {
    let mut world = world(Duration::ZERO);
    let ids = connect(&mut world);
    transfer(&mut world, ids, 1 << 20);
    let before = world.status(A, ids.0).ssthresh_octets;
    let from = world.with_text[A];
    // One segment is overtaken by far more than RACK waits before it saw that.
    world.delay_more = [((A, from + 100), MS(39))].into();
    let report = transfer(&mut world, ids, 1 << 20);
    assert_eq!(report.undone, 1, "{report:?}");
    assert_eq!(report.timeouts, 0, "{report:?}");
    assert_eq!(world.status(A, ids.0).ssthresh_octets, before);
}

#[test]
fn rfc5682_a_delay_spike_is_no_loss() {
    let mut world = world(Duration::ZERO);
    let ids = connect(&mut world);
    transfer(&mut world, ids, 1 << 20);
    let before = world.status(A, ids.0);
    // Everything from here on is late by a second, then the path recovers.
    let text = pattern(200_000);
    world.delay = MS(1_000);
    world.send(A, ids.0, &text[..20_000]);
    world.pull();
    world.delay = MS(20);
    world.run_for(MS(3_000));
    let got = world.receive(B, ids.1, usize::MAX).0;
    assert!(got == text[..20_000]);
    let after = world.status(A, ids.0);
    assert!(after.ssthresh_octets >= before.ssthresh_octets, "{after:?}");
    assert_eq!(after.rto.max(MS(500)), after.rto, "{:?}", after.rto);
}

#[test]
fn the_last_of_a_connection_is_repaired_too() {
    // The text and FIN of a short answer, each lost once, with everything before it.
    for lost in 0..4 {
        let mut world = world(Duration::ZERO);
        let ids = connect(&mut world);
        world.lose = (0..=lost).map(|it| (A, it)).collect();
        world.send(A, ids.0, &pattern(100));
        let it = &mut world.ends[A];
        it.tcp
            .shutdown(
                &mut it.around.at(world.now),
                ids.0,
                crate::call::Shutdown::Write,
            )
            .unwrap();
        let began = world.now;
        world.run_for(Duration::from_secs(20));
        let (text, is_end) = world.receive(B, ids.1, usize::MAX);
        assert!(text == pattern(100) && is_end, "{lost} lost");
        let _: Instant = began;
    }
}
