//! The hosts file: names and addresses that need no server (hosts(5), as Go's `net` reads it).
//!
//! `server.rs` reads the text once when the settings change; `search.rs` asks it first, in both
//! directions. It never fails on a line that it cannot read: such a line says nothing.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

#[cfg(test)]
mod tests;

/// What the file says about one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// In the order of the file.
    pub(super) addresses: Vec<IpAddr>,
    /// The first name of the first line that has this one.
    pub(super) canonical: String,
}

/// Addresses by name and names by address, in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    by_name: BTreeMap<String, Known>,
    by_address: BTreeMap<IpAddr, Vec<String>>,
}

impl Hosts {
    /// Reads lines of an address and its names; `#` begins a comment.
    pub(super) fn parse(text: &str) -> Self {
        let mut hosts = Self::default();
        for line in text.lines() {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let mut words = line.split_ascii_whitespace();
            if let Some(address) = words.next().and_then(literal) {
                hosts.add(address, words);
            }
        }
        hosts
    }

    fn add<'a>(&mut self, address: IpAddr, names: impl Iterator<Item = &'a str>) {
        let mut canonical = None;
        for name in names {
            let written = absolute(name);
            let canonical = canonical.get_or_insert_with(|| written.to_ascii_lowercase());
            let known = self.by_name.entry(key(name)).or_insert_with(|| Known {
                addresses: Vec::new(),
                canonical: canonical.clone(),
            });
            if !known.addresses.contains(&address) {
                known.addresses.push(address);
            }
            self.by_address.entry(address).or_default().push(written);
        }
    }

    /// What the file says about `name`, which may end with a dot; nothing if it does not have it.
    pub(super) fn get(&self, name: &str) -> Option<&Known> {
        self.by_name.get(&key(name))
    }

    /// The names of `address` in the order of the file, each as often as the file has it.
    pub(super) fn names_of(&self, address: IpAddr) -> &[String] {
        let names = self.by_address.get(&address.to_canonical());
        names.map_or(&[], Vec::as_slice)
    }
}

/// Names are the same in any case, with or without the dot at the end.
fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// As Go tells names of the file: those with a dot inside get one at the end.
fn absolute(name: &str) -> String {
    let mut name = String::from(name);
    if name.contains('.') && !name.ends_with('.') {
        name.push('.');
    }
    name
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
