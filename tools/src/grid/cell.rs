//! A path of the grid, and who sends over it to whom.
//!
//! The plan makes cells from lists of rates, round trips, losses and queues; a cell says which recipe
//! its link follows, how long a flow over it is measured, and how much of its rate is to be expected.
//! Nothing here runs anything.

use std::fmt;
use std::str::FromStr;

use sidestep_stack::base::Duration;
use thiserror::Error;

use crate::link::{Recipe, RecipeError};

/// Octets of the largest packet: those of a new TUN device.
pub(super) const PACKET_OCTETS: u64 = 1_500;

/// Octets of text in such a packet, with timestamps.
const TEXT_OCTETS: f64 = 1_448.0;

/// No queue holds fewer packets: two initial windows (RFC 6928), so that a path whose bandwidth-delay
/// product is a packet or two can be used at all.
pub(super) const QUEUE_PACKETS_MIN: u64 = 20;

/// A flow is measured for this long at least.
const SECONDS_MIN: u64 = 6;

/// And for so many round trips.
const ROUND_TRIPS_MIN: u64 = 60;

/// The share that the headers of IPv4 and TCP leave of a rate.
pub(super) const TEXT_SHARE: f64 = TEXT_OCTETS / PACKET_OCTETS as f64;

/// Why a word is none of the grid's.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NotOfTheGrid {
    /// Caller: no such loss.
    #[error("must be a share such as 0, 0.1% or 3%, or the word bursts")]
    Loss,
    /// Caller: no such queue.
    #[error("must be 0.25 or 1: parts of the bandwidth-delay product")]
    Depth,
    /// Caller: no such pair.
    #[error("must be sidestep-kernel, kernel-sidestep or kernel-kernel")]
    Pair,
}

/// What the path loses, besides what its queue has no room for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loss {
    /// Nothing.
    None,
    /// So many packets of a hundred thousand, each by itself.
    Random {
        /// Of 100,000.
        per_100_000: u32,
    },
    /// Four packets in a row on average, after one packet in a thousand: 0.4 % of all.
    Bursts,
}

impl Loss {
    /// How many congestion events a packet meets on average: a burst is one.
    fn events(self) -> f64 {
        match self {
            Self::None => 0.0,
            Self::Random { per_100_000 } => f64::from(per_100_000) / 100_000.0,
            Self::Bursts => 0.001,
        }
    }

    fn recipe(self) -> String {
        match self {
            Self::None => String::new(),
            Self::Random { .. } => format!(",loss={self}"),
            Self::Bursts => ",gilbert=0.1%/25%".to_owned(),
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("0"),
            Self::Random { per_100_000 } => {
                let (whole, part) = (per_100_000 / 1_000, per_100_000 % 1_000);
                let part = format!(".{part:03}");
                write!(
                    f,
                    "{whole}{}%",
                    part.trim_end_matches('0').trim_end_matches('.')
                )
            }
            Self::Bursts => f.write_str("bursts"),
        }
    }
}

impl FromStr for Loss {
    type Err = NotOfTheGrid;

    fn from_str(text: &str) -> Result<Self, NotOfTheGrid> {
        match text {
            "0" | "0%" => return Ok(Self::None),
            "bursts" => return Ok(Self::Bursts),
            _ => {}
        }
        let number = text.strip_suffix('%').ok_or(NotOfTheGrid::Loss)?;
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = format!("{whole}{part:0<3}");
        let is_number = digits.bytes().all(|octet| octet.is_ascii_digit());
        if !is_number || whole.is_empty() || part.len() > 3 {
            return Err(NotOfTheGrid::Loss);
        }
        match digits.parse() {
            Ok(per_100_000 @ 1..=100_000) => Ok(Self::Random { per_100_000 }),
            Ok(_) | Err(_) => Err(NotOfTheGrid::Loss),
        }
    }
}

/// How much waits before the bottleneck, in parts of the bandwidth-delay product.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Depth {
    /// 0.25.
    Quarter,
    /// 1.
    Whole,
}

impl Depth {
    const fn quarters(self) -> u64 {
        match self {
            Self::Quarter => 1,
            Self::Whole => 4,
        }
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Quarter => "0.25",
            Self::Whole => "1",
        })
    }
}

impl FromStr for Depth {
    type Err = NotOfTheGrid;

    fn from_str(text: &str) -> Result<Self, NotOfTheGrid> {
        match text {
            "0.25" => Ok(Self::Quarter),
            "1" => Ok(Self::Whole),
            _ => Err(NotOfTheGrid::Depth),
        }
    }
}

/// Whose TCP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Party {
    /// Ours, over a TUN device of its own whose packets the kernel forwards.
    Sidestep,
    /// The kernel's.
    Kernel,
}

impl Party {
    const fn name(self) -> &'static str {
        match self {
            Self::Sidestep => "Sidestep",
            Self::Kernel => "kernel",
        }
    }
}

/// Who sends to whom.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Pair {
    /// Our sender.
    SidestepToKernel,
    /// Our receiver.
    KernelToSidestep,
    /// Neither: what the others are compared with.
    KernelToKernel,
    /// Both, in the simulator.
    SidestepToSidestep,
}

impl Pair {
    /// Those that run in real time.
    pub const REAL: [Self; 3] = [
        Self::SidestepToKernel,
        Self::KernelToSidestep,
        Self::KernelToKernel,
    ];

    /// Sender and receiver.
    pub const fn parties(self) -> [Party; 2] {
        match self {
            Self::SidestepToKernel => [Party::Sidestep, Party::Kernel],
            Self::KernelToSidestep => [Party::Kernel, Party::Sidestep],
            Self::KernelToKernel => [Party::Kernel, Party::Kernel],
            Self::SidestepToSidestep => [Party::Sidestep, Party::Sidestep],
        }
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [sender, receiver] = self.parties().map(Party::name);
        write!(f, "{sender}→{receiver}")
    }
}

impl FromStr for Pair {
    type Err = NotOfTheGrid;

    fn from_str(text: &str) -> Result<Self, NotOfTheGrid> {
        match text {
            "sidestep-kernel" => Ok(Self::SidestepToKernel),
            "kernel-sidestep" => Ok(Self::KernelToSidestep),
            "kernel-kernel" => Ok(Self::KernelToKernel),
            _ => Err(NotOfTheGrid::Pair),
        }
    }
}

/// A path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cell {
    /// Millions of bits a second, headers of IP included.
    pub rate_mbit: u32,
    /// The round trip of an empty path, half of it in each direction.
    pub rtt_ms: u32,
    /// In the direction of the data.
    pub loss: Loss,
    /// In the direction of the data.
    pub depth: Depth,
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rate_mbit,
            rtt_ms,
            loss,
            depth,
        } = self;
        write!(
            f,
            "{rate_mbit} Mbit/s, {rtt_ms} ms, loss {loss}, queue {depth} BDP"
        )
    }
}

impl Cell {
    /// Packets that wait before the bottleneck at the most.
    pub fn queue_packets(&self) -> u64 {
        let octets = u64::from(self.rate_mbit) * 1_000 / 8 * u64::from(self.rtt_ms);
        (octets * self.depth.quarters() / 4 / PACKET_OCTETS).max(QUEUE_PACKETS_MIN)
    }

    /// What the link does there and back. The way back only takes its time: acknowledgments are
    /// neither lost nor queued.
    ///
    /// # Errors
    ///
    /// A recipe has no such rate, time or queue.
    pub fn recipes(&self) -> Result<[Recipe; 2], RecipeError> {
        let delay = format!("delay={}us", u64::from(self.rtt_ms) * 500);
        let there = format!(
            "rate={}mbit,queue={},{delay}{}",
            self.rate_mbit,
            self.queue_packets(),
            self.loss.recipe()
        );
        Ok([there.parse()?, delay.parse()?])
    }

    /// How long a flow is measured, its handshake included.
    pub fn time(&self) -> Duration {
        let round_trips = Duration::from_millis(u64::from(self.rtt_ms)) * ROUND_TRIPS_MIN as u32;
        round_trips.max(Duration::from_secs(SECONDS_MIN))
    }

    /// The most text that the path can carry, in bits a second.
    pub fn most(&self) -> f64 {
        f64::from(self.rate_mbit) * 1e6 * TEXT_SHARE
    }

    /// The text in bits a second that a CUBIC flow gets at this loss, were it to last: the larger
    /// one of RFC 9438 §5.1's average window and Reno's, and no more than the path can carry.
    pub fn expected(&self) -> f64 {
        let (loss, rtt) = (self.loss.events(), f64::from(self.rtt_ms) / 1e3);
        if loss == 0.0 {
            return self.most();
        }
        // Figure 6: ((C * (3 + beta) / (4 * (1 - beta)))^0.25) * RTT^0.75 / p^0.75.
        let cubic = (0.4 * 3.7 / 1.2_f64).powf(0.25) * rtt.powf(0.75) / loss.powf(0.75);
        let reno = (1.5 / loss).sqrt();
        let window = cubic.max(reno);
        (window * TEXT_OCTETS * 8.0 / rtt).min(self.most())
    }

    /// How many losses a flow is expected to meet in `time`, a burst counted as one.
    pub fn losses(&self, time: Duration) -> f64 {
        self.expected() / 8.0 / TEXT_OCTETS * self.loss.events() * time.as_secs_f64()
    }

    /// Packets a second, both ways, that the machine has to carry for this cell: one acknowledgment
    /// for two segments. Slow start is faster than what follows, so a part of the rate counts whatever
    /// the loss.
    pub fn packets_a_second(&self) -> u64 {
        let text = self.expected().max(self.most() / 8.0);
        (text / 8.0 / TEXT_OCTETS * 1.5) as u64
    }
}
