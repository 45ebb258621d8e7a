//! Makes an input that breaks a promise as small and plain as it can in a bounded number of tries.
//!
//! First records go, the larger part first; then fields become zero, the plainest choice of every
//! target. What remains breaks the same promise; nothing else about it is promised.

use super::outcome::{Promise, Violation};
use super::record::RECORD_OCTETS;
use super::{Target, run_twice};

/// Runs that one shrinking may take.
const TRIES_MAX: usize = 3_000;

/// An input and what it breaks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Shrunk {
    /// The input.
    pub input: Vec<u8>,
    /// What it breaks: the same promise as before, perhaps in another way.
    pub violation: Violation,
}

struct Shrinker {
    target: Target,
    promise: Promise,
    best: Shrunk,
    tries: usize,
}

/// Shrinks `input`, which breaks a promise of `target` by `violation`.
pub fn shrink(target: Target, input: &[u8], violation: Violation) -> Shrunk {
    let mut shrinker = Shrinker {
        target,
        promise: violation.promise,
        best: Shrunk {
            input: input.to_vec(),
            violation,
        },
        tries: 0,
    };
    loop {
        let before = shrinker.best.input.clone();
        shrinker.fewer_records();
        shrinker.plainer_octets();
        if shrinker.best.input == before || shrinker.is_spent() {
            return shrinker.best;
        }
    }
}

impl Shrinker {
    const fn is_spent(&self) -> bool {
        self.tries >= TRIES_MAX
    }

    /// Keeps `candidate` if it still breaks the promise.
    fn attempt(&mut self, candidate: Vec<u8>) -> bool {
        if self.is_spent() || candidate == self.best.input {
            return false;
        }
        self.tries += 1;
        match run_twice(self.target, &candidate).violation {
            Some(violation) if violation.promise == self.promise => {
                self.best = Shrunk {
                    input: candidate,
                    violation,
                };
                true
            }
            _ => false,
        }
    }

    fn fewer_records(&mut self) {
        let mut size = self.best.input.len() / RECORD_OCTETS / 2;
        while size > 0 {
            let mut at = RECORD_OCTETS;
            while at < self.best.input.len() {
                let mut candidate = self.best.input.clone();
                let end = (at + size * RECORD_OCTETS).min(candidate.len());
                candidate.drain(at..end);
                if !self.attempt(candidate) {
                    at += size * RECORD_OCTETS;
                }
            }
            size /= 2;
        }
    }

    fn plainer_octets(&mut self) {
        // Half a record at once, then octet by octet.
        for size in [RECORD_OCTETS / 2, 1] {
            for at in (0..self.best.input.len()).step_by(size) {
                let mut candidate = self.best.input.clone();
                let end = (at + size).min(candidate.len());
                candidate[at..end].fill(0);
                self.attempt(candidate);
            }
        }
    }
}
