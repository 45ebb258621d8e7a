//! RECEIVE (RFC 9293 §3.10.3): text in order is handed over, and the window opens.

use crate::call::{CallRefused, Received};
use crate::context::Context;
use crate::observe::{SendReason, State};
use crate::tcp::connection::{Connection, Handle};

/// Takes up to `octets_max` octets.
///
/// # Errors
///
/// "Connection does not exist" if the user gave it up.
pub(crate) fn user_calls(
    connection: &mut Connection,
    octets_max: usize,
    cx: &mut Context<'_>,
) -> Result<Received, CallRefused> {
    if connection.handle != Handle::Held {
        return Err(CallRefused::NoSuchEntry);
    }
    let slices = connection.rcv.queue.take(octets_max);
    if !slices.is_empty() && connection.state != State::Closed {
        connection.tune_receive_buffer(cx);
        offer_room(connection);
    }
    Ok(Received {
        slices,
        end_of_stream: connection.rcv.is_at_end() || connection.reading_is_shut,
    })
}

/// The peer hears of new room if that is worth a segment (RFC 9293 §3.8.6.2.2).
fn offer_room(connection: &mut Connection) {
    let (unread, mss) = (connection.unread_octets(), connection.rcv_mss());
    let rcv = &connection.rcv;
    if !rcv.fin_is_received() && rcv.window.deserves_update(rcv.nxt, unread, mss) {
        connection.acknowledge_now(SendReason::WindowUpdate);
    }
}
