//! How fast, and how much: a rate in bits a second, a limit in packets or octets.
//!
//! The keys `rate`, `queue` and `mark` call these. Prefixes are decimal for rates and octets, as in
//! networks, and binary with an `i`: 1 kB is 1,000 octets and 1 KiB is 1,024.

use std::fmt;

use sidestep_stack::base::Duration;

use super::{ValueError, decimal, form, show_decimal};

/// Bits a second; at least one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Rate(u64);

const RATE_UNITS: [(&str, usize); 4] = [("gbit", 9), ("mbit", 6), ("kbit", 3), ("bit", 0)];

impl Rate {
    /// The fastest: 100 Gbit/s.
    pub const MAX: Self = Self(100_000_000_000);

    /// So many bits a second; `None` for none, and above [`MAX`](Self::MAX).
    pub const fn from_bits(bits: u64) -> Option<Self> {
        if bits >= 1 && bits <= Self::MAX.0 {
            Some(Self(bits))
        } else {
            None
        }
    }

    /// In bits a second.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// How long so many octets take, rounded up to a nanosecond.
    pub fn time_of(self, octets: usize) -> Duration {
        let nanos = (octets as u128 * 8 * 1_000_000_000).div_ceil(u128::from(self.0));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    pub(in crate::link) fn read(text: &str) -> Result<Self, ValueError> {
        const WANTED: &str = "bits a second such as 10mbit, 1.5gbit, 64kbit or 9600bit";
        let (number, places) = RATE_UNITS
            .iter()
            .find_map(|(unit, places)| Some((text.strip_suffix(unit)?, *places)))
            .ok_or(form(WANTED))?;
        let bits = decimal(number, places).ok_or(form(WANTED))?;
        Self::from_bits(bits).ok_or(ValueError::Range {
            range: "1bit to 100gbit",
        })
    }
}

/// In the largest unit that is not above the rate.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = RATE_UNITS
            .iter()
            .find(|(_, places)| self.0 >= 10_u64.pow(*places as u32));
        let (unit, places) = unit.unwrap_or(&("bit", 0));
        write!(f, "{}{unit}", show_decimal(self.0, *places))
    }
}

/// How much waits in a queue, at the most or from where on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Limit {
    /// So many packets.
    Packets(u32),
    /// So many octets, headers of IP included.
    Octets(u32),
}

/// No queue is longer.
const PACKETS_MAX: u64 = 100_000;
const OCTETS_MAX: u64 = 100 << 20;

const OCTET_UNITS: [(&str, u64); 5] = [
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of octets such as `4MiB`, `64KiB`, `150kB`, `1MB`, `3000B` or `3000`.
///
/// # Errors
///
/// It is none, or more than 2^64.
pub fn read_octets(text: &str) -> Result<u64, ValueError> {
    const WANTED: ValueError = form("octets such as 4MiB, 64KiB, 150kB or 3000B");
    let unit = OCTET_UNITS
        .iter()
        .find_map(|(unit, octets)| Some((text.strip_suffix(unit)?, *octets)));
    let (number, of) = unit.unwrap_or((text, 1));
    let number = decimal(number, 0).ok_or(WANTED)?;
    number.checked_mul(of).ok_or(WANTED)
}

impl Limit {
    /// True if this much is within the limit.
    pub(in crate::link) fn holds(self, packets: usize, octets: usize) -> bool {
        match self {
            Self::Packets(most) => packets as u64 <= u64::from(most),
            Self::Octets(most) => octets as u64 <= u64::from(most),
        }
    }

    pub(in crate::link) fn read(text: &str) -> Result<Self, ValueError> {
        const WANTED: &str = "packets such as 100, or octets such as 64KiB, 150kB or 3000B";
        const RANGE: ValueError = ValueError::Range {
            range: "1 to 100000 packets, or 1B to 100MiB",
        };
        if text.ends_with('B') {
            let octets = read_octets(text).map_err(|_| form(WANTED))?;
            if !(1..=OCTETS_MAX).contains(&octets) {
                return Err(RANGE);
            }
            return Ok(Self::Octets(octets as u32));
        }
        let packets = decimal(text, 0).ok_or(form(WANTED))?;
        if !(1..=PACKETS_MAX).contains(&packets) {
            return Err(RANGE);
        }
        Ok(Self::Packets(packets as u32))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Packets(packets) => write!(f, "{packets}"),
            Self::Octets(octets) => {
                let octets = u64::from(octets);
                let unit = OCTET_UNITS.iter().find(|(_, of)| octets % of == 0);
                let (unit, of) = unit.filter(|_| octets > 0).unwrap_or(&("B", 1));
                write!(f, "{}{unit}", octets / of)
            }
        }
    }
}
