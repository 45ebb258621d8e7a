//! From addresses and ports to a key, in constant time (design §5.9).
//!
//! `tcp` and `udp` own one each. Tables hash with a secret key, so nobody outside can make entries
//! collide (BAD-58). Nothing here walks anything, and no order of a table is ever seen.

use core::hash::{Hash, Hasher};
use core::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::base::keyed::{Keyed, KeyedMap};
use crate::base::{Key, Random};
use crate::call::{Families, Local};

/// The two ends of a connection.
///
/// Two of them are equal if addresses and ports are: the flow label and the scope that a
/// [`SocketAddr`] of IPv6 may carry name no end, and no packet brings the scope along.
#[derive(Clone, Copy, Debug)]
pub struct FourTuple {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

impl PartialEq for FourTuple {
    fn eq(&self, other: &Self) -> bool {
        self.local.port() == other.local.port()
            && self.remote.port() == other.remote.port()
            && self.local.ip() == other.local.ip()
            && self.remote.ip() == other.remote.ip()
    }
}

impl Eq for FourTuple {}

impl Hash for FourTuple {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // One write for all: this is on the way of every packet.
        let mut octets = [0; 36];
        let (local, rest) = octets.split_at_mut(16);
        let (remote, ports) = rest.split_at_mut(16);
        write_address(local, self.local.ip());
        write_address(remote, self.remote.ip());
        ports[..2].copy_from_slice(&self.local.port().to_be_bytes());
        ports[2..].copy_from_slice(&self.remote.port().to_be_bytes());
        state.write(&octets);
    }
}

/// Writes `address` into 16 octets. That one family could look like the other costs a comparison,
/// nothing else.
fn write_address(room: &mut [u8], address: IpAddr) {
    match address {
        IpAddr::V4(address) => room[..4].copy_from_slice(&address.octets()),
        IpAddr::V6(address) => room.copy_from_slice(&address.octets()),
    }
}

/// Somebody has this address and port.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("address already in use")]
pub struct InUse;

/// One of the two families.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Family {
    V4,
    V6,
}

impl Family {
    const BOTH: [Self; 2] = [Self::V4, Self::V6];

    const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The families that a wildcard covers.
    fn covered_by(families: Families) -> impl Iterator<Item = Self> {
        Self::BOTH.into_iter().filter(move |family| match families {
            Families::Both => true,
            Families::V4 => *family == Self::V4,
            Families::V6 => *family == Self::V6,
        })
    }
}

/// Where on a port somebody is bound. A wildcard of both families takes two places.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Place {
    Address(IpAddr),
    Wildcard(Family),
}

/// How many bindings a port has, by what a second one could conflict with.
#[derive(Clone, Copy, Debug, Default)]
struct PortUse {
    addresses_v4: u32,
    addresses_v6: u32,
    wildcards: u32,
}

impl PortUse {
    fn addresses(&mut self, family: Family) -> &mut u32 {
        match family {
            Family::V4 => &mut self.addresses_v4,
            Family::V6 => &mut self.addresses_v6,
        }
    }

    /// The count that a binding at `place` is part of.
    fn count(&mut self, place: Place) -> &mut u32 {
        match place {
            Place::Address(address) => self.addresses(Family::of(address)),
            Place::Wildcard(_) => &mut self.wildcards,
        }
    }

    const fn is_unused(&self) -> bool {
        self.addresses_v4 == 0 && self.addresses_v6 == 0 && self.wildcards == 0
    }
}

/// Who gets what arrives.
#[derive(Clone, Debug)]
pub struct Demux {
    connected: KeyedMap<FourTuple, Key>,
    bound: KeyedMap<(Place, u16), Key>,
    ports: KeyedMap<u16, PortUse>,
}

impl Demux {
    /// Nobody gets anything yet.
    pub fn new(random: &mut Random) -> Self {
        let hash = Keyed::new(random.key());
        Self {
            connected: KeyedMap::with_hasher(hash),
            bound: KeyedMap::with_hasher(hash),
            ports: KeyedMap::with_hasher(hash),
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
        for place in places(&local) {
            self.bound.insert((place, local.port), key);
            *self.ports.entry(local.port).or_default().count(place) += 1;
        }
        Ok(())
    }

    /// Takes back what [`bind`](Self::bind) gave to `key`.
    pub fn unbind(&mut self, local: &Local, key: Key) {
        for place in places(local) {
            if self.bound.get(&(place, local.port)) != Some(&key) {
                continue;
            }
            self.bound.remove(&(place, local.port));
            if let Some(port) = self.ports.get_mut(&local.port) {
                *port.count(place) -= 1;
                if port.is_unused() {
                    self.ports.remove(&local.port);
                }
            }
        }
    }

    /// Whether [`bind`](Self::bind) would fail.
    pub fn conflicts(&self, local: &Local) -> bool {
        let Some(mut port) = self.ports.get(&local.port).copied() else {
            return false;
        };
        let taken = |place| self.bound.contains_key(&(place, local.port));
        match local.address {
            Some(address) => {
                taken(Place::Address(address)) || taken(Place::Wildcard(Family::of(address)))
            }
            None => Family::covered_by(local.families)
                .any(|family| *port.addresses(family) > 0 || taken(Place::Wildcard(family))),
        }
    }

    /// Whether anybody is bound to `port`, on whatever address.
    pub fn is_bound(&self, port: u16) -> bool {
        self.ports.contains_key(&port)
    }

    /// Who is bound to `local`: to exactly this address first, then to a wildcard of its family.
    pub fn bound(&self, local: SocketAddr) -> Option<Key> {
        let (address, port) = (local.ip(), local.port());
        self.bound
            .get(&(Place::Address(address), port))
            .or_else(|| {
                self.bound
                    .get(&(Place::Wildcard(Family::of(address)), port))
            })
            .copied()
    }
}

/// The places that a binding to `local` takes: one, or two for a wildcard of both families.
fn places(local: &Local) -> impl Iterator<Item = Place> + use<> {
    let address = local.address;
    let families = match address {
        Some(IpAddr::V4(_)) => Families::V4,
        Some(IpAddr::V6(_)) => Families::V6,
        None => local.families,
    };
    Family::covered_by(families).map(move |family| match address {
        Some(address) => Place::Address(address),
        None => Place::Wildcard(family),
    })
}

/// Whether a wildcard of these families covers `address`.
pub fn covers(families: Families, address: IpAddr) -> bool {
    match families {
        Families::Both => true,
        Families::V4 => address.is_ipv4(),
        Families::V6 => address.is_ipv6(),
    }
}
