//! The peer's window is closed, or too small to be worth it (RFC 9293 §3.8.6.1, §3.8.6.2.1).
//!
//! A closed window is probed for as long as the peer answers (MUST-36, MUST-37); what has no user any
//! more is not waited for without end (BAD-62).

use crate::context::Context;
use crate::event::ConnectionError;
use crate::tcp::connection::{Connection, Handle};
use crate::tcp::settings::Patience;

/// See the module.
pub(crate) fn expires(connection: &mut Connection, cx: &mut Context<'_>) {
    if connection.snd.window.wnd() > 0 {
        connection.owed.sws_override = true;
        return;
    }
    let attempts = &mut connection.attempts;
    let limit = u32::try_from(cx.config.r2_retransmissions).unwrap_or(u32::MAX);
    let unanswered = attempts.unanswered_probes >= limit;
    let forsaken = connection.handle == Handle::Released && attempts.window_probes >= limit;
    let gives_up = match connection.settings.patience {
        Patience::Retransmissions => unanswered,
        Patience::Time(patience) => connection
            .snd
            .in_flight
            .waiting_since()
            .is_some_and(|since| patience <= cx.now.since(since)),
        Patience::Unlimited => false,
    };
    if forsaken || gives_up {
        connection.fail(ConnectionError::TimedOut, "RFC 9293 §3.8.3", cx);
        return;
    }
    attempts.window_probes = attempts.window_probes.saturating_add(1);
    attempts.unanswered_probes = attempts.unanswered_probes.saturating_add(1);
    connection.owed.window_probe = true;
}
