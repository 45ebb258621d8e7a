//! What a run of the kit found: [`Report`].
//!
//! It is data first: whoever runs the kit decides what a broken promise means. Only
//! [`Report::assert`] panics.

use std::fmt;
use std::time::Duration;

/// A promise that was not kept: what should have been seen, and what was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Breach {
    /// What the contract has to be seen.
    pub expected: String,
    /// What was seen instead.
    pub seen: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}; seen: {}", self.expected, self.seen)
    }
}

/// What became of one promise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It was kept; how long that took to see.
    Kept(Duration),
    /// It was not.
    Broken(Breach),
    /// The transport lacks what it needs: why.
    Skipped(&'static str),
}

/// What became of every promise that a kit was asked for, in the order in which they were tried.
#[derive(Clone, Debug, Default)]
pub struct Report {
    entries: Vec<(&'static str, Outcome)>,
}

impl Report {
    pub(super) fn add(&mut self, promise: &'static str, outcome: Outcome) {
        self.entries.push((promise, outcome));
    }

    /// Every promise by name, and what became of it.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &Outcome)> {
        self.entries.iter().map(|(name, outcome)| (*name, outcome))
    }

    /// What became of one promise; `None` if it was not asked for.
    pub fn outcome(&self, promise: &str) -> Option<&Outcome> {
        self.entries()
            .find(|(name, _)| *name == promise)
            .map(|(_, outcome)| outcome)
    }

    /// The promises that were broken, and how.
    pub fn broken(&self) -> impl Iterator<Item = (&'static str, &Breach)> {
        self.entries().filter_map(|(name, outcome)| match outcome {
            Outcome::Broken(breach) => Some((name, breach)),
            Outcome::Kept(_) | Outcome::Skipped(_) => None,
        })
    }

    /// The promises that were not asked for, and why.
    pub fn skipped(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.entries().filter_map(|(name, outcome)| match outcome {
            Outcome::Skipped(reason) => Some((name, *reason)),
            Outcome::Kept(_) | Outcome::Broken(_) => None,
        })
    }

    /// How many promises were kept.
    pub fn kept(&self) -> usize {
        self.entries()
            .filter(|(_, outcome)| matches!(outcome, Outcome::Kept(_)))
            .count()
    }

    /// True if no promise was broken.
    pub fn is_kept(&self) -> bool {
        self.broken().next().is_none()
    }

    /// Adds what another run found.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// Fails the test that calls it if a promise was broken, or if nothing was asked.
    ///
    /// # Panics
    ///
    /// Then, with the whole report.
    #[track_caller]
    pub fn assert(&self) {
        assert!(
            self.is_kept() && self.kept() > 0,
            "the contract is broken:\n{self}"
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, outcome) in self.entries() {
            match outcome {
                Outcome::Kept(time) => writeln!(f, "kept     {name} ({time:.1?})")?,
                Outcome::Broken(breach) => writeln!(f, "BROKEN   {name}: {breach}")?,
                Outcome::Skipped(reason) => writeln!(f, "skipped  {name}: {reason}")?,
            }
        }
        Ok(())
    }
}
