//! Differences from the kernel that are known and allowed: a short list, with the clause of each.
//!
//! The table is `known_differences.tsv` beside this file, which the book shows; the conditions are here.
//! A difference that no entry explains is a finding.

use super::compare::{Summary, What};
use super::step::{Played, Stamp, Step};
use crate::packet::craft::flags;

/// The table: name, clause, and what each side does.
pub const TABLE: &str = include_str!("known_differences.tsv");

/// An entry of the list.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Known {
    /// A segment without the timestamps that were agreed on.
    TimestampsMissing,
}

impl Known {
    /// All entries, in the order of the table.
    pub const ALL: [Self; 1] = [Self::TimestampsMissing];

    /// The first column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TimestampsMissing => "timestamps-missing",
        }
    }
}

/// The entry that explains what differs at `step`.
pub(super) fn explain(
    _what: What,
    ours: &Played,
    step: usize,
    _our: &Summary,
    _their: &Summary,
) -> Option<Known> {
    // What one side took and the other did not shows at any later step.
    let so_far = ours.turns.get(..=step).unwrap_or_default();
    let modern = so_far.iter().any(|turn| match &turn.step {
        Step::Segment(it) => it.flags & flags::SYN != 0 && it.stamp != Stamp::None,
        Step::Call(_) => false,
    });
    let lacks = so_far.iter().any(|turn| match &turn.step {
        Step::Segment(it) => it.flags & (flags::SYN | flags::RST) == 0 && it.stamp == Stamp::None,
        Step::Call(_) => false,
    });
    (modern && lacks).then_some(Known::TimestampsMissing)
}
