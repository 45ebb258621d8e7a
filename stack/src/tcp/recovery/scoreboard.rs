//! Which octets in flight the peer reported by SACK (RFC 2018, RFC 2883; RFC 6675 §3).
//!
//! `recovery/repair.rs` owns one. Numbers are counted as 64-bit positions from SND.UNA's, so that
//! sets of them never wrap. Reports never make it forget text: that is `send/queue.rs`'s, until
//! acknowledged (RFC 2018 §8).

use core::ops::Range;

use crate::base::SeqNumber;
use crate::base::ranges::Ranges;
use crate::wire::tcp_options::SackBlocks;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Scoreboard {
    /// SND.UNA.
    una: SeqNumber,
    /// The position of SND.UNA.
    position: u64,
    sacked: Ranges,
    ranges_max: u32,
}

impl Scoreboard {
    /// Nothing is reported. It will hold at most `ranges_max` ranges: what goes beyond is ignored,
    /// and at worst resent (BAD-52).
    pub(crate) const fn new(una: SeqNumber, ranges_max: usize) -> Self {
        Self {
            una,
            position: 0,
            sacked: Ranges::new(),
            ranges_max: ranges_max as u32,
        }
    }

    /// The most ranges that it holds.
    pub(crate) const fn ranges_max(&self) -> usize {
        self.ranges_max as usize
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
        let ranges_max = self.ranges_max();
        let mut new = 0;
        for block in blocks.as_slice() {
            let left = self.una.distance_to(block.left);
            let right = self.una.distance_to(block.right);
            // A block at SND.UNA itself contradicts the acknowledgment that it came with.
            if left == 0 || left >= right || right > flight {
                continue;
            }
            let range = self.position + u64::from(left)..self.position + u64::from(right);
            if self.sacked.has_room_for(&range, ranges_max) {
                self.sacked.gaps(range.clone()).for_each(&mut news);
                new += self.sacked.insert(range, ranges_max).unwrap_or_default();
            }
        }
        new
    }

    /// Forgets all reports: the peer threw away what it had (RFC 2018 §8).
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

    /// How many segments are reported, as far as that can be known: RACK.segs_sacked (RFC 8985 §5.3).
    pub(crate) fn segments(&self, smss: u32) -> u32 {
        let by_octets = self.sacked.octets() / u64::from(smss.max(1));
        let ranges = self.sacked.len() as u64;
        u32::try_from(by_octets.max(ranges)).unwrap_or(u32::MAX)
    }

    /// True if SND.UNA itself was reported: the peer has thrown away what it had (RFC 2018 §8). An
    /// honest one acknowledges all that follows without a hole.
    pub(crate) fn contradicts_una(&self) -> bool {
        self.sacked.contains(self.position)
    }

    /// The end of what was not reported of `range`.
    pub(crate) fn last_unsacked_end(&self, range: Range<u64>) -> Option<u64> {
        if range.is_empty() {
            return None;
        }
        let end = match self.sacked.range_with(range.end - 1) {
            Some(sacked) => sacked.start,
            None => range.end,
        };
        (range.start < end).then_some(end)
    }

    /// The duplicate that `blocks` report (RFC 2883 §4): the first block, if it lies below SEG.ACK or
    /// within the second one. SND.UNA has advanced to SEG.ACK, `ack`.
    pub(crate) fn dsack_of(&self, blocks: &SackBlocks, ack: SeqNumber) -> Option<Range<u64>> {
        let blocks = blocks.as_slice();
        let first = blocks.first()?;
        let octets = first.left.distance_to(first.right);
        if octets == 0 || octets > 1 << 30 {
            return None;
        }
        let behind = first.left.distance_to(ack);
        if first.right.is_at_or_before(ack) {
            // Older than the stream itself: nothing of ours.
            let start = self.position_of(ack).checked_sub(u64::from(behind))?;
            return Some(start..start + u64::from(octets));
        }
        let second = blocks.get(1)?;
        let is_within = second.left.is_at_or_before(first.left)
            && first.right.is_at_or_before(second.right)
            && ack.is_at_or_before(first.left);
        let start = self.position_of(first.left);
        is_within.then(|| start..start + u64::from(octets))
    }
}
