//! Two ends in virtual time, joined by a wire that may misbehave.

mod cookies;
mod fast_open;
mod hostile;
mod lifecycle;
mod lossy;
mod opening;
mod parts;
mod requirements;
#[allow(dead_code)]
mod world;

use crate::call::ConnectionId;
use crate::wire::tcp_options::Timestamps;

impl super::Tcp {
    /// Timestamps that a segment for this connection may carry without being news.
    fn timestamps_to_repeat(&self, id: ConnectionId) -> Option<Timestamps> {
        match self.records.get(id.0)? {
            super::Record::Connection(connection) => connection.timestamps.map(|it| Timestamps {
                value: it.ts_recent(),
                echo_reply: 0,
            }),
            super::Record::HalfOpen(_) => None,
        }
    }
}
