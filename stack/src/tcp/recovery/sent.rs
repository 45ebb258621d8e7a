//! The record of transmissions: when each octet in flight was last sent (Segment.xmit_ts and
//! Segment.retransmitted of RFC 8985 §5.2), and what was known of the delivery rate then.
//!
//! `output.rs` notes through `recovery/repair.rs` what it sends; `rack.rs`, round trips and
//! delivery-rate samples read it. One entry stands for one contiguous burst sent at one moment; an
//! empty record owns no memory, a full one makes its last entry coarser.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use core::ops::Range;

use crate::base::Instant;
use crate::tcp::delivery::DeliverySnapshot;

/// Entries of first transmissions. What is sent beyond joins the last of them, which is then no
/// source of round trips any more.
const BURSTS_MAX: usize = 16_384;

/// Entries of retransmissions. What is sent again beyond is repaired by a timeout if it is lost once
/// more.
const RESENT_MAX: usize = 16_384;

/// Whether octets were sent once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum History {
    /// Once, at a moment that is known.
    Original,
    /// More than once, so that an acknowledgment may be of either (RFC 6298 §3).
    Resent,
}

/// A part of the sequence space, as positions, that was last sent at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Burst {
    /// Its first position.
    pub(crate) start: u64,
    /// The position after its last one.
    pub(crate) end: u64,
    /// When it was last sent.
    pub(crate) sent_at: Instant,
    /// Whether it had been sent before.
    pub(crate) history: History,
    /// What was known of the delivery rate then.
    pub(crate) snapshot: DeliverySnapshot,
}

impl Burst {
    /// RACK_sent_after of RFC 8985 §6.2: ties of the clock are broken by the sequence space.
    pub(crate) fn is_sent_after(&self, at: Instant, end: u64) -> bool {
        self.sent_at > at || (self.sent_at == at && self.end > end)
    }
}

#[derive(Clone, Debug, Default)]
struct Bursts {
    /// What was sent for the first time, and probes of the tail: in the order of positions, which is
    /// that of time too.
    first: VecDeque<Burst>,
    /// The latest retransmission of what was sent again, by its first position. They do not overlap.
    again: BTreeMap<u64, Burst>,
    /// The same in the order of time. An entry whose retransmission was replaced is stale.
    order: VecDeque<(u64, Instant)>,
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentLog(Option<Box<Bursts>>);

impl SentLog {
    /// Nothing is in flight.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// New octets at `range`, behind all others, leave now.
    pub(crate) fn on_sent(&mut self, range: Range<u64>, now: Instant, snapshot: DeliverySnapshot) {
        let first = &mut self.0.get_or_insert_default().first;
        let is_full = first.len() >= BURSTS_MAX;
        if let Some(last) = first.back_mut()
            && last.end == range.start
        {
            if last.sent_at == now && last.history == History::Original {
                last.end = range.end;
                // The same moment; only what is in flight has grown.
                last.snapshot = snapshot;
                return;
            }
            if is_full {
                last.end = range.end;
                last.sent_at = now;
                last.history = History::Resent;
                return;
            }
        }
        first.push_back(Burst {
            start: range.start,
            end: range.end,
            sent_at: now,
            history: History::Original,
            snapshot,
        });
    }

    /// The last octets in flight, `range`, leave once more: a probe of the tail. They stay the last in
    /// both orders.
    pub(crate) fn on_tail_resent(
        &mut self,
        range: Range<u64>,
        now: Instant,
        snapshot: DeliverySnapshot,
    ) {
        let Some(bursts) = &mut self.0 else {
            return;
        };
        while let Some(last) = bursts.first.back_mut() {
            if last.start < range.start {
                last.end = last.end.min(range.start);
                break;
            }
            bursts.first.pop_back();
        }
        bursts.forget_again(&range);
        bursts.first.push_back(Burst {
            start: range.start,
            end: range.end,
            sent_at: now,
            history: History::Resent,
            snapshot,
        });
    }

    /// What was lost, `range`, leaves once more.
    pub(crate) fn on_resent(
        &mut self,
        range: Range<u64>,
        now: Instant,
        snapshot: DeliverySnapshot,
    ) {
        let Some(bursts) = &mut self.0 else {
            return;
        };
        bursts.forget_again(&range);
        if bursts.again.len() >= RESENT_MAX {
            return;
        }
        bursts.order.push_back((range.start, now));
        bursts.again.insert(
            range.start,
            Burst {
                start: range.start,
                end: range.end,
                sent_at: now,
                history: History::Resent,
                snapshot,
            },
        );
        bursts.forget_stale();
    }

    /// Everything below `una` is acknowledged.
    pub(crate) fn advance(&mut self, una: u64) {
        let Some(bursts) = &mut self.0 else {
            return;
        };
        while bursts.first.front().is_some_and(|it| it.end <= una) {
            bursts.first.pop_front();
        }
        while let Some(entry) = bursts.again.first_entry()
            && entry.get().end <= una
        {
            entry.remove();
        }
        if bursts.first.is_empty() {
            self.0 = None;
        }
    }

    /// Octets of memory.
    pub(crate) fn held_octets(&self) -> usize {
        self.0.as_ref().map_or(0, |it| {
            it.first.capacity() * size_of::<Burst>() + it.again.len() * 2 * size_of::<Burst>()
        })
    }

    /// The latest transmissions of all octets of `range`, in ascending order, cut to it. The cost
    /// follows how many there are.
    pub(crate) fn within(&self, range: Range<u64>) -> impl Iterator<Item = Burst> + '_ {
        let mut at = range.start;
        core::iter::from_fn(move || {
            let bursts = self.0.as_deref()?;
            if at >= range.end {
                return None;
            }
            let found = bursts.latest_from(at)?;
            if found.start >= range.end {
                return None;
            }
            at = found.end;
            Some(Burst {
                end: found.end.min(range.end),
                ..found
            })
        })
    }

    /// The first transmission that the octet at `position` belongs to, whole.
    pub(crate) fn first_of(&self, position: u64) -> Option<Burst> {
        let first = &self.0.as_deref()?.first;
        let found = first.get(first.partition_point(|it| it.end <= position))?;
        (found.start <= position).then_some(*found)
    }

    /// Where first transmissions end of which all were sent at `at` or before.
    pub(crate) fn sent_until(&self, at: Instant) -> Option<u64> {
        let first = &self.0.as_deref()?.first;
        let count = first.partition_point(|it| it.sent_at <= at);
        count
            .checked_sub(1)
            .and_then(|last| first.get(last))
            .map(|it| it.end)
    }

    /// Where first transmissions end of which all were sent before the octets that end at `end` and
    /// left at `at`.
    pub(crate) fn sent_before(&self, at: Instant, end: u64) -> Option<u64> {
        let first = &self.0.as_deref()?.first;
        let count = first.partition_point(|it| it.sent_at < at);
        let before = count
            .checked_sub(1)
            .and_then(|last| first.get(last))
            .map(|it| it.end);
        match self.sent_until(at) {
            // Ties are broken by the sequence space.
            Some(until) if end > before.unwrap_or(0) => Some(until.min(end)),
            _ => before,
        }
    }

    /// The retransmission that was sent first of those that still stand.
    pub(crate) fn oldest_resent(&mut self) -> Option<Burst> {
        let bursts = self.0.as_deref_mut()?;
        bursts.forget_stale_front();
        let (start, _) = bursts.order.front()?;
        bursts.again.get(start).copied()
    }

    /// [`oldest_resent`](Self::oldest_resent) was delivered, or is lost.
    pub(crate) fn forget_oldest_resent(&mut self) {
        if let Some(bursts) = self.0.as_deref_mut()
            && let Some((start, _)) = bursts.order.pop_front()
        {
            bursts.again.remove(&start);
        }
    }
}

impl Bursts {
    /// The latest transmission of the first octet at or behind `at` that has one. It begins at `at`
    /// or behind.
    fn latest_from(&self, at: u64) -> Option<Burst> {
        let again = self.again.range(..=at).next_back().map(|(_, it)| it);
        if let Some(again) = again
            && at < again.end
        {
            return Some(Burst {
                start: at,
                ..*again
            });
        }
        let first = self
            .first
            .get(self.first.partition_point(|it| it.end <= at))?;
        let start = first.start.max(at);
        // A retransmission of what lies behind ends it.
        let next = self.again.range(start..).next().map(|(_, it)| it);
        match next {
            Some(next) if next.start == start => Some(*next),
            Some(next) => Some(Burst {
                start,
                end: first.end.min(next.start),
                ..*first
            }),
            None => Some(Burst { start, ..*first }),
        }
    }

    /// Retransmissions of `range` are no longer the latest ones.
    fn forget_again(&mut self, range: &Range<u64>) {
        while let Some(old) = self.again.range(..range.end).next_back().map(|(_, it)| *it)
            && range.start < old.end
        {
            self.again.remove(&old.start);
            if range.end < old.end {
                let behind = Burst {
                    start: range.end,
                    ..old
                };
                self.again.insert(behind.start, behind);
                let place = self.order.partition_point(|(_, at)| *at <= old.sent_at);
                self.order.insert(place, (behind.start, old.sent_at));
            }
            if old.start < range.start {
                let before = Burst {
                    end: range.start,
                    ..old
                };
                self.again.insert(before.start, before);
            }
        }
    }

    fn is_stale(&self, (start, at): (u64, Instant)) -> bool {
        self.again.get(&start).is_none_or(|it| it.sent_at != at)
    }

    fn forget_stale_front(&mut self) {
        while let Some(entry) = self.order.front()
            && self.is_stale(*entry)
        {
            self.order.pop_front();
        }
    }

    /// Stale entries never outnumber the others by much; the cost is spread over those that went.
    fn forget_stale(&mut self) {
        self.forget_stale_front();
        if self.order.len() > 2 * self.again.len() + 16 {
            let again = &self.again;
            self.order
                .retain(|(start, at)| again.get(start).is_some_and(|it| it.sent_at == *at));
        }
    }
}

#[cfg(test)]
mod tests;
