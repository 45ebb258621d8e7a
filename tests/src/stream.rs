//! Two hosts talk over a bad link: the octets read are exactly the octets written.
//!
//! A [`run`] follows from its seed alone: family, impairments, how much each side writes in which
//! pieces, how slowly it reads, who opens, who closes first. It ends with what was seen, or says why
//! it did not end. The test `lossy_stream` and the program of the same name both call it.

use sidestep_stack::Config;
use sidestep_stack::base::{Duration, Instant};
use sidestep_stack::call::{ConnectionId, ListenerId};
use sidestep_stack::event::ConnectionError;
use sidestep_stack::observe::State;

use bytes::Bytes;
use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use sidestep_tools::link::{Counters, Link, Order, Recipe, Share, Transit};

use crate::craft::pattern;
use crate::host::{Host, seed_of};
use crate::scene::{Family, PORT};

/// One end of the link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// Who opens.
    A,
    /// Who listens.
    B,
}

/// A run that takes longer than this in virtual time is stuck.
const LIMIT: Duration = Duration::from_secs(600);

/// How a run went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Follows from every packet of both sides and from when it left.
    pub digest: u64,
    /// When both records were gone.
    pub virtual_time: Duration,
    /// Octets read by A and by B.
    pub octets: [usize; 2],
    /// Packets that both sides sent.
    pub packets: u64,
    /// Packets that the link lost.
    pub lost: u64,
    /// Packets that the link changed by one bit.
    pub corrupted: u64,
}

/// Why a run did not end as it must.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// An octet was lost, repeated or swapped.
    Octets {
        /// Who read it.
        side: Side,
        /// At which position of the stream.
        at: usize,
    },
    /// A side read more than was written, or the stream ended early.
    Length {
        /// Who read.
        side: Side,
        /// How many octets.
        read: usize,
        /// How many were written.
        written: usize,
    },
    /// A connection failed.
    Failed {
        /// Whose.
        side: Side,
        /// Why.
        error: ConnectionError,
    },
    /// Nothing more would ever happen, or it takes for ever.
    Stuck {
        /// The states of both sides.
        states: [State; 2],
        /// Octets read by both sides.
        read: [usize; 2],
        /// Octets written by both sides.
        written: [usize; 2],
        /// What both applications have done: ended writing, read the end, given the name up.
        done: [[bool; 3]; 2],
    },
}

/// What a seed means.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Which family.
    pub family: Family,
    /// What the link does, in both directions.
    pub recipe: Recipe,
    /// Octets that A and B write.
    pub octets: [usize; 2],
    /// The most octets of one write.
    pub write_max: usize,
    /// The most octets of one read.
    pub read_max: usize,
    /// The longest pause of an application between two acts.
    pub pause_max: Duration,
    /// How the ends come about.
    pub ending: Ending,
    /// Octets that each side holds for its application.
    pub receive_buffer: u64,
    /// The largest packet of both devices.
    pub mtu: u64,
}

/// How the ends come about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// Each side ends its direction when it has written all; the other direction goes on.
    HalfClose,
    /// Both sides end their directions at the same moment, with the FINs crossing.
    Simultaneous,
    /// B ends its direction only after it has read A's end.
    AfterPeer,
}

impl Plan {
    /// What `seed` means.
    pub fn of(seed: u64) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed_of(seed ^ 0x6c6f_7373_7900_0000));
        let mut up_to = |most: u32| random.random_range(0..=most);
        let family = if up_to(1) == 0 {
            Family::V4
        } else {
            Family::V6
        };
        // One bit at the most: garbage passes the internet checksum now and then, and no TCP could
        // know.
        let recipe = Recipe {
            loss: Share::from_thousandths(up_to(100)),
            duplicate: Share::from_thousandths(up_to(50)),
            reorder: Share::from_thousandths(up_to(100)),
            overtakers: 1 + up_to(63),
            corrupt: Share::from_thousandths(up_to(20)),
            delay: Duration::from_micros(u64::from(100 + up_to(50_000))),
            jitter: Duration::from_micros(u64::from(up_to(5_000))),
            order: Order::Free,
            ..Recipe::default()
        };
        let sizes = [0, 1, 1_000, 20_000, 100_000, 300_000];
        let mut size = || {
            let most = sizes[up_to(5) as usize];
            up_to(most) as usize
        };
        let octets = [size(), size()];
        let ending = match up_to(3) {
            0 => Ending::Simultaneous,
            1 => Ending::AfterPeer,
            _ => Ending::HalfClose,
        };
        Self {
            family,
            recipe,
            octets,
            write_max: 1 + up_to(30_000) as usize,
            read_max: 1 + up_to(60_000) as usize,
            pause_max: Duration::from_micros(u64::from(up_to(20_000))),
            ending,
            receive_buffer: [8_192, 65_536, 524_288][up_to(2) as usize],
            mtu: [1_280, 1_500, 9_000][up_to(2) as usize],
        }
    }
}

/// One side: its stack and its application.
struct End {
    side: Side,
    host: Host,
    connection: Option<ConnectionId>,
    random: ChaCha12Rng,
    /// What it writes in all, and how much of that was taken.
    to_write: Vec<u8>,
    written: usize,
    /// What it must read, and how much of that was read.
    to_read: Vec<u8>,
    read: usize,
    wakes_at: Instant,
    write_ended: bool,
    read_ended: bool,
    released: bool,
}

/// Runs `seed`.
pub fn run(seed: u64) -> Result<Outcome, Failure> {
    run_plan(&Plan::of(seed), seed)
}

/// Runs a plan whose other choices follow from `seed`.
pub fn run_plan(plan: &Plan, seed: u64) -> Result<Outcome, Failure> {
    let mut wire = Wire::new(&plan.recipe, seed);
    let mut ends = [End::new(plan, Side::A, seed), End::new(plan, Side::B, seed)];
    let listener = ends[1].host.listen(PORT);
    let remote = std::net::SocketAddr::new(plan.family.address(2), PORT);
    ends[0].connection = Some(ends[0].host.open(remote).0);
    let end_of_time = Instant::ZERO + LIMIT;
    let mut now = Instant::ZERO;
    loop {
        for end in &mut ends {
            end.host.advance_to(now);
        }
        for (from, to) in [(0, 1), (1, 0)] {
            while let Some(packet) = wire.next_packet(now, from) {
                ends[to].host.arrives(&packet);
            }
        }
        ends[1].accept(listener);
        for at in [0, 1] {
            let peer_ended = ends[1 - at].written == ends[1 - at].to_write.len();
            ends[at].act(plan, now, peer_ended)?;
            for seen in ends[at].host.all_sent() {
                wire.packet_arrives(now, at, seen.octets);
            }
        }
        if ends.iter_mut().all(End::is_gone) {
            break;
        }
        let next = ends
            .iter()
            .filter_map(End::next_moment)
            .chain(wire.next_deadline())
            .min();
        match next {
            Some(next) if next <= end_of_time => now = next.max(now),
            None if ends.iter_mut().all(End::is_gone) => {}
            _ => return Err(describe_stuck(&mut ends)),
        }
    }
    for end in &ends {
        end.check_length()?;
    }
    Ok(Outcome {
        digest: wire.digest,
        virtual_time: now.since(Instant::ZERO),
        octets: [ends[0].read, ends[1].read],
        packets: wire.count(|counters| counters.arrived),
        lost: wire.count(Counters::lost),
        corrupted: wire.count(Counters::corrupted),
    })
}

/// A link in each direction, and a number that follows from all that was sent.
struct Wire {
    /// From A, and from B.
    links: [Link; 2],
    /// FNV-1a over every packet that was handed in, and when.
    digest: u64,
}

impl Wire {
    fn new(recipe: &Recipe, seed: u64) -> Self {
        Self {
            links: [0, 1].map(|from| Link::new(recipe, seed.wrapping_mul(2).wrapping_add(from))),
            digest: 0xcbf2_9ce4_8422_2325,
        }
    }

    fn packet_arrives(&mut self, now: Instant, from: usize, octets: Vec<u8>) {
        let head = now.as_nanos().to_be_bytes();
        for octet in head.iter().chain([&(from as u8)]).chain(&octets) {
            self.digest ^= u64::from(*octet);
            self.digest = self.digest.wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.links[from].packet_arrives(now, octets.into());
    }

    fn next_packet(&mut self, now: Instant, from: usize) -> Option<Bytes> {
        self.links[from]
            .next_packet(now)
            .map(|transit| match transit {
                Transit::Forward(packet) => packet,
                Transit::Back(_) => unreachable!("the recipe has no MTU"),
            })
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.links.iter().filter_map(Link::next_deadline).min()
    }

    fn count(&self, what: impl Fn(&Counters) -> u64) -> u64 {
        self.links.iter().map(|link| what(link.counters())).sum()
    }
}

fn describe_stuck(ends: &mut [End; 2]) -> Failure {
    let [a, b] = ends;
    Failure::Stuck {
        states: [a.state(), b.state()],
        read: [a.read, b.read],
        written: [a.written, b.written],
        done: [a, b].map(|end| [end.write_ended, end.read_ended, end.released]),
    }
}

impl End {
    fn new(plan: &Plan, side: Side, seed: u64) -> Self {
        let (number, mine, other) = match side {
            Side::A => (1, 0, 1),
            Side::B => (2, 1, 0),
        };
        let config = Config {
            receive_buffer_octets: plan.receive_buffer,
            mtu_octets: plan.mtu,
            ..Config::default()
        };
        let mut host = Host::new(config, seed_of(seed.wrapping_mul(4).wrapping_add(number)));
        let prefix_bits = if plan.family == Family::V4 { 24 } else { 64 };
        host.add_address(plan.family.address(number as u8), prefix_bits);
        Self {
            side,
            host,
            connection: None,
            random: ChaCha12Rng::from_seed(seed_of(seed ^ (number << 48))),
            to_write: pattern(mine * 7_919, plan.octets[mine]),
            written: 0,
            to_read: pattern(other * 7_919, plan.octets[other]),
            read: 0,
            wakes_at: Instant::ZERO,
            write_ended: false,
            read_ended: false,
            released: false,
        }
    }

    fn accept(&mut self, listener: ListenerId) {
        if self.connection.is_none() {
            self.connection = self
                .host
                .accept(listener)
                .map(|accepted| accepted.connection);
        }
    }

    fn state(&mut self) -> State {
        match self.connection {
            Some(connection) => self.host.state(connection),
            None => State::Closed,
        }
    }

    fn is_gone(&mut self) -> bool {
        self.released && self.state() == State::Closed
    }

    /// When it has something to do: a timer of the stack, or its application wakes up.
    fn next_moment(&self) -> Option<Instant> {
        let application = (!self.released).then_some(self.wakes_at);
        let application = application.filter(|at| *at > self.host.now);
        self.host
            .next_deadline()
            .into_iter()
            .chain(application)
            .min()
    }

    /// The application's turn: writes some, reads some, ends what has come to its end.
    fn act(&mut self, plan: &Plan, now: Instant, peer_wrote_all: bool) -> Result<(), Failure> {
        let Some(connection) = self.connection.filter(|_| !self.released) else {
            return Ok(());
        };
        if let Some(error) = self.host.failure_of(connection) {
            return Err(Failure::Failed {
                side: self.side,
                error,
            });
        }
        self.host.all_events();
        if now < self.wakes_at {
            return Ok(());
        }
        let synchronized = !matches!(
            self.host.state(connection),
            State::SynSent | State::SynReceived
        );
        if synchronized {
            self.write(plan, connection);
            self.read(plan, connection)?;
            self.end(plan, connection, peer_wrote_all);
        }
        // A pause of at least a microsecond: an application cannot act twice in one moment.
        let most = plan.pause_max.as_micros() as u64;
        let pause = Duration::from_micros(1 + self.random.random_range(0..=most));
        self.wakes_at = now + pause;
        Ok(())
    }

    fn write(&mut self, plan: &Plan, connection: ConnectionId) {
        let left = self.to_write.len() - self.written;
        if left == 0 {
            return;
        }
        let octets = self.random.random_range(1..=plan.write_max).min(left);
        let part = self.to_write[self.written..self.written + octets].to_vec();
        self.written += self.host.send(connection, &part);
    }

    fn read(&mut self, plan: &Plan, connection: ConnectionId) -> Result<(), Failure> {
        if self.read_ended {
            return Ok(());
        }
        let most = self.random.random_range(1..=plan.read_max);
        let (octets, end_of_stream) = self.host.receive(connection, most);
        for octet in octets {
            if self.to_read.get(self.read) != Some(&octet) {
                return Err(Failure::Octets {
                    side: self.side,
                    at: self.read,
                });
            }
            self.read += 1;
        }
        self.read_ended = end_of_stream;
        if end_of_stream {
            self.check_length()?;
        }
        Ok(())
    }

    fn end(&mut self, plan: &Plan, connection: ConnectionId, peer_wrote_all: bool) {
        let wrote_all = self.written == self.to_write.len();
        let may_end = match (plan.ending, self.side) {
            (Ending::HalfClose, _) | (Ending::AfterPeer, Side::A) => true,
            (Ending::Simultaneous, _) => peer_wrote_all,
            (Ending::AfterPeer, Side::B) => self.read_ended,
        };
        if wrote_all && may_end && !self.write_ended {
            self.host.shut_down(connection);
            self.write_ended = true;
        }
        if self.write_ended && self.read_ended {
            self.host.close(connection);
            self.released = true;
        }
    }

    fn check_length(&self) -> Result<(), Failure> {
        if self.read == self.to_read.len() {
            Ok(())
        } else {
            Err(Failure::Length {
                side: self.side,
                read: self.read,
                written: self.to_read.len(),
            })
        }
    }
}
