//! Loss recovery as a whole: RACK-TLP (RFC 8985) where SACK was agreed on, NewReno (RFC 6582) where it
//! was not, PRR (RFC 9937) for the pace, and the undoing of what was a mistake.
//!
//! The parts are in the files beside; here they meet in one question, what is lost and how much is in
//! the network. Positions count from ISS in 64 bits, so that nothing here ever wraps.

use alloc::boxed::Box;
use core::ops::Range;

use super::new_reno::Duplicates;
use super::news::{By, News};
use super::rack::{Rack, Repairing};
use super::rate_reduction::{RateReduction, SafeAck};
use super::scoreboard::Scoreboard;
use super::sent::SentLog;
use super::spurious::{ForwardRto, Hint, Spurious, Variant};
use super::tail_probe::{ProbeFate, ProbeOf, Repeats, TailProbe};
use super::{LossRecovery, Pace, Resend, ResendAll, Sack, SentStamp, Standing, TailProbeSent};
use crate::base::ranges::Ranges;
use crate::base::{Duration, Instant, SeqNumber};
use crate::status::RecoveryPhase;
use crate::tcp::sample::{AckOutcome, AckSample, Evidence, LossSignal, PathClock};
use crate::wire::tcp_options::SackBlocks;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Nothing is known to be lost.
    Open,
    /// Fast recovery, until everything below `point` (RecoveryPoint, "recover") is acknowledged.
    Recovery { point: u64 },
    /// After a timeout and its kin, until everything below `point` is acknowledged. No fast
    /// retransmit begins before (RFC 6675 §5.1, RFC 6582 §4).
    Resending { point: u64, why: ResendAll },
}

/// What an episode of recovery needs; it exists only while there is one, or its reduction may still
/// be undone.
#[derive(Clone, Debug)]
struct Episode {
    /// Retransmissions that were lost too.
    again: Ranges,
    /// How much may leave, in fast recovery.
    rate: Option<RateReduction>,
    /// Whether it was a mistake.
    spurious: Spurious,
    /// Once recovery is over: SND.NXT then. When all below is acknowledged, no report of a duplicate
    /// is to come any more.
    undo_until: Option<u64>,
}

impl Episode {
    fn new() -> Box<Self> {
        Box::new(Self {
            again: Ranges::new(),
            rate: None,
            spurious: Spurious::new(),
            undo_until: None,
        })
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Repair {
    scoreboard: Scoreboard,
    sent: SentLog,
    rack: Rack,
    probe: TailProbe,
    duplicates: Duplicates,
    episode: Option<Box<Episode>>,
    phase: Phase,
    sack: Sack,
    /// Everything below is lost unless reported, or resent.
    lost_below: u64,
    /// HighRxt: everything below was sent again if it was lost.
    high_rxt: u64,
    /// "recover" of RFC 6582 §3.2: no second recovery for what was in flight then.
    recover: u64,
    /// When RACK looks again although nothing arrives.
    reordering_at: Instant,
    smss: u32,
    resends_regardless: bool,
    /// Octets that were resent and never reported as duplicates. A peer cannot have more of them, so
    /// that what the network doubled does not count.
    unreported: u32,
}

impl Repair {
    /// For a connection whose SYN has the number `iss`; sets of ranges hold `ranges_max` at most.
    pub(crate) const fn new(iss: SeqNumber, ranges_max: usize) -> Self {
        Self {
            scoreboard: Scoreboard::new(iss, ranges_max),
            sent: SentLog::new(),
            rack: Rack::new(),
            probe: TailProbe::new(),
            duplicates: Duplicates::new(),
            episode: None,
            phase: Phase::Open,
            sack: Sack::NotAgreed,
            lost_below: 0,
            high_rxt: 0,
            recover: 0,
            reordering_at: Instant::NEVER,
            smss: 536,
            resends_regardless: false,
            unreported: 0,
        }
    }

    fn episode(&mut self) -> &mut Episode {
        self.episode.get_or_insert_with(Episode::new)
    }

    fn again_octets(&self) -> u64 {
        self.episode.as_ref().map_or(0, |it| it.again.octets())
    }

    /// Octets that are known to be lost and were not sent again.
    fn pending_octets(&self) -> u64 {
        let from = self.high_rxt.max(self.scoreboard.una());
        self.scoreboard.unsacked_within(from..self.lost_below) + self.again_octets()
    }

    /// Where the segment at SND.UNA ends, as far as that is known: a full segment, but never beyond
    /// SND.NXT. What lies there was not sent, and an acknowledgment of it would be refused.
    fn first_segment_end(&self, nxt: u64) -> u64 {
        (self.scoreboard.una() + u64::from(self.smss)).min(nxt)
    }

    const fn repairing(&self) -> Repairing {
        match self.phase {
            Phase::Open => Repairing::No,
            Phase::Recovery { .. } | Phase::Resending { .. } => Repairing::Yes,
        }
    }

    /// What `sample` and its blocks say about transmissions. The scoreboard and SND.UNA follow.
    fn take_news(&mut self, sample: &AckSample, blocks: &SackBlocks) -> News {
        let mut news = News::default();
        let Self {
            scoreboard,
            sent,
            rack,
            ..
        } = self;
        let ack = scoreboard.position_of(sample.ack);
        let mut note = |range: Range<u64>, by| {
            for part in sent.within(range) {
                news.note(&part, by, sample);
                news.out_of_order |= rack.is_out_of_order(&part);
            }
        };
        for gap in scoreboard.gaps(scoreboard.una()..ack) {
            note(gap, By::Ack);
        }
        scoreboard.advance(sample.ack);
        if self.sack == Sack::Agreed {
            news.newly_sacked = scoreboard.take(blocks, sample.nxt, |range| note(range, By::Sack));
        }
        let fack = scoreboard.highest().unwrap_or(ack).max(ack);
        sent.advance(ack);
        rack.on_news(&news, fack, sample.clock.now);
        news
    }

    /// New text was acknowledged.
    fn on_progress(&mut self, sample: &AckSample) -> LossSignal {
        let una = self.scoreboard.una();
        self.high_rxt = self.high_rxt.max(una);
        self.lost_below = self.lost_below.max(una);
        self.rack.on_una(una);
        self.probe.start_anew();
        if let Some(episode) = &mut self.episode {
            episode.again.remove_below(una);
        }
        if self.scoreboard.contradicts_una() {
            self.distrust_reports();
        }
        match self.phase {
            Phase::Open => {
                self.duplicates.forget_departed();
                LossSignal::None
            }
            Phase::Recovery { point } if una >= point => {
                self.end();
                LossSignal::Recovered
            }
            Phase::Recovery { .. } => {
                if self.sack == Sack::NotAgreed {
                    self.on_partial_ack(sample);
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

    /// A partial acknowledgment (RFC 6582 §3.2): what it stops at is lost as well.
    fn on_partial_ack(&mut self, sample: &AckSample) {
        let una = self.scoreboard.una();
        self.duplicates
            .deflate(sample.acked_octets().saturating_sub(self.smss));
        if self.high_rxt == una {
            let nxt = self.scoreboard.position_of(sample.nxt);
            self.lost_below = self.lost_below.max(self.first_segment_end(nxt));
            self.resends_regardless = true;
        }
    }

    /// The peer has thrown away what it reported (RFC 2018 §8): all that stands up to there is missing
    /// to it.
    fn distrust_reports(&mut self) {
        let una = self.scoreboard.una();
        let highest = self.scoreboard.highest().unwrap_or(una);
        self.scoreboard.clear();
        self.lost_below = self.lost_below.max(highest);
        self.high_rxt = una;
        if let Some(episode) = &mut self.episode {
            episode.again.clear();
        }
    }

    /// Nothing new was acknowledged in order: is it a sign of loss? The answer is how many octets
    /// arrived by it, beyond those that SACK reports.
    fn on_repeat(&mut self, sample: &AckSample, newly_sacked: u64) -> u32 {
        match self.sack {
            Sack::Agreed => {
                if newly_sacked > 0 {
                    self.duplicates.on_report(sample.nxt);
                }
                0
            }
            Sack::NotAgreed if sample.is_duplicate => {
                let flight = sample.flight_octets();
                let most = match self.phase {
                    // Limited transmit: two segments beyond cwnd (RFC 3042 §2).
                    Phase::Open => 2 * self.smss,
                    Phase::Recovery { .. } | Phase::Resending { .. } => flight,
                };
                self.duplicates
                    .on_duplicate(sample.nxt, self.smss, most, flight)
            }
            Sack::NotAgreed => 0,
        }
    }

    /// RACK_detect_loss (RFC 8985 §6.2, step 5): what is lost, and when to look again. The answer is
    /// how many octets are lost that were not known to be.
    fn detect(&mut self, clock: &PathClock) -> u64 {
        self.reordering_at = Instant::NEVER;
        let (Sack::Agreed, Some(xmit_at)) = (self.sack, self.rack.xmit_at()) else {
            return 0;
        };
        let wait = self.rack.rtt() + self.reo_wnd(clock);
        self.detect_first(xmit_at, wait, clock.now) + self.detect_again(xmit_at, wait, clock.now)
    }

    /// RACK.reo_wnd.
    fn reo_wnd(&self, clock: &PathClock) -> Duration {
        let segments = self
            .scoreboard
            .segments(self.smss)
            .max(self.duplicates.count());
        self.rack
            .reo_wnd(self.repairing(), segments, clock.min_rtt, clock.srtt)
    }

    /// Of what was sent once: their order in time is that of the sequence space, so that what is lost
    /// is all that lies below a boundary.
    fn detect_first(&mut self, xmit_at: Instant, wait: Duration, now: Instant) -> u64 {
        let from = self.lost_below.max(self.scoreboard.una());
        let Some(limit) = self.sent.sent_before(xmit_at, self.rack.end()) else {
            return 0;
        };
        let boundary = self.sent_until(now, wait).map_or(0, |it| it.min(limit));
        let mut lost = 0;
        if from < boundary {
            lost = self.scoreboard.unsacked_within(from..boundary);
            self.lost_below = boundary;
        }
        let waits = self.scoreboard.last_unsacked_end(from.max(boundary)..limit);
        if let Some(last) = waits.and_then(|end| self.sent.first_of(end - 1)) {
            self.look_again_at(last.sent_at + wait);
        }
        lost
    }

    /// Where first transmissions end that left `wait` ago or before.
    fn sent_until(&self, now: Instant, wait: Duration) -> Option<u64> {
        let wait = u64::try_from(wait.as_nanos()).ok()?;
        let then = now.as_nanos().checked_sub(wait)?;
        self.sent.sent_until(Instant::from_nanos(then))
    }

    /// Of retransmissions, in the order of time. Each is looked at until it is delivered or lost.
    fn detect_again(&mut self, xmit_at: Instant, wait: Duration, now: Instant) -> u64 {
        let before = self.again_octets();
        while let Some(oldest) = self.sent.oldest_resent() {
            let range = oldest.start.max(self.scoreboard.una())..oldest.end;
            if !self.scoreboard.has(&range) {
                let is_candidate = xmit_at > oldest.sent_at
                    || (xmit_at == oldest.sent_at && self.rack.end() > oldest.end);
                if !is_candidate {
                    break;
                }
                let lost_at = oldest.sent_at + wait;
                if now < lost_at {
                    self.look_again_at(lost_at);
                    break;
                }
                self.mark_again(range);
            }
            self.sent.forget_oldest_resent();
        }
        self.again_octets().saturating_sub(before)
    }

    /// A retransmission of `range` was lost too.
    fn mark_again(&mut self, range: Range<u64>) {
        let ranges_max = self.scoreboard.ranges_max();
        let Self {
            scoreboard,
            episode,
            ..
        } = self;
        let again = &mut episode.get_or_insert_with(Episode::new).again;
        for gap in scoreboard.gaps(range) {
            // What finds no room waits for a timeout.
            let _ = again.insert(gap, ranges_max);
        }
    }

    fn look_again_at(&mut self, at: Instant) {
        if at < self.reordering_at {
            self.reordering_at = at;
        }
    }

    /// Fast recovery begins, if something is lost.
    fn may_begin(&mut self, nxt: SeqNumber, delivered: u64) -> Option<LossSignal> {
        let una = self.scoreboard.una();
        let end = self.scoreboard.position_of(nxt);
        if self.phase != Phase::Open || una == end {
            return None;
        }
        let begins = match self.sack {
            Sack::Agreed => self.pending_octets() > 0,
            Sack::NotAgreed => self.duplicates.are_enough() && una >= self.recover,
        };
        if !begins {
            return None;
        }
        self.phase = Phase::Recovery { point: end };
        // One more than the RFC's "recover", which names the last octet, not the next one.
        self.recover = end + 1;
        if self.sack == Sack::NotAgreed {
            self.duplicates.begin_recovery(self.smss);
            self.high_rxt = una;
            self.lost_below = self.first_segment_end(end);
        }
        self.resends_regardless = true;
        self.probe.reset();
        // RecoverFS of RFC 9937: what was reported before will not be delivered during recovery.
        let sacked = self.scoreboard.sacked_within(una..end);
        let recover_fs = (end - una + delivered).saturating_sub(sacked);
        let episode = self.episode();
        episode.undo_until = None;
        episode.rate = Some(RateReduction::new(recover_fs));
        episode.spurious.begin(una);
        let flight_end = self.duplicates.nxt_before(nxt);
        Some(LossSignal::LossDetected {
            flight_octets: self.scoreboard.seq_at(una).distance_to(flight_end),
        })
    }

    fn end(&mut self) {
        if self.repairing() == Repairing::Yes {
            self.rack.on_recovered();
        }
        self.phase = Phase::Open;
        self.duplicates.forget_departed();
        self.resends_regardless = false;
        if let Some(episode) = &mut self.episode {
            episode.rate = None;
            episode.spurious.stop_forward();
        }
    }

    /// Nothing was lost after all: all that was sent is thought to be in the network.
    fn forget_losses(&mut self) {
        self.end();
        let una = self.scoreboard.una();
        self.lost_below = una;
        self.high_rxt = una;
        self.recover = una;
        self.duplicates.reset();
        self.episode = None;
        self.probe.start_anew();
    }

    /// What was resent in vain has RACK wait longer (RFC 8985 §6.2, step 4).
    fn on_dsack(&mut self, range: &Range<u64>, nxt: u64) {
        if self.unreported > 0 {
            let octets = u32::try_from(range.end - range.start).unwrap_or(u32::MAX);
            self.unreported = self.unreported.saturating_sub(octets);
            self.rack.on_dsack(nxt);
        }
    }

    /// An episode that is over, and of which nothing more can be heard, gives its memory back.
    fn forget_episode(&mut self, una: u64, nxt: u64) {
        if self.phase != Phase::Open {
            return;
        }
        if let Some(episode) = &mut self.episode
            && *episode.undo_until.get_or_insert(nxt) < una
        {
            self.episode = None;
        }
    }

    fn judge(
        &mut self,
        sample: &AckSample,
        news: &News,
        dsack: Option<&Range<u64>>,
    ) -> Option<Evidence> {
        let una = self.scoreboard.una();
        let hint = Hint {
            progress: sample.acked_octets() > 0,
            is_duplicate: sample.is_duplicate || news.newly_sacked > 0,
            delivered: news.delivered,
            ack: una,
            highest: self.scoreboard.highest().unwrap_or(una).max(una),
            nxt: self.scoreboard.position_of(sample.nxt),
            dsack: dsack.cloned(),
            echoed_at: sample.echoed_at,
        };
        let variant = match self.sack {
            Sack::Agreed => Variant::Sack,
            Sack::NotAgreed => Variant::Basic,
        };
        self.episode.as_mut()?.spurious.on_ack(&hint, variant)
    }
}

impl LossRecovery for Repair {
    fn on_established(&mut self, una: SeqNumber, sack: Sack) {
        self.scoreboard.advance(una);
        self.sack = sack;
        let una = self.scoreboard.una();
        (self.recover, self.lost_below, self.high_rxt) = (una, una, una);
    }

    fn on_ack(&mut self, sample: &AckSample, blocks: &SackBlocks) -> AckOutcome {
        self.smss = sample.smss;
        let progress = sample.acked_octets() > 0;
        let mut news = self.take_news(sample, blocks);
        let round_trip = news.round_trip();
        if round_trip.is_some() {
            self.probe.on_sample();
        }
        let dsack = match self.sack {
            Sack::Agreed => self.scoreboard.dsack_of(blocks, sample.ack),
            Sack::NotAgreed => None,
        };
        let mut signal = match self.phase {
            Phase::Recovery { .. } => LossSignal::Recovering,
            Phase::Open | Phase::Resending { .. } => LossSignal::None,
        };
        if progress {
            let unknown = self.duplicates.on_progress(sample.acked_octets());
            if self.sack == Sack::NotAgreed {
                news.delivered = u64::from(unknown);
            }
            signal = self.on_progress(sample);
        }
        if !progress || news.newly_sacked > 0 {
            news.delivered += u64::from(self.on_repeat(sample, news.newly_sacked));
        }
        let (una, nxt) = (
            self.scoreboard.una(),
            self.scoreboard.position_of(sample.nxt),
        );
        let is_for_probe = dsack
            .as_ref()
            .is_some_and(|range| self.probe.is_for_probe(range));
        let repeats = if sample.is_duplicate && blocks.as_slice().is_empty() {
            Repeats::WithoutSack
        } else {
            Repeats::No
        };
        if self.probe.on_ack(una, dsack.as_ref(), repeats) == ProbeFate::RepairedLoss
            && self.phase == Phase::Open
        {
            signal = LossSignal::TailLossRepaired {
                flight_octets: sample.una_before.distance_to(sample.nxt),
            };
        }
        self.forget_episode(una, nxt);
        let dsack = dsack.filter(|_| !is_for_probe);
        if let Some(range) = &dsack {
            self.on_dsack(range, nxt);
        }
        if let Some(evidence) = self.judge(sample, &news, dsack.as_ref()) {
            if !matches!(self.phase, Phase::Resending { .. }) {
                self.rack.on_mistake();
            }
            self.forget_losses();
            signal = LossSignal::Spurious(evidence);
        }
        let lost = self.detect(&sample.clock);
        if !matches!(signal, LossSignal::Spurious(_))
            && let Some(begins) = self.may_begin(sample.nxt, news.delivered)
        {
            signal = begins;
        }
        AckOutcome {
            signal,
            delivered_octets: u32::try_from(news.delivered).unwrap_or(u32::MAX),
            lost_octets: u32::try_from(lost).unwrap_or(u32::MAX),
            newest: news.newest(),
            round_trip,
        }
    }

    fn on_reordering_timer(&mut self, nxt: SeqNumber, clock: &PathClock) -> AckOutcome {
        let lost = self.detect(clock);
        let signal = match self.may_begin(nxt, 0) {
            Some(begins) => begins,
            None if matches!(self.phase, Phase::Recovery { .. }) => LossSignal::Recovering,
            None => LossSignal::None,
        };
        AckOutcome {
            signal,
            delivered_octets: 0,
            lost_octets: u32::try_from(lost).unwrap_or(u32::MAX),
            newest: None,
            round_trip: None,
        }
    }

    fn on_pace(&mut self, outcome: &AckOutcome, pace: Pace) {
        let Pace {
            progress,
            nxt,
            ssthresh,
        } = pace;
        let in_flight = self.pipe_octets(nxt);
        let smss = self.smss;
        let Some(rate) = self.episode.as_mut().and_then(|it| it.rate.as_mut()) else {
            return;
        };
        let safe = if progress && outcome.lost_octets == 0 {
            SafeAck::Yes
        } else {
            SafeAck::No
        };
        rate.on_ack(outcome.delivered_octets, safe, in_flight, ssthresh, smss);
    }

    fn repair_room(&self) -> Option<u32> {
        let rate = self.episode.as_ref()?.rate.as_ref()?;
        Some(rate.allowed())
    }

    fn on_sent(&mut self, start: SeqNumber, end: SeqNumber, stamp: SentStamp) {
        let range = self.scoreboard.position_of(start)..self.scoreboard.position_of(end);
        self.sent.on_sent(range.clone(), stamp.now, stamp.snapshot);
        self.smss = stamp.smss;
        self.probe.start_anew();
        if let Some(episode) = &mut self.episode {
            episode.spurious.on_new_text();
            if let Some(rate) = &mut episode.rate {
                rate.on_sent(u32::try_from(range.end - range.start).unwrap_or(u32::MAX));
            }
        }
    }

    fn on_resent(&mut self, resend: Resend, stamp: SentStamp) {
        let start = self.scoreboard.position_of(resend.seq);
        let range = start..start + u64::from(resend.octets);
        self.sent
            .on_resent(range.clone(), stamp.now, stamp.snapshot);
        self.resends_regardless = false;
        self.unreported = self.unreported.saturating_add(resend.octets);
        self.high_rxt = self.high_rxt.max(range.end);
        if let Some(episode) = &mut self.episode {
            if episode.again.contains(start) {
                episode.again.remove_below(range.end);
            }
            episode.spurious.on_resent(&range, stamp.now);
            if let Some(rate) = &mut episode.rate {
                rate.on_sent(resend.octets);
            }
        }
    }

    fn on_window_probe_resent(&mut self, resend: Resend, stamp: SentStamp) {
        let start = self.scoreboard.position_of(resend.seq);
        let range = start..start + u64::from(resend.octets);
        self.sent.on_resent(range, stamp.now, stamp.snapshot);
    }

    fn last_segment(&self, nxt: SeqNumber) -> Option<Resend> {
        let nxt = self.scoreboard.position_of(nxt);
        let una = self.scoreboard.una();
        let burst = self.sent.first_of(nxt.checked_sub(1)?)?;
        // A burst was cut into segments of SMSS from its start on.
        let octets = burst.end - burst.start;
        let smss = u64::from(self.smss.max(1));
        let start = burst.start + octets.saturating_sub(1) / smss * smss;
        let start = start.max(una);
        (start < nxt).then(|| Resend {
            seq: self.scoreboard.seq_at(start),
            octets: (nxt - start) as u32,
        })
    }

    fn may_probe_tail(&self) -> bool {
        self.probe_is_useful() && self.probe.may_go()
    }

    fn probe_is_useful(&self) -> bool {
        self.sack == Sack::Agreed && self.phase == Phase::Open && self.scoreboard.is_empty()
    }

    fn take_probe_start(&mut self) -> bool {
        self.probe.take_start()
    }

    fn on_tail_probe_sent(&mut self, probe: TailProbeSent, nxt: SeqNumber, stamp: SentStamp) {
        let nxt = self.scoreboard.position_of(nxt);
        match probe {
            TailProbeSent::NewText => self.probe.on_sent(nxt, ProbeOf::NewText),
            TailProbeSent::LastSegment(resend) => {
                let start = self.scoreboard.position_of(resend.seq);
                self.sent
                    .on_tail_resent(start..nxt, stamp.now, stamp.snapshot);
                self.probe.on_sent(nxt, ProbeOf::LastSegment);
            }
        }
    }

    fn reordering_deadline(&self) -> Option<Instant> {
        (self.reordering_at != Instant::NEVER).then_some(self.reordering_at)
    }

    fn held_octets(&self) -> usize {
        self.sent.held_octets()
    }

    fn on_timeout(&mut self, nxt: SeqNumber, clock: &PathClock) -> u32 {
        let (una, end) = (self.scoreboard.una(), self.scoreboard.position_of(nxt));
        let pending = self.pending_octets();
        let is_again = matches!(
            self.phase,
            Phase::Resending {
                why: ResendAll::Timeout,
                ..
            }
        );
        let forward = self.episode.as_ref().map(|it| it.spurious.forward());
        // F-RTO is not entered while earlier losses are repaired, unless it is the same segment that
        // times out once more (RFC 5682 §2.1, §3.1, step 1).
        let may_forward = match self.phase {
            Phase::Open => true,
            Phase::Recovery { .. } => false,
            Phase::Resending { .. } => forward == Some(ForwardRto::Waits),
        };
        if is_again {
            // Twice, and nothing came of what the reports said: they are forgotten (RFC 2018 §8).
            self.distrust_reports();
        }
        self.mark_on_timeout(una, end, clock);
        let lost = self.pending_octets().saturating_sub(pending);
        self.end();
        self.probe.reset();
        self.duplicates.reset();
        self.reordering_at = Instant::NEVER;
        self.recover = end + 1;
        self.resends_regardless = true;
        self.phase = Phase::Resending {
            point: end,
            why: ResendAll::Timeout,
        };
        let episode = self.episode();
        episode.undo_until = None;
        let spurious = &mut episode.spurious;
        if !is_again {
            spurious.begin(una);
        }
        if may_forward {
            spurious.start_forward(una, end);
        }
        u32::try_from(lost).unwrap_or(u32::MAX)
    }

    fn on_resend_all(&mut self, nxt: SeqNumber, why: ResendAll) {
        let point = self.scoreboard.position_of(nxt);
        self.end();
        self.duplicates.reset();
        self.probe.reset();
        self.reordering_at = Instant::NEVER;
        self.phase = Phase::Resending { point, why };
        self.lost_below = point;
        self.high_rxt = self.scoreboard.una();
        self.episode = None;
    }

    fn next_resend(&self, room: u32, smss: u32) -> Option<Resend> {
        let una = self.scoreboard.una();
        let episode = self.episode.as_ref();
        if episode.is_some_and(|it| it.spurious.holds_back(una)) {
            return None;
        }
        let again = episode.and_then(|it| it.again.first()).and_then(|range| {
            self.scoreboard
                .first_unsacked(range.start.max(una)..range.end)
        });
        let lost = match again {
            Some(range) => range,
            None => self
                .scoreboard
                .first_unsacked(self.high_rxt.max(una)..self.lost_below)?,
        };
        let octets = (lost.end - lost.start) as u32;
        // Whole segments, or all that is left.
        let fits = if octets <= room {
            octets
        } else {
            room / smss * smss
        };
        (fits > 0).then(|| Resend {
            seq: self.scoreboard.seq_at(lost.start),
            octets: fits,
        })
    }

    fn offers_new_text(&self) -> bool {
        self.episode
            .as_ref()
            .is_some_and(|it| it.spurious.forward() == ForwardRto::Offers)
    }

    fn on_no_new_text(&mut self) {
        if let Some(episode) = &mut self.episode {
            episode.spurious.on_no_new_text();
        }
    }

    fn pipe_octets(&self, nxt: SeqNumber) -> u32 {
        let una = self.scoreboard.una();
        let nxt = self.scoreboard.position_of(nxt);
        let boundary = self.lost_below.max(self.high_rxt).max(una);
        let never_resent = self.scoreboard.unsacked_within(boundary..nxt);
        let resent = self.scoreboard.unsacked_within(una..self.high_rxt);
        let in_network = (never_resent + resent).saturating_sub(self.again_octets());
        u32::try_from(in_network)
            .unwrap_or(u32::MAX)
            .saturating_sub(self.duplicates.departed())
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
        let resent = self.scoreboard.unsacked_within(una..self.high_rxt);
        let resent = resent.saturating_sub(self.again_octets());
        Standing {
            phase: match self.phase {
                Phase::Open => RecoveryPhase::Open,
                Phase::Recovery { .. } => RecoveryPhase::FastRecovery,
                Phase::Resending { .. } => RecoveryPhase::Resending,
            },
            duplicate_acks: self.duplicates.count(),
            sacked_octets: u32::try_from(sacked).unwrap_or(u32::MAX),
            lost_octets: u32::try_from(self.pending_octets()).unwrap_or(u32::MAX),
            resent_octets: u32::try_from(resent).unwrap_or(u32::MAX),
            reordering_seen: self.rack.reordering_seen(),
            dsacks: self.rack.dsacks(),
            una_position: una,
        }
    }
}

impl Repair {
    /// RACK_mark_losses_on_RTO (RFC 8985 §6.3): the first segment, and what was sent so long ago that
    /// an acknowledgment is overdue. Without SACK all of it. What was reported stays reported: whether
    /// the peer has thrown it away shows when SND.UNA gets there (RFC 2018 §8).
    fn mark_on_timeout(&mut self, una: u64, end: u64, clock: &PathClock) {
        if self.sack == Sack::NotAgreed {
            self.lost_below = end;
            self.high_rxt = una;
            return;
        }
        let wait = self.rack.rtt() + self.reo_wnd(clock);
        let overdue = self.sent_until(clock.now, wait).unwrap_or(una);
        self.lost_below = self.lost_below.max(overdue).min(end);
        let first_end = self
            .scoreboard
            .first_unsacked(una..self.first_segment_end(end))
            .map_or(una, |it| it.end);
        if una < self.high_rxt {
            self.mark_again(una..first_end);
        } else {
            self.lost_below = self.lost_below.max(first_end);
        }
        while let Some(oldest) = self.sent.oldest_resent()
            && oldest.sent_at + wait <= clock.now
        {
            let range = oldest.start.max(una)..oldest.end;
            self.mark_again(range);
            self.sent.forget_oldest_resent();
        }
    }
}
