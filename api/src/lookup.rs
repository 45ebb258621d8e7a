//! Names to addresses: [`Net::lookup_host`] and what `dial` and `listen` use for it.
//!
//! The stack's resolver does the asking; here literals are answered at once, the host's resolver
//! files are read, and a look-up that nobody waits for any more is taken back.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::Duration;

use sidestep_stack::call::{Families, LookUp, ResolverSettings};
use sidestep_stack::event::Answer;

use crate::address::parse_ip_zone;
use crate::address::{Host, Target};
use crate::channel::failure::Failure;
use crate::channel::ticket;
use crate::deadline::Deadline;
use crate::driver::request::Request;
use crate::error::{Cause, DNSError, DNSErrorKind};
use crate::host;
use crate::net::{Backend, Net, Shared};

/// Servers that are used, as the C library's `MAXNS`.
const SERVERS_MAX: usize = 3;

/// Domains that are searched.
const SEARCH_MAX: usize = 6;

/// The port of name servers.
const DNS_PORT: u16 = 53;

impl Net {
    /// The addresses of `host`, as text, in the order in which they should be tried. A literal
    /// gives itself.
    ///
    /// # Errors
    ///
    /// `no such host`, a timeout, or what the server answered.
    #[doc(alias = "LookupHost")]
    pub fn lookup_host(&self, host: &str) -> Result<Vec<String>, DNSError> {
        if let Some((_, zone)) = parse_ip_zone(host)
            && !zone.as_str().is_empty()
        {
            // As in Go: a literal with a zone gives itself, zone included.
            return Ok(vec![host.to_owned()]);
        }
        let found = self.lookup_ip(host)?;
        Ok(found.iter().map(IpAddr::to_string).collect())
    }

    /// As [`lookup_host`](Self::lookup_host), as addresses.
    ///
    /// # Errors
    ///
    /// As for [`lookup_host`](Self::lookup_host).
    #[doc(alias = "LookupIP")]
    pub fn lookup_ip(&self, host: &str) -> Result<Vec<IpAddr>, DNSError> {
        self.look_up(host, Families::Both, Deadline::NONE)
    }

    /// The addresses of the target's host, if it is a name.
    pub(crate) fn find(&self, target: &Target, deadline: Deadline) -> Result<Vec<IpAddr>, Cause> {
        match &target.host {
            Host::Empty | Host::Literal(..) => Ok(Vec::new()),
            // Both families are asked for even if one is wanted: "no suitable address" is not "no
            // such host".
            Host::Name(name) => Ok(self.look_up(name, Families::Both, deadline)?),
        }
    }

    pub(crate) fn look_up(
        &self,
        name: &str,
        families: Families,
        deadline: Deadline,
    ) -> Result<Vec<IpAddr>, DNSError> {
        if let Some((ip, _)) = parse_ip_zone(name) {
            return Ok(vec![ip]);
        }
        if name.is_empty() {
            return Err(DNSError::new(DNSErrorKind::NoSuchHost, name));
        }
        match &self.0 {
            Backend::Stack(shared) => shared.look_up(name, families, deadline),
            Backend::Host => {
                let found = host::lookup_ip(name, deadline)?;
                Ok(found.into_iter().map(|(ip, _)| ip).collect())
            }
        }
    }
}

impl Shared {
    fn look_up(
        &self,
        name: &str,
        families: Families,
        deadline: Deadline,
    ) -> Result<Vec<IpAddr>, DNSError> {
        let asked = self.lookups_asked.fetch_add(1, Ordering::Relaxed);
        let (ticket, answer) = ticket::pair();
        let look_up = LookUp::addresses(name, families);
        let outcome = self
            .mailbox
            .post(
                Request::LookUp {
                    look_up,
                    asked,
                    answer,
                },
                deadline,
            )
            .and_then(|()| ticket.wait(deadline));
        match outcome {
            Ok(Ok(looked_up)) => looked_up
                .result
                .map(Answer::into_addresses)
                .map_err(|error| DNSError::from_lookup(name, &error, looked_up.server.as_deref())),
            Ok(Err(_)) => Err(DNSError::new(DNSErrorKind::NoServer, name)),
            Err(Failure::Timeout) => {
                // Nobody waits any more. If the mailbox is full, the look-up ends by itself.
                let _ = self
                    .mailbox
                    .post(Request::CancelLookUp { asked }, Deadline::past());
                Err(DNSError::new(DNSErrorKind::Timeout, name))
            }
            Err(_) => Err(DNSError::new(DNSErrorKind::StackGone, name)),
        }
    }
}

/// What the host's `/etc/resolv.conf` and `/etc/hosts` say. A file that cannot be read says nothing.
pub fn host_settings() -> ResolverSettings {
    let resolv_conf = fs::read("/etc/resolv.conf").unwrap_or_default();
    let hosts = fs::read("/etc/hosts").unwrap_or_default();
    let mut settings = resolver_settings(&String::from_utf8_lossy(&resolv_conf));
    settings.hosts = String::from_utf8_lossy(&hosts).into_owned();
    settings
}

/// Reads the text of a `resolv.conf` (resolv.conf(5)). What it does not say stays with the defaults.
pub fn resolver_settings(resolv_conf: &str) -> ResolverSettings {
    let mut settings = ResolverSettings {
        ndots: 1,
        ..ResolverSettings::default()
    };
    for line in resolv_conf.lines() {
        let line = line.split(['#', ';']).next().unwrap_or_default();
        let mut words = line.split_whitespace();
        match words.next() {
            Some("nameserver") if settings.servers.len() < SERVERS_MAX => {
                if let Some((ip, _)) = words.next().and_then(parse_ip_zone) {
                    settings.servers.push(SocketAddr::new(ip, DNS_PORT));
                }
            }
            // The last of the two wins.
            Some("domain") => settings.search = words.take(1).map(domain).collect(),
            Some("search") => settings.search = words.take(SEARCH_MAX).map(domain).collect(),
            Some("options") => words.for_each(|word| option(&mut settings, word)),
            Some(_) | None => {}
        }
    }
    settings
}

fn domain(word: &str) -> String {
    word.trim_end_matches('.').to_owned()
}

fn option(settings: &mut ResolverSettings, word: &str) {
    let Some((name, value)) = word.split_once(':') else {
        return;
    };
    let Ok(value) = value.parse::<u32>() else {
        return;
    };
    match name {
        "ndots" => settings.ndots = value.min(15) as u8,
        "timeout" => {
            settings.timeout = Some(Duration::from_secs(u64::from(value.clamp(1, 30))));
        }
        "attempts" => settings.attempts = Some(value.clamp(1, 5)),
        _ => {}
    }
}
