//! A stack under test: its six doors, and the promises that hold after each of them.
//!
//! Every packet that leaves is read with etherparse, every observation is tallied, every count is
//! compared. Targets drive it and look at what came out; it never decides what goes in.

use std::net::IpAddr;

use bytes::Bytes;
use sidestep_stack::base::{Duration, Instant};
use sidestep_stack::call::{Call, CallRefused, InterfaceAddress, Reply, Route};
use sidestep_stack::observe::{Observation, State};
use sidestep_stack::wire::packet::{Offload, Packet};
use sidestep_stack::{Config, Event, Stack};

use super::outcome::{Outcome, Promise};
use super::trace::{Act, Said, Trace};
use crate::packet::seen::Seen;

/// Observations between two looks; more would be lost, and counts could not be compared.
const OBSERVATIONS_MAX: usize = 1 << 16;
/// Packets that one door may draw besides text that waits: answers, challenges, probes.
const ANSWERS_MAX: usize = 128;
/// The least text in a segment that is not the last one (`snd_mss_octets_min`), less its options.
const TEXT_OCTETS_MIN: usize = 24;
/// A stack that wants to be woken so often within one moment is stuck.
const SPINS_MAX: u32 = 2_000;
/// Deadlines within one pause: more are only skipped over.
const WAKES_MAX: u32 = 400;

/// The last part of the addresses of the stack under test, and of its peer.
const US: u8 = 1;
pub(crate) const THEM: u8 = 9;

/// The seed of a stack: 32 octets that follow from a small number.
pub(crate) fn seed_of(number: u64) -> [u8; 32] {
    let mut seed = [0x5a; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

/// A stack, its moment, and what it has said.
#[derive(Clone, Debug)]
pub(crate) struct Rig {
    pub(crate) stack: Stack,
    pub(crate) now: Instant,
    /// What has left since somebody looked.
    pub(crate) sent: Vec<Seen>,
    /// What it has told since somebody looked.
    pub(crate) events: Vec<Event>,
    /// What happened, for a script; nothing unless somebody wants one.
    pub(crate) trace: Option<Trace>,
    /// Octets that the application has handed over.
    written_octets: usize,
    packets_in: u64,
    packets_out: u64,
    discards: u64,
}

impl Rig {
    /// The stack under test.
    pub(crate) fn new(seed: u64, change: impl FnOnce(&mut Config)) -> Option<Self> {
        Self::numbered(US, seed, change)
    }

    /// A stack with the address `number` of each family and a route to everywhere, some time after it
    /// began: a clock that stands at zero hides mistakes.
    pub(crate) fn numbered(
        number: u8,
        seed: u64,
        change: impl FnOnce(&mut Config),
    ) -> Option<Self> {
        let mut config = Config {
            observations_max: OBSERVATIONS_MAX as u64,
            ..Config::default()
        };
        change(&mut config);
        let stack = Stack::new(config, seed_of(seed), Offload::default()).ok()?;
        let mut rig = Self {
            stack,
            now: Instant::from_secs(10),
            sent: Vec::new(),
            events: Vec::new(),
            trace: None,
            written_octets: 0,
            packets_in: 0,
            packets_out: 0,
            discards: 0,
        };
        for (family, prefix_bits) in [(Family::V4, 24), (Family::V6, 64)] {
            let address = host(family, number);
            let add = Call::AddAddress(InterfaceAddress {
                address,
                prefix_bits,
            });
            rig.stack.user_calls(rig.now, add).ok()?;
            let route = Call::AddRoute(Route {
                destination: match address {
                    IpAddr::V4(_) => IpAddr::from([0_u8; 4]),
                    IpAddr::V6(_) => IpAddr::from([0_u16; 8]),
                },
                prefix_bits: 0,
                source: None,
            });
            rig.stack.user_calls(rig.now, route).ok()?;
        }
        // Reports of memberships, which are no answer to anything.
        let mut outcome = Outcome::default();
        rig.pass(&mut outcome, Duration::from_secs(30));
        rig.forget();
        (!outcome.is_broken()).then_some(rig)
    }

    /// Nobody wants what came out so far.
    pub(crate) fn forget(&mut self) {
        self.sent.clear();
        self.events.clear();
    }

    /// SEGMENT ARRIVES, and the turn that follows.
    pub(crate) fn arrives(&mut self, outcome: &mut Outcome, octets: &[u8]) {
        self.arrives_in_batch(outcome, octets);
        self.settle(outcome);
    }

    /// A packet of a batch: the stack is not asked for output yet.
    pub(crate) fn arrives_in_batch(&mut self, outcome: &mut Outcome, octets: &[u8]) {
        self.note(|| Act::Arrives(octets.to_vec()));
        self.packets_in += 1;
        let half_open = self.stack.counters().tcp.half_open;
        let packet = Packet::new(Bytes::copy_from_slice(octets));
        self.stack.packet_arrives(self.now, packet);
        if self.stack.counters().tcp.half_open > half_open {
            // Half-open connections are too small to observe themselves.
            outcome
                .reached
                .transition(State::Listen, State::SynReceived);
        }
    }

    /// A user call, and the turn that follows.
    pub(crate) fn call(&mut self, outcome: &mut Outcome, call: Call) -> Result<Reply, CallRefused> {
        if let Call::Send { octets, .. } = &call {
            self.written_octets += octets.len();
        }
        let asked = self.trace.is_some().then(|| call.clone());
        let reply = self.stack.user_calls(self.now, call);
        if let (Some(asked), Ok(reply)) = (asked, &reply)
            && let Some(said) = Said::of(&asked, reply)
        {
            self.note(|| Act::Call(said));
        }
        match &reply {
            Ok(Reply::Received(received)) => {
                for slice in &received.slices {
                    outcome.digest(slice);
                }
                outcome.digest(&[u8::from(received.end_of_stream)]);
            }
            Ok(reply) => outcome.digest(format!("{reply:?}").as_bytes()),
            Err(refused) => outcome.digest(format!("{refused:?}").as_bytes()),
        }
        self.settle(outcome);
        reply
    }

    /// Time passes, and the stack is woken at its deadlines on the way.
    pub(crate) fn pass(&mut self, outcome: &mut Outcome, pause: Duration) {
        let until = self.now + pause;
        let (mut spins, mut wakes) = (0, 0);
        while let Some(deadline) = self.stack.next_deadline().filter(|at| *at <= until) {
            if deadline > self.now {
                self.now = deadline;
                spins = 0;
                wakes += 1;
            }
            self.stack.time_passes(self.now);
            self.settle(outcome);
            spins += 1;
            outcome.require(spins < SPINS_MAX, Promise::DeadlineMoves, || {
                format!("still to be woken at {deadline}")
            });
            if outcome.is_broken() || wakes > WAKES_MAX {
                return;
            }
        }
        self.now = until;
        self.stack.time_passes(self.now);
        self.settle(outcome);
    }

    /// Pulls all there is, and looks at it.
    pub(crate) fn settle(&mut self, outcome: &mut Outcome) {
        let allowed = ANSWERS_MAX + self.written_octets / TEXT_OCTETS_MIN;
        let mut pulled = 0;
        while let Some(packet) = self.stack.next_packet(self.now) {
            pulled += 1;
            self.packets_out += 1;
            let octets = packet.to_vec();
            outcome.digest(&octets);
            self.note(|| Act::Leaves(octets.clone()));
            match Seen::try_read(&octets) {
                Ok(seen) => self.sent.push(seen),
                Err(wrong) => {
                    outcome.require(false, Promise::PacketsRight, || wrong.to_string());
                }
            }
            outcome.require(pulled <= allowed, Promise::OutputBounded, || {
                format!("more than {allowed} packets at once")
            });
            if outcome.is_broken() {
                return;
            }
        }
        while let Some(event) = self.stack.next_event() {
            outcome.digest(format!("{event:?}").as_bytes());
            self.events.push(event);
        }
        self.tally(outcome);
        self.compare_counts(outcome);
    }

    fn tally(&mut self, outcome: &mut Outcome) {
        while let Some((_, observation)) = self.stack.next_observation() {
            if matches!(observation, Observation::Discarded { .. }) {
                self.discards += 1;
            }
            outcome.reached.observe(&observation);
        }
    }

    fn compare_counts(&self, outcome: &mut Outcome) {
        let counters = self.stack.counters();
        let config = self.stack.config();
        let mut agree = |what: &str, counted: u64, known: u64| {
            outcome.require(counted == known, Promise::CountersAgree, || {
                format!("{what}: {counted} counted, {known} seen")
            });
        };
        agree("packets in", counters.packets_in, self.packets_in);
        agree("packets out", counters.packets_out, self.packets_out);
        agree("discards", counters.discards.total(), self.discards);
        let queued = counters.tcp.queued_octets + counters.datagram_octets;
        outcome.require(
            queued as u64 <= config.memory_octets_max,
            Promise::MemoryBounded,
            || format!("{queued} octets in queues"),
        );
        let sockets = (counters.udp_sockets + counters.raw_sockets) as u64;
        let datagrams_max = sockets * config.socket_octets_max * 2;
        outcome.require(
            counters.datagram_octets as u64 <= datagrams_max,
            Promise::MemoryBounded,
            || format!("{} octets of datagrams", counters.datagram_octets),
        );
    }

    fn note(&mut self, act: impl FnOnce() -> Act) {
        if let Some(trace) = &mut self.trace {
            trace.add(self.now, act());
        }
    }
}

/// The two families.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Family {
    V4,
    V6,
}

/// The address of the stack under test.
pub(crate) fn us(family: Family) -> IpAddr {
    host(family, US)
}

/// The address of its peer.
pub(crate) fn them(family: Family) -> IpAddr {
    host(family, THEM)
}

/// An address of the test network.
pub(crate) fn host(family: Family, number: u8) -> IpAddr {
    match family {
        Family::V4 => IpAddr::from([192, 0, 2, number]),
        Family::V6 => IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, u16::from(number)]),
    }
}
