//! Credit and debt, to the octet.

use super::{Growth, Pace, Pacing, rate_of_window};
use crate::base::{Duration, Instant};

const SMSS: u32 = 1_000;

fn octets(pace: Pace) -> u32 {
    match pace {
        Pace::Octets(octets) => octets,
        Pace::Until(_) => 0,
    }
}

#[test]
fn what_leaves_in_a_second_is_the_rate() {
    let mut pacing = Pacing::default();
    let mut now = Instant::from_secs(1);
    let end = now + Duration::from_secs(1);
    pacing.set_rate(Some(1_000_000), SMSS, now);
    let (mut sent, mut wakes) = (0, 0);
    while now < end {
        match pacing.pace(SMSS, now) {
            Pace::Octets(octets) => {
                pacing.on_sent(octets);
                sent += octets;
            }
            Pace::Until(at) => {
                assert!(now < at);
                now = at;
                wakes += 1;
            }
        }
    }
    assert!((990_000..=1_010_000).contains(&sent), "{sent}");
    // Two segments at a time, not one, and not a hundred.
    assert!((300..=510).contains(&wakes), "{wakes}");
}

#[test]
fn a_fast_path_is_woken_once_a_millisecond() {
    let mut pacing = Pacing::default();
    let mut now = Instant::from_secs(1);
    let end = now + Duration::from_millis(100);
    pacing.set_rate(Some(50_000_000), SMSS, now);
    let mut wakes = 0;
    while now < end {
        match pacing.pace(SMSS, now) {
            Pace::Octets(octets) => pacing.on_sent(octets),
            Pace::Until(at) => {
                now = at;
                wakes += 1;
            }
        }
    }
    assert!((90..=110).contains(&wakes), "{wakes}");
}

#[test]
fn idleness_earns_two_quanta_and_no_more() {
    let mut pacing = Pacing::default();
    pacing.set_rate(Some(1_000_000), SMSS, Instant::from_secs(1));
    let later = Instant::from_secs(100);
    assert_eq!(octets(pacing.pace(SMSS, later)), 4 * SMSS);
}

#[test]
fn without_a_rate_nothing_waits() {
    let mut pacing = Pacing::default();
    pacing.set_rate(None, SMSS, Instant::from_secs(1));
    assert_eq!(octets(pacing.pace(SMSS, Instant::from_secs(1))), u32::MAX);
}

#[test]
fn the_pace_of_a_window_is_twice_itself_in_slow_start_and_a_fifth_more_later() {
    let srtt = Some(Duration::from_millis(100));
    assert_eq!(
        rate_of_window(100_000, srtt, Growth::Doubling),
        Some(2_000_000)
    );
    assert_eq!(
        rate_of_window(100_000, srtt, Growth::Gentle),
        Some(1_200_000)
    );
    assert_eq!(rate_of_window(100_000, None, Growth::Gentle), None);
}
