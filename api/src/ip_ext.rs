//! What Go's `IP` can be asked, for std's `IpAddr`; and the well-known addresses by Go's names.
//!
//! Users ask; the crate itself keeps every address canonical, so that an IPv4-mapped one is the IPv4
//! address. Several of these questions are unstable in std and so answered here (RFC 4291 §2.4 to
//! §2.7, RFC 1918, RFC 3927, RFC 4193).

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::address::{parse_ip, parse_ip_zone};
use crate::error::ParseError;
use crate::ip_net::{IPMask, ipv4_mask, masked};

/// Octets of an IPv4 address.
#[doc(alias = "IPv4len")]
pub const IPV4_LEN: usize = 4;
/// Octets of an IPv6 address.
#[doc(alias = "IPv6len")]
pub const IPV6_LEN: usize = 16;

/// The limited broadcast address (RFC 919 §7).
#[doc(alias = "IPv4bcast")]
pub const IPV4_BCAST: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);
/// All systems of the link (RFC 1112 §4).
#[doc(alias = "IPv4allsys")]
pub const IPV4_ALLSYS: IpAddr = ipv4(224, 0, 0, 1);
/// All routers of the link.
#[doc(alias = "IPv4allrouter")]
pub const IPV4_ALLROUTER: IpAddr = ipv4(224, 0, 0, 2);
/// 0.0.0.0.
#[doc(alias = "IPv4zero")]
pub const IPV4_ZERO: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// `::`.
#[doc(alias = "IPv6zero")]
pub const IPV6_ZERO: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
/// `::`, by its name in RFC 4291 §2.5.2.
#[doc(alias = "IPv6unspecified")]
pub const IPV6_UNSPECIFIED: IpAddr = IPV6_ZERO;
/// `::1` (RFC 4291 §2.5.3).
#[doc(alias = "IPv6loopback")]
pub const IPV6_LOOPBACK: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// All nodes of the interface (RFC 4291 §2.7.1).
#[doc(alias = "IPv6interfacelocalallnodes")]
pub const IPV6_INTERFACE_LOCAL_ALL_NODES: IpAddr = ipv6_multicast(0xff01, 1);
/// All nodes of the link.
#[doc(alias = "IPv6linklocalallnodes")]
pub const IPV6_LINK_LOCAL_ALL_NODES: IpAddr = ipv6_multicast(0xff02, 1);
/// All routers of the link.
#[doc(alias = "IPv6linklocalallrouters")]
pub const IPV6_LINK_LOCAL_ALL_ROUTERS: IpAddr = ipv6_multicast(0xff02, 2);

const fn ipv6_multicast(first: u16, last: u16) -> IpAddr {
    IpAddr::V6(Ipv6Addr::new(first, 0, 0, 0, 0, 0, 0, last))
}

/// The IPv4 address with these octets.
#[doc(alias = "IPv4")]
pub const fn ipv4(a: u8, b: u8, c: u8, d: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(a, b, c, d))
}

/// The methods of Go's `IP`, for std's [`IpAddr`]. An IPv4-mapped IPv6 address answers as the IPv4
/// address that it stands for.
///
/// `is_loopback`, `is_multicast` and `is_unspecified` are also methods of [`IpAddr`], which a plain
/// call finds first; they differ for IPv4-mapped addresses only, and this crate gives none out.
///
/// ```
/// use sidestep::{IPExt, parse_ip};
/// let ip = parse_ip("10.1.2.3").unwrap();
/// assert!(ip.is_private() && ip.is_global_unicast());
/// assert_eq!(ip.default_mask().unwrap().to_string(), "ff000000");
/// ```
#[doc(alias = "net.IP")]
pub trait IPExt {
    /// The mask of the address's class (RFC 791 §3.2), which nobody uses any more; `None` for IPv6.
    #[doc(alias = "DefaultMask")]
    fn default_mask(&self) -> Option<IPMask>;

    /// True if both are the same address; an IPv4-mapped one equals the IPv4 address.
    #[doc(alias = "Equal")]
    fn equal(&self, other: &IpAddr) -> bool;

    /// True for any unicast address but the unspecified, loopback and link-local ones. Private
    /// addresses are among them.
    #[doc(alias = "IsGlobalUnicast")]
    fn is_global_unicast(&self) -> bool;

    /// True for multicast that stays on its interface: `ff01::1` (RFC 4291 §2.7). IPv4 has none.
    #[doc(alias = "IsInterfaceLocalMulticast")]
    fn is_interface_local_multicast(&self) -> bool;

    /// True for multicast that stays on its link: `ff02::1`, 224.0.0.0/24 (RFC 5771 §4).
    #[doc(alias = "IsLinkLocalMulticast")]
    fn is_link_local_multicast(&self) -> bool;

    /// True for fe80::/10 (RFC 4291 §2.5.6) and 169.254.0.0/16 (RFC 3927).
    #[doc(alias = "IsLinkLocalUnicast")]
    fn is_link_local_unicast(&self) -> bool;

    /// True for `::1` and 127.0.0.0/8.
    #[doc(alias = "IsLoopback")]
    fn is_loopback(&self) -> bool;

    /// True for ff00::/8 and 224.0.0.0/4.
    #[doc(alias = "IsMulticast")]
    fn is_multicast(&self) -> bool;

    /// True for the private addresses of RFC 1918 and RFC 4193.
    #[doc(alias = "IsPrivate")]
    fn is_private(&self) -> bool;

    /// True for `::` and 0.0.0.0.
    #[doc(alias = "IsUnspecified")]
    fn is_unspecified(&self) -> bool;

    /// The bits that `mask` has; `None` if it is of the other family. A mask of 128 bits fits an
    /// IPv4 address if its first 96 bits are ones.
    #[doc(alias = "Mask")]
    fn mask(&self, mask: &IPMask) -> Option<IpAddr>;

    /// The IPv4 address that this is; `None` for IPv6.
    #[doc(alias = "To4")]
    fn to4(&self) -> Option<Ipv4Addr>;

    /// The address in 16 octets; IPv4 as IPv4-mapped (RFC 4291 §2.5.5.2).
    #[doc(alias = "To16")]
    fn to16(&self) -> Ipv6Addr;

    /// The text of an address that there may not be, which is empty then.
    #[doc(alias = "MarshalText")]
    fn marshal_text(ip: Option<Self>) -> String
    where
        Self: Sized;

    /// Reads what [`marshal_text`](Self::marshal_text) wrote.
    ///
    /// # Errors
    ///
    /// `invalid IP address`: neither a literal without zone nor the empty text.
    #[doc(alias = "UnmarshalText")]
    fn unmarshal_text(text: &str) -> Result<Option<Self>, ParseError>
    where
        Self: Sized;
}

impl IPExt for IpAddr {
    fn default_mask(&self) -> Option<IPMask> {
        let [first, ..] = self.to4()?.octets();
        Some(match first {
            0..0x80 => ipv4_mask(255, 0, 0, 0),
            0x80..0xc0 => ipv4_mask(255, 255, 0, 0),
            0xc0.. => ipv4_mask(255, 255, 255, 0),
        })
    }

    fn equal(&self, other: &IpAddr) -> bool {
        self.to_canonical() == other.to_canonical()
    }

    fn is_global_unicast(&self) -> bool {
        let ip = self.to_canonical();
        ip != IPV4_BCAST
            && !ip.is_unspecified()
            && !ip.is_loopback()
            && !ip.is_multicast()
            && !ip.is_link_local_unicast()
    }

    fn is_interface_local_multicast(&self) -> bool {
        multicast_scope(*self) == Some(1)
    }

    fn is_link_local_multicast(&self) -> bool {
        match self.to_canonical() {
            IpAddr::V4(ip) => ip.octets().starts_with(&[224, 0, 0]),
            IpAddr::V6(_) => multicast_scope(*self) == Some(2),
        }
    }

    fn is_link_local_unicast(&self) -> bool {
        match self.to_canonical() {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
    }

    fn is_loopback(&self) -> bool {
        self.to_canonical().is_loopback()
    }

    fn is_multicast(&self) -> bool {
        self.to_canonical().is_multicast()
    }

    fn is_private(&self) -> bool {
        match self.to_canonical() {
            IpAddr::V4(ip) => ip.is_private(),
            IpAddr::V6(ip) => ip.is_unique_local(),
        }
    }

    fn is_unspecified(&self) -> bool {
        self.to_canonical().is_unspecified()
    }

    fn mask(&self, mask: &IPMask) -> Option<IpAddr> {
        masked(*self, mask)
    }

    fn to4(&self) -> Option<Ipv4Addr> {
        match self.to_canonical() {
            IpAddr::V4(ip) => Some(ip),
            IpAddr::V6(_) => None,
        }
    }

    fn to16(&self) -> Ipv6Addr {
        match self {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => *ip,
        }
    }

    fn marshal_text(ip: Option<Self>) -> String {
        ip.map(|ip| ip.to_canonical().to_string())
            .unwrap_or_default()
    }

    fn unmarshal_text(text: &str) -> Result<Option<Self>, ParseError> {
        if text.is_empty() {
            return Ok(None);
        }
        parse_ip(text).map(Some).ok_or_else(|| ParseError {
            kind: "IP address",
            text: text.into(),
        })
    }
}

/// The scope of an IPv6 multicast address with any flags (RFC 4291 §2.7).
fn multicast_scope(ip: IpAddr) -> Option<u8> {
    match ip {
        IpAddr::V6(ip) if ip.is_multicast() => Some(ip.octets().get(1)? & 0x0f),
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// As [`parse_ip`], without making IPv4 of an IPv4-mapped address.
pub(crate) fn parse_ip_as_written(text: &str) -> Option<IpAddr> {
    let (ip, zone) = parse_ip_zone(text)?;
    if !zone.is_none() {
        return None;
    }
    let is_v6_text = text.contains(':');
    Some(match ip {
        IpAddr::V4(ip) if is_v6_text => IpAddr::V6(ip.to_ipv6_mapped()),
        IpAddr::V4(_) | IpAddr::V6(_) => ip,
    })
}
