use std::vec::Vec;

use super::LazyQueue;
use crate::base::{Key, Table};

fn keys(count: usize) -> Vec<Key> {
    let mut table = Table::new();
    (0..count).map(|at| table.insert(at)).collect()
}

#[test]
fn who_left_is_not_taken_and_does_not_count() {
    let keys = keys(3);
    let mut queue = LazyQueue::default();
    for key in &keys {
        queue.push(*key);
    }
    let left = keys[0];
    queue.on_left(|key| key != left);
    assert_eq!(queue.len(), 2);
    assert_eq!(queue.pop(|key| key != left), Some(keys[1]));
    assert_eq!(queue.pop(|key| key != left), Some(keys[2]));
    assert_eq!((queue.pop(|_| true), queue.len()), (None, 0));
}

#[test]
fn keys_of_those_who_left_do_not_pile_up() {
    let keys = keys(10_000);
    let mut queue = LazyQueue::default();
    queue.push(keys[0]);
    for key in &keys[1..] {
        queue.push(*key);
        queue.on_left(|there| there == keys[0]);
        assert!(queue.keys.len() <= 2 + super::SLACK + 1);
    }
    assert_eq!(queue.pop(|there| there == keys[0]), Some(keys[0]));
}
