//! CLOSE (RFC 9293 §3.10.4, §3.6): in one direction, or for good.

use crate::call::{CallRefused, Shutdown};
use crate::context::Context;
use crate::observe::State;
use crate::tcp::connection::{Connection, Handle};
use crate::tcp::state;

const CLAUSE: &str = "RFC 9293 §3.10.4";

/// Ends one direction.
///
/// # Errors
///
/// The connection is not open any more, or not yet.
pub(crate) fn user_shuts_down(
    connection: &mut Connection,
    direction: Shutdown,
    cx: &mut Context<'_>,
) -> Result<(), CallRefused> {
    if connection.handle != Handle::Held {
        return Err(CallRefused::NoSuchEntry);
    }
    match (direction, connection.state) {
        (_, State::Closed | State::Listen) => Err(CallRefused::NotConnected),
        (Shutdown::Read, _) => {
            connection.reading_is_shut = true;
            connection.rcv.queue.clear();
            Ok(())
        }
        (Shutdown::Write, _) => {
            close(connection, cx);
            Ok(())
        }
    }
}

/// A FIN follows all queued text. Nothing happens if there is one already.
pub(crate) fn close(connection: &mut Connection, cx: &mut Context<'_>) {
    match connection.state {
        // The FIN waits for the handshake: what was queued is sent first.
        State::SynSent | State::SynReceived => connection.snd.queue.close(),
        State::Established | State::CloseWait => {
            connection.snd.queue.close();
            connection.enter(state::after_close(connection.state), CLAUSE, cx);
        }
        State::Closed
        | State::Listen
        | State::FinWait1
        | State::FinWait2
        | State::Closing
        | State::LastAck
        | State::TimeWait => {}
    }
}
