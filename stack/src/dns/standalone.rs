//! The resolver by itself: for programs that have sockets of their own, and no stack.
//!
//! It is [`Dns`](super::Dns) with what a stack would lend it: limits, chance, counters. Time comes in
//! with each call; the same seed and inputs give the same queries, octet by octet. It does no I/O.

use core::net::SocketAddr;

use super::exchange::{Carrier, Transmit};
use super::resolver::Dns;
use crate::base::random::Seed;
use crate::base::{Instant, Random};
use crate::call::{CallRefused, LookUp, LookupId, ResolverSettings};
use crate::config::{Config, ConfigRefused};
use crate::context::Context;
use crate::discard::DiscardCounters;
use crate::event::LookedUp;
use crate::observe::{Log, Observation};

/// A stub resolver without sockets: questions, octets and time in, queries and answers out.
///
/// A turn is: give it the octets that arrived and the questions that wait, let time pass, then pull
/// queries, finished sockets and answers until there are none. It wants to be called again at
/// [`next_deadline`](Self::next_deadline), or when octets arrive.
///
/// ```
/// use core::net::SocketAddr;
/// use sidestep_stack::call::{Families, LookUp, ResolverSettings};
/// use sidestep_stack::dns::{Resolver, Transport};
/// use sidestep_stack::wire::dns_message::{Message, Rcode, Record};
/// use sidestep_stack::{Config, Instant};
///
/// let now = Instant::ZERO;
/// let mut resolver = Resolver::new(Config::default(), [7; 32]).unwrap();
/// let server: SocketAddr = "192.0.2.53:53".parse().unwrap();
/// resolver
///     .set_settings(&ResolverSettings {
///         servers: vec![server],
///         ndots: 1,
///         ..ResolverSettings::default()
///     })
///     .unwrap();
/// resolver.ask(now, &LookUp::addresses("www.example", Families::V4)).unwrap();
///
/// // The program opens a socket for the query, sends it, and receives this reply:
/// let query = resolver.next_query(now).unwrap();
/// assert_eq!((query.server, query.transport), (server, Transport::Udp));
/// let asked = Message::parse(&query.octets, 10).unwrap();
/// let mut reply = Message::reply_to(&asked, Rcode::NO_ERROR);
/// let name = asked.question.unwrap().name;
/// reply.answers = vec![Record::address(name, "192.0.2.80".parse().unwrap(), 60)];
///
/// resolver.reply_arrives(now, query.carrier, server, &reply.emit());
/// assert_eq!(resolver.next_finished(), Some(query.carrier)); // The socket can be closed.
/// let found = resolver.next_answer().unwrap().result.unwrap();
/// assert_eq!(found.addresses(), ["192.0.2.80".parse::<core::net::IpAddr>().unwrap()]);
/// ```
#[derive(Clone, Debug)]
pub struct Resolver {
    dns: Dns,
    config: Config,
    random: Random,
    discards: DiscardCounters,
    log: Log,
    now: Instant,
}

impl Resolver {
    /// A resolver that knows no server and no hosts file yet. `seed` must be known to nobody: the
    /// IDs of queries follow from it (RFC 5452 §9.2).
    ///
    /// # Errors
    ///
    /// An entry of `config` is out of its range.
    pub fn new(config: Config, seed: Seed) -> Result<Self, ConfigRefused> {
        config.check()?;
        let mut log = Log::default();
        log.listen(config.observations_max as usize);
        Ok(Self {
            dns: Dns::new(&config),
            config,
            random: Random::new(seed),
            discards: DiscardCounters::default(),
            log,
            now: Instant::ZERO,
        })
    }

    /// Replaces the settings; look-ups that go on keep the old ones. Whatever is kept of answers is
    /// forgotten if the servers changed.
    ///
    /// # Errors
    ///
    /// [`CallRefused::Invalid`] if a server has port 0, [`CallRefused::LimitReached`] if the hosts
    /// file is too long.
    pub fn set_settings(&mut self, settings: &ResolverSettings) -> Result<(), CallRefused> {
        self.dns.set(settings, &self.config)
    }

    /// Begins a look-up. [`next_answer`](Self::next_answer) has its answer, at once if nobody needs
    /// to be asked. One that asks the same as another that goes on shares its queries.
    ///
    /// # Errors
    ///
    /// [`CallRefused::LimitReached`] if `Config::lookups_max` go on or have answers that nobody took.
    pub fn ask(&mut self, now: Instant, look_up: &LookUp) -> Result<LookupId, CallRefused> {
        let (dns, mut cx) = self.lend(now);
        dns.look_up(&mut cx, look_up)
    }

    /// Nobody waits for this answer any more, and none comes.
    pub fn cancel(&mut self, now: Instant, lookup: LookupId) {
        let (dns, mut cx) = self.lend(now);
        dns.cancel(&mut cx, lookup);
    }

    /// The next query to send: pull until there is none.
    ///
    /// A UDP query wants a fresh socket, connected to the server, with a port that cannot be guessed
    /// (RFC 5452 §9.2). A TCP query wants the connection of its [`Carrier`]; if there is none of
    /// that name, it wants a new one, and may have to wait until that is open.
    pub fn next_query(&mut self, now: Instant) -> Option<Transmit> {
        let (dns, mut cx) = self.lend(now);
        dns.next_transmit(&mut cx)
    }

    /// A datagram arrived at a query's socket, from `from`. It may hold anything.
    pub fn reply_arrives(
        &mut self,
        now: Instant,
        carrier: Carrier,
        from: SocketAddr,
        octets: &[u8],
    ) {
        let (dns, mut cx) = self.lend(now);
        dns.datagram_arrives(&mut cx, carrier, from, octets);
    }

    /// Octets arrived on a connection, cut in any way.
    pub fn stream_arrives(&mut self, now: Instant, carrier: Carrier, octets: &[u8]) {
        let (dns, mut cx) = self.lend(now);
        dns.stream_arrives(&mut cx, carrier, octets);
    }

    /// A socket or connection could not be opened, met an error, or was closed by the server.
    pub fn carrier_failed(&mut self, now: Instant, carrier: Carrier) {
        let (dns, mut cx) = self.lend(now);
        dns.carrier_failed(&mut cx, carrier);
    }

    /// TIMEOUTS: tries end, idle connections end. Queries and answers may follow.
    pub fn time_passes(&mut self, now: Instant) {
        let (dns, mut cx) = self.lend(now);
        dns.time_passes(&mut cx);
    }

    /// When [`time_passes`](Self::time_passes) is wanted next; `None`: not before something else
    /// happens.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.dns.next_deadline()
    }

    /// A socket or connection that is to be closed: pull until there is none. Those that were
    /// reported as failed are among them.
    pub fn next_finished(&mut self) -> Option<Carrier> {
        self.dns.next_finished()
    }

    /// The answer of a look-up that has ended: pull until there is none. Its addresses are in the
    /// order of arrival: RFC 6724 needs to know the routes.
    pub fn next_answer(&mut self) -> Option<LookedUp> {
        self.dns.next_answer()
    }

    /// How many look-ups go on.
    pub fn lookups(&self) -> usize {
        self.dns.len()
    }

    /// How many answers are kept for later, and how many octets they cost.
    pub fn cached(&self) -> Cached {
        Cached {
            answers: self.dns.cached_answers(),
            octets: self.dns.cached_octets(),
        }
    }

    /// How often octets were ignored.
    pub const fn discards(&self) -> &DiscardCounters {
        &self.discards
    }

    /// The oldest observation that nobody has read yet; none unless `Config::observations_max` asks
    /// for them.
    pub fn next_observation(&mut self) -> Option<(Instant, Observation)> {
        self.log.take()
    }

    /// The resolver proper, and what it is lent. Time never goes backwards.
    fn lend(&mut self, now: Instant) -> (&mut Dns, Context<'_>) {
        self.now = self.now.max(now);
        let cx = Context {
            now: self.now,
            config: &self.config,
            random: &mut self.random,
            discards: &mut self.discards,
            log: &mut self.log,
        };
        (&mut self.dns, cx)
    }
}

/// What the cache of a resolver holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cached {
    /// Answers, denials included.
    pub answers: usize,
    /// What they cost.
    pub octets: u64,
}
