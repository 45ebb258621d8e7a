//! [`ResolverBuilder`]: a resolver with settings of its own.
//!
//! What is not set is what the files say. Nothing is read or sent before the first look-up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sidestep_stack::call::CacheSettings;

use super::Resolver;
use super::files::hosts_file::HostsFile;
use super::files::{Files, ResolverFiles};
use super::settings::{Given, Names};
use crate::cancel::CancelToken;
use crate::deadline::Deadline;
use crate::net::Net;

/// Makes a [`Resolver`]. Methods take and give the value, so that they can be chained.
///
/// What is not set is what the resolver's files say: `/etc/resolv.conf`, `/etc/hosts` and
/// `/etc/nsswitch.conf`, unless [`files`](Self::files) names others.
#[derive(Clone, Debug, Default)]
#[doc(alias = "Resolver")]
pub struct ResolverBuilder {
    given: Given,
    files: Option<ResolverFiles>,
    net: Option<Net>,
    deadline: Deadline,
    cancel: Option<CancelToken>,
}

impl ResolverBuilder {
    /// A temporary failure of one query fails the whole look-up: without it, addresses of one family
    /// are given even if nobody answered for the other, and further names are tried.
    #[must_use]
    #[doc(alias = "StrictErrors")]
    pub fn strict_errors(mut self, strict: bool) -> Self {
        self.given.strict_errors = strict;
        self
    }

    /// Go's choice between its own resolver and the C library's. There is only one here, so this is
    /// taken and means nothing.
    #[must_use]
    #[doc(alias = "PreferGo")]
    pub fn prefer_go(self, _prefer: bool) -> Self {
        self
    }

    /// The servers to ask, in order: at most three.
    #[must_use]
    pub fn servers(mut self, servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.given.servers = Some(servers.into_iter().collect());
        self
    }

    /// The domains in which names with few dots are tried, in order.
    #[must_use]
    pub fn search<T: Into<String>>(mut self, domains: impl IntoIterator<Item = T>) -> Self {
        self.given.search = Some(domains.into_iter().map(Into::into).collect());
        self
    }

    /// A name with at least so many dots is first tried as it is: 1 unless set, at most 15.
    #[must_use]
    pub fn ndots(mut self, ndots: u8) -> Self {
        self.given.ndots = Some(ndots);
        self
    }

    /// How long one query waits for its reply: 5 seconds unless set, at most a minute.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.given.timeout = Some(timeout);
        self
    }

    /// How often all servers are tried: twice unless set, at most ten times.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.given.attempts = Some(attempts);
        self
    }

    /// Every look-up begins with the server after the one that the look-up before began with.
    #[must_use]
    pub fn rotate(mut self) -> Self {
        self.given.rotate = Some(());
        self
    }

    /// Asks for IPv4 and IPv6 one after the other, for servers that drop the second of two queries.
    #[must_use]
    pub fn single_request(mut self) -> Self {
        self.given.single_request = Some(());
        self
    }

    /// Asks over TCP only (RFC 7766).
    #[must_use]
    pub fn use_vc(mut self) -> Self {
        self.given.use_vc = Some(());
        self
    }

    /// Random case in the letters of each query, which the reply must repeat
    /// (draft-vixie-dnsext-dns0x20): some ten more bits that a forger has to guess. A few old
    /// servers do not repeat it, so it is off unless asked for.
    #[must_use]
    pub fn randomise_case(mut self) -> Self {
        self.given.randomise_case = true;
        self
    }

    /// Keeps answers for as long as they say, and denials too (RFC 2308). Go keeps none, and neither
    /// does this unless asked.
    #[must_use]
    pub fn cache(mut self, cache: CacheSettings) -> Self {
        self.given.cache = Some(cache);
        self
    }

    /// The text of a hosts file (hosts(5)), asked before the servers, in the place of the host's.
    /// The empty text knows nobody.
    #[must_use]
    pub fn hosts(mut self, text: &str) -> Self {
        self.given.hosts = Some(Arc::new(HostsFile::parse(text)));
        self
    }

    /// Other files than those of the host, for what is not set here.
    #[must_use]
    pub fn files(mut self, files: ResolverFiles) -> Self {
        self.files = Some(files);
        self
    }

    /// Over which network the servers are asked: `net`'s own UDP and TCP, or the host kernel's for
    /// [`Net::host`]. Unless set it is the [current](Net::current) one, or that of the
    /// dialer that uses the resolver.
    #[must_use]
    #[doc(alias = "Dial")]
    pub fn over(mut self, net: &Net) -> Self {
        self.net = Some(net.clone());
        self
    }

    /// When look-ups give up. [`Resolver::with_deadline`] sets it for some of them.
    #[must_use]
    pub fn deadline(mut self, deadline: impl Into<Deadline>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// What ends look-ups early. [`Resolver::with_cancel`] sets it for some of them.
    #[must_use]
    pub fn cancel(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// The resolver.
    pub fn build(self) -> Resolver {
        let files = match self.files {
            None => Files::of_host(),
            Some(paths) => Arc::new(Files::new(paths)),
        };
        Resolver {
            names: Some(Arc::new(Names::new(files, self.given))),
            net: self.net,
            deadline: self.deadline,
            cancel: self.cancel,
        }
    }
}
