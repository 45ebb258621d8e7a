//! Who may send to us, and what may be sent by us: the strong end-system model (RFC 1122 §3.2.1.3,
//! §3.3.4.2).
//!
//! `ip/input.rs` asks about each packet before anything else is believed. A host never forwards, so
//! what is not for us ends here.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Arrival;
use super::interface::Interface;
use crate::discard::Discard;
use crate::wire::packet::Cast;

/// Addresses that no host has: 0/8, groups, class E with the limited broadcast (RFC 1122 §3.2.1.3).
pub(crate) const fn is_impossible_host_v4(address: Ipv4Addr) -> bool {
    let first = address.octets()[0];
    first == 0 || first >= 224
}

/// Addresses that no host has: unspecified, groups, and IPv4-mapped ones, which are for use inside a
/// host only (RFC 4291 §2.5.2, §2.7, §2.5.5.2; RFC 4038 §4.2).
pub(crate) fn is_impossible_host_v6(address: Ipv6Addr) -> bool {
    address.is_unspecified() || address.is_multicast() || address.to_ipv4_mapped().is_some()
}

/// Whether a packet with these addresses may come in this way, and whom it was sent to.
pub(crate) fn admit(
    interface: &Interface,
    arrival: Arrival,
    source: IpAddr,
    destination: IpAddr,
) -> Result<Cast, Discard> {
    let cast = check_destination(interface, arrival, destination)?;
    check_source(interface, arrival, source)?;
    Ok(cast)
}

/// RFC 1122 §3.2.1.3: a packet for somebody else is silently discarded.
fn check_destination(
    interface: &Interface,
    arrival: Arrival,
    destination: IpAddr,
) -> Result<Cast, Discard> {
    if destination.is_loopback() && arrival == Arrival::Device {
        // 127/8 and ::1 must not appear outside a host; whoever asks for them guesses.
        return Err(Discard::NotForUs);
    }
    if interface.is_ours(destination) {
        return Ok(Cast::Unicast);
    }
    match interface.cast_of(destination) {
        Cast::Unicast if arrival == Arrival::Device && interface.stands_in_for(destination) => {
            Ok(Cast::Unicast)
        }
        Cast::Unicast => Err(Discard::NotForUs),
        Cast::Broadcast => Ok(Cast::Broadcast),
        Cast::Multicast if interface.is_our_group(destination) => Ok(Cast::Multicast),
        Cast::Multicast => Err(Discard::NotForUs),
    }
}

/// RFC 1122 §3.2.1.3, RFC 4291 §2.5.2, §2.5.3: the source must be one host, and not ourselves.
fn check_source(interface: &Interface, arrival: Arrival, source: IpAddr) -> Result<(), Discard> {
    let impossible = match source {
        IpAddr::V4(source) => {
            is_impossible_host_v4(source) || interface.is_network_or_broadcast(source)
        }
        IpAddr::V6(source) => is_impossible_host_v6(source),
    };
    if impossible && !interface.is_ours(source) {
        return Err(Discard::MartianSource);
    }
    match arrival {
        Arrival::Device if source.is_loopback() => Err(Discard::MartianSource),
        Arrival::Device if interface.is_ours(source) => Err(Discard::OwnSource),
        Arrival::Loopback if !interface.is_ours(source) => Err(Discard::MartianSource),
        Arrival::Device | Arrival::Loopback => Ok(()),
    }
}
