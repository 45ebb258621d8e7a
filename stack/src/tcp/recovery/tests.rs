//! Loss recovery as a conversation in numbers.

use super::rtt::RttEstimator;
use super::scoreboard::Scoreboard;
use super::{LossRecovery, Pace, Repair, Resend, ResendAll, Sack, SentStamp};
use crate::base::{Duration, Instant, SeqNumber};
use crate::config::Config;
use crate::tcp::delivery::DeliverySnapshot;
use crate::tcp::sample::{AckOutcome, AckSample, LossSignal, PathClock};
use crate::wire::tcp_options::{SackBlock, SackBlocks};

const SMSS: u32 = 100;

fn seq(raw: u32) -> SeqNumber {
    SeqNumber::new(raw)
}

fn sacks(blocks: &[(u32, u32)]) -> SackBlocks {
    let mut sack = SackBlocks::new();
    for (left, right) in blocks {
        sack.push(SackBlock {
            left: seq(*left),
            right: seq(*right),
        });
    }
    sack
}

fn ms(at: u64) -> Instant {
    Instant::from_millis(at)
}

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A sender whose text begins at 1,000 and has 20 segments in flight, which left at 1,000 ms over a
/// path of 100 ms.
struct Sender {
    recovery: Repair,
    una: u32,
    nxt: u32,
    now: Instant,
    echoed_at: Option<Instant>,
}

impl Sender {
    fn new(sack: Sack) -> Self {
        let mut sender = Self::empty(sack);
        sender.send(3_000);
        sender.now = ms(1_100);
        sender
    }

    fn empty(sack: Sack) -> Self {
        let mut recovery = Repair::new(seq(999), 64);
        recovery.on_established(seq(1_000), sack);
        Self {
            recovery,
            una: 1_000,
            nxt: 1_000,
            now: ms(1_000),
            echoed_at: None,
        }
    }

    fn clock(&self) -> PathClock {
        PathClock {
            now: self.now,
            srtt: Some(MS(100)),
            min_rtt: Some(MS(100)),
        }
    }

    fn stamp(&self) -> SentStamp {
        SentStamp {
            now: self.now,
            snapshot: DeliverySnapshot::default(),
            smss: SMSS,
        }
    }

    /// New text up to `nxt` leaves.
    fn send(&mut self, nxt: u32) {
        self.recovery.on_sent(seq(self.nxt), seq(nxt), self.stamp());
        self.nxt = nxt;
    }

    fn outcome(&mut self, ack: u32, blocks: &[(u32, u32)]) -> AckOutcome {
        let sample = AckSample {
            una_before: seq(self.una),
            ack: seq(ack),
            nxt: seq(self.nxt),
            smss: SMSS,
            is_duplicate: ack == self.una,
            clock: self.clock(),
            echoed_at: self.echoed_at,
        };
        self.una = ack;
        let outcome = self.recovery.on_ack(&sample, &sacks(blocks));
        self.recovery.on_pace(
            &outcome,
            Pace {
                progress: sample.acked_octets() > 0,
                nxt: seq(self.nxt),
                ssthresh: 1_000,
            },
        );
        outcome
    }

    fn ack(&mut self, ack: u32, blocks: &[(u32, u32)]) -> LossSignal {
        self.outcome(ack, blocks).signal
    }

    fn resend(&mut self) -> Option<(u32, u32)> {
        let resend = self.recovery.next_resend(SMSS, SMSS)?;
        self.recovery.on_resent(resend, self.stamp());
        Some((resend.seq.raw(), resend.octets))
    }

    fn time_out(&mut self) {
        let (nxt, clock) = (seq(self.nxt), self.clock());
        self.recovery.on_timeout(nxt, &clock);
    }

    fn reordering_timer(&mut self) -> LossSignal {
        self.now = self.recovery.reordering_deadline().unwrap();
        let (nxt, clock) = (seq(self.nxt), self.clock());
        self.recovery.on_reordering_timer(nxt, &clock).signal
    }

    fn pipe(&self) -> u32 {
        self.recovery.pipe_octets(seq(self.nxt))
    }
}

#[test]
fn rfc5681_06_the_third_duplicate_brings_the_retransmission() {
    let mut sender = Sender::new(Sack::NotAgreed);
    assert_eq!(sender.ack(1_000, &[]), LossSignal::None);
    assert_eq!(sender.pipe(), 1_900);
    assert_eq!(sender.ack(1_000, &[]), LossSignal::None);
    assert_eq!(sender.pipe(), 1_800);
    assert_eq!(sender.resend(), None);
    assert_eq!(
        sender.ack(1_000, &[]),
        LossSignal::LossDetected {
            flight_octets: 2_000
        }
    );
    assert!(sender.recovery.resends_regardless());
    assert_eq!(sender.resend(), Some((1_000, 100)));
    assert_eq!(sender.resend(), None);
    // Twenty in flight, three have left.
    assert_eq!(sender.pipe(), 1_700);
}

#[test]
fn rfc6582_01_a_partial_ack_resends_the_next_hole_and_a_full_one_ends_it() {
    let mut sender = Sender::new(Sack::NotAgreed);
    for _ in 0..3 {
        sender.ack(1_000, &[]);
    }
    sender.resend();
    assert_eq!(sender.ack(1_500, &[]), LossSignal::Recovering);
    assert_eq!(sender.resend(), Some((1_500, 100)));
    assert_eq!(sender.resend(), None);
    assert_eq!(sender.ack(3_000, &[]), LossSignal::Recovered);
    assert!(!sender.recovery.is_recovering());
    // Old duplicates do not begin a second recovery.
    sender.send(4_000);
    for _ in 0..5 {
        assert_eq!(sender.ack(3_000, &[]), LossSignal::None);
    }
}

#[test]
fn rfc9293_3_8_1_what_was_never_sent_is_not_sent_again_where_flights_are_shorter_than_a_segment() {
    for sack in [Sack::NotAgreed, Sack::Agreed] {
        // Four segments of ten octets, in the place of one full segment.
        let mut sender = Sender::empty(sack);
        sender.send(1_040);
        sender.now = ms(1_100);
        for end in [1_020, 1_030, 1_040] {
            sender.ack(1_000, &[(end - 10, end)]);
        }
        let lost = sender.resend();
        match sack {
            Sack::NotAgreed => assert_eq!(lost, Some((1_000, 40))),
            Sack::Agreed => assert_eq!(lost, Some((1_000, 10))),
        }
        assert_eq!(sender.resend(), None);
    }
    // The same after a partial acknowledgment.
    let mut sender = Sender::new(Sack::NotAgreed);
    for _ in 0..3 {
        sender.ack(1_000, &[]);
    }
    sender.resend();
    sender.ack(2_970, &[]);
    assert_eq!(sender.resend(), Some((2_970, 30)));
    assert_eq!(sender.resend(), None);
}

#[test]
fn rfc6675_02_two_segments_above_are_no_loss_and_three_are() {
    let mut sender = Sender::new(Sack::Agreed);
    assert_eq!(sender.ack(1_000, &[(1_100, 1_300)]), LossSignal::None);
    assert_eq!(sender.resend(), None);
    assert_eq!(sender.pipe(), 1_800);
    assert!(matches!(
        sender.ack(1_000, &[(1_100, 1_400)]),
        LossSignal::LossDetected { .. }
    ));
    assert_eq!(sender.resend(), Some((1_000, 100)));
    assert_eq!(sender.resend(), None);
}

#[test]
fn rfc6675_01_each_hole_is_resent_once_and_recovery_ends_at_its_point() {
    let mut sender = Sender::new(Sack::Agreed);
    let blocks = [(1_100, 1_500), (1_600, 1_900), (2_000, 3_000)];
    assert!(matches!(
        sender.ack(1_000, &blocks),
        LossSignal::LossDetected { .. }
    ));
    // Three holes of one segment each; nothing else is in the network.
    assert_eq!(sender.pipe(), 0);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    assert_eq!(sender.resend(), Some((1_500, 100)));
    assert_eq!(sender.resend(), Some((1_900, 100)));
    assert_eq!(sender.resend(), None);
    assert_eq!(sender.pipe(), 300);
    assert_eq!(sender.ack(1_500, &blocks[1..]), LossSignal::Recovering);
    assert_eq!(sender.resend(), None);
    assert_eq!(sender.ack(3_000, &[]), LossSignal::Recovered);
}

#[test]
fn a_retransmission_that_was_lost_is_sent_again_without_a_timeout() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.ack(1_000, &[(1_100, 1_500)]);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    // New text goes out later, and arrives: the hole is still there.
    sender.send(3_500);
    sender.now = ms(1_200);
    sender.ack(1_000, &[(1_100, 3_000)]);
    assert_eq!(sender.resend(), None);
    sender.ack(1_000, &[(1_100, 3_300)]);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    assert_eq!(sender.resend(), None);
}

#[test]
fn rfc2018_04_after_a_timeout_the_left_edge_is_resent_first_and_what_was_reported_is_not() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.ack(1_000, &[(1_100, 1_300)]);
    sender.now = ms(2_000);
    sender.time_out();
    assert_eq!(sender.pipe(), 0);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    // F-RTO waits for the acknowledgment of the first one (RFC 5682 §3.1, step 2).
    assert_eq!(sender.resend(), None);
    sender.now = ms(2_100);
    sender.ack(1_300, &[]);
    sender.recovery.on_no_new_text();
    assert_eq!(sender.resend(), Some((1_300, 100)));
    sender.ack(1_300, &[(1_400, 1_900)]);
    assert_eq!(sender.resend(), Some((1_900, 100)));
}

#[test]
fn rfc2018_05_bad_63_a_peer_that_throws_away_what_it_reported_gets_it_again() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.ack(1_000, &[(1_100, 1_500), (1_600, 3_000)]);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    assert_eq!(sender.resend(), Some((1_500, 100)));
    sender.now = ms(1_200);
    // SND.UNA stops where something had been reported: none of it is believed.
    assert_eq!(sender.ack(1_100, &[]), LossSignal::Recovering);
    let mut at = 1_100;
    while let Some((seq, octets)) = sender.resend() {
        assert_eq!((seq, octets), (at, 100));
        at += 100;
    }
    assert_eq!(at, 3_000);
}

#[test]
fn rfc6675_03_no_fast_recovery_begins_before_what_timed_out_is_acknowledged() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.now = ms(2_000);
    sender.time_out();
    for right in [1_400, 1_500, 1_600, 1_700] {
        assert_eq!(sender.ack(1_000, &[(1_100, right)]), LossSignal::None);
    }
    assert_eq!(sender.ack(3_000, &[]), LossSignal::None);
    assert!(!sender.recovery.is_recovering());
}

#[test]
fn rfc2018_06_bad_63_blocks_that_cannot_be_true_are_ignored() {
    let mut board = Scoreboard::new(seq(1_000), 8);
    let nxt = seq(2_000);
    for block in [
        (1_100, 1_100),
        (1_200, 1_100),
        (900, 950),
        (900, 1_100),
        (1_000, 1_100),
        (1_900, 2_001),
        (2_000, 2_100),
        (1_100, 1_100 + (1 << 31)),
    ] {
        assert_eq!(board.take(&sacks(&[block]), nxt, |_| {}), 0, "{block:?}");
        assert!(board.is_empty());
    }
    assert_eq!(board.take(&sacks(&[(1_900, 2_000)]), nxt, |_| {}), 100);
    assert_eq!(board.take(&sacks(&[(1_900, 2_000)]), nxt, |_| {}), 0);
}

#[test]
fn bad_52_the_scoreboard_is_bounded() {
    let mut board = Scoreboard::new(seq(0), 8);
    for at in 0..10_000_u32 {
        board.take(&sacks(&[(2 * at + 1, 2 * at + 2)]), seq(1 << 24), |_| {});
    }
    assert_eq!(board.sacked_within(0..1 << 24), 8);
}

#[test]
fn the_scoreboard_counts_across_the_wrap() {
    let mut board = Scoreboard::new(seq(u32::MAX - 99), 8);
    let nxt = seq(1_000);
    assert_eq!(board.take(&sacks(&[(u32::MAX - 9, 90)]), nxt, |_| {}), 100);
    assert_eq!(board.first_unsacked(0..400), Some(0..90));
    board.advance(seq(200));
    assert_eq!(board.una(), 300);
    assert_eq!(board.seq_at(300), seq(200));
    assert!(board.is_empty());
}

#[test]
fn rfc6298_01_the_estimator_follows_the_rfc() {
    let millis = Duration::from_millis;
    let mut rtt = RttEstimator::new(&Config::strict());
    assert_eq!(rtt.rto(), millis(1_000));
    rtt.on_sample(millis(1_000));
    assert_eq!(rtt.srtt(), Some(millis(1_000)));
    assert_eq!(rtt.rttvar(), Some(millis(500)));
    assert_eq!(rtt.rto(), millis(3_000));
    rtt.on_sample(millis(2_000));
    // RTTVAR = 3/4 * 500 + 1/4 * 1000, SRTT = 7/8 * 1000 + 1/8 * 2000.
    assert_eq!(rtt.rttvar(), Some(millis(625)));
    assert_eq!(rtt.srtt(), Some(millis(1_125)));
    assert_eq!(rtt.rto(), millis(3_625));
}

#[test]
fn rfc6298_2_4_a_least_below_a_second_is_a_margin_beyond_any_round_trip() {
    let millis = Duration::from_millis;
    for r in [1, 199, 200, 201, 300, 900] {
        let (mut ours, mut strict) = (
            RttEstimator::new(&Config::default()),
            RttEstimator::new(&Config::strict()),
        );
        // A flight of even round trips: RTTVAR goes to nothing.
        for _ in 0..200 {
            ours.on_sample(millis(r));
            strict.on_sample(millis(r));
        }
        let of = |rtt: &RttEstimator| rtt.rto().as_millis() as u64;
        assert!((r + 199..=r + 200).contains(&of(&ours)), "{r}: {ours:?}");
        assert!(of(&strict) >= 1_000, "{r}: {strict:?}");
    }
    // Where the second is kept, the round trip and its variance are all that counts beyond it.
    let mut strict = RttEstimator::new(&Config::strict());
    strict.on_sample(millis(900));
    assert_eq!(strict.rto(), millis(2_700));
}

#[test]
fn rfc6298_06_the_timeout_doubles_up_to_its_cap() {
    let mut rtt = RttEstimator::new(&Config::default());
    for secs in [1, 2, 4, 8, 16, 32, 60, 60] {
        assert_eq!(rtt.rto(), Duration::from_secs(secs));
        rtt.on_timeout();
    }
    rtt.on_sample(Duration::from_millis(1));
    assert_eq!(rtt.rto(), Duration::from_millis(201));
}

#[test]
fn rfc6298_07_a_lost_syn_makes_the_first_timeout_three_seconds() {
    let mut rtt = RttEstimator::new(&Config::default());
    rtt.on_timeout();
    rtt.on_lossy_handshake();
    assert_eq!(rtt.rto(), Duration::from_secs(3));
    rtt.on_sample(Duration::from_millis(300));
    assert_eq!(rtt.rto(), Duration::from_millis(900));
}

#[test]
fn everything_sent_again_begins_at_the_front() {
    let mut sender = Sender::new(Sack::NotAgreed);
    sender
        .recovery
        .on_resend_all(seq(sender.nxt), ResendAll::NotCongestion);
    let mut at = 1_000;
    while let Some((seq, octets)) = sender.resend() {
        assert_eq!((seq, octets), (at, 100));
        at += 100;
    }
    assert_eq!(at, 3_000);
    assert_eq!(sender.pipe(), 2_000);
    let _: Option<Resend> = sender.recovery.next_resend(SMSS, SMSS);
}

#[test]
fn rfc8985_01_without_sack_three_duplicates_are_what_counts() {
    let mut sender = Sender::new(Sack::NotAgreed);
    sender.ack(1_000, &[]);
    sender.ack(1_000, &[]);
    assert!(!sender.recovery.may_probe_tail());
    assert_eq!(sender.recovery.reordering_deadline(), None);
    assert!(matches!(
        sender.ack(1_000, &[]),
        LossSignal::LossDetected { .. }
    ));
}

#[test]
fn rfc8985_05_two_reports_and_silence_end_in_the_reordering_timer() {
    let mut sender = Sender::new(Sack::Agreed);
    assert_eq!(sender.ack(1_000, &[(2_900, 3_000)]), LossSignal::None);
    // Sent at 1,000 ms; RACK.rtt is 100 ms, and the window a quarter of the shortest round trip.
    assert_eq!(sender.recovery.reordering_deadline(), Some(ms(1_125)));
    sender.now = ms(1_124);
    assert_eq!(sender.ack(1_000, &[(2_900, 3_000)]), LossSignal::None);
    assert!(matches!(
        sender.reordering_timer(),
        LossSignal::LossDetected { .. }
    ));
    assert_eq!(sender.resend(), Some((1_000, 100)));
    assert_eq!(sender.pipe(), 100);
}

#[test]
fn rfc8985_02_after_reordering_was_seen_only_time_tells() {
    let mut sender = Sender::new(Sack::Agreed);
    // One arrives late, in a way that shows.
    sender.ack(1_000, &[(1_100, 1_200)]);
    assert_eq!(sender.ack(1_200, &[]), LossSignal::None);
    // Three reports and more are no loss now.
    for right in [1_500, 1_600, 1_700, 1_800] {
        assert_eq!(sender.ack(1_200, &[(1_300, right)]), LossSignal::None);
    }
    assert_eq!(sender.recovery.reordering_deadline(), Some(ms(1_125)));
    // It was late by less than that.
    sender.now = ms(1_124);
    assert_eq!(sender.ack(1_800, &[]), LossSignal::None);
    assert_eq!(sender.resend(), None);
    // The next one is late by more.
    sender.ack(1_800, &[(1_900, 2_500)]);
    assert_eq!(sender.recovery.reordering_deadline(), Some(ms(1_149)));
    assert!(matches!(
        sender.reordering_timer(),
        LossSignal::LossDetected { .. }
    ));
}

#[test]
fn rfc8985_03_the_window_grows_with_each_round_of_dsack_and_falls_back_after_sixteen_recoveries() {
    let mut rack = super::rack::Rack::new();
    let wnd = |rack: &super::rack::Rack, segments| {
        let no = super::rack::Repairing::No;
        rack.reo_wnd(no, segments, Some(MS(100)), Some(MS(200)))
    };
    assert_eq!(wnd(&rack, 2), MS(25));
    assert_eq!(wnd(&rack, 3), Duration::ZERO);
    let yes = super::rack::Repairing::Yes;
    assert_eq!(rack.reo_wnd(yes, 0, Some(MS(100)), None), Duration::ZERO);
    for round in 1..=3_u64 {
        rack.on_dsack(round * 1_000);
        rack.on_dsack(round * 1_000);
        assert_eq!(wnd(&rack, 2), MS(25 * (round + 1)));
        rack.on_una(round * 1_000 - 1);
        rack.on_dsack(round * 1_000);
        rack.on_una(round * 1_000);
    }
    for _ in 0..15 {
        rack.on_recovered();
        assert_eq!(wnd(&rack, 2), MS(100));
    }
    rack.on_recovered();
    assert_eq!(wnd(&rack, 2), MS(25));
}

#[test]
fn rfc8985_04_the_window_never_exceeds_srtt() {
    let mut rack = super::rack::Rack::new();
    for round in 1..=1_000 {
        rack.on_dsack(round);
        rack.on_una(round);
    }
    let no = super::rack::Repairing::No;
    let wnd = rack.reo_wnd(no, 0, Some(MS(100)), Some(MS(130)));
    assert_eq!(wnd, MS(130));
}

#[test]
fn rfc8985_09_a_lost_retransmission_is_found_by_a_later_one() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.ack(1_000, &[(1_100, 1_500), (1_600, 3_000)]);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    sender.now = ms(1_110);
    assert_eq!(sender.resend(), Some((1_500, 100)));
    // The second one arrives, a round trip later.
    sender.now = ms(1_210);
    sender.ack(1_000, &[(1_100, 3_000)]);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    assert_eq!(sender.resend(), None);
}

#[test]
fn rfc8985_07_one_probe_at_a_time_and_only_after_a_fresh_sample() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.ack(2_900, &[]);
    assert!(sender.recovery.may_probe_tail());
    let last = sender.recovery.last_segment(seq(3_000)).unwrap();
    assert_eq!((last.seq.raw(), last.octets), (2_900, 100));
    let stamp = sender.stamp();
    let probe = super::TailProbeSent::LastSegment(last);
    sender.recovery.on_tail_probe_sent(probe, seq(3_000), stamp);
    assert!(!sender.recovery.may_probe_tail());
    // The probe is acknowledged as a duplicate: all had arrived.
    sender.now = ms(1_200);
    assert_eq!(sender.ack(3_000, &[(2_900, 3_000)]), LossSignal::None);
    sender.send(3_100);
    assert!(!sender.recovery.may_probe_tail(), "no sample was taken");
    sender.now = ms(1_300);
    sender.ack(3_100, &[]);
    sender.send(3_200);
    assert!(sender.recovery.may_probe_tail());
}

#[test]
fn rfc8985_08_a_loss_that_the_probe_repaired_is_told_once_and_a_duplicate_is_none() {
    for dsack in [false, true] {
        let mut sender = Sender::new(Sack::Agreed);
        let last = sender.recovery.last_segment(seq(3_000)).unwrap();
        let stamp = sender.stamp();
        let probe = super::TailProbeSent::LastSegment(last);
        sender.recovery.on_tail_probe_sent(probe, seq(3_000), stamp);
        sender.send(3_100);
        sender.now = ms(1_300);
        let blocks: &[(u32, u32)] = if dsack { &[(2_900, 3_000)] } else { &[] };
        assert_eq!(sender.ack(3_000, blocks), LossSignal::None);
        let signal = sender.ack(3_100, &[]);
        let repaired = matches!(signal, LossSignal::TailLossRepaired { .. });
        assert_eq!(repaired, !dsack, "{signal:?}");
    }
}

#[test]
fn rfc8985_6_3_after_a_timeout_only_what_is_overdue_is_lost() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.ack(1_500, &[]);
    sender.now = ms(1_250);
    sender.send(3_500);
    sender.now = ms(1_300);
    sender.time_out();
    // What left 50 ms ago may be on its way.
    assert_eq!(sender.pipe(), 500);
}

#[test]
fn rfc5682_a_timeout_after_which_old_text_arrives_was_a_mistake() {
    for sack in [Sack::Agreed, Sack::NotAgreed] {
        let mut sender = Sender::new(sack);
        sender.now = ms(2_000);
        sender.time_out();
        assert_eq!(sender.resend(), Some((1_000, 100)));
        assert_eq!(sender.ack(1_100, &[]), LossSignal::None);
        assert!(sender.recovery.offers_new_text());
        sender.send(3_200);
        assert_eq!(sender.resend(), None);
        let signal = sender.ack(1_200, &[]);
        assert!(matches!(signal, LossSignal::Spurious(_)), "{signal:?}");
        assert_eq!(sender.resend(), None);
        assert_eq!(sender.pipe(), 2_000);
    }
}

#[test]
fn rfc5682_a_timeout_after_which_nothing_old_arrives_was_right() {
    for sack in [Sack::Agreed, Sack::NotAgreed] {
        let mut sender = Sender::new(sack);
        sender.now = ms(2_000);
        sender.time_out();
        sender.resend();
        sender.ack(1_100, &[]);
        sender.send(3_200);
        // The new text arrives, and nothing else.
        let blocks: &[(u32, u32)] = match sack {
            Sack::Agreed => &[(3_000, 3_100)],
            Sack::NotAgreed => &[],
        };
        assert_eq!(sender.ack(1_100, blocks), LossSignal::None);
        assert_eq!(sender.resend(), Some((1_100, 100)));
    }
}

#[test]
fn rfc3522_an_echo_of_the_first_copy_undoes_recovery() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.ack(1_000, &[(1_100, 1_400)]);
    sender.now = ms(1_110);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    for (echo, spurious) in [(1_000, true), (1_110, false)] {
        let mut fork = Sender {
            recovery: sender.recovery.clone(),
            echoed_at: Some(ms(echo)),
            ..sender
        };
        let signal = fork.ack(1_400, &[]);
        assert_eq!(matches!(signal, LossSignal::Spurious(_)), spurious);
    }
}

#[test]
fn rfc2883_5_recovery_is_undone_when_all_that_was_resent_arrived_twice() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.ack(1_000, &[(1_100, 1_500), (1_600, 3_000)]);
    sender.resend();
    sender.resend();
    sender.now = ms(1_200);
    assert_eq!(sender.ack(3_000, &[]), LossSignal::Recovered);
    assert_eq!(sender.ack(3_000, &[(1_000, 1_100)]), LossSignal::None);
    let signal = sender.ack(3_000, &[(1_500, 1_600)]);
    assert!(matches!(signal, LossSignal::Spurious(_)), "{signal:?}");
}

#[test]
fn rfc2883_03_a_flood_of_dsack_is_no_sign_of_loss() {
    let mut sender = Sender::new(Sack::Agreed);
    for _ in 0..1_000 {
        assert_eq!(sender.ack(1_000, &[(900, 1_000)]), LossSignal::None);
        assert_eq!(
            sender.ack(1_000, &[(1_150, 1_160), (1_100, 1_200)]),
            LossSignal::None
        );
    }
    assert_eq!(sender.resend(), None);
}

#[test]
fn rfc6937_01_what_leaves_is_in_proportion_to_what_arrives() {
    use super::rate_reduction::{RateReduction, SafeAck};
    let mut rate = RateReduction::new(2_000);
    // ssthresh is half of what was in flight: one octet for two.
    let mut in_flight = 1_900;
    let mut sent = 0;
    for _ in 0..10 {
        rate.on_ack(100, SafeAck::No, in_flight, 1_000, 100);
        in_flight -= 100;
        while rate.allowed() >= 100 {
            rate.on_sent(100);
            in_flight += 100;
            sent += 100;
        }
    }
    assert_eq!(sent, 500);
}

#[test]
fn rfc9937_below_ssthresh_an_ack_lets_out_what_it_delivers_and_a_good_one_a_segment_more() {
    use super::rate_reduction::{RateReduction, SafeAck};
    let mut rate = RateReduction::new(2_000);
    rate.on_ack(100, SafeAck::No, 300, 1_000, 100);
    assert_eq!(rate.allowed(), 100);
    rate.on_sent(100);
    rate.on_ack(100, SafeAck::No, 300, 1_000, 100);
    assert_eq!(rate.allowed(), 100);
    rate.on_sent(100);
    rate.on_ack(100, SafeAck::Yes, 300, 1_000, 100);
    assert_eq!(rate.allowed(), 200);
    // Never beyond ssthresh.
    rate.on_sent(0);
    rate.on_ack(500, SafeAck::Yes, 950, 1_000, 100);
    assert_eq!(rate.allowed(), 50);
}
