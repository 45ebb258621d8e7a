//! The stage that loses packets: by script, every n-th, in bursts (Gilbert-Elliott), by chance.
//!
//! [`Link`](super::Link) asks it about each packet that is handed in. A packet has one cause of loss,
//! the first of those above, but moves every source of chance on; nothing is held here.

use super::chance::{Chance, Stage};
use super::counters::Counters;
use super::recipe::{Gilbert, Recipe};

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Passes,
    Lost,
}

/// Which of its two states a Gilbert-Elliott channel is in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Channel {
    Good,
    Bad,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    packets: u64,
    channel: Channel,
    random: Chance,
    bursts: Chance,
}

impl Loss {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            packets: 0,
            channel: Channel::Good,
            random: Chance::new(seed, Stage::Loss),
            bursts: Chance::new(seed, Stage::Gilbert),
        }
    }

    /// The next packet comes.
    pub(super) fn packet_arrives(&mut self, recipe: &Recipe, counters: &mut Counters) -> Fate {
        self.packets += 1;
        let in_burst = recipe
            .gilbert
            .is_some_and(|gilbert| self.is_lost_in_burst(gilbert));
        let by_chance = !recipe.loss.is_none() && self.random.happens(recipe.loss);
        let cause = if recipe.drop.contains(self.packets) {
            &mut counters.lost_scripted
        } else if recipe.every.is_some_and(|n| self.packets.is_multiple_of(n)) {
            &mut counters.lost_every
        } else if in_burst {
            &mut counters.lost_gilbert
        } else if by_chance {
            &mut counters.lost_random
        } else {
            return Fate::Passes;
        };
        *cause += 1;
        Fate::Lost
    }

    /// The packet is lost as the state has it; then the state may change.
    fn is_lost_in_burst(&mut self, gilbert: Gilbert) -> bool {
        let (loss, change, other) = match self.channel {
            Channel::Good => (gilbert.good_loss, gilbert.worsens, Channel::Bad),
            Channel::Bad => (gilbert.bad_loss, gilbert.recovers, Channel::Good),
        };
        let lost = self.bursts.happens(loss);
        if self.bursts.happens(change) {
            self.channel = other;
        }
        lost
    }
}
