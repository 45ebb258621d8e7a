//! The stage that lets packets be overtaken.
//!
//! [`Link`](super::Link) sends every packet through it; one that is chosen waits until one to
//! `overtakers` later packets have passed it, or for `hold`. Packets that wait leave in the order in
//! which their waiting ends; a packet that waits overtakes nobody.

use std::collections::VecDeque;

use bytes::Bytes;
use sidestep_stack::base::Instant;

use super::chance::{Chance, Stage};
use super::counters::Counters;
use super::recipe::Recipe;

#[derive(Clone, Debug)]
struct Held {
    overtakers_left: u64,
    at_the_latest: Instant,
    packet: Bytes,
}

/// See the module. It holds no more than the link may.
#[derive(Clone, Debug)]
pub(super) struct Reorder {
    random: Chance,
    /// In the order of arrival, which is that of `at_the_latest`: all wait equally long at the most.
    held: VecDeque<Held>,
    octets: usize,
}

impl Reorder {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Chance::new(seed, Stage::Reordering),
            held: VecDeque::new(),
            octets: 0,
        }
    }

    /// Packets that it holds.
    pub(super) fn packets(&self) -> usize {
        self.held.len()
    }

    /// Octets of those.
    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// When the wait of the first packet is over, if nobody overtakes it.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.held.front().map(|held| held.at_the_latest)
    }

    /// A packet comes; those that go on at this moment are added to `leaving`.
    pub(super) fn packet_arrives(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
        packet: Bytes,
        leaving: &mut Vec<Bytes>,
    ) {
        if !recipe.reorder.is_none() {
            let chosen = self.random.happens(recipe.reorder);
            let overtakers_left = 1 + self.random.below(u64::from(recipe.overtakers));
            if chosen {
                counters.reordered += 1;
                self.octets += packet.len();
                self.held.push_back(Held {
                    overtakers_left,
                    at_the_latest: now + recipe.hold,
                    packet,
                });
                return;
            }
        }
        leaving.push(packet);
        if self.held.is_empty() {
            return;
        }
        let octets = &mut self.octets;
        self.held.retain_mut(|held| {
            held.overtakers_left = held.overtakers_left.saturating_sub(1);
            if held.overtakers_left == 0 {
                *octets -= held.packet.len();
                leaving.push(std::mem::take(&mut held.packet));
            }
            held.overtakers_left > 0
        });
    }

    /// The first packet that has waited long enough by `now`.
    pub(super) fn time_passes(&mut self, now: Instant) -> Option<Bytes> {
        let is_due = self.next_deadline().is_some_and(|at| at <= now);
        if !is_due {
            return None;
        }
        let held = self.held.pop_front()?;
        self.octets -= held.packet.len();
        Some(held.packet)
    }
}
