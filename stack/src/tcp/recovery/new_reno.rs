//! What duplicate acknowledgments tell where there is no SACK (RFC 5681 §3.2, RFC 6582, RFC 3042).
//!
//! `repair.rs` owns one and asks whether three have come and how much has left the network. With SACK
//! it only counts acknowledgments that report something new.

use crate::base::SeqNumber;

/// DupThresh of RFC 6675 §2, and the "three" of RFC 5681 §3.2.
pub(crate) const DUP_THRESH: u32 = 3;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Duplicates {
    /// DupAcks of RFC 6675 §2.
    count: u32,
    /// Without SACK: octets that the duplicates say have left the network.
    departed: u32,
    /// Without SACK: octets that duplicates were counted as delivered for, and that SEG.ACK did not
    /// cover yet.
    credited: u32,
    /// SND.NXT when the first duplicate came: what limited transmit adds is not FlightSize.
    nxt_before: Option<SeqNumber>,
}

impl Duplicates {
    /// None has come.
    pub(crate) const fn new() -> Self {
        Self {
            count: 0,
            departed: 0,
            credited: 0,
            nxt_before: None,
        }
    }

    /// DupAcks.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// True once there are three.
    pub(crate) const fn are_enough(&self) -> bool {
        self.count >= DUP_THRESH
    }

    /// Octets that have left the network.
    pub(crate) const fn departed(&self) -> u32 {
        self.departed
    }

    /// SND.NXT when the first of them came, or else `nxt`, what it is now.
    pub(crate) fn nxt_before(&self, nxt: SeqNumber) -> SeqNumber {
        self.nxt_before.unwrap_or(nxt)
    }

    /// One more acknowledgment reports something new by SACK.
    pub(crate) fn on_report(&mut self, nxt: SeqNumber) {
        self.count = self.count.saturating_add(1);
        self.nxt_before.get_or_insert(nxt);
    }

    /// One more duplicate: a segment of `smss` has left the network, as long as no more than
    /// `departed_max` have. The answer is how many octets that delivers.
    pub(crate) fn on_duplicate(
        &mut self,
        nxt: SeqNumber,
        smss: u32,
        departed_max: u32,
        flight: u32,
    ) -> u32 {
        self.on_report(nxt);
        self.departed = (self.departed + smss).min(departed_max);
        let delivered = smss.min(flight.saturating_sub(self.credited));
        self.credited += delivered;
        delivered
    }

    /// Recovery begins: three segments have left (RFC 5681 §3.2, step 3).
    pub(crate) const fn begin_recovery(&mut self, smss: u32) {
        self.departed = DUP_THRESH * smss;
    }

    /// `acked` octets were acknowledged in order. The answer is how many of them were not counted as
    /// delivered before.
    pub(crate) fn on_progress(&mut self, acked: u32) -> u32 {
        self.count = 0;
        self.nxt_before = None;
        let known = self.credited.min(acked);
        self.credited -= known;
        acked - known
    }

    /// A partial acknowledgment covers `octets` more than the segment that was resent (RFC 6582 §3.2).
    pub(crate) const fn deflate(&mut self, octets: u32) {
        self.departed = self.departed.saturating_sub(octets);
    }

    /// Nothing is known to have left.
    pub(crate) const fn forget_departed(&mut self) {
        self.departed = 0;
    }

    /// All begins anew.
    pub(crate) fn reset(&mut self) {
        *self = Self {
            credited: self.credited,
            ..Self::default()
        };
    }
}
