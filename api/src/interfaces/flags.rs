//! What an interface is and can do, in Go's words: [`Flags`].
//!
//! A small set of bits with Go's numbers and Go's text.

use std::fmt;
use std::ops::BitOr;

/// What an interface is and can do. It prints as Go's: `up|broadcast|multicast`, or `0`.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[doc(alias = "net.Flags")]
pub struct Flags(u32);

impl Flags {
    /// It is switched on.
    #[doc(alias = "FlagUp")]
    pub const UP: Self = Self(1);
    /// It can reach all on its link at once.
    #[doc(alias = "FlagBroadcast")]
    pub const BROADCAST: Self = Self(1 << 1);
    /// It leads back to this host.
    #[doc(alias = "FlagLoopback")]
    pub const LOOPBACK: Self = Self(1 << 2);
    /// There is one other end.
    #[doc(alias = "FlagPointToPoint")]
    pub const POINT_TO_POINT: Self = Self(1 << 3);
    /// It carries what is sent to groups.
    #[doc(alias = "FlagMulticast")]
    pub const MULTICAST: Self = Self(1 << 4);
    /// It is up and somebody is there.
    #[doc(alias = "FlagRunning")]
    pub const RUNNING: Self = Self(1 << 5);

    const NAMES: [(Self, &'static str); 6] = [
        (Self::UP, "up"),
        (Self::BROADCAST, "broadcast"),
        (Self::LOOPBACK, "loopback"),
        (Self::POINT_TO_POINT, "pointtopoint"),
        (Self::MULTICAST, "multicast"),
        (Self::RUNNING, "running"),
    ];

    /// The numbers of Go's constants, added up.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// True if all of `other` is in it.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        let names = Self::NAMES
            .iter()
            .filter(|(flag, _)| self.contains(*flag))
            .map(|(_, name)| *name);
        for (place, name) in names.enumerate() {
            if place > 0 {
                f.write_str("|")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}
