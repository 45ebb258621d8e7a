//! Loss recovery as a conversation in numbers.

use super::rtt::RttEstimator;
use super::scoreboard::Scoreboard;
use super::{LossRecovery, NewReno, Resend, ResendAll, Sack, SentStamp};
use crate::base::{Duration, Instant, SeqNumber};
use crate::config::Config;
use crate::tcp::delivery::DeliverySnapshot;
use crate::tcp::sample::{AckSample, LossSignal};
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

fn stamp() -> SentStamp {
    SentStamp {
        now: Instant::ZERO,
        snapshot: DeliverySnapshot::default(),
    }
}

/// A sender whose text begins at 1,000 and has 20 segments in flight.
struct Sender {
    recovery: NewReno,
    una: u32,
    nxt: u32,
}

impl Sender {
    fn new(sack: Sack) -> Self {
        let mut recovery = NewReno::new(seq(999), 64);
        recovery.on_established(seq(1_000), sack);
        Self {
            recovery,
            una: 1_000,
            nxt: 3_000,
        }
    }

    fn ack(&mut self, ack: u32, blocks: &[(u32, u32)]) -> LossSignal {
        let sample = AckSample {
            una_before: seq(self.una),
            ack: seq(ack),
            nxt: seq(self.nxt),
            smss: SMSS,
            is_duplicate: ack == self.una,
            now: Instant::ZERO,
            echoed_at: None,
            srtt: None,
            min_rtt: None,
        };
        self.una = ack;
        self.recovery.on_ack(&sample, &sacks(blocks)).signal
    }

    fn resend(&mut self) -> Option<(u32, u32)> {
        let resend = self.recovery.next_resend(SMSS)?;
        self.recovery.on_resent(resend, seq(self.nxt), stamp());
        Some((resend.seq.raw(), resend.octets))
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
    sender.nxt = 4_000;
    for _ in 0..5 {
        assert_eq!(sender.ack(3_000, &[]), LossSignal::None);
    }
}

#[test]
fn rfc9293_3_8_1_what_was_never_sent_is_not_sent_again_where_flights_are_shorter_than_a_segment() {
    for sack in [Sack::NotAgreed, Sack::Agreed] {
        // Four segments of ten octets, in the place of one full segment.
        let mut sender = Sender::new(sack);
        sender.nxt = 1_040;
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
    // New text goes out, and three segments of it arrive: the hole is still there.
    sender.nxt = 3_500;
    sender.ack(1_000, &[(1_100, 3_000)]);
    assert_eq!(sender.resend(), None);
    sender.ack(1_000, &[(1_100, 3_300)]);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    assert_eq!(sender.resend(), None);
}

#[test]
fn rfc2018_04_after_a_timeout_reports_are_not_trusted() {
    let mut sender = Sender::new(Sack::Agreed);
    sender.ack(1_000, &[(1_100, 1_300)]);
    sender
        .recovery
        .on_resend_all(seq(sender.nxt), ResendAll::Timeout);
    assert_eq!(sender.pipe(), 0);
    assert_eq!(sender.resend(), Some((1_000, 100)));
    assert_eq!(sender.resend(), Some((1_100, 100)));
    // What is reported from now on is skipped.
    sender.ack(1_000, &[(1_200, 1_900)]);
    assert_eq!(sender.resend(), Some((1_900, 100)));
    assert_eq!(sender.pipe(), 300);
}

#[test]
fn rfc6675_03_no_fast_recovery_begins_before_what_timed_out_is_acknowledged() {
    let mut sender = Sender::new(Sack::Agreed);
    sender
        .recovery
        .on_resend_all(seq(sender.nxt), ResendAll::Timeout);
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
    let _: Option<Resend> = sender.recovery.next_speculative(SMSS);
}
