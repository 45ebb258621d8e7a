//! Where packets go: the longest prefix that holds the destination (RFC 1122 §3.3.1, RFC 4632 §5.1).
//!
//! `ip/mod.rs` asks for each new path. There is one device and it is point-to-point, so a route says
//! only *that* a destination can be reached, and from which of our addresses best. The table never
//! changes because of a packet: redirects are not believed.

use alloc::collections::BTreeMap;
use core::cmp::Reverse;
use core::net::IpAddr;

use super::prefix::{Family, bits_of, leading};
use crate::call::{CallRefused, InterfaceAddress, Route};

/// What the table knows of one prefix.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Entry {
    /// How many of our addresses lie in this network.
    addresses: u32,
    /// Added by a call, with the source that it prefers.
    added: Option<Preference>,
}

/// Which source a route asks for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Preference {
    pub(crate) source: Option<IpAddr>,
}

/// All routes. A look-up costs one step for each prefix *length* in use, not for each route.
#[derive(Clone, Debug, Default)]
pub(crate) struct RouteTable {
    /// Longest prefixes first.
    lengths: BTreeMap<(Family, Reverse<u8>), BTreeMap<u128, Entry>>,
    added: usize,
}

impl RouteTable {
    /// Adds a route, or replaces the one with the same prefix.
    pub(crate) fn add(&mut self, route: Route, routes_max: usize) -> Result<(), CallRefused> {
        let family = Family::of(route.destination);
        if route.prefix_bits > family.bits() {
            return Err(CallRefused::Invalid);
        }
        if let Some(source) = route.source
            && Family::of(source) != family
        {
            return Err(CallRefused::FamilyMismatch);
        }
        let is_new = self
            .entry(route.destination, route.prefix_bits)
            .is_none_or(|entry| entry.added.is_none());
        if is_new && self.added >= routes_max {
            return Err(CallRefused::LimitReached);
        }
        self.added += usize::from(is_new);
        self.entry_mut(route.destination, route.prefix_bits).added = Some(Preference {
            source: route.source,
        });
        Ok(())
    }

    /// The network around one of our addresses can be reached.
    pub(crate) fn connect(&mut self, ours: InterfaceAddress) {
        self.entry_mut(ours.address, ours.prefix_bits).addresses += 1;
    }

    /// One of our addresses is gone, and its network with the last of them.
    pub(crate) fn disconnect(&mut self, ours: InterfaceAddress) {
        self.change(ours.address, ours.prefix_bits, |entry| {
            entry.addresses = entry.addresses.saturating_sub(1);
        });
    }

    /// Takes back what [`add`](Self::add) added.
    pub(crate) fn remove(&mut self, address: IpAddr, prefix_bits: u8) -> Result<(), CallRefused> {
        if prefix_bits > Family::of(address).bits() {
            return Err(CallRefused::Invalid);
        }
        let added = self.entry(address, prefix_bits).and_then(|it| it.added);
        added.ok_or(CallRefused::NoSuchEntry)?;
        self.added -= 1;
        self.change(address, prefix_bits, |entry| entry.added = None);
        Ok(())
    }

    /// Changes an entry, which goes once nothing is left of it.
    fn change(&mut self, address: IpAddr, prefix_bits: u8, change: impl FnOnce(&mut Entry)) {
        let length = (Family::of(address), Reverse(prefix_bits));
        let network = leading(bits_of(address), prefix_bits);
        let Some(networks) = self.lengths.get_mut(&length) else {
            return;
        };
        if let Some(entry) = networks.get_mut(&network) {
            change(entry);
            if entry.addresses == 0 && entry.added.is_none() {
                networks.remove(&network);
            }
        }
        if networks.is_empty() {
            self.lengths.remove(&length);
        }
    }

    /// What the longest prefix that holds `destination` asks for; `None` if there is none.
    pub(crate) fn look_up(&self, destination: IpAddr) -> Option<Preference> {
        let family = Family::of(destination);
        let bits = bits_of(destination);
        self.lengths
            .range((family, Reverse(u8::MAX))..=(family, Reverse(0)))
            .find_map(|((_, Reverse(prefix_bits)), networks)| {
                networks.get(&leading(bits, *prefix_bits))
            })
            .map(|entry| entry.added.unwrap_or_default())
    }

    fn entry(&self, address: IpAddr, prefix_bits: u8) -> Option<&Entry> {
        self.lengths
            .get(&(Family::of(address), Reverse(prefix_bits)))?
            .get(&leading(bits_of(address), prefix_bits))
    }

    fn entry_mut(&mut self, address: IpAddr, prefix_bits: u8) -> &mut Entry {
        self.lengths
            .entry((Family::of(address), Reverse(prefix_bits)))
            .or_default()
            .entry(leading(bits_of(address), prefix_bits))
            .or_default()
    }
}
