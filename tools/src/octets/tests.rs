//! The pattern is the same however it is read, and the hash is the standard's.

use super::*;

#[test]
fn a_pattern_is_the_same_however_it_is_cut() {
    let whole = Pattern::new(7, 1_000).to_vec();
    for size in [1, 3, 8, 13, 64] {
        let mut pattern = Pattern::new(7, 1_000);
        let mut pieces = Vec::new();
        loop {
            let mut piece = vec![0; size];
            let filled = pattern.fill(&mut piece);
            if filled == 0 {
                break;
            }
            pieces.extend_from_slice(&piece[..filled]);
        }
        assert_eq!(pieces, whole, "read {size} octets at a time");
    }
}

#[test]
fn a_pattern_ends_where_it_was_told_to() {
    let mut pattern = Pattern::new(1, 10);
    let mut room = [0; 16];
    assert_eq!(pattern.fill(&mut room), 10);
    assert_eq!(&room[10..], &[0; 6]);
    assert_eq!(pattern.left(), 0);
    assert_eq!(pattern.fill(&mut room), 0);
}

#[test]
fn other_seeds_give_other_octets() {
    assert_ne!(Pattern::new(1, 64).to_vec(), Pattern::new(2, 64).to_vec());
}

#[test]
fn the_hash_is_that_of_fips_180_4() {
    let mut hash = Hash::default();
    hash.update(b"a");
    hash.update(b"bc");
    assert_eq!(hash.octets(), 3);
    assert_eq!(
        hash.to_hex(),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}
