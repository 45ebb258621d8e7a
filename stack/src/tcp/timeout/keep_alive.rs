//! Keep-alive (RFC 9293 §3.8.4): only when nothing is outstanding and the peer has been silent
//! (MUST-26), and never on one lost probe alone (MUST-29).

use crate::context::Context;
use crate::event::ConnectionError;
use crate::observe::State;
use crate::tcp::connection::Connection;
use crate::tcp::timers::Timer;

/// See the module.
pub(crate) fn expires(connection: &mut Connection, cx: &mut Context<'_>) {
    let Some(keep_alive) = connection.settings.keep_alive else {
        return;
    };
    match connection.state {
        State::Established | State::CloseWait | State::FinWait2 => {}
        State::FinWait1 => {
            // Our FIN is outstanding, and retransmission or probes look after it; FIN-WAIT-2 will
            // need the timer again.
            let next_at = cx.now + keep_alive.idle;
            connection.timers.set(Timer::KeepAlive, next_at);
            return;
        }
        State::Closed
        | State::Listen
        | State::SynSent
        | State::SynReceived
        | State::Closing
        | State::LastAck
        | State::TimeWait => return,
    }
    let silent_since = connection.last_heard_at;
    let due_at = silent_since + keep_alive.idle;
    let is_busy = connection.snd.window.in_flight() > 0 || connection.snd.unsent_octets() > 0;
    if connection.attempts.keep_alives == 0 && (is_busy || cx.now < due_at) {
        // Arrivals do not move the timer; it looks for itself when it expires.
        let next_at = if cx.now < due_at {
            due_at
        } else {
            cx.now + keep_alive.idle
        };
        connection.timers.set(Timer::KeepAlive, next_at);
        return;
    }
    if connection.attempts.keep_alives >= keep_alive.probes_max {
        connection.fail(ConnectionError::TimedOut, "RFC 9293 §3.8.4", cx);
        return;
    }
    connection.attempts.keep_alives += 1;
    connection.owed.keep_alive = true;
    connection
        .timers
        .set(Timer::KeepAlive, cx.now + keep_alive.interval);
}
