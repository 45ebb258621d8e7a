//! Which server is asked at which try, for how long (RFC 1035 §4.2.1, §7.2; resolv.conf(5)).
//!
//! `resolver.rs` makes [`Settings`] once from what the application says, and every look-up keeps
//! those with which it began. It never remembers how a server behaved.

use alloc::vec::Vec;
use core::net::SocketAddr;

use super::hosts::Hosts;
use crate::base::Duration;
use crate::call::{CallRefused, ResolverSettings};
use crate::config::{Config, millis};
use crate::wire::dns_name::Name;

/// The most dots that `ndots` can ask for (resolv.conf(5)); a larger value counts as this one.
const NDOTS_MAX: u8 = 15;
/// Bounds of the time for one try; a value outside counts as the nearer bound.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// The most rounds over all servers; a larger value counts as this one.
const ATTEMPTS_MAX: u32 = 10;

/// How names are resolved, read and bounded.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    servers: Vec<SocketAddr>,
    pub(super) search: Vec<Name>,
    pub(super) ndots: usize,
    pub(super) timeout: Duration,
    attempts: u32,
    pub(super) hosts: Hosts,
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
        })
    }

    /// True if there is nobody to ask.
    pub(super) const fn has_no_server(&self) -> bool {
        self.servers.is_empty()
    }

    /// Who is asked after `tries` tries failed: every server once before one is asked again
    /// (RFC 1035 §4.2.1). `None`: all rounds are over.
    pub(super) fn turn(&self, tries: u32) -> Option<Turn> {
        let servers = self.servers.len() as u32;
        let round = tries.checked_div(servers)?;
        if round >= self.attempts {
            return None;
        }
        let server = *self.servers.get((tries % servers) as usize)?;
        Some(Turn { server, round })
    }
}
