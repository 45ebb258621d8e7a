//! A connection to a server: the queries that wait on it, and messages cut out of its octets
//! (RFC 1035 §4.2.2, RFC 7766 §6.2).
//!
//! `asking.rs` gives it queries and `resolver.rs` its octets. It opens and closes nothing but says
//! when, and a stream holds no more than one message and the IDs of its queries.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;

use super::exchange::{Carrier, ExchangeId};
use super::resolver::Dns;
use crate::base::{Instant, Key, Random};
use crate::config::millis;
use crate::context::Context;

/// Names one TCP connection to a server.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StreamId(pub(super) Key);

/// Whether a connection takes more queries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Use {
    /// It does.
    Open,
    /// It is full or seems dead: it ends with the last of its queries.
    Ending,
}

/// A connection that is open, or will be with its first query.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) server: SocketAddr,
    pub(super) usage: Use,
    /// True once a query was handed out: whoever does the I/O knows of the connection.
    pub(super) is_known: bool,
    /// When the last whole message came.
    pub(super) heard_at: Option<Instant>,
    /// Queries that wait for their replies, by ID: they may come in any order (RFC 7766 §7).
    queries: BTreeMap<u16, ExchangeId>,
    /// Octets that are no whole message yet, the length included.
    partial: Vec<u8>,
}

impl Stream {
    pub(super) const fn new(server: SocketAddr) -> Self {
        Self {
            server,
            usage: Use::Open,
            is_known: false,
            heard_at: None,
            queries: BTreeMap::new(),
            partial: Vec::new(),
        }
    }

    /// An unpredictable ID that no query on this connection has (RFC 7766 §6.2.1).
    pub(super) fn fresh_id(&self, random: &mut Random) -> u16 {
        let mut id = random.bits_16();
        // Fewer queries than IDs: it ends.
        while self.queries.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        id
    }

    pub(super) fn add(&mut self, id: u16, exchange: ExchangeId) {
        self.queries.insert(id, exchange);
    }

    pub(super) fn remove(&mut self, id: u16) {
        self.queries.remove(&id);
    }

    pub(super) fn query(&self, id: u16) -> Option<ExchangeId> {
        self.queries.get(&id).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.queries.len()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queries.is_empty()
    }

    /// All queries, which will get no reply any more.
    pub(super) fn exchanges(&self) -> Vec<ExchangeId> {
        self.queries.values().copied().collect()
    }

    /// Takes from the front of `octets` what the next message of the stream lacks. Returns the
    /// message once it is whole; `octets` is empty if it is not. Holds at most 65,537 octets.
    pub(super) fn take_message(&mut self, octets: &mut &[u8]) -> Option<Vec<u8>> {
        loop {
            let whole = match self.partial.first_chunk::<2>() {
                None => 2,
                Some(length) => 2 + usize::from(u16::from_be_bytes(*length)),
            };
            if self.partial.len() >= 2 && self.partial.len() >= whole {
                let message = self.partial.split_off(2);
                self.partial = Vec::new();
                return Some(message);
            }
            let lacks = whole.saturating_sub(self.partial.len());
            let (taken, rest) = octets.split_at(lacks.min(octets.len()));
            self.partial.extend_from_slice(taken);
            *octets = rest;
            if taken.is_empty() {
                return None;
            }
        }
    }
}

impl Dns {
    /// The connection to `server` for one more query, and an ID for it (RFC 7766 §6.2.2: at most
    /// one that takes queries).
    pub(super) fn room_in_stream(
        &mut self,
        cx: &mut Context<'_>,
        server: SocketAddr,
    ) -> (StreamId, u16) {
        let queries_max = cx.config.dns_stream_queries_max as usize;
        if let Some(id) = self.stream_to.get(&server).copied()
            && let Some(stream) = self.streams.get_mut(id.0)
        {
            if stream.usage == Use::Open && stream.len() < queries_max {
                self.idle_deadlines.clear(id.0);
                return (id, stream.fresh_id(cx.random));
            }
            stream.usage = Use::Ending;
        }
        let stream = Stream::new(server);
        let message_id = stream.fresh_id(cx.random);
        let id = StreamId(self.streams.insert(stream));
        self.stream_to.insert(server, id);
        (id, message_id)
    }

    /// One query less on a connection. With the last one it begins to be idle.
    pub(super) fn leave_stream(&mut self, cx: &Context<'_>, id: StreamId, message_id: u16) {
        let Some(stream) = self.streams.get_mut(id.0) else {
            return;
        };
        stream.remove(message_id);
        if !stream.is_idle() {
            return;
        }
        let idle = millis(cx.config.dns_stream_idle_ms);
        if stream.usage == Use::Ending || !stream.is_known || idle.is_zero() {
            self.finish_stream(id);
        } else {
            // The client closes, and soon (RFC 7766 §6.2.3).
            self.idle_deadlines.set(id.0, cx.now + idle);
        }
    }

    /// Takes a connection out that has no queries.
    pub(super) fn finish_stream(&mut self, id: StreamId) {
        let Some(stream) = self.streams.remove(id.0) else {
            return;
        };
        self.idle_deadlines.clear(id.0);
        if self.stream_to.get(&stream.server) == Some(&id) {
            self.stream_to.remove(&stream.server);
        }
        if stream.is_known {
            self.finished.push_back(Carrier::Stream(id));
        }
    }
}
