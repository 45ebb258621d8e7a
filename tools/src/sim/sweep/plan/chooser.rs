//! Chance in short words, for whoever writes a plan.
//!
//! The parts of a [`Plan`](super::Plan) choose with it, one after another. The same seed chooses the
//! same; nothing else is asked.

use sidestep_stack::base::Random;

use crate::sim::seed_of;

/// Chooses, in short words.
pub(super) struct Chooser(Random);

impl Chooser {
    pub(super) fn new(seed: u64) -> Self {
        Self(Random::new(seed_of(seed)))
    }

    /// From 0 to `most`.
    pub(super) fn up_to(&mut self, most: u32) -> u32 {
        self.0.below(most.saturating_add(1))
    }

    /// True once in `n` times.
    pub(super) fn once_in(&mut self, n: u32) -> bool {
        self.0.below(n) == 0
    }

    pub(super) fn one_of<T: Copy>(&mut self, first: T, rest: &[T]) -> T {
        let at = self.up_to(u32::try_from(rest.len()).unwrap_or(0)) as usize;
        at.checked_sub(1)
            .and_then(|at| rest.get(at))
            .copied()
            .unwrap_or(first)
    }

    /// From 1 to 2^`bits`, every order of magnitude as likely as the other.
    pub(super) fn magnitude(&mut self, bits: u32) -> u32 {
        let most = 1_u32 << self.up_to(bits);
        most - self.up_to(most / 2)
    }
}
