//! CoDel, which keeps the time in a queue short: the pseudo-code of RFC 8289 §5, with integers.
//!
//! A single queue has one, FQ-CoDel has one for each flow. It acts when a packet is taken out: once
//! packets have waited longer than TARGET for a whole INTERVAL it drops one, and then more and more
//! often until the wait is short again. Where ECN is on it marks instead (RFC 8289 §3).

use bytes::Bytes;
use sidestep_stack::base::{Duration, Instant};

use super::{Lane, Waiting};
use crate::link::counters::Counters;
use crate::link::ecn;
use crate::link::recipe::{Ecn, Recipe};

/// A queue of no more than this is no standing queue: a packet of the usual MTU (RFC 8289 §5.6).
const MAXPACKET_OCTETS: usize = 1_514;

/// The state between two packets, named as in RFC 8289 §5.3.
#[derive(Clone, Debug, Default)]
pub(in crate::link) struct Codel {
    /// When the wait will have been above TARGET for an INTERVAL; `None` if it is not above.
    first_above_time: Option<Instant>,
    drop_next: Instant,
    count: u64,
    lastcount: u64,
    dropping: Dropping,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Dropping {
    #[default]
    No,
    Yes,
}

/// A packet from the queue, and whether it may be dropped.
struct Dequeued {
    packet: Option<Bytes>,
    is_ok_to_drop: bool,
}

impl Codel {
    /// The packet that leaves now; those that are dropped before it are counted.
    pub(super) fn pop(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
        lane: &mut Lane,
    ) -> Option<Bytes> {
        let mut next = self.dequeue(now, recipe, lane);
        if self.dropping == Dropping::Yes {
            if !next.is_ok_to_drop {
                self.dropping = Dropping::No;
            }
            // Ends: each round takes a packet out, marks one, or leaves the state.
            while self.dropping == Dropping::Yes && now >= self.drop_next {
                self.count += 1;
                if let Some(marked) = self.marked(recipe, counters, next.packet.as_ref()) {
                    self.drop_next = control_law(self.drop_next, recipe.interval, self.count);
                    return Some(marked);
                }
                counters.lost_codel += 1;
                next = self.dequeue(now, recipe, lane);
                if next.is_ok_to_drop {
                    self.drop_next = control_law(self.drop_next, recipe.interval, self.count);
                } else {
                    self.dropping = Dropping::No;
                }
            }
        } else if next.is_ok_to_drop {
            let marked = self.marked(recipe, counters, next.packet.as_ref());
            if marked.is_none() {
                counters.lost_codel += 1;
                next = self.dequeue(now, recipe, lane);
            }
            self.begin_dropping(now, recipe.interval);
            return marked.or(next.packet);
        }
        next.packet
    }

    /// The wait went above TARGET again: where it did so shortly ago, the rate of drops that was
    /// enough then is where this begins.
    fn begin_dropping(&mut self, now: Instant, interval: Duration) {
        self.dropping = Dropping::Yes;
        let delta = self.count.saturating_sub(self.lastcount);
        let is_recent = now.since(self.drop_next) < interval * 16;
        self.count = if delta > 1 && is_recent { delta } else { 1 };
        self.drop_next = control_law(now, interval, self.count);
        self.lastcount = self.count;
    }

    /// `dodequeue` of RFC 8289 §5.6.
    fn dequeue(&mut self, now: Instant, recipe: &Recipe, lane: &mut Lane) -> Dequeued {
        let Some(Waiting { packet, since }) = lane.pop() else {
            self.first_above_time = None;
            return Dequeued {
                packet: None,
                is_ok_to_drop: false,
            };
        };
        let mut is_ok_to_drop = false;
        if now.since(since) < recipe.target || lane.octets <= MAXPACKET_OCTETS {
            self.first_above_time = None;
        } else {
            match self.first_above_time {
                None => self.first_above_time = Some(now + recipe.interval),
                Some(at) => is_ok_to_drop = now >= at,
            }
        }
        Dequeued {
            packet: Some(packet),
            is_ok_to_drop,
        }
    }

    /// The packet with a mark, if the recipe and the packet allow one.
    fn marked(
        &self,
        recipe: &Recipe,
        counters: &mut Counters,
        packet: Option<&Bytes>,
    ) -> Option<Bytes> {
        let marked = match recipe.ecn {
            Ecn::On => ecn::mark(packet?),
            Ecn::Off => None,
        };
        counters.marked += u64::from(marked.is_some());
        marked
    }
}

/// `t + INTERVAL / sqrt(count)`: RFC 8289 §5.5, rounded down to a nanosecond.
pub(super) fn control_law(t: Instant, interval: Duration, count: u64) -> Instant {
    let nanos = interval.as_nanos();
    let step = (nanos * nanos / u128::from(count.max(1))).isqrt();
    t + Duration::from_nanos(u64::try_from(step).unwrap_or(u64::MAX))
}
