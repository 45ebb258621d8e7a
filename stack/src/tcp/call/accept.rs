//! What a passive OPEN brought about is handed to the user (RFC 9293 §3.9.1.1).

use crate::call::Accepted;
use crate::tcp::connection::{Connection, Handle};

/// From now on the user owns the connection's name, and hears of it.
pub(crate) const fn hand_over(connection: &mut Connection) -> Accepted {
    connection.handle = Handle::Held;
    connection.is_known = true;
    Accepted {
        connection: connection.id,
        local: connection.tuple.local,
        remote: connection.tuple.remote,
    }
}
