//! From addresses and ports to a key, in constant time (design §5.9).
//!
//! `tcp` and `udp` own one each. Tables hash with a secret key, so nobody outside can make entries
//! collide (BAD-58). Nothing here walks more than the few bindings that share one port.

use alloc::vec::Vec;
use core::hash::BuildHasher;
use core::net::{IpAddr, SocketAddr};

use hashbrown::HashMap;
use siphasher::sip::SipHasher13;
use thiserror::Error;

use crate::base::{Key, Random};
use crate::call::{Families, Local};

/// A keyed hash function (SipHash-1-3) for tables that outsiders choose the keys of.
#[derive(Clone, Copy, Debug)]
pub struct KeyedHash([u8; 16]);

impl KeyedHash {
    /// A function that nobody outside can compute.
    pub fn new(random: &mut Random) -> Self {
        Self(random.key())
    }
}

impl BuildHasher for KeyedHash {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.0)
    }
}

/// The two ends of a connection.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FourTuple {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

/// Somebody has this address and port.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("address already in use")]
pub struct InUse;

#[derive(Clone, Copy, Debug)]
struct Binding {
    local: Local,
    key: Key,
}

/// Who gets what arrives.
#[derive(Clone, Debug)]
pub struct Demux {
    connected: HashMap<FourTuple, Key, KeyedHash>,
    /// By port. No two bindings of one port overlap, so a port has few of them.
    bound: HashMap<u16, Vec<Binding>, KeyedHash>,
}

impl Demux {
    /// Nobody gets anything yet.
    pub fn new(random: &mut Random) -> Self {
        let hash = KeyedHash::new(random);
        Self {
            connected: HashMap::with_hasher(hash),
            bound: HashMap::with_hasher(hash),
        }
    }

    /// How many connected entries there are.
    pub fn connected_len(&self) -> usize {
        self.connected.len()
    }

    /// Gives `key` all that arrives on exactly these two ends.
    ///
    /// # Errors
    ///
    /// Somebody has them already; nothing has changed.
    pub fn connect(&mut self, tuple: FourTuple, key: Key) -> Result<(), InUse> {
        if self.connected.contains_key(&tuple) {
            return Err(InUse);
        }
        self.connected.insert(tuple, key);
        Ok(())
    }

    /// Takes back what [`connect`](Self::connect) gave to `key`.
    pub fn disconnect(&mut self, tuple: &FourTuple, key: Key) {
        if self.connected.get(tuple) == Some(&key) {
            self.connected.remove(tuple);
        }
    }

    /// Who has exactly these two ends.
    pub fn connected(&self, tuple: &FourTuple) -> Option<Key> {
        self.connected.get(tuple).copied()
    }

    /// Gives `key` what arrives at `local` on no connection. The port must not be 0.
    ///
    /// # Errors
    ///
    /// An overlapping binding has the port (the rules of Linux: a wildcard overlaps everything of
    /// its families, an address overlaps itself).
    pub fn bind(&mut self, local: Local, key: Key) -> Result<(), InUse> {
        if self.conflicts(&local) {
            return Err(InUse);
        }
        self.bound
            .entry(local.port)
            .or_default()
            .push(Binding { local, key });
        Ok(())
    }

    /// Takes back what [`bind`](Self::bind) gave to `key`.
    pub fn unbind(&mut self, local: &Local, key: Key) {
        if let Some(bindings) = self.bound.get_mut(&local.port) {
            bindings.retain(|binding| binding.key != key);
            if bindings.is_empty() {
                self.bound.remove(&local.port);
            }
        }
    }

    /// Whether [`bind`](Self::bind) would fail.
    pub fn conflicts(&self, local: &Local) -> bool {
        self.bound
            .get(&local.port)
            .is_some_and(|bindings| bindings.iter().any(|other| overlap(&other.local, local)))
    }

    /// Whether anybody is bound to `port`, on whatever address.
    pub fn is_bound(&self, port: u16) -> bool {
        self.bound.contains_key(&port)
    }

    /// Who is bound to `local`: to exactly this address first, then to a wildcard of its family.
    pub fn bound(&self, local: SocketAddr) -> Option<Key> {
        let bindings = self.bound.get(&local.port())?;
        let exact = bindings
            .iter()
            .find(|binding| binding.local.address == Some(local.ip()));
        let wildcard = || {
            bindings.iter().find(|binding| {
                binding.local.address.is_none() && covers(binding.local.families, local.ip())
            })
        };
        exact.or_else(wildcard).map(|binding| binding.key)
    }
}

/// Whether a wildcard of these families covers `address`.
pub fn covers(families: Families, address: IpAddr) -> bool {
    match families {
        Families::Both => true,
        Families::V4 => address.is_ipv4(),
        Families::V6 => address.is_ipv6(),
    }
}

fn overlap(one: &Local, other: &Local) -> bool {
    match (one.address, other.address) {
        (Some(one), Some(other)) => one == other,
        (Some(address), None) => covers(other.families, address),
        (None, Some(address)) => covers(one.families, address),
        (None, None) => {
            one.families == Families::Both
                || other.families == Families::Both
                || one.families == other.families
        }
    }
}
