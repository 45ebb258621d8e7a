//! A set of octets as sorted, merged, half-open ranges of offsets.
//!
//! Reassembly in `ip` and `tcp` and the SACK scoreboard use it. Offsets are 64 bits wide and never
//! wrap: whoever has sequence numbers counts them from a base of his own. How many ranges it may hold
//! is said by the caller at each insertion, so that it never grows unnoticed.

use alloc::vec::Vec;
use core::ops::Range;

use thiserror::Error;

/// One more range would be one too many. The set is as it was.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the set already holds {ranges_max} ranges")]
pub struct RangesFull {
    /// The bound that was given.
    pub ranges_max: usize,
}

/// Ranges that neither overlap nor touch, in ascending order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Ranges {
    ranges: Vec<Range<u64>>,
    octets: u64,
}

impl Ranges {
    /// The empty set. It owns no memory until something is inserted.
    pub const fn new() -> Self {
        Self {
            ranges: Vec::new(),
            octets: 0,
        }
    }

    /// How many ranges there are.
    pub const fn len(&self) -> usize {
        self.ranges.len()
    }

    /// True if no offset is in the set.
    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many offsets are in the set.
    pub const fn octets(&self) -> u64 {
        self.octets
    }

    /// The ranges, in ascending order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Range<u64>> + ExactSizeIterator + '_ {
        self.ranges.iter().cloned()
    }

    /// The lowest range.
    pub fn first(&self) -> Option<Range<u64>> {
        self.ranges.first().cloned()
    }

    /// The highest range.
    pub fn last(&self) -> Option<Range<u64>> {
        self.ranges.last().cloned()
    }

    /// The range that holds `offset`.
    pub fn range_with(&self, offset: u64) -> Option<Range<u64>> {
        let range = self.ranges.get(self.first_ending_after(offset))?;
        range.contains(&offset).then(|| range.clone())
    }

    /// True if `offset` is in the set.
    pub fn contains(&self, offset: u64) -> bool {
        self.range_with(offset).is_some()
    }

    /// True if every offset of `range` is in the set; so it is if `range` is empty.
    pub fn contains_all(&self, range: Range<u64>) -> bool {
        range.is_empty()
            || self
                .range_with(range.start)
                .is_some_and(|found| range.end <= found.end)
    }

    /// The first run of offsets of `range` that are in the set.
    pub fn first_within(&self, range: Range<u64>) -> Option<Range<u64>> {
        let found = self.ranges.get(self.first_ending_after(range.start))?;
        let shared = found.start.max(range.start)..found.end.min(range.end);
        (!shared.is_empty()).then_some(shared)
    }

    /// How many offsets of `range` are in the set.
    pub fn octets_within(&self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        let from = self.first_ending_after(range.start);
        let inside = self.ranges[from..].partition_point(|found| found.start < range.end);
        let Some(last) = inside.checked_sub(1).map(|last| &self.ranges[from + last]) else {
            return 0;
        };
        let to = from + inside;
        // Whole ranges are summed up on the side where there are fewer.
        let whole: u64 = if 2 * inside <= self.ranges.len() {
            self.ranges[from..to].iter().map(length).sum()
        } else {
            let outside = self.ranges[..from].iter().chain(&self.ranges[to..]);
            self.octets - outside.map(length).sum::<u64>()
        };
        let before = range.start.saturating_sub(self.ranges[from].start);
        whole - before - last.end.saturating_sub(range.end)
    }

    /// True if [`insert`](Self::insert) would take `range`.
    pub fn has_room_for(&self, range: &Range<u64>, ranges_max: usize) -> bool {
        self.ranges.len() < ranges_max || {
            let at = self.ranges.partition_point(|found| found.end < range.start);
            self.ranges
                .get(at)
                .is_some_and(|found| found.start <= range.end)
        }
    }

    /// Adds `range` and says how many of its offsets are new.
    ///
    /// # Errors
    ///
    /// [`RangesFull`] if the set would then hold more than `ranges_max` ranges.
    pub fn insert(&mut self, range: Range<u64>, ranges_max: usize) -> Result<u64, RangesFull> {
        if range.is_empty() {
            return Ok(0);
        }
        // What overlaps or touches `range` becomes one with it.
        let from = self.ranges.partition_point(|found| found.end < range.start);
        let to = from + self.ranges[from..].partition_point(|found| found.start <= range.end);
        if from == to {
            if self.ranges.len() >= ranges_max {
                return Err(RangesFull { ranges_max });
            }
            let new = range.end - range.start;
            self.octets += new;
            self.ranges.insert(from, range);
            return Ok(new);
        }
        let before: u64 = self.ranges[from..to].iter().map(length).sum();
        let merged = Range {
            start: range.start.min(self.ranges[from].start),
            end: range.end.max(self.ranges[to - 1].end),
        };
        let new = length(&merged) - before;
        self.ranges[from] = merged;
        self.ranges.drain(from + 1..to);
        self.octets += new;
        Ok(new)
    }

    /// Removes every offset below `end` and says how many there were.
    pub fn remove_below(&mut self, end: u64) -> u64 {
        let gone = self.first_ending_after(end);
        let mut removed: u64 = self.ranges.drain(..gone).map(|range| length(&range)).sum();
        if let Some(first) = self.ranges.first_mut()
            && first.start < end
        {
            removed += end - first.start;
            first.start = end;
        }
        self.forget(removed)
    }

    /// Removes every offset from `start` on and says how many there were.
    pub fn remove_from(&mut self, start: u64) -> u64 {
        let mut kept = self.first_ending_after(start);
        let mut removed = 0;
        if let Some(range) = self.ranges.get_mut(kept)
            && range.start < start
        {
            removed += range.end - start;
            range.end = start;
            kept += 1;
        }
        removed += self
            .ranges
            .drain(kept..)
            .map(|range| length(&range))
            .sum::<u64>();
        self.forget(removed)
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// What is missing of `within`, in ascending order.
    pub fn gaps(&self, within: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let mut found = self.ranges[self.first_ending_after(within.start)..].iter();
        let mut at = within.start;
        core::iter::from_fn(move || {
            while at < within.end {
                let gap_start = at;
                let gap_end = match found.next() {
                    Some(range) => {
                        at = range.end;
                        range.start.min(within.end)
                    }
                    None => {
                        at = within.end;
                        within.end
                    }
                };
                if gap_start < gap_end {
                    return Some(gap_start..gap_end);
                }
            }
            None
        })
    }

    /// The place of the first range that does not end at or before `offset`.
    fn first_ending_after(&self, offset: u64) -> usize {
        self.ranges.partition_point(|range| range.end <= offset)
    }

    /// Counts `removed` offsets off; an empty set gives its memory back (design §5.7).
    fn forget(&mut self, removed: u64) -> u64 {
        self.octets -= removed;
        if self.ranges.is_empty() {
            self.ranges = Vec::new();
        }
        removed
    }
}

fn length(range: &Range<u64>) -> u64 {
    range.end - range.start
}

#[cfg(test)]
mod tests;
