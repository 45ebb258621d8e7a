//! FQ-CoDel: a queue for each flow, served in turn, each with a CoDel of its own (RFC 8290).
//!
//! Flows are told apart by a hash of addresses, protocol and ports, keyed by the link's seed. A flow
//! that has just begun is served before those that have a queue standing; each gets a quantum of
//! octets in its turn. When all is full the head of the longest queue goes.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher as _, Hasher as _};

use bytes::Bytes;
use sidestep_stack::base::Instant;
use sidestep_stack::base::keyed::Keyed;

use super::Lane;
use super::codel::Codel;
use crate::link::chance::{Chance, Stage};
use crate::link::counters::Counters;
use crate::link::recipe::Recipe;

/// When all is full up to so many packets of the longest queue go at once (RFC 8290 §4.1).
const DROP_BATCH_PACKETS: usize = 64;

/// One flow, or several whose hashes meet.
#[derive(Clone, Debug, Default)]
struct Flow {
    lane: Lane,
    codel: Codel,
    /// Octets that it may send in this turn; below zero if the last packet took more (RFC 8290
    /// calls them byte credits).
    credits: i64,
    place: Place,
}

/// Which list a flow is in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Place {
    #[default]
    Nowhere,
    New,
    Old,
}

/// See the module.
#[derive(Clone, Debug)]
pub(in crate::link) struct Fair {
    key: Keyed,
    /// By number; made when first used, so no more than the recipe's `flows`.
    flows: BTreeMap<u64, Flow>,
    new: VecDeque<u64>,
    old: VecDeque<u64>,
    packets: usize,
    octets: usize,
}

impl Fair {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed, Stage::Flows);
        let mut key = [0; 16];
        key[..8].copy_from_slice(&chance.bits().to_le_bytes());
        key[8..].copy_from_slice(&chance.bits().to_le_bytes());
        Self {
            key: Keyed::new(key),
            flows: BTreeMap::new(),
            new: VecDeque::new(),
            old: VecDeque::new(),
            packets: 0,
            octets: 0,
        }
    }

    pub(super) const fn packets(&self) -> usize {
        self.packets
    }

    pub(super) const fn octets(&self) -> usize {
        self.octets
    }

    /// RFC 8290 §4.1, enqueue.
    pub(super) fn push(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
        packet: Bytes,
    ) {
        let number = self.number_of(&packet, recipe.flows);
        self.packets += 1;
        self.octets += packet.len();
        let flow = self.flows.entry(number).or_default();
        flow.lane.push(now, packet);
        if flow.place == Place::Nowhere {
            flow.place = Place::New;
            flow.credits = i64::from(recipe.quantum);
            self.new.push_back(number);
        }
        // Ends: each round takes at least one packet out.
        while !recipe.queue.holds(self.packets, self.octets) {
            self.drop_from_longest(counters);
        }
    }

    /// Half of the longest queue, counted in octets, goes from its head; no more than a batch.
    fn drop_from_longest(&mut self, counters: &mut Counters) {
        // The first of several that are equally long, so that it repeats.
        let longest = self
            .flows
            .values_mut()
            .rev()
            .max_by_key(|flow| (flow.lane.octets, flow.lane.packets.len()));
        let Some(flow) = longest else { return };
        let half = flow.lane.octets / 2;
        let mut dropped = 0;
        for _ in 0..DROP_BATCH_PACKETS {
            let Some(waiting) = flow.lane.pop() else {
                break;
            };
            dropped += waiting.packet.len();
            self.packets -= 1;
            counters.lost_queue_full += 1;
            if dropped >= half {
                break;
            }
        }
        self.octets -= dropped;
    }

    /// RFC 8290 §4.2, dequeue.
    pub(super) fn pop(
        &mut self,
        now: Instant,
        recipe: &Recipe,
        counters: &mut Counters,
    ) -> Option<Bytes> {
        // Ends: each round gives a flow credits, takes it out of a list, or returns.
        loop {
            let (number, from) = match (self.new.front(), self.old.front()) {
                (Some(number), _) => (*number, Place::New),
                (None, Some(number)) => (*number, Place::Old),
                (None, None) => return None,
            };
            let flow = self.flows.entry(number).or_default();
            if flow.credits <= 0 {
                flow.credits += i64::from(recipe.quantum);
                self.leave_front(from, number, Place::Old);
                continue;
            }
            let before = (flow.lane.packets.len(), flow.lane.octets);
            let packet = flow.codel.pop(now, recipe, counters, &mut flow.lane);
            self.packets -= before.0 - flow.lane.packets.len();
            self.octets -= before.1 - flow.lane.octets;
            match packet {
                Some(packet) => {
                    flow.credits -= packet.len() as i64;
                    return Some(packet);
                }
                // A new flow that has nothing more goes to the end of the others first, or it could
                // be new for ever and starve them.
                None if from == Place::New && !self.old.is_empty() => {
                    self.leave_front(from, number, Place::Old);
                }
                None => self.leave_front(from, number, Place::Nowhere),
            }
        }
    }

    /// The flow at the front of a list goes to the end of another one, or out of both.
    fn leave_front(&mut self, from: Place, number: u64, to: Place) {
        match from {
            Place::New => self.new.pop_front(),
            Place::Old | Place::Nowhere => self.old.pop_front(),
        };
        if to == Place::Old {
            self.old.push_back(number);
        }
        if let Some(flow) = self.flows.get_mut(&number) {
            flow.place = to;
        }
    }

    pub(super) fn number_of(&self, packet: &[u8], flows: u32) -> u64 {
        let mut hasher = self.key.build_hasher();
        for part in flow_of(packet) {
            hasher.write(part);
        }
        ((u128::from(hasher.finish()) * u128::from(flows)) >> 64) as u64
    }
}

/// Addresses, protocol and ports, as far as the packet has them; ports of the first fragment only
/// would split a datagram, so fragments have none.
fn flow_of(packet: &[u8]) -> [&[u8]; 3] {
    let part = |from: usize, to: usize| packet.get(from..to).unwrap_or_default();
    let with_ports = |protocol: &[u8], at: usize| match protocol {
        // TCP, UDP, DCCP, SCTP and UDP-Lite begin with their ports.
        [6 | 17 | 33 | 132 | 136] => part(at, at + 4),
        _ => &[],
    };
    match packet.first().map(|first| (first >> 4, first & 15)) {
        Some((4, words)) => {
            let is_fragment = part(6, 8)
                .first_chunk::<2>()
                .is_none_or(|field| u16::from_be_bytes(*field) & 0x3fff != 0);
            let ports = match is_fragment {
                true => &[],
                false => with_ports(part(9, 10), usize::from(words) * 4),
            };
            [part(12, 20), part(9, 10), ports]
        }
        Some((6, _)) => [part(8, 40), part(6, 7), with_ports(part(6, 7), 40)],
        _ => [part(0, 20), &[], &[]],
    }
}
