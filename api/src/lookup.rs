//! Names on a network: [`Net::resolver`], its look-ups as methods of [`Net`], and the crate's free
//! functions.
//!
//! `dial` and `listen` come here for the addresses of a target. What a look-up does is in
//! `resolver/`.

use std::net::IpAddr;

#[cfg(feature = "async")]
use sidestep_stack::call::Families;

use crate::address::{Host, IPAddr, Target};
use crate::deadline::Deadline;
use crate::error::{Cause, DNSError, DNSErrorKind};
use crate::net::Net;
use crate::resolver::{MX, NS, Resolver, SRV};

impl Net {
    /// The network's own resolver. It goes by what the network was given
    /// ([`NetOptions::resolver`](crate::NetOptions::resolver)), or by the files of the host.
    #[doc(alias = "DefaultResolver")]
    pub fn resolver(&self) -> Resolver {
        Resolver::default().over(self)
    }

    /// See [`Resolver::lookup_host`].
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_host`].
    #[doc(alias = "LookupHost")]
    pub fn lookup_host(&self, host: &str) -> Result<Vec<String>, DNSError> {
        self.resolver().lookup_host(host)
    }

    /// The addresses of `host`, of both families, in the order in which they should be tried.
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_host`].
    #[doc(alias = "LookupIP")]
    pub fn lookup_ip(&self, host: &str) -> Result<Vec<IpAddr>, DNSError> {
        let found = self.resolver().lookup_ip_addr(host)?;
        Ok(found.into_iter().filter_map(|addr| addr.ip).collect())
    }

    /// See [`Resolver::lookup_ip_addr`].
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_host`].
    #[doc(alias = "LookupIPAddr")]
    pub fn lookup_ip_addr(&self, host: &str) -> Result<Vec<IPAddr>, DNSError> {
        self.resolver().lookup_ip_addr(host)
    }

    /// See [`Resolver::lookup_net_ip`].
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_ip`].
    #[doc(alias = "LookupNetIP")]
    pub fn lookup_net_ip(&self, network: &str, host: &str) -> Result<Vec<IpAddr>, Cause> {
        self.resolver().lookup_net_ip(network, host)
    }

    /// See [`Resolver::lookup_addr`].
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_addr`].
    #[doc(alias = "LookupAddr")]
    pub fn lookup_addr(&self, addr: &str) -> Result<Vec<String>, DNSError> {
        self.resolver().lookup_addr(addr)
    }

    /// See [`Resolver::lookup_cname`].
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_cname`].
    #[doc(alias = "LookupCNAME")]
    pub fn lookup_cname(&self, host: &str) -> Result<String, DNSError> {
        self.resolver().lookup_cname(host)
    }

    /// See [`Resolver::lookup_mx`].
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_mx`].
    #[doc(alias = "LookupMX")]
    pub fn lookup_mx(&self, name: &str) -> Result<Vec<MX>, DNSError> {
        self.resolver().lookup_mx(name)
    }

    /// See [`Resolver::lookup_ns`].
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_ns`].
    #[doc(alias = "LookupNS")]
    pub fn lookup_ns(&self, name: &str) -> Result<Vec<NS>, DNSError> {
        self.resolver().lookup_ns(name)
    }

    /// See [`Resolver::lookup_srv`].
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_srv`].
    #[doc(alias = "LookupSRV")]
    pub fn lookup_srv(
        &self,
        service: &str,
        proto: &str,
        name: &str,
    ) -> Result<(String, Vec<SRV>), DNSError> {
        self.resolver().lookup_srv(service, proto, name)
    }

    /// See [`Resolver::lookup_txt`].
    ///
    /// # Errors
    ///
    /// As for [`Resolver::lookup_txt`].
    #[doc(alias = "LookupTXT")]
    pub fn lookup_txt(&self, name: &str) -> Result<Vec<String>, DNSError> {
        self.resolver().lookup_txt(name)
    }

    /// See [`lookup_port`](crate::lookup_port).
    ///
    /// # Errors
    ///
    /// As for [`lookup_port`](crate::lookup_port).
    #[doc(alias = "LookupPort")]
    pub fn lookup_port(&self, network: &str, service: &str) -> Result<u16, Cause> {
        crate::lookup_port(network, service)
    }

    /// The addresses of the target's host, if it is a name.
    pub(crate) fn find(&self, target: &Target, deadline: Deadline) -> Result<Vec<IpAddr>, Cause> {
        self.resolver().with_deadline(deadline).find_target(target)
    }
}

impl Resolver {
    /// The addresses of the target's host, if it is a name.
    pub(crate) fn find_target(&self, target: &Target) -> Result<Vec<IpAddr>, Cause> {
        let Host::Name(name) = &target.host else {
            return Ok(Vec::new());
        };
        let found = self.lookup_ip_addr(name)?;
        Ok(found.into_iter().filter_map(|addr| addr.ip).collect())
    }

    /// As [`find_target`](Self::find_target), for a task. Deadline and token are the caller's
    /// affair; dropping it takes the question back.
    #[cfg(feature = "async")]
    pub(crate) async fn find_target_async(&self, target: &Target) -> Result<Vec<IpAddr>, Cause> {
        let Host::Name(name) = &target.host else {
            return Ok(Vec::new());
        };
        // Both families are asked for even if one is wanted: "no suitable address" is not "no such
        // host".
        let found = self.find_addresses(name, Families::Both).await?;
        Ok(found.into_iter().filter_map(|addr| addr.ip).collect())
    }
}

/// The network of the free functions.
fn current(name: &str) -> Result<Net, DNSError> {
    Net::current().ok_or_else(|| DNSError::new(DNSErrorKind::NoStack, name))
}

/// [`Net::lookup_host`] on the network that this thread has entered, else on the installed one.
///
/// # Errors
///
/// As for [`Net::lookup_host`], and that there is no network.
#[doc(alias = "LookupHost")]
pub fn lookup_host(host: &str) -> Result<Vec<String>, DNSError> {
    current(host)?.lookup_host(host)
}

/// [`Net::lookup_ip`] on the current network.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupIP")]
pub fn lookup_ip(host: &str) -> Result<Vec<IpAddr>, DNSError> {
    current(host)?.lookup_ip(host)
}

/// [`Net::lookup_addr`] on the current network.
///
/// # Errors
///
/// As for [`Resolver::lookup_addr`], and that there is no network.
#[doc(alias = "LookupAddr")]
pub fn lookup_addr(addr: &str) -> Result<Vec<String>, DNSError> {
    current(addr)?.lookup_addr(addr)
}

/// [`Net::lookup_cname`] on the current network.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupCNAME")]
pub fn lookup_cname(host: &str) -> Result<String, DNSError> {
    current(host)?.lookup_cname(host)
}

/// [`Net::lookup_mx`] on the current network.
///
/// # Errors
///
/// As for [`Resolver::lookup_mx`], and that there is no network.
#[doc(alias = "LookupMX")]
pub fn lookup_mx(name: &str) -> Result<Vec<MX>, DNSError> {
    current(name)?.lookup_mx(name)
}

/// [`Net::lookup_ns`] on the current network.
///
/// # Errors
///
/// As for [`lookup_mx`].
#[doc(alias = "LookupNS")]
pub fn lookup_ns(name: &str) -> Result<Vec<NS>, DNSError> {
    current(name)?.lookup_ns(name)
}

/// [`Net::lookup_srv`] on the current network.
///
/// # Errors
///
/// As for [`lookup_mx`].
#[doc(alias = "LookupSRV")]
pub fn lookup_srv(service: &str, proto: &str, name: &str) -> Result<(String, Vec<SRV>), DNSError> {
    current(name)?.lookup_srv(service, proto, name)
}

/// [`Net::lookup_txt`] on the current network.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupTXT")]
pub fn lookup_txt(name: &str) -> Result<Vec<String>, DNSError> {
    current(name)?.lookup_txt(name)
}
