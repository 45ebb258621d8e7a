use super::*;

const EDGES: [u32; 5] = [0, 1, HALF_LAP, u32::MAX - 1, u32::MAX];

#[test]
fn before_is_true_for_the_half_circle_ahead_and_no_further() {
    for raw in EDGES {
        let here = SeqNumber::new(raw);
        assert!(!here.is_before(here));
        assert!(here.is_before(here + 1));
        assert!(here.is_before(here + (HALF_LAP - 1)));
        assert!(!here.is_before(here + HALF_LAP));
        assert!(!here.is_before(here - 1));
    }
}

#[test]
fn after_is_before_seen_from_the_other_side() {
    for raw in EDGES {
        let here = SeqNumber::new(raw);
        assert!((here + 1).is_after(here));
        assert!(!here.is_after(here));
        assert!(here.is_at_or_after(here) && here.is_at_or_before(here));
        assert!((here + 5).is_at_or_after(here) && !(here + 5).is_at_or_before(here));
    }
}

#[test]
fn distances_go_forward_across_the_wrap() {
    let last = SeqNumber::new(u32::MAX);
    assert_eq!(last.distance_to(SeqNumber::new(2)), 3);
    assert_eq!(SeqNumber::new(2).distance_to(last), u32::MAX - 2);
    assert_eq!(last + 3, SeqNumber::new(2));
    assert_eq!(SeqNumber::new(2) - 3, last);
}

#[test]
fn the_later_of_two_is_chosen_across_the_wrap() {
    let (early, late) = (SeqNumber::new(u32::MAX - 5), SeqNumber::new(10));
    assert_eq!(early.later_of(late), late);
    assert_eq!(late.later_of(early), late);
    assert_eq!(early.earlier_of(late), early);
    assert_eq!(late.earlier_of(early), early);
}
