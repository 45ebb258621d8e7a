//! What a reply, a timeout or a failure leads to: the next query, or the end of one (RFC 1035 §7.2,
//! §7.3, RFC 5452 §9, RFC 6891 §6.2.2, RFC 7766 §6.2).
//!
//! `resolver.rs` comes here from its doors. This file composes `server` (whom), `exchange` (what is
//! a reply), `stream`, `cache` and `answer` (what it means); it decides nothing that one of them can
//! decide.

use alloc::sync::Arc;
use core::net::SocketAddr;

use super::answer::{Asked, Judgement, judge};
use super::cache::{About, Denied, Kept};
use super::exchange::{Carrier, Exchange, ExchangeId, NewExchange, Reading, Transport};
use super::lookup::{Failure, Progress, UdpTrust};
use super::resolver::Dns;
use super::server::Case;
use super::stream::{StreamId, Use};
use crate::base::{Instant, Key};
use crate::context::Context;
use crate::discard::Discard;
use crate::event::LookupError;
use crate::observe::NameQueryReason;
use crate::wire::dns_message::{Message, Opt, RecordType};

/// How often a query goes on in another connection: some servers answer one query in each.
const BEGINNINGS_MAX: u8 = 8;

/// Whether a query offers EDNS (RFC 6891 §6.2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Edns {
    Offered,
    Withheld,
}

/// How a server is asked.
#[derive(Clone, Copy, Debug)]
struct Manner {
    server: SocketAddr,
    transport: Transport,
    edns: Edns,
    reason: NameQueryReason,
    /// What is left of the try, if it began before.
    again: Option<Again>,
}

/// A try that goes on in another connection.
#[derive(Clone, Copy, Debug)]
struct Again {
    /// When it ends.
    until: Instant,
    /// How often it began again.
    times: u8,
}

impl Manner {
    /// As `exchange` was asked, for another reason.
    const fn like(exchange: &Exchange, reason: NameQueryReason) -> Self {
        Self {
            server: exchange.server,
            transport: exchange.transport,
            edns: if exchange.offered_edns() {
                Edns::Offered
            } else {
                Edns::Withheld
            },
            reason,
            again: None,
        }
    }
}

impl Dns {
    /// Begins the queries that may begin. What is kept needs no server.
    pub(super) fn begin_queries(&mut self, cx: &mut Context<'_>, key: Key) {
        let Some(lookup) = self.lookups.get(key) else {
            return;
        };
        let owner = lookup.owner;
        for record_type in lookup.may_begin() {
            let Some(query) = self.query_mut(key, record_type) else {
                return;
            };
            if query.progress != Progress::NotBegun {
                // One that needed no server has begun it already.
                continue;
            }
            query.progress = Progress::Asking;
            let name = query.candidate.clone();
            match self.owners.kept(cx.now, owner, &name, record_type) {
                None => {
                    let first_server = self.owners.first_server(owner);
                    if let Some(query) = self.query_mut(key, record_type) {
                        query.first_server = first_server;
                    }
                    self.ask(cx, key, record_type);
                }
                Some((Kept::Found(found), server)) => {
                    let progress = Progress::Found { found, server };
                    self.end_query(cx, key, record_type, progress);
                }
                Some((Kept::Nothing, server)) => {
                    let failure = not_found(server);
                    self.fail_query(cx, key, record_type, failure);
                }
            }
        }
    }

    /// Asks the server whose turn it is, or gives up after the last one.
    fn ask(&mut self, cx: &mut Context<'_>, key: Key, record_type: RecordType) {
        let Some(lookup) = self.lookups.get_mut(key) else {
            return;
        };
        let settings = Arc::clone(&lookup.settings);
        let Some(query) = lookup.query_mut(record_type) else {
            return;
        };
        let Some(turn) = settings.turn(query.first_server, query.tries) else {
            let failure = query.failure.take().unwrap_or(Failure {
                error: LookupError::NoServer,
                server: None,
            });
            return self.fail_query(cx, key, record_type, failure);
        };
        let manner = Manner {
            server: turn.server,
            transport: query.first_transport(&settings),
            // Something on the path may swallow EDNS: silence leads to a query without it
            // (RFC 6891 §6.2.2).
            edns: if turn.round == 0 {
                Edns::Offered
            } else {
                Edns::Withheld
            },
            reason: NameQueryReason::Ask,
            again: None,
        };
        self.begin_exchange(cx, key, record_type, manner);
    }

    /// A query with an ID of its own, in the queue to be sent (RFC 5452 §9.2).
    fn begin_exchange(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        record_type: RecordType,
        manner: Manner,
    ) {
        let Some(lookup) = self.lookups.get_mut(key) else {
            return;
        };
        let settings = Arc::clone(&lookup.settings);
        let Some(query) = lookup.query_mut(record_type) else {
            return;
        };
        let (name, tries) = (query.name.clone(), query.tries);
        let (stream, id) = match manner.transport {
            Transport::Udp => (None, cx.random.bits_16()),
            Transport::Tcp => {
                let (stream, id) = self.room_in_stream(cx, manner.server);
                (Some(stream), id)
            }
        };
        // A server that changes the case, and has no TCP, is asked plainly in the next round.
        let is_first_round = settings.turn(0, tries).is_some_and(|turn| turn.round == 0);
        let case = match manner.transport {
            Transport::Udp if is_first_round => settings.case,
            Transport::Udp | Transport::Tcp => Case::AsWritten,
        };
        let name = match case {
            Case::AsWritten => name,
            Case::Random => name.with_case(|| cx.random.below(2) == 0),
        };
        let fresh = Again {
            until: cx.now + settings.timeout,
            times: 0,
        };
        let again = manner.again.unwrap_or(fresh);
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let exchange = Exchange::new(NewExchange {
            lookup: key,
            name,
            record_type,
            server: manner.server,
            transport: manner.transport,
            stream,
            serial,
            reason: manner.reason,
            began_at: cx.now,
            began_again: again.times,
            case,
            id,
            opt: match manner.edns {
                Edns::Offered => Some(Opt {
                    udp_octets: cx.config.dns_edns_octets as u16,
                    version: 0,
                    dnssec_ok: false,
                }),
                Edns::Withheld => None,
            },
            trust_ad: settings.trust_ad,
        });
        let exchange = ExchangeId(self.exchanges.insert(exchange));
        if let Some(stream) = stream.and_then(|stream| self.streams.get_mut(stream.0)) {
            stream.add(id, exchange);
        }
        self.unsent.insert(serial, exchange);
        self.deadlines.set(exchange.0, again.until);
        if let Some(query) = self.query_mut(key, record_type) {
            query.exchange = Some(exchange);
        }
    }

    /// Takes an exchange out. Its socket is of no use from now on; its connection may be.
    pub(super) fn end_exchange(&mut self, cx: &Context<'_>, id: ExchangeId) -> Option<Exchange> {
        let exchange = self.exchanges.remove(id.0)?;
        self.deadlines.clear(id.0);
        if exchange.unsent.is_some() {
            self.unsent.remove(&exchange.serial);
        } else if exchange.stream.is_none() {
            self.finished.push_back(Carrier::Datagram(id));
        }
        if let Some(stream) = exchange.stream {
            self.leave_stream(cx, stream, exchange.id());
        }
        if let Some(query) = self.query_mut(exchange.lookup, exchange.record_type) {
            query.exchange = None;
        }
        Some(exchange)
    }

    /// A whole message arrived on a connection, with the ID of this query.
    pub(super) fn message_arrives(&mut self, cx: &mut Context<'_>, id: ExchangeId, octets: &[u8]) {
        let Some(exchange) = self.exchanges.get(id.0) else {
            return;
        };
        if exchange.unsent.is_some() {
            return cx.discard(Discard::DnsReplyIgnored);
        }
        match exchange.read(octets, cx.config.dns_records_max as usize) {
            Reading::Reply(message) => self.reply_arrives(cx, id, &message),
            // Nobody off the path can write into a connection: it is the server's own doing.
            Reading::Truncated => {
                cx.discard(Discard::DnsReplyIgnored);
                self.try_failed(cx, id, LookupError::NoAnswer);
            }
            Reading::Malformed => {
                cx.discard(Discard::DnsReplyIgnored);
                self.try_failed(cx, id, LookupError::ServerMisbehaving);
            }
            Reading::WrongId | Reading::WrongCase | Reading::Unrelated => {
                cx.discard(Discard::DnsReplyIgnored);
            }
        }
    }

    /// A reply that matches its query.
    pub(super) fn reply_arrives(
        &mut self,
        cx: &mut Context<'_>,
        id: ExchangeId,
        message: &Message,
    ) {
        let Some(exchange) = self.end_exchange(cx, id) else {
            return;
        };
        let (key, server, record_type) = (exchange.lookup, exchange.server, exchange.record_type);
        let Some(lookup) = self.lookups.get_mut(key) else {
            return;
        };
        let (owner, settings) = (lookup.owner, Arc::clone(&lookup.settings));
        let Some(query) = lookup.query_mut(record_type) else {
            return;
        };
        let asked = Asked {
            name: &query.name,
            record_type,
            edns: exchange.offered_edns(),
        };
        let aliases_max = cx.config.dns_cname_max as usize;
        let judgement = judge(message, &asked, &mut query.trail, aliases_max);
        let candidate = query.candidate.clone();
        match judgement {
            Judgement::Found(found) => {
                self.owners
                    .keep_found(cx.now, owner, &candidate, &found, server);
                let progress = Progress::Found { found, server };
                self.end_query(cx, key, record_type, progress);
            }
            Judgement::NameMissing(ttl_s) | Judgement::DataMissing(ttl_s) => {
                if let Some(ttl_s) = ttl_s {
                    let about = match judgement {
                        Judgement::NameMissing(_) => About::AllTypes,
                        _ => About::Type(record_type.0),
                    };
                    let denied = Denied {
                        about,
                        record_type,
                        ttl_s,
                    };
                    self.owners
                        .keep_denied(cx.now, owner, &candidate, denied, server);
                }
                self.fail_query(cx, key, record_type, not_found(server));
            }
            Judgement::GiveUp(error) => {
                let failure = Failure {
                    error,
                    server: Some(server),
                };
                self.fail_query(cx, key, record_type, failure);
            }
            Judgement::Follow(name) => {
                query.name = name;
                let manner = Manner {
                    transport: query.first_transport(&settings),
                    ..Manner::like(&exchange, NameQueryReason::FollowAlias)
                };
                self.begin_exchange(cx, key, record_type, manner);
            }
            Judgement::WithoutEdns => {
                let manner = Manner {
                    edns: Edns::Withheld,
                    ..Manner::like(&exchange, NameQueryReason::WithoutEdns)
                };
                self.begin_exchange(cx, key, record_type, manner);
            }
            Judgement::NextServer(error) => {
                query.try_failed(Failure {
                    error,
                    server: Some(server),
                });
                self.ask(cx, key, record_type);
            }
        }
    }

    /// A reply with a wrong ID: one is a stray, many are somebody's guesses (RFC 5452 §9.3). Then
    /// this query trusts no datagram any more, whichever server it asks: a guesser who has found
    /// our port would go on, while every server must offer TCP (RFC 7766 §5).
    pub(super) fn wrong_id_arrives(&mut self, cx: &mut Context<'_>, id: ExchangeId) {
        cx.discard(Discard::DnsReplyIgnored);
        let Some(exchange) = self.exchanges.get_mut(id.0) else {
            return;
        };
        exchange.wrong_ids += 1;
        if exchange.wrong_ids <= cx.config.dns_forged_replies_max {
            return;
        }
        let (key, record_type) = (exchange.lookup, exchange.record_type);
        if let Some(query) = self.query_mut(key, record_type) {
            query.udp = UdpTrust::Forged;
        }
        self.ask_over_tcp(cx, id, NameQueryReason::Forged);
    }

    /// Asks the same server the same thing over TCP.
    pub(super) fn ask_over_tcp(
        &mut self,
        cx: &mut Context<'_>,
        id: ExchangeId,
        reason: NameQueryReason,
    ) {
        if let Some(exchange) = self.end_exchange(cx, id) {
            let manner = Manner {
                transport: Transport::Tcp,
                ..Manner::like(&exchange, reason)
            };
            self.begin_exchange(cx, exchange.lookup, exchange.record_type, manner);
        }
    }

    /// A try came to nothing: the next server's turn.
    pub(super) fn try_failed(&mut self, cx: &mut Context<'_>, id: ExchangeId, error: LookupError) {
        let Some(exchange) = self.end_exchange(cx, id) else {
            return;
        };
        if let Some(query) = self.query_mut(exchange.lookup, exchange.record_type) {
            query.try_failed(Failure {
                error,
                server: Some(exchange.server),
            });
            self.ask(cx, exchange.lookup, exchange.record_type);
        }
    }

    /// No reply in time. A connection on which nothing came since is not trusted with more queries.
    pub(super) fn exchange_timed_out(&mut self, cx: &mut Context<'_>, id: ExchangeId) {
        if let Some(exchange) = self.exchanges.get(id.0)
            && let Some(stream) = exchange.stream
            && let Some(stream) = self.streams.get_mut(stream.0)
            && stream
                .heard_at
                .is_none_or(|heard_at| heard_at < exchange.began_at)
        {
            stream.usage = Use::Ending;
        }
        self.try_failed(cx, id, LookupError::TimedOut);
    }

    fn fail_query(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        record_type: RecordType,
        failure: Failure,
    ) {
        if let Some(lookup) = self.lookups.get_mut(key) {
            lookup.query_failed(failure);
        }
        self.end_query(cx, key, record_type, Progress::Failed);
    }

    fn end_query(
        &mut self,
        cx: &mut Context<'_>,
        key: Key,
        record_type: RecordType,
        progress: Progress,
    ) {
        if let Some(query) = self.query_mut(key, record_type) {
            query.progress = progress;
            self.query_has_ended(cx, key);
        }
    }

    /// A connection ended with queries on it. If it had worked, the server may have closed it for
    /// its own reasons, and each query goes on with the same server, for what is left of its time
    /// (RFC 7766 §6.2.4).
    pub(super) fn stream_ended(&mut self, cx: &mut Context<'_>, stream_id: StreamId) {
        let Some(stream) = self.streams.get_mut(stream_id.0) else {
            return;
        };
        stream.usage = Use::Ending;
        let had_worked = stream.heard_at.is_some();
        for id in stream.exchanges() {
            let until = self.deadlines.get(id.0);
            match (self.exchanges.get(id.0), until) {
                (Some(exchange), Some(until))
                    if had_worked && exchange.began_again < BEGINNINGS_MAX =>
                {
                    let manner = Manner {
                        again: Some(Again {
                            until,
                            times: exchange.began_again + 1,
                        }),
                        ..Manner::like(exchange, NameQueryReason::StreamEnded)
                    };
                    let (key, record_type) = (exchange.lookup, exchange.record_type);
                    self.end_exchange(cx, id);
                    self.begin_exchange(cx, key, record_type, manner);
                }
                _ => self.try_failed(cx, id, LookupError::NoServer),
            }
        }
        // It ended with its last query, or was idle.
        self.finish_stream(stream_id);
    }
}

/// A server says that there is nothing.
const fn not_found(server: SocketAddr) -> Failure {
    Failure {
        error: LookupError::NotFound,
        server: Some(server),
    }
}
