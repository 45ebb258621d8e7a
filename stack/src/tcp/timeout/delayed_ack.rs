//! The delayed acknowledgment has waited long enough (RFC 9293 §3.8.6.3, MUST-40).

use crate::observe::SendReason;
use crate::tcp::connection::Connection;

/// See the module.
pub(crate) const fn expires(connection: &mut Connection) {
    connection.acknowledge_now(SendReason::AcknowledgeDelayed);
}
