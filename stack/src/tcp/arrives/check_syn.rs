//! Fourth, check the SYN bit (RFC 9293 §3.10.7.4, RFC 5961 §4.2, RFC 6191).
//!
//! Called by `synchronized.rs`. A SYN never tears a connection down; in TIME-WAIT it may begin
//! the next one.

use core::ops::ControlFlow;

use super::Verdict;
use crate::context::Context;
use crate::discard::Discard;
use crate::observe::{SendReason, State};
use crate::tcp::connection::Connection;
use crate::tcp::segment::Segment;
use crate::tcp::timestamps::is_earlier;
use crate::wire::tcp::TcpFlags;

/// See the module.
pub(crate) fn check_syn(
    connection: &mut Connection,
    segment: &Segment,
    cx: &mut Context<'_>,
) -> ControlFlow<Verdict> {
    if !segment.has(TcpFlags::SYN) {
        return ControlFlow::Continue(());
    }
    if connection.state == State::TimeWait && !segment.has(TcpFlags::ACK) {
        return ControlFlow::Break(if begins_anew(connection, segment) {
            Verdict::Reopens
        } else {
            Verdict::Dropped(Discard::TcpSynInTimeWait)
        });
    }
    let repeats = connection.state == State::SynReceived
        && !segment.has(TcpFlags::ACK)
        && segment.seq_on_arrival == connection.rcv.irs;
    if repeats {
        // The peer did not see our SYN-ACK (RFC 7413 §4.2.2 has it repeat a SYN without text).
        connection.owed.syn = true;
        return ControlFlow::Break(Verdict::Dropped(Discard::TcpOutsideWindow));
    }
    connection.challenge(SendReason::ChallengeSyn, cx);
    ControlFlow::Break(Verdict::Dropped(Discard::TcpSynChallenged))
}

/// RFC 6191 §2: does the SYN prove to be newer than everything of this incarnation?
fn begins_anew(connection: &Connection, segment: &Segment) -> bool {
    // "The last sequence number seen" is that of the peer's FIN.
    let last_seen = connection.rcv.nxt - 1;
    let is_later = last_seen.is_before(segment.seq_on_arrival);
    match (connection.timestamps, segment.options.timestamps) {
        (Some(old), Some(new)) => {
            is_earlier(old.ts_recent(), new.value) || (old.ts_recent() == new.value && is_later)
        }
        (None, Some(_)) => true,
        (Some(_) | None, None) => is_later,
    }
}
