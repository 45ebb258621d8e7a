//! One query to one server on a socket of its own, and which octets are its reply
//! (RFC 5452 §9.1, RFC 1035 §4.2, RFC 7766).
//!
//! `resolver.rs` begins and ends them. A datagram that is not the reply changes nothing; whether
//! the reply is good news is not judged here.

use alloc::vec::Vec;
use core::net::SocketAddr;

use bytes::Bytes;

use super::lookup::Family;
use crate::base::Key;
use crate::call::LookupId;
use crate::observe::NameQueryReason;
use crate::wire::dns_message::{Header, Message, Opcode, Opt, Question};
use crate::wire::dns_name::Name;

/// Names one query to one server: one UDP socket or one TCP connection.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExchangeId(pub(super) Key);

/// What carries a query.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// A datagram from a fresh socket whose port cannot be guessed (RFC 5452 §9.2).
    Udp,
    /// A fresh connection (RFC 7766 §5).
    Tcp,
}

/// A query to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// Whose socket or connection it opens.
    pub exchange: ExchangeId,
    /// To whom.
    pub server: SocketAddr,
    /// Over what.
    pub transport: Transport,
    /// The message; for TCP behind its length in two octets (RFC 1035 §4.2.2).
    pub octets: Bytes,
}

/// What the octets of one message are to an exchange.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    /// The reply, whole.
    Reply(Message),
    /// The reply, but it did not fit the datagram.
    Truncated,
    /// A reply from our server's address with a wrong ID: somebody may be guessing.
    WrongId,
    /// Octets that answer no question of ours.
    Unrelated,
    /// It claims to be the reply, but cannot be read.
    Malformed,
}

/// A query that is under way.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) lookup: LookupId,
    pub(super) family: Family,
    pub(super) server: SocketAddr,
    pub(super) transport: Transport,
    pub(super) reason: NameQueryReason,
    /// Position in the queue of what is to be sent.
    pub(super) serial: u64,
    /// The query's octets until they are sent.
    pub(super) unsent: Option<Bytes>,
    pub(super) wrong_ids: u64,
    query: Message,
    /// Octets of a TCP stream that are no whole message yet, the length included.
    stream: Vec<u8>,
}

/// What an exchange is made of.
#[derive(Clone, Debug)]
pub(super) struct NewExchange {
    pub(super) lookup: LookupId,
    pub(super) family: Family,
    pub(super) name: Name,
    pub(super) server: SocketAddr,
    pub(super) transport: Transport,
    pub(super) serial: u64,
    pub(super) reason: NameQueryReason,
    /// Unpredictable (RFC 5452 §9.2).
    pub(super) id: u16,
    pub(super) opt: Option<Opt>,
}

impl Exchange {
    pub(super) fn new(new: NewExchange) -> Self {
        let query = Message::query(new.id, new.name, new.family.record_type(), new.opt);
        let octets = match new.transport {
            Transport::Udp => query.emit(),
            Transport::Tcp => query.emit_for_stream(),
        };
        Self {
            lookup: new.lookup,
            family: new.family,
            server: new.server,
            transport: new.transport,
            reason: new.reason,
            serial: new.serial,
            unsent: Some(octets.into()),
            wrong_ids: 0,
            query,
            stream: Vec::new(),
        }
    }

    /// True if the query offered EDNS.
    pub(super) const fn offered_edns(&self) -> bool {
        self.query.opt.is_some()
    }

    /// True if a datagram from `from` can be the reply: the query went to there, as a datagram
    /// (RFC 5452 §9.1). Scopes and flow labels say nothing.
    pub(super) fn waits_for_datagram(&self, from: SocketAddr) -> bool {
        self.transport == Transport::Udp
            && self.unsent.is_none()
            && from.ip() == self.server.ip()
            && from.port() == self.server.port()
    }

    /// Matches one message with the query: QR, opcode, ID and question first, because that is
    /// cheap and most forgeries fail there; then all records (RFC 5452 §9.1).
    pub(super) fn read(&self, octets: &[u8], records_max: usize) -> Reading {
        let Ok(header) = Header::parse(octets) else {
            return Reading::Unrelated;
        };
        if !header.response || header.opcode != Opcode::QUERY {
            return Reading::Unrelated;
        }
        if header.id != self.query.header.id {
            return Reading::WrongId;
        }
        match Question::parse(octets) {
            Ok(question) if question == self.query.question => {}
            Ok(_) | Err(_) => return Reading::Unrelated,
        }
        if header.truncated {
            return Reading::Truncated;
        }
        Message::parse(octets, records_max).map_or(Reading::Malformed, Reading::Reply)
    }

    /// Takes from the front of `octets` what the next message of the stream lacks. Returns the
    /// message once it is whole; `octets` is empty if it is not. Holds at most 65,537 octets.
    pub(super) fn take_from_stream(&mut self, octets: &mut &[u8]) -> Option<Vec<u8>> {
        loop {
            let whole = match self.stream.first_chunk::<2>() {
                None => 2,
                Some(length) => 2 + usize::from(u16::from_be_bytes(*length)),
            };
            if self.stream.len() >= 2 && self.stream.len() >= whole {
                let message = self.stream.split_off(2);
                self.stream.clear();
                return Some(message);
            }
            let lacks = whole.saturating_sub(self.stream.len());
            let (taken, rest) = octets.split_at(lacks.min(octets.len()));
            self.stream.extend_from_slice(taken);
            *octets = rest;
            if taken.is_empty() {
                return None;
            }
        }
    }
}
