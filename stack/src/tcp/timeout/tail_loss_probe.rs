//! The probe timeout: an acknowledgment of the tail is overdue (RFC 8985 §7.3).
//!
//! It notes that a probe is due, if one may go, and starts the timer of retransmissions anew either
//! way.

use crate::context::Context;
use crate::tcp::connection::Connection;
use crate::tcp::recovery::LossRecovery;
use crate::tcp::timers::Timer;

/// See the module.
pub(crate) fn expires(connection: &mut Connection, cx: &Context<'_>) {
    if connection.snd.window.in_flight() == 0 {
        return;
    }
    connection.owed.tail_probe = connection.recovery.may_probe_tail();
    // "MUST re-arm the RTO timer, not the PTO timer."
    let rto = connection.rtt.rto();
    connection.timers.set(Timer::Retransmission, cx.now + rto);
}
