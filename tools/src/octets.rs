//! Octets made from a seed, and the hash that says whether they arrived.
//!
//! The demo, `sidestep nc` tests and the soak runs send [`Pattern`]s instead of files: both ends
//! know what must arrive, at any length, from one number. Nothing here is random or secret.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

#[cfg(test)]
mod tests;

/// A stream of octets that follows from a seed: the output of SplitMix64, least octet first.
///
/// It never repeats within 2^64 words, so a lost, repeated or swapped octet changes every hash.
#[derive(Clone, Debug)]
pub struct Pattern {
    state: u64,
    word: [u8; 8],
    /// How many octets of `word` are used up.
    used: usize,
    left: u64,
}

impl Pattern {
    /// The first `octets` octets that follow from `seed`.
    pub const fn new(seed: u64, octets: u64) -> Self {
        Self {
            state: seed,
            word: [0; 8],
            used: 8,
            left: octets,
        }
    }

    /// How many octets are yet to be read.
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// All that is left, in one piece.
    pub fn to_vec(mut self) -> Vec<u8> {
        let mut octets = vec![0; usize::try_from(self.left).unwrap_or(usize::MAX)];
        let filled = self.fill(&mut octets);
        octets.truncate(filled);
        octets
    }

    /// Fills as much of `room` as is left of the pattern, and says how much that was.
    pub fn fill(&mut self, room: &mut [u8]) -> usize {
        let want = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(room.len());
        let mut rest = room.get_mut(..want).unwrap_or_default();
        while !rest.is_empty() {
            if self.used == self.word.len() {
                // Whole words go straight to their place.
                let mut words = rest.chunks_exact_mut(8);
                for word in &mut words {
                    word.copy_from_slice(&next_word(&mut self.state).to_le_bytes());
                }
                rest = words.into_remainder();
                if rest.is_empty() {
                    break;
                }
                self.word = next_word(&mut self.state).to_le_bytes();
                self.used = 0;
            }
            let take = (self.word.len() - self.used).min(rest.len());
            let (now, later) = rest.split_at_mut(take);
            now.copy_from_slice(&self.word[self.used..self.used + take]);
            self.used += take;
            rest = later;
        }
        self.left -= want as u64;
        want
    }
}

impl Read for Pattern {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        Ok(self.fill(room))
    }
}

/// One step of SplitMix64 (Steele, Lea and Flood, 2014).
const fn next_word(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut word = *state;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// SHA-256 of octets that come piece by piece (FIPS 180-4).
#[derive(Clone, Debug, Default)]
pub struct Hash {
    digest: Sha256,
    octets: u64,
}

impl Hash {
    /// Adds `octets` to the end.
    pub fn update(&mut self, octets: &[u8]) {
        self.digest.update(octets);
        self.octets += octets.len() as u64;
    }

    /// How many octets it has seen.
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// The hash, as 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(64);
        for octet in self.digest.clone().finalize() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{octet:02x}");
        }
        text
    }
}
