//! Seventh, process the segment text (RFC 9293 §3.10.7.4).
//!
//! Called by `synchronized.rs` with text that lies within the window. What is in order goes to the
//! user's queue, the rest waits; either way the peer hears of it.

use core::ops::ControlFlow;

use super::Verdict;
use crate::context::Context;
use crate::discard::Discard;
use crate::observe::SendReason;
use crate::tcp::connection::{Connection, Handle, Pressure};
use crate::tcp::ecn::Standing;
use crate::tcp::receive::acknowledge::Urgency;
use crate::tcp::receive::queue::unpinned;
use crate::tcp::receive::reassembly::ReassemblyLimits;
use crate::tcp::recovery::Sack;
use crate::tcp::segment::Segment;
use crate::tcp::state;
use crate::wire::protocol::Ecn;

/// See the module.
pub(crate) fn take_text(
    connection: &mut Connection,
    segment: &mut Segment,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    if segment.text.is_empty() {
        return ControlFlow::Continue(());
    }
    if !state::takes_text(connection.state) {
        // The peer's FIN came before; in TIME-WAIT and its kin nothing else was to come.
        connection.acknowledge_now(SendReason::AcknowledgeUnacceptable);
        return ControlFlow::Break(Verdict::Dropped(Discard::TcpAfterFin));
    }
    if connection.handle == Handle::Released {
        return ControlFlow::Break(Verdict::Unread);
    }
    if let Some(fin) = connection.rcv.fin {
        // The FIN is known and waits for what is missing before it: nothing lies behind it.
        let fin = connection.rcv.seq_at(fin);
        if fin.is_at_or_before(segment.seq) {
            segment.drop_text();
            return ControlFlow::Break(Verdict::Dropped(Discard::TcpAfterFin));
        }
        segment.trim_back(fin);
    }
    connection.challenge.on_progress();
    connection.measure_receive(segment, cx.now);
    connection.ecn.on_text(segment.flags, segment.ecn);
    if segment.ecn == Ecn::CongestionExperienced && connection.ecn.standing() == Standing::Agreed {
        connection.count_marked(segment.segments);
    }
    if segment.seq == connection.rcv.nxt {
        take_in_order(connection, segment, cx)
    } else {
        keep_out_of_order(connection, segment, cx)
    }
}

fn take_in_order(
    connection: &mut Connection,
    segment: &Segment,
    cx: &Context<'_>,
) -> ControlFlow<Verdict> {
    if connection.pressure == Pressure::Full && !connection.reading_is_shut {
        // Not acknowledged: the peer sends it again when some of what others hold is gone.
        return ControlFlow::Break(Verdict::Dropped(Discard::TcpMemoryFull));
    }
    let text = segment.text.clone();
    let octets = text.len();
    note_overlap(connection, octets as u64);
    deliver(connection, unpinned(text, segment.frame_octets));
    let octets = octets as u32;
    let rcv_mss = connection.rcv_mss();
    connection
        .rcv
        .acknowledge
        .on_text(octets, octets.div_ceil(segment.segments), rcv_mss);
    if connection.rcv.acknowledge.urgency() == Urgency::Now {
        connection.ack_reason = SendReason::AcknowledgeSecond;
    }
    connection.acknowledge_quickly(segment.segments, cx.config, cx.now);
    let Some(mut waiting) = connection.rcv.out_of_order.take() else {
        return ControlFlow::Continue(());
    };
    if waiting.reassembly.is_empty() {
        connection.rcv.out_of_order = Some(waiting);
        return ControlFlow::Continue(());
    }
    while let Some(text) = waiting.reassembly.pop_at(connection.rcv.position) {
        deliver(connection, text);
    }
    // RFC 5681 §4.2: a segment that fills a hole, in whole or in part, is acknowledged at once.
    connection.acknowledge_now(SendReason::AcknowledgeOutOfOrder);
    if !waiting.reassembly.is_empty() || waiting.sack.has_duplicate() {
        connection.rcv.out_of_order = Some(waiting);
    }
    ControlFlow::Continue(())
}

/// Text in order, of which some waits already: a duplicate of that part (RFC 2883 §4.2). One that the
/// segment has below RCV.NXT comes first, and only the first is reported.
fn note_overlap(connection: &mut Connection, octets: u64) {
    let position = connection.rcv.position;
    let Some(waiting) = &mut connection.rcv.out_of_order else {
        return;
    };
    if connection.sack == Sack::NotAgreed || waiting.sack.has_duplicate() {
        return;
    }
    let ranges = waiting.reassembly.ranges();
    if let Some(duplicate) = ranges.first_within(position..position + octets) {
        waiting.sack.on_duplicate(duplicate);
    }
}

fn deliver(connection: &mut Connection, text: bytes::Bytes) {
    connection.rcv.advance(text.len());
    if connection.reading_is_shut {
        connection.rcv.queue.skip(text.len());
        return;
    }
    connection.rcv.queue.push(text);
    connection.notices.readable = true;
}

fn keep_out_of_order(
    connection: &mut Connection,
    segment: &Segment,
    cx: &Context<'_>,
) -> ControlFlow<Verdict> {
    let position = connection.rcv.position_of(segment.seq);
    let text = unpinned(segment.text.clone(), segment.frame_octets);
    let limits = ReassemblyLimits {
        ranges_max: cx.config.reassembly_ranges_max as usize,
        // Pieces cost more than their octets; what is worth more than twice the window is shed.
        octets_max: (connection.rcv.window.buffer_octets() as usize).saturating_mul(2),
    };
    let kept = match connection.pressure {
        Pressure::High | Pressure::Full => false,
        Pressure::None => {
            let sack = connection.sack;
            let waiting = connection.out_of_order();
            let end = position + text.len() as u64;
            // RFC 2883 §4.2: of a segment that is partly new, the first part that is not.
            let duplicate = waiting.reassembly.ranges().first_within(position..end);
            if let Some(duplicate) = duplicate
                && sack == Sack::Agreed
            {
                waiting.sack.on_duplicate(duplicate);
            }
            let kept = waiting.reassembly.insert(position, &text, limits).is_ok();
            if let Some(block) = waiting.reassembly.ranges().range_with(position) {
                waiting.sack.on_out_of_order(block.start);
            }
            kept
        }
    };
    // RFC 5681 §4.2: a duplicate acknowledgment at once, for each of them if the peer counts.
    connection.ack_reason = SendReason::AcknowledgeOutOfOrder;
    match connection.sack {
        Sack::Agreed => connection.rcv.acknowledge.now(),
        Sack::NotAgreed => connection.rcv.acknowledge.duplicate(),
    }
    if kept {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(Verdict::Dropped(Discard::TcpReassemblyFull))
    }
}
