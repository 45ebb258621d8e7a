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
use crate::tcp::sample::{AckOutcome, AckSample};
use crate::wire::tcp_options::SackBlocks;

mod new_reno;
mod news;
pub(crate) mod rtt;
pub(crate) mod scoreboard;
#[allow(dead_code)]
pub(crate) mod sent;

pub(crate) use new_reno::NewReno;

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

    /// Everything up to `nxt` has to be sent again.
    fn on_resend_all(&mut self, nxt: SeqNumber, why: ResendAll);

    /// The part that `next_resend` named was sent, `nxt` being SND.NXT.
    fn on_resent(&mut self, resend: Resend, nxt: SeqNumber, stamp: SentStamp);

    /// Octets of memory that the record of transmissions takes.
    fn held_octets(&self) -> usize;

    /// What is lost and should be sent again first, at most `octets_max` of it.
    fn next_resend(&self, octets_max: u32) -> Option<Resend>;

    /// RFC 6675 §4, NextSeg rule (3): what may be lost, for when nothing else can be sent.
    fn next_speculative(&self, octets_max: u32) -> Option<Resend>;

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
pub(crate) type Recovery = NewReno;

/// Bounds and settings of recovery.
pub(crate) fn new_recovery(config: &Config, iss: SeqNumber) -> Recovery {
    NewReno::new(
        iss,
        usize::try_from(config.scoreboard_ranges_max).unwrap_or(256),
    )
}

#[cfg(test)]
mod tests;
