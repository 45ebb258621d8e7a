//! Which blocks an acknowledgment reports (RFC 2018 §4, RFC 2883 §4).
//!
//! `arrives/*` notes what arrived, `output.rs` asks for the blocks. The newest comes first, then the
//! most recently reported ones; a duplicate is reported once, before all others.

use core::ops::Range;

use crate::base::ranges::Ranges;
use crate::wire::tcp_options::SACK_BLOCKS_MAX;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct SackReporter {
    /// A position in each of the blocks that changed last, the newest first.
    recent: [u64; SACK_BLOCKS_MAX],
    len: usize,
    duplicate: Option<Range<u64>>,
}

impl SackReporter {
    /// Text out of order arrived at `position`.
    pub(crate) fn on_out_of_order(&mut self, position: u64) {
        // The position moves to the front; one that was there already moves up from its place.
        let old = self.recent[..self.len]
            .iter()
            .position(|it| *it == position)
            .unwrap_or_else(|| {
                self.len = (self.len + 1).min(SACK_BLOCKS_MAX);
                self.len - 1
            });
        self.recent[..=old].rotate_right(1);
        self.recent[0] = position;
    }

    /// What had arrived before arrived again (RFC 2883 §4). One acknowledgment answers a whole batch:
    /// duplicates that follow one another are one then, as if they had come in one segment.
    pub(crate) fn on_duplicate(&mut self, range: Range<u64>) {
        if range.is_empty() {
            return;
        }
        self.duplicate = Some(match self.duplicate.take() {
            Some(old) if old.start <= range.end && range.start <= old.end => {
                old.start.min(range.start)..old.end.max(range.end)
            }
            Some(_) | None => range,
        });
    }

    /// True if a duplicate waits to be reported.
    pub(crate) const fn has_duplicate(&self) -> bool {
        self.duplicate.is_some()
    }

    /// Calls `report` for up to `blocks_max` blocks, in their order; `ranges` is what waits out of
    /// order. The duplicate, if any, has been reported then.
    pub(crate) fn report(
        &mut self,
        ranges: &Ranges,
        blocks_max: usize,
        mut report: impl FnMut(Range<u64>),
    ) {
        let mut room = blocks_max.min(SACK_BLOCKS_MAX);
        if let Some(duplicate) = self.duplicate.take()
            && room > 0
        {
            room -= 1;
            report(duplicate);
        }
        let mut reported: [u64; SACK_BLOCKS_MAX] = [u64::MAX; SACK_BLOCKS_MAX];
        let mut kept = 0;
        for at in 0..self.len {
            // Blocks that grew together are one now; what is in order by now is none.
            let Some(block) = ranges.range_with(self.recent[at]) else {
                continue;
            };
            if reported[..kept].contains(&block.start) {
                continue;
            }
            reported[kept] = block.start;
            self.recent[kept] = self.recent[at];
            kept += 1;
            if room > 0 {
                room -= 1;
                report(block);
            }
        }
        self.len = kept;
    }
}
