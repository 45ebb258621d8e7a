//! Eighth, check the FIN bit (RFC 9293 §3.10.7.4).
//!
//! Called by `synchronized.rs`. A FIN that came before the text in front of it waits for that.

use core::ops::ControlFlow;

use super::Verdict;
use crate::context::Context;
use crate::observe::{SendReason, State};
use crate::tcp::connection::Connection;
use crate::tcp::segment::Segment;
use crate::tcp::state;
use crate::wire::tcp::TcpFlags;

const EIGHTH: &str = "RFC 9293 §3.10.7.4, eighth";

/// See the module.
pub(crate) fn check_fin(
    connection: &mut Connection,
    segment: &Segment,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    if segment.has(TcpFlags::FIN) {
        note_fin(connection, segment);
    }
    if connection.rcv.fin != Some(connection.rcv.position) {
        return ControlFlow::Continue(());
    }
    // Everything before it is here: RCV.NXT advances over the FIN.
    connection.rcv.advance(1);
    connection.rcv.out_of_order = None;
    connection.acknowledge_now(SendReason::AcknowledgeFin);
    connection.notices.readable = true;
    match state::after_fin(connection.state, connection.our_fin()) {
        Some(State::TimeWait) => connection.enter_time_wait(EIGHTH, cx),
        Some(to) => connection.enter(to, EIGHTH, cx),
        None => {}
    }
    ControlFlow::Continue(())
}

/// Remembers where the stream ends. The first FIN to say so wins.
fn note_fin(connection: &mut Connection, segment: &Segment) {
    if connection.rcv.fin.is_some() {
        // Repeated while the first one waits, or at its place: acknowledged again.
        connection.acknowledge_now(SendReason::AcknowledgeFin);
        return;
    }
    let end = segment.seq + segment.text.len() as u32;
    let position = connection.rcv.position_of(end);
    if position < connection.rcv.position {
        // Text beyond it was acknowledged: the peer contradicts itself, and what came first counts.
        return;
    }
    connection.rcv.fin = Some(position);
    if position != connection.rcv.position {
        // It waits, and is reported like text: a sender that hears of it does not repeat it.
        let waiting = connection.out_of_order();
        waiting.reassembly.end_at(position);
        if let Some(block) = waiting.reassembly.ranges().range_with(position) {
            waiting.sack.on_out_of_order(block.start);
        }
        connection.acknowledge_now(SendReason::AcknowledgeFin);
    }
}
