//! A run of the generator against one target: inputs, what they reached, and what they broke.
//!
//! The caller says how long, input by input; [`Campaign`] reads no clock. A broken promise is shrunk at
//! once, and the same promise is reported once for each place where it breaks.

use super::coverage::Coverage;
use super::generator::Generator;
use super::outcome::Violation;
use super::shrink::{Shrunk, shrink};
use super::{Target, run, run_twice};

/// Every so many inputs one is run twice.
const TWICE_EVERY: u64 = 64;
/// Crashes that are kept; a target that breaks so often is broken.
const CRASHES_MAX: usize = 16;

/// An input that breaks a promise, as it was found and as it was shrunk.
#[derive(Clone, Debug)]
pub struct Crash {
    /// Which target.
    pub target: Target,
    /// Which input of the run it was, from 0 on.
    pub number: u64,
    /// As it was found.
    pub found: Vec<u8>,
    /// As small as it became.
    pub shrunk: Shrunk,
}

/// See the module.
#[derive(Debug)]
pub struct Campaign {
    target: Target,
    generator: Generator,
    coverage: Coverage,
    executions: u64,
    crashes: Vec<Crash>,
    digest: u64,
}

impl Campaign {
    /// Nothing has run yet. Everything follows from `seed`.
    pub fn new(target: Target, seed: u64) -> Self {
        // Each target has inputs of its own.
        let own = seed
            .wrapping_mul(31)
            .wrapping_add(u64::from(target.number()));
        Self {
            target,
            generator: Generator::new(own),
            coverage: Coverage::default(),
            executions: 0,
            crashes: Vec::new(),
            digest: 0,
        }
    }

    /// Feeds one input to the target.
    pub fn step(&mut self) {
        let input = self.generator.next_input();
        let twice = self.executions.is_multiple_of(TWICE_EVERY);
        let outcome = if twice {
            run_twice(self.target, &input)
        } else {
            run(self.target, &input)
        };
        self.digest = self.digest.rotate_left(7) ^ outcome.digest;
        let number = self.executions;
        self.executions += 1;
        if let Some(violation) = outcome.violation {
            self.crashed(number, input, violation);
        } else if self.coverage.add(&outcome.reached) > 0 {
            self.generator.keep(input);
        }
    }

    fn crashed(&mut self, number: u64, found: Vec<u8>, violation: Violation) {
        let known = self
            .crashes
            .iter()
            .any(|crash| crash.shrunk.violation.promise == violation.promise);
        if known || self.crashes.len() == CRASHES_MAX {
            return;
        }
        let shrunk = shrink(self.target, &found, violation);
        self.crashes.push(Crash {
            target: self.target,
            number,
            found,
            shrunk,
        });
    }

    /// What is fuzzed.
    pub const fn target(&self) -> Target {
        self.target
    }

    /// Inputs that ran.
    pub const fn executions(&self) -> u64 {
        self.executions
    }

    /// Inputs that reached something new.
    pub fn kept(&self) -> usize {
        self.generator.kept()
    }

    /// What was reached.
    pub const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// What was broken: one for each promise.
    pub fn crashes(&self) -> &[Crash] {
        &self.crashes
    }

    /// A digest of all that the stacks said: equal for equal seeds and numbers of inputs.
    pub const fn digest(&self) -> u64 {
        self.digest
    }
}
