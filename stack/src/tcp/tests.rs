//! Two ends in virtual time, joined by a wire that may misbehave.

mod buffers;
mod congestion;
mod cookies;
mod fast_open;
mod hostile;
mod lifecycle;
mod lossy;
mod memory;
mod opening;
mod parts;
mod path;
mod recovery;
mod requirements;
mod settings;
mod time_wait;
#[allow(dead_code)]
mod world;

use crate::call::ConnectionId;
use crate::wire::tcp_options::Timestamps;

impl super::Tcp {
    /// As if the handshake had not agreed on timestamps.
    fn forget_timestamps(&mut self, id: ConnectionId) {
        if let Some(super::Record::Connection(connection)) = self.records.get_mut(id.0) {
            connection.timestamps = None;
        }
    }

    /// Timestamps that a segment for this connection may carry without being news.
    fn timestamps_to_repeat(&self, id: ConnectionId) -> Option<Timestamps> {
        match self.records.get(id.0)? {
            super::Record::Connection(connection) => connection.timestamps.map(|it| Timestamps {
                value: it.ts_recent(),
                echo_reply: 0,
            }),
            super::Record::HalfOpen(_) | super::Record::TimeWait(_) => None,
        }
    }
}
