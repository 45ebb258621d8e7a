//! `/etc/hosts`: names and addresses that no server is asked for (hosts(5), as Go's `net` reads it).
//!
//! `files.rs` reads the text again when the file has changed; look-ups ask [`HostsFile`] first. A
//! line that cannot be read says nothing; nothing here fails.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::address::{Zone, parse_ip_zone};

/// An address as the file gives it.
pub(crate) type HostAddress = (IpAddr, Zone);

/// A hosts file, both ways round.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct HostsFile {
    /// By name in lower case, as [`absolute`] writes it.
    by_name: BTreeMap<String, Entry>,
    by_address: BTreeMap<HostAddress, Vec<String>>,
}

/// What the file knows of a name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Entry {
    addresses: Vec<HostAddress>,
    /// The first name of the line that had this one first.
    canonical: String,
}

impl HostsFile {
    /// Reads lines of an address and its names; `#` begins a comment.
    pub(crate) fn parse(text: &str) -> Self {
        let mut file = Self::default();
        for line in text.lines() {
            let line = line.split_once('#').map_or(line, |(before, _)| before);
            let mut words = line.split_ascii_whitespace();
            let Some(address) = words.next().and_then(parse_ip_zone) else {
                continue;
            };
            let mut canonical = None;
            for word in words {
                let name = absolute(word);
                let key = name.to_ascii_lowercase();
                let canonical = canonical.get_or_insert_with(|| key.clone());
                let entry = file.by_name.entry(key).or_insert_with(|| Entry {
                    addresses: Vec::new(),
                    canonical: canonical.clone(),
                });
                entry.addresses.push(address.clone());
                let names = file.by_address.entry(address.clone()).or_default();
                names.push(name);
            }
        }
        file
    }

    /// The addresses of `name`, in the order of the file; none if the file does not have it. The
    /// case does not matter, nor the dot at the end of a name that has other dots.
    pub(crate) fn addresses(&self, name: &str) -> &[HostAddress] {
        self.entry(name).map_or(&[], |entry| &entry.addresses)
    }

    /// The name that the others on the line of `name` stand for: the first one.
    pub(crate) fn canonical(&self, name: &str) -> Option<&str> {
        self.entry(name).map(|entry| entry.canonical.as_str())
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(&absolute(name).to_ascii_lowercase())
    }

    /// The names of `address`, in the order of the file, with a dot at the end of those that have
    /// other dots.
    pub(crate) fn names(&self, address: &HostAddress) -> &[String] {
        self.by_address.get(address).map_or(&[], Vec::as_slice)
    }
}

/// `name` as the answers of servers are written. A name without dots may be a local one, which has
/// no place under the root, so it stays as it is (Go's `absDomainName`).
fn absolute(name: &str) -> String {
    if name.contains('.') && !name.ends_with('.') {
        format!("{name}.")
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests;
