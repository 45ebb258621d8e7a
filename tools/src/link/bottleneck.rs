//! The stage that is slower than its senders: a rate, or a trace of moments, behind a queue.
//!
//! [`Link`](super::Link) sends every packet through it if the recipe has a `rate` or a `trace`. With a
//! rate a packet leaves when its last bit has; what is being sent is no longer in the queue. With a
//! trace a packet leaves at an opportunity; a packet that is larger than what is left of one takes
//! more of them. What waits leaves at its own moment, whoever asks when.

use bytes::Bytes;
use sidestep_stack::base::Instant;

use super::counters::Counters;
use super::queue::Queue;
use super::recipe::Recipe;
use super::trace::{OPPORTUNITY_OCTETS, Trace};
use super::value::Rate;

#[cfg(test)]
mod tests;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Bottleneck {
    pace: Pace,
    queue: Queue,
    /// Out of the queue and not out of the link.
    sending: Option<Bytes>,
}

/// How fast packets leave.
#[derive(Clone, Debug)]
enum Pace {
    Rate {
        rate: Rate,
        /// When the last bit of what is being sent leaves.
        done_at: Instant,
    },
    Trace {
        trace: Trace,
        /// The opportunity that comes next.
        next: u64,
        /// Octets of what is being sent that have not left.
        octets_left: usize,
    },
}

impl Bottleneck {
    /// What the recipe has, if it has any.
    pub(super) fn new(recipe: &Recipe, seed: u64) -> Option<Self> {
        let pace = match (&recipe.rate, &recipe.trace) {
            (_, Some(trace)) => Pace::Trace {
                trace: trace.clone(),
                next: 0,
                octets_left: 0,
            },
            (Some(rate), None) => Pace::Rate {
                rate: *rate,
                done_at: Instant::ZERO,
            },
            (None, None) => return None,
        };
        Some(Self {
            pace,
            queue: Queue::new(recipe, seed),
            sending: None,
        })
    }

    /// Packets that it holds.
    pub(super) fn packets(&self) -> usize {
        self.queue.packets() + usize::from(self.sending.is_some())
    }

    /// Octets of those.
    pub(super) fn octets(&self) -> usize {
        self.queue.octets() + self.sending.as_ref().map_or(0, Bytes::len)
    }

    /// When the next packet, or the next part of one, leaves.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        match &self.pace {
            Pace::Rate { done_at, .. } => self.sending.as_ref().map(|_| *done_at),
            Pace::Trace { trace, next, .. } => (self.packets() > 0).then(|| trace.moment(*next)),
        }
    }

    /// A packet comes.
    pub(super) fn packet_arrives(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
        packet: Bytes,
    ) {
        if let Pace::Trace { trace, next, .. } = &mut self.pace
            && self.sending.is_none()
            && self.queue.packets() == 0
        {
            // What passed while nothing waited is lost for good.
            *next = trace.first_from(now).max(*next);
        }
        self.queue.push(now, recipe, counters, packet);
        if matches!(self.pace, Pace::Rate { .. }) && self.sending.is_none() {
            self.send_next(now, recipe, counters);
        }
    }

    /// The moment of [`next_deadline`](Self::next_deadline) has come: what leaves is added.
    pub(super) fn time_passes(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
        leaving: &mut Vec<Bytes>,
    ) {
        match self.pace {
            Pace::Rate { .. } => {
                leaving.extend(self.sending.take());
                self.send_next(now, recipe, counters);
            }
            Pace::Trace { .. } => self.take_opportunity(now, recipe, counters, leaving),
        }
    }

    fn send_next(&mut self, now: Instant, recipe: &Recipe, counters: &mut Counters) {
        self.sending = self.queue.pop(now, recipe, counters);
        if let (Pace::Rate { rate, done_at }, Some(packet)) = (&mut self.pace, &self.sending) {
            *done_at = now + rate.time_of(packet.len());
        }
    }

    fn take_opportunity(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
        leaving: &mut Vec<Bytes>,
    ) {
        let Pace::Trace {
            next, octets_left, ..
        } = &mut self.pace
        else {
            return;
        };
        *next += 1;
        let mut room = OPPORTUNITY_OCTETS;
        // Ends: each round takes a packet out of the queue or uses the room up.
        loop {
            if self.sending.is_none() {
                self.sending = self.queue.pop(now, recipe, counters);
                *octets_left = self.sending.as_ref().map_or(0, Bytes::len);
            }
            if self.sending.is_none() {
                return;
            }
            let part = room.min(*octets_left);
            room -= part;
            *octets_left -= part;
            if *octets_left > 0 {
                return;
            }
            leaving.extend(self.sending.take());
        }
    }
}
