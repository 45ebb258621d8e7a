//! From the text of an address to what a dial or a listen needs, as far as no look-up is needed.
//!
//! `dial.rs`, `listener.rs`, `udp.rs` and `host.rs` begin here; `lookup.rs` fills in the names. The
//! wildcard rules are those that Go has on Linux (go-net §1.5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sidestep_stack::call::Local;

use super::service::{Port, parse_port};
use super::{
    Families, IPAddr, Network, TCPAddr, UDPAddr, V6_WILDCARD, Zone, lookup_port, parse_ip_zone,
    split_host_port,
};
use crate::error::{AddrError, AddrErrorKind, Cause};

/// What an address is wanted for: an empty one can be listened on, but not dialled.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// To open a connection to it.
    Dial,
    /// To wait there.
    Listen,
}

/// Which host an address means.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Host {
    /// None was given.
    Empty,
    /// A literal.
    Literal(IpAddr, Zone),
    /// A name, to be looked up.
    Name(Box<str>),
}

/// A parsed network and address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// On which network.
    pub network: Network,
    /// Which host.
    pub host: Host,
    /// Which port; 0 on networks without ports.
    pub port: u16,
    /// The host as it was written, for errors.
    text: Box<str>,
    /// True if the text looks like IPv6, which asks for IPv6 first (go-net contract 19): it has an
    /// opening bracket, or on a network without ports a colon.
    wants_v6: bool,
}

impl Target {
    /// Reads `address` as one of `network`. Asks the service table for a port's name, and nobody
    /// for a host's.
    ///
    /// # Errors
    ///
    /// [`Cause::MissingAddress`] if there is nothing to dial, [`Cause::NotSupported`] for Unix
    /// networks, else what is wrong with the address.
    pub fn parse(network: Network, address: &str, purpose: Purpose) -> Result<Self, Cause> {
        if purpose == Purpose::Dial && address.is_empty() {
            return Err(Cause::MissingAddress);
        }
        let (host, port) = match network {
            Network::Unix(_) => return Err(Cause::NotSupported),
            Network::IP(..) => (address, 0),
            Network::TCP(_) | Network::UDP(_) if address.is_empty() => ("", 0),
            Network::TCP(_) | Network::UDP(_) => {
                let (host, port) = split_host_port(address)?;
                (host, lookup_port(network.as_str(), port)?)
            }
        };
        let literal = || parse_ip_zone(host).map(|(ip, zone)| Host::Literal(ip, zone));
        let host_is = if host.is_empty() {
            Host::Empty
        } else {
            literal().unwrap_or_else(|| Host::Name(host.into()))
        };
        Ok(Self {
            network,
            host: host_is,
            port,
            text: host.into(),
            wants_v6: match network {
                Network::TCP(_) | Network::UDP(_) | Network::Unix(_) => address.contains('['),
                Network::IP(..) => address.contains(':'),
            },
        })
    }

    /// The addresses to try in turn when this is dialled; `found` are those of the name, in the
    /// order to try.
    ///
    /// An empty host means this host, and so do 0.0.0.0 and `::`, which is tried as `::1` first.
    ///
    /// # Errors
    ///
    /// No address is of a family that the network carries.
    pub fn dial_addresses(&self, found: &[IpAddr]) -> Result<Vec<(IpAddr, Zone)>, AddrError> {
        let candidates = match &self.host {
            Host::Empty if self.network.families() == Families::V6 => {
                vec![(IpAddr::V6(Ipv6Addr::LOCALHOST), Zone::NONE)]
            }
            Host::Empty => vec![(IpAddr::V4(Ipv4Addr::LOCALHOST), Zone::NONE)],
            Host::Literal(ip, _) if *ip == V6_WILDCARD => vec![
                (IpAddr::V6(Ipv6Addr::LOCALHOST), Zone::NONE),
                (IpAddr::V4(Ipv4Addr::LOCALHOST), Zone::NONE),
            ],
            Host::Literal(ip, _) if ip.is_unspecified() => {
                vec![(IpAddr::V4(Ipv4Addr::LOCALHOST), Zone::NONE)]
            }
            Host::Literal(ip, zone) => vec![(*ip, zone.clone())],
            Host::Name(_) => found
                .iter()
                .map(|ip| (ip.to_canonical(), Zone::NONE))
                .collect(),
        };
        self.keep_carried(candidates)
    }

    /// The one address that this means to `resolve_*_addr`: IPv4 is preferred, unless the text looks
    /// like IPv6 on a network that carries both. `None` for an empty host.
    ///
    /// # Errors
    ///
    /// No address is of a family that the network carries.
    pub fn one_address(&self, found: &[IpAddr]) -> Result<Option<(IpAddr, Zone)>, AddrError> {
        let is_wanted = if self.wants_v6 {
            IpAddr::is_ipv6
        } else {
            IpAddr::is_ipv4
        };
        self.preferred(found, is_wanted)
    }

    /// The one address that this means to a listener: IPv4 is preferred whatever the text looks like.
    /// `None` for an empty host.
    ///
    /// # Errors
    ///
    /// As for [`one_address`](Self::one_address).
    pub fn listen_address(&self, found: &[IpAddr]) -> Result<Option<(IpAddr, Zone)>, AddrError> {
        self.preferred(found, IpAddr::is_ipv4)
    }

    fn preferred(
        &self,
        found: &[IpAddr],
        is_wanted: fn(&IpAddr) -> bool,
    ) -> Result<Option<(IpAddr, Zone)>, AddrError> {
        let candidates = match &self.host {
            Host::Empty => return Ok(None),
            // `::` stands for 0.0.0.0 too, as in Go: for tcp4, and for whoever prefers IPv4.
            Host::Literal(ip, zone) if *ip == V6_WILDCARD => vec![
                (*ip, zone.clone()),
                (IpAddr::V4(Ipv4Addr::UNSPECIFIED), Zone::NONE),
            ],
            Host::Literal(ip, zone) => vec![(*ip, zone.clone())],
            Host::Name(_) => found
                .iter()
                .map(|ip| (ip.to_canonical(), Zone::NONE))
                .collect(),
        };
        let carried = self.keep_carried(candidates)?;
        let preferred = carried
            .iter()
            .find(|(ip, _)| is_wanted(ip))
            .or_else(|| carried.first());
        Ok(preferred.cloned())
    }

    /// Where a listener or socket is bound: an empty host, 0.0.0.0 and `::` all cover both families
    /// on networks that carry both.
    ///
    /// # Errors
    ///
    /// As for [`one_address`](Self::one_address).
    pub fn listen_local(&self, found: &[IpAddr]) -> Result<Local, AddrError> {
        let address = self.listen_address(found)?.map(|(ip, _)| ip);
        Ok(local(self.network, address, self.port))
    }

    /// What `resolve_tcp_addr` answers: see [`one_address`](Self::one_address).
    ///
    /// # Errors
    ///
    /// As for [`one_address`](Self::one_address).
    #[doc(alias = "ResolveTCPAddr")]
    pub fn tcp_addr(&self, found: &[IpAddr]) -> Result<TCPAddr, AddrError> {
        let (ip, zone) = self.one_address(found)?.unzip();
        Ok(TCPAddr {
            ip,
            port: self.port,
            zone: zone.unwrap_or_default(),
        })
    }

    /// What `resolve_udp_addr` answers: see [`one_address`](Self::one_address).
    ///
    /// # Errors
    ///
    /// As for [`one_address`](Self::one_address).
    #[doc(alias = "ResolveUDPAddr")]
    pub fn udp_addr(&self, found: &[IpAddr]) -> Result<UDPAddr, AddrError> {
        let TCPAddr { ip, port, zone } = self.tcp_addr(found)?;
        Ok(UDPAddr { ip, port, zone })
    }

    /// What `resolve_ip_addr` answers: see [`one_address`](Self::one_address).
    ///
    /// # Errors
    ///
    /// As for [`one_address`](Self::one_address).
    #[doc(alias = "ResolveIPAddr")]
    pub fn ip_addr(&self, found: &[IpAddr]) -> Result<IPAddr, AddrError> {
        let TCPAddr { ip, zone, .. } = self.tcp_addr(found)?;
        Ok(IPAddr { ip, zone })
    }

    fn keep_carried(
        &self,
        mut candidates: Vec<(IpAddr, Zone)>,
    ) -> Result<Vec<(IpAddr, Zone)>, AddrError> {
        candidates.retain(|(ip, _)| self.network.carries(*ip));
        if candidates.is_empty() {
            return Err(AddrError::new(AddrErrorKind::NoSuitableAddress, &self.text));
        }
        Ok(candidates)
    }
}

/// Where a socket on `network` is bound if its user says `address` and `port`.
pub(crate) fn local(network: Network, address: Option<IpAddr>, port: u16) -> Local {
    Local {
        address: address.filter(|ip| !ip.is_unspecified()),
        families: network.families(),
        port,
    }
}

/// Reads `host:port` where both must be literal; an empty host is no IP.
pub(super) fn parse_literal(text: &str) -> Result<(Option<IpAddr>, Zone, u16), AddrError> {
    let (host, port) = split_host_port(text)?;
    let port = match parse_port(port) {
        Port::Number(port) => port,
        Port::OutOfRange | Port::Name => {
            return Err(AddrError::new(AddrErrorKind::InvalidPort, port));
        }
    };
    if host.is_empty() {
        return Ok((None, Zone::NONE, port));
    }
    let (ip, zone) =
        parse_ip_zone(host).ok_or_else(|| AddrError::new(AddrErrorKind::NotLiteral, host))?;
    Ok((Some(ip), zone, port))
}
