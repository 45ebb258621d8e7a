//! What waits in front of a link that is slower than its senders: one queue, or one for each flow.
//!
//! The [`bottleneck`](super::bottleneck) puts packets in and takes them out when the link is free. Its
//! managements are tail drop, CoDel (RFC 8289) and FQ-CoDel (RFC 8290); each may mark instead of drop
//! (RFC 3168). It reads no clock, and is never longer than its limit.

use std::collections::VecDeque;

use bytes::Bytes;
use sidestep_stack::base::Instant;

use super::counters::Counters;
use super::ecn;
use super::recipe::{Management, Recipe};

mod codel;
mod fair;
#[cfg(test)]
mod tests;

use codel::Codel;
use fair::Fair;

/// A packet that waits, and since when.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    packet: Bytes,
    since: Instant,
}

/// Packets in their order, and how many octets they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    packets: VecDeque<Waiting>,
    octets: usize,
}

impl Lane {
    fn push(&mut self, now: Instant, packet: Bytes) {
        self.octets += packet.len();
        self.packets.push_back(Waiting { packet, since: now });
    }

    fn pop(&mut self) -> Option<Waiting> {
        let first = self.packets.pop_front()?;
        self.octets -= first.packet.len();
        Some(first)
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) enum Queue {
    TailDrop(Lane),
    Codel(Lane, Codel),
    Fair(Fair),
}

impl Queue {
    pub(super) fn new(recipe: &Recipe, seed: u64) -> Self {
        match recipe.aqm {
            Management::TailDrop => Self::TailDrop(Lane::default()),
            Management::Codel => Self::Codel(Lane::default(), Codel::default()),
            Management::FqCodel => Self::Fair(Fair::new(seed)),
        }
    }

    /// Packets that wait.
    pub(super) fn packets(&self) -> usize {
        match self {
            Self::TailDrop(lane) | Self::Codel(lane, _) => lane.packets.len(),
            Self::Fair(fair) => fair.packets(),
        }
    }

    /// Octets of those.
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::TailDrop(lane) | Self::Codel(lane, _) => lane.octets,
            Self::Fair(fair) => fair.octets(),
        }
    }

    /// A packet comes.
    pub(super) fn push(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
        packet: Bytes,
    ) {
        let lane = match self {
            Self::Fair(fair) => return fair.push(now, recipe, counters, packet),
            Self::TailDrop(lane) | Self::Codel(lane, _) => lane,
        };
        let (packets, octets) = (lane.packets.len() + 1, lane.octets + packet.len());
        if !recipe.queue.holds(packets, octets) {
            counters.lost_queue_full += 1;
            return;
        }
        let is_marking = recipe.mark.is_some_and(|mark| !mark.holds(packets, octets));
        let packet = match ecn::mark(&packet).filter(|_| is_marking) {
            Some(marked) => {
                counters.marked += 1;
                marked
            }
            None => packet,
        };
        lane.push(now, packet);
    }

    /// The link is free: the packet that leaves now.
    pub(super) fn pop(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
    ) -> Option<Bytes> {
        match self {
            Self::TailDrop(lane) => lane.pop().map(|waiting| waiting.packet),
            Self::Codel(lane, codel) => codel.pop(now, recipe, counters, lane),
            Self::Fair(fair) => fair.pop(now, recipe, counters),
        }
    }
}
