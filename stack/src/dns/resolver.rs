//! The resolver as one value: look-ups and replies go in, queries and answers come out
//! (RFC 1035 §7, RFC 5452, RFC 7766).
//!
//! The page `stack.rs` calls every door here and owns the sockets. This file composes `search`
//! (which names), `server` (whom), `exchange` (what is a reply) and `answer` (what it means); it
//! decides nothing that one of them can decide.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString as _;
use alloc::sync::Arc;
use core::net::SocketAddr;

use super::answer::{Asked, Judgement, judge};
use super::exchange::{Exchange, ExchangeId, NewExchange, Reading, Transmit, Transport};
use super::lookup::{Failure, Family, Lookup, Outcome, Query, UdpTrust};
use super::search::{Candidates, Plan, plan};
use super::server::Settings;
use crate::base::deadlines::Deadlines;
use crate::base::{Instant, Table};
use crate::call::{
    CallRefused, Families, LookUp, LookupId, Question, ResolverId, ResolverSettings,
};
use crate::config::Config;
use crate::context::Context;
use crate::discard::Discard;
use crate::event::{Answer, LookedUp, LookupError};
use crate::observe::{NameQueryReason, Observation};
use crate::wire::dns_message::{Message, Opt};

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
}

/// The stub resolver.
#[derive(Clone, Debug)]
pub struct Dns {
    settings: Arc<Settings>,
    /// Those of other resolvers: at most `dns_resolvers_max`.
    others: Table<Arc<Settings>>,
    /// At most `lookups_max`, together with `answers`.
    lookups: Table<Lookup>,
    /// At most two for each look-up.
    exchanges: Table<Exchange>,
    /// Exchanges whose query is not sent yet, in the order of their serial numbers.
    unsent: BTreeMap<u64, ExchangeId>,
    deadlines: Deadlines,
    /// Exchanges that the page has a socket for, and which have ended.
    finished: VecDeque<ExchangeId>,
    answers: VecDeque<LookedUp>,
    next_serial: u64,
}

impl Dns {
    /// A resolver that knows no server and no hosts file yet.
    pub fn new(config: &Config) -> Self {
        Self {
            settings: Arc::new(Settings::new(config)),
            others: Table::new(),
            lookups: Table::new(),
            exchanges: Table::new(),
            unsent: BTreeMap::new(),
            deadlines: Deadlines::default(),
            finished: VecDeque::new(),
            answers: VecDeque::new(),
            next_serial: 0,
        }
    }

    /// Replaces the settings; look-ups that go on keep the old ones. The hosts file is read here,
    /// once.
    ///
    /// # Errors
    ///
    /// `Invalid` if a server has port 0, `LimitReached` if the hosts file is too long.
    pub fn set(&mut self, settings: &ResolverSettings, config: &Config) -> Result<(), CallRefused> {
        self.settings = Arc::new(Settings::read(settings, config)?);
        Ok(())
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
        if self.others.len() as u64 >= config.dns_resolvers_max {
            return Err(CallRefused::LimitReached);
        }
        let settings = Arc::new(Settings::read(settings, config)?);
        Ok(ResolverId(self.others.insert(settings)))
    }

    /// Ends a resolver. Look-ups that go on keep its settings.
    pub fn remove(&mut self, resolver: ResolverId) {
        self.others.remove(resolver.0);
    }

    /// Whose settings a look-up goes by.
    fn settings_of(&self, resolver: Option<ResolverId>) -> Result<Arc<Settings>, CallRefused> {
        let settings = match resolver {
            None => Some(&self.settings),
            Some(resolver) => self.others.get(resolver.0),
        };
        settings.cloned().ok_or(CallRefused::NoSuchEntry)
    }

    /// Begins a look-up. Its answer comes from [`next_answer`](Self::next_answer): at once for
    /// literals, the hosts file, special names and what is no name.
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
        if (self.lookups.len() + self.answers.len()) as u64 >= cx.config.lookups_max {
            return Err(CallRefused::LimitReached);
        }
        let Question::Addresses(families) = call.question else {
            return Err(CallRefused::Invalid);
        };
        let settings = self.settings_of(call.resolver)?;
        match plan(&settings, &call.name, families) {
            Plan::Answer(result) => {
                let lookup = self.name_without_lookup(families);
                self.answers.push_back(LookedUp {
                    lookup,
                    result: result.map(Answer::Addresses),
                    left_out: 0,
                    server: None,
                });
                Ok(lookup)
            }
            Plan::Ask(candidates) => {
                let lookup = Lookup::new(settings, families, candidates);
                let id = LookupId(self.lookups.insert(lookup));
                self.ask_for_candidate(cx, id);
                Ok(id)
            }
        }
    }

    /// The application no longer waits: no answer comes, and the look-up's exchanges end.
    pub fn cancel(&mut self, lookup: LookupId) {
        match self.lookups.remove(lookup.0) {
            Some(ended) => {
                for exchange in ended.queries.iter().filter_map(|query| query.exchange) {
                    self.end_exchange(exchange);
                }
            }
            None => self.answers.retain(|answer| answer.lookup != lookup),
        }
    }

    /// The next query to send. Each one is a new exchange with a socket or connection of its own
    /// (RFC 5452 §9.2).
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
            let record_type = exchange.family.record_type().0;
            cx.observe(|| Observation::NameQuerySent {
                server,
                record_type,
                reason,
            });
            return Some(Transmit {
                exchange: id,
                server,
                transport: exchange.transport,
                octets,
            });
        }
    }

    /// A datagram arrived at an exchange's socket. Unless it is the reply, nothing changes but
    /// counters, whatever it holds (RFC 5452 §9.1).
    pub fn datagram_arrives(
        &mut self,
        cx: &mut Context<'_>,
        id: ExchangeId,
        from: SocketAddr,
        octets: &[u8],
    ) {
        let reading = match self.exchanges.get(id.0) {
            Some(exchange) if exchange.waits_for_datagram(from) => {
                exchange.read(octets, cx.config.dns_records_max as usize)
            }
            Some(_) | None => Reading::Unrelated,
        };
        match reading {
            Reading::Reply(message) => self.reply_arrives(cx, id, &message),
            Reading::Truncated => self.ask_over_tcp(cx, id, NameQueryReason::Truncated),
            Reading::WrongId => self.wrong_id_arrives(cx, id),
            Reading::Unrelated | Reading::Malformed => cx.discard(Discard::DnsReplyIgnored),
        }
    }

    /// Octets arrived on an exchange's connection, cut in any way. They never extend its deadline.
    pub fn stream_arrives(&mut self, cx: &mut Context<'_>, id: ExchangeId, octets: &[u8]) {
        let mut rest = octets;
        // Every turn takes at least one octet or ends, and the exchange ends with its reply.
        while let Some(exchange) = self.exchanges.get_mut(id.0)
            && exchange.transport == Transport::Tcp
        {
            let Some(message) = exchange.take_from_stream(&mut rest) else {
                return;
            };
            match exchange.read(&message, cx.config.dns_records_max as usize) {
                Reading::Reply(message) => self.reply_arrives(cx, id, &message),
                // Nobody off the path can write into a connection: it is the server's own doing.
                Reading::Truncated | Reading::Malformed => {
                    cx.discard(Discard::DnsReplyIgnored);
                    self.try_failed(cx, id, LookupError::ServerMisbehaving);
                }
                Reading::WrongId | Reading::Unrelated => cx.discard(Discard::DnsReplyIgnored),
            }
        }
    }

    /// The exchange cannot go on: refused, unreachable, reset, or closed before the reply
    /// (RFC 7766 §6.2.4). The next server is asked.
    pub fn exchange_failed(&mut self, cx: &mut Context<'_>, id: ExchangeId) {
        self.try_failed(cx, id, LookupError::NoServer);
    }

    /// An exchange that has ended: its socket or connection can be closed.
    pub fn next_finished(&mut self) -> Option<ExchangeId> {
        self.finished.pop_front()
    }

    /// The answer of a look-up that has ended. Its addresses are in the order of arrival, IPv6
    /// first; RFC 6724 is the page's affair.
    pub fn next_answer(&mut self) -> Option<LookedUp> {
        self.answers.pop_front()
    }

    /// Ends the tries whose time is over.
    pub fn time_passes(&mut self, cx: &mut Context<'_>) {
        // A new try has a deadline in the future, so this ends.
        while let Some(key) = self.deadlines.pop_due(cx.now) {
            self.try_failed(cx, ExchangeId(key), LookupError::TimedOut);
        }
    }

    /// How many look-ups go on.
    pub fn len(&self) -> usize {
        self.lookups.len()
    }

    /// True if no look-up goes on.
    pub fn is_empty(&self) -> bool {
        self.lookups.is_empty()
    }

    /// When [`time_passes`](Self::time_passes) has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// How many entries all tables and queues hold.
    #[cfg(test)]
    pub(super) fn entries(&self) -> usize {
        self.lookups.len()
            + self.exchanges.len()
            + self.unsent.len()
            + usize::from(!self.deadlines.is_empty())
            + self.finished.len()
            + self.answers.len()
    }

    /// A name for a look-up that has ended before it began: nobody ever had it, or will.
    fn name_without_lookup(&mut self, families: Families) -> LookupId {
        let nothing = Lookup::new(Arc::clone(&self.settings), families, Candidates::none());
        let key = self.lookups.insert(nothing);
        self.lookups.remove(key);
        LookupId(key)
    }

    /// A reply that matches its query.
    fn reply_arrives(&mut self, cx: &mut Context<'_>, id: ExchangeId, message: &Message) {
        let Some(exchange) = self.end_exchange(id) else {
            return;
        };
        let (lookup, server, family) = (exchange.lookup, exchange.server, exchange.family);
        let Some(query) = self.query_mut(lookup, family) else {
            return;
        };
        let asked = Asked {
            name: &query.name,
            family,
            edns: exchange.offered_edns(),
        };
        let aliases_max = cx.config.dns_cname_max as usize;
        let outcome = match judge(message, &asked, &mut query.aliases, aliases_max) {
            Judgement::Found(addresses) => Outcome::Found { addresses, server },
            Judgement::NameMissing => Outcome::NameMissing(server),
            Judgement::DataMissing => Outcome::DataMissing(server),
            Judgement::GiveUp(error) => Outcome::Failed(Failure {
                error,
                server: Some(server),
            }),
            Judgement::Follow(name) => {
                query.name = name;
                let manner = Manner {
                    server,
                    transport: query.first_transport(),
                    edns: edns_of(&exchange),
                    reason: NameQueryReason::FollowAlias,
                };
                return self.begin_exchange(cx, lookup, family, manner);
            }
            Judgement::WithoutEdns => {
                let manner = Manner {
                    server,
                    transport: exchange.transport,
                    edns: Edns::Withheld,
                    reason: NameQueryReason::WithoutEdns,
                };
                return self.begin_exchange(cx, lookup, family, manner);
            }
            Judgement::NextServer(error) => {
                query.try_failed(Failure {
                    error,
                    server: Some(server),
                });
                return self.ask(cx, lookup, family);
            }
        };
        query.outcome = Some(outcome);
        self.query_has_ended(cx, lookup);
    }

    /// A reply with a wrong ID: one is a stray, many are somebody's guesses (RFC 5452 §9.3). Then
    /// this query trusts no datagram any more, whichever server it asks: a guesser who has found
    /// our port would go on, while every server must offer TCP (RFC 7766 §5).
    fn wrong_id_arrives(&mut self, cx: &mut Context<'_>, id: ExchangeId) {
        cx.discard(Discard::DnsReplyIgnored);
        let Some(exchange) = self.exchanges.get_mut(id.0) else {
            return;
        };
        exchange.wrong_ids += 1;
        if exchange.wrong_ids <= cx.config.dns_forged_replies_max {
            return;
        }
        let (lookup, family) = (exchange.lookup, exchange.family);
        if let Some(query) = self.query_mut(lookup, family) {
            query.udp = UdpTrust::Forged;
        }
        self.ask_over_tcp(cx, id, NameQueryReason::Forged);
    }

    /// Asks the same server the same thing over TCP.
    fn ask_over_tcp(&mut self, cx: &mut Context<'_>, id: ExchangeId, reason: NameQueryReason) {
        if let Some(exchange) = self.end_exchange(id) {
            let manner = Manner {
                server: exchange.server,
                transport: Transport::Tcp,
                edns: edns_of(&exchange),
                reason,
            };
            self.begin_exchange(cx, exchange.lookup, exchange.family, manner);
        }
    }

    /// A try came to nothing: the next server's turn.
    fn try_failed(&mut self, cx: &mut Context<'_>, id: ExchangeId, error: LookupError) {
        let Some(exchange) = self.end_exchange(id) else {
            return;
        };
        if let Some(query) = self.query_mut(exchange.lookup, exchange.family) {
            query.try_failed(Failure {
                error,
                server: Some(exchange.server),
            });
            self.ask(cx, exchange.lookup, exchange.family);
        }
    }

    /// Asks for all families of the look-up's candidate at once.
    fn ask_for_candidate(&mut self, cx: &mut Context<'_>, id: LookupId) {
        for family in [Family::V6, Family::V4] {
            self.ask(cx, id, family);
        }
    }

    /// Asks the server whose turn it is, or gives up after the last one.
    fn ask(&mut self, cx: &mut Context<'_>, id: LookupId, family: Family) {
        let Some(lookup) = self.lookups.get_mut(id.0) else {
            return;
        };
        let settings = Arc::clone(&lookup.settings);
        let Some(query) = lookup.query_mut(family) else {
            return;
        };
        let Some(turn) = settings.turn(query.tries) else {
            query.give_up();
            return self.query_has_ended(cx, id);
        };
        let manner = Manner {
            server: turn.server,
            transport: query.first_transport(),
            // Something on the path may swallow EDNS: silence leads to a query without it
            // (RFC 6891 §6.2.2).
            edns: if turn.round == 0 {
                Edns::Offered
            } else {
                Edns::Withheld
            },
            reason: NameQueryReason::Ask,
        };
        self.begin_exchange(cx, id, family, manner);
    }

    /// A query with an ID of its own, in the queue to be sent (RFC 5452 §9.2).
    fn begin_exchange(
        &mut self,
        cx: &mut Context<'_>,
        id: LookupId,
        family: Family,
        manner: Manner,
    ) {
        let Some(lookup) = self.lookups.get_mut(id.0) else {
            return;
        };
        let timeout = lookup.settings.timeout;
        let Some(query) = lookup.query_mut(family) else {
            return;
        };
        let deadline = cx.now + timeout;
        let serial = self.next_serial;
        self.next_serial = serial.wrapping_add(1);
        let exchange = Exchange::new(NewExchange {
            lookup: id,
            family,
            name: query.name.clone(),
            server: manner.server,
            transport: manner.transport,
            serial,
            reason: manner.reason,
            id: cx.random.bits_16(),
            opt: match manner.edns {
                Edns::Offered => Some(Opt {
                    udp_octets: cx.config.dns_edns_octets as u16,
                    version: 0,
                    dnssec_ok: false,
                }),
                Edns::Withheld => None,
            },
        });
        let id = ExchangeId(self.exchanges.insert(exchange));
        query.exchange = Some(id);
        self.unsent.insert(serial, id);
        self.deadlines.set(id.0, deadline);
    }

    /// Takes an exchange out. The page hears of it if it ever had a socket for it.
    fn end_exchange(&mut self, id: ExchangeId) -> Option<Exchange> {
        let exchange = self.exchanges.remove(id.0)?;
        self.deadlines.clear(id.0);
        if exchange.unsent.is_some() {
            self.unsent.remove(&exchange.serial);
        } else {
            self.finished.push_back(id);
        }
        if let Some(query) = self.query_mut(exchange.lookup, exchange.family) {
            query.exchange = None;
        }
        Some(exchange)
    }

    /// One family is done: with the last one, the look-up ends or goes on to its next name.
    fn query_has_ended(&mut self, cx: &mut Context<'_>, id: LookupId) {
        let Some(lookup) = self.lookups.get_mut(id.0) else {
            return;
        };
        if !lookup.candidate_has_ended() {
            return;
        }
        let found = lookup.found();
        if found.is_none() && lookup.next_candidate() {
            return self.ask_for_candidate(cx, id);
        }
        let Some(ended) = self.lookups.remove(id.0) else {
            return;
        };
        let (result, server) = match found {
            Some(found) => (Ok(Answer::Addresses(found.addresses)), Some(found.server)),
            None => {
                let Failure { error, server } = ended.into_failure();
                (Err(error), server)
            }
        };
        self.answers.push_back(LookedUp {
            lookup: id,
            result,
            left_out: 0,
            server: server.map(|server| server.to_string()),
        });
    }

    fn query_mut(&mut self, lookup: LookupId, family: Family) -> Option<&mut Query> {
        self.lookups.get_mut(lookup.0)?.query_mut(family)
    }
}

/// Whether an exchange's query offered EDNS.
const fn edns_of(exchange: &Exchange) -> Edns {
    if exchange.offered_edns() {
        Edns::Offered
    } else {
        Edns::Withheld
    }
}
