//! RFC 9406: HyStart++ ends slow start when the round trip grows, and not for a false alarm.
//!
//! A scripted peer acknowledges every segment by itself after a round trip of the test's choice.
//! CUBIC, the only algorithm that asks HyStart++, is what the connections use.

use std::collections::BTreeSet;

use sidestep_stack::base::Duration;
use sidestep_stack::status::CongestionMode;
use sidestep_tests::craft::{Segment, pattern};
use sidestep_tests::scene::{BOTH, Flow, Peer, Scene};

const SMSS: u32 = 1_460;
/// N_RTT_SAMPLE.
const SAMPLES: u32 = 8;

const fn micros(microseconds: u64) -> Duration {
    Duration::from_micros(microseconds)
}

const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A connection in its first slow start, with more text than it will send, and the rounds of its
/// sender as RFC 9406 §4.2 counts them.
struct Transfer {
    scene: Scene,
    flow: Flow,
    /// windowEnd.
    window_end: Option<u32>,
    /// rttSampleCount.
    samples: u32,
    rounds: u32,
}

impl Transfer {
    fn new(round_trip: Duration, segments_max: Option<u64>) -> Self {
        let mut scene = Scene::with(BOTH[0], |config| {
            config.congestion_algorithm = 1;
            config.send_buffer_octets = 32 << 20;
            if let Some(segments_max) = segments_max {
                config.slow_start_segments_max = segments_max;
            }
        });
        let flow = scene.dial_slowly(
            Peer {
                scale: Some(14),
                ..Peer::sack()
            },
            round_trip,
        );
        scene.send(&flow.seg());
        scene.host.send(flow.connection, &pattern(0, 16 << 20));
        Self {
            scene,
            flow,
            window_end: None,
            samples: 0,
            rounds: 0,
        }
    }

    fn mode(&mut self) -> CongestionMode {
        self.scene.host.status(self.flow.connection).congestion_mode
    }

    fn cwnd(&mut self) -> u32 {
        self.scene.host.status(self.flow.connection).cwnd_octets
    }

    /// All that is in flight is acknowledged after `round_trip`, segment by segment. `look` sees each
    /// acknowledgment: the modes before and after it, and by how much cwnd grew.
    fn flight(&mut self, round_trip: Duration, mut look: impl FnMut(&mut Self, Seen)) {
        let flight = self.scene.take_flight(&mut self.flow);
        self.scene.host.advance(round_trip);
        for segment in &flight {
            let end = segment.seq.wrapping_add(segment.len());
            let before = self.scene.host.status(self.flow.connection);
            self.scene.send(&self.flow.seg().ack(end));
            let after = self.scene.host.status(self.flow.connection);
            let ends = self
                .window_end
                .is_none_or(|it| end.wrapping_sub(it) < 1 << 31);
            self.samples += 1;
            let seen = Seen {
                before: before.congestion_mode,
                after: after.congestion_mode,
                grew: after.cwnd_octets - before.cwnd_octets,
                samples: self.samples,
            };
            if ends {
                self.window_end = Some(before.snd_nxt);
                self.samples = 0;
                self.rounds += 1;
            }
            look(self, seen);
        }
    }
}

/// What one acknowledgment brought about.
#[derive(Clone, Copy, Debug)]
struct Seen {
    before: CongestionMode,
    after: CongestionMode,
    grew: u32,
    /// Samples of its round so far.
    samples: u32,
}

/// Two flights with one round trip, then three with another.
fn mode_after(base: Duration, then: Duration) -> CongestionMode {
    let mut transfer = Transfer::new(base, None);
    for _ in 0..2 {
        transfer.flight(base, |_, _| {});
    }
    assert_eq!(transfer.mode(), CongestionMode::SlowStart);
    // The first acknowledgments of a flight still belong to the round before.
    for _ in 0..2 {
        transfer.flight(then, |_, _| {});
    }
    transfer.mode()
}

#[test]
fn rfc9406_01_a_round_trip_that_grows_by_an_eighth_ends_slow_start() {
    for (base_ms, threshold) in [
        // MIN_RTT_THRESH.
        (8, millis(4)),
        (32, millis(4)),
        // An eighth.
        (64, millis(8)),
        (100, micros(12_500)),
        // MAX_RTT_THRESH.
        (128, millis(16)),
        (300, millis(16)),
    ] {
        let base = millis(base_ms);
        let below = base + threshold - micros(100);
        assert_eq!(mode_after(base, base), CongestionMode::SlowStart);
        assert_eq!(
            mode_after(base, below),
            CongestionMode::SlowStart,
            "{base_ms} ms, just below"
        );
        assert_eq!(
            mode_after(base, base + threshold),
            CongestionMode::ConservativeSlowStart,
            "{base_ms} ms, just enough"
        );
    }
}

#[test]
fn rfc9406_01_eight_samples_of_a_round_are_needed() {
    let mut transfer = Transfer::new(millis(50), None);
    for _ in 0..2 {
        transfer.flight(millis(50), |_, _| {});
    }
    let mut decided_at = None;
    for _ in 0..2 {
        transfer.flight(millis(80), |_, seen| {
            if seen.before == CongestionMode::SlowStart && seen.after != seen.before {
                decided_at.get_or_insert(seen.samples);
            }
        });
    }
    assert_eq!(decided_at, Some(SAMPLES));
}

/// A transfer that has just begun conservative slow start at `round_trip`, and in which round.
fn conservative(round_trip: Duration) -> (Transfer, u32) {
    let mut transfer = Transfer::new(millis(50), None);
    for _ in 0..2 {
        transfer.flight(millis(50), |_, _| {});
    }
    let mut began = None;
    for _ in 0..2 {
        transfer.flight(round_trip, |transfer, seen| {
            if seen.after == CongestionMode::ConservativeSlowStart {
                began.get_or_insert(transfer.rounds);
            }
        });
    }
    assert_eq!(transfer.mode(), CongestionMode::ConservativeSlowStart);
    (transfer, began.expect("the mode says so"))
}

#[test]
fn rfc9406_02_conservative_slow_start_grows_by_a_quarter_for_five_rounds() {
    let (mut transfer, began) = conservative(millis(80));
    let mut ended = None;
    for _ in 0..6 {
        transfer.flight(millis(80), |transfer, seen| {
            if seen.after == CongestionMode::ConservativeSlowStart {
                assert_eq!(seen.grew, SMSS / 4, "one segment was acknowledged");
            } else if ended.is_none() {
                ended = Some(transfer.rounds);
                let status = transfer.scene.host.status(transfer.flow.connection);
                assert_eq!(status.congestion_mode, CongestionMode::Avoidance);
                assert_eq!(status.cwnd_octets, status.ssthresh_octets);
            }
        });
    }
    // "If the entry into CSS happened in the middle of a round, that partial round counts."
    assert_eq!(ended.expect("it never ended") - began, 5);
}

#[test]
fn rfc9406_02_a_round_trip_below_the_baseline_was_a_false_alarm() {
    // Equal to the baseline is not below it.
    for (round_trip, mode) in [
        (millis(80), CongestionMode::ConservativeSlowStart),
        (millis(79), CongestionMode::SlowStart),
    ] {
        let (mut transfer, _) = conservative(millis(80));
        transfer.flight(round_trip, |_, _| {});
        assert_eq!(transfer.mode(), mode);
    }
    let (mut transfer, _) = conservative(millis(80));
    transfer.flight(millis(60), |_, _| {});
    assert_eq!(transfer.mode(), CongestionMode::SlowStart);
    transfer.flight(millis(60), |_, seen| {
        if seen.after == CongestionMode::SlowStart {
            assert_eq!(seen.grew, SMSS, "as in slow start again");
        }
    });
}

/// By how much one acknowledgment of a whole flight of `segments` makes cwnd grow.
fn growth_by_one_ack(segments_max: Option<u64>, flights: usize) -> (u32, u32) {
    let mut transfer = Transfer::new(millis(20), segments_max);
    for _ in 0..flights {
        transfer.flight(millis(20), |_, _| {});
    }
    let flight = transfer.scene.take_flight(&mut transfer.flow);
    let octets: u32 = flight.iter().map(Segment::len).sum();
    let before = transfer.cwnd();
    transfer.scene.host.advance(millis(20));
    let all = transfer.flow.seg();
    transfer.scene.send(&all);
    (octets / SMSS, (transfer.cwnd() - before) / SMSS)
}

#[test]
fn rfc9406_03_an_acknowledgment_adds_eight_segments_at_most_if_so_configured() {
    // L = 8 where nothing is paced.
    assert_eq!(growth_by_one_ack(Some(8), 0), (10, 8));
    assert_eq!(growth_by_one_ack(Some(8), 1), (20, 8));
    // By default an acknowledgment may answer a batch, and 64 segments count.
    assert_eq!(growth_by_one_ack(None, 0), (10, 10));
    assert_eq!(growth_by_one_ack(None, 3), (80, 64));
}

/// The peer takes what leaves, in order or not, and acknowledges each segment after `round_trip`.
fn receive(transfer: &mut Transfer, have: &mut BTreeSet<u32>, round_trip: Duration) {
    let mut sent = transfer.scene.segments();
    sent.retain(|segment| !segment.text.is_empty());
    transfer.scene.host.advance(round_trip);
    for segment in sent {
        assert_eq!(segment.len(), SMSS);
        have.insert(segment.seq);
        while have.remove(&transfer.flow.rcv) {
            transfer.flow.rcv = transfer.flow.rcv.wrapping_add(SMSS);
        }
        let acknowledgment = transfer.flow.seg();
        transfer.scene.send(&acknowledgment);
    }
}

#[test]
fn rfc9406_03_only_the_first_slow_start_is_watched() {
    let mut transfer = Transfer::new(millis(50), None);
    for _ in 0..3 {
        transfer.flight(millis(50), |_, _| {});
    }
    // A whole flight is lost; the timeout leaves one segment and a threshold.
    let lost = transfer.scene.segments();
    assert!(lost.len() >= 80);
    while transfer
        .scene
        .host
        .status(transfer.flow.connection)
        .timeouts
        == 0
    {
        transfer.scene.segments();
        transfer.scene.host.advance(millis(10));
    }
    let status = transfer.scene.host.status(transfer.flow.connection);
    assert!(status.cwnd_octets <= SMSS && status.ssthresh_octets >= 20 * SMSS);
    // Slow start again, in which the round trip grows by more than any threshold.
    let mut have = BTreeSet::new();
    let mut round_trip = 50;
    let mut rounds = 0;
    loop {
        let status = transfer.scene.host.status(transfer.flow.connection);
        assert_ne!(
            status.congestion_mode,
            CongestionMode::ConservativeSlowStart
        );
        if status.cwnd_octets >= status.ssthresh_octets {
            break;
        }
        rounds += 1;
        assert!(rounds < 20);
        receive(&mut transfer, &mut have, millis(round_trip));
        round_trip += 20;
    }
    assert!(rounds >= 4, "it was over after {rounds}");
}
