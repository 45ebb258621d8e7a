//! The search for the largest packet, without a connection.

use super::{PathProbe, RAISE_AFTER};
use crate::base::{Instant, SeqNumber};

/// Searches a path that takes `carries` octets. The sizes that were tried.
fn search(probe: &mut PathProbe, most: u16, carries: u16, now: Instant) -> std::vec::Vec<u16> {
    let mut tried = std::vec::Vec::new();
    let (seq, end) = (SeqNumber::new(u32::MAX - 10), SeqNumber::new(2_000));
    while let Some(size) = probe.next_size(most, now) {
        tried.push(size);
        assert!(size <= most && probe.low() < size && tried.len() < 100);
        probe.on_sent(seq, end, size);
        assert_eq!(probe.next_size(most, now), None);
        if size <= carries {
            assert_eq!(probe.on_acked(end - 1), None);
            assert_eq!(probe.on_acked(end), Some(size));
        } else {
            probe.on_resent(seq + 700, end);
        }
    }
    tried
}

#[test]
fn rfc4821_7_3_the_search_ends_just_below_what_the_path_takes() {
    for carries in [1_064, 1_065, 1_280, 1_400, 1_492, 1_499] {
        let mut probe = PathProbe::new(1_064, 1_500, true);
        search(&mut probe, 1_500, carries, Instant::ZERO);
        let found = probe.low();
        assert!(
            found <= carries && carries - found < 32,
            "{carries}: {found}"
        );
    }
}

#[test]
fn rfc8899_5_3_the_largest_size_is_tried_first_and_often_is_the_last() {
    let mut probe = PathProbe::new(1_064, 1_500, true);
    assert_eq!(search(&mut probe, 1_500, 1_500, Instant::ZERO), [1_500]);
    assert_eq!(probe.low(), 1_500);
}

#[test]
fn rfc8899_5_1_2_one_loss_does_not_condemn_a_size_and_three_do() {
    let mut probe = PathProbe::new(1_000, 1_500, true);
    for _ in 0..3 {
        assert_eq!(probe.next_size(1_500, Instant::ZERO), Some(1_500));
        probe.on_sent(SeqNumber::new(5), SeqNumber::new(1_505), 1_500);
        // Something else is sent again: no news about the probe.
        probe.on_resent(SeqNumber::new(4), SeqNumber::new(5));
        probe.on_resent(SeqNumber::new(1_505), SeqNumber::new(1_600));
        assert!(probe.is_at(SeqNumber::new(5)));
        probe.on_resent(SeqNumber::new(5), SeqNumber::new(1_505));
        assert!(!probe.is_at(SeqNumber::new(5)));
    }
    assert_eq!(probe.next_size(1_500, Instant::ZERO), Some(1_250));
}

#[test]
fn rfc8899_5_1_1_a_search_begins_anew_after_ten_minutes_and_not_before() {
    let mut probe = PathProbe::new(1_064, 1_500, true);
    search(&mut probe, 1_500, 1_400, Instant::ZERO);
    let due = Instant::ZERO + RAISE_AFTER;
    let before = Instant::from_nanos(due.as_nanos() - 1);
    assert_eq!(probe.next_size(1_500, before), None);
    assert_eq!(probe.next_size(1_500, due), Some(1_500));
}

#[test]
fn what_icmp_says_bounds_the_search() {
    let mut probe = PathProbe::new(1_064, 1_500, true);
    probe.bound(1_300);
    assert_eq!(probe.next_size(1_500, Instant::ZERO), Some(1_300));
    probe.bound(1_000);
    assert_eq!(probe.low(), 1_000);
}

#[test]
fn what_is_sent_again_together_with_a_probe_teaches_nothing() {
    let mut probe = PathProbe::new(1_000, 1_500, true);
    let seq = SeqNumber::new;
    for _ in 0..10 {
        assert_eq!(probe.next_size(1_500, Instant::ZERO), Some(1_500));
        probe.on_sent(seq(5_000), seq(6_448), 1_500);
        probe.on_resent(seq(2_000), seq(9_000));
        assert_eq!(probe.on_acked(seq(9_000)), None);
        assert_eq!(probe.low(), 1_000);
    }
}
