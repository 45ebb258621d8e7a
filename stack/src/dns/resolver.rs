//! The resolver's doors: look-ups and replies go in, queries and answers come out (RFC 1035 §7,
//! RFC 5452, RFC 7766).
//!
//! The page `names.rs` calls every door here and owns the sockets; [`Resolver`](super::Resolver)
//! is the same for programs without a stack. What a reply or a timeout leads to is in `asking.rs`.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString as _;
use core::net::SocketAddr;

use super::arrange::{Arranged, arrange};
use super::exchange::{Carrier, Exchange, ExchangeId, Reading, Transmit};
use super::lookup::{Conclusion, Lookup, Query, Wanted};
use super::owners::Owners;
use super::search::{Plan, plan};
use super::stream::{Stream, StreamId};
use crate::base::deadlines::Deadlines;
use crate::base::{Instant, Key, Table};
use crate::call::{CallRefused, LookUp, LookupId, ResolverId, ResolverSettings};
use crate::config::Config;
use crate::context::Context;
use crate::discard::Discard;
use crate::event::{LookedUp, LookupError};
use crate::observe::{NameQueryReason, Observation};
use crate::wire::dns_message::{Header, RecordType};

/// The stub resolver.
#[derive(Clone, Debug)]
pub struct Dns {
    pub(super) owners: Owners,
    /// By waiter: which look-up it waits for. At most `lookups_max`, together with `answers`.
    waiters: Table<Key>,
    /// At most one for each waiter.
    pub(super) lookups: Table<Lookup>,
    /// Look-ups that a waiter may join.
    by_wanted: BTreeMap<Wanted, Key>,
    /// At most two for each look-up.
    pub(super) exchanges: Table<Exchange>,
    /// At most one for each exchange, and idle ones for a moment.
    pub(super) streams: Table<Stream>,
    /// The stream that takes new queries.
    pub(super) stream_to: BTreeMap<SocketAddr, StreamId>,
    /// Exchanges whose query is not sent yet, in the order of their serial numbers.
    pub(super) unsent: BTreeMap<u64, ExchangeId>,
    pub(super) deadlines: Deadlines,
    /// When idle streams end.
    pub(super) idle_deadlines: Deadlines,
    /// Sockets and connections that have ended.
    pub(super) finished: VecDeque<Carrier>,
    answers: VecDeque<LookedUp>,
    pub(super) next_serial: u64,
}

impl Dns {
    /// A resolver that knows no server and no hosts file yet.
    pub fn new(config: &Config) -> Self {
        Self {
            owners: Owners::new(config),
            waiters: Table::new(),
            lookups: Table::new(),
            by_wanted: BTreeMap::new(),
            exchanges: Table::new(),
            streams: Table::new(),
            stream_to: BTreeMap::new(),
            unsent: BTreeMap::new(),
            deadlines: Deadlines::default(),
            idle_deadlines: Deadlines::default(),
            finished: VecDeque::new(),
            answers: VecDeque::new(),
            next_serial: 0,
        }
    }

    /// Replaces the settings of the own resolver; look-ups that go on keep the old ones. The hosts
    /// file is read here, once. What was kept of other servers' answers is forgotten.
    ///
    /// # Errors
    ///
    /// `Invalid` if a server has port 0, `LimitReached` if the hosts file is too long.
    pub fn set(&mut self, settings: &ResolverSettings, config: &Config) -> Result<(), CallRefused> {
        self.owners.set(settings, config)
    }

    /// Adds a resolver with settings of its own, for look-ups that name it.
    ///
    /// # Errors
    ///
    /// As for [`set`](Self::set), and `LimitReached` if there are `dns_resolvers_max`.
    pub fn add(
        &mut self,
        settings: &ResolverSettings,
        config: &Config,
    ) -> Result<ResolverId, CallRefused> {
        self.owners.add(settings, config)
    }

    /// Ends a resolver. Look-ups that go on keep its settings.
    pub fn remove(&mut self, resolver: ResolverId) {
        self.owners.remove(resolver);
    }

    /// Begins a look-up, or joins one that asks the same. Its answer comes from
    /// [`next_answer`](Self::next_answer): at once for literals, the hosts file, special names and
    /// what is no name.
    ///
    /// # Errors
    ///
    /// `LimitReached` if `lookups_max` go on or have answers that nobody took, `NoSuchEntry` if it
    /// names a resolver that there is not.
    pub fn look_up(
        &mut self,
        cx: &mut Context<'_>,
        call: &LookUp,
    ) -> Result<LookupId, CallRefused> {
        if (self.waiters.len() + self.answers.len()) as u64 >= cx.config.lookups_max {
            return Err(CallRefused::LimitReached);
        }
        let terms = self.owners.terms(call.resolver);
        let terms = terms.ok_or(CallRefused::NoSuchEntry)?;
        let wanted = Wanted {
            version: terms.version,
            name: call.name.clone(),
            question: call.question,
        };
        if let Some(key) = self.by_wanted.get(&wanted).copied()
            && let Some(lookup) = self.lookups.get_mut(key)
        {
            let waiter = LookupId(self.waiters.insert(key));
            lookup.waiters.insert(waiter);
            return Ok(waiter);
        }
        match plan(&terms.settings, call) {
            Plan::Answer(result) => {
                let waiter = self.name_without_lookup();
                self.answers.push_back(LookedUp {
                    lookup: waiter,
                    result,
                    left_out: 0,
                    server: None,
                });
                Ok(waiter)
            }
            Plan::Ask(candidates) => {
                let mut lookup = Lookup::new(terms, wanted.clone(), candidates);
                let (lookups, waiters) = (&mut self.lookups, &mut self.waiters);
                let mut waiter = None;
                let key = lookups.insert_with(|key| {
                    let id = LookupId(waiters.insert(key));
                    lookup.waiters.insert(id);
                    waiter = Some(id);
                    lookup
                });
                self.by_wanted.insert(wanted, key);
                self.begin_queries(cx, key);
                waiter.ok_or(CallRefused::LimitReached)
            }
        }
    }

    /// The application no longer waits: no answer comes. If nobody else waits for the same, the
    /// look-up's exchanges end.
    pub fn cancel(&mut self, cx: &mut Context<'_>, waiter: LookupId) {
        let Some(key) = self.waiters.remove(waiter.0) else {
            self.answers.retain(|answer| answer.lookup != waiter);
            return;
        };
        if let Some(lookup) = self.lookups.get_mut(key) {
            lookup.waiters.remove(&waiter);
            if !lookup.waiters.is_empty() {
                return;
            }
        }
        if let Some(ended) = self.remove_lookup(key) {
            for exchange in ended.queries.iter().filter_map(|query| query.exchange) {
                self.end_exchange(cx, exchange);
            }
        }
    }

    /// The next query to send, through a socket or connection that is opened now if its name is
    /// new.
    pub fn next_transmit(&mut self, cx: &mut Context<'_>) -> Option<Transmit> {
        loop {
            let (_, id) = self.unsent.pop_first()?;
            let Some(exchange) = self.exchanges.get_mut(id.0) else {
                continue;
            };
            let Some(octets) = exchange.unsent.take() else {
                continue;
            };
            let (server, reason) = (exchange.server, exchange.reason);
            let record_type = exchange.record_type.0;
            cx.observe(|| Observation::NameQuerySent {
                server,
                record_type,
                reason,
            });
            let carrier = match exchange.stream {
                Some(stream) => {
                    if let Some(stream) = self.streams.get_mut(stream.0) {
                        stream.is_known = true;
                    }
                    Carrier::Stream(stream)
                }
                None => Carrier::Datagram(id),
            };
            return Some(Transmit {
                carrier,
                server,
                transport: exchange.transport,
                octets,
            });
        }
    }

    /// A datagram arrived at a socket. Unless it is the reply, nothing changes but counters,
    /// whatever it holds (RFC 5452 §9.1).
    pub fn datagram_arrives(
        &mut self,
        cx: &mut Context<'_>,
        carrier: Carrier,
        from: SocketAddr,
        octets: &[u8],
    ) {
        let (id, reading) = match carrier {
            Carrier::Datagram(id) => match self.exchanges.get(id.0) {
                Some(exchange) if exchange.waits_for_datagram(from) => {
                    let records_max = cx.config.dns_records_max as usize;
                    (id, exchange.read(octets, records_max))
                }
                Some(_) | None => (id, Reading::Unrelated),
            },
            Carrier::Stream(_) => return cx.discard(Discard::DnsReplyIgnored),
        };
        match reading {
            Reading::Reply(message) => self.reply_arrives(cx, id, &message),
            Reading::Truncated => self.ask_over_tcp(cx, id, NameQueryReason::Truncated),
            Reading::WrongId => self.wrong_id_arrives(cx, id),
            Reading::WrongCase => {
                // A guess that hit everything else, or a server that changes the case: both are
                // settled where nobody can guess (draft-vixie-dnsext-dns0x20 §5).
                cx.discard(Discard::DnsReplyIgnored);
                self.ask_over_tcp(cx, id, NameQueryReason::CaseLost);
            }
            Reading::Unrelated | Reading::Malformed => cx.discard(Discard::DnsReplyIgnored),
        }
    }

    /// Octets arrived on a connection, cut in any way. They never extend a deadline.
    pub fn stream_arrives(&mut self, cx: &mut Context<'_>, carrier: Carrier, octets: &[u8]) {
        let Carrier::Stream(id) = carrier else {
            return cx.discard(Discard::DnsReplyIgnored);
        };
        let mut rest = octets;
        // Every turn takes at least one octet or ends.
        while let Some(stream) = self.streams.get_mut(id.0) {
            let Some(message) = stream.take_message(&mut rest) else {
                return;
            };
            let exchange = Header::parse(&message)
                .ok()
                .and_then(|header| stream.query(header.id));
            match exchange {
                Some(exchange) => {
                    stream.heard_at = Some(cx.now);
                    self.message_arrives(cx, exchange, &message);
                }
                None => cx.discard(Discard::DnsReplyIgnored),
            }
        }
    }

    /// The socket or connection cannot go on: refused, unreachable, reset, or closed by the server.
    /// Its queries go elsewhere (RFC 7766 §6.2.4).
    pub fn carrier_failed(&mut self, cx: &mut Context<'_>, carrier: Carrier) {
        match carrier {
            Carrier::Datagram(id) => self.try_failed(cx, id, LookupError::NoServer),
            Carrier::Stream(id) => self.stream_ended(cx, id),
        }
    }

    /// A socket or connection that has ended and can be closed.
    pub fn next_finished(&mut self) -> Option<Carrier> {
        self.finished.pop_front()
    }

    /// The answer of a look-up that has ended. Its addresses are in the order of arrival; RFC 6724
    /// is the caller's affair.
    pub fn next_answer(&mut self) -> Option<LookedUp> {
        self.answers.pop_front()
    }

    /// Ends the tries whose time is over, and the connections that nobody needs.
    pub fn time_passes(&mut self, cx: &mut Context<'_>) {
        // A new try has a deadline in the future, so this ends.
        while let Some(key) = self.deadlines.pop_due(cx.now) {
            self.exchange_timed_out(cx, ExchangeId(key));
        }
        while let Some(key) = self.idle_deadlines.pop_due(cx.now) {
            self.finish_stream(StreamId(key));
        }
    }

    /// How many look-ups go on; those that were joined count each.
    pub fn len(&self) -> usize {
        self.waiters.len()
    }

    /// True if no look-up goes on.
    pub fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// How many answers are kept for later.
    pub fn cached_answers(&self) -> usize {
        self.owners.kept_answers()
    }

    /// How many octets the kept answers cost.
    pub const fn cached_octets(&self) -> u64 {
        self.owners.kept_octets()
    }

    /// When [`time_passes`](Self::time_passes) has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.deadlines.next(), self.idle_deadlines.next()];
        deadlines.into_iter().flatten().min()
    }

    /// How many entries all tables and queues hold, the cache apart.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.waiters.len()
            + self.lookups.len()
            + self.by_wanted.len()
            + self.exchanges.len()
            + self.streams.len()
            + self.stream_to.len()
            + self.unsent.len()
            + self.deadlines.len()
            + self.idle_deadlines.len()
            + self.finished.len()
            + self.answers.len()
    }

    /// A name for a look-up that has ended before it began: nobody ever had it, or will.
    fn name_without_lookup(&mut self) -> LookupId {
        let waiter = self.waiters.insert_with(|key| key);
        self.waiters.remove(waiter);
        LookupId(waiter)
    }

    /// Takes a look-up out; from now on nobody can join it.
    fn remove_lookup(&mut self, key: Key) -> Option<Lookup> {
        let lookup = self.lookups.remove(key)?;
        if self.by_wanted.get(&lookup.wanted) == Some(&key) {
            self.by_wanted.remove(&lookup.wanted);
        }
        Some(lookup)
    }

    /// A query has ended. With the last one of its candidate, the look-up ends or goes on.
    pub(super) fn query_has_ended(&mut self, cx: &mut Context<'_>, key: Key) {
        let Some(lookup) = self.lookups.get_mut(key) else {
            return;
        };
        let (found, error, server) = match lookup.conclusion() {
            Conclusion::NotYet => return self.begin_queries(cx, key),
            Conclusion::NextCandidate => {
                lookup.next_candidate();
                return self.begin_queries(cx, key);
            }
            Conclusion::Found(found, server) => (found, None, Some(server)),
            Conclusion::Failed(failure) => {
                (Default::default(), Some(failure.error), failure.server)
            }
        };
        let Some(lookup) = self.remove_lookup(key) else {
            return;
        };
        for waiter in lookup.waiters {
            self.waiters.remove(waiter.0);
            let Arranged { result, left_out } = match &error {
                Some(error) => Arranged {
                    result: Err(error.clone()),
                    left_out: 0,
                },
                None => arrange(lookup.wanted.question, &found, cx.random),
            };
            self.answers.push_back(LookedUp {
                lookup: waiter,
                result,
                left_out,
                server: server.map(|server| server.to_string()),
            });
        }
    }

    pub(super) fn query_mut(&mut self, lookup: Key, record_type: RecordType) -> Option<&mut Query> {
        self.lookups.get_mut(lookup)?.query_mut(record_type)
    }
}
