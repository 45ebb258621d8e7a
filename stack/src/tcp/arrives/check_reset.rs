//! Second, check the RST bit (RFC 9293 §3.10.7.4, RFC 5961 §3.2).
//!
//! Called by `synchronized.rs` with a segment that lies within the window.

use core::ops::ControlFlow;

use super::Verdict;
use crate::context::Context;
use crate::discard::Discard;
use crate::event::ConnectionError;
use crate::observe::{SendReason, State};
use crate::tcp::connection::{Connection, Opening};
use crate::tcp::segment::Segment;
use crate::wire::tcp::TcpFlags;

/// See the module.
pub(crate) fn check_reset(
    connection: &mut Connection,
    segment: &Segment,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    if !segment.has(TcpFlags::RST) {
        return ControlFlow::Continue(());
    }
    if connection.state == State::TimeWait {
        // RFC 9293 would close; RFC 1337, fix F1, which we follow, ignores it.
        return ControlFlow::Break(Verdict::Dropped(Discard::TcpResetInTimeWait));
    }
    if segment.seq != connection.rcv.nxt {
        connection.challenge(SendReason::ChallengeReset, cx);
        return ControlFlow::Break(Verdict::Dropped(Discard::TcpResetChallenged));
    }
    let error = match (connection.state, connection.opening) {
        (State::SynReceived, Opening::Active) => ConnectionError::Refused,
        _ => ConnectionError::Reset,
    };
    match connection.state {
        // Both sides had closed: nothing is lost, and nobody needs to be told. The RFC flushes no
        // queue here, so what was received and acknowledged can still be read.
        State::Closing | State::LastAck => {
            connection.enter_closed("RFC 9293 §3.10.7.4, second", cx);
        }
        _ => {
            // "All segment queues should be flushed."
            connection.rcv.queue.clear();
            connection.fail(error, "RFC 9293 §3.10.7.4, second", cx);
        }
    }
    ControlFlow::Break(Verdict::Ended)
}
