//! What is lost: a burst of so many segments, somewhere in a transfer.
//!
//! A burst is named by octets of the stream and not by numbers of packets, so that it hits the same text
//! whoever sends and whatever else crosses the link. Nothing here runs anything.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// Octets of a transfer: 1 MiB.
pub const TRANSFER_OCTETS: u64 = 1 << 20;

/// Text in a full segment: packets of 1,500 octets, IPv4, and timestamps.
pub const SEGMENT_OCTETS: u64 = 1_448;

/// Segments of a transfer.
const SEGMENTS: u64 = TRANSFER_OCTETS.div_ceil(SEGMENT_OCTETS);

/// Where a burst begins, or, at the tail, ends.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// With the first segment of all.
    Start,
    /// Behind the first quarter.
    Quarter,
    /// In the middle.
    Middle,
    /// Behind the third quarter.
    ThreeQuarters,
    /// With the last segment of all.
    Tail,
}

impl Place {
    /// All, in order.
    pub const ALL: [Self; 5] = [
        Self::Start,
        Self::Quarter,
        Self::Middle,
        Self::ThreeQuarters,
        Self::Tail,
    ];

    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Quarter => "quarter",
            Self::Middle => "middle",
            Self::ThreeQuarters => "three-quarters",
            Self::Tail => "tail",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|place| place.name() == text)
            .ok_or("must be start, quarter, middle, three-quarters or tail")
    }
}

/// See the module.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Pattern {
    /// Where.
    pub place: Place,
    /// How many segments.
    pub burst: u32,
}

impl Pattern {
    /// The octets of the stream whose first transmission is lost: whole segments.
    pub fn octets(self) -> Range<u64> {
        let burst = u64::from(self.burst).min(SEGMENTS);
        let first = match self.place {
            Place::Start => 0,
            Place::Quarter => SEGMENTS / 4,
            Place::Middle => SEGMENTS / 2,
            Place::ThreeQuarters => SEGMENTS * 3 / 4,
            Place::Tail => SEGMENTS - burst,
        };
        first * SEGMENT_OCTETS..(first + burst) * SEGMENT_OCTETS
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.burst, self.place)
    }
}
