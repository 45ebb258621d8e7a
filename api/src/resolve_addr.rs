//! From a network's name and a text to one address: Go's `ResolveTCPAddr` and its kin.
//!
//! For programs that keep addresses apart from connections; `dial` and `listen` do not come by here.
//! Names are looked up by `lookup.rs`, and of several addresses an IPv4 one is preferred unless the
//! text asks for IPv6 by its brackets or colons (go-net contract 19).

use sidestep_stack::wire::protocol::Protocol;

use crate::address::{Families, IPAddr, Network, Purpose, TCPAddr, Target, UDPAddr};
use crate::deadline::Deadline;
use crate::error::{Cause, UnknownNetworkError};
use crate::net::Net;

impl Net {
    /// The address that `address` (`host:port`, where both may be names and either may be missing)
    /// means on `tcp`, `tcp4` or `tcp6`; the empty network is `tcp`.
    ///
    /// # Errors
    ///
    /// Another network, a text that is no address, or what the look-up met.
    #[doc(alias = "ResolveTCPAddr")]
    pub fn resolve_tcp_addr(&self, network: &str, address: &str) -> Result<TCPAddr, Cause> {
        let parsed = Network::parse(or(network, "tcp"));
        let Ok(parsed @ Network::TCP(_)) = parsed else {
            return Err(UnknownNetworkError(network.into()).into());
        };
        let target = Target::parse(parsed, address, Purpose::Listen)?;
        Ok(target.tcp_addr(&self.find(&target, Deadline::NONE)?)?)
    }

    /// As [`resolve_tcp_addr`](Self::resolve_tcp_addr), on `udp`, `udp4` or `udp6`; the empty
    /// network is `udp`.
    ///
    /// # Errors
    ///
    /// As for [`resolve_tcp_addr`](Self::resolve_tcp_addr).
    #[doc(alias = "ResolveUDPAddr")]
    pub fn resolve_udp_addr(&self, network: &str, address: &str) -> Result<UDPAddr, Cause> {
        let parsed = Network::parse(or(network, "udp"));
        let Ok(parsed @ Network::UDP(_)) = parsed else {
            return Err(UnknownNetworkError(network.into()).into());
        };
        let target = Target::parse(parsed, address, Purpose::Listen)?;
        Ok(target.udp_addr(&self.find(&target, Deadline::NONE)?)?)
    }

    /// The address of the host `address` on `ip`, `ip4` or `ip6`, with a protocol or without; the
    /// empty network is `ip`.
    ///
    /// # Errors
    ///
    /// As for [`resolve_tcp_addr`](Self::resolve_tcp_addr), and an unknown protocol.
    #[doc(alias = "ResolveIPAddr")]
    pub fn resolve_ip_addr(&self, network: &str, address: &str) -> Result<IPAddr, Cause> {
        const NO_PROTOCOL: Protocol = Protocol(0);
        let parsed = match or(network, "ip") {
            "ip" => Network::IP(Families::Both, NO_PROTOCOL),
            "ip4" => Network::IP(Families::V4, NO_PROTOCOL),
            "ip6" => Network::IP(Families::V6, NO_PROTOCOL),
            other => Network::parse(other)?,
        };
        let Network::IP(..) = parsed else {
            return Err(UnknownNetworkError(network.into()).into());
        };
        let target = Target::parse(parsed, address, Purpose::Listen)?;
        Ok(target.ip_addr(&self.find(&target, Deadline::NONE)?)?)
    }
}

fn or<'a>(network: &'a str, default: &'a str) -> &'a str {
    if network.is_empty() { default } else { network }
}

/// [`Net::resolve_tcp_addr`] on the network that this thread has entered, else on the installed one.
///
/// # Errors
///
/// As for [`Net::resolve_tcp_addr`], and [`Cause::NoStack`] if there is neither.
#[doc(alias = "ResolveTCPAddr")]
pub fn resolve_tcp_addr(network: &str, address: &str) -> Result<TCPAddr, Cause> {
    Net::current()
        .ok_or(Cause::NoStack)?
        .resolve_tcp_addr(network, address)
}

/// [`Net::resolve_udp_addr`] on the current network.
///
/// # Errors
///
/// As for [`resolve_tcp_addr`].
#[doc(alias = "ResolveUDPAddr")]
pub fn resolve_udp_addr(network: &str, address: &str) -> Result<UDPAddr, Cause> {
    Net::current()
        .ok_or(Cause::NoStack)?
        .resolve_udp_addr(network, address)
}

/// [`Net::resolve_ip_addr`] on the current network.
///
/// # Errors
///
/// As for [`resolve_tcp_addr`].
#[doc(alias = "ResolveIPAddr")]
pub fn resolve_ip_addr(network: &str, address: &str) -> Result<IPAddr, Cause> {
    Net::current()
        .ok_or(Cause::NoStack)?
        .resolve_ip_addr(network, address)
}
