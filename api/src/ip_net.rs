//! Masks and networks of IP addresses: Go's `IPMask`, `IPNet`, `ParseCIDR`, `CIDRMask`.
//!
//! Interfaces and users speak in these; routes inside the stack have prefixes of their own. A mask
//! need not be contiguous, as in Go; nothing here asks anyone.

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::address::Addr;
use crate::error::ParseError;
use crate::ip_ext::{IPExt, parse_ip_as_written};

/// A mask of the bits of an IPv4 or IPv6 address, contiguous or not.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[doc(alias = "net.IPMask")]
pub enum IPMask {
    /// Of 32 bits.
    V4([u8; 4]),
    /// Of 128 bits.
    V6([u8; 16]),
}

/// How many bits of a mask are ones, if all of them lead.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct MaskSize {
    /// The ones; 0 if others come between them.
    pub ones: u8,
    /// The bits in all: 32 or 128; 0 if the ones do not all lead.
    pub bits: u8,
}

impl IPMask {
    /// The octets.
    pub fn as_octets(&self) -> &[u8] {
        match self {
            Self::V4(octets) => octets,
            Self::V6(octets) => octets,
        }
    }

    /// How many ones lead, of how many bits. Both are 0, as in Go, if a one follows a zero; see
    /// [`prefix_bits`](Self::prefix_bits) for the same as an `Option`.
    #[doc(alias = "Size")]
    pub fn size(&self) -> MaskSize {
        let bits = match self {
            Self::V4(_) => 32,
            Self::V6(_) => 128,
        };
        self.prefix_bits()
            .map_or_else(MaskSize::default, |ones| MaskSize { ones, bits })
    }

    /// How many ones lead; `None` if a one follows a zero.
    pub fn prefix_bits(&self) -> Option<u8> {
        let ones = match self {
            Self::V4(octets) => contiguous(u32::from_be_bytes(*octets).into(), 32),
            Self::V6(octets) => contiguous(u128::from_be_bytes(*octets), 128),
        };
        ones.and_then(|ones| u8::try_from(ones).ok())
    }

    /// The mask for 32 bits that a mask for 128 has at its end.
    const fn last_four(self) -> [u8; 4] {
        match self {
            Self::V4(octets) => octets,
            Self::V6([.., a, b, c, d]) => [a, b, c, d],
        }
    }
}

/// How many ones lead the last `bits` bits of `mask`, if no one comes after them.
fn contiguous(mask: u128, bits: u32) -> Option<u32> {
    let ones = (mask << (128 - bits)).leading_ones();
    (mask.count_ones() == ones).then_some(ones)
}

/// Hexadecimal without punctuation: `ffffff00`.
impl fmt::Display for IPMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_octets()
            .iter()
            .try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The mask of IPv4 with these octets.
#[doc(alias = "IPv4Mask")]
pub const fn ipv4_mask(a: u8, b: u8, c: u8, d: u8) -> IPMask {
    IPMask::V4([a, b, c, d])
}

/// The mask of `bits` bits (32 or 128) of which `ones` lead; `None` (Go's nil) for any other length
/// or too many ones.
#[doc(alias = "CIDRMask")]
pub fn cidr_mask(ones: u8, bits: u8) -> Option<IPMask> {
    if ones > bits {
        return None;
    }
    let zeros = u32::from(bits - ones);
    match bits {
        32 => Some(IPMask::V4(
            u32::MAX.checked_shl(zeros).unwrap_or(0).to_be_bytes(),
        )),
        128 => Some(IPMask::V6(
            u128::MAX.checked_shl(zeros).unwrap_or(0).to_be_bytes(),
        )),
        _ => None,
    }
}

/// A network: an address of it, and which bits of an address name the network.
///
/// ```
/// use sidestep::{IPNet, parse_cidr};
/// let (ip, net) = parse_cidr("192.0.2.77/24")?;
/// assert_eq!((ip.to_string().as_str(), net.to_string().as_str()), ("192.0.2.77", "192.0.2.0/24"));
/// assert!(net.contains("192.0.2.255".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[doc(alias = "net.IPNet")]
pub struct IPNet {
    /// The network's number, or any address in it.
    #[doc(alias = "IP")]
    pub ip: IpAddr,
    /// The mask.
    #[doc(alias = "Mask")]
    pub mask: IPMask,
}

/// A network's number and mask in one family.
enum Parts {
    V4(u32, u32),
    V6(u128, u128),
}

impl IPNet {
    /// The network of `ip` whose number is `prefix_bits` long; `None` if an address of the family
    /// has not so many bits.
    pub fn new(ip: IpAddr, prefix_bits: u8) -> Option<Self> {
        let ip = ip.to_canonical();
        let mask = cidr_mask(prefix_bits, if ip.is_ipv4() { 32 } else { 128 })?;
        Some(Self { ip, mask })
    }

    /// True if `ip` is an address of this network. One of the other family never is, but an
    /// IPv4-mapped address counts as the IPv4 address.
    #[doc(alias = "Contains")]
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.parts(), ip.to_canonical()) {
            (Some(Parts::V4(number, mask)), IpAddr::V4(ip)) => {
                number & mask == u32::from(ip) & mask
            }
            (Some(Parts::V6(number, mask)), IpAddr::V6(ip)) => {
                number & mask == u128::from(ip) & mask
            }
            _ => false,
        }
    }

    /// The length of the network's number, if the mask is contiguous and of the address's family.
    pub fn prefix_bits(&self) -> Option<u8> {
        self.family_mask()?.prefix_bits()
    }

    /// The mask in the address's family: a mask for 128 bits on an IPv4 address counts with its
    /// last 32 bits, a mask for 32 bits on an IPv6 address with none.
    fn family_mask(&self) -> Option<IPMask> {
        match (self.ip.to_canonical(), self.mask) {
            (IpAddr::V4(_), mask) => Some(IPMask::V4(mask.last_four())),
            (IpAddr::V6(_), mask @ IPMask::V6(_)) => Some(mask),
            (IpAddr::V6(_), IPMask::V4(_)) => None,
        }
    }

    fn parts(&self) -> Option<Parts> {
        match (self.ip.to_canonical(), self.family_mask()?) {
            (IpAddr::V4(ip), IPMask::V4(mask)) => {
                Some(Parts::V4(ip.into(), u32::from_be_bytes(mask)))
            }
            (IpAddr::V6(ip), IPMask::V6(mask)) => {
                Some(Parts::V6(ip.into(), u128::from_be_bytes(mask)))
            }
            _ => None,
        }
    }
}

impl Addr for IPNet {
    fn network(&self) -> &'static str {
        "ip+net"
    }
}

/// `192.0.2.0/24`, with the mask in hexadecimal if it is not contiguous, and `<nil>` if address and
/// mask do not fit together.
impl fmt::Display for IPNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(mask) = self.family_mask() else {
            return f.write_str("<nil>");
        };
        let ip = self.ip.to_canonical();
        match mask.prefix_bits() {
            Some(bits) => write!(f, "{ip}/{bits}"),
            None => write!(f, "{ip}/{mask}"),
        }
    }
}

/// The network of [`parse_cidr`]; the address is forgotten.
impl FromStr for IPNet {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Ok(parse_cidr(text)?.1)
    }
}

/// Reads `192.0.2.77/24` or `2001:db8::7/32` (RFC 4632 §3.1, RFC 4291 §2.3): the address, and the
/// network with the other bits cleared.
///
/// # Errors
///
/// `invalid CIDR address`: no address, a zone, no length, a leading zero, or more bits than the
/// address has.
#[doc(alias = "ParseCIDR")]
pub fn parse_cidr(text: &str) -> Result<(IpAddr, IPNet), ParseError> {
    parse(text).ok_or_else(|| ParseError {
        kind: "CIDR address",
        text: text.into(),
    })
}

fn parse(text: &str) -> Option<(IpAddr, IPNet)> {
    let (address, bits) = text.split_once('/')?;
    // Not canonical yet: 120 bits of an IPv4-mapped address are 24 bits of the IPv4 address.
    let ip = parse_ip_as_written(address)?;
    if !bits.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let mask = cidr_mask(bits.parse().ok()?, if ip.is_ipv4() { 32 } else { 128 })?;
    let net = IPNet {
        ip: ip.mask(&mask)?,
        mask,
    };
    Some((ip.to_canonical(), net))
}

/// The bits of `ip` that `mask` has; `None` if they are of different families. See [`IPExt::mask`].
pub(crate) fn masked(ip: IpAddr, mask: &IPMask) -> Option<IpAddr> {
    const V4_IN_V6: [u8; 12] = [0xff; 12];
    match (ip, mask) {
        (IpAddr::V4(ip), IPMask::V4(mask)) => Some(v4(ip, *mask)),
        (IpAddr::V4(ip), IPMask::V6(octets)) => octets
            .starts_with(&V4_IN_V6)
            .then(|| v4(ip, mask.last_four())),
        (IpAddr::V6(ip), IPMask::V6(mask)) => Some(IpAddr::V6(Ipv6Addr::from(
            u128::from(ip) & u128::from_be_bytes(*mask),
        ))),
        (IpAddr::V6(ip), IPMask::V4(mask)) => ip.to_ipv4_mapped().map(|ip| v4(ip, *mask)),
    }
}

fn v4(ip: Ipv4Addr, mask: [u8; 4]) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(u32::from(ip) & u32::from_be_bytes(mask)))
}

/// Networks of `ipnet` are always contiguous.
#[cfg(feature = "ipnet")]
mod with_ipnet {
    use super::{IPNet, ParseError};

    impl From<ipnet::IpNet> for IPNet {
        fn from(net: ipnet::IpNet) -> Self {
            let mask = match net {
                ipnet::IpNet::V4(net) => super::IPMask::V4(net.netmask().octets()),
                ipnet::IpNet::V6(net) => super::IPMask::V6(net.netmask().octets()),
            };
            Self {
                ip: net.addr(),
                mask,
            }
        }
    }

    impl TryFrom<IPNet> for ipnet::IpNet {
        type Error = ParseError;

        /// Fails if the mask is not contiguous, or not of the address's family.
        fn try_from(net: IPNet) -> Result<Self, ParseError> {
            net.prefix_bits()
                .and_then(|bits| Self::new(net.ip.to_canonical(), bits).ok())
                .ok_or_else(|| ParseError {
                    kind: "CIDR address",
                    text: net.to_string().into(),
                })
        }
    }
}
