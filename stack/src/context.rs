//! What every part of the stack is lent while a door is open: the time, the limits, chance, and
//! where to write down what happened.
//!
//! [`Stack`](crate::Stack) makes one for each call of a door. No part keeps it.

use crate::base::{Instant, Random};
use crate::config::Config;
use crate::discard::{Discard, DiscardCounters};
use crate::observe::{Log, Observation};

/// The surroundings of one event.
#[derive(Debug)]
pub struct Context<'a> {
    /// The moment that was given to the door.
    pub now: Instant,
    /// The limits and defaults of this stack.
    pub config: &'a Config,
    /// This stack's source of chance.
    pub random: &'a mut Random,
    /// How often a packet was thrown away for which reason.
    pub discards: &'a mut DiscardCounters,
    /// Typed events, if anybody listens.
    pub log: &'a mut Log,
}

impl Context<'_> {
    /// Counts and reports a packet that goes no further.
    pub fn discard(&mut self, reason: Discard) {
        self.discards.count(reason);
        self.log
            .write(self.now, || Observation::Discarded { reason });
    }

    /// Writes down what happened. `observation` is not even built if nobody listens.
    pub fn observe(&mut self, observation: impl FnOnce() -> Observation) {
        self.log.write(self.now, observation);
    }
}

/// Owned surroundings, for unit tests of the parts.
#[cfg(test)]
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) discards: DiscardCounters,
    pub(crate) log: Log,
}

#[cfg(test)]
impl Surroundings {
    /// With `seed` repeated for all octets of the seed.
    pub(crate) fn new(config: Config, seed: u8) -> Self {
        let mut log = Log::default();
        log.listen(10_000);
        let random = Random::new([seed; 32]);
        Self {
            config,
            random,
            discards: DiscardCounters::default(),
            log,
        }
    }

    /// The context of an event at `now`.
    pub(crate) fn at(&mut self, now: Instant) -> Context<'_> {
        Context {
            now,
            config: &self.config,
            random: &mut self.random,
            discards: &mut self.discards,
            log: &mut self.log,
        }
    }
}
