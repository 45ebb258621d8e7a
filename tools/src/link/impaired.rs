//! The link itself: sends each packet through the stages, and knows when the next one is due.
//!
//! Whoever moves packets drives it: the simulator in virtual time, `sidestep link` in real time. It
//! takes moments in ascending order, reads no clock, and does not care how often it is asked: what
//! happens inside happens at its own moment, not at that of the question.

use std::collections::BTreeMap;

use bytes::Bytes;
use sidestep_stack::base::Instant;

use super::chance::{Chance, Stage};
use super::corruption::Corruption;
use super::counters::Counters;
use super::delay::Delay;
use super::loss::{Fate, Loss};
use super::recipe::Recipe;
use super::reorder::Reorder;

/// A link holds no more packets than this; what comes then is lost.
pub const HELD_PACKETS_MAX: usize = 1 << 18;

/// A link holds no more octets than this; what comes then is lost.
pub const HELD_OCTETS_MAX: usize = 256 << 20;

/// What leaves a link.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Transit {
    /// To the other end.
    Forward(Bytes),
    /// From the link to the end that sent: an ICMP message.
    Back(Bytes),
}

/// One direction of a bad link.
#[derive(Clone, Debug)]
pub struct Link {
    recipe: Recipe,
    counters: Counters,
    loss: Loss,
    duplication: Chance,
    corruption: Corruption,
    reorder: Reorder,
    delay: Delay,
    /// What is on its way: by the moment of arrival, then by the order of entering.
    flying: BTreeMap<(Instant, u64), Transit>,
    launched: u64,
    /// Packets and octets that are held in all stages.
    held_packets: usize,
    held_octets: usize,
    /// Empty between two calls; kept for its room.
    leaving: Vec<Bytes>,
}

impl Link {
    /// A link that does what `recipe` says, with the chances of `seed`.
    pub fn new(recipe: &Recipe, seed: u64) -> Self {
        Self {
            recipe: recipe.clone(),
            counters: Counters::default(),
            loss: Loss::new(seed),
            duplication: Chance::new(seed, Stage::Duplication),
            corruption: Corruption::new(seed),
            reorder: Reorder::new(seed),
            delay: Delay::new(seed),
            flying: BTreeMap::new(),
            launched: 0,
            held_packets: 0,
            held_octets: 0,
            leaving: Vec::new(),
        }
    }

    /// What it does.
    pub const fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// What it has done.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Packets that it holds.
    pub const fn held_packets(&self) -> usize {
        self.held_packets
    }

    /// An IP packet enters.
    pub fn packet_arrives(&mut self, now: Instant, packet: Bytes) {
        self.time_passes(now);
        self.counters.arrived += 1;
        self.counters.arrived_octets += packet.len() as u64;
        if self.loss.packet_arrives(&self.recipe, &mut self.counters) == Fate::Lost {
            return;
        }
        let share = self.recipe.duplicate;
        if !share.is_none() && self.duplication.happens(share) {
            self.counters.duplicated += 1;
            self.enter(now, packet.clone());
        }
        self.enter(now, packet);
    }

    /// What is due by `now`, in the order of time, then of entering.
    pub fn next_packet(&mut self, now: Instant) -> Option<Transit> {
        self.time_passes(now);
        let first = self.flying.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let transit = first.remove();
        let (Transit::Forward(packet) | Transit::Back(packet)) = &transit;
        self.held_packets -= 1;
        self.held_octets -= packet.len();
        if let Transit::Forward(packet) = &transit {
            self.counters.forwarded += 1;
            self.counters.forwarded_octets += packet.len() as u64;
        }
        Some(transit)
    }

    /// When the link next has something to do, which may be within it: ask for packets then.
    pub fn next_deadline(&self) -> Option<Instant> {
        let flying = self.flying.keys().next().map(|(at, _)| *at);
        flying.into_iter().chain(self.reorder.next_deadline()).min()
    }

    /// A packet, or a copy of one, goes through the stages that change it and hold it.
    fn enter(&mut self, now: Instant, packet: Bytes) {
        let packet = self
            .corruption
            .packet_arrives(&self.recipe, &mut self.counters, packet);
        let octets = self.held_octets.saturating_add(packet.len());
        if self.held_packets >= HELD_PACKETS_MAX || octets > HELD_OCTETS_MAX {
            self.counters.lost_overflow += 1;
            return;
        }
        self.held_packets += 1;
        self.held_octets = octets;
        self.overtake(now, packet);
    }

    fn overtake(&mut self, now: Instant, packet: Bytes) {
        let mut leaving = std::mem::take(&mut self.leaving);
        let counters = &mut self.counters;
        self.reorder
            .packet_arrives(now, &self.recipe, counters, packet, &mut leaving);
        for packet in leaving.drain(..) {
            self.launch(now, packet);
        }
        self.leaving = leaving;
    }

    fn launch(&mut self, now: Instant, packet: Bytes) {
        let at = self.delay.packet_arrives(now, &self.recipe);
        self.launched += 1;
        self.flying
            .insert((at, self.launched), Transit::Forward(packet));
    }

    /// What has happened inside by `now` happens, each at its own moment.
    fn time_passes(&mut self, now: Instant) {
        while let Some(at) = self.reorder.next_deadline().filter(|at| *at <= now) {
            if let Some(packet) = self.reorder.time_passes(at) {
                self.launch(at, packet);
            }
        }
    }
}
