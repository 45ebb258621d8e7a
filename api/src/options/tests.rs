use std::fmt;

use rand::TryRng;
use rand::rngs::SysRng;

use super::{StartError, seed_from};

/// A system that has no randomness to give.
struct Dry;

#[derive(Debug)]
struct NothingLeft;

impl fmt::Display for NothingLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing left")
    }
}

impl std::error::Error for NothingLeft {}

impl TryRng for Dry {
    type Error = NothingLeft;

    fn try_next_u32(&mut self) -> Result<u32, NothingLeft> {
        Err(NothingLeft)
    }

    fn try_next_u64(&mut self) -> Result<u64, NothingLeft> {
        Err(NothingLeft)
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), NothingLeft> {
        // A source may fail halfway: what it has written by then is no seed.
        octets.fill(7);
        Err(NothingLeft)
    }
}

#[test]
fn bad_86_without_randomness_the_start_is_refused() {
    match seed_from(&mut Dry) {
        Err(StartError::NoRandomness(why)) => assert_eq!(why, "nothing left"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn bad_86_two_starts_have_nothing_in_common() {
    let (one, other) = (
        seed_from(&mut SysRng).unwrap(),
        seed_from(&mut SysRng).unwrap(),
    );
    assert_ne!(one, other);
}
