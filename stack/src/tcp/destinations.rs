//! Which connections go to which address: so that a change of one path's MTU finds them without a
//! walk over all connections (RFC 8201 §5.4).
//!
//! `mod.rs` keeps it. Each connection remembers its place in the list of its destination.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::base::keyed::{Keyed, KeyedMap};
use crate::base::{Key, Random};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Destinations(KeyedMap<IpAddr, Vec<Key>>);

impl Destinations {
    /// No connection.
    pub(crate) fn new(random: &mut Random) -> Self {
        Self(KeyedMap::with_hasher(Keyed::new(random.key())))
    }

    /// Adds a connection. The answer is its place.
    pub(crate) fn add(&mut self, destination: IpAddr, key: Key) -> u32 {
        let keys = self.0.entry(destination).or_default();
        keys.push(key);
        (keys.len() - 1) as u32
    }

    /// Removes a connection from its place. The answer is the one that stands there now, if any.
    pub(crate) fn remove(&mut self, destination: IpAddr, place: u32) -> Option<Key> {
        let keys = self.0.get_mut(&destination)?;
        if (place as usize) < keys.len() {
            keys.swap_remove(place as usize);
        }
        let moved = keys.get(place as usize).copied();
        if keys.is_empty() {
            self.0.remove(&destination);
        }
        moved
    }

    /// The connections to `destination`.
    pub(crate) fn to(&self, destination: IpAddr) -> Vec<Key> {
        self.0.get(&destination).cloned().unwrap_or_default()
    }
}
