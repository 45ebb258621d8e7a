use std::vec::Vec;

use super::SynQueue;
use crate::base::keyed::Keyed;
use crate::base::{Key, Random, Table};

fn keys(count: usize) -> Vec<Key> {
    let mut table = Table::new();
    (0..count).map(|at| table.insert(at)).collect()
}

#[test]
fn anyone_leaves_and_the_last_takes_the_place() {
    let keys = keys(3);
    let from = [192, 0, 2, 1].into();
    let mut queue = SynQueue::new(Keyed::new([1; 16]));
    let places: Vec<u32> = keys.iter().map(|key| queue.push(*key, from)).collect();
    assert_eq!(places, [0, 1, 2]);
    assert_eq!(queue.remove(0, from), Some(keys[2]));
    assert_eq!(queue.remove(1, from), None);
    assert_eq!((queue.len(), queue.of_source(from)), (1, 1));
    assert_eq!(queue.any(&mut Random::new([1; 32])), Some(keys[2]));
    assert_eq!(queue.remove(0, from), None);
    assert_eq!((queue.len(), queue.of_source(from)), (0, 0));
}

#[test]
fn a_source_is_an_address_of_ipv4_and_a_prefix_of_ipv6() {
    let keys = keys(4);
    let mut queue = SynQueue::new(Keyed::new([1; 16]));
    queue.push(keys[0], [192, 0, 2, 1].into());
    queue.push(keys[1], [192, 0, 2, 2].into());
    assert_eq!(queue.of_source([192, 0, 2, 2].into()), 1);
    queue.push(keys[2], "2001:db8::1".parse().unwrap());
    queue.push(keys[3], "2001:db8::ffff:1".parse().unwrap());
    assert_eq!(queue.of_source("2001:db8::2".parse().unwrap()), 2);
    assert_eq!(queue.of_source("2001:db8:0:1::1".parse().unwrap()), 0);
}
