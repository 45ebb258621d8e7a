//! Inputs that follow from a seed: records made up, and records of earlier inputs changed and mixed.
//!
//! The corpus keeps every input that reached something new, and newer ones are changed more often. The
//! same seed and the same answers give the same inputs on any machine; no clock is read.

use rand::rngs::ChaCha12Rng;
use rand::{Rng, RngExt, SeedableRng};

use super::record::{RECORD_OCTETS, RECORDS_MAX};

/// Inputs that are kept; beyond it the oldest half makes room.
const CORPUS_MAX: usize = 4_096;
/// Records of an input that is made up.
const FRESH_RECORDS_MAX: usize = 24;

/// Values that are near an edge of something.
const TELLING: [u32; 16] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fff_ffff,
    0xffff_ffff,
];

/// See the module.
#[derive(Debug)]
pub struct Generator {
    random: ChaCha12Rng,
    corpus: Vec<Vec<u8>>,
}

impl Generator {
    /// A generator whose inputs follow from `seed` and from what is [kept](Self::keep).
    pub fn new(seed: u64) -> Self {
        Self {
            random: ChaCha12Rng::seed_from_u64(seed),
            corpus: Vec::new(),
        }
    }

    /// The input reached something new: later ones begin with it.
    pub fn keep(&mut self, input: Vec<u8>) {
        if self.corpus.len() == CORPUS_MAX {
            self.corpus.drain(..CORPUS_MAX / 2);
        }
        self.corpus.push(input);
    }

    /// Inputs that are kept.
    pub fn kept(&self) -> usize {
        self.corpus.len()
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        if self.corpus.is_empty() || self.random.random_range(0..4) == 0 {
            return self.fresh();
        }
        let mut input = self.chosen();
        for _ in 0..1 + self.random.random_range(0..5_u32) {
            self.change(&mut input);
        }
        input.truncate(RECORD_OCTETS * (1 + RECORDS_MAX));
        input
    }

    fn fresh(&mut self) -> Vec<u8> {
        let records = 1 + self.random.random_range(0..FRESH_RECORDS_MAX);
        let mut input = vec![0; RECORD_OCTETS * (1 + records)];
        self.random.fill_bytes(&mut input);
        // Simple values are as likely as all others together: zeros are the plainest choice everywhere.
        for octet in &mut input {
            if self.random.random_range(0..3) == 0 {
                *octet = 0;
            }
        }
        input
    }

    /// One of the corpus, the newer ones more often.
    fn chosen(&mut self) -> Vec<u8> {
        let count = self.corpus.len();
        let a = self.random.random_range(0..count);
        let b = self.random.random_range(0..count);
        self.corpus[a.max(b)].clone()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let records = input.len() / RECORD_OCTETS;
        match self.random.random_range(0..10) {
            0 | 1 => self.change_octets(input),
            2 => self.change_octets(input),
            3 => self.change_number(input),
            4 if records > 2 => {
                let at = RECORD_OCTETS * self.random.random_range(1..records);
                input.drain(at..at + RECORD_OCTETS);
            }
            5 if records > 1 => {
                let from = RECORD_OCTETS * self.random.random_range(1..records);
                let copy = input[from..from + RECORD_OCTETS].to_vec();
                let to = RECORD_OCTETS * self.random.random_range(1..=records);
                input.splice(to..to, copy);
            }
            6 if records > 2 => {
                let a = RECORD_OCTETS * self.random.random_range(1..records);
                let b = RECORD_OCTETS * self.random.random_range(1..records);
                for at in 0..RECORD_OCTETS {
                    input.swap(a + at, b + at);
                }
            }
            7 => {
                let mut record = [0; RECORD_OCTETS];
                self.random.fill_bytes(&mut record);
                let to = RECORD_OCTETS * self.random.random_range(1..=records.max(1));
                let to = to.min(input.len());
                input.splice(to..to, record);
            }
            8 => self.cross(input),
            _ => self.change_octets(input),
        }
    }

    fn change_octets(&mut self, input: &mut [u8]) {
        if input.is_empty() {
            return;
        }
        for _ in 0..1 + self.random.random_range(0..3_u32) {
            let at = self.random.random_range(0..input.len());
            input[at] = match self.random.random_range(0..4) {
                0 => input[at].wrapping_add(1),
                1 => input[at].wrapping_sub(1),
                2 => input[at] ^ (1 << self.random.random_range(0..8)),
                _ => self.random.random(),
            };
        }
    }

    fn change_number(&mut self, input: &mut [u8]) {
        if input.len() < 4 {
            return;
        }
        let octets = 1 << self.random.random_range(0..3_u32);
        let at = self.random.random_range(0..=input.len() - octets);
        let value = TELLING[self.random.random_range(0..TELLING.len())];
        input[at..at + octets].copy_from_slice(&value.to_le_bytes()[..octets]);
    }

    /// The front of this one, the back of another one.
    fn cross(&mut self, input: &mut Vec<u8>) {
        let other = self.chosen();
        let cut = RECORD_OCTETS * self.random.random_range(1..=input.len() / RECORD_OCTETS);
        let from = RECORD_OCTETS * self.random.random_range(1..=other.len() / RECORD_OCTETS);
        input.truncate(cut);
        input.extend_from_slice(&other[from.min(other.len())..]);
    }
}
