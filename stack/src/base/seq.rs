//! Sequence numbers (RFC 9293 §3.4).
//!
//! Used by everything in `tcp` and by the wire format of its header. It knows nothing of windows or
//! segments: only the circle.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

const HALF_LAP: u32 = 1 << 31;

/// A position in the 32-bit sequence space (RFC 9293 §3.4).
///
/// The space is a circle, so there is no `Ord` here on purpose: "less than" means nothing on a
/// circle. Ask [`is_before`](Self::is_before), which is true for the half-circle ahead.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct SeqNumber(u32);

impl SeqNumber {
    /// The position `raw` octets round the circle.
    pub const fn new(raw: u32) -> Self {
        Self(raw)
    }

    /// The number as it stands in the header.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// How far forward `later` lies. Every distance is shorter than one lap.
    pub const fn distance_to(self, later: Self) -> u32 {
        later.0.wrapping_sub(self.0)
    }

    /// True if `self` comes first, given that the two are less than half a lap apart.
    pub const fn is_before(self, other: Self) -> bool {
        let ahead = self.distance_to(other);
        0 < ahead && ahead < HALF_LAP
    }

    /// True if `self` comes last, given that the two are less than half a lap apart.
    pub const fn is_after(self, other: Self) -> bool {
        other.is_before(self)
    }

    /// True unless `self` comes last.
    pub const fn is_at_or_before(self, other: Self) -> bool {
        !other.is_before(self)
    }

    /// True unless `self` comes first.
    pub const fn is_at_or_after(self, other: Self) -> bool {
        !self.is_before(other)
    }

    /// The later of two positions that are less than half a lap apart.
    pub const fn later_of(self, other: Self) -> Self {
        if self.is_before(other) { other } else { self }
    }

    /// The earlier of two positions that are less than half a lap apart.
    pub const fn earlier_of(self, other: Self) -> Self {
        if self.is_before(other) { self } else { other }
    }
}

impl Add<u32> for SeqNumber {
    type Output = Self;

    fn add(self, octets: u32) -> Self {
        Self(self.0.wrapping_add(octets))
    }
}

impl AddAssign<u32> for SeqNumber {
    fn add_assign(&mut self, octets: u32) {
        *self = *self + octets;
    }
}

impl Sub<u32> for SeqNumber {
    type Output = Self;

    fn sub(self, octets: u32) -> Self {
        Self(self.0.wrapping_sub(octets))
    }
}

impl fmt::Display for SeqNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests;
