//! SEGMENT ARRIVES in SYN-SENT (RFC 9293 §3.10.7.3, RFC 5961 §3.2).
//!
//! `input.rs` calls it. The order of the checks is the RFC's. Text and FIN that come with the SYN are
//! processed as in the synchronized states.

use core::ops::ControlFlow;

use super::Verdict;
use super::check_fin::check_fin;
use super::check_urgent::check_urgent;
use super::take_text::take_text;
use crate::context::Context;
use crate::discard::Discard;
use crate::event::ConnectionError;
use crate::observe::{SendReason, State};
use crate::tcp::connection::{Connection, mss_least};
use crate::tcp::negotiate;
use crate::tcp::segment::Segment;
use crate::tcp::timers::Timer;
use crate::wire::tcp::TcpFlags;

const CLAUSE: &str = "RFC 9293 §3.10.7.3";

/// See the module.
pub(crate) fn segment_arrives(
    connection: &mut Connection,
    segment: &mut Segment,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    let ack_is_acceptable = check_ack(connection, segment)?; // first
    check_reset(connection, segment, ack_is_acceptable, cx)?; // second
    // Third, security: we offer no compartments, so all match.
    check_syn(connection, segment, ack_is_acceptable, cx) // fourth
    // Fifth: "if neither of the SYN or RST bits is set, then drop the segment": above.
}

/// Whether a segment acknowledges our SYN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum OurSyn {
    Acked,
    NotAcked,
}

fn check_ack(connection: &Connection, segment: &Segment) -> ControlFlow<Verdict, OurSyn> {
    if !segment.has(TcpFlags::ACK) {
        return ControlFlow::Continue(OurSyn::NotAcked);
    }
    let window = &connection.snd.window;
    // ISS < SEG.ACK =< SND.NXT.
    let is_acceptable =
        connection.snd.iss.is_before(segment.ack) && segment.ack.is_at_or_before(window.nxt);
    if is_acceptable {
        ControlFlow::Continue(OurSyn::Acked)
    } else {
        ControlFlow::Break(Verdict::Refused(Discard::TcpNotForSynSent))
    }
}

fn check_reset(
    connection: &mut Connection,
    segment: &Segment,
    our_syn: OurSyn,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    if !segment.has(TcpFlags::RST) {
        return ControlFlow::Continue(());
    }
    match our_syn {
        OurSyn::Acked => {
            connection.fail(ConnectionError::Refused, CLAUSE, cx);
            ControlFlow::Break(Verdict::Ended)
        }
        OurSyn::NotAcked => ControlFlow::Break(Verdict::Dropped(Discard::TcpNotForSynSent)),
    }
}

fn check_syn(
    connection: &mut Connection,
    segment: &mut Segment,
    our_syn: OurSyn,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    if !segment.has(TcpFlags::SYN) {
        return ControlFlow::Break(Verdict::Dropped(Discard::TcpNotForSynSent));
    }
    take_syn(connection, segment, cx);
    match our_syn {
        OurSyn::Acked => {
            let (una, now) = (connection.snd.iss + 1, cx.now);
            let nxt = connection.snd.window.nxt;
            if let Some(round_trip) = connection.snd.in_flight.on_acked(una, nxt, now) {
                connection.rtt.on_sample(round_trip);
                connection.rtt.on_least(round_trip, now);
            }
            connection.snd.window.acknowledge(una);
            connection
                .snd
                .window
                .begin(segment.seq, segment.ack, segment.wnd);
            connection.timers.stop(Timer::Retransmission);
            connection.on_synchronized(CLAUSE, cx);
            connection.take_ack_beyond_syn(segment, cx);
            connection.acknowledge_now(SendReason::AcknowledgeNow);
            // "If there are other controls or text in the segment, then continue processing at the
            // sixth step."
            segment.trim_front(connection.rcv.nxt);
            segment.trim_back(connection.rcv.window.edge());
            check_urgent(connection, segment)?;
            take_text(connection, segment, cx)?;
            check_fin(connection, segment, cx)
        }
        OurSyn::NotAcked => {
            // Simultaneous open (MUST-10): the same ISS, now with an ACK. Text that came along is
            // not acknowledged, so it comes again.
            let iss = connection.snd.iss;
            connection.snd.window.begin(segment.seq, iss, segment.wnd);
            connection.enter(State::SynReceived, CLAUSE, cx);
            connection.owed.syn = true;
            ControlFlow::Continue(())
        }
    }
}

/// RCV.NXT, IRS and what the options agree on.
fn take_syn(connection: &mut Connection, segment: &Segment, cx: &mut Context<'_>) {
    let shift = negotiate::shift_for(connection.settings.receive_buffer_octets_max);
    let agreed = negotiate::agree(
        &segment.options,
        shift,
        connection.tuple.remote.ip(),
        mss_least(cx.config),
    );
    connection.on_peer_syn(segment.seq, &agreed, cx.now);
    connection.ecn.on_answer(segment.flags);
    // What our SYN said about the window counts from the peer's first number on.
    let nxt = connection.rcv.nxt;
    connection.rcv.window.advertise_unscaled(nxt);
    connection.hear_user_timeout(segment, cx);
    connection.last_heard_at = cx.now;
}
