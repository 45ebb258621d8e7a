//! What a link has done to its packets.
//!
//! Whoever reports takes a copy: the simulator, `sidestep link`, tests. Every packet that was handed
//! in, or made by duplication or fragmentation, comes to exactly one end: forwarded, lost for one
//! reason, replaced by fragments, or still held. The link never looks at its own counters.

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
    /// Lost because they are larger than the MTU (`mtu`).
    pub lost_too_big: u64,
    /// ICMP messages about those.
    pub icmp_sent: u64,
    /// Replaced by fragments because they are larger than the MTU.
    pub fragmented: u64,
    /// The fragments that replaced them.
    pub fragments: u64,
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
    /// Lost because the queue was full (`queue`).
    pub lost_queue_full: u64,
    /// Lost because CoDel found the queue too long (`aqm`).
    pub lost_codel: u64,
    /// Marked as having met congestion (`ecn`, `mark`).
    pub marked: u64,
    /// Held back for others to overtake (`reorder`).
    pub reordered: u64,
    /// Lost because the link holds as much as it can
    /// ([`HELD_PACKETS_MAX`](super::HELD_PACKETS_MAX)).
    pub lost_overflow: u64,
}

impl Counters {
    /// Each by its name, in the order in which a packet meets the stages.
    pub const fn named(&self) -> [(&'static str, u64); 24] {
        [
            ("arrived", self.arrived),
            ("arrived_octets", self.arrived_octets),
            ("forwarded", self.forwarded),
            ("forwarded_octets", self.forwarded_octets),
            ("lost_too_big", self.lost_too_big),
            ("icmp_sent", self.icmp_sent),
            ("fragmented", self.fragmented),
            ("fragments", self.fragments),
            ("lost_scripted", self.lost_scripted),
            ("lost_every", self.lost_every),
            ("lost_gilbert", self.lost_gilbert),
            ("lost_random", self.lost_random),
            ("duplicated", self.duplicated),
            ("corrupted_bit", self.corrupted_bit),
            ("corrupted_burst", self.corrupted_burst),
            ("truncated", self.truncated),
            ("garbage", self.garbage),
            ("lost_queue_full", self.lost_queue_full),
            ("lost_codel", self.lost_codel),
            ("marked", self.marked),
            ("reordered", self.reordered),
            ("lost_overflow", self.lost_overflow),
            ("lost", self.lost()),
            ("corrupted", self.corrupted()),
        ]
    }

    /// All that the link lost, for whatever reason.
    pub const fn lost(&self) -> u64 {
        self.lost_too_big
            + self.lost_scripted
            + self.lost_every
            + self.lost_gilbert
            + self.lost_random
            + self.lost_queue_full
            + self.lost_codel
            + self.lost_overflow
    }

    /// All that the link changed.
    pub const fn corrupted(&self) -> u64 {
        self.corrupted_bit + self.corrupted_burst + self.truncated + self.garbage
    }
}
