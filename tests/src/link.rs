//! A bad link between two hosts, in virtual time and by seed.
//!
//! It loses, duplicates, overtakes, delays and flips single bits, as much as [`Impairments`] say.
//! Two runs with one seed do the same to the same packets. It never changes more than one bit of a
//! packet: two could cancel each other out in the internet checksum, and no TCP could know.

use std::collections::{BTreeMap, VecDeque};

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use sidestep_stack::base::{Duration, Instant};

/// One end of the link.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Side {
    /// The first host.
    A,
    /// The second host.
    B,
}

impl Side {
    /// Where a packet from here goes.
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }
}

/// What the link does to packets. Chances are in thousandths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Impairments {
    /// A packet is lost.
    pub loss: u32,
    /// A packet arrives twice.
    pub duplication: u32,
    /// A packet is overtaken by up to [`overtakers_max`](Self::overtakers_max) later ones.
    pub reordering: u32,
    /// How many later packets may overtake one.
    pub overtakers_max: u32,
    /// One bit of a packet is flipped.
    pub corruption: u32,
    /// How long every packet takes.
    pub delay: Duration,
    /// How much longer some take; this alone reorders, too.
    pub jitter: Duration,
}

impl Impairments {
    /// A link that only delays.
    pub const fn clean(delay: Duration) -> Self {
        Self {
            loss: 0,
            duplication: 0,
            reordering: 0,
            overtakers_max: 0,
            corruption: 0,
            delay,
            jitter: Duration::ZERO,
        }
    }
}

/// A packet that is held back until others have overtaken it, or until it has waited long enough.
#[derive(Clone, Debug)]
struct Held {
    overtakers_left: u32,
    at_the_latest: Instant,
    octets: Vec<u8>,
}

/// A held packet waits no longer than this for others to overtake it.
const HOLD_MAX: Duration = Duration::from_millis(250);

/// The link.
#[derive(Debug)]
pub struct Link {
    impairments: Impairments,
    random: ChaCha12Rng,
    /// On the way: by the moment of arrival, then by order.
    flying: BTreeMap<(Instant, u64), (Side, Vec<u8>)>,
    held: [VecDeque<Held>; 2],
    count: u64,
    digest: u64,
    /// How many packets were handed in.
    pub packets: u64,
    /// How many were lost.
    pub lost: u64,
    /// How many were changed by one bit.
    pub corrupted: u64,
}

impl Link {
    /// A link with these habits.
    pub fn new(impairments: Impairments, seed: [u8; 32]) -> Self {
        Self {
            impairments,
            random: ChaCha12Rng::from_seed(seed),
            flying: BTreeMap::new(),
            held: [VecDeque::new(), VecDeque::new()],
            count: 0,
            digest: 0xcbf2_9ce4_8422_2325,
            packets: 0,
            lost: 0,
            corrupted: 0,
        }
    }

    /// A number that follows from every packet that was handed in, and from when (FNV-1a).
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// A packet leaves `from`.
    pub fn send(&mut self, now: Instant, from: Side, octets: &[u8]) {
        self.packets += 1;
        self.write_down(now, from, octets);
        self.overtake(now, from);
        if self.chance(self.impairments.loss) {
            self.lost += 1;
            return;
        }
        let copies = if self.chance(self.impairments.duplication) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            let mut octets = octets.to_vec();
            if self.chance(self.impairments.corruption) {
                let bit = self.random.random_range(0..octets.len() * 8);
                octets[bit / 8] ^= 1 << (bit % 8);
                self.corrupted += 1;
            }
            if self.chance(self.impairments.reordering) {
                let overtakers_left = self
                    .random
                    .random_range(1..=self.impairments.overtakers_max);
                self.held[from.index()].push_back(Held {
                    overtakers_left,
                    at_the_latest: now + HOLD_MAX,
                    octets,
                });
            } else {
                self.launch(now, from.other(), octets);
            }
        }
    }

    /// When the next packet arrives, if one is on the way.
    pub fn next_arrival(&self) -> Option<Instant> {
        let flying = self.flying.keys().next().map(|(at, _)| *at);
        let held = self.held.iter().flatten().map(|held| held.at_the_latest);
        flying.into_iter().chain(held).min()
    }

    /// The packets that have arrived by `now`, in order.
    pub fn arrivals(&mut self, now: Instant) -> Vec<(Side, Vec<u8>)> {
        for side in [Side::A, Side::B] {
            let due: Vec<Held> = take_where(&mut self.held[side.index()], |held| {
                held.at_the_latest <= now
            });
            for held in due {
                self.launch(now, side.other(), held.octets);
            }
        }
        let mut list = Vec::new();
        while let Some(entry) = self.flying.first_entry() {
            if entry.key().0 > now {
                break;
            }
            list.push(entry.remove());
        }
        list
    }

    /// One more packet has overtaken those that are held back.
    fn overtake(&mut self, now: Instant, from: Side) {
        for held in &mut self.held[from.index()] {
            held.overtakers_left = held.overtakers_left.saturating_sub(1);
        }
        let due = take_where(&mut self.held[from.index()], |held| {
            held.overtakers_left == 0
        });
        for held in due {
            self.launch(now, from.other(), held.octets);
        }
    }

    fn launch(&mut self, now: Instant, to: Side, octets: Vec<u8>) {
        let jitter = self.impairments.jitter.as_nanos() as u64;
        let extra = if jitter == 0 {
            0
        } else {
            self.random.random_range(0..jitter)
        };
        let at = now + self.impairments.delay + Duration::from_nanos(extra);
        self.count += 1;
        self.flying.insert((at, self.count), (to, octets));
    }

    fn chance(&mut self, thousandths: u32) -> bool {
        // The choice is drawn even where the answer is known, so that changing one habit leaves the
        // other choices as they were.
        self.random.random_range(0..1_000) < thousandths
    }

    fn write_down(&mut self, now: Instant, from: Side, octets: &[u8]) {
        let head = now.as_nanos().to_be_bytes();
        for octet in head.iter().chain([&(from.index() as u8)]).chain(octets) {
            self.digest ^= u64::from(*octet);
            self.digest = self.digest.wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

fn take_where(list: &mut VecDeque<Held>, due: impl Fn(&Held) -> bool) -> Vec<Held> {
    let (taken, left) = list.drain(..).partition(|held| due(held));
    *list = left;
    Vec::from_iter::<VecDeque<Held>>(taken)
}
