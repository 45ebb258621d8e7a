//! TIME-WAIT TIMEOUT (RFC 9293 §3.10.8): "delete the TCB, enter the CLOSED state".

use crate::context::Context;
use crate::tcp::connection::Connection;

/// See the module.
pub(crate) fn expires(connection: &mut Connection, cx: &mut Context<'_>) {
    connection.enter_closed("RFC 9293 §3.10.8", cx);
}
