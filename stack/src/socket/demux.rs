//! From addresses and ports to a key, in constant time (design §5.9).
//!
//! `tcp` and `udp` own one each. Tables hash with a secret key, so nobody outside can make entries
//! collide (BAD-58). Nothing here walks anything, and no order of a table is ever seen.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash, Hasher};
use core::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::base::keyed::{Keyed, KeyedMap};
use crate::base::{Key, Random};
use crate::call::{Families, Local, ReusePort};

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

/// Who is bound at a place.
#[derive(Clone, Debug)]
enum Owners {
    /// One that has it for itself.
    One(Key),
    /// Some that share it, in the order in which they came; never empty.
    Several(Vec<Key>),
}

/// How many bindings a port has, by what a second one could conflict with.
#[derive(Clone, Copy, Debug, Default)]
struct PortUse {
    addresses_v4: AddressUse,
    addresses_v6: AddressUse,
    wildcards: u32,
}

/// Bindings to addresses of one family.
#[derive(Clone, Copy, Debug, Default)]
struct AddressUse {
    all: u32,
    /// Those of them that do not share.
    alone: u32,
}

impl PortUse {
    const fn addresses(&self, family: Family) -> AddressUse {
        match family {
            Family::V4 => self.addresses_v4,
            Family::V6 => self.addresses_v6,
        }
    }

    /// Changes the counts that a binding at `place` is part of.
    fn count(&mut self, place: Place, reuse: ReusePort, change: impl Fn(&mut u32)) {
        let address = match place {
            Place::Wildcard(_) => return change(&mut self.wildcards),
            Place::Address(address) => address,
        };
        let addresses = match Family::of(address) {
            Family::V4 => &mut self.addresses_v4,
            Family::V6 => &mut self.addresses_v6,
        };
        change(&mut addresses.all);
        if reuse == ReusePort::No {
            change(&mut addresses.alone);
        }
    }

    const fn is_unused(&self) -> bool {
        self.addresses_v4.all == 0 && self.addresses_v6.all == 0 && self.wildcards == 0
    }
}

/// Who gets what arrives.
#[derive(Clone, Debug)]
pub struct Demux {
    connected: KeyedMap<FourTuple, Key>,
    bound: KeyedMap<(Place, u16), Owners>,
    ports: KeyedMap<u16, PortUse>,
    /// Chooses among those who share a port.
    hash: Keyed,
}

impl Demux {
    /// Nobody gets anything yet.
    pub fn new(random: &mut Random) -> Self {
        let hash = Keyed::new(random.key());
        Self {
            connected: KeyedMap::with_hasher(hash),
            bound: KeyedMap::with_hasher(hash),
            ports: KeyedMap::with_hasher(hash),
            hash: Keyed::new(random.key()),
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
        self.bind_as(local, key, ReusePort::No)
    }

    /// As [`bind`](Self::bind), beside others if all of them say [`ReusePort::Yes`].
    ///
    /// # Errors
    ///
    /// An overlapping binding has the port, and this one or that one does not share it.
    pub fn bind_as(&mut self, local: Local, key: Key, reuse: ReusePort) -> Result<(), InUse> {
        if self.conflicts_as(&local, reuse) {
            return Err(InUse);
        }
        for place in places(&local) {
            match (self.bound.get_mut(&(place, local.port)), reuse) {
                (Some(Owners::Several(keys)), ReusePort::Yes) => keys.push(key),
                (_, ReusePort::Yes) => {
                    let owners = Owners::Several(Vec::from([key]));
                    self.bound.insert((place, local.port), owners);
                }
                (_, ReusePort::No) => {
                    self.bound.insert((place, local.port), Owners::One(key));
                }
            }
            let port = self.ports.entry(local.port).or_default();
            port.count(place, reuse, |count| *count += 1);
        }
        Ok(())
    }

    /// Takes back what [`bind`](Self::bind) or [`bind_as`](Self::bind_as) gave to `key`.
    pub fn unbind(&mut self, local: &Local, key: Key) {
        for place in places(local) {
            let reuse = match self.bound.get_mut(&(place, local.port)) {
                Some(Owners::One(owner)) if *owner == key => ReusePort::No,
                Some(Owners::Several(keys)) => {
                    let Some(index) = keys.iter().position(|owner| *owner == key) else {
                        continue;
                    };
                    // As in Linux the last one takes the place that is free, so that few flows
                    // come to another owner.
                    keys.swap_remove(index);
                    ReusePort::Yes
                }
                Some(Owners::One(_)) | None => continue,
            };
            let is_free = match self.bound.get(&(place, local.port)) {
                Some(Owners::Several(keys)) => keys.is_empty(),
                Some(Owners::One(_)) | None => true,
            };
            if is_free {
                self.bound.remove(&(place, local.port));
            }
            if let Some(port) = self.ports.get_mut(&local.port) {
                port.count(place, reuse, |count| *count -= 1);
                if port.is_unused() {
                    self.ports.remove(&local.port);
                }
            }
        }
    }

    /// Whether [`bind`](Self::bind) would fail.
    pub fn conflicts(&self, local: &Local) -> bool {
        self.conflicts_as(local, ReusePort::No)
    }

    /// Whether [`bind_as`](Self::bind_as) would fail.
    pub fn conflicts_as(&self, local: &Local, reuse: ReusePort) -> bool {
        let Some(port) = self.ports.get(&local.port) else {
            return false;
        };
        // Those who share are only in the way of one who does not.
        let taken = |place| match self.bound.get(&(place, local.port)) {
            Some(Owners::One(_)) => true,
            Some(Owners::Several(_)) => reuse == ReusePort::No,
            None => false,
        };
        match local.address {
            Some(address) => {
                taken(Place::Address(address)) || taken(Place::Wildcard(Family::of(address)))
            }
            None => Family::covered_by(local.families).any(|family| {
                let addresses = port.addresses(family);
                let in_the_way = match reuse {
                    ReusePort::No => addresses.all,
                    ReusePort::Yes => addresses.alone,
                };
                in_the_way > 0 || taken(Place::Wildcard(family))
            }),
        }
    }

    /// Whether anybody is bound to `port`, on whatever address.
    pub fn is_bound(&self, port: u16) -> bool {
        self.ports.contains_key(&port)
    }

    /// Who is bound to `local`: to exactly this address first, then to a wildcard of its family. Of
    /// several who share it the one that came first.
    pub fn bound(&self, local: SocketAddr) -> Option<Key> {
        match self.owners(local)? {
            Owners::One(key) => Some(*key),
            Owners::Several(keys) => keys.first().copied(),
        }
    }

    /// All who are bound to `local`: to exactly this address, or else to a wildcard of its family, in
    /// the order of [`bound`](Self::bound).
    pub fn all_bound(&self, local: SocketAddr) -> impl Iterator<Item = Key> {
        let keys = match self.owners(local) {
            None => &[],
            Some(Owners::One(key)) => core::slice::from_ref(key),
            Some(Owners::Several(keys)) => keys.as_slice(),
        };
        keys.iter().copied()
    }

    /// Who gets what comes on this flow: as [`bound`](Self::bound), but of several who share the
    /// place always the same one for a flow, and another one for others.
    pub fn bound_for(&self, flow: &FourTuple) -> Option<Key> {
        match self.owners(flow.local)? {
            Owners::One(key) => Some(*key),
            Owners::Several(keys) => {
                // The upper half of the hash, scaled to the number of owners.
                let chance = self.hash.hash_one(flow) >> 32;
                let index = (chance * keys.len() as u64) >> 32;
                keys.get(index as usize).copied()
            }
        }
    }

    fn owners(&self, local: SocketAddr) -> Option<&Owners> {
        let (address, port) = (local.ip(), local.port());
        self.bound
            .get(&(Place::Address(address), port))
            .or_else(|| {
                self.bound
                    .get(&(Place::Wildcard(Family::of(address)), port))
            })
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
