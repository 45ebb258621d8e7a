//! Which server is asked at which try, for how long (RFC 1035 §4.2.1, §7.2; resolv.conf(5)).
//!
//! `resolver.rs` makes [`Settings`] once from what the application says, and every look-up keeps
//! those with which it began. It never remembers how a server behaved.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::cache::CacheLimits;
use super::exchange::Transport;
use super::hosts::Hosts;
use crate::base::Duration;
use crate::call::{CacheSettings, CallRefused, ResolverSettings};
use crate::config::{Config, millis};
use crate::wire::dns_name::Name;

/// The most dots that `ndots` can ask for (resolv.conf(5)); a larger value counts as this one.
const NDOTS_MAX: u8 = 15;
/// Bounds of the time for one try; a value outside counts as the nearer bound.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// The most rounds over all servers; a larger value counts as this one.
const ATTEMPTS_MAX: u32 = 10;
/// The longest that an answer is kept: a week, as the servers of the world agree (RFC 8767 §4).
const TTL_MAX: Duration = Duration::from_secs(604_800);
/// The longest that a denial is kept (RFC 2308 §5).
const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(10_800);

/// The word for a switch that is on, or the one for a switch that is off.
const fn pick<T: Copy>(is_on: bool, on: T, off: T) -> T {
    if is_on { on } else { off }
}

/// What a cache may hold, within the limits of the stack.
fn bounded(cache: CacheSettings, config: &Config) -> CacheLimits {
    let entries_max = config.dns_cache_entries_max.min(u64::from(u32::MAX)) as u32;
    let settings = CacheSettings {
        entries_max: cache.entries_max.min(entries_max),
        octets_max: cache.octets_max.min(config.dns_cache_octets_max),
        ttl_max: cache.ttl_max.min(TTL_MAX),
        negative_ttl_max: cache.negative_ttl_max.min(NEGATIVE_TTL_MAX),
    };
    CacheLimits {
        settings,
        shared_octets_max: config.dns_cache_octets_max,
    }
}

/// How names are resolved, read and bounded.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    servers: Vec<SocketAddr>,
    pub(super) search: Vec<Name>,
    pub(super) ndots: usize,
    pub(super) timeout: Duration,
    attempts: u32,
    pub(super) hosts: Hosts,
    /// Whether each query begins with another server than the one before it.
    pub(super) order: Order,
    /// Whether the queries of a look-up go out together.
    pub(super) pace: Pace,
    /// What carries the first try.
    pub(super) transport: Transport,
    /// What a temporary failure means.
    pub(super) strictness: Strictness,
    /// How the letters of a query are written.
    pub(super) case: Case,
    /// Whether queries ask for the AD bit (RFC 6840 §5.7).
    pub(super) trust_ad: bool,
    pub(super) cache: Option<CacheLimits>,
}

/// With which server a query begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// With the first one.
    AsListed,
    /// With the one after that of the query before.
    Rotating,
}

/// When the queries of a look-up go out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pace {
    /// All at once.
    AtOnce,
    /// Each one when the one before it has ended.
    OneByOne,
}

/// What a temporary failure of a query means for its look-up (Go's `StrictErrors`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Strictness {
    /// What the other queries find counts.
    Lenient,
    /// The look-up fails.
    Strict,
}

/// How the letters of a query are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Case {
    /// As the user wrote them.
    AsWritten,
    /// Each one by chance, and the reply must repeat it (draft-vixie-dnsext-dns0x20 §2).
    Random,
}

/// Who is asked at one try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Turn {
    /// Whom.
    pub(super) server: SocketAddr,
    /// How often all servers have been asked before.
    pub(super) round: u32,
}

impl Settings {
    /// Without servers and hosts, until the application says more.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: millis(config.dns_timeout_ms),
            attempts: config.dns_attempts as u32,
            hosts: Hosts::default(),
            order: Order::AsListed,
            pace: Pace::AtOnce,
            transport: Transport::Udp,
            strictness: Strictness::Lenient,
            case: Case::AsWritten,
            trust_ad: false,
            cache: None,
        }
    }

    /// Reads what the application says. Servers and domains beyond the limits are not used, like
    /// in resolv.conf, and a domain that is no name says nothing.
    pub(super) fn read(settings: &ResolverSettings, config: &Config) -> Result<Self, CallRefused> {
        if settings.servers.iter().any(|server| server.port() == 0) {
            return Err(CallRefused::Invalid);
        }
        if settings.hosts.len() as u64 > config.dns_hosts_octets_max {
            return Err(CallRefused::LimitReached);
        }
        let defaults = Self::new(config);
        let domains = settings.search.iter();
        let timeout = settings.timeout.unwrap_or(defaults.timeout);
        let attempts = settings.attempts.unwrap_or(defaults.attempts);
        Ok(Self {
            servers: settings
                .servers
                .iter()
                .copied()
                .take(config.dns_servers_max as usize)
                .collect(),
            search: domains
                .filter_map(|domain| Name::from_text(domain).ok())
                .filter(|domain| *domain != Name::root())
                .take(config.dns_search_max as usize)
                .collect(),
            ndots: usize::from(settings.ndots.min(NDOTS_MAX)),
            timeout: timeout.clamp(TIMEOUT_MIN, TIMEOUT_MAX),
            attempts: attempts.clamp(1, ATTEMPTS_MAX),
            hosts: Hosts::parse(&settings.hosts),
            order: pick(settings.rotate, Order::Rotating, Order::AsListed),
            pace: pick(settings.single_request, Pace::OneByOne, Pace::AtOnce),
            transport: pick(settings.use_vc, Transport::Tcp, Transport::Udp),
            strictness: pick(
                settings.strict_errors,
                Strictness::Strict,
                Strictness::Lenient,
            ),
            case: pick(settings.randomise_case, Case::Random, Case::AsWritten),
            trust_ad: settings.trust_ad,
            cache: settings.cache.map(|cache| bounded(cache, config)),
        })
    }

    /// True if there is nobody to ask.
    pub(super) const fn has_no_server(&self) -> bool {
        self.servers.is_empty()
    }

    /// True if `other` asks the same servers: what one found is true for the other.
    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        self.servers == other.servers && self.cache == other.cache
    }

    /// Who is asked after `tries` tries failed, if server number `first` was the first one: every
    /// server once before one is asked again (RFC 1035 §4.2.1). `None`: all rounds are over.
    pub(super) fn turn(&self, first: u32, tries: u32) -> Option<Turn> {
        let servers = self.servers.len() as u32;
        let round = tries.checked_div(servers)?;
        if round >= self.attempts {
            return None;
        }
        let server = *self
            .servers
            .get((first.wrapping_add(tries) % servers) as usize)?;
        Some(Turn { server, round })
    }
}
