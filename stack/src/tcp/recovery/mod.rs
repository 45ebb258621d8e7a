//! Loss recovery behind one trait: what was lost, and what to send again.
//!
//! `arrives/check_ack.rs` and `timeout/retransmission.rs` tell it what happened, `output.rs` asks for
//! the next retransmission and for how much is in the network ("pipe"). It never sets cwnd and never
//! holds text: it speaks of sequence numbers only.

use core::fmt::Debug;

use crate::base::{Instant, SeqNumber};
use crate::config::Config;
use crate::status::RecoveryPhase;
use crate::tcp::delivery::DeliverySnapshot;
use crate::tcp::sample::{AckOutcome, AckSample, PathClock};
use crate::wire::tcp_options::SackBlocks;

mod new_reno;
mod news;
mod rack;
mod rate_reduction;
mod repair;
pub(crate) mod rtt;
mod scoreboard;
mod sent;
mod spurious;
pub(crate) mod tail_probe;

pub(crate) use repair::Repair;

/// A part of the sequence space to send again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Resend {
    /// Its first number.
    pub(crate) seq: SeqNumber,
    /// How many numbers; a FIN counts as one.
    pub(crate) octets: u32,
}

/// What is known at the moment in which something is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SentStamp {
    /// The moment.
    pub(crate) now: Instant,
    /// The state of the delivery rate.
    pub(crate) snapshot: DeliverySnapshot,
    /// SMSS.
    pub(crate) smss: u32,
}

/// What a tail loss probe consists of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TailProbeSent {
    /// New text, of which `on_sent` has heard.
    NewText,
    /// The highest segment once more.
    LastSegment(Resend),
}

/// What the pace of recovery follows from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Whether SND.UNA advanced.
    pub(crate) progress: bool,
    /// SND.NXT.
    pub(crate) nxt: SeqNumber,
    /// ssthresh, as congestion control has it now.
    pub(crate) ssthresh: u32,
}

/// Whether the handshake agreed on SACK (RFC 2018 §2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sack {
    /// Blocks arrive.
    Agreed,
    /// Duplicate ACKs are all there is.
    NotAgreed,
}

/// Why everything in flight is to be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ResendAll {
    /// The retransmission timer expired (RFC 6298 §5.4).
    Timeout,
    /// It was too big for the path (RFC 1191 §6.4), or fell into a closed window.
    NotCongestion,
}

/// Where recovery stands, for STATUS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Standing {
    /// Whether something is being repaired.
    pub(crate) phase: RecoveryPhase,
    /// DupAcks.
    pub(crate) duplicate_acks: u32,
    /// Octets in flight that were reported.
    pub(crate) sacked_octets: u32,
    /// Octets in flight that are thought to be lost and were not sent again.
    pub(crate) lost_octets: u32,
    /// Octets in flight that were sent again because they were thought to be lost.
    pub(crate) resent_octets: u32,
    /// RACK.reordering_seen.
    pub(crate) reordering_seen: bool,
    /// Reports of retransmissions that were not needed.
    pub(crate) dsacks: u32,
    /// How far SND.UNA has come since ISS.
    pub(crate) una_position: u64,
}

/// A way to find out what was lost.
pub(crate) trait LossRecovery: Debug {
    /// The handshake is over; the first octet of text is `una`.
    fn on_established(&mut self, una: SeqNumber, sack: Sack);

    /// An acceptable acknowledgment arrived, with what it says by SACK.
    fn on_ack(&mut self, sample: &AckSample, blocks: &SackBlocks) -> AckOutcome;

    /// Text or FIN that ends before `end` was sent for the first time, from SND.NXT on.
    fn on_sent(&mut self, start: SeqNumber, end: SeqNumber, stamp: SentStamp);

    /// The retransmission timer expired (RFC 8985 §6.3, RFC 6298 §5.4). The answer is how many octets
    /// are lost that were not known to be.
    fn on_timeout(&mut self, nxt: SeqNumber, clock: &PathClock) -> u32;

    /// Everything up to `nxt` has to be sent again, for another reason than a timeout.
    fn on_resend_all(&mut self, nxt: SeqNumber, why: ResendAll);

    /// RACK's timer expired (RFC 8985 §6.2, step 5).
    fn on_reordering_timer(&mut self, nxt: SeqNumber, clock: &PathClock) -> AckOutcome;

    /// When RACK's timer should expire; `None`: it should not run.
    fn reordering_deadline(&self) -> Option<Instant>;

    /// After [`on_ack`](Self::on_ack), and what congestion control did about it: how much may leave
    /// now (RFC 9937).
    fn on_pace(&mut self, outcome: &AckOutcome, pace: Pace);

    /// What may leave by RFC 9937, new or old; `None` outside of fast recovery, where cwnd holds.
    fn repair_room(&self) -> Option<u32>;

    /// The part that `next_resend` named was sent.
    fn on_resent(&mut self, resend: Resend, stamp: SentStamp);

    /// A probe of a closed window repeats what had been sent before.
    fn on_window_probe_resent(&mut self, resend: Resend, stamp: SentStamp);

    /// The highest segment that was sent, `nxt` being SND.NXT.
    fn last_segment(&self, nxt: SeqNumber) -> Option<Resend>;

    /// True if a tail loss probe may be sent (RFC 8985 §7.3).
    fn may_probe_tail(&self) -> bool;

    /// True if a tail loss probe would tell something: nothing is being repaired, and nothing was
    /// reported by SACK (RFC 8985 §7.2).
    fn probe_is_useful(&self) -> bool;

    /// Asked once: should the probe's timer start anew?
    fn take_probe_start(&mut self) -> bool;

    /// A tail loss probe left, `nxt` being SND.NXT behind it.
    fn on_tail_probe_sent(&mut self, probe: TailProbeSent, nxt: SeqNumber, stamp: SentStamp);

    /// Octets of memory that the record of transmissions takes.
    fn held_octets(&self) -> usize;

    /// What is lost and should be sent again first: whole segments of `smss`, or all of it, as far as
    /// `room` octets go.
    fn next_resend(&self, room: u32, smss: u32) -> Option<Resend>;

    /// F-RTO asks for new text instead of retransmissions (RFC 5682 §2.1, §3.1, step 2b).
    fn offers_new_text(&self) -> bool;

    /// There is none that may go.
    fn on_no_new_text(&mut self);

    /// "pipe" of RFC 6675 §4: octets that are thought to be in the network.
    fn pipe_octets(&self, nxt: SeqNumber) -> u32;

    /// True if one segment is to be resent whatever cwnd says (fast retransmit, RFC 5681 §3.2).
    fn resends_regardless(&self) -> bool;

    /// True while losses are being repaired.
    fn is_recovering(&self) -> bool;

    /// Why everything in flight is sent again; `None` if it is not.
    fn resends_all(&self) -> Option<ResendAll>;

    /// What STATUS tells.
    fn standing(&self) -> Standing;
}

/// The algorithm of a new connection. There is one; others become variants of an enum here.
pub(crate) type Recovery = Repair;

/// Bounds and settings of recovery.
pub(crate) fn new_recovery(config: &Config, iss: SeqNumber) -> Recovery {
    Repair::new(
        iss,
        usize::try_from(config.scoreboard_ranges_max).unwrap_or(8_192),
    )
}

#[cfg(test)]
mod tests;
