//! A host: a stack, its applications, and the rules that are checked at its door.
//!
//! [`World`](super::World) gives it packets and turns. A turn is the packet thread's, in virtual time:
//! packets have arrived, time passes, events go to their applications, whose calls follow, and
//! packets are pulled until there are none. It never looks at another node.

use std::collections::VecDeque;

use bytes::Bytes;
use sidestep_stack::base::random::Seed;
use sidestep_stack::call::{Call, CallRefused, InterfaceAddress, Reply, Route};
use sidestep_stack::config::ConfigRefused;
use sidestep_stack::wire::packet::{Offload, Packet};
use sidestep_stack::{Config, Duration, Event, Instant, Stack};
use thiserror::Error;

use super::app::{Application, Calls, Occasion, Owners};
use super::failure::Violation;
use super::watch::Watch;
use crate::capture::{Observed, drain};

/// Whether the rules are checked after every step.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Checks {
    /// They are.
    #[default]
    On,
    /// They are not: for measuring. Octets are still verified by the applications.
    Off,
}

/// What a host begins with.
#[derive(Clone, Debug)]
pub struct NewHost {
    /// Its limits and defaults. `mtu_octets` is that of its device.
    pub config: Config,
    /// Of its chance.
    pub seed: Seed,
    /// Its addresses; every other address of their families is reached over its cable.
    pub addresses: Vec<InterfaceAddress>,
    /// How long its stack had been up when the world began. Clocks for initial sequence numbers (RFC
    /// 6528) and timestamps (RFC 7323) follow from it.
    pub up_for: Duration,
}

/// Why a world cannot be built so.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BuildError {
    /// Caller: the configuration is out of its range.
    #[error(transparent)]
    Config(#[from] ConfigRefused),
    /// Caller: an address or a route makes no sense.
    #[error(transparent)]
    Call(#[from] CallRefused),
    /// Caller: a host has one device, and it has a cable.
    #[error("the host has a cable already")]
    HostIsConnected,
    /// Caller: switches in a circle would send the same packet for ever (nothing here takes one out
    /// of the circle as IEEE 802.1D does).
    #[error("the cable would close a circle of switches")]
    CircleOfSwitches,
    /// Caller: the node is not of the kind that the call is about.
    #[error("node {0} is of another kind")]
    WrongKind(usize),
}

#[derive(Clone, Debug)]
struct Slot {
    application: Box<dyn Application>,
    begun: bool,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Host {
    stack: Stack,
    up_for: Duration,
    applications: Vec<Slot>,
    owners: Owners,
    unclaimed: VecDeque<Event>,
    watch: Watch,
    checks: Checks,
}

/// So many events that belong to no application are kept; the oldest makes room.
const UNCLAIMED_MAX: usize = 65_536;

/// So often a turn goes round before it ends, and the next one begins at the same moment.
const ROUNDS_MAX: u32 = 64;

/// So many packets of one turn; a host that emits more without time passing is broken.
const PACKETS_MAX: u32 = 1_000_000;

/// Who is interested in what leaves a host.
pub(super) trait Door {
    /// A packet leaves; `before` was observed since the last one, and what the stack has observed
    /// with it is yet to be read.
    fn leaves(&mut self, stack: &mut Stack, before: Vec<Observed>, packet: Bytes);
}

impl Host {
    pub(super) fn new(new: &NewHost, checks: Checks) -> Result<Self, BuildError> {
        let mut stack = Stack::new(new.config.clone(), new.seed, Offload::default())?;
        let begun = Instant::ZERO + new.up_for;
        for address in &new.addresses {
            stack.user_calls(begun, Call::AddAddress(*address))?;
            let everything = match address.address {
                std::net::IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
                std::net::IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
            };
            stack.user_calls(
                begun,
                Call::AddRoute(Route {
                    destination: everything,
                    prefix_bits: 0,
                    source: None,
                }),
            )?;
        }
        Ok(Self {
            stack,
            up_for: new.up_for,
            applications: Vec::new(),
            owners: Owners::default(),
            unclaimed: VecDeque::new(),
            watch: Watch::default(),
            checks,
        })
    }

    /// Its stack: counters, status, configuration.
    pub const fn stack(&self) -> &Stack {
        &self.stack
    }

    /// How long its stack had been up when the world began.
    pub const fn up_for(&self) -> Duration {
        self.up_for
    }

    /// Its applications, in the order in which they were added.
    pub fn applications(&self) -> impl Iterator<Item = &dyn Application> {
        self.applications.iter().map(|slot| &*slot.application)
    }

    /// How many of its applications are not done.
    pub fn waiting(&self) -> usize {
        self.applications()
            .filter(|application| !application.is_done())
            .count()
    }

    /// Connections that have a record, half-open ones included.
    pub fn connections(&self) -> usize {
        let tcp = self.stack.counters().tcp;
        tcp.connections + tcp.half_open
    }

    /// The oldest event that belongs to no application: of what [`World::call`](super::World::call)
    /// opened.
    pub(super) fn next_unclaimed(&mut self) -> Option<Event> {
        self.unclaimed.pop_front()
    }

    pub(super) fn add_application(&mut self, application: Box<dyn Application>) -> usize {
        self.applications.push(Slot {
            application,
            begun: false,
        });
        self.applications.len() - 1
    }

    pub(super) fn observe(&mut self, entries_max: usize) {
        self.stack.observe(entries_max);
    }

    pub(super) fn call(&mut self, now: Instant, call: Call) -> Result<Reply, CallRefused> {
        self.stack.user_calls(now + self.up_for, call)
    }

    /// A packet arrives; what the stack observed about it is returned if anybody listens.
    pub(super) fn packet_arrives(&mut self, now: Instant, packet: Bytes) -> Vec<Observed> {
        if self.checks == Checks::On {
            self.watch.arrives(&packet);
        }
        self.stack
            .packet_arrives(now + self.up_for, Packet::new(packet));
        self.observed()
    }

    /// What the stack observed since the last time, if anybody listens.
    pub(super) fn observed(&mut self) -> Vec<Observed> {
        drain(&mut self.stack)
    }

    /// When it wants a turn although nothing arrives.
    pub(super) fn next_moment(&self) -> Option<Instant> {
        let stack = self.stack.next_deadline();
        // The stack counts from when it was started.
        let began = Instant::ZERO + self.up_for;
        let stack = stack.map(|at| Instant::ZERO + at.since(began));
        let applications = self.applications.iter().filter_map(|slot| {
            if slot.begun {
                slot.application.next_moment()
            } else {
                Some(Instant::ZERO)
            }
        });
        applications.chain(stack).min()
    }

    /// A turn. Packets go to `door`.
    pub(super) fn turn(&mut self, now: Instant, door: &mut impl Door) -> Result<(), Trouble> {
        for _ in 0..ROUNDS_MAX {
            self.stack.time_passes(now + self.up_for);
            let events = self.hand_out_events(now)?;
            let times = self.hand_out_time(now)?;
            let packets = self.pull(now, door)?;
            if !(events || times || packets) {
                break;
            }
        }
        if self.checks == Checks::On {
            self.watch.turn_ends(&self.stack)?;
        }
        Ok(())
    }

    /// Events to their applications; true if there was one.
    fn hand_out_events(&mut self, now: Instant) -> Result<bool, Trouble> {
        let mut any = false;
        while let Some(event) = self.stack.next_event() {
            any = true;
            match self.owners.of(&event) {
                Some(owner) => self.ask(now, owner, Occasion::Event(&event))?,
                None => {
                    if self.unclaimed.len() == UNCLAIMED_MAX {
                        self.unclaimed.pop_front();
                    }
                    self.unclaimed.push_back(event);
                }
            }
        }
        Ok(any)
    }

    /// Whoever has not begun, or named a moment that has come; true if there was one.
    fn hand_out_time(&mut self, now: Instant) -> Result<bool, Trouble> {
        let mut any = false;
        for number in 0..self.applications.len() {
            let Some(slot) = self.applications.get_mut(number) else {
                break;
            };
            if !slot.begun {
                slot.begun = true;
                any = true;
                self.ask(now, number, Occasion::Begin)?;
            } else if slot.application.next_moment().is_some_and(|at| at <= now) {
                any = true;
                self.ask(now, number, Occasion::Time)?;
            }
        }
        Ok(any)
    }

    fn ask(&mut self, now: Instant, number: usize, occasion: Occasion<'_>) -> Result<(), Trouble> {
        let Some(slot) = self.applications.get_mut(number) else {
            return Ok(());
        };
        let mut calls = Calls {
            now,
            epoch: self.up_for,
            stack: &mut self.stack,
            owners: &mut self.owners,
            owner: number,
        };
        slot.application
            .turn(occasion, &mut calls)
            .map_err(|discontent| Trouble {
                violation: Violation::Application {
                    application: number,
                    discontent,
                },
                packet: None,
            })
    }

    /// Packets until there are none; true if there was one.
    fn pull(&mut self, now: Instant, door: &mut impl Door) -> Result<bool, Trouble> {
        for number in 0..PACKETS_MAX {
            let before = self.observed();
            let Some(packet) = self.stack.next_packet(now + self.up_for) else {
                return Ok(number > 0);
            };
            let octets = Bytes::from(packet.to_vec());
            if self.checks == Checks::On {
                self.watch.leaves(&octets).map_err(|violation| Trouble {
                    violation,
                    packet: Some(octets.clone()),
                })?;
            }
            door.leaves(&mut self.stack, before, octets);
        }
        Err(Violation::Spinning(PACKETS_MAX).into())
    }
}

/// A rule that does not hold, before the world adds when and where.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) violation: Violation,
    pub(super) packet: Option<Bytes>,
}

impl From<Violation> for Trouble {
    fn from(violation: Violation) -> Self {
        Self {
            violation,
            packet: None,
        }
    }
}
