//! Chance, as a value that is part of the stack.
//!
//! The seed comes in through [`Stack::new`](crate::Stack::new); the same seed gives the same
//! choices on every machine (ChaCha with 12 rounds, whose output is fixed by its specification).
//! This crate never asks the operating system for anything.

use rand::rngs::ChaCha12Rng;
use rand::{Rng, RngExt, SeedableRng};

/// 32 octets that no outsider knows. Everything that must not be guessed follows from them.
pub type Seed = [u8; 32];

/// The stack's source of chance.
#[derive(Debug)]
pub struct Random(ChaCha12Rng);

/// A fork: from here on both give the same choices.
impl Clone for Random {
    fn clone(&self) -> Self {
        Self(ChaCha12Rng::deserialize_state(&self.0.serialize_state()))
    }
}

impl Random {
    /// A source that repeats itself for the same `seed`.
    pub fn new(seed: Seed) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// 16 bits.
    pub fn bits_16(&mut self) -> u16 {
        self.0.next_u32() as u16
    }

    /// 32 bits.
    pub fn bits_32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// 64 bits.
    pub fn bits_64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 to `bound - 1`, each as likely as the other; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        if bound == 0 {
            0
        } else {
            self.0.random_range(0..bound)
        }
    }

    /// A key for a hash or a message authentication code.
    pub fn key(&mut self) -> [u8; 16] {
        let mut key = [0; 16];
        self.0.fill_bytes(&mut key);
        key
    }

    /// A seed for a part that needs a source of its own.
    pub fn seed(&mut self) -> Seed {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        seed
    }
}

#[cfg(test)]
mod tests;
