use alloc::vec::Vec;

use super::*;

fn drawn(random: &mut Random) -> Vec<u64> {
    (0..100).map(|_| random.bits_64()).collect()
}

#[test]
fn the_same_seed_gives_the_same_choices_and_another_seed_others() {
    let one = drawn(&mut Random::new([1; 32]));
    assert_eq!(one, drawn(&mut Random::new([1; 32])));
    assert_ne!(one, drawn(&mut Random::new([2; 32])));
}

#[test]
fn the_choices_are_the_same_on_every_machine_and_in_every_version() {
    let mut random = Random::new([0; 32]);
    assert_eq!(random.bits_64(), CHACHA12_ZERO_KEY_FIRST_64_BITS);
}

/// The first eight octets of the ChaCha12 key stream with key, nonce and counter zero.
const CHACHA12_ZERO_KEY_FIRST_64_BITS: u64 =
    u64::from_le_bytes([0x9b, 0xf4, 0x9a, 0x6a, 0x07, 0x55, 0xf9, 0x53]);

#[test]
fn a_fork_goes_on_where_its_origin_was() {
    let mut random = Random::new([3; 32]);
    for taken in 0..40 {
        let mut fork = random.clone();
        assert_eq!(drawn(&mut fork), drawn(&mut random.clone()), "{taken}");
        // An odd number of 32-bit words: the middle of a block.
        random.bits_32();
    }
}

#[test]
fn below_stays_below_and_reaches_every_number() {
    let mut random = Random::new([4; 32]);
    assert_eq!(random.below(0), 0);
    assert_eq!(random.below(1), 0);
    let mut seen = [0_u32; 7];
    for _ in 0..7_000 {
        seen[random.below(7) as usize] += 1;
    }
    assert!(
        seen.iter().all(|count| (800..1_200).contains(count)),
        "{seen:?}"
    );
}
