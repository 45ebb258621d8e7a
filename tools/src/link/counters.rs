//! What a link has done to its packets.
//!
//! A copy of the counters is taken by whoever reports: the simulator, `sidestep link`, tests. Every
//! packet that was handed in, or made by duplication, is in exactly one of the ends; the link
//! never looks at its own counters.

/// Packets, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Handed in.
    pub arrived: u64,
    /// Octets of those.
    pub arrived_octets: u64,
    /// Handed out at the other end.
    pub forwarded: u64,
    /// Octets of those.
    pub forwarded_octets: u64,
    /// Lost because the script names them (`drop`).
    pub lost_scripted: u64,
    /// Lost as every n-th (`every`).
    pub lost_every: u64,
    /// Lost in a bad moment of the Gilbert-Elliott model, or in a good one (`gilbert`).
    pub lost_gilbert: u64,
    /// Lost by chance (`loss`).
    pub lost_random: u64,
    /// Copies made (`duplicate`).
    pub duplicated: u64,
    /// Changed by one bit (`corrupt`).
    pub corrupted_bit: u64,
    /// Changed by a burst (`corrupt-burst`).
    pub corrupted_burst: u64,
    /// Cut short (`truncate`).
    pub truncated: u64,
    /// Replaced by garbage from some octet on (`garbage`).
    pub garbage: u64,
    /// Held back for others to overtake (`reorder`).
    pub reordered: u64,
    /// Lost because the link holds as much as it can
    /// ([`HELD_PACKETS_MAX`](super::HELD_PACKETS_MAX)).
    pub lost_overflow: u64,
}

impl Counters {
    /// All that the link lost, for whatever reason.
    pub const fn lost(&self) -> u64 {
        self.lost_scripted
            + self.lost_every
            + self.lost_gilbert
            + self.lost_random
            + self.lost_overflow
    }

    /// All that the link changed.
    pub const fn corrupted(&self) -> u64 {
        self.corrupted_bit + self.corrupted_burst + self.truncated + self.garbage
    }
}
