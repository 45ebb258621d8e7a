//! ABORT (RFC 9293 §3.10.5), and the close that turns into one because received text has no reader
//! (§3.6.1, SHLD-3).

use crate::context::Context;
use crate::tcp::connection::Connection;
use crate::tcp::reset;
use crate::tcp::state;
use crate::wire::tcp::TcpHeader;

/// Ends the connection at once. The answer is the RST that tells the peer, where the RFC has one.
pub(crate) fn abort(
    connection: &mut Connection,
    clause: &'static str,
    cx: &mut Context<'_>,
) -> Option<TcpHeader> {
    let rst = state::abort_sends_reset(connection.state).then(|| {
        reset::aborting(
            connection.tuple.local.port(),
            connection.tuple.remote.port(),
            connection.snd.window.nxt,
            connection.rcv.nxt,
        )
    });
    connection.rcv.queue.clear();
    connection.enter_closed(clause, cx);
    rst
}
