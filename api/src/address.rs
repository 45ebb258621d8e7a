//! Addresses as Go's `net` has them: an optional IP, a port, a zone by name; and their text.
//!
//! Every call of the crate speaks in these. They are plain values: what needs a look-up is told
//! apart by [`Target`] and looked up by `lookup.rs`; nothing here asks anyone.

mod host_port;
mod network;
mod parse_ip;
mod service;
mod target;
#[cfg(test)]
mod tests;
#[cfg(feature = "serde")]
mod text_form;
mod unix;

use std::fmt::{self, Debug, Display};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::str::FromStr;

use crate::error::{AddrError, AddrErrorKind};

pub use host_port::{join_host_port, split_host_port};
pub use network::{Network, UnixKind};
pub use parse_ip::{parse_ip, parse_ip_zone};
pub use service::lookup_port;
pub use sidestep_stack::call::Families;
pub(crate) use target::local;
pub use target::{Host, Purpose, Target};
pub use unix::{UnixAddr, resolve_unix_addr};

/// An end of a connection, of whatever network.
pub trait Addr: Display + Debug {
    /// The network's name without family: `tcp`, `udp`, `ip`, `pipe`, or one of `unix`,
    /// `unixgram` and `unixpacket`.
    #[doc(alias = "Network")]
    fn network(&self) -> &'static str;
}

/// The zone of an IPv6 address that is not unique without one (RFC 4007 §11): the name or number
/// of an interface, or nothing.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Zone(Option<Box<str>>);

impl Zone {
    /// No zone.
    pub const NONE: Self = Self(None);

    /// The zone called `name`; the empty name is no zone.
    pub fn new(name: &str) -> Self {
        Self((!name.is_empty()).then(|| name.into()))
    }

    /// The name; empty if there is no zone.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// True if there is no zone.
    pub const fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// The scope identifier (RFC 3493 §3.3): 0 without a zone, a number as it is written, a name as
    /// `index_of` knows it.
    pub fn scope_id(&self, index_of: impl FnOnce(&str) -> Option<u32>) -> Option<u32> {
        let name = self.as_str();
        if name.is_empty() {
            return Some(0);
        }
        name.parse().ok().or_else(|| index_of(name))
    }

    fn from_scope_id(scope_id: u32) -> Self {
        if scope_id == 0 {
            Self::NONE
        } else {
            Self::new(&scope_id.to_string())
        }
    }
}

impl From<&str> for Zone {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Go prints an IPv4-mapped address as the IPv4 address that it stands for, and no IP as nothing.
fn write_ip(f: &mut fmt::Formatter<'_>, ip: Option<IpAddr>, zone: &Zone) -> fmt::Result {
    if let Some(ip) = ip {
        write!(f, "{}", ip.to_canonical())?;
    }
    if !zone.is_none() {
        write!(f, "%{zone}")?;
    }
    Ok(())
}

fn write_ip_port(
    f: &mut fmt::Formatter<'_>,
    ip: Option<IpAddr>,
    zone: &Zone,
    port: u16,
) -> fmt::Result {
    let canonical = ip.map(|ip| ip.to_canonical());
    let bracketed = matches!(canonical, Some(IpAddr::V6(_))) || zone.as_str().contains(':');
    if bracketed {
        f.write_str("[")?;
    }
    write_ip(f, ip, zone)?;
    if bracketed {
        f.write_str("]")?;
    }
    write!(f, ":{port}")
}

/// The socket address of `ip`, `zone` and `port`, with the zone's scope identifier.
fn socket_addr(
    ip: Option<IpAddr>,
    zone: &Zone,
    port: u16,
    index_of: impl FnOnce(&str) -> Option<u32>,
) -> Result<SocketAddr, AddrErrorKind> {
    match ip.map(|ip| ip.to_canonical()) {
        None => Err(AddrErrorKind::NotLiteral),
        Some(IpAddr::V4(ip)) => Ok(SocketAddr::from((ip, port))),
        Some(IpAddr::V6(ip)) => {
            let scope_id = zone.scope_id(index_of).ok_or(AddrErrorKind::UnknownZone)?;
            Ok(SocketAddrV6::new(ip, port, 0, scope_id).into())
        }
    }
}

fn zone_of(addr: &SocketAddr) -> Zone {
    match addr {
        SocketAddr::V4(_) => Zone::NONE,
        SocketAddr::V6(addr) => Zone::from_scope_id(addr.scope_id()),
    }
}

macro_rules! ip_port_addr {
    ($(#[$doc:meta])* $name:ident, $variant:ident, $network:literal, $from:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name {
            /// The IP; `None` (Go's nil) stands for any address of any family, which is not the
            /// same as 0.0.0.0.
            #[doc(alias = "IP")]
            pub ip: Option<IpAddr>,
            /// The port.
            #[doc(alias = "Port")]
            pub port: u16,
            /// The zone of an IPv6 address.
            #[doc(alias = "Zone")]
            pub zone: Zone,
        }

        impl $name {
            /// `ip` and `port` without a zone. An IPv4-mapped `ip` becomes the IPv4 address.
            pub fn new(ip: impl Into<Option<IpAddr>>, port: u16) -> Self {
                Self {
                    ip: ip.into().map(|ip| ip.to_canonical()),
                    port,
                    zone: Zone::NONE,
                }
            }

            /// The socket address, where zones that are names are known to `index_of`.
            ///
            /// # Errors
            ///
            /// There is no IP, or the zone is unknown.
            #[doc(alias = "AddrPort")]
            pub fn to_socket_addr(
                &self,
                index_of: impl FnOnce(&str) -> Option<u32>,
            ) -> Result<SocketAddr, AddrError> {
                socket_addr(self.ip, &self.zone, self.port, index_of)
                    .map_err(|kind| AddrError::new(kind, &self.to_string()))
            }

            /// True if it stands for any address: no IP, 0.0.0.0 or `::`.
            pub fn is_wildcard(&self) -> bool {
                self.ip.is_none_or(|ip| ip.is_unspecified())
            }
        }

        impl Addr for $name {
            fn network(&self) -> &'static str {
                $network
            }
        }

        impl Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_ip_port(f, self.ip, &self.zone, self.port)
            }
        }

        /// Literals only: `192.0.2.1:80`, `[2001:db8::1%eth0]:80`, `:80`. The port is a number.
        impl FromStr for $name {
            type Err = AddrError;

            fn from_str(text: &str) -> Result<Self, AddrError> {
                let (ip, zone, port) = target::parse_literal(text)?;
                Ok(Self { ip, port, zone })
            }
        }

        #[doc = concat!("Go's `", $from, "`. An IPv4-mapped address becomes the IPv4 address.")]
        impl From<SocketAddr> for $name {
            fn from(addr: SocketAddr) -> Self {
                Self {
                    ip: Some(addr.ip().to_canonical()),
                    port: addr.port(),
                    zone: zone_of(&addr),
                }
            }
        }

        impl TryFrom<&$name> for SocketAddr {
            type Error = AddrError;

            /// Fails without an IP, and if the zone is not a number.
            fn try_from(addr: &$name) -> Result<Self, AddrError> {
                addr.to_socket_addr(|_| None)
            }
        }

        impl From<$name> for NetAddr {
            fn from(addr: $name) -> Self {
                Self::$variant(addr)
            }
        }
    };
}

ip_port_addr! {
    /// An end of a TCP connection.
    ///
    /// ```
    /// use sidestep::TCPAddr;
    /// let addr: TCPAddr = "[2001:db8::1]:80".parse()?;
    /// assert_eq!(addr.port, 80);
    /// assert_eq!(TCPAddr::default().to_string(), ":0");
    /// # Ok::<(), sidestep::AddrError>(())
    /// ```
    TCPAddr, TCP, "tcp", "TCPAddrFromAddrPort"
}

ip_port_addr! {
    /// An end that sends or receives UDP datagrams.
    UDPAddr, UDP, "udp", "UDPAddrFromAddrPort"
}

/// An IP address with its zone: an end of a raw IP socket.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IPAddr {
    /// The IP; `None` (Go's nil) stands for any address of any family.
    #[doc(alias = "IP")]
    pub ip: Option<IpAddr>,
    /// The zone of an IPv6 address.
    #[doc(alias = "Zone")]
    pub zone: Zone,
}

impl Addr for IPAddr {
    fn network(&self) -> &'static str {
        "ip"
    }
}

impl Display for IPAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_ip(f, self.ip, &self.zone)
    }
}

impl From<IpAddr> for IPAddr {
    fn from(ip: IpAddr) -> Self {
        Self {
            ip: Some(ip.to_canonical()),
            zone: Zone::NONE,
        }
    }
}

/// A literal, with a zone or without.
impl FromStr for IPAddr {
    type Err = AddrError;

    fn from_str(text: &str) -> Result<Self, AddrError> {
        let (ip, zone) =
            parse_ip_zone(text).ok_or_else(|| AddrError::new(AddrErrorKind::NotLiteral, text))?;
        Ok(Self { ip: Some(ip), zone })
    }
}

impl From<IPAddr> for NetAddr {
    fn from(addr: IPAddr) -> Self {
        Self::IP(addr)
    }
}

/// An end of any network: what Go's interface `Addr` holds.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[doc(alias = "Addr")]
#[non_exhaustive]
pub enum NetAddr {
    /// Of TCP.
    TCP(TCPAddr),
    /// Of UDP.
    UDP(UDPAddr),
    /// Of a raw IP socket.
    IP(IPAddr),
    /// Of a Unix socket.
    Unix(UnixAddr),
    /// Of a pipe in memory: all of them are called `pipe`.
    Pipe,
}

impl NetAddr {
    /// The IP, if there is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::TCP(addr) => addr.ip,
            Self::UDP(addr) => addr.ip,
            Self::IP(addr) => addr.ip,
            Self::Unix(_) | Self::Pipe => None,
        }
    }

    /// The port, where the network has ports.
    pub const fn port(&self) -> Option<u16> {
        match self {
            Self::TCP(addr) => Some(addr.port),
            Self::UDP(addr) => Some(addr.port),
            Self::IP(_) | Self::Unix(_) | Self::Pipe => None,
        }
    }
}

impl Addr for NetAddr {
    fn network(&self) -> &'static str {
        match self {
            Self::TCP(addr) => addr.network(),
            Self::UDP(addr) => addr.network(),
            Self::IP(addr) => addr.network(),
            Self::Unix(addr) => addr.network(),
            Self::Pipe => "pipe",
        }
    }
}

impl Display for NetAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TCP(addr) => Display::fmt(addr, f),
            Self::UDP(addr) => Display::fmt(addr, f),
            Self::IP(addr) => Display::fmt(addr, f),
            Self::Unix(addr) => Display::fmt(addr, f),
            Self::Pipe => f.write_str("pipe"),
        }
    }
}

/// The unspecified IPv6 address, which as a wildcard stands for both families.
const V6_WILDCARD: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
