//! Proportional Rate Reduction: how much may leave while losses are repaired (RFC 9937, which
//! replaces RFC 6937).
//!
//! `repair.rs` counts through it what was delivered and what left. cwnd does not hold meanwhile; it is
//! ssthresh again once recovery is over.

/// SafeACK of RFC 9937: SND.UNA advanced, and nothing more is known to be lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum SafeAck {
    /// The acknowledgment is a good sign.
    Yes,
    /// It is not.
    No,
}

/// See the module. All sizes are in octets.
#[derive(Clone, Debug)]
pub(crate) struct RateReduction {
    /// RecoverFS.
    recover_fs: u64,
    /// prr_delivered.
    delivered: u64,
    /// prr_out.
    out: u64,
    /// What is left of sndcnt.
    allowed: u32,
}

impl RateReduction {
    /// Recovery begins with `recover_fs` octets whose delivery it may still see.
    pub(crate) fn new(recover_fs: u64) -> Self {
        Self {
            recover_fs: recover_fs.max(1),
            delivered: 0,
            out: 0,
            allowed: 0,
        }
    }

    /// What may leave now.
    pub(crate) const fn allowed(&self) -> u32 {
        self.allowed
    }

    /// An acknowledgment says that `delivered` octets arrived; `in_flight` ("pipe") are still on
    /// their way.
    pub(crate) fn on_ack(
        &mut self,
        delivered: u32,
        safe: SafeAck,
        in_flight: u32,
        ssthresh: u32,
        smss: u32,
    ) {
        self.delivered += u64::from(delivered);
        let count = if in_flight > ssthresh {
            let share = self.delivered.saturating_mul(u64::from(ssthresh));
            share.div_ceil(self.recover_fs).saturating_sub(self.out)
        } else {
            // PRR-CRB, and PRR-SSRB after a good sign.
            let bank = self.delivered.saturating_sub(self.out);
            let mut limit = bank.max(u64::from(delivered));
            if safe == SafeAck::Yes {
                limit += u64::from(smss);
            }
            limit.min(u64::from(ssthresh - in_flight))
        };
        self.allowed = u32::try_from(count).unwrap_or(u32::MAX);
        // The fast retransmit itself, and a way on where nothing is in flight to bring an ACK.
        if self.out == 0 || in_flight == 0 {
            self.allowed = self.allowed.max(smss);
        }
    }

    /// `octets` left.
    pub(crate) fn on_sent(&mut self, octets: u32) {
        self.out += u64::from(octets);
        self.allowed = self.allowed.saturating_sub(octets);
    }
}
