//! USER TIMEOUT (RFC 9293 §3.10.8, §3.8.3): R2 as a time, the end of trying to open, and the end of
//! FIN-WAIT-2 without a user.

use crate::context::Context;
use crate::event::{ConnectionError, SoftError};
use crate::observe::State;
use crate::tcp::connection::{Connection, Handle};
use crate::tcp::settings::Patience;
use crate::tcp::timers::Timer;

/// See the module.
pub(crate) fn expires(connection: &mut Connection, cx: &mut Context<'_>) {
    match connection.state {
        State::SynSent | State::SynReceived => {
            let error = opening_error(connection.soft_error);
            connection.fail(error, "RFC 9293 §3.8.3", cx);
        }
        State::FinWait2 if connection.handle == Handle::Released => {
            connection.enter_closed("RFC 9293 §3.10.8", cx);
        }
        State::Closed
        | State::Listen
        | State::Established
        | State::FinWait1
        | State::FinWait2
        | State::CloseWait
        | State::Closing
        | State::LastAck
        | State::TimeWait => text_waits(connection, cx),
    }
}

fn text_waits(connection: &mut Connection, cx: &mut Context<'_>) {
    let (Patience::Time(patience), Some(since)) = (
        connection.settings.patience,
        connection.snd.in_flight.waiting_since(),
    ) else {
        return;
    };
    if since + patience <= cx.now {
        connection.fail(ConnectionError::TimedOut, "RFC 9293 §3.10.8", cx);
    } else {
        connection.timers.set(Timer::User, since + patience);
    }
}

/// SHLD-25: what ICMP said about the path explains why opening failed.
const fn opening_error(soft_error: Option<SoftError>) -> ConnectionError {
    match soft_error {
        Some(SoftError::NetworkUnreachable) => ConnectionError::NetworkUnreachable,
        Some(SoftError::HostUnreachable | SoftError::Prohibited) => {
            ConnectionError::HostUnreachable
        }
        _ => ConnectionError::TimedOut,
    }
}
