//! The half-open connections of one listener (RFC 4987 §3): a bounded crowd without an order, in which
//! no source can take all places.
//!
//! `listener.rs` owns one. Each half-open connection knows its place, so that any of them leaves at no
//! cost. Who has to make room is chosen by chance elsewhere; nothing is sent here.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::base::keyed::{Keyed, KeyedMap};
use crate::base::{Key, Random};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct SynQueue {
    keys: Vec<Key>,
    sources: KeyedMap<IpAddr, u32>,
}

impl SynQueue {
    /// Empty. `hash` is secret.
    pub(crate) const fn new(hash: Keyed) -> Self {
        Self {
            keys: Vec::new(),
            sources: KeyedMap::with_hasher(hash),
        }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// How many of them come from where `remote` is.
    pub(crate) fn of_source(&self, remote: IpAddr) -> usize {
        self.sources
            .get(&source(remote))
            .map_or(0, |it| *it as usize)
    }

    /// `key`, which comes from `remote`, is half open from now on; the answer is its place.
    pub(crate) fn push(&mut self, key: Key, remote: IpAddr) -> u32 {
        self.keys.push(key);
        *self.sources.entry(source(remote)).or_default() += 1;
        self.keys.len() as u32 - 1
    }

    /// The one at `place`, which came from `remote`, leaves. The answer is who stands there now.
    pub(crate) fn remove(&mut self, place: u32, remote: IpAddr) -> Option<Key> {
        let place = place as usize;
        if place >= self.keys.len() {
            return None;
        }
        self.keys.swap_remove(place);
        let source = source(remote);
        if let Some(count) = self.sources.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.sources.remove(&source);
            }
        }
        if self.keys.is_empty() {
            self.keys = Vec::new();
            self.sources.shrink_to_fit();
        }
        self.keys.get(place).copied()
    }

    /// Anyone.
    pub(crate) fn any(&self, random: &mut Random) -> Option<Key> {
        let at = random.below(self.keys.len() as u32);
        self.keys.get(at as usize).copied()
    }

    /// All that are left, who leave.
    pub(crate) fn drain(&mut self) -> Vec<Key> {
        self.sources.clear();
        core::mem::take(&mut self.keys)
    }
}

/// Who sends: over IPv6 a host has a whole /64 of addresses (RFC 4291 §2.5.4).
fn source(remote: IpAddr) -> IpAddr {
    match remote {
        IpAddr::V4(_) => remote,
        IpAddr::V6(address) => {
            let prefix = u128::from(address) >> 64 << 64;
            IpAddr::V6(prefix.into())
        }
    }
}

#[cfg(test)]
mod tests;
