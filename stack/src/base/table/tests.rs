use alloc::vec::Vec;
use std::vec;

use super::*;

#[test]
fn a_key_finds_its_entry_until_the_entry_is_removed() {
    let mut table = Table::new();
    let key = table.insert("one");
    assert_eq!(table.get(key), Some(&"one"));
    *table.get_mut(key).unwrap() = "two";
    assert_eq!(table.remove(key), Some("two"));
    assert_eq!(table.get(key), None);
    assert_eq!(table.get_mut(key), None);
    assert_eq!(table.remove(key), None);
    assert!(table.is_empty());
}

#[test]
fn a_slot_is_reused_under_a_new_key() {
    let mut table = Table::new();
    let first = table.insert(1);
    table.remove(first);
    let second = table.insert(2);
    assert_eq!(first.index(), second.index());
    assert_ne!(first, second);
    assert_ne!(first.as_u64(), second.as_u64());
    assert_eq!(table.get(first), None);
    assert_eq!(table.remove(first), None);
    assert_eq!(table.get(second), Some(&2));
    assert_eq!(table.len(), 1);
}

#[test]
fn entries_are_listed_in_the_order_of_their_slots() {
    let mut table = Table::new();
    let keys: Vec<_> = (0..4).map(|number| table.insert(number)).collect();
    table.remove(keys[1]);
    let listed: Vec<_> = table.iter().map(|(key, entry)| (key, *entry)).collect();
    assert_eq!(listed, vec![(keys[0], 0), (keys[2], 2), (keys[3], 3)]);
}

#[test]
fn a_clone_is_a_world_of_its_own() {
    let mut table = Table::new();
    let key = table.insert(1);
    let mut fork = table.clone();
    fork.remove(key);
    assert_eq!(table.get(key), Some(&1));
    assert_eq!(fork.get(key), None);
}
