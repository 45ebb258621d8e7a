//! What an input is: one head and a list of records of 16 octets, each of which a target reads as one
//! step.
//!
//! Every octet string is a valid input, so libFuzzer and the generator on stable feed the same bodies.
//! Records of one size make the mutations and the shrinking structure-aware for nothing: to remove,
//! double or exchange a record is to do so with a packet, a call or a pause.

/// Octets of the head and of each record.
pub const RECORD_OCTETS: usize = 16;
/// Records after the head that are read; what follows is ignored, so every input is bounded work.
pub const RECORDS_MAX: usize = 64;

/// The octets of one step. What is missing at the end of an input reads as zeros.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Record([u8; RECORD_OCTETS]);

impl Record {
    /// The first octets of `octets`.
    pub fn new(octets: &[u8]) -> Self {
        let mut record = Self::default();
        for (place, octet) in record.0.iter_mut().zip(octets) {
            *place = *octet;
        }
        record
    }

    /// The octet at `at`, which wraps at the end.
    pub const fn byte(&self, at: usize) -> u8 {
        self.0[at % RECORD_OCTETS]
    }

    /// The two octets from `at` on.
    pub const fn half(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.byte(at), self.byte(at + 1)])
    }

    /// The four octets from `at` on.
    pub const fn word(&self, at: usize) -> u32 {
        u32::from_le_bytes([
            self.byte(at),
            self.byte(at + 1),
            self.byte(at + 2),
            self.byte(at + 3),
        ])
    }

    /// A number below `bound` from the octet at `at`; 0 if `bound` is 0.
    pub const fn below(&self, at: usize, bound: usize) -> usize {
        if bound == 0 {
            0
        } else {
            self.byte(at) as usize % bound
        }
    }

    /// One of `choices`, by the octet at `at`. The first one for a zero, so zeros are the simplest.
    pub const fn pick<T: Copy, const N: usize>(&self, at: usize, choices: [T; N]) -> T {
        choices[self.byte(at) as usize % N]
    }

    /// True if bit `bit` of the octet at `at` is set.
    pub const fn bit(&self, at: usize, bit: u8) -> bool {
        self.byte(at) & (1 << (bit & 7)) != 0
    }

    /// A small signed distance from the octet at `at`: mostly around zero.
    pub const fn nudge(&self, at: usize) -> i32 {
        match self.byte(at) {
            octet @ 0..=127 => octet as i32 % 5 - 2,
            octet => (octet as i32 - 192) * 23,
        }
    }
}

/// An input, cut into its head and its records.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    octets: &'a [u8],
}

impl<'a> Input<'a> {
    /// Any octets.
    pub const fn new(octets: &'a [u8]) -> Self {
        Self { octets }
    }

    /// What sets the scene.
    pub fn head(&self) -> Record {
        Record::new(self.octets)
    }

    /// The steps.
    pub fn records(&self) -> impl Iterator<Item = Record> + 'a {
        let body = self.octets.get(RECORD_OCTETS..).unwrap_or_default();
        body.chunks(RECORD_OCTETS)
            .take(RECORDS_MAX)
            .map(Record::new)
    }

    /// The octets as they are, for targets that parse them directly.
    pub const fn octets(&self) -> &'a [u8] {
        self.octets
    }
}

/// `octets` octets that follow from `seed`: cheap, repeatable, and unlike each other.
pub(crate) fn noise(seed: u32, octets: usize) -> Vec<u8> {
    let mut state = u64::from(seed) | 0x9e37_79b9_0000_0000;
    (0..octets)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        })
        .collect()
}
