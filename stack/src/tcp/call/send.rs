//! SEND (RFC 9293 §3.10.2): text is queued, as far as there is room.

use bytes::Bytes;

use crate::call::CallRefused;
use crate::observe::State;
use crate::tcp::connection::{Connection, Handle, Pressure};

/// What a writer may always queue while nothing of it waits, however short memory is.
const ALWAYS_OCTETS: usize = 4_096;

/// Takes as much of `octets` as there is room for and says how much that was. The stack's memory has
/// `memory_octets` left before it is short.
///
/// # Errors
///
/// "Connection does not exist" after it ended, "connection closing" after CLOSE.
pub(crate) fn user_calls(
    connection: &mut Connection,
    octets: Bytes,
    memory_octets: usize,
) -> Result<usize, CallRefused> {
    if connection.handle != Handle::Held {
        return Err(CallRefused::NoSuchEntry);
    }
    match connection.state {
        State::Closed | State::Listen => return Err(CallRefused::NotConnected),
        // Text may be queued before the handshake is over.
        State::SynSent | State::SynReceived | State::Established | State::CloseWait => {}
        State::FinWait1 | State::FinWait2 | State::Closing | State::LastAck | State::TimeWait => {
            return Err(CallRefused::Closing);
        }
    }
    if connection.snd.queue.is_closed() {
        return Err(CallRefused::Closing);
    }
    let held = connection.snd.queue.octets();
    let room = match connection.pressure {
        Pressure::None => connection
            .send_buffer_octets()
            .saturating_sub(held)
            .min(memory_octets.max(ALWAYS_OCTETS)),
        Pressure::High => ALWAYS_OCTETS.saturating_sub(held),
        Pressure::Full => 0,
    };
    let taken = room.min(octets.len());
    if taken < octets.len() {
        connection.writer_waits = true;
    }
    if taken > 0 {
        connection.snd.queue.push(octets.slice(..taken));
    }
    Ok(taken)
}
