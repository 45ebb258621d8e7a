//! Path MTU discovery without ICMP (RFC 4821, RFC 8899): larger segments are tried with real text,
//! and a path that swallows full segments silently is found out.
//!
//! `output.rs` asks for the size of the next probe, `arrives/check_ack.rs` tells what became of it,
//! `timeout/retransmission.rs` of timeouts in a row. A lost probe is no sign of congestion, and
//! nothing here ever exceeds what IP knows of the path.

use alloc::boxed::Box;

use super::congestion::CongestionControl;
use super::connection::Connection;
use super::negotiate;
use super::recovery::{LossRecovery, ResendAll};
use crate::base::{Duration, Instant, SeqNumber};
use crate::context::Context;
use crate::observe::{Observation, SendReason, State};
use core::net::IpAddr;

/// MAX_PROBES (RFC 8899 §5.1.2): so many losses of one size prove that it does not get through.
const LOSSES_MAX: u8 = 3;
/// PMTU_RAISE_TIMER (RFC 8899 §5.1.1): then a path is searched anew.
const RAISE_AFTER: Duration = Duration::from_secs(600);
/// The search is over when no more than this is to be gained (RFC 4821 §7.3).
const TOLERANCE_OCTETS: u16 = 16;
/// After so many timeouts in a row a black hole is suspected (RFC 4821 §7.7), and again after each
/// further ones.
const TIMEOUTS: u32 = 3;
/// Segments behind a probe: its loss is noticed by their acknowledgments (RFC 4821 §7.4).
const SEGMENTS_BEHIND: u32 = 4;

/// eff_pmtu to begin a search with: an MSS of 1,024 over IPv4, what every link carries over IPv6
/// (RFC 4821 §7.2).
const fn base_octets(remote: IpAddr) -> u16 {
    match remote {
        IpAddr::V4(_) => 1_024 + negotiate::headers_octets(remote),
        IpAddr::V6(_) => 1_280,
    }
}

/// A segment larger than the others that is on its way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Probe {
    seq: SeqNumber,
    end: SeqNumber,
    mtu_octets: u16,
}

/// See the module. It exists while the path is, or was, searched.
#[derive(Clone, Debug)]
pub(crate) struct PathProbe {
    /// search_low: the largest packet that is known to get through.
    low: u16,
    /// search_high: the largest packet that may.
    high: u16,
    /// Whether `high` itself was never tried.
    high_is_untried: bool,
    probe: Option<Probe>,
    /// Losses of the size that is being tried.
    losses: u8,
    /// Whether recovery goes on because of a probe alone.
    excuses: bool,
    /// When the next search begins, once one is over.
    again_at: Option<Instant>,
}

impl PathProbe {
    /// Between a size that gets through and one that may.
    pub(crate) const fn new(low: u16, high: u16, high_is_untried: bool) -> Self {
        Self {
            low,
            high,
            high_is_untried,
            probe: None,
            losses: 0,
            excuses: false,
            again_at: None,
        }
    }

    /// The largest packet that is known to get through.
    pub(crate) const fn low(&self) -> u16 {
        self.low
    }

    /// Which size is to be tried next, if any; `most` is what IP and the peer's MSS allow.
    pub(crate) fn next_size(&mut self, most: u16, now: Instant) -> Option<u16> {
        if self.probe.is_some() {
            return None;
        }
        if let Some(again_at) = self.again_at {
            if now < again_at {
                return None;
            }
            self.again_at = None;
            self.high = most;
            self.high_is_untried = true;
        }
        self.high = self.high.min(most);
        if self.high < self.low.saturating_add(TOLERANCE_OCTETS) {
            self.again_at = Some(now + RAISE_AFTER);
            return None;
        }
        Some(if self.high_is_untried {
            self.high
        } else {
            self.low + (self.high - self.low).div_ceil(2)
        })
    }

    /// A probe was sent.
    pub(crate) const fn on_sent(&mut self, seq: SeqNumber, end: SeqNumber, mtu_octets: u16) {
        self.probe = Some(Probe {
            seq,
            end,
            mtu_octets,
        });
    }

    /// Everything before `una` is acknowledged. The size that got through, if the probe did.
    pub(crate) fn on_acked(&mut self, una: SeqNumber) -> Option<u16> {
        let probe = self.probe?;
        if una.is_before(probe.end) {
            return None;
        }
        self.probe = None;
        self.losses = 0;
        self.low = self.low.max(probe.mtu_octets);
        Some(self.low)
    }

    /// True if the probe begins at `seq`.
    pub(crate) fn is_at(&self, seq: SeqNumber) -> bool {
        self.probe.is_some_and(|it| it.seq == seq)
    }

    /// What stands from `seq` to `end` is sent again. If that begins within the probe, the probe is
    /// lost; if the probe is among it, nothing can be learned from it any more.
    pub(crate) fn on_resent(&mut self, seq: SeqNumber, end: SeqNumber) {
        let Some(probe) = self.probe else {
            return;
        };
        let overlaps = seq.is_before(probe.end) && probe.seq.is_before(end);
        if !overlaps {
            return;
        }
        self.probe = None;
        if seq.is_before(probe.seq) {
            return;
        }
        self.losses += 1;
        if self.losses >= LOSSES_MAX {
            self.losses = 0;
            self.high = probe.mtu_octets - 1;
            self.high_is_untried = false;
        }
    }

    /// What IP knows became less.
    pub(crate) fn bound(&mut self, mtu_octets: u16) {
        self.low = self.low.min(mtu_octets);
        self.high = self.high.min(mtu_octets);
    }
}

/// How a probe is made: how much text, in how large a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ProbeSize {
    /// Octets of its text.
    pub(crate) text_octets: u32,
    /// Octets of the whole packet.
    pub(crate) mtu_octets: u16,
}

/// What a probe may take, in octets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProbeRoom {
    /// Text that was never sent.
    pub(crate) unsent: u32,
    /// What the peer's window takes.
    pub(crate) usable: u32,
    /// What the congestion window takes.
    pub(crate) cwnd_room: u32,
}

impl Connection {
    /// The handshake is over: where the configuration says so, the path is searched from the start
    /// (RFC 4821 §7.2).
    pub(crate) fn begin_path_search(&mut self, cx: &mut Context<'_>) {
        let base = base_octets(self.tuple.remote.ip());
        if cx.config.mtu_probing < 2 || self.path.mtu_octets <= base {
            return;
        }
        let high = self.path.mtu_octets;
        self.path_probe = Some(Box::new(PathProbe::new(base, high, true)));
        self.apply_path(cx);
    }

    /// The probe that should be sent now, if any: there is room for it and for what must follow it.
    pub(crate) fn path_probe_size(&mut self, room: ProbeRoom, now: Instant) -> Option<ProbeSize> {
        let most = self.mtu_octets_max();
        let (smss, mtu) = (self.smss(), self.path.mtu_octets);
        // Blocks of SACK would take room in the probe.
        let is_busy = self.recovery.is_recovering() || self.has_sack_to_report();
        let probe = self.path_probe.as_mut()?;
        if is_busy {
            return None;
        }
        let mtu_octets = probe.next_size(most, now)?;
        let text_octets = smss + u32::from(mtu_octets.checked_sub(mtu)?);
        let with_those_behind = text_octets + SEGMENTS_BEHIND * smss;
        let fits = room.usable.min(room.cwnd_room).min(room.unsent) >= with_those_behind;
        (fits && mtu < mtu_octets).then_some(ProbeSize {
            text_octets,
            mtu_octets,
        })
    }

    /// Text up to `end` leaves in a segment of its own, as `probe` says, or as usual. Why it does.
    pub(crate) fn path_probe_sent(
        &mut self,
        probe: Option<ProbeSize>,
        seq: SeqNumber,
        end: SeqNumber,
    ) -> SendReason {
        match (probe, &mut self.path_probe) {
            (Some(size), Some(probe)) => {
                probe.on_sent(seq, end, size.mtu_octets);
                SendReason::PathProbe
            }
            _ => SendReason::NewText,
        }
    }

    /// The largest packet that IP knows to fit and that the peer's MSS allows.
    fn mtu_octets_max(&self) -> u16 {
        let headers = negotiate::headers_octets(self.tuple.remote.ip());
        let mss = self.path.peer_mss.min(self.settings.mss_octets_max);
        self.path.ip_mtu_octets.min(mss.saturating_add(headers))
    }

    /// SND.UNA moved on: the probe may have got through.
    pub(crate) fn path_probe_acked(&mut self, una: SeqNumber, cx: &mut Context<'_>) {
        let arrived = self.path_probe.as_mut().and_then(|it| it.on_acked(una));
        if arrived.is_some() {
            self.apply_path(cx);
        }
    }

    /// A loss was detected. True if what is missing first is a probe: that is no sign of congestion
    /// (RFC 4821 §7.6.2).
    pub(crate) fn path_probe_excuses_loss(&mut self) -> bool {
        let una = self.snd.window.una;
        let Some(probe) = &mut self.path_probe else {
            return false;
        };
        probe.excuses = probe.is_at(una);
        probe.excuses
    }

    /// Recovery is over. True if it began with the loss of a probe, of which congestion control was
    /// not told.
    pub(crate) fn path_probe_excused_loss(&mut self) -> bool {
        let probe = self.path_probe.as_mut();
        probe.is_some_and(|it| core::mem::take(&mut it.excuses))
    }

    /// What stands from `seq` to `end` is sent again.
    pub(crate) fn path_probe_resent(&mut self, seq: SeqNumber, end: SeqNumber) {
        if let Some(probe) = &mut self.path_probe {
            probe.on_resent(seq, end);
        }
    }

    /// A retransmission timeout: after several in a row, large segments seem to vanish on the way
    /// (RFC 4821 §7.7, RFC 8899 §4.3). What is in flight is cut anew for the base size, or for the
    /// floor if that vanishes too. A segment that is not full may be too large as well: it counts as
    /// soon as it is above one of the two.
    pub(crate) fn suspect_black_hole(&mut self, cx: &mut Context<'_>) {
        let timeouts = self.attempts.timeouts;
        if cx.config.mtu_probing == 0 || timeouts == 0 || !timeouts.is_multiple_of(TIMEOUTS) {
            return;
        }
        let remote = self.tuple.remote.ip();
        let floor = match remote {
            IpAddr::V4(_) => u16::try_from(cx.config.path_mtu_v4_octets_min).unwrap_or(552),
            IpAddr::V6(_) => 1_280,
        };
        let mtu = self.path.mtu_octets;
        // The packet that is about to be sent again.
        let is_short_by = self.smss().saturating_sub(self.snd.window.in_flight());
        let octets = u32::from(mtu).saturating_sub(is_short_by);
        let low = [base_octets(remote), floor]
            .into_iter()
            .find(|size| u32::from(*size) < octets);
        let Some(low) = low else {
            return;
        };
        // What vanished may have been lost for another reason: the search finds out.
        self.path_probe = Some(Box::new(PathProbe::new(low, mtu, false)));
        let connection = self.id;
        cx.observe(|| Observation::BlackHoleSuspected {
            connection,
            mtu_octets: low,
        });
        self.apply_path(cx);
    }

    /// What IP knows of the path is `mtu_octets`.
    pub(crate) fn follow_path_mtu(&mut self, mtu_octets: u16, cx: &mut Context<'_>) {
        if self.path.ip_mtu_octets == mtu_octets {
            return;
        }
        self.path.ip_mtu_octets = mtu_octets;
        if let Some(probe) = &mut self.path_probe {
            probe.bound(mtu_octets);
        }
        self.apply_path(cx);
    }

    /// Segments follow what is known of the path. What was too big is sent again at once, and cwnd
    /// stays as it is (RFC 1191 §6.4, RFC 8201 §5.4).
    fn apply_path(&mut self, cx: &mut Context<'_>) {
        let low = self.path_probe.as_ref().map_or(u16::MAX, |it| it.low());
        let mtu_octets = self.path.ip_mtu_octets.min(low);
        let smss_before = self.smss();
        let shrinks = mtu_octets < self.path.mtu_octets;
        self.path.mtu_octets = mtu_octets;
        let smss = self.smss();
        if smss == smss_before {
            return;
        }
        self.congestion.on_smss_changed(smss);
        let connection = self.id;
        cx.observe(|| Observation::SegmentSizeChanged {
            connection,
            smss_octets: smss,
        });
        let window = &self.snd.window;
        let is_synchronized = !matches!(self.state, State::SynSent | State::SynReceived);
        if shrinks && is_synchronized && smss < window.in_flight() {
            self.recovery
                .on_resend_all(window.nxt, ResendAll::NotCongestion);
        }
    }
}

#[cfg(test)]
mod tests;
