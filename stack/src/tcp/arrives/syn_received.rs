//! SEGMENT ARRIVES in SYN-RECEIVED of a passive open (RFC 9293 §3.10.7.4, where it says so).
//!
//! `input.rs` calls it for a [`HalfOpen`]. Whatever is wrong with a segment is found before a
//! connection exists; one that completes the handshake goes on to `synchronized.rs`.

use super::Verdict;
use super::check_sequence::is_acceptable;
use crate::context::Context;
use crate::discard::Discard;
use crate::observe::SendReason;
use crate::tcp::ecn::{Standing, answer_to_syn};
use crate::tcp::half_open::{Admitted, HalfOpen};
use crate::tcp::segment::Segment;
use crate::tcp::settings::Settings;
use crate::wire::tcp::TcpFlags;

/// What is to become of the half-open connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    /// It stays; the segment is dealt with.
    Stays(Verdict),
    /// Back to LISTEN: it is forgotten.
    Forgotten(Option<Discard>),
    /// The handshake is over.
    Completes,
}

/// The checks of RFC 9293 §3.10.7.4 as far as they concern it, in its order.
pub(crate) fn segment_arrives(
    half_open: &mut HalfOpen,
    settings: &Settings,
    segment: &Segment,
    cx: &mut Context<'_>,
) -> Step {
    if half_open.admitted == Admitted::Undecided && !segment.has(TcpFlags::RST) {
        // The peer repeats its SYN; whatever else it sends answers nothing that we have sent.
        return Step::Stays(Verdict::Dropped(Discard::TcpSynUndecided));
    }
    if segment.flags.without(TcpFlags::ECE).without(TcpFlags::CWR) == TcpFlags::SYN
        && segment.seq == half_open.irs
    {
        // The peer did not see our SYN-ACK.
        half_open.owes_syn_ack = Some(SendReason::OpenAgain);
        // A SYN that does not ask any more takes back what the first one asked (RFC 3168 §6.1.1.1).
        if answer_to_syn(settings.ecn, segment.flags) == Standing::Off {
            half_open.agreed.ecn = Standing::Off;
        }
        return Step::Stays(Verdict::Dropped(Discard::TcpOutsideWindow));
    }
    let mut segment = segment.clone();
    if segment.has(TcpFlags::RST) {
        segment.drop_text();
    } else if half_open.agreed.timestamps.is_some() && !segment.has(TcpFlags::SYN) {
        match segment.options.timestamps {
            None => return Step::Stays(Verdict::Dropped(Discard::TcpTimestampMissing)),
            Some(it) if half_open.is_old(it.value, cx.now) => {
                return answered(
                    half_open,
                    SendReason::AcknowledgeUnacceptable,
                    Discard::TcpPaws,
                    cx,
                );
            }
            Some(_) => {}
        }
    }
    let (nxt, wnd) = (half_open.rcv_nxt(), half_open.rcv_wnd(settings));
    if !is_acceptable(&segment, nxt, wnd) {
        if segment.has(TcpFlags::RST) {
            return Step::Stays(Verdict::Dropped(Discard::TcpOutsideWindow));
        }
        let reason = SendReason::AcknowledgeUnacceptable;
        return answered(half_open, reason, Discard::TcpOutsideWindow, cx);
    }
    if segment.has(TcpFlags::RST) {
        if segment.seq == nxt {
            // MUST-11: "return this connection to LISTEN; the user need not be informed".
            return Step::Forgotten(None);
        }
        let reason = SendReason::ChallengeReset;
        return answered(half_open, reason, Discard::TcpResetChallenged, cx);
    }
    if segment.has(TcpFlags::SYN) {
        return Step::Forgotten(Some(Discard::TcpSynChallenged));
    }
    if !segment.has(TcpFlags::ACK) {
        return Step::Stays(Verdict::Dropped(Discard::TcpNoAck));
    }
    if segment.ack != half_open.iss + 1 {
        return Step::Stays(Verdict::Refused(Discard::TcpUnacceptableAck));
    }
    Step::Completes
}

fn answered(
    half_open: &mut HalfOpen,
    reason: SendReason,
    discard: Discard,
    cx: &Context<'_>,
) -> Step {
    if half_open
        .challenge
        .permits(cx.now, cx.config.challenge_acks_per_second)
    {
        half_open.owes_ack = Some(reason);
    }
    Step::Stays(Verdict::Dropped(discard))
}
