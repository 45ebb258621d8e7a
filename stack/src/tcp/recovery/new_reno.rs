//! Fast retransmit and fast recovery: NewReno (RFC 6582) without SACK, RFC 6675 with it; both end with
//! the same question, what is lost and how much is in the network.
//!
//! Beyond RFC 6675 it notices that a retransmission was lost too, from what arrived of that which was
//! sent later; without that, every such loss would cost a timeout.

use alloc::collections::VecDeque;
use core::ops::Range;

use super::news::{By, News};
use super::scoreboard::{DUP_THRESH, Scoreboard};
use super::sent::SentLog;
use super::{LossRecovery, Resend, ResendAll, Sack, SentStamp, Standing};
use crate::base::SeqNumber;
use crate::base::ranges::Ranges;
use crate::status::RecoveryPhase;
use crate::tcp::sample::{AckOutcome, AckSample, LossSignal};
use crate::wire::tcp_options::SackBlocks;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Nothing is known to be lost.
    Open,
    /// Fast recovery, until everything below `point` (RecoveryPoint, "recover") is acknowledged.
    Recovery { point: u64 },
    /// After a timeout and its kin: everything below `point` is sent again. No fast retransmit
    /// begins before it is acknowledged (RFC 6675 §5.1, RFC 6582 §4).
    Resending { point: u64, why: ResendAll },
}

/// A part that was sent again.
#[derive(Clone, Debug)]
struct Resent {
    range: Range<u64>,
    /// SND.NXT at that time.
    nxt: u64,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct NewReno {
    scoreboard: Scoreboard,
    sent: SentLog,
    sack: Sack,
    phase: Phase,
    /// DupAcks of RFC 6675 §2.
    duplicates: u32,
    /// Without SACK: octets that the duplicates say have left the network.
    departed: u32,
    /// SND.NXT when the first duplicate came: what limited transmit adds is not FlightSize.
    nxt_before_duplicates: Option<SeqNumber>,
    /// Everything below is lost unless reported; the scoreboard may say more.
    lost_below: u64,
    /// HighRxt: everything below was sent again if it was lost.
    high_rxt: u64,
    /// "recover" of RFC 6582 §3.2: no second recovery for what was in flight then.
    recover: u64,
    smss: u32,
    resends_regardless: bool,
    /// Retransmissions, in the order in which they were sent.
    resent: VecDeque<Resent>,
    /// Retransmissions that were lost too.
    again: Ranges,
    ranges_max: usize,
}

impl NewReno {
    /// For a connection whose SYN has the number `iss`; sets of ranges hold `ranges_max` at most.
    pub(crate) const fn new(iss: SeqNumber, ranges_max: usize) -> Self {
        Self {
            scoreboard: Scoreboard::new(iss, ranges_max),
            sent: SentLog::new(),
            sack: Sack::NotAgreed,
            phase: Phase::Open,
            duplicates: 0,
            departed: 0,
            nxt_before_duplicates: None,
            lost_below: 0,
            high_rxt: 0,
            recover: 0,
            smss: 536,
            resends_regardless: false,
            resent: VecDeque::new(),
            again: Ranges::new(),
            ranges_max,
        }
    }

    /// What lies below and was not reported is lost.
    fn boundary(&self) -> u64 {
        match self.phase {
            Phase::Open => self.scoreboard.una(),
            Phase::Recovery { .. } | Phase::Resending { .. } => self
                .lost_below
                .max(self.scoreboard.lost_below(self.smss))
                .max(self.scoreboard.una()),
        }
    }

    /// Where the segment at SND.UNA ends, as far as that is known: a full segment, but never beyond
    /// SND.NXT. What lies there was not sent, and an acknowledgment of it would be refused.
    fn first_segment_end(&self, nxt: SeqNumber) -> u64 {
        let full = self.scoreboard.una() + u64::from(self.smss);
        full.min(self.scoreboard.position_of(nxt))
    }

    /// New text was acknowledged.
    fn on_progress(&mut self, sample: &AckSample) -> LossSignal {
        let una = self.scoreboard.una();
        self.high_rxt = self.high_rxt.max(una);
        self.lost_below = self.lost_below.max(una);
        self.again.remove_below(una);
        self.duplicates = 0;
        self.nxt_before_duplicates = None;
        match self.phase {
            Phase::Open => {
                self.departed = 0;
                LossSignal::None
            }
            Phase::Recovery { point } if una >= point => {
                self.end();
                LossSignal::Recovered
            }
            Phase::Recovery { .. } => {
                // A partial acknowledgment (RFC 6582 §3.2): what it stops at is lost as well.
                let beyond_first = sample.acked_octets().saturating_sub(self.smss);
                self.departed = self.departed.saturating_sub(beyond_first);
                if self.high_rxt == una {
                    self.lost_below = self.lost_below.max(self.first_segment_end(sample.nxt));
                    self.resends_regardless = true;
                }
                LossSignal::Recovering
            }
            Phase::Resending { point, .. } => {
                if una >= point {
                    self.end();
                }
                LossSignal::None
            }
        }
    }

    /// Nothing new was acknowledged: is it a sign of loss?
    fn on_repeat(&mut self, sample: &AckSample, newly_sacked: u64) {
        let counts = match self.sack {
            Sack::Agreed => newly_sacked > 0,
            Sack::NotAgreed => sample.is_duplicate,
        };
        if !counts {
            return;
        }
        self.duplicates = self.duplicates.saturating_add(1);
        self.nxt_before_duplicates.get_or_insert(sample.nxt);
        if self.sack == Sack::NotAgreed {
            let most = match self.phase {
                // Limited transmit: two segments beyond cwnd (RFC 3042 §2).
                Phase::Open => 2 * self.smss,
                Phase::Recovery { .. } | Phase::Resending { .. } => sample.flight_octets(),
            };
            self.departed = (self.departed + self.smss).min(most);
        }
    }

    fn begins(&self) -> bool {
        let una = self.scoreboard.una();
        match self.sack {
            Sack::Agreed => {
                !self.scoreboard.is_empty()
                    && (self.duplicates >= DUP_THRESH
                        || self.scoreboard.lost_below(self.smss) > una)
            }
            Sack::NotAgreed => self.duplicates >= DUP_THRESH && una >= self.recover,
        }
    }

    fn begin(&mut self, sample: &AckSample) -> LossSignal {
        let una = self.scoreboard.una();
        let point = self.scoreboard.position_of(sample.nxt);
        self.phase = Phase::Recovery { point };
        if self.sack == Sack::NotAgreed {
            self.departed = DUP_THRESH * self.smss;
        }
        // One more than the RFC's "recover", which names the last octet, not the next one.
        self.recover = point + 1;
        self.high_rxt = una;
        self.lost_below = self.first_segment_end(sample.nxt);
        self.resends_regardless = true;
        let flight_end = self.nxt_before_duplicates.unwrap_or(sample.nxt);
        LossSignal::LossDetected {
            flight_octets: sample.ack.distance_to(flight_end),
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Open;
        self.departed = 0;
        self.resends_regardless = false;
        self.resent = VecDeque::new();
        self.again.clear();
    }

    /// Finds retransmissions that must have been lost: DupThresh segments that were sent later
    /// arrived.
    fn find_lost_retransmissions(&mut self) {
        let una = self.scoreboard.una();
        while self.resent.front().is_some_and(|it| it.range.end <= una) {
            self.resent.pop_front();
        }
        while let Some(first) = self.again.first()
            && self.scoreboard.has(&first)
        {
            self.again.remove_below(first.end);
        }
        let mut arrived_later = 0;
        let mut at = self.resent.len();
        while at > 0 {
            at -= 1;
            let Some(resent) = self.resent.get(at) else {
                break;
            };
            if self.scoreboard.has(&resent.range) {
                arrived_later += 1;
                continue;
            }
            let newer_octets = self.scoreboard.sacked_within(resent.nxt..u64::MAX);
            let newer = newer_octets / u64::from(self.smss.max(1));
            if arrived_later + newer >= u64::from(DUP_THRESH) {
                let range = resent.range.start.max(una)..resent.range.end;
                if self.again.insert(range, self.ranges_max).is_ok() {
                    self.resent.remove(at);
                }
            }
        }
    }

    /// Octets in flight that are known to be lost and were not sent again.
    fn lost_octets(&self, nxt: SeqNumber) -> u32 {
        let nxt = self.scoreboard.position_of(nxt);
        let boundary = self.boundary().min(nxt);
        let from = self.high_rxt.max(self.scoreboard.una());
        let lost = self.scoreboard.unsacked_within(from..boundary) + self.again.octets();
        u32::try_from(lost).unwrap_or(u32::MAX)
    }

    fn conclude(&mut self, sample: &AckSample, newly_sacked: u64) -> LossSignal {
        let progress = sample.acked_octets() > 0;
        let mut signal = match self.phase {
            Phase::Recovery { .. } => LossSignal::Recovering,
            Phase::Open | Phase::Resending { .. } => LossSignal::None,
        };
        if progress {
            signal = self.on_progress(sample);
        }
        if !progress || newly_sacked > 0 {
            self.on_repeat(sample, newly_sacked);
        }
        if self.phase == Phase::Open && sample.flight_octets() > 0 && self.begins() {
            return self.begin(sample);
        }
        if !(self.resent.is_empty() && self.again.is_empty()) && (progress || newly_sacked > 0) {
            self.find_lost_retransmissions();
        }
        signal
    }
}

impl LossRecovery for NewReno {
    fn on_established(&mut self, una: SeqNumber, sack: Sack) {
        self.scoreboard.advance(una);
        self.sack = sack;
        self.recover = self.scoreboard.una();
    }

    fn on_ack(&mut self, sample: &AckSample, blocks: &SackBlocks) -> AckOutcome {
        self.smss = sample.smss;
        let progress = sample.acked_octets() > 0;
        let mut news = News::default();
        if progress {
            let ack = self.scoreboard.position_of(sample.ack);
            for gap in self.scoreboard.gaps(self.scoreboard.una()..ack) {
                for burst in self.sent.within(gap) {
                    news.note(&burst, By::Ack, sample);
                }
            }
            self.scoreboard.advance(sample.ack);
        }
        let newly_sacked = match self.sack {
            Sack::Agreed => self.scoreboard.take(blocks, sample.nxt, |range| {
                for burst in self.sent.within(range) {
                    news.note(&burst, By::Sack, sample);
                }
            }),
            Sack::NotAgreed => 0,
        };
        self.sent.advance(self.scoreboard.una());
        let lost_before = self.lost_octets(sample.nxt);
        let signal = self.conclude(sample, newly_sacked);
        AckOutcome {
            signal,
            delivered_octets: u32::try_from(news.delivered).unwrap_or(u32::MAX),
            lost_octets: self.lost_octets(sample.nxt).saturating_sub(lost_before),
            newest: news.newest(),
            round_trip: news.round_trip(),
        }
    }

    fn on_sent(&mut self, start: SeqNumber, end: SeqNumber, stamp: SentStamp) {
        let range = self.scoreboard.position_of(start)..self.scoreboard.position_of(end);
        self.sent.on_sent(range, stamp.now, stamp.snapshot);
    }

    fn on_resend_all(&mut self, nxt: SeqNumber, why: ResendAll) {
        let point = self.scoreboard.position_of(nxt);
        self.end();
        if why == ResendAll::Timeout {
            self.scoreboard.clear();
            self.recover = point + 1;
            self.resends_regardless = true;
        }
        self.duplicates = 0;
        self.nxt_before_duplicates = None;
        self.phase = Phase::Resending { point, why };
        self.lost_below = point;
        self.high_rxt = self.scoreboard.una();
    }

    fn on_resent(&mut self, resend: Resend, nxt: SeqNumber, stamp: SentStamp) {
        let start = self.scoreboard.position_of(resend.seq);
        let range = start..start + u64::from(resend.octets);
        self.sent
            .on_resent(range.clone(), stamp.now, stamp.snapshot);
        self.resends_regardless = false;
        if self.again.contains(start) {
            self.again.remove_below(range.end);
        }
        self.high_rxt = self.high_rxt.max(range.end);
        if self.resent.len() < self.ranges_max {
            let nxt = self.scoreboard.position_of(nxt);
            self.resent.push_back(Resent { range, nxt });
        }
    }

    fn held_octets(&self) -> usize {
        self.sent.held_octets()
    }

    fn next_resend(&self, octets_max: u32) -> Option<Resend> {
        let una = self.scoreboard.una();
        let again = self.again.first().and_then(|range| {
            self.scoreboard
                .first_unsacked(range.start.max(una)..range.end)
        });
        let lost = match again {
            Some(range) => range,
            None => self
                .scoreboard
                .first_unsacked(self.high_rxt.max(una)..self.boundary())?,
        };
        Some(Resend {
            seq: self.scoreboard.seq_at(lost.start),
            octets: octets_max.min((lost.end - lost.start) as u32),
        })
    }

    fn next_speculative(&self, octets_max: u32) -> Option<Resend> {
        if !matches!(self.phase, Phase::Recovery { .. }) {
            return None;
        }
        let from = self.high_rxt.max(self.scoreboard.una());
        let maybe_lost = self
            .scoreboard
            .first_unsacked(from..self.scoreboard.highest()?)?;
        Some(Resend {
            seq: self.scoreboard.seq_at(maybe_lost.start),
            octets: octets_max.min((maybe_lost.end - maybe_lost.start) as u32),
        })
    }

    fn pipe_octets(&self, nxt: SeqNumber) -> u32 {
        let una = self.scoreboard.una();
        let nxt = self.scoreboard.position_of(nxt);
        let in_network = match self.phase {
            Phase::Open => self.scoreboard.unsacked_within(una..nxt),
            Phase::Recovery { .. } | Phase::Resending { .. } => {
                let never_resent = self.scoreboard.unsacked_within(self.boundary()..nxt);
                let resent = self.scoreboard.unsacked_within(una..self.high_rxt);
                (never_resent + resent).saturating_sub(self.again.octets())
            }
        };
        u32::try_from(in_network)
            .unwrap_or(u32::MAX)
            .saturating_sub(self.departed)
    }

    fn resends_regardless(&self) -> bool {
        self.resends_regardless
    }

    fn is_recovering(&self) -> bool {
        self.phase != Phase::Open
    }

    fn resends_all(&self) -> Option<ResendAll> {
        match self.phase {
            Phase::Open | Phase::Recovery { .. } => None,
            Phase::Resending { why, .. } => Some(why),
        }
    }

    fn standing(&self) -> Standing {
        let una = self.scoreboard.una();
        let sacked = self.scoreboard.sacked_within(una..u64::MAX);
        Standing {
            phase: match self.phase {
                Phase::Open => RecoveryPhase::Open,
                Phase::Recovery { .. } => RecoveryPhase::FastRecovery,
                Phase::Resending { .. } => RecoveryPhase::Resending,
            },
            duplicate_acks: self.duplicates,
            sacked_octets: u32::try_from(sacked).unwrap_or(u32::MAX),
            una_position: una,
        }
    }
}
