//! The link itself: sends each packet through the stages, and knows when the next one is due.
//!
//! Whoever moves packets drives it: the simulator in virtual time, `sidestep link` in real time. It
//! takes moments in ascending order, reads no clock, and does not care how often it is asked: what
//! happens inside happens at its own moment, not at that of the question.

use std::collections::BTreeMap;

use bytes::Bytes;
use sidestep_stack::base::Instant;

use super::bottleneck::Bottleneck;
use super::chance::{Chance, Stage};
use super::corruption::Corruption;
use super::counters::Counters;
use super::delay::Delay;
use super::loss::{Fate, Loss};
use super::mtu::{Entrance, Mtu};
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

impl Transit {
    /// The packet, wherever it goes.
    pub const fn octets(&self) -> &Bytes {
        let (Self::Forward(packet) | Self::Back(packet)) = self;
        packet
    }
}

/// One direction of a bad link.
#[derive(Clone, Debug)]
pub struct Link {
    recipe: Recipe,
    counters: Counters,
    mtu: Mtu,
    loss: Loss,
    duplication: Chance,
    corruption: Corruption,
    bottleneck: Option<Bottleneck>,
    reorder: Reorder,
    delay: Delay,
    /// What is on its way: by the moment of arrival, then by the order of entering.
    flying: BTreeMap<(Instant, u64), Transit>,
    flying_octets: usize,
    launched: u64,
    /// Empty between two calls; kept for their room.
    leaving: Vec<Bytes>,
    passing: Vec<Bytes>,
}

impl Link {
    /// A link that does what `recipe` says, with the chances of `seed`.
    pub fn new(recipe: &Recipe, seed: u64) -> Self {
        Self {
            recipe: recipe.clone(),
            counters: Counters::default(),
            mtu: Mtu::default(),
            loss: Loss::new(seed),
            duplication: Chance::new(seed, Stage::Duplication),
            corruption: Corruption::new(seed),
            bottleneck: Bottleneck::new(recipe, seed),
            reorder: Reorder::new(seed),
            delay: Delay::new(seed),
            flying: BTreeMap::new(),
            flying_octets: 0,
            launched: 0,
            leaving: Vec::new(),
            passing: Vec::new(),
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

    /// Packets that it holds, in all of its stages.
    pub fn held_packets(&self) -> usize {
        let waiting = self.bottleneck.as_ref().map_or(0, Bottleneck::packets);
        self.flying.len() + self.reorder.packets() + waiting
    }

    /// Octets of those.
    pub fn held_octets(&self) -> usize {
        let waiting = self.bottleneck.as_ref().map_or(0, Bottleneck::octets);
        self.flying_octets + self.reorder.octets() + waiting
    }

    /// An IP packet wants to enter.
    pub fn packet_arrives(&mut self, now: Instant, packet: Bytes) {
        self.time_passes(now);
        self.counters.arrived += 1;
        self.counters.arrived_octets += packet.len() as u64;
        let (recipe, counters) = (&self.recipe, &mut self.counters);
        match self.mtu.packet_arrives(now, recipe, counters, packet) {
            Entrance::Whole(packet) => self.meet_loss(now, packet),
            Entrance::Pieces(pieces) => {
                for piece in pieces {
                    self.meet_loss(now, piece);
                }
            }
            Entrance::Back(message) => self.launch(now, Transit::Back(message)),
            Entrance::Nothing => {}
        }
    }

    /// What is due by `now`, in the order of time, then of entering.
    pub fn next_packet(&mut self, now: Instant) -> Option<Transit> {
        self.time_passes(now);
        let first = self.flying.first_entry()?;
        if first.key().0 > now {
            return None;
        }
        let transit = first.remove();
        self.flying_octets -= transit.octets().len();
        if let Transit::Forward(packet) = &transit {
            self.counters.forwarded += 1;
            self.counters.forwarded_octets += packet.len() as u64;
        }
        Some(transit)
    }

    /// When the link next has something to do, which may be within it: ask for packets then.
    pub fn next_deadline(&self) -> Option<Instant> {
        let flying = self.flying.keys().next().map(|(at, _)| *at);
        flying.into_iter().chain(self.next_inside()).min()
    }

    fn meet_loss(&mut self, now: Instant, packet: Bytes) {
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

    /// A packet, or a copy of one, goes through the stages that change it and hold it.
    fn enter(&mut self, now: Instant, packet: Bytes) {
        let (recipe, counters) = (&self.recipe, &mut self.counters);
        let packet = self.corruption.packet_arrives(recipe, counters, packet);
        let octets = self.held_octets().saturating_add(packet.len());
        if self.held_packets() >= HELD_PACKETS_MAX || octets > HELD_OCTETS_MAX {
            self.counters.lost_overflow += 1;
            return;
        }
        match &mut self.bottleneck {
            Some(bottleneck) => {
                bottleneck.packet_arrives(now, &self.recipe, &mut self.counters, packet);
            }
            None => self.pass(now, packet),
        }
    }

    /// A packet has passed the bottleneck: it is held back for others, or on its way.
    fn pass(&mut self, now: Instant, packet: Bytes) {
        let mut leaving = std::mem::take(&mut self.leaving);
        let counters = &mut self.counters;
        self.reorder
            .packet_arrives(now, &self.recipe, counters, packet, &mut leaving);
        for packet in leaving.drain(..) {
            self.fly(now, packet);
        }
        self.leaving = leaving;
    }

    fn fly(&mut self, now: Instant, packet: Bytes) {
        let at = self.delay.packet_arrives(now, &self.recipe);
        self.launch(at, Transit::Forward(packet));
    }

    fn launch(&mut self, at: Instant, transit: Transit) {
        self.launched += 1;
        self.flying_octets += transit.octets().len();
        self.flying.insert((at, self.launched), transit);
    }

    /// When a stage before the last one has something to do.
    fn next_inside(&self) -> Option<Instant> {
        let waiting = self.bottleneck.as_ref().and_then(Bottleneck::next_deadline);
        waiting
            .into_iter()
            .chain(self.reorder.next_deadline())
            .min()
    }

    /// What has happened inside by `now` happens, each at its own moment.
    fn time_passes(&mut self, now: Instant) {
        while let Some(at) = self.next_inside().filter(|at| *at <= now) {
            let mut passing = std::mem::take(&mut self.passing);
            if let Some(bottleneck) = &mut self.bottleneck
                && bottleneck.next_deadline() == Some(at)
            {
                let counters = &mut self.counters;
                bottleneck.time_passes(at, &self.recipe, counters, &mut passing);
            } else if let Some(packet) = self.reorder.time_passes(at) {
                self.fly(at, packet);
            }
            for packet in passing.drain(..) {
                self.pass(at, packet);
            }
            self.passing = passing;
        }
    }
}
