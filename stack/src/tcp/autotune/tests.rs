//! Right-sizing without a connection.

use super::ReceiveTuning;
use crate::base::{Duration, Instant, SeqNumber};

const MSS: u32 = 1_000;

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn tuning() -> ReceiveTuning {
    ReceiveTuning::new(Some(Duration::from_millis(100)), 0, 40_000, at(0))
}

#[test]
fn the_buffer_grows_once_in_a_round_trip_and_only_if_more_was_taken() {
    let mut tuning = tuning();
    assert_eq!(tuning.on_taken(20_000, MSS, at(99)), None);
    // 10,000 octets a round trip is what the first buffer of 40,000 stands for.
    let wanted = tuning.on_taken(20_000, MSS, at(100)).unwrap();
    assert_eq!(wanted, 3 * (2 * 20_000 + 16 * 1_000));
    // As much as before: nothing to do.
    assert_eq!(tuning.on_taken(40_000, MSS, at(200)), None);
    // Less: nothing either, and the record stands.
    assert_eq!(tuning.on_taken(40_001, MSS, at(300)), None);
    assert_eq!(tuning.per_round_trip(), 20_000);
    // A little more: the buffer follows without the leap of slow start.
    let wanted = tuning.on_taken(61_001, MSS, at(400)).unwrap();
    let base = 2 * 21_000 + 16_000;
    assert_eq!(wanted, base + 2 * (base * 1_000 / 20_000));
}

#[test]
fn the_clock_of_timestamps_gives_one_sample_for_each_echo() {
    let mut tuning = tuning();
    tuning.on_echo(7, Duration::from_millis(180));
    tuning.on_echo(7, Duration::from_millis(180));
    assert_eq!(tuning.round_trip(), Some(Duration::from_millis(110)));
    tuning.on_echo(8, Duration::ZERO);
    assert!(tuning.round_trip().unwrap() > Duration::from_millis(96));
}

#[test]
fn without_timestamps_the_shortest_window_counts() {
    let mut tuning = ReceiveTuning::new(None, 0, 40_000, at(0));
    let seq = SeqNumber::new;
    assert_eq!(tuning.on_taken(1_000_000, MSS, at(9)), None);
    tuning.on_window(seq(1_000), seq(41_000), at(10));
    tuning.on_window(seq(40_999), seq(81_000), at(60));
    assert_eq!(tuning.round_trip(), None);
    tuning.on_window(seq(41_000), seq(81_000), at(70));
    assert_eq!(tuning.round_trip(), Some(Duration::from_millis(60)));
    tuning.on_window(seq(81_000), seq(121_000), at(170));
    assert_eq!(tuning.round_trip(), Some(Duration::from_millis(60)));
    tuning.on_window(seq(121_000), seq(161_000), at(200));
    assert_eq!(tuning.round_trip(), Some(Duration::from_millis(30)));
}

#[test]
fn a_leap_is_bounded_and_never_overflows() {
    let mut tuning = ReceiveTuning::new(Some(Duration::from_millis(1)), 0, 0, at(0));
    let wanted = tuning.on_taken(u64::MAX / 16, MSS, at(1)).unwrap();
    assert_eq!(wanted, 3 * (u64::MAX / 16 * 2 + 16_000));
}
