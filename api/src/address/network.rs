//! The names of networks: `tcp`, `udp6`, `ip4:icmp`, `unixgram`, and what they stand for.
//!
//! The first thing that every dial and listen parses; an unknown one fails before any look-up
//! (go-net contract 20). Whether a backend carries a network is not decided here.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use sidestep_stack::wire::protocol::Protocol;

use super::Families;
use super::service::protocol_by_name;
use crate::error::{AddrError, AddrErrorKind, Cause, UnknownNetworkError};

/// The three kinds of Unix sockets.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum UnixKind {
    /// `unix`: a stream.
    Stream,
    /// `unixgram`: datagrams.
    Datagram,
    /// `unixpacket`: a stream of records.
    Packet,
}

/// A network that can be dialled or listened on.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[doc(alias = "network")]
pub enum Network {
    /// `tcp`, `tcp4`, `tcp6`.
    TCP(Families),
    /// `udp`, `udp4`, `udp6`.
    UDP(Families),
    /// `ip:proto`, `ip4:proto`, `ip6:proto`.
    IP(Families, Protocol),
    /// `unix`, `unixgram`, `unixpacket`.
    Unix(UnixKind),
}

impl Network {
    /// Reads `text` as a network; the protocol of an `ip` network by number or name.
    ///
    /// # Errors
    ///
    /// [`Cause::UnknownNetwork`], also for an `ip` network without a protocol; [`Cause::Addr`] for a
    /// protocol that is unknown.
    pub fn parse(text: &str) -> Result<Self, Cause> {
        let network = match text {
            "tcp" => Self::TCP(Families::Both),
            "tcp4" => Self::TCP(Families::V4),
            "tcp6" => Self::TCP(Families::V6),
            "udp" => Self::UDP(Families::Both),
            "udp4" => Self::UDP(Families::V4),
            "udp6" => Self::UDP(Families::V6),
            "unix" => Self::Unix(UnixKind::Stream),
            "unixgram" => Self::Unix(UnixKind::Datagram),
            "unixpacket" => Self::Unix(UnixKind::Packet),
            _ => return Self::parse_raw(text),
        };
        Ok(network)
    }

    fn parse_raw(text: &str) -> Result<Self, Cause> {
        let unknown = || UnknownNetworkError(text.into());
        let (family, protocol) = text.rsplit_once(':').ok_or_else(unknown)?;
        let families = match family {
            "ip" => Families::Both,
            "ip4" => Families::V4,
            "ip6" => Families::V6,
            _ => return Err(unknown().into()),
        };
        let protocol = protocol_by_name(protocol)
            .ok_or_else(|| AddrError::new(AddrErrorKind::UnknownIPProtocol, protocol))?;
        Ok(Self::IP(families, protocol))
    }

    /// Which families its addresses may be of.
    pub const fn families(self) -> Families {
        match self {
            Self::TCP(families) | Self::UDP(families) | Self::IP(families, _) => families,
            Self::Unix(_) => Families::Both,
        }
    }

    /// True if `ip` is of a family that this network carries.
    pub const fn carries(self, ip: IpAddr) -> bool {
        match self.families() {
            Families::Both => true,
            Families::V4 => ip.is_ipv4(),
            Families::V6 => ip.is_ipv6(),
        }
    }

    /// The name without a protocol, as errors print it: `ip4` for `ip4:icmp`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TCP(Families::Both) => "tcp",
            Self::TCP(Families::V4) => "tcp4",
            Self::TCP(Families::V6) => "tcp6",
            Self::UDP(Families::Both) => "udp",
            Self::UDP(Families::V4) => "udp4",
            Self::UDP(Families::V6) => "udp6",
            Self::IP(Families::Both, _) => "ip",
            Self::IP(Families::V4, _) => "ip4",
            Self::IP(Families::V6, _) => "ip6",
            Self::Unix(UnixKind::Stream) => "unix",
            Self::Unix(UnixKind::Datagram) => "unixgram",
            Self::Unix(UnixKind::Packet) => "unixpacket",
        }
    }
}

impl FromStr for Network {
    type Err = Cause;

    fn from_str(text: &str) -> Result<Self, Cause> {
        Self::parse(text)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::IP(_, protocol) => write!(f, ":{}", protocol.0),
            Self::TCP(_) | Self::UDP(_) | Self::Unix(_) => Ok(()),
        }
    }
}
