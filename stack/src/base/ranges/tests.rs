// Sets of one range are what is tested here.
#![allow(clippy::single_range_in_vec_init)]

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use std::vec;

use super::*;
use crate::base::Random;

fn set(ranges: &[Range<u64>]) -> Ranges {
    let mut set = Ranges::new();
    for range in ranges {
        set.insert(range.clone(), 100).unwrap();
    }
    set
}

fn listed(ranges: &Ranges) -> Vec<Range<u64>> {
    ranges.iter().collect()
}

#[test]
fn ranges_that_touch_or_overlap_become_one() {
    let mut ranges = set(&[10..20, 30..40]);
    assert_eq!(ranges.insert(20..30, 2), Ok(10));
    assert_eq!(listed(&ranges), vec![10..40]);
    assert_eq!(ranges.octets(), 30);
    let mut ranges = set(&[10..20, 30..40]);
    assert_eq!(ranges.insert(5..35, 2), Ok(15));
    assert_eq!(listed(&ranges), vec![5..40]);
}

#[test]
fn one_offset_apart_is_apart() {
    let mut ranges = set(&[10..20]);
    assert_eq!(ranges.insert(21..22, 3), Ok(1));
    assert_eq!(ranges.insert(8..9, 3), Ok(1));
    assert_eq!(listed(&ranges), vec![8..9, 10..20, 21..22]);
}

#[test]
fn what_is_there_already_is_not_new() {
    let mut ranges = set(&[10..20]);
    assert_eq!(ranges.insert(10..20, 1), Ok(0));
    assert_eq!(ranges.insert(12..15, 1), Ok(0));
    assert_eq!(ranges.insert(15..15, 1), Ok(0));
    assert_eq!(ranges.insert(19..21, 1), Ok(1));
}

#[test]
fn the_bound_on_ranges_refuses_one_more_but_not_a_longer_one() {
    let mut ranges = set(&[10..20, 30..40]);
    let before = ranges.clone();
    assert_eq!(ranges.insert(50..60, 2), Err(RangesFull { ranges_max: 2 }));
    assert_eq!(ranges, before);
    assert_eq!(ranges.insert(40..60, 2), Ok(20));
    assert_eq!(ranges.insert(70..71, 3), Ok(1));
}

#[test]
fn removal_cuts_the_range_at_the_edge() {
    let mut ranges = set(&[10..20, 30..40]);
    assert_eq!(ranges.remove_below(10), 0);
    assert_eq!(ranges.remove_below(11), 1);
    assert_eq!(ranges.remove_below(30), 9);
    assert_eq!(listed(&ranges), vec![30..40]);
    assert_eq!(ranges.remove_from(40), 0);
    assert_eq!(ranges.remove_from(39), 1);
    assert_eq!(ranges.remove_from(30), 9);
    assert!(ranges.is_empty());
    assert_eq!(ranges.octets(), 0);
}

#[test]
fn an_empty_set_owns_no_memory() {
    let mut ranges = set(&[10..20]);
    ranges.remove_below(20);
    assert_eq!(ranges.ranges.capacity(), 0);
}

#[test]
fn gaps_are_what_is_missing() {
    let ranges = set(&[10..20, 30..40]);
    let gaps = |within| ranges.gaps(within).collect::<Vec<_>>();
    assert_eq!(gaps(0..50), vec![0..10, 20..30, 40..50]);
    assert_eq!(gaps(10..40), vec![20..30]);
    assert_eq!(gaps(12..18), vec![]);
    assert_eq!(gaps(25..26), vec![25..26]);
    assert_eq!(gaps(25..25), vec![]);
    assert_eq!(Ranges::new().gaps(3..5).collect::<Vec<_>>(), vec![3..5]);
}

#[test]
fn the_far_end_of_the_offsets_is_an_offset_like_any_other() {
    let mut ranges = set(&[u64::MAX - 2..u64::MAX]);
    assert_eq!(ranges.insert(0..u64::MAX, 1), Ok(u64::MAX - 2));
    assert_eq!(ranges.octets(), u64::MAX);
    assert_eq!(ranges.gaps(0..u64::MAX).count(), 0);
}

#[test]
fn fifty_thousand_random_acts_agree_with_a_plain_set() {
    let mut random = Random::new([8; 32]);
    let mut ranges = Ranges::new();
    let mut plain = BTreeSet::new();
    for _ in 0..50_000 {
        let start = u64::from(random.below(100));
        let end = start + u64::from(random.below(12));
        match random.below(10) {
            0 => {
                let gone = plain.iter().filter(|offset| **offset < start).count();
                plain.retain(|offset| *offset >= start);
                assert_eq!(ranges.remove_below(start), gone as u64);
            }
            1 => {
                let gone = plain.iter().filter(|offset| **offset >= start).count();
                plain.retain(|offset| *offset < start);
                assert_eq!(ranges.remove_from(start), gone as u64);
            }
            _ => {
                let before = plain.len();
                plain.extend(start..end);
                let new = ranges.insert(start..end, usize::MAX);
                assert_eq!(new, Ok((plain.len() - before) as u64));
            }
        }
        assert_eq!(
            listed(&ranges)
                .into_iter()
                .flatten()
                .collect::<BTreeSet<_>>(),
            plain
        );
        let pairs: Vec<_> = listed(&ranges);
        assert!(pairs.windows(2).all(|pair| pair[0].end < pair[1].start));
        assert_eq!(ranges.octets(), plain.len() as u64);
        assert_eq!(ranges.contains(start), plain.contains(&start));
        let inside = (start..end).filter(|offset| plain.contains(offset)).count() as u64;
        assert_eq!(ranges.octets_within(start..end), inside);
        let wide = start..start + u64::from(random.below(110));
        let within = wide.clone().filter(|offset| plain.contains(offset));
        assert_eq!(ranges.octets_within(wide.clone()), within.count() as u64);
        assert_eq!(ranges.contains_all(start..end), inside == end - start);
        let first = (start..end).find(|at| ranges.contains(*at));
        let shared = ranges.first_within(start..end);
        assert_eq!(shared.as_ref().map(|it| it.start), first);
        if let Some(shared) = shared {
            assert!(ranges.contains_all(shared.clone()));
            assert!(shared.end == end || !ranges.contains(shared.end));
        }
        let missing = (start..end).filter(|offset| !plain.contains(offset));
        let gaps = ranges.gaps(start..end).flatten();
        assert!(gaps.eq(missing));
    }
}
