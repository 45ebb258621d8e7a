//! Names, over whichever network: Go's `Resolver`.
//!
//! [`Resolver`] is a handle with a deadline and a cancel token; [`ResolverBuilder`] makes one with
//! settings of its own. `settings.rs` says what they are at the moment, `lookup.rs` what a look-up
//! does, and `ask.rs` carries a question to the packet thread or to the host's resolver thread. No
//! file is read, and nothing waits, on the packet thread.

mod ask;
pub(crate) mod block_on;
mod builder;
pub(crate) mod files;
mod lookup;
pub(crate) mod settings;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use sidestep_stack::call::Families;

use crate::address::IPAddr;
use crate::cancel::CancelToken;
use crate::deadline::Deadline;
use crate::error::{Cause, DNSError, DNSErrorKind};
use crate::net::Net;

use block_on::{Interrupted, block_on};
use settings::Names;

pub use builder::ResolverBuilder;
pub use files::ResolverFiles;
#[cfg(feature = "async")]
pub(crate) use lookup::{families_of, fitting, service_name};
/// How much of what servers said is kept.
pub use sidestep_stack::call::CacheSettings;
pub use sidestep_stack::event::{MX, NS, SRV};

/// Looks names up: Go's `Resolver`, with the deadline and the cancellation of its contexts.
///
/// It is a cheap handle. Clones have the same settings and share what they have in common:
/// simultaneous look-ups of one thing are one question to the servers, and a cache, if there is one,
/// is the same.
///
/// [`Resolver::default`] does as the network does that it is used on: one that was made without
/// settings reads `/etc/resolv.conf`, `/etc/hosts` and `/etc/nsswitch.conf`, and reads them again
/// when they have changed. [`Resolver::builder`] makes one with settings of its own.
///
/// ```
/// use sidestep::{Deadline, Net, Resolver};
///
/// let (net, _other) = Net::memory_pair()?;
/// let resolver = Resolver::builder()
///     .servers(["192.0.2.2:53".parse()?])
///     .hosts("192.0.2.7 seven.example seven\n")
///     .over(&net)
///     .build();
/// assert_eq!(resolver.lookup_host("seven.example")?, ["192.0.2.7"]);
/// assert_eq!(resolver.lookup_addr("192.0.2.7")?, ["seven.example.", "seven"]);
///
/// let late = resolver.with_deadline(Deadline::past());
/// let error = late.lookup_mx("example.com").unwrap_err();
/// assert!(error.is_timeout);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[doc(alias = "DefaultResolver")]
pub struct Resolver {
    /// `None`: those of the network.
    names: Option<Arc<Names>>,
    /// `None`: the current one, or that of whoever dials with it.
    net: Option<Net>,
    deadline: Deadline,
    cancel: Option<CancelToken>,
}

impl Resolver {
    /// A resolver with settings of its own.
    pub fn builder() -> ResolverBuilder {
        ResolverBuilder::default()
    }

    /// The same resolver, whose look-ups give up at `deadline`, with an error that says
    /// [`is_timeout`](DNSError::is_timeout).
    #[must_use]
    #[doc(alias = "WithDeadline")]
    #[doc(alias = "WithTimeout")]
    pub fn with_deadline(&self, deadline: impl Into<Deadline>) -> Self {
        Self {
            deadline: deadline.into(),
            ..self.clone()
        }
    }

    /// The same resolver, whose look-ups end when `token` is cancelled.
    #[must_use]
    #[doc(alias = "WithCancel")]
    pub fn with_cancel(&self, token: &CancelToken) -> Self {
        Self {
            cancel: Some(token.clone()),
            ..self.clone()
        }
    }

    /// The same resolver, whose queries go over `net`: through the UDP and TCP of its stack, or
    /// over the host kernel's if it is [`Net::host`].
    #[must_use]
    pub fn over(&self, net: &Net) -> Self {
        Self {
            net: Some(net.clone()),
            ..self.clone()
        }
    }

    /// The same resolver for a dial on `net`, which ends at `deadline` or by `cancel` if that comes
    /// first.
    pub(crate) fn for_dial(
        &self,
        net: &Net,
        deadline: Deadline,
        cancel: Option<&CancelToken>,
    ) -> Self {
        Self {
            names: self.names.clone(),
            net: self.net.clone().or_else(|| Some(net.clone())),
            deadline: self.deadline.min(deadline),
            cancel: cancel.cloned().or_else(|| self.cancel.clone()),
        }
    }

    /// When its look-ups give up, and what ends them early.
    #[cfg(feature = "async")]
    pub(crate) const fn until(&self) -> Deadline {
        self.deadline
    }

    #[cfg(feature = "async")]
    pub(crate) const fn cancel_token(&self) -> Option<&CancelToken> {
        self.cancel.as_ref()
    }

    /// Runs a look-up on this thread, until the deadline or the token ends it.
    fn block<T>(
        &self,
        name: &str,
        look_up: impl Future<Output = Result<T, DNSError>>,
    ) -> Result<T, DNSError> {
        let interrupted = |kind| Err(DNSError::new(kind, name));
        crate::trace::look_up(name, || {
            match block_on(look_up, self.deadline, self.cancel.as_ref()) {
                Ok(result) => result,
                Err(Interrupted::Timeout) => interrupted(DNSErrorKind::Timeout),
                Err(Interrupted::Canceled) => interrupted(DNSErrorKind::Canceled),
            }
        })
    }

    /// The addresses of `host` as texts, in the order in which they should be tried (RFC 6724;
    /// those of the hosts file as they stand there). A literal gives itself, as it is written.
    ///
    /// # Errors
    ///
    /// [`DNSError`]: `no such host` with [`is_not_found`](DNSError::is_not_found), `i/o timeout`
    /// with [`is_timeout`](DNSError::is_timeout), `operation was canceled`, or what the last server
    /// answered; [`is_temporary`](DNSError::is_temporary) says that another try may help.
    #[doc(alias = "LookupHost")]
    pub fn lookup_host(&self, host: &str) -> Result<Vec<String>, DNSError> {
        self.block(host, self.find_host(host))
    }

    /// The addresses of `host`, with their zones. A literal gives itself.
    ///
    /// # Errors
    ///
    /// As for [`lookup_host`](Self::lookup_host).
    #[doc(alias = "LookupIPAddr")]
    pub fn lookup_ip_addr(&self, host: &str) -> Result<Vec<IPAddr>, DNSError> {
        self.block(host, self.find_addresses(host, Families::Both))
    }

    /// The addresses of `host` that `network` carries: `ip` both families, `ip4` or `ip6` one; only
    /// that one is asked for.
    ///
    /// # Errors
    ///
    /// [`Cause::UnknownNetwork`]; [`Cause::Addr`] if there are addresses, but none that fits;
    /// [`Cause::DNS`] as for [`lookup_host`](Self::lookup_host).
    #[doc(alias = "LookupIP")]
    pub fn lookup_ip(&self, network: &str, host: &str) -> Result<Vec<IpAddr>, Cause> {
        let families = lookup::families_of(network)?;
        let found = self.block(host, self.find_addresses(host, families))?;
        lookup::fitting(found, families, host)
    }

    /// As [`lookup_ip`](Self::lookup_ip): std has one type for what Go has `IP` and `netip.Addr`
    /// for.
    ///
    /// # Errors
    ///
    /// As for [`lookup_ip`](Self::lookup_ip).
    #[doc(alias = "LookupNetIP")]
    pub fn lookup_net_ip(&self, network: &str, host: &str) -> Result<Vec<IpAddr>, Cause> {
        self.lookup_ip(network, host)
    }

    /// The names of the address `addr` (PTR; RFC 1035 §3.5, RFC 3596 §2.5). Names from servers end
    /// with a dot; those of the hosts file only if they have another one.
    ///
    /// # Errors
    ///
    /// As for [`lookup_host`](Self::lookup_host), and `unrecognized address`.
    #[doc(alias = "LookupAddr")]
    pub fn lookup_addr(&self, addr: &str) -> Result<Vec<String>, DNSError> {
        self.block(addr, self.find_names(addr))
    }

    /// The name at the end of the aliases of `host`, with a dot at its end. It need not be an alias,
    /// but it must have an address.
    ///
    /// # Errors
    ///
    /// As for [`lookup_host`](Self::lookup_host).
    #[doc(alias = "LookupCNAME")]
    pub fn lookup_cname(&self, host: &str) -> Result<String, DNSError> {
        self.block(host, self.find_canonical_name(host))
    }

    /// The hosts that take mail for `name`, by preference (MX; RFC 5321 §5.1).
    ///
    /// Records whose host is no domain name are left out; if that leaves none, it is an error. (Go
    /// returns the error beside those that are left.)
    ///
    /// # Errors
    ///
    /// As for [`lookup_host`](Self::lookup_host).
    #[doc(alias = "LookupMX")]
    pub fn lookup_mx(&self, name: &str) -> Result<Vec<MX>, DNSError> {
        self.block(name, self.find_mail_exchanges(name))
    }

    /// The servers of the zone `name` (NS).
    ///
    /// # Errors
    ///
    /// As for [`lookup_mx`](Self::lookup_mx).
    #[doc(alias = "LookupNS")]
    pub fn lookup_ns(&self, name: &str) -> Result<Vec<NS>, DNSError> {
        self.block(name, self.find_name_servers(name))
    }

    /// Where the service `_service._proto.name` is, in the order to be tried in, and the name that
    /// the records have (SRV; RFC 2782). If both `service` and `proto` are empty, `name` is looked
    /// up as it is.
    ///
    /// # Errors
    ///
    /// As for [`lookup_mx`](Self::lookup_mx).
    #[doc(alias = "LookupSRV")]
    pub fn lookup_srv(
        &self,
        service: &str,
        proto: &str,
        name: &str,
    ) -> Result<(String, Vec<SRV>), DNSError> {
        let target = lookup::service_name(service, proto, name);
        self.block(&target, self.find_services(&target))
    }

    /// The texts of `name` (TXT): the strings of one record are joined. Octets that are not UTF-8
    /// become U+FFFD.
    ///
    /// # Errors
    ///
    /// As for [`lookup_host`](Self::lookup_host).
    #[doc(alias = "LookupTXT")]
    pub fn lookup_txt(&self, name: &str) -> Result<Vec<String>, DNSError> {
        self.block(name, self.find_texts(name))
    }

    /// The port of `service` on `network`: see [`lookup_port`](crate::lookup_port), which asks no
    /// server.
    ///
    /// # Errors
    ///
    /// As for [`lookup_port`](crate::lookup_port).
    #[doc(alias = "LookupPort")]
    pub fn lookup_port(&self, network: &str, service: &str) -> Result<u16, Cause> {
        crate::lookup_port(network, service)
    }
}
