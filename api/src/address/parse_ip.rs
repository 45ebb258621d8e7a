//! IP literals in Go's strict reading.
//!
//! No leading zeros, no short forms (`127.1`), since other programs read those as octal or as
//! something else. An IPv4-mapped address is the IPv4 address everywhere in this crate.

use std::net::{IpAddr, Ipv6Addr};

use super::Zone;

/// The longest literal, `0000:…:255.255.255.255` with every group written out.
const LITERAL_OCTETS_MAX: usize = 45;

/// The address that `text` spells; `None` if it spells none, or has a zone.
#[doc(alias = "ParseIP")]
pub fn parse_ip(text: &str) -> Option<IpAddr> {
    if text.len() > LITERAL_OCTETS_MAX {
        return None;
    }
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

/// The address and the zone that `text` spells: `fe80::1%eth0`. Only IPv6 addresses have zones.
pub fn parse_ip_zone(text: &str) -> Option<(IpAddr, Zone)> {
    match text.rsplit_once('%') {
        None => Some((parse_ip(text)?, Zone::NONE)),
        Some((_, "")) => None,
        Some((ip, zone)) if ip.len() <= LITERAL_OCTETS_MAX => {
            let ip = ip.parse::<Ipv6Addr>().ok()?;
            Some((IpAddr::V6(ip).to_canonical(), Zone::new(zone)))
        }
        Some(_) => None,
    }
}
