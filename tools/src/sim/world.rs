//! A network in one process: hosts, routers, switches and links under one virtual clock.
//!
//! Tests, `sidestep sim`, theatres and whoever wants a network that repeats drive a [`World`]. It has a
//! total order of happenings: by moment; at one moment links before hosts, each by number; a link
//! hands its packets over in its own order; routers and switches act within the happening that brings
//! them a packet. It reads no clock, starts no thread and prints nothing.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use sidestep_stack::call::{Call, CallRefused, ConnectionId, Reply};
use sidestep_stack::status::Status;
use sidestep_stack::{Duration, Event, Instant, Stack};

use super::app::Application;
use super::digest::{Digest, Way};
use super::failure::{Failure, HAPPENINGS_MAX, Happening, Violation};
use super::host::{BuildError, Checks, Door, Host, NewHost, Trouble};
use super::router::{Port, Router, Sent, Switch};
use crate::capture::narrate::cause;
use crate::capture::{Direction, Observed, connection_of, drain};
use crate::link::{Counters as LinkCounters, Link, Recipe, Transit};

/// Names a node of a world.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeId(usize);

impl NodeId {
    /// Its number: nodes are counted in the order in which they were added.
    pub const fn number(self) -> usize {
        self.0
    }
}

/// Names a cable of a world.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CableId(usize);

#[derive(Clone, Debug)]
enum Node {
    Host(Box<Host>),
    Router(Router),
    Switch(Switch),
}

/// One direction of a cable.
#[derive(Clone, Debug)]
struct Wire {
    link: Link,
    from: (usize, Port),
    to: (usize, Port),
    /// When it hands over the next packet; [`Instant::NEVER`] while it is empty.
    next: Instant,
}

/// A packet at a host's door, for whoever writes captures.
#[derive(Clone, Debug)]
pub struct Crossing {
    /// What happened.
    pub happening: Happening,
    /// What the stack observed since the crossing before: calls and timers.
    pub before: Vec<Observed>,
    /// What it observed with the crossing: why.
    pub observations: Vec<Observed>,
    /// The connection that it belongs to.
    pub connection: Option<ConnectionId>,
    /// The status of that connection, after it crossed.
    pub status: Option<Box<Status>>,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ran {
    /// It goes on.
    On,
    /// All is done.
    ToTheEnd,
}

/// How far a run may go.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The last moment.
    pub until: Instant,
    /// The most happenings since the world began.
    pub happenings: u64,
}

impl Default for Limits {
    /// Ten days of virtual time, and 100 million happenings.
    fn default() -> Self {
        Self {
            until: Instant::from_secs(864_000),
            happenings: 100_000_000,
        }
    }
}

/// So much happens in one moment at most; a world in which more does stands still.
const MOMENT_HAPPENINGS_MAX: u32 = 1_000_000;

/// So many observations are kept between two crossings, if crossings are kept.
const OBSERVATIONS_MAX: usize = 4_096;

/// See the module.
#[derive(Clone, Debug)]
pub struct World {
    seed: u64,
    now: Instant,
    checks: Checks,
    nodes: Vec<Node>,
    /// When each node wants its turn; [`Instant::NEVER`] for all but hosts.
    turns: Vec<Instant>,
    /// The wires that leave each node, by port.
    ports: Vec<Vec<usize>>,
    wires: Vec<Wire>,
    log: Log,
    happenings: u64,
    in_this_moment: u32,
}

/// What is written down of every crossing.
#[derive(Clone, Debug, Default)]
struct Log {
    digest: Digest,
    last: VecDeque<Happening>,
    /// `Some` while somebody wants them all.
    crossings: Option<Vec<Crossing>>,
}

impl Log {
    fn crossed(&mut self, at: Instant, host: usize, way: Way, packet: &Bytes) {
        self.digest.crossed(at, host, way, packet);
        if self.last.len() == HAPPENINGS_MAX {
            self.last.pop_front();
        }
        self.last.push_back(Happening {
            at,
            host,
            way,
            packet: packet.clone(),
        });
    }

    /// Keeps the crossing with its reasons, if somebody wants it.
    fn explain(&mut self, stack: &Stack, before: Vec<Observed>, observations: Vec<Observed>) {
        let (Some(crossings), Some(happening)) = (&mut self.crossings, self.last.back()) else {
            return;
        };
        let direction = match happening.way {
            Way::In => Direction::In,
            Way::Out => Direction::Out,
        };
        let connection = cause(&observations)
            .and_then(|cause| cause.connection())
            .or_else(|| connection_of(stack, direction, &happening.packet));
        crossings.push(Crossing {
            status: connection.and_then(|it| stack.status(it)).map(Box::new),
            happening: happening.clone(),
            before,
            observations,
            connection,
        });
    }
}

/// The packets that leave one host in one turn.
struct Leaving<'a> {
    at: Instant,
    host: usize,
    log: &'a mut Log,
    /// The host's wire, if it has one; else what it sends is lost.
    wire: Option<&'a mut Wire>,
}

impl Door for Leaving<'_> {
    fn leaves(&mut self, stack: &mut Stack, before: Vec<Observed>, packet: Bytes) {
        self.log.crossed(self.at, self.host, Way::Out, &packet);
        let observations = drain(stack);
        self.log.explain(stack, before, observations);
        if let Some(wire) = &mut self.wire {
            wire.link.packet_arrives(self.at, packet);
        }
    }
}

impl World {
    /// An empty world. Everything that happens in it follows from `seed` and from what is put into it.
    pub fn new(seed: u64) -> Self {
        Self::with_checks(seed, Checks::On)
    }

    /// As [`new`](Self::new), with the rules checked or not: that changes no packet.
    pub fn with_checks(seed: u64, checks: Checks) -> Self {
        Self {
            seed,
            now: Instant::ZERO,
            checks,
            nodes: Vec::new(),
            turns: Vec::new(),
            ports: Vec::new(),
            wires: Vec::new(),
            log: Log::default(),
            happenings: 0,
            in_this_moment: 0,
        }
    }

    /// An independent branch: the same state, and the same choices ahead.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.clone()
    }

    // Building.

    fn add(&mut self, node: Node, turn: Instant) -> NodeId {
        self.nodes.push(node);
        self.turns.push(turn);
        self.ports.push(Vec::new());
        NodeId(self.nodes.len() - 1)
    }

    /// Adds a host.
    ///
    /// # Errors
    ///
    /// Its configuration or an address makes no sense.
    pub fn add_host(&mut self, new: &NewHost) -> Result<NodeId, BuildError> {
        let mut host = Host::new(new, self.checks)?;
        if self.log.crossings.is_some() {
            host.observe(OBSERVATIONS_MAX);
        }
        Ok(self.add(Node::Host(Box::new(host)), self.now))
    }

    /// Adds a router, with an address of each family for what it tells senders.
    pub fn add_router(&mut self, v4: Ipv4Addr, v6: Ipv6Addr) -> NodeId {
        self.add(Node::Router(Router::new(v4, v6)), Instant::NEVER)
    }

    /// Adds a switch.
    pub fn add_switch(&mut self) -> NodeId {
        self.add(Node::Switch(Switch::default()), Instant::NEVER)
    }

    /// Connects two nodes: `there` is done to packets from `a` to `b`, `back` to the others.
    ///
    /// # Errors
    ///
    /// A host has one cable, and switches stand in no circle.
    pub fn connect(
        &mut self,
        a: NodeId,
        b: NodeId,
        there: &Recipe,
        back: &Recipe,
    ) -> Result<CableId, BuildError> {
        for node in [a, b] {
            if self.host(node).is_some() && !self.ports[node.0].is_empty() {
                return Err(BuildError::HostIsConnected);
            }
        }
        if self.is_switch(a.0) && self.is_switch(b.0) && self.switched(a.0, b.0) {
            return Err(BuildError::CircleOfSwitches);
        }
        let ends = [(a.0, self.ports[a.0].len()), (b.0, self.ports[b.0].len())];
        let first = self.wires.len();
        for (way, recipe) in [there, back].into_iter().enumerate() {
            // Each direction of each cable has chances of its own.
            let seed = self.seed ^ ((first + way + 1) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            self.wires.push(Wire {
                link: Link::new(recipe, seed),
                from: ends[way],
                to: ends[1 - way],
                next: Instant::NEVER,
            });
        }
        self.ports[a.0].push(first);
        self.ports[b.0].push(first + 1);
        Ok(CableId(first / 2))
    }

    fn is_switch(&self, node: usize) -> bool {
        matches!(self.nodes.get(node), Some(Node::Switch(_)))
    }

    /// Whether switches alone join `a` to `b`.
    fn switched(&self, a: usize, b: usize) -> bool {
        let mut known = vec![a];
        let mut next = 0;
        while let Some(node) = known.get(next).copied() {
            next += 1;
            for wire in &self.ports[node] {
                let to = self.wires[*wire].to.0;
                if self.is_switch(to) && !known.contains(&to) {
                    known.push(to);
                }
            }
        }
        known.contains(&b)
    }

    /// Adds a route to a router: what `prefix` covers goes over `cable`.
    ///
    /// # Errors
    ///
    /// The node is no router, or the cable does not lead from it.
    pub fn add_route(
        &mut self,
        router: NodeId,
        prefix: IpAddr,
        bits: u8,
        cable: CableId,
    ) -> Result<(), BuildError> {
        let wires = self.ports.get(router.0).into_iter().flatten();
        let port = wires
            .enumerate()
            .find(|(_, wire)| *wire / 2 == cable.0)
            .map(|(port, _)| port);
        match (self.nodes.get_mut(router.0), port) {
            (Some(Node::Router(router)), Some(port)) => {
                router.add_route(prefix, bits, port);
                Ok(())
            }
            _ => Err(BuildError::WrongKind(router.0)),
        }
    }

    /// Adds an application to a host; it begins at this moment. Its number on the host.
    ///
    /// # Errors
    ///
    /// The node is no host.
    pub fn add_application(
        &mut self,
        host: NodeId,
        application: impl Application + 'static,
    ) -> Result<usize, BuildError> {
        let now = self.now;
        match self.nodes.get_mut(host.0) {
            Some(Node::Host(it)) => {
                let number = it.add_application(Box::new(application));
                self.turns[host.0] = now;
                Ok(number)
            }
            _ => Err(BuildError::WrongKind(host.0)),
        }
    }

    /// Keeps every crossing, with the observations that explain it, until
    /// [`take_crossings`](Self::take_crossings). It changes no packet.
    pub fn keep_crossings(&mut self) {
        self.log.crossings.get_or_insert_default();
        for node in &mut self.nodes {
            if let Node::Host(host) = node {
                host.observe(OBSERVATIONS_MAX);
            }
        }
    }

    /// The crossings since the last time; take them after every step, for they are not bounded.
    pub fn take_crossings(&mut self) -> Vec<Crossing> {
        self.log
            .crossings
            .as_mut()
            .map_or_else(Vec::new, std::mem::take)
    }

    // What there is.

    /// The seed.
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The present moment.
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// The digest of all packets that crossed a host's door, and when.
    pub fn digest(&self) -> String {
        self.log.digest.to_hex()
    }

    /// How many packets crossed a host's door.
    pub const fn crossings(&self) -> u64 {
        self.log.digest.packets()
    }

    /// How much happened.
    pub const fn happenings(&self) -> u64 {
        self.happenings
    }

    /// A host; `None` for another kind of node.
    pub fn host(&self, node: NodeId) -> Option<&Host> {
        match self.nodes.get(node.0) {
            Some(Node::Host(host)) => Some(host),
            Some(Node::Router(_) | Node::Switch(_)) | None => None,
        }
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = (NodeId, &Host)> {
        self.nodes
            .iter()
            .enumerate()
            .filter_map(|(number, node)| match node {
                Node::Host(host) => Some((NodeId(number), &**host)),
                Node::Router(_) | Node::Switch(_) => None,
            })
    }

    /// A router; `None` for another kind of node.
    pub fn router(&self, node: NodeId) -> Option<&Router> {
        match self.nodes.get(node.0) {
            Some(Node::Router(router)) => Some(router),
            Some(Node::Host(_) | Node::Switch(_)) | None => None,
        }
    }

    /// What both directions of a cable did: away from its first end, and towards it.
    pub fn link_counters(&self, cable: CableId) -> Option<[LinkCounters; 2]> {
        let there = self.wires.get(cable.0 * 2)?;
        let back = self.wires.get(cable.0 * 2 + 1)?;
        Some([*there.link.counters(), *back.link.counters()])
    }

    /// How many applications are not done.
    pub fn waiting(&self) -> usize {
        self.hosts().map(|(_, host)| host.waiting()).sum()
    }

    /// How many connections have a record.
    pub fn connections(&self) -> usize {
        self.hosts().map(|(_, host)| host.connections()).sum()
    }

    // Calls from outside.

    /// A call at a host that is none of an application's. Its events are told by
    /// [`next_event`](Self::next_event); its packets leave with the host's next turn, at this moment.
    ///
    /// # Errors
    ///
    /// The stack refuses; [`CallRefused::NoSuchEntry`] if the node is no host.
    pub fn call(&mut self, host: NodeId, call: Call) -> Result<Reply, CallRefused> {
        let now = self.now;
        let Some(Node::Host(it)) = self.nodes.get_mut(host.0) else {
            return Err(CallRefused::NoSuchEntry);
        };
        self.turns[host.0] = now;
        it.call(now, call)
    }

    /// The oldest event of a host that is none of an application's.
    pub fn next_event(&mut self, host: NodeId) -> Option<Event> {
        match self.nodes.get_mut(host.0) {
            Some(Node::Host(host)) => host.next_unclaimed(),
            Some(Node::Router(_) | Node::Switch(_)) | None => None,
        }
    }

    // Time.

    /// When something happens next; `None`: never.
    pub fn next_moment(&self) -> Option<Instant> {
        self.next().map(|(at, _)| at)
    }

    /// The next happening in the total order.
    fn next(&self) -> Option<(Instant, Actor)> {
        let mut first = (Instant::NEVER, Actor::Wire(0));
        for (number, wire) in self.wires.iter().enumerate() {
            if wire.next < first.0 {
                first = (wire.next, Actor::Wire(number));
            }
        }
        for (number, turn) in self.turns.iter().enumerate() {
            if *turn < first.0 {
                first = (*turn, Actor::Host(number));
            }
        }
        // A moment that lies in the past is now.
        (first.0 != Instant::NEVER).then_some((first.0.max(self.now), first.1))
    }

    /// Lets the next thing happen, and says when that was; `None`: nothing ever will.
    ///
    /// # Errors
    ///
    /// A rule does not hold. The world is what it was when that was noticed.
    pub fn step(&mut self) -> Result<Option<Instant>, Box<Failure>> {
        let Some((at, actor)) = self.next() else {
            return Ok(None);
        };
        if at > self.now {
            self.now = at;
            self.in_this_moment = 0;
        }
        self.in_this_moment += 1;
        self.happenings += 1;
        if self.in_this_moment > MOMENT_HAPPENINGS_MAX {
            let violation = Violation::Spinning(MOMENT_HAPPENINGS_MAX);
            return Err(self.failure(None, violation.into()));
        }
        match actor {
            Actor::Wire(number) => self.wire_delivers(number),
            Actor::Host(number) => self.host_turns(number)?,
        }
        Ok(Some(at))
    }

    /// Lets everything happen until `moment`, that moment included; then it is `moment`.
    ///
    /// # Errors
    ///
    /// As for [`step`](Self::step).
    pub fn run_until(&mut self, moment: Instant) -> Result<(), Box<Failure>> {
        while self.next_moment().is_some_and(|at| at <= moment) {
            self.step()?;
        }
        if moment > self.now {
            self.now = moment;
            self.in_this_moment = 0;
        }
        Ok(())
    }

    /// Lets `time` pass.
    ///
    /// # Errors
    ///
    /// As for [`step`](Self::step).
    pub fn run_for(&mut self, time: Duration) -> Result<(), Box<Failure>> {
        self.run_until(self.now + time)
    }

    /// Runs until all applications are done and no connection is left.
    ///
    /// # Errors
    ///
    /// A rule does not hold; or it is stuck, or at its limits.
    pub fn run(&mut self, limits: Limits) -> Result<(), Box<Failure>> {
        while self.run_on(limits)? == Ran::On {}
        Ok(())
    }

    /// One step of [`run`](Self::run), for whoever looks at the world in between.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub fn run_on(&mut self, limits: Limits) -> Result<Ran, Box<Failure>> {
        let next = self.next();
        // Only a host's turn can finish something.
        let wire_is_next = matches!(next, Some((_, Actor::Wire(_))));
        if !wire_is_next && self.waiting() == 0 && self.connections() == 0 {
            return Ok(Ran::ToTheEnd);
        }
        let violation = match next {
            None => Some(Violation::Stuck {
                waiting: self.waiting(),
                connections: self.connections(),
            }),
            Some((at, _)) if at > limits.until => Some(Violation::TooLong {
                waiting: self.waiting(),
                connections: self.connections(),
            }),
            Some(_) if self.happenings >= limits.happenings => {
                Some(Violation::Exhausted(limits.happenings))
            }
            Some(_) => None,
        };
        if let Some(violation) = violation {
            return Err(self.failure(None, violation.into()));
        }
        self.step()?;
        Ok(Ran::On)
    }

    pub(super) fn failure(&self, node: Option<usize>, trouble: Trouble) -> Box<Failure> {
        Box::new(Failure {
            seed: self.seed,
            at: self.now,
            node,
            violation: trouble.violation,
            packet: trouble.packet,
            happenings: self.log.last.clone(),
        })
    }

    /// One packet leaves a wire.
    fn wire_delivers(&mut self, number: usize) {
        let now = self.now;
        let Some(wire) = self.wires.get_mut(number) else {
            return;
        };
        let transit = wire.link.next_packet(now);
        wire.next = wire.link.next_deadline().unwrap_or(Instant::NEVER);
        match transit {
            Some(Transit::Forward(packet)) => {
                let (node, port) = wire.to;
                self.reaches(node, port, packet);
            }
            Some(Transit::Back(packet)) => {
                let (node, port) = wire.from;
                self.comes_back(node, port, packet);
            }
            None => {}
        }
    }

    /// A packet reaches a node at one of its ports.
    fn reaches(&mut self, number: usize, port: Port, packet: Bytes) {
        let ports = self.ports[number].len();
        let sent = match self.nodes.get_mut(number) {
            Some(Node::Host(host)) => {
                self.log.crossed(self.now, number, Way::In, &packet);
                let before = host.observed();
                let observations = host.packet_arrives(self.now, packet);
                self.log.explain(host.stack(), before, observations);
                self.turns[number] = self.now;
                return;
            }
            Some(Node::Router(router)) => router.packet_arrives(&packet),
            Some(Node::Switch(switch)) => switch.packet_arrives(self.now, port, ports, &packet),
            None => return,
        };
        self.send(number, sent);
    }

    /// A link tells the sender of a packet something about it.
    fn comes_back(&mut self, number: usize, port: Port, packet: Bytes) {
        let sent = match self.nodes.get_mut(number) {
            Some(Node::Router(router)) => router.comes_back(&packet),
            Some(Node::Host(_) | Node::Switch(_)) => {
                return self.reaches(number, port, packet);
            }
            None => return,
        };
        self.send(number, sent);
    }

    /// Packets leave a router or a switch.
    fn send(&mut self, number: usize, sent: Sent) {
        for (port, packet) in sent {
            let Some(wire) = self.ports[number].get(port) else {
                continue;
            };
            let wire = &mut self.wires[*wire];
            wire.link.packet_arrives(self.now, packet);
            wire.next = wire.link.next_deadline().unwrap_or(Instant::NEVER);
        }
    }

    fn host_turns(&mut self, number: usize) -> Result<(), Box<Failure>> {
        let Some(Node::Host(host)) = self.nodes.get_mut(number) else {
            return Ok(());
        };
        let wire = self.ports[number].first().copied();
        let mut leaving = Leaving {
            at: self.now,
            host: number,
            log: &mut self.log,
            wire: wire.and_then(|wire| self.wires.get_mut(wire)),
        };
        let outcome = host.turn(self.now, &mut leaving);
        if let Some(wire) = leaving.wire {
            wire.next = wire.link.next_deadline().unwrap_or(Instant::NEVER);
        }
        self.turns[number] = host.next_moment().unwrap_or(Instant::NEVER);
        outcome.map_err(|trouble| self.failure(Some(number), trouble))
    }
}

/// Who acts in a happening.
#[derive(Clone, Copy, Debug)]
enum Actor {
    /// A wire hands a packet over.
    Wire(usize),
    /// A host has its turn.
    Host(usize),
}

#[cfg(test)]
mod tests;
