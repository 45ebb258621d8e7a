//! Chance for one stage of a link: integers that follow from the link's seed and the stage's number.
//!
//! Every stage owns one [`Chance`]; none shares it. Nothing here uses a float, and the way from random
//! bits to a choice is written out, so that it is the same on any machine and with any library.

use sidestep_stack::base::Random;

use super::value::Share;

/// Which stage draws. The numbers are part of what a seed means: never reuse one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    Loss = 1,
    Gilbert = 2,
    Duplication = 3,
    Corruption = 4,
    Reordering = 5,
    Delay = 6,
    Flows = 7,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Chance(Random);

impl Chance {
    /// The source of `stage` in a link with this `seed`.
    pub(super) fn new(seed: u64, stage: Stage) -> Self {
        let mut long = *b"sidestep link, stage and seed...";
        long[16..24].copy_from_slice(&(stage as u64).to_le_bytes());
        long[24..].copy_from_slice(&seed.to_le_bytes());
        Self(Random::new(long))
    }

    /// 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.bits_64()
    }

    /// A number from 0 to `bound - 1`; 0 if `bound` is 0. Its bias is below `bound` / 2^64.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// True in so many cases. Draws in any case, so that equal packets meet equal chances whatever
    /// the share is.
    pub(super) fn happens(&mut self, share: Share) -> bool {
        self.below(u64::from(Share::WHOLE)) < u64::from(share.billionths())
    }
}
