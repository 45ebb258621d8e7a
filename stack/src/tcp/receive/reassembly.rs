//! Text that arrived before what precedes it (RFC 9293 §3.10.7.4, SHLD-31).
//!
//! `arrives/take_text.rs` puts it in and takes it out. Octets that were accepted first win over later
//! ones at the same place (BAD-65), and everything has a bound (BAD-53): the number of ranges, and
//! the memory, counted with the cost of keeping each piece.

use alloc::collections::BTreeMap;
use core::ops::Range;

use bytes::Bytes;
use thiserror::Error;

use super::queue::unpinned;
use crate::base::ranges::Ranges;

/// What keeping a piece costs beyond its octets.
const PIECE_OCTETS: usize = 64;

/// There is no memory for more.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("no room for more text out of order")]
pub(crate) struct ReassemblyFull;

/// Bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReassemblyLimits {
    /// The most ranges.
    pub(crate) ranges_max: usize,
    /// The most octets in memory.
    pub(crate) octets_max: usize,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reassembly {
    /// Pieces by position; none of them overlap.
    pieces: BTreeMap<u64, Bytes>,
    ranges: Ranges,
    held_octets: usize,
}

impl Reassembly {
    /// True if nothing waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// What is there.
    pub(crate) const fn ranges(&self) -> &Ranges {
        &self.ranges
    }

    /// Octets in memory, bookkeeping included.
    pub(crate) const fn held_octets(&self) -> usize {
        self.held_octets
    }

    /// Keeps what is new of `text`, whose first octet has position `at`.
    ///
    /// # Errors
    ///
    /// A limit is reached. What was there stays; a part of `text` may have been kept.
    pub(crate) fn insert(
        &mut self,
        at: u64,
        text: &Bytes,
        limits: ReassemblyLimits,
    ) -> Result<(), ReassemblyFull> {
        let end = at + text.len() as u64;
        let mut from = at;
        loop {
            let Some(gap) = self.ranges.gaps(from..end).next() else {
                return Ok(());
            };
            self.keep(&gap, text, at, limits)?;
            from = gap.end;
        }
    }

    fn keep(
        &mut self,
        gap: &Range<u64>,
        text: &Bytes,
        at: u64,
        limits: ReassemblyLimits,
    ) -> Result<(), ReassemblyFull> {
        // Both differences are within `text`.
        let piece = text.slice((gap.start - at) as usize..(gap.end - at) as usize);
        // A peer may send the same octets again and again, with one new one at the end.
        let piece = unpinned(piece, text.len());
        let cost = piece.len() + PIECE_OCTETS;
        if self.held_octets + cost > limits.octets_max {
            return Err(ReassemblyFull);
        }
        self.ranges
            .insert(gap.clone(), limits.ranges_max)
            .map_err(|_| ReassemblyFull)?;
        self.held_octets += cost;
        self.pieces.insert(gap.start, piece);
        Ok(())
    }

    /// Takes the next piece if it continues what ends at `position`; what lies before is dropped.
    pub(crate) fn pop_at(&mut self, position: u64) -> Option<Bytes> {
        loop {
            let entry = self.pieces.first_entry()?;
            let start = *entry.key();
            if start > position {
                return None;
            }
            let mut piece = entry.remove();
            self.held_octets -= piece.len() + PIECE_OCTETS;
            let end = start + piece.len() as u64;
            self.ranges.remove_below(end);
            if end > position {
                let octets = piece.len();
                let _ = piece.split_to((position - start) as usize);
                return Some(unpinned(piece, octets));
            }
        }
    }

    /// The stream ends at `position`: what was kept beyond is forgotten, and the FIN counts as there.
    pub(crate) fn end_at(&mut self, position: u64) {
        let beyond = self.pieces.split_off(&position);
        for piece in beyond.values() {
            self.held_octets -= piece.len() + PIECE_OCTETS;
        }
        if let Some(mut last) = self.pieces.last_entry() {
            let start = *last.key();
            let piece = last.get_mut();
            let keep = (position - start).min(piece.len() as u64) as usize;
            self.held_octets -= piece.len() - keep;
            *piece = unpinned(piece.slice(..keep), piece.len());
        }
        self.ranges.remove_from(position);
        // One more range than pieces is no matter: it is the last one.
        let _ = self.ranges.insert(position..position + 1, usize::MAX);
    }
}
