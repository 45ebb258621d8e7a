//! The receiving half, with plain numbers.

use std::vec::Vec;

use bytes::Bytes;

use super::ReceiveHalf;
use super::acknowledge::{Acknowledge, Urgency};
use super::reassembly::{Reassembly, ReassemblyLimits};
use super::sack::SackReporter;
use super::urgent::Urgent;
use super::window::ReceiveWindow;
use crate::base::ranges::Ranges;
use crate::base::{Random, SeqNumber};

const LIMITS: ReassemblyLimits = ReassemblyLimits {
    ranges_max: 4,
    octets_max: 100_000,
};

fn seq(raw: u32) -> SeqNumber {
    SeqNumber::new(raw)
}

fn drain(reassembly: &mut Reassembly, mut at: u64) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some(piece) = reassembly.pop_at(at) {
        at += piece.len() as u64;
        text.extend_from_slice(&piece);
    }
    text
}

#[test]
fn bad_65_octets_that_came_first_win() {
    let mut reassembly = Reassembly::default();
    let mut insert = |at, text: &'static [u8]| {
        reassembly
            .insert(at, &Bytes::from_static(text), LIMITS)
            .unwrap();
    };
    insert(4, b"EF");
    insert(2, b"cdefgh");
    insert(2, b"??????");
    insert(0, b"ab!");
    assert_eq!(drain(&mut reassembly, 0), b"abcdEFgh");
    assert!(reassembly.is_empty());
    assert_eq!(reassembly.held_octets(), 0);
}

#[test]
fn bad_53_ranges_and_memory_are_bounded() {
    let mut reassembly = Reassembly::default();
    for at in 0..10 {
        let kept = reassembly.insert(at * 10, &Bytes::from_static(b"x"), LIMITS);
        assert_eq!(kept.is_ok(), at < 4);
    }
    assert_eq!(reassembly.ranges().len(), 4);
    let limits = ReassemblyLimits {
        ranges_max: 1_000,
        octets_max: 1_000,
    };
    let mut reassembly = Reassembly::default();
    let kept = (0..100)
        .filter(|at| {
            reassembly
                .insert(at * 2, &Bytes::from_static(b"x"), limits)
                .is_ok()
        })
        .count();
    assert!(kept < 20 && reassembly.held_octets() <= 1_000);
}

#[test]
fn a_stream_cut_anyhow_comes_out_whole() {
    let mut random = Random::new([3; 32]);
    let text: Vec<u8> = (0..2_000_u32).map(|at| (at * 7 / 3) as u8).collect();
    let whole = Bytes::from(text.clone());
    let limits = ReassemblyLimits {
        ranges_max: 1_000,
        octets_max: 1_000_000,
    };
    for _ in 0..50 {
        let mut reassembly = Reassembly::default();
        for _ in 0..200 {
            let start = random.below(2_000) as usize;
            let end = (start + 1 + random.below(60) as usize).min(2_000);
            reassembly
                .insert(start as u64, &whole.slice(start..end), limits)
                .unwrap();
        }
        reassembly.insert(0, &whole, limits).unwrap();
        assert_eq!(reassembly.ranges().len(), 1);
        assert!(drain(&mut reassembly, 0) == text);
        assert_eq!(reassembly.held_octets(), 0);
    }
}

#[test]
fn what_lies_beyond_the_end_of_the_stream_is_forgotten() {
    let mut reassembly = Reassembly::default();
    for at in [10, 20, 30] {
        reassembly
            .insert(at, &Bytes::from_static(b"12345"), LIMITS)
            .unwrap();
    }
    reassembly.end_at(22);
    // The FIN counts as there, though there is no octet for it.
    assert_eq!(reassembly.ranges().range_with(20), Some(20..23));
    assert_eq!(drain(&mut reassembly, 10), b"12345");
    assert_eq!(drain(&mut reassembly, 20), b"12");
    assert_eq!(reassembly.held_octets(), 0);
    assert_eq!(reassembly.ranges().range_with(22), Some(22..23));
}

fn blocks(sack: &mut SackReporter, ranges: &Ranges, most: usize) -> Vec<(u64, u64)> {
    let mut blocks = Vec::new();
    sack.report(ranges, most, |it| blocks.push((it.start, it.end)));
    blocks
}

#[test]
fn rfc2018_02_the_newest_block_comes_first() {
    let mut sack = SackReporter::default();
    let mut ranges = Ranges::new();
    for start in [30, 50, 70, 90, 110] {
        ranges.insert(start..start + 10, 100).unwrap();
        sack.on_out_of_order(start);
        assert_eq!(
            blocks(&mut sack, &ranges, 3).first(),
            Some(&(start, start + 10))
        );
    }
    assert_eq!(
        blocks(&mut sack, &ranges, 3),
        [(110, 120), (90, 100), (70, 80)]
    );
    // 80..90 joins two of them; what is in order by now is reported no more.
    ranges.insert(80..90, 100).unwrap();
    sack.on_out_of_order(70);
    ranges.remove_below(40);
    assert_eq!(
        blocks(&mut sack, &ranges, 3),
        [(70, 100), (110, 120), (50, 60)]
    );
    ranges.remove_below(105);
    assert_eq!(blocks(&mut sack, &ranges, 3), [(110, 120)]);
}

#[test]
fn rfc2883_01_a_duplicate_is_reported_once_and_first() {
    let mut sack = SackReporter::default();
    let mut ranges = Ranges::new();
    ranges.insert(50..60, 4).unwrap();
    sack.on_out_of_order(50);
    sack.on_duplicate(10..20);
    assert_eq!(blocks(&mut sack, &ranges, 3), [(10, 20), (50, 60)]);
    assert_eq!(blocks(&mut sack, &ranges, 3), [(50, 60)]);
}

#[test]
fn rfc9293_shld_14_the_edge_never_moves_back() {
    let mut random = Random::new([9; 32]);
    for shift in [0, 3, 7, 14] {
        let mut nxt = seq(u32::MAX - 5_000);
        let mut window = ReceiveWindow::new(nxt, 60_000 << shift, shift);
        window.advertise_unscaled(nxt);
        let mut unread = 0;
        for _ in 0..10_000 {
            let octets = random.below(window.wnd(nxt).min(3_000) + 1);
            nxt += octets;
            unread += octets as usize;
            let before = window.edge();
            let field = window.advertise(nxt, unread, 1_460);
            assert!(before.is_at_or_before(window.edge()));
            assert_eq!(nxt + (u32::from(field) << shift), window.edge());
            unread -= random.below(unread as u32 + 1) as usize;
            if random.below(10) == 0 {
                window.set_buffer_octets(10_000 + random.below(60_000 << shift) as usize);
            }
        }
    }
}

#[test]
fn rfc9293_must_39_new_room_is_told_when_it_is_worth_a_segment() {
    let nxt = seq(1);
    let mut window = ReceiveWindow::new(nxt, 10_000, 0);
    assert_eq!(window.advertise(nxt, 0, 1_460), 10_000);
    let nxt = nxt + 10_000;
    assert_eq!(window.advertise(nxt, 10_000, 1_460), 0);
    assert!(!window.deserves_update(nxt, 10_000 - 1_459, 1_460));
    assert_eq!(window.advertise(nxt, 10_000 - 1_459, 1_460), 0);
    assert!(window.deserves_update(nxt, 10_000 - 1_460, 1_460));
    assert_eq!(window.advertise(nxt, 10_000 - 1_460, 1_460), 1_460);
    // Half of the buffer, where that is less than a segment.
    let mut window = ReceiveWindow::new(nxt, 2_000, 0);
    assert!(!window.deserves_update(nxt, 1_001, 1_460));
    assert!(window.deserves_update(nxt, 1_000, 1_460));
    assert_eq!(window.advertise(nxt, 1_000, 1_460), 1_000);
}

#[test]
fn rfc9293_shld_19_every_second_full_segment_is_acknowledged() {
    let mut acknowledge = Acknowledge::new(seq(1));
    acknowledge.on_text(1_460, 1_460, 1_460);
    assert_eq!(acknowledge.urgency(), Urgency::Delayed);
    acknowledge.on_text(1_460, 1_460, 1_460);
    assert_eq!(acknowledge.urgency(), Urgency::Now);
    acknowledge.on_sent(seq(2_921));
    assert_eq!(acknowledge.urgency(), Urgency::Idle);
    assert_eq!(acknowledge.last_sent(), seq(2_921));
    // A peer whose full segments are smaller than our MSS.
    let mut small = Acknowledge::new(seq(1));
    small.on_text(600, 600, 1_460);
    assert_eq!(small.urgency(), Urgency::Delayed);
    small.on_text(600, 600, 1_460);
    assert_eq!(small.urgency(), Urgency::Now);
}

#[test]
fn without_sack_each_segment_out_of_order_is_told_by_an_ack_of_its_own() {
    let mut acknowledge = Acknowledge::new(seq(1));
    for _ in 0..3 {
        acknowledge.duplicate();
    }
    for _ in 0..3 {
        assert_eq!(acknowledge.urgency(), Urgency::Now);
        acknowledge.on_sent(seq(1));
    }
    assert_eq!(acknowledge.urgency(), Urgency::Idle);
}

#[test]
fn rfc9293_must_32_urgent_text_is_news_only_when_it_advances() {
    let mut urgent = Urgent::new();
    assert!(urgent.announce(100, 0));
    assert!(!urgent.announce(100, 0));
    assert!(!urgent.announce(50, 0));
    assert!(urgent.announce(101, 0));
    assert!(urgent.is_pending(100));
    assert!(!urgent.is_pending(101));
    assert!(!urgent.announce(150, 150));
}

#[test]
fn positions_follow_the_numbers_across_the_wrap() {
    let mut rcv = ReceiveHalf::new(seq(u32::MAX - 2), 1_000, 0);
    assert_eq!(rcv.position_of(rcv.nxt + 10), 10);
    rcv.advance(10);
    assert_eq!(rcv.position_of(rcv.nxt), 10);
    assert_eq!(rcv.position_of(rcv.nxt - 4), 6);
    assert_eq!(rcv.seq_at(12), rcv.nxt + 2);
}
