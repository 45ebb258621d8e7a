//! An address prefix: the leading bits that name a network (RFC 4632 §3.1, RFC 4291 §2.3).
//!
//! Routes, addresses and the policy table are written in prefixes. Both families share one number
//! line of 128 bits here, an IPv4 address being its own 32 bits at the front.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A family of addresses.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    pub(crate) const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// How many bits an address has.
    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

/// The address's bits, the first one highest.
pub(crate) const fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => (address.to_bits() as u128) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The first `prefix_bits` bits of `bits`; the others are zero.
pub(crate) const fn leading(bits: u128, prefix_bits: u8) -> u128 {
    match u128::MAX.checked_shl(128 - prefix_bits as u32) {
        Some(mask) => bits & mask,
        None => 0,
    }
}

/// How many leading bits two addresses of one family have in common.
pub(crate) const fn common_bits(a: u128, b: u128) -> u8 {
    (a ^ b).leading_zeros() as u8
}

/// IPv4 addresses as IPv4-mapped ones, as RFC 6724 §3.2 has us compare them.
pub(crate) const fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// The network's last address, if the network is large enough to have a broadcast address (RFC 919
/// §7; not for /31 and /32: RFC 3021).
pub(crate) const fn broadcast_of(address: Ipv4Addr, prefix_bits: u8) -> Option<Ipv4Addr> {
    if prefix_bits > 30 {
        return None;
    }
    Some(Ipv4Addr::from_bits(
        address.to_bits() | (u32::MAX >> prefix_bits),
    ))
}

/// The network's first address, once a broadcast address too (RFC 1122 §3.3.6).
pub(crate) const fn network_of(address: Ipv4Addr, prefix_bits: u8) -> Option<Ipv4Addr> {
    if prefix_bits > 30 {
        return None;
    }
    Some(Ipv4Addr::from_bits(
        address.to_bits() & !(u32::MAX >> prefix_bits),
    ))
}
