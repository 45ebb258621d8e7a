//! One query to one server, and which octets are its reply (RFC 5452 §9.1, RFC 1035 §4.2).
//!
//! `asking.rs` begins and ends them. Octets that are not the reply change nothing; whether the reply
//! is good news is not judged here.

use core::net::SocketAddr;

use bytes::Bytes;

use super::server::Case;
use super::stream::StreamId;
use crate::base::{Instant, Key};
use crate::observe::NameQueryReason;
use crate::wire::dns_message::{Header, Message, Opcode, Opt, Question, RecordType};
use crate::wire::dns_name::Name;

/// Names one query to one server.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ExchangeId(pub(super) Key);

/// What carries a query.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Transport {
    /// A datagram from a fresh socket whose port cannot be guessed (RFC 5452 §9.2).
    Udp,
    /// The connection to the server, which carries several queries (RFC 7766 §6.2.1).
    Tcp,
}

/// The socket or connection that a query goes through. Whoever does the I/O opens it when it first
/// hears of it, and closes it when [`Dns::next_finished`](super::Dns::next_finished) names it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Carrier {
    /// A UDP socket for this query alone.
    Datagram(ExchangeId),
    /// A TCP connection, for this query and others to the same server.
    Stream(StreamId),
}

/// A query to be sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// Through which socket or connection.
    pub carrier: Carrier,
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
    /// The reply, but it did not fit.
    Truncated,
    /// A reply from our server's address with a wrong ID: somebody may be guessing.
    WrongId,
    /// All is right but the case of the letters: a guess, or a server that changes them.
    WrongCase,
    /// Octets that answer no question of ours.
    Unrelated,
    /// It claims to be the reply, but cannot be read.
    Malformed,
}

/// A query that is under way.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    /// The look-up that it serves, and which of its queries.
    pub(super) lookup: Key,
    pub(super) record_type: RecordType,
    pub(super) server: SocketAddr,
    pub(super) transport: Transport,
    /// The connection, if it goes over TCP.
    pub(super) stream: Option<StreamId>,
    pub(super) reason: NameQueryReason,
    /// Position in the queue of what is to be sent.
    pub(super) serial: u64,
    /// The query's octets until they are sent.
    pub(super) unsent: Option<Bytes>,
    pub(super) began_at: Instant,
    pub(super) wrong_ids: u64,
    /// How often it was asked before, on connections that ended (RFC 7766 §6.2.4).
    pub(super) began_again: u8,
    case: Case,
    query: Message,
}

/// What an exchange is made of.
#[derive(Clone, Debug)]
pub(super) struct NewExchange {
    pub(super) lookup: Key,
    pub(super) name: Name,
    pub(super) record_type: RecordType,
    pub(super) server: SocketAddr,
    pub(super) transport: Transport,
    pub(super) stream: Option<StreamId>,
    pub(super) serial: u64,
    pub(super) reason: NameQueryReason,
    pub(super) began_at: Instant,
    pub(super) began_again: u8,
    pub(super) case: Case,
    /// Unpredictable (RFC 5452 §9.2).
    pub(super) id: u16,
    pub(super) opt: Option<Opt>,
    pub(super) trust_ad: bool,
}

impl Exchange {
    pub(super) fn new(new: NewExchange) -> Self {
        let mut query = Message::query(new.id, new.name, new.record_type, new.opt);
        query.header.authentic_data = new.trust_ad;
        let octets = match new.transport {
            Transport::Udp => query.emit(),
            Transport::Tcp => query.emit_for_stream(),
        };
        Self {
            lookup: new.lookup,
            record_type: new.record_type,
            server: new.server,
            transport: new.transport,
            stream: new.stream,
            reason: new.reason,
            serial: new.serial,
            unsent: Some(octets.into()),
            began_at: new.began_at,
            wrong_ids: 0,
            began_again: new.began_again,
            case: new.case,
            query,
        }
    }

    /// True if the query offered EDNS.
    pub(super) const fn offered_edns(&self) -> bool {
        self.query.opt.is_some()
    }

    /// The query's ID.
    pub(super) const fn id(&self) -> u16 {
        self.query.header.id
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
        if header.id != self.id() {
            return Reading::WrongId;
        }
        match (Question::parse(octets), &self.query.question) {
            (Ok(Some(question)), Some(asked)) if question == *asked => {
                let same_case = question.name.is_identical_to(&asked.name);
                if self.case == Case::Random && !same_case {
                    return Reading::WrongCase;
                }
            }
            (Ok(_) | Err(_), _) => return Reading::Unrelated,
        }
        if header.truncated {
            return Reading::Truncated;
        }
        Message::parse(octets, records_max).map_or(Reading::Malformed, Reading::Reply)
    }
}
