//! Both senders side by side, and the verdict.
//!
//! `sidestep recovery` adds what each run came to and prints the rows. The verdict is about timeouts
//! alone: ours are no more than the kernel's, over all patterns.

use std::collections::BTreeMap;

use super::{Outcome, Pattern, Whose};

/// A pattern, and what both senders made of it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Row {
    /// Ours.
    pub sidestep: Option<Outcome>,
    /// The kernel's.
    pub kernel: Option<Outcome>,
}

impl Row {
    /// Both, if both came to something.
    pub fn both(&self) -> Option<[Outcome; 2]> {
        Some([self.sidestep?, self.kernel?])
    }

    /// True if ours needed the timer more often.
    pub fn is_worse(&self) -> bool {
        self.both()
            .is_some_and(|[ours, theirs]| ours.timeouts > theirs.timeouts)
    }
}

/// See the module.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    rows: BTreeMap<Pattern, Row>,
    failures: u64,
}

impl Summary {
    /// A run ended well.
    pub fn add(&mut self, whose: Whose, pattern: Pattern, outcome: Outcome) {
        let row = self.rows.entry(pattern).or_default();
        match whose {
            Whose::Sidestep => row.sidestep = Some(outcome),
            Whose::Kernel => row.kernel = Some(outcome),
        }
    }

    /// A run came to nothing.
    pub const fn fail(&mut self) {
        self.failures += 1;
    }

    /// By place, then by length.
    pub fn rows(&self) -> impl Iterator<Item = (Pattern, Row)> + '_ {
        self.rows.iter().map(|(pattern, row)| (*pattern, *row))
    }

    /// Runs that came to nothing.
    pub const fn failures(&self) -> u64 {
        self.failures
    }

    /// Timeouts of both, over all patterns that both ran.
    pub fn timeouts(&self) -> [u64; 2] {
        self.sum(|outcome| outcome.timeouts)
    }

    /// Milliseconds of both, over all patterns that both ran.
    pub fn milliseconds(&self) -> [u64; 2] {
        self.sum(|outcome| u64::try_from(outcome.time.as_millis()).unwrap_or(u64::MAX))
    }

    fn sum(&self, of: impl Fn(&Outcome) -> u64) -> [u64; 2] {
        let both = self.rows.values().filter_map(Row::both);
        both.fold([0; 2], |[ours, theirs], [our, their]| {
            [ours + of(&our), theirs + of(&their)]
        })
    }

    /// True if ours needed the timer no more often, and every run came to something.
    pub fn is_no_higher(&self) -> bool {
        let [ours, theirs] = self.timeouts();
        self.failures == 0 && ours <= theirs
    }
}
