use std::time::{Duration, Instant};

use super::Deadline;

#[test]
fn none_never_passes_and_the_past_has_passed() {
    assert!(!Deadline::NONE.has_passed());
    assert_eq!(Deadline::NONE.remaining(), None);
    assert!(Deadline::past().has_passed());
    assert_eq!(Deadline::past().remaining(), Some(Duration::ZERO));
    assert!(Deadline::past() < Deadline::NONE);
    assert_eq!(Deadline::default(), Deadline::NONE);
}

#[test]
fn an_instant_is_kept_to_the_nanosecond() {
    let instant = Instant::now() + Duration::from_millis(1234);
    assert_eq!(Deadline::from(instant).to_instant(), Some(instant));
    assert_eq!(Deadline::NONE.to_instant(), None);
}

#[test]
fn a_duration_counts_from_now() {
    let deadline = Deadline::from(Duration::from_secs(3600));
    let left = deadline.remaining().expect("it is a deadline");
    assert!(left <= Duration::from_secs(3600) && left > Duration::from_secs(3500));
    assert!(Deadline::from(Duration::ZERO).has_passed());
}

#[test]
fn a_duration_too_long_to_count_never_passes() {
    assert!(Deadline::from(Duration::MAX).is_none());
    assert!(!Deadline::from(Duration::from_secs(u64::from(u32::MAX))).has_passed());
}

#[test]
fn an_instant_is_never_taken_for_no_deadline() {
    assert_eq!(Deadline::from(None), Deadline::NONE);
    assert!(!Deadline::from(Some(Instant::now())).is_none());
}
