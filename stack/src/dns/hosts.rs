//! The hosts file: names that need no server (hosts(5), as Go's `net` reads it).
//!
//! `server.rs` reads the text once when the settings change; `search.rs` asks it first. It never
//! fails on a line that it cannot read: such a line says nothing.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

#[cfg(test)]
mod tests;

/// Addresses by name, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    addresses: BTreeMap<String, Vec<IpAddr>>,
}

impl Hosts {
    /// Reads lines of an address and its names; `#` begins a comment.
    pub(super) fn parse(text: &str) -> Self {
        let mut addresses = BTreeMap::<String, Vec<IpAddr>>::new();
        for line in text.lines() {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let mut words = line.split_ascii_whitespace();
            let Some(address) = words.next().and_then(literal) else {
                continue;
            };
            for name in words {
                let known = addresses.entry(key(name)).or_default();
                if !known.contains(&address) {
                    known.push(address);
                }
            }
        }
        Self { addresses }
    }

    /// The addresses of `name`, which may end with a dot; none if the file does not have it.
    pub(super) fn get(&self, name: &str) -> &[IpAddr] {
        self.addresses.get(&key(name)).map_or(&[], Vec::as_slice)
    }
}

/// Names are the same in any case, with or without the dot at the end.
fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Reads an address as Go does: no leading zeros, no short forms; an IPv4-mapped one is IPv4. A
/// zone is left out, because the stack has one device.
pub(super) fn literal(text: &str) -> Option<IpAddr> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    match (zone, address) {
        (None, address) => Some(address.to_canonical()),
        // Only IPv6 has zones, and a zone has a name (RFC 4007 §11).
        (Some(zone), IpAddr::V6(address)) if !zone.is_empty() => Some(IpAddr::V6(address)),
        (Some(_), _) => None,
    }
}
