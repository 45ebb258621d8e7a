use super::*;

#[test]
fn the_oldest_entry_is_the_one_that_was_not_put_in_again() {
    let mut map = AgedMap::new([7; 16]);
    map.insert('a', 1);
    map.insert('b', 2);
    assert_eq!(map.oldest(), Some((&'a', &1)));
    assert_eq!(map.insert('a', 3), Some(1));
    assert_eq!(map.oldest(), Some((&'b', &2)));
    assert_eq!(map.remove_oldest(), Some(('b', 2)));
    assert_eq!(map.get(&'b'), None);
    assert_eq!(map.remove(&'a'), Some(3));
    assert!(map.is_empty() && map.remove_oldest().is_none());
}
