//! Was it a mistake to resend? F-RTO (RFC 5682), Eifel detection (RFC 3522) and D-SACK (RFC 2883 §5,
//! RFC 3708).
//!
//! `repair.rs` tells it when an episode of recovery begins, what is resent in it and what
//! acknowledgments say. It only judges; the response (RFC 4015) is congestion control's.

use core::ops::Range;

use crate::base::Instant;
use crate::tcp::sample::Evidence;

/// Where the F-RTO algorithm stands (RFC 5682 §2.1, §3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ForwardRto {
    /// It does not run.
    Off,
    /// Step 2: the first segment is resent, and nothing else until it is acknowledged.
    Waits,
    /// Step 2b: new text goes, if there is some.
    Offers,
    /// Step 3: the next acknowledgment decides.
    Decides,
}

/// An episode of recovery, for as long as its reduction can be undone.
#[derive(Clone, Debug)]
struct Episode {
    /// SND.UNA when it began.
    from: u64,
    /// RetransmitTS of RFC 3522: when the first retransmission left.
    resent_at: Option<Instant>,
    /// Whether the first acceptable ACK has come (RFC 3522 §3.2, step 3).
    has_been_acked: bool,
    /// Octets that were resent and not reported as duplicates.
    unreported: u64,
}

/// What an acknowledgment says, as far as it matters here.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    /// SND.UNA advanced.
    pub(crate) progress: bool,
    /// It is a duplicate (RFC 5681 §2), or reports something by SACK for the first time.
    pub(crate) is_duplicate: bool,
    /// Octets that arrived by it.
    pub(crate) delivered: u64,
    /// SEG.ACK.
    pub(crate) ack: u64,
    /// The highest position that is acknowledged in any way.
    pub(crate) highest: u64,
    /// SND.NXT.
    pub(crate) nxt: u64,
    /// The duplicate that it reports.
    pub(crate) dsack: Option<Range<u64>>,
    /// What its TSecr names.
    pub(crate) echoed_at: Option<Instant>,
}

/// Whether SACK blocks arrive: the two variants of F-RTO.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Variant {
    /// RFC 5682 §2.1.
    Basic,
    /// RFC 5682 §3.1.
    Sack,
}

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Spurious {
    episode: Option<Episode>,
    forward: ForwardRto,
    /// "RecoveryPoint" of RFC 5682: SND.NXT when the timer expired.
    point: u64,
    /// What F-RTO resent ends here.
    resent_end: u64,
    /// Whether the peer ever sent a D-SACK.
    dsack_seen: bool,
}

impl Spurious {
    /// Nothing was resent.
    pub(crate) const fn new() -> Self {
        Self {
            episode: None,
            forward: ForwardRto::Off,
            point: 0,
            resent_end: 0,
            dsack_seen: false,
        }
    }

    /// Where F-RTO stands.
    pub(crate) const fn forward(&self) -> ForwardRto {
        self.forward
    }

    /// Recovery begins with SND.UNA at `una`, and congestion control reduces what it did not reduce
    /// before.
    pub(crate) fn begin(&mut self, una: u64) {
        self.forward = ForwardRto::Off;
        self.episode = Some(Episode {
            from: una,
            resent_at: None,
            has_been_acked: false,
            unreported: 0,
        });
    }

    /// Whatever was resent was not for a loss: there is nothing to undo.
    pub(crate) fn forget(&mut self) {
        self.forward = ForwardRto::Off;
        self.episode = None;
    }

    /// F-RTO, step 1: the timer expired, SND.NXT being at `nxt`.
    pub(crate) const fn start_forward(&mut self, una: u64, nxt: u64) {
        self.forward = ForwardRto::Waits;
        self.point = nxt;
        self.resent_end = una;
    }

    /// F-RTO is over, whatever it found.
    pub(crate) const fn stop_forward(&mut self) {
        self.forward = ForwardRto::Off;
    }

    /// `range` was resent.
    pub(crate) fn on_resent(&mut self, range: &Range<u64>, now: Instant) {
        if let Some(episode) = &mut self.episode {
            episode.resent_at.get_or_insert(now);
            episode.unreported += range.end - range.start;
        }
        if self.forward == ForwardRto::Waits {
            self.resent_end = self.resent_end.max(range.end);
        }
    }

    /// F-RTO allows nothing more to be resent for now; `una` is SND.UNA.
    pub(crate) fn holds_back(&self, una: u64) -> bool {
        match self.forward {
            ForwardRto::Off => false,
            ForwardRto::Waits => una < self.resent_end,
            ForwardRto::Offers | ForwardRto::Decides => true,
        }
    }

    /// F-RTO, step 2b: new text left.
    pub(crate) fn on_new_text(&mut self) {
        if self.forward == ForwardRto::Offers {
            self.forward = ForwardRto::Decides;
        }
    }

    /// F-RTO, step 2b: there is no new text that may go.
    pub(crate) fn on_no_new_text(&mut self) {
        if self.forward == ForwardRto::Offers {
            self.forward = ForwardRto::Off;
        }
    }

    /// An acknowledgment arrived: does it show that recovery was a mistake?
    pub(crate) fn on_ack(&mut self, hint: &Hint, variant: Variant) -> Option<Evidence> {
        let found = self
            .step_forward(hint, variant)
            .or_else(|| self.look_at_echo(hint))
            .or_else(|| self.count_duplicate(hint));
        self.dsack_seen |= hint.dsack.is_some();
        if found.is_some() {
            self.forget();
        }
        found
    }

    fn step_forward(&mut self, hint: &Hint, variant: Variant) -> Option<Evidence> {
        if !hint.progress && !hint.is_duplicate {
            // "Other types of ACKs are ignored without any action."
            return None;
        }
        match self.forward {
            ForwardRto::Off => {}
            ForwardRto::Waits if hint.progress => {
                let is_partial = variant == Variant::Basic && hint.ack < self.resent_end;
                // Step 2a: not enough evidence, for all may have been acknowledged late. Where the echo
                // names the retransmission (RFC 3522 §3.2), the first copy was lost for sure, and new
                // text would only wait for the timer once more if it is lost as well.
                self.forward = if hint.ack >= self.point || is_partial || self.echoes_resent(hint) {
                    ForwardRto::Off
                } else {
                    ForwardRto::Offers
                };
            }
            ForwardRto::Waits => {
                if variant == Variant::Basic {
                    self.forward = ForwardRto::Off;
                }
            }
            ForwardRto::Offers | ForwardRto::Decides => {
                self.forward = ForwardRto::Off;
                let is_of_old = match variant {
                    Variant::Basic => hint.progress,
                    Variant::Sack => hint.delivered > 0 && hint.highest <= self.point,
                };
                return is_of_old.then_some(Evidence::ForwardRto);
            }
        }
        None
    }

    /// Whether what is acknowledged is the retransmission, by its timestamp.
    fn echoes_resent(&self, hint: &Hint) -> bool {
        let resent_at = self.episode.as_ref().and_then(|it| it.resent_at);
        match (hint.echoed_at, resent_at) {
            (Some(echoed), Some(resent)) => echoed.as_millis() >= resent.as_millis(),
            _ => false,
        }
    }

    /// Steps 3 to 5 of RFC 3522 §3.2: only the first acceptable ACK counts.
    fn look_at_echo(&mut self, hint: &Hint) -> Option<Evidence> {
        let episode = self.episode.as_mut()?;
        if !hint.progress || core::mem::replace(&mut episode.has_been_acked, true) {
            return None;
        }
        let is_first_copy = hint.echoed_at?.as_millis() < episode.resent_at?.as_millis();
        let is_enough = hint.dsack.is_none() && (self.dsack_seen || hint.ack < hint.nxt);
        (is_first_copy && is_enough).then_some(Evidence::Eifel)
    }

    /// All that was resent in the episode arrived twice.
    fn count_duplicate(&mut self, hint: &Hint) -> Option<Evidence> {
        let episode = self.episode.as_mut()?;
        let dsack = hint.dsack.as_ref()?;
        if episode.unreported == 0 || dsack.start < episode.from {
            return None;
        }
        episode.unreported = episode.unreported.saturating_sub(dsack.end - dsack.start);
        (episode.unreported == 0).then_some(Evidence::Dsack)
    }
}
