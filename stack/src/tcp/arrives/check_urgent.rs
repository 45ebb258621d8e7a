//! Sixth, check the URG bit (RFC 9293 §3.10.7.4, §3.8.5).
//!
//! Called by `synchronized.rs`. The text itself is never touched (BAD-42): only RCV.UP moves.

use core::ops::ControlFlow;

use super::Verdict;
use crate::tcp::connection::Connection;
use crate::tcp::segment::Segment;
use crate::tcp::state;
use crate::wire::tcp::TcpFlags;

/// See the module.
pub(crate) fn check_urgent(connection: &mut Connection, segment: &Segment) -> ControlFlow<Verdict> {
    // After the peer's FIN this "should not occur": the URG is ignored.
    if !segment.has(TcpFlags::URG) || !state::takes_text(connection.state) || segment.up == 0 {
        return ControlFlow::Continue(());
    }
    let start = connection.rcv.position_of(segment.seq_on_arrival);
    let end = start.wrapping_add(u64::from(segment.up));
    let taken = connection.rcv.queue.taken();
    // A pointer that lies before the stream wrapped below zero; nothing can be urgent there.
    if end <= i64::MAX as u64 && connection.rcv.urgent.announce(end, taken) {
        connection.notices.urgent = true;
    }
    ControlFlow::Continue(())
}
