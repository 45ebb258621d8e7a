use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::*;
use crate::base::{Random, Table};

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Number(u32);

impl Indexed for Number {
    fn index(self) -> u32 {
        self.0
    }
}

const fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

#[test]
fn nothing_is_due_before_its_time_and_everything_on_it() {
    let mut deadlines = Deadlines::new();
    deadlines.set(Number(3), at(10));
    assert_eq!(deadlines.next(), Some(at(10)));
    assert_eq!(deadlines.pop_due(at(9)), None);
    assert_eq!(deadlines.pop_due(at(10)), Some(Number(3)));
    assert_eq!(deadlines.pop_due(at(10)), None);
    assert_eq!(deadlines.next(), None);
    assert!(deadlines.is_empty());
}

#[test]
fn a_key_has_one_deadline_only() {
    let mut deadlines = Deadlines::new();
    deadlines.set(Number(1), at(10));
    deadlines.set(Number(1), at(30));
    deadlines.set(Number(2), at(20));
    assert_eq!(deadlines.len(), 2);
    assert_eq!(deadlines.get(Number(1)), Some(at(30)));
    assert_eq!(deadlines.pop_due(at(40)), Some(Number(2)));
    assert_eq!(deadlines.pop_due(at(40)), Some(Number(1)));
    assert_eq!(deadlines.pop_due(at(40)), None);
}

#[test]
fn never_clears() {
    let mut deadlines = Deadlines::new();
    deadlines.set(Number(1), at(10));
    deadlines.set(Number(1), Instant::NEVER);
    deadlines.set(Number(2), Instant::NEVER);
    assert!(deadlines.is_empty());
    assert_eq!(deadlines.get(Number(1)), None);
    deadlines.clear(Number(1));
    deadlines.clear(Number(77));
}

#[test]
fn equal_deadlines_are_due_in_the_order_of_their_keys() {
    let mut deadlines = Deadlines::new();
    for key in [5, 1, 9, 3, 7, 0, 2, 8, 6, 4] {
        deadlines.set(Number(key), at(10));
    }
    let due: Vec<_> = core::iter::from_fn(|| deadlines.pop_due(at(10))).collect();
    assert_eq!(due, (0..10).map(Number).collect::<Vec<_>>());
}

#[test]
fn a_key_that_outlived_its_entry_does_not_touch_its_successor() {
    let mut table = Table::new();
    let mut deadlines = Deadlines::new();
    let old = table.insert(());
    deadlines.set(old, at(10));
    table.remove(old);
    let new = table.insert(());
    assert_eq!(old.index(), new.index());
    deadlines.set(new, at(20));
    deadlines.clear(old);
    assert_eq!(deadlines.get(old), None);
    assert_eq!(deadlines.get(new), Some(at(20)));
    assert_eq!(deadlines.pop_due(at(20)), Some(new));
}

#[test]
fn a_hundred_thousand_random_acts_agree_with_a_plain_map() {
    let mut random = Random::new([9; 32]);
    let mut deadlines = Deadlines::new();
    let mut plain = BTreeMap::new();
    for _ in 0..100_000 {
        let key = Number(random.below(300));
        match random.below(8) {
            0..5 => {
                let instant = at(u64::from(random.below(1_000)));
                deadlines.set(key, instant);
                plain.insert(key, instant);
            }
            5 => {
                deadlines.clear(key);
                plain.remove(&key);
            }
            _ => {
                let now = at(u64::from(random.below(100)));
                let first = plain.iter().map(|(key, instant)| (*instant, *key)).min();
                let due = first.filter(|(instant, _)| *instant <= now);
                assert_eq!(deadlines.pop_due(now), due.map(|(_, key)| key));
                if let Some((_, key)) = due {
                    plain.remove(&key);
                }
            }
        }
        assert_eq!(deadlines.len(), plain.len());
        assert_eq!(deadlines.next(), plain.values().min().copied());
        assert_eq!(deadlines.get(key), plain.get(&key).copied());
    }
}
