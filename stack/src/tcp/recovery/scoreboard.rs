//! Which octets in flight the peer reported by SACK (RFC 2018, RFC 2883; RFC 6675 §3).
//!
//! `recovery/new_reno.rs` owns one. Numbers are counted as 64-bit positions from SND.UNA's, so that
//! sets of them never wrap. Reports never make it forget text: that is `send/queue.rs`'s, until
//! acknowledged (RFC 2018 §8).

use core::ops::Range;

use crate::base::SeqNumber;
use crate::base::ranges::Ranges;
use crate::wire::tcp_options::SackBlocks;

/// DupThresh of RFC 6675 §2.
pub(crate) const DUP_THRESH: u32 = 3;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Scoreboard {
    /// SND.UNA.
    una: SeqNumber,
    /// The position of SND.UNA.
    position: u64,
    sacked: Ranges,
    ranges_max: usize,
}

impl Scoreboard {
    /// Nothing is reported. It will hold at most `ranges_max` ranges: what goes beyond is ignored,
    /// and at worst resent (BAD-52).
    pub(crate) const fn new(una: SeqNumber, ranges_max: usize) -> Self {
        Self {
            una,
            position: 0,
            sacked: Ranges::new(),
            ranges_max,
        }
    }

    /// The position of SND.UNA.
    pub(crate) const fn una(&self) -> u64 {
        self.position
    }

    /// The position of `seq`, which is at or after SND.UNA.
    pub(crate) const fn position_of(&self, seq: SeqNumber) -> u64 {
        self.position + self.una.distance_to(seq) as u64
    }

    /// The number at `position`.
    pub(crate) fn seq_at(&self, position: u64) -> SeqNumber {
        // Truncation is what wraps the circle.
        self.una + position.wrapping_sub(self.position) as u32
    }

    /// SND.UNA moves on.
    pub(crate) fn advance(&mut self, ack: SeqNumber) {
        self.position = self.position_of(ack);
        self.una = ack;
        self.sacked.remove_below(self.position);
    }

    /// Takes the blocks of an acknowledgment; `nxt` is SND.NXT. The answer is how many octets are
    /// reported for the first time. Blocks that cannot be true are ignored: inside out, empty, below
    /// SND.UNA (a DSACK, RFC 2883 §5: no news of a loss) or beyond SND.NXT (2018-06, BAD-63). `news`
    /// hears of each range that is reported for the first time.
    pub(crate) fn take(
        &mut self,
        blocks: &SackBlocks,
        nxt: SeqNumber,
        mut news: impl FnMut(Range<u64>),
    ) -> u64 {
        let flight = self.una.distance_to(nxt);
        let mut new = 0;
        for block in blocks.as_slice() {
            let left = self.una.distance_to(block.left);
            let right = self.una.distance_to(block.right);
            // A block at SND.UNA itself contradicts the acknowledgment that it came with.
            if left == 0 || left >= right || right > flight {
                continue;
            }
            let range = self.position + u64::from(left)..self.position + u64::from(right);
            if self.sacked.has_room_for(&range, self.ranges_max) {
                self.sacked.gaps(range.clone()).for_each(&mut news);
                new += self
                    .sacked
                    .insert(range, self.ranges_max)
                    .unwrap_or_default();
            }
        }
        new
    }

    /// Forgets all reports (RFC 2018 §5: after a timeout they are not trusted).
    pub(crate) fn clear(&mut self) {
        self.sacked.clear();
    }

    /// True if nothing is reported.
    pub(crate) fn is_empty(&self) -> bool {
        self.sacked.is_empty()
    }

    /// True if all of `range` arrived, be it acknowledged or reported.
    pub(crate) fn has(&self, range: &Range<u64>) -> bool {
        self.sacked
            .contains_all(range.start.max(self.position)..range.end)
    }

    /// How many positions of `range` were reported.
    pub(crate) fn sacked_within(&self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        self.sacked.octets_within(range)
    }

    /// How many positions of `range` were not reported.
    pub(crate) fn unsacked_within(&self, range: Range<u64>) -> u64 {
        if range.is_empty() {
            return 0;
        }
        range.end - range.start - self.sacked_within(range)
    }

    /// The parts of `range` that were not reported.
    pub(crate) fn gaps(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        self.sacked.gaps(range)
    }

    /// The lowest part of `range` that was not reported.
    pub(crate) fn first_unsacked(&self, range: Range<u64>) -> Option<Range<u64>> {
        if range.is_empty() {
            return None;
        }
        self.sacked.gaps(range).next()
    }

    /// The end of the highest report.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.sacked.last().map(|range| range.end)
    }

    /// IsLost of RFC 6675 §4 as a boundary: what lies below it and was not reported is lost, for
    /// DupThresh ranges, or more than (DupThresh - 1) * SMSS octets, are reported above.
    pub(crate) fn lost_below(&self, smss: u32) -> u64 {
        let enough_octets = u64::from((DUP_THRESH - 1) * smss);
        let mut octets = 0;
        for (count, range) in self.sacked.iter().rev().enumerate() {
            octets += range.end - range.start;
            if count + 1 >= DUP_THRESH as usize || octets > enough_octets {
                return range.start;
            }
        }
        self.position
    }
}
