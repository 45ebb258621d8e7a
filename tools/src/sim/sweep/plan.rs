//! What a seed of the sweep means: a point of the grid, chosen by chance.
//!
//! The grid: both families; hosts side by side, behind routers, at a switch; loss to 30 %, bursts of
//! it, duplication, reordering, corruption, jitter; small and large MTUs; buffers from 1 octet to 16
//! MiB; fast, slow and pausing applications; half closes, aborts and early closes; sequence numbers
//! and timestamps that wrap on the way. Octets are kept to a budget, so that a seed takes
//! milliseconds. Everything follows from the seed.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sidestep_stack::base::Random;
use sidestep_stack::call::{ConnectionOptions, KeepAlive};
use sidestep_stack::{Config, Duration, Instant};

use super::SweepError;
use crate::link::Recipe;
use crate::sim::app::{
    Answerer, Asker, DatagramEcho, DatagramSource, Dialogue, Ending, Stream, Talk, Talker, Trouble,
};
use crate::sim::near_wrap::{self, NearWrap};
use crate::sim::transfer::Family;
use crate::sim::{Checks, NewHost, NodeId, World, seed_of};

/// What stands between the two hosts. The bad link is always the first host's; the others only
/// delay, so that no packet is damaged twice: two damages could hide from the checksum.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Topology {
    /// Nothing but the bad link.
    Direct,
    /// So many routers, one or two.
    Routed(u8),
    /// A switch, with a third host that hears what is not for it.
    Switched,
}

/// What two applications do with each other.
#[derive(Clone, Debug)]
pub enum Conversation {
    /// Streams, in both directions at once.
    Talk {
        /// The end that opens, and the end that accepts.
        ends: Box<[Talk; 2]>,
        /// Their settings.
        options: Box<[ConnectionOptions; 2]>,
        /// When the first one opens: after the other one has begun to listen.
        begins_at: Instant,
    },
    /// Requests and replies.
    Dialogue {
        /// What both know.
        dialogue: Dialogue,
        /// When it begins.
        begins_at: Instant,
    },
    /// Datagrams that come back.
    Datagrams {
        /// Of their content.
        seed: u64,
        /// How many.
        count: u32,
        /// The most octets of one.
        octets: u32,
        /// From one to the next.
        interval: Duration,
    },
}

/// What a seed means.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Which family.
    pub family: Family,
    /// What stands between the hosts.
    pub topology: Topology,
    /// The bad link, from the first host and to it.
    pub recipes: [Recipe; 2],
    /// The largest packet of each host's device.
    pub mtu_octets: [u64; 2],
    /// What each stack may hold.
    pub memory_octets: [u64; 2],
    /// What wraps on the way.
    pub near_wrap: [NearWrap; 2],
    /// Who talks to whom, each at a port of its own.
    pub conversations: Vec<Conversation>,
}

/// The first port; each conversation has its own.
const FIRST_PORT: u16 = 1_000;

/// No stream is read or written in more pieces than about this, whatever it holds.
const PIECES_MAX: u64 = 4_000;

/// A day. Hosts that never give up within it make every failure a real one.
const DAY_MS: u64 = 86_400_000;

/// Chooses, in short words.
struct Chooser(Random);

impl Chooser {
    /// From 0 to `most`.
    fn up_to(&mut self, most: u32) -> u32 {
        self.0.below(most.saturating_add(1))
    }

    /// True once in `n` times.
    fn once_in(&mut self, n: u32) -> bool {
        self.0.below(n) == 0
    }

    fn one_of<T: Copy>(&mut self, first: T, rest: &[T]) -> T {
        let at = self.up_to(u32::try_from(rest.len()).unwrap_or(0)) as usize;
        at.checked_sub(1)
            .and_then(|at| rest.get(at))
            .copied()
            .unwrap_or(first)
    }

    /// From 1 to 2^`bits`, every order of magnitude as likely as the other.
    fn magnitude(&mut self, bits: u32) -> u32 {
        let most = 1_u32 << self.up_to(bits);
        most - self.up_to(most / 2)
    }
}

impl Plan {
    /// What `seed` means.
    ///
    /// # Errors
    ///
    /// A recipe that it wrote makes no sense: a bug, for every seed has a meaning.
    pub fn of(seed: u64) -> Result<Self, SweepError> {
        let mut chooser = Chooser(Random::new(seed_of(seed ^ 0x7377_6565_7000_0000)));
        let family = chooser.one_of(Family::V4, &[Family::V6]);
        let topology = match chooser.up_to(7) {
            0 => Topology::Routed(1),
            1 => Topology::Routed(2),
            2 => Topology::Switched,
            _ => Topology::Direct,
        };
        let recipes = recipes(&mut chooser)?;
        let mtus: &[u64] = match family {
            Family::V4 => &[576, 1_006, 1_280, 9_000],
            Family::V6 => &[1_280, 1_400, 9_000],
        };
        let mtu_octets = [chooser.one_of(1_500, mtus), chooser.one_of(1_500, mtus)];
        let memory = [1 << 20, 4 << 20];
        let memory_octets = [
            chooser.one_of(256 << 20, &memory),
            chooser.one_of(256 << 20, &memory),
        ];
        let mut conversations = vec![talk(&mut chooser, seed)];
        for number in 1..=chooser.up_to(2) {
            let seed = seed ^ (u64::from(number) << 56);
            conversations.push(match chooser.up_to(3) {
                0 => dialogue(&mut chooser, seed),
                1 => datagrams(&mut chooser, seed),
                _ => talk(&mut chooser, seed),
            });
        }
        let near_wrap = [wrap(&mut chooser), wrap(&mut chooser)];
        Ok(Self {
            seed,
            family,
            topology,
            recipes,
            mtu_octets,
            memory_octets,
            near_wrap,
            conversations,
        })
    }

    /// The world of this plan.
    ///
    /// # Errors
    ///
    /// It cannot be built: a bug, as in [`of`](Self::of).
    pub fn world(&self, checks: Checks) -> Result<World, SweepError> {
        let fresh = self.build([Duration::ZERO; 2], checks)?;
        if self.near_wrap == [NearWrap::No; 2] {
            return Ok(fresh);
        }
        let up_for = near_wrap::up_for(fresh, self.near_wrap);
        self.build(up_for, checks)
    }

    fn build(&self, up_for: [Duration; 2], checks: Checks) -> Result<World, SweepError> {
        let mut world = World::with_checks(self.seed, checks);
        let far = match self.topology {
            Topology::Direct | Topology::Switched => 0,
            Topology::Routed(_) => 1,
        };
        let places = [(0, 1), (far, 2)];
        let mut hosts = Vec::new();
        for (number, (network, address)) in places.into_iter().enumerate() {
            hosts.push(world.add_host(&NewHost {
                config: self.config(number),
                seed: seed_of(self.seed.wrapping_mul(4).wrapping_add(number as u64)),
                addresses: vec![self.family.interface(network, address)],
                up_for: up_for[number],
            })?);
        }
        let [a, b] = [hosts[0], hosts[1]];
        self.connect(&mut world, a, b)?;
        let remote = self.family.address(far, 2);
        for (port, conversation) in (FIRST_PORT..).zip(&self.conversations) {
            add(
                &mut world,
                [a, b],
                SocketAddr::new(remote, port),
                conversation,
            )?;
        }
        Ok(world)
    }

    fn config(&self, number: usize) -> Config {
        Config {
            mtu_octets: self.mtu_octets[number],
            memory_octets_max: self.memory_octets[number],
            r2_retransmissions: 255,
            syn_give_up_ms: DAY_MS,
            syn_ack_give_up_ms: DAY_MS,
            ..Config::default()
        }
    }

    fn connect(&self, world: &mut World, a: NodeId, b: NodeId) -> Result<(), SweepError> {
        let [there, back] = &self.recipes;
        let plain: Recipe = "delay=1ms".parse()?;
        match self.topology {
            Topology::Direct => {
                world.connect(a, b, there, back)?;
            }
            Topology::Routed(routers) => {
                let bits = self.family.prefix_bits();
                let (near, far) = (self.family.address(0, 0), self.family.address(1, 0));
                let mut last = a;
                for number in 1..=routers {
                    let router = add_router(world, number);
                    let (there, back) = if number == 1 {
                        (there, back)
                    } else {
                        (&plain, &plain)
                    };
                    let cable = world.connect(last, router, there, back)?;
                    if number > 1 {
                        world.add_route(last, far, bits, cable)?;
                    }
                    world.add_route(router, near, bits, cable)?;
                    last = router;
                }
                let cable = world.connect(last, b, &plain, &plain)?;
                world.add_route(last, far, bits, cable)?;
            }
            Topology::Switched => {
                let switch = world.add_switch();
                world.connect(a, switch, there, back)?;
                world.connect(switch, b, &plain, &plain)?;
                let bystander = world.add_host(&NewHost {
                    config: Config::default(),
                    seed: seed_of(self.seed.wrapping_mul(4).wrapping_add(2)),
                    addresses: vec![self.family.interface(0, 3)],
                    up_for: Duration::ZERO,
                })?;
                world.connect(switch, bystander, &plain, &plain)?;
            }
        }
        Ok(())
    }

    /// Octets that all streams hold together.
    pub fn octets(&self) -> u64 {
        self.conversations
            .iter()
            .map(|conversation| match conversation {
                Conversation::Talk { ends, .. } => ends.iter().map(|end| end.write.octets).sum(),
                Conversation::Dialogue { .. } | Conversation::Datagrams { .. } => 0,
            })
            .sum()
    }
}

fn add_router(world: &mut World, number: u8) -> NodeId {
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0xff, 0, 0, 0, u16::from(number));
    world.add_router(Ipv4Addr::new(203, 0, 113, number), v6)
}

/// Both ends of a conversation.
fn add(
    world: &mut World,
    [a, b]: [NodeId; 2],
    remote: SocketAddr,
    conversation: &Conversation,
) -> Result<(), SweepError> {
    let port = remote.port();
    match conversation {
        Conversation::Talk {
            ends,
            options,
            begins_at,
        } => {
            let [dials, accepts] = (**ends).clone();
            let [ours, theirs] = (**options).clone();
            world.add_application(b, Talker::accepts(port, theirs, accepts))?;
            world.add_application(a, Talker::dials(remote, port, *begins_at, ours, dials))?;
        }
        Conversation::Dialogue {
            dialogue,
            begins_at,
        } => {
            let options = ConnectionOptions::default();
            world.add_application(b, Answerer::new(port, options.clone(), *dialogue))?;
            world.add_application(a, Asker::new(remote, *begins_at, options, *dialogue))?;
        }
        Conversation::Datagrams {
            seed,
            count,
            octets,
            interval,
        } => {
            world.add_application(b, DatagramEcho::new(port))?;
            let source = DatagramSource::new(remote, *seed, *count, *octets, *interval);
            world.add_application(a, source)?;
        }
    }
    Ok(())
}

/// The bad link in both directions: alike, but for what only one of them suffers.
fn recipes(chooser: &mut Chooser) -> Result<[Recipe; 2], SweepError> {
    let delay_us = chooser.one_of(20_000, &[0, 100, 1_000, 50_000, 150_000]);
    let jitter_us = chooser.one_of(0, &[10, 1_000, 20_000]);
    let loss_permille = match chooser.up_to(3) {
        0 => 0,
        1 => chooser.up_to(20),
        2 => 20 + chooser.up_to(80),
        _ => 100 + chooser.up_to(200),
    };
    let bursty = chooser.once_in(8);
    let duplicate = chooser.up_to(50) * chooser.up_to(1);
    let reorder = chooser.up_to(100) * chooser.up_to(1);
    let overtakers = 1 + chooser.up_to(63);
    let corruption = chooser.up_to(20) * chooser.up_to(1);
    // One kind at a time: two damages of one packet could hide from the checksum.
    let kind = chooser.one_of("corrupt", &["corrupt-burst", "truncate"]);
    let only = chooser.up_to(5);
    let write = |suffers: bool| {
        let mut text = format!("delay={delay_us}us");
        if jitter_us > 0 {
            let _ = write!(text, ",jitter={jitter_us}us");
        }
        if !suffers {
            return text;
        }
        let _ = write!(text, ",loss={}.{}%", loss_permille / 10, loss_permille % 10);
        if bursty {
            text.push_str(",gilbert=1%/20%");
        }
        let _ = write!(text, ",duplicate={}.{}%", duplicate / 10, duplicate % 10);
        if reorder > 0 {
            let _ = write!(text, ",reorder={}.{}%", reorder / 10, reorder % 10);
            let _ = write!(text, ",overtakers={overtakers}");
        }
        let _ = write!(text, ",{kind}={}.{}%", corruption / 10, corruption % 10);
        text
    };
    // Most links are bad in both directions, some in one only.
    Ok([write(only != 0).parse()?, write(only != 1).parse()?])
}

fn wrap(chooser: &mut Chooser) -> NearWrap {
    match chooser.up_to(7) {
        0 | 1 => NearWrap::Sequence {
            octets: chooser.magnitude(18),
        },
        2 => NearWrap::Timestamps {
            ms: chooser.up_to(3_000),
        },
        _ => NearWrap::No,
    }
}

/// Two streams, and how they end.
fn talk(chooser: &mut Chooser, seed: u64) -> Conversation {
    let mut ends = [end(chooser, seed), end(chooser, !seed)];
    let budget = chooser.one_of(20_000, &[0, 1, 1_000, 100_000, 300_000]);
    let budget = if chooser.once_in(48) { 3 << 20 } else { budget };
    for writer in [0, 1] {
        let pieces = u64::from(ends[writer].write_max.min(ends[1 - writer].read_max));
        let octets = u64::from(chooser.up_to(budget)).min(pieces * PIECES_MAX);
        let stream = Stream {
            seed: seed ^ (writer as u64 + 1),
            octets,
        };
        ends[writer].write = stream;
        ends[1 - writer].read = stream;
    }
    let mut keep_alive = None;
    match chooser.up_to(7) {
        0 => ends[0].ending = Ending::AfterPeer,
        1 => ends[1].ending = Ending::AfterPeer,
        2 | 3 => {
            end_early(chooser, &mut ends);
            // A reset can be lost, and whoever only reads would wait for ever.
            keep_alive = Some(KeepAlive {
                idle: Duration::from_secs(30),
                interval: Duration::from_secs(10),
                probes_max: 250,
            });
        }
        _ => {}
    }
    let mut options = || ConnectionOptions {
        no_delay: Some(chooser.once_in(2)),
        keep_alive: Some(keep_alive),
        receive_buffer_octets: buffer(chooser),
        send_buffer_octets: buffer(chooser),
        ..ConnectionOptions::default()
    };
    let options = Box::new([options(), options()]);
    Conversation::Talk {
        ends: Box::new(ends),
        options,
        begins_at: Instant::from_millis(1 + u64::from(chooser.up_to(200))),
    }
}

/// The default, or anything from 1 octet (of which the stack makes its minimum) to 16 MiB.
fn buffer(chooser: &mut Chooser) -> Option<usize> {
    (!chooser.once_in(4)).then(|| chooser.magnitude(24) as usize)
}

/// How fast an end is. Streams and endings come later.
fn end(chooser: &mut Chooser, seed: u64) -> Talk {
    let pauses = [
        Duration::from_micros(100),
        Duration::from_millis(5),
        Duration::from_millis(50),
        Duration::from_secs(3),
    ];
    Talk {
        write_max: chooser.magnitude(24),
        read_max: chooser.magnitude(24),
        pause_max: chooser.one_of(Duration::ZERO, &pauses),
        seed,
        ..Talk::plain(Stream::default(), Stream::default())
    }
}

/// One end aborts or closes before its time, sometimes both.
fn end_early(chooser: &mut Chooser, ends: &mut [Talk; 2]) {
    let all = ends[0].write.octets + ends[1].write.octets;
    let all = u32::try_from(all).unwrap_or(u32::MAX);
    let who = chooser.up_to(4);
    for number in [0, 1] {
        // 0 and 1: the first; 2 and 3: the second; 4: both.
        if who / 2 != number as u32 && who != 4 {
            continue;
        }
        let after_octets = u64::from(chooser.up_to(all));
        ends[number].ending = if chooser.once_in(2) {
            Ending::Abort { after_octets }
        } else {
            let read = ends[number].read.octets;
            Ending::Close {
                after_octets: after_octets.min(read),
            }
        };
        ends[1 - number].trouble = Trouble::Reset;
    }
}

fn dialogue(chooser: &mut Chooser, seed: u64) -> Conversation {
    Conversation::Dialogue {
        dialogue: Dialogue {
            seed,
            rounds: 1 + chooser.up_to(20),
            request_octets_max: chooser.magnitude(12),
            reply_octets_max: chooser.magnitude(15),
            pause_max: Duration::from_micros(u64::from(chooser.magnitude(21))),
        },
        begins_at: Instant::from_millis(1 + u64::from(chooser.up_to(500))),
    }
}

fn datagrams(chooser: &mut Chooser, seed: u64) -> Conversation {
    Conversation::Datagrams {
        seed,
        count: 1 + chooser.up_to(30),
        octets: 4 + chooser.up_to(4_000),
        interval: Duration::from_micros(u64::from(chooser.magnitude(17))),
    }
}

/// Its address as text would be enough, but a seed's plan is shown whole.
impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [there, back] = &self.recipes;
        let remote: IpAddr = self.family.address(0, 2);
        write!(
            f,
            "seed {}: {:?}, mtu {:?}, to {remote}\n  there: {there}\n  back: {back}\n  wraps: {:?}",
            self.seed, self.topology, self.mtu_octets, self.near_wrap
        )?;
        for conversation in &self.conversations {
            write!(f, "\n  {conversation:?}")?;
        }
        Ok(())
    }
}
