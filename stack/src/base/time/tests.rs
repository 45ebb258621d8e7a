use super::*;

#[test]
fn units_agree() {
    assert_eq!(Instant::from_secs(2), Instant::from_millis(2_000));
    assert_eq!(Instant::from_millis(2), Instant::from_micros(2_000));
    assert_eq!(Instant::from_micros(2), Instant::from_nanos(2_000));
    assert_eq!(Instant::from_nanos(1_999_999).as_millis(), 1);
    assert_eq!(Instant::from_nanos(1_999_999).as_micros(), 1_999);
}

#[test]
fn time_never_runs_over_its_ends() {
    let late = Instant::from_secs(u64::MAX);
    assert_eq!(late, Instant::NEVER);
    assert_eq!(Instant::NEVER + Duration::from_nanos(1), Instant::NEVER);
    assert_eq!(Instant::ZERO + Duration::MAX, Instant::NEVER);
    assert_eq!(Instant::ZERO.since(Instant::NEVER), Duration::ZERO);
    assert_eq!(Instant::NEVER.until(Instant::ZERO), Duration::ZERO);
}

#[test]
fn since_and_until_are_the_two_sides_of_one_span() {
    let (early, late) = (Instant::from_millis(3), Instant::from_millis(10));
    assert_eq!(late.since(early), Duration::from_millis(7));
    assert_eq!(early.until(late), Duration::from_millis(7));
    assert_eq!(early + Duration::from_millis(7), late);
}

#[test]
fn a_moment_is_shown_in_seconds() {
    use std::string::ToString;
    assert_eq!(Instant::from_millis(1_050).to_string(), "1.050000000 s");
}
