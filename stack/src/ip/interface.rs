//! Our addresses, and whom a destination address means (RFC 1122 §3.3.6, RFC 4291 §2.8).
//!
//! `ip/mod.rs` owns the one interface; packets on their way in and out ask it. The loopback addresses
//! 127.0.0.0/8 and ::1 are always ours and never leave the host.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::prefix::{Family, broadcast_of, network_of};
use crate::call::{CallRefused, InterfaceAddress, Reach};
use crate::wire::group;
use crate::wire::packet::Cast;

/// The least MTU with which IPv6 may be used (RFC 8200 §5).
pub(crate) const V6_MTU_OCTETS_MIN: u16 = 1_280;
/// The least MTU with which IPv4 may be used (RFC 791 §3.2).
pub(crate) const V4_MTU_OCTETS_MIN: u16 = 68;

const LOOPBACK_V4: InterfaceAddress = InterfaceAddress {
    address: IpAddr::V4(Ipv4Addr::LOCALHOST),
    prefix_bits: 8,
};
const LOOPBACK_V6: InterfaceAddress = InterfaceAddress {
    address: IpAddr::V6(Ipv6Addr::LOCALHOST),
    prefix_bits: 128,
};

/// The device's side of us: its addresses and its MTU.
#[derive(Clone, Debug)]
pub(crate) struct Interface {
    /// In the order in which they were added: earlier ones win ties.
    addresses: Vec<InterfaceAddress>,
    /// The same addresses, sorted, so that look-ups take few steps.
    sorted: Vec<IpAddr>,
    /// Last addresses of our networks, sorted.
    broadcasts: Vec<Ipv4Addr>,
    /// First addresses of our networks, sorted.
    networks: Vec<Ipv4Addr>,
    mtu_octets: u16,
    /// Groups that sockets joined, sorted, and how many did.
    joined: Vec<(IpAddr, u32)>,
    /// Whether packets for anybody are taken.
    reach: Reach,
}

/// Whether the host's membership in a group has changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Membership {
    /// The host belongs to the group, or no longer does, since this call.
    Changed,
    /// Another socket belongs to it as well.
    Unchanged,
}

impl Interface {
    pub(crate) fn new(mtu_octets: u16) -> Self {
        let mut interface = Self {
            addresses: alloc::vec![LOOPBACK_V4, LOOPBACK_V6],
            sorted: Vec::new(),
            broadcasts: Vec::new(),
            networks: Vec::new(),
            mtu_octets,
            joined: Vec::new(),
            reach: Reach::default(),
        };
        interface.index();
        interface
    }

    pub(crate) const fn mtu_octets(&self) -> u16 {
        self.mtu_octets
    }

    /// A new MTU; refused if it is too small for a family of which we have an address.
    pub(crate) fn set_mtu(&mut self, mtu_octets: u16) -> Result<(), CallRefused> {
        let has_v6 = self.on_device().any(|ours| ours.address.is_ipv6());
        if mtu_octets < V4_MTU_OCTETS_MIN || (has_v6 && mtu_octets < V6_MTU_OCTETS_MIN) {
            return Err(CallRefused::Invalid);
        }
        self.mtu_octets = mtu_octets;
        Ok(())
    }

    /// Adds an address; `None` if it was there before.
    pub(crate) fn add(
        &mut self,
        ours: InterfaceAddress,
        addresses_max: usize,
    ) -> Result<Option<InterfaceAddress>, CallRefused> {
        if !can_be_ours(ours) || (ours.address.is_ipv6() && self.mtu_octets < V6_MTU_OCTETS_MIN) {
            return Err(CallRefused::Invalid);
        }
        if self.addresses.contains(&ours) {
            return Ok(None);
        }
        if self.sorted.binary_search(&ours.address).is_ok() {
            return Err(CallRefused::AddressInUse);
        }
        if self.addresses.len() >= addresses_max {
            return Err(CallRefused::LimitReached);
        }
        self.addresses.push(ours);
        self.index();
        Ok(Some(ours))
    }

    /// Takes an address away. The loopback addresses stay.
    pub(crate) fn remove(&mut self, address: IpAddr) -> Result<InterfaceAddress, CallRefused> {
        if address.is_loopback() {
            return Err(CallRefused::Invalid);
        }
        let place = self
            .addresses
            .iter()
            .position(|ours| ours.address == address)
            .ok_or(CallRefused::AddressNotOurs)?;
        let ours = self.addresses.remove(place);
        self.index();
        Ok(ours)
    }

    /// All addresses, loopback first.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = InterfaceAddress> {
        self.addresses.iter().copied()
    }

    /// The addresses that may be seen outside the host.
    pub(crate) fn on_device(&self) -> impl Iterator<Item = InterfaceAddress> {
        self.addresses().filter(|ours| !ours.address.is_loopback())
    }

    /// Whether `address` means us and nobody else.
    pub(crate) fn is_ours(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.sorted.binary_search(&address).is_ok()
    }

    /// For which destinations packets from the device are taken.
    pub(crate) const fn set_reach(&mut self, reach: Reach) {
        self.reach = reach;
    }

    /// Whether we answer as `address`, which is none of ours.
    pub(crate) fn stands_in_for(&self, address: IpAddr) -> bool {
        let is_host = match address {
            IpAddr::V4(address) => {
                !super::host_model::is_impossible_host_v4(address)
                    && !self.is_network_or_broadcast(address)
            }
            IpAddr::V6(address) => !super::host_model::is_impossible_host_v6(address),
        };
        self.reach == Reach::AnyAddress && is_host && !address.is_loopback()
    }

    /// To how many hosts `address` speaks.
    pub(crate) fn cast_of(&self, address: IpAddr) -> Cast {
        match address {
            IpAddr::V4(v4) if v4.is_broadcast() => Cast::Broadcast,
            IpAddr::V4(v4) if self.broadcasts.binary_search(&v4).is_ok() => Cast::Broadcast,
            _ if address.is_multicast() => Cast::Multicast,
            IpAddr::V4(_) | IpAddr::V6(_) => Cast::Unicast,
        }
    }

    /// Whether `address` is the first or last of one of our networks: no host's (RFC 1122 §3.3.6).
    pub(crate) fn is_network_or_broadcast(&self, address: Ipv4Addr) -> bool {
        self.broadcasts.binary_search(&address).is_ok()
            || self.networks.binary_search(&address).is_ok()
    }

    /// Whether we belong to the group `address`: all hosts, over IPv6 the solicited-node groups of
    /// our addresses, and what sockets have joined (RFC 1112 §7.1, RFC 4291 §2.8).
    pub(crate) fn is_our_group(&self, address: IpAddr) -> bool {
        let is_permanent = match address {
            IpAddr::V4(address) => address == group::ALL_HOSTS,
            IpAddr::V6(address) => {
                address == group::LINK_ALL_NODES
                    || address == group::INTERFACE_ALL_NODES
                    || self.solicited_nodes().any(|ours| ours == address)
            }
        };
        is_permanent || self.place_of(address).is_ok()
    }

    /// All groups that we belong to, sorted.
    pub(crate) fn groups(&self) -> Vec<IpAddr> {
        let mut groups: Vec<IpAddr> = alloc::vec![
            group::ALL_HOSTS.into(),
            group::INTERFACE_ALL_NODES.into(),
            group::LINK_ALL_NODES.into(),
        ];
        groups.extend(self.solicited_nodes().map(IpAddr::V6));
        groups.extend(self.joined.iter().map(|(group, _)| *group));
        groups.sort_unstable();
        groups.dedup();
        groups
    }

    /// One more socket belongs to `group`.
    pub(crate) fn join(
        &mut self,
        group: IpAddr,
        groups_max: usize,
    ) -> Result<Membership, CallRefused> {
        if !group.is_multicast() {
            return Err(CallRefused::NotAGroup);
        }
        match self.place_of(group) {
            Ok(place) => {
                if let Some((_, sockets)) = self.joined.get_mut(place) {
                    *sockets += 1;
                }
                Ok(Membership::Unchanged)
            }
            Err(_) if self.joined.len() >= groups_max => Err(CallRefused::LimitReached),
            Err(place) => {
                self.joined.insert(place, (group, 1));
                Ok(Membership::Changed)
            }
        }
    }

    /// One socket less belongs to `group`.
    pub(crate) fn leave(&mut self, group: IpAddr) -> Result<Membership, CallRefused> {
        let place = self.place_of(group).map_err(|_| CallRefused::NotAMember)?;
        match self.joined.get_mut(place) {
            Some((_, sockets)) if *sockets > 1 => {
                *sockets -= 1;
                Ok(Membership::Unchanged)
            }
            Some(_) | None => {
                self.joined.remove(place);
                Ok(Membership::Changed)
            }
        }
    }

    fn place_of(&self, group: IpAddr) -> Result<usize, usize> {
        self.joined
            .binary_search_by(|(joined, _)| joined.cmp(&group))
    }

    fn solicited_nodes(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.on_device().filter_map(|ours| match ours.address {
            IpAddr::V6(address) => Some(group::solicited_node(address)),
            IpAddr::V4(_) => None,
        })
    }

    fn index(&mut self) {
        self.sorted = self.addresses().map(|ours| ours.address).collect();
        self.sorted.sort_unstable();
        self.broadcasts = self.edges(broadcast_of);
        self.networks = self.edges(network_of);
    }

    fn edges(&self, edge: impl Fn(Ipv4Addr, u8) -> Option<Ipv4Addr>) -> Vec<Ipv4Addr> {
        let mut edges: Vec<Ipv4Addr> = self
            .on_device()
            .filter_map(|ours| match ours.address {
                IpAddr::V4(address) => edge(address, ours.prefix_bits),
                IpAddr::V6(_) => None,
            })
            .collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }
}

/// Whether a host may have this address (RFC 1122 §3.2.1.3, RFC 4291 §2.4).
fn can_be_ours(ours: InterfaceAddress) -> bool {
    if ours.prefix_bits > Family::of(ours.address).bits() {
        return false;
    }
    match ours.address {
        IpAddr::V4(address) => {
            let host_part_all_same = broadcast_of(address, ours.prefix_bits) == Some(address)
                || network_of(address, ours.prefix_bits) == Some(address);
            !(super::host_model::is_impossible_host_v4(address)
                || address.is_loopback()
                || host_part_all_same)
        }
        IpAddr::V6(address) => {
            !(super::host_model::is_impossible_host_v6(address) || address.is_loopback())
        }
    }
}
