//! First, check the sequence number (RFC 9293 §3.10.7.4), after PAWS (RFC 7323 §5.3).
//!
//! Called by `synchronized.rs`. What goes on from here begins at RCV.NXT or later and ends within the
//! window; the text of it may still lie behind a hole.

use core::ops::ControlFlow;

use super::Verdict;
use crate::base::SeqNumber;
use crate::context::Context;
use crate::discard::Discard;
use crate::observe::{SendReason, State};
use crate::tcp::connection::Connection;
use crate::tcp::recovery::Sack;
use crate::tcp::segment::Segment;
use crate::wire::tcp::TcpFlags;

/// See the module.
pub(crate) fn check_sequence(
    connection: &mut Connection,
    segment: &mut Segment,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    meet_crossing_syn(connection, segment);
    if segment.has(TcpFlags::RST) {
        // A RST may carry text that explains it (SHLD-2); only its number counts.
        segment.drop_text();
    }
    check_paws(connection, segment, cx)?;
    let nxt = connection.rcv.nxt;
    let wnd = connection.rcv.window.wnd(nxt);
    if segment.has(TcpFlags::SYN) && !segment.has(TcpFlags::RST) {
        // RFC 5961 §4.2: challenged, or reopens, whatever its number: fourth check.
        return ControlFlow::Continue(());
    }
    if is_acceptable(segment, nxt, wnd) {
        note_duplicate(connection, segment);
        segment.trim_front(nxt);
        segment.trim_back(nxt + wnd);
        return ControlFlow::Continue(());
    }
    if segment.has(TcpFlags::RST) {
        return drop_as(Discard::TcpOutsideWindow);
    }
    if wnd == 0 && segment.seq == nxt {
        // A closed window still lets ACK and URG through (MUST-66); the text is refused.
        segment.drop_text();
        connection.acknowledge_now(SendReason::AcknowledgeUnacceptable);
        return ControlFlow::Continue(());
    }
    answer_unacceptable(connection, segment, cx);
    drop_as(Discard::TcpOutsideWindow)
}

/// The acceptability test: four cases (RFC 9293 §3.4, Table 6).
///
/// The fourth looks at the first and the last octet. A segment that covers the window from before its
/// left edge to beyond its right one has neither inside and would fail; what lies between is as good
/// as any, so we take it, as others do.
pub(crate) fn is_acceptable(segment: &Segment, nxt: SeqNumber, wnd: u32) -> bool {
    let in_window = |seq: SeqNumber| is_within(seq, nxt, wnd);
    match (segment.seg_len(), wnd) {
        (0, 0) => segment.seq == nxt,
        (0, _) => in_window(segment.seq),
        (_, 0) => false,
        (seg_len, _) => {
            let last = segment.seq + (seg_len - 1);
            let covers = segment.seq.is_before(nxt) && (nxt + wnd).is_at_or_before(last);
            in_window(segment.seq) || in_window(last) || covers
        }
    }
}

/// RCV.NXT =< SEG.SEQ < RCV.NXT+RCV.WND.
#[cfg(not(feature = "planted-bug"))]
const fn is_within(seq: SeqNumber, nxt: SeqNumber, wnd: u32) -> bool {
    nxt.distance_to(seq) < wnd
}

/// The mistake that the fuzzers must find: numbers are compared as if they lay on a line, so that what is
/// ahead of the wrap is taken to be behind.
#[cfg(feature = "planted-bug")]
const fn is_within(seq: SeqNumber, nxt: SeqNumber, wnd: u32) -> bool {
    nxt.raw() <= seq.raw() && seq.raw() - nxt.raw() < wnd
}

/// Simultaneous open (RFC 9293 §3.5, Figure 8): the peer's SYN-ACK repeats the SYN that brought us
/// to SYN-RECEIVED. Its SYN is old, its ACK is what we wait for.
fn meet_crossing_syn(connection: &Connection, segment: &mut Segment) {
    if connection.state == State::SynReceived
        && segment.has(TcpFlags::SYN)
        && segment.has(TcpFlags::ACK)
        && !segment.has(TcpFlags::RST)
        && segment.seq == connection.rcv.irs
    {
        segment.trim_front(connection.rcv.nxt);
        segment.seq_on_arrival = segment.seq;
        // The window of a segment with SYN is never scaled (RFC 7323 §2.2).
        segment.wnd >>= connection.snd.window.shift();
    }
}

fn check_paws(
    connection: &mut Connection,
    segment: &Segment,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    let Some(state) = &connection.timestamps else {
        return ControlFlow::Continue(());
    };
    // RSTs are exempt, and a SYN may be of a new incarnation, which the fourth check looks at.
    if segment.has(TcpFlags::RST) || segment.has(TcpFlags::SYN) {
        return ControlFlow::Continue(());
    }
    match segment.options.timestamps {
        // RFC 7323 §3.2: dropped, and never a reason to abort.
        None => drop_as(Discard::TcpTimestampMissing),
        Some(timestamps) if state.is_old(timestamps.value, cx.now) => {
            answer_unacceptable(connection, segment, cx);
            drop_as(Discard::TcpPaws)
        }
        Some(_) => ControlFlow::Continue(()),
    }
}

/// "If an incoming segment is not acceptable, an acknowledgment should be sent in reply."
fn answer_unacceptable(connection: &mut Connection, segment: &Segment, cx: &mut Context<'_>) {
    note_duplicate(connection, segment);
    if connection.state == State::TimeWait && segment.has(TcpFlags::FIN) {
        // The peer repeats its FIN: acknowledge it and restart the 2 MSL (eighth check).
        connection.restart_time_wait(cx);
    }
    // Neither a bare ACK nor old text may be answered for ever (BAD-46). But the peer may repeat text
    // because our ACK was lost, so there are more answers to that as long as the stream gets on.
    if segment.seg_len() == 0 {
        connection.challenge(SendReason::AcknowledgeUnacceptable, cx);
    } else if connection
        .challenge
        .permits_repeat(cx.now, cx.config.challenge_acks_per_second)
    {
        connection.acknowledge_now(SendReason::AcknowledgeUnacceptable);
    }
}

/// What of the text had arrived before is reported as a duplicate (RFC 2883 §4).
fn note_duplicate(connection: &mut Connection, segment: &Segment) {
    let old_before_nxt = segment.seq.is_before(connection.rcv.nxt) && !segment.text.is_empty();
    if connection.sack == Sack::NotAgreed || !old_before_nxt || connection.state == State::TimeWait
    {
        return;
    }
    let nxt = connection.rcv.nxt;
    let text_end = segment.seq + segment.text.len() as u32;
    let end = text_end.earlier_of(nxt);
    // Older than the stream itself, or more than was ever received: no duplicate of ours.
    let behind = u64::from(segment.seq.distance_to(nxt));
    if behind > connection.rcv.position {
        return;
    }
    let start = connection.rcv.position - behind;
    let octets = u64::from(segment.seq.distance_to(end));
    connection
        .out_of_order()
        .sack
        .on_duplicate(start..start + octets);
}

fn drop_as(reason: Discard) -> ControlFlow<Verdict> {
    ControlFlow::Break(Verdict::Dropped(reason))
}
