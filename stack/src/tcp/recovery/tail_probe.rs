//! The tail loss probe: one segment that asks whether the end of a flight arrived (RFC 8985 §7).
//!
//! `timeout/tail_loss_probe.rs` asks whether one may go, `output.rs` sends it, `repair.rs` shows what
//! acknowledgments say of it. It owns no timer.

use core::ops::Range;

use crate::base::Duration;

/// The interval before there is an SRTT (RFC 8985 §7.2).
const PTO_WITHOUT_SRTT: Duration = Duration::from_secs(1);

/// However short the path: a probe that answers the granularity of somebody's clock helps nobody.
const PTO_MIN: Duration = Duration::from_millis(2);

/// What the probe consists of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProbeOf {
    /// Text that was never sent before.
    NewText,
    /// The last segment once more: TLP.is_retrans.
    LastSegment,
}

/// Whether the probe repaired a loss that nothing else tells of (RFC 8985 §7.4.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ProbeFate {
    /// There is no probe, or its fate is open, or nothing was lost.
    Nothing,
    /// One of the two copies of the last segment was lost: congestion control is to know.
    RepairedLoss,
}

/// Whether an acknowledgment is a duplicate that carries no SACK option.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Repeats {
    /// It is.
    WithoutSack,
    /// It is none, or carries one.
    No,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct TailProbe {
    /// TLP.end_seq; 0: None.
    end: u64,
    of: ProbeOf,
    /// Whether a round trip was measured since the last probe.
    has_fresh_sample: bool,
    /// Whether the timer should start anew.
    starts_anew: bool,
}

impl TailProbe {
    /// TLP_init.
    pub(crate) const fn new() -> Self {
        Self {
            end: 0,
            of: ProbeOf::NewText,
            has_fresh_sample: true,
            starts_anew: false,
        }
    }

    /// Recovery begins: the probe does not matter any more (RFC 8985 §7.1).
    pub(crate) const fn reset(&mut self) {
        self.end = 0;
    }

    /// A round trip was measured.
    pub(crate) const fn on_sample(&mut self) {
        self.has_fresh_sample = true;
    }

    /// New text left, or new text was acknowledged: the timer starts anew (RFC 8985 §7.2).
    pub(crate) const fn start_anew(&mut self) {
        self.starts_anew = true;
    }

    /// Asked once: should the timer start anew?
    pub(crate) const fn take_start(&mut self) -> bool {
        core::mem::replace(&mut self.starts_anew, false)
    }

    /// The two conditions of RFC 8985 §7.3.
    pub(crate) const fn may_go(&self) -> bool {
        self.end == 0 && self.has_fresh_sample
    }

    /// The probe left; `nxt` is the position of SND.NXT behind it.
    pub(crate) const fn on_sent(&mut self, nxt: u64, of: ProbeOf) {
        self.end = nxt;
        self.of = of;
        self.has_fresh_sample = false;
        self.starts_anew = false;
    }

    /// True if a D-SACK for `range` speaks of the probe.
    pub(crate) fn is_for_probe(&self, range: &Range<u64>) -> bool {
        self.end != 0 && self.of == ProbeOf::LastSegment && range.end == self.end
    }

    /// TLP_process_ack: SEG.ACK stands at `ack`. `repeats` tells of a duplicate
    /// acknowledgment without a SACK option.
    pub(crate) fn on_ack(
        &mut self,
        ack: u64,
        dsack: Option<&Range<u64>>,
        repeats: Repeats,
    ) -> ProbeFate {
        if self.end == 0 || ack < self.end {
            return ProbeFate::Nothing;
        }
        let is_spurious = dsack.is_some_and(|range| self.is_for_probe(range));
        let is_past = ack > self.end;
        if self.of == ProbeOf::NewText || is_spurious {
            self.end = 0;
        } else if is_past {
            self.end = 0;
            return ProbeFate::RepairedLoss;
        } else if repeats == Repeats::WithoutSack {
            self.end = 0;
        }
        ProbeFate::Nothing
    }
}

/// How much is in flight.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flight {
    /// No more than one segment.
    OneSegment,
    /// More.
    More,
}

/// TLP_calc_PTO without its bound by the RTO. `max_ack_delay` is added where all that is in flight
/// may be one segment, whose acknowledgment the peer may delay.
pub(crate) fn probe_timeout(
    srtt: Option<Duration>,
    flight: Flight,
    max_ack_delay: Duration,
) -> Duration {
    let Some(srtt) = srtt else {
        return PTO_WITHOUT_SRTT;
    };
    let allowance = if flight == Flight::OneSegment {
        max_ack_delay
    } else {
        Duration::ZERO
    };
    (srtt * 2 + allowance).max(PTO_MIN)
}
