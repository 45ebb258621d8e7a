//! RACK: what is lost by the time at which later transmissions arrived (RFC 8985 §6).
//!
//! `repair.rs` shows it what was delivered and asks how long to wait for what may only be late. It
//! keeps numbers and moments, and never looks at the record of transmissions itself.

use super::news::News;
use super::sent::{Burst, History};
use crate::base::{Duration, Instant};

/// DupThresh of RFC 6675 §2, as RFC 8985 §6.2, step 4, uses it.
const DUP_THRESH: u32 = 3;

/// RACK.reo_wnd_persist: recoveries without a D-SACK until an inflated window is given up.
const PERSIST_RECOVERIES: u8 = 16;

/// Whether something is being repaired.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Repairing {
    /// Fast recovery or RTO recovery.
    Yes,
    /// Neither.
    No,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Rack {
    /// RACK.xmit_ts.
    xmit_at: Instant,
    /// RACK.end_seq; 0: nothing was delivered yet.
    end: u64,
    /// RACK.rtt, in nanoseconds.
    rtt: u64,
    /// RACK.fack.
    fack: u64,
    /// RACK.dsack_round; 0: None.
    dsack_round: u64,
    /// RACK.reo_wnd_mult.
    reo_wnd_mult: u8,
    /// RACK.reo_wnd_persist.
    reo_wnd_persist: u8,
    /// RACK.reordering_seen.
    reordering_seen: bool,
    /// D-SACKs that counted, in all.
    dsacks: u32,
}

impl Rack {
    /// Nothing was delivered yet.
    pub(crate) const fn new() -> Self {
        Self {
            xmit_at: Instant::ZERO,
            end: 0,
            rtt: 0,
            fack: 0,
            dsack_round: 0,
            reo_wnd_mult: 1,
            reo_wnd_persist: PERSIST_RECOVERIES,
            reordering_seen: false,
            dsacks: 0,
        }
    }

    /// RACK.reordering_seen.
    pub(crate) const fn reordering_seen(&self) -> bool {
        self.reordering_seen
    }

    /// How many reports of retransmissions that were not needed have counted.
    pub(crate) const fn dsacks(&self) -> u32 {
        self.dsacks
    }

    /// RACK.xmit_ts, once something was delivered.
    pub(crate) fn xmit_at(&self) -> Option<Instant> {
        (self.end != 0).then_some(self.xmit_at)
    }

    /// RACK.end_seq.
    pub(crate) const fn end(&self) -> u64 {
        self.end
    }

    /// RACK.rtt.
    pub(crate) const fn rtt(&self) -> Duration {
        Duration::from_nanos(self.rtt)
    }

    /// Step 3: `part`, which is acknowledged for the first time, was sent once, and something behind
    /// it had been acknowledged before.
    pub(crate) fn is_out_of_order(&self, part: &Burst) -> bool {
        part.end < self.fack && part.history == History::Original
    }

    /// Steps 2 and 3: an acknowledgment brought `news`; `fack` is the highest position that is
    /// acknowledged, selectively or cumulatively.
    pub(crate) fn on_news(&mut self, news: &News, fack: u64, now: Instant) {
        if let Some(burst) = &news.newest_valid {
            self.rtt = now.as_nanos().saturating_sub(burst.sent_at.as_nanos());
            if self.end == 0 || burst.is_sent_after(self.xmit_at, self.end) {
                self.xmit_at = burst.sent_at;
                self.end = burst.end;
            }
        }
        self.reordering_seen |= news.out_of_order;
        self.fack = self.fack.max(fack);
    }

    /// Step 4: an acknowledgment reported that a retransmission was not needed. `nxt` is the position
    /// of SND.NXT.
    pub(crate) fn on_dsack(&mut self, nxt: u64) {
        self.dsacks = self.dsacks.saturating_add(1);
        if self.dsack_round == 0 {
            self.dsack_round = nxt;
            self.reo_wnd_mult = self.reo_wnd_mult.saturating_add(1);
            self.reo_wnd_persist = PERSIST_RECOVERIES;
        }
    }

    /// Step 4: SND.UNA is at `una`.
    pub(crate) const fn on_una(&mut self, una: u64) {
        if self.dsack_round <= una {
            self.dsack_round = 0;
        }
    }

    /// Step 4: a recovery has ended.
    pub(crate) const fn on_recovered(&mut self) {
        self.reo_wnd_persist = self.reo_wnd_persist.saturating_sub(1);
        if self.reo_wnd_persist == 0 {
            self.reo_wnd_mult = 1;
        }
    }

    /// Fast recovery was a mistake, so what it was begun for had only been late. RFC 8985 sees
    /// reordering in what was never resent alone, and would not here.
    pub(crate) const fn on_mistake(&mut self) {
        self.reordering_seen = true;
    }

    /// RACK.reo_wnd. Without a round trip there is nothing to wait by.
    pub(crate) fn reo_wnd(
        &self,
        repairing: Repairing,
        segments_sacked: u32,
        min_rtt: Option<Duration>,
        srtt: Option<Duration>,
    ) -> Duration {
        let may_hurry = repairing == Repairing::Yes || segments_sacked >= DUP_THRESH;
        if !self.reordering_seen && may_hurry {
            return Duration::ZERO;
        }
        let quarter = min_rtt.unwrap_or(self.rtt()) / 4;
        let wanted = quarter.saturating_mul(u32::from(self.reo_wnd_mult));
        wanted.min(srtt.unwrap_or(wanted))
    }
}
