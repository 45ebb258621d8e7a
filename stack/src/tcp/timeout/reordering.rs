//! RACK's reordering timer: what was only late by now is lost (RFC 8985 §6.2, step 5).
//!
//! It sends nothing: recovery marks what is lost, and congestion control hears of it.

use crate::context::Context;
use crate::tcp::arrives::{congestion, loss};
use crate::tcp::connection::Connection;
use crate::tcp::recovery::LossRecovery;

/// See the module.
pub(crate) fn expires(connection: &mut Connection, cx: &mut Context<'_>) {
    let (nxt, clock) = (connection.snd.window.nxt, loss::clock(connection, cx));
    let outcome = connection.recovery.on_reordering_timer(nxt, &clock);
    loss::tell(connection, &outcome, cx);
    congestion::on_timed_loss(connection, &outcome, &clock, cx);
    loss::pace(connection, &outcome, loss::Progress::No);
}
