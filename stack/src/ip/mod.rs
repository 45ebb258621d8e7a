//! IPv4 and IPv6 of a host: addresses, routes, fragments, path MTUs (RFC 791, RFC 1122 §3, RFC 8200).
//!
//! The pages `ingress.rs` and `egress.rs` bring packets in and take packets out; calls change our
//! addresses and routes. [`Ip`] never forwards a packet and never looks into a transport header further
//! than its checksum field.

use alloc::collections::VecDeque;
use core::net::{IpAddr, Ipv6Addr};

use crate::base::{Instant, Random};
use crate::call::{CallRefused, InterfaceAddress, InterfaceStatus, Reach, Route};
use crate::config::{Config, millis};
use crate::context::Context;
use crate::observe::Observation;
use crate::wire::packet::{Cast, Datagram, Offload, OutPacket, Outgoing, Packet};
use crate::wire::report::Report;

mod fragment;
mod host_model;
mod identification;
mod input;
mod interface;
mod output;
mod path_mtu;
mod prefix;
mod reassembly;
mod route;
pub mod source_address;

use identification::Identifications;
use interface::Interface;
pub use interface::Membership;
use path_mtu::PathMtus;
use reassembly::Reassembly;
use route::{Preference, RouteTable};
use source_address::{Candidate, Policy, PolicyTable};

/// Where a packet came from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Arrival {
    /// From the device: nothing about it is believed.
    Device,
    /// From ourselves.
    Loopback,
}

/// Where a packet goes.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Way {
    /// Out through the device.
    Device,
    /// To ourselves: the destination is one of our addresses.
    Loopback,
}

/// What became of a packet that arrived.
#[derive(Clone, Debug)]
pub enum Input {
    /// A whole datagram for us. Whether anybody knows its protocol is not asked here.
    Deliver(Datagram),
    /// It was thrown away and counted, and its sender may be told why.
    Problem(Report),
    /// It waits for other fragments, or was thrown away and counted.
    Nothing,
}

/// How to reach a destination.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Path {
    /// Which of our addresses to send from.
    pub source: IpAddr,
    /// The largest packet that the whole path takes, as far as we know, in octets.
    pub path_mtu_octets: u16,
    /// The largest packet that the first link takes, in octets.
    pub link_mtu_octets: u16,
    /// Out, or to ourselves.
    pub way: Way,
}

/// Rows of the policy table: a look-up walks them.
const POLICIES_MAX: usize = 256;

/// The internet layer of one host with one point-to-point device.
#[derive(Clone, Debug)]
pub struct Ip {
    interface: Interface,
    routes: RouteTable,
    policies: PolicyTable,
    path_mtus: PathMtus,
    identifications: Identifications,
    reassembly: Reassembly,
    reassembly_timeout_ms: u64,
    addresses_max: usize,
    routes_max: usize,
    groups_max: usize,
}

impl Ip {
    /// A host that knows only its loopback addresses.
    pub fn new(config: &Config, random: &mut Random) -> Self {
        Self {
            interface: Interface::new(u16::try_from(config.mtu_octets).unwrap_or(u16::MAX)),
            routes: RouteTable::default(),
            policies: PolicyTable::default(),
            path_mtus: PathMtus::new(random),
            identifications: Identifications::new(random),
            reassembly: Reassembly::new(random),
            reassembly_timeout_ms: config.reassembly_timeout_ms,
            addresses_max: config.addresses_max as usize,
            routes_max: config.routes_max as usize,
            groups_max: config.groups_max as usize,
        }
    }

    /// Gives us an address, and a route to its network. Adding the same one again changes nothing.
    ///
    /// # Errors
    ///
    /// [`CallRefused::Invalid`]: no host can have it, or it is an IPv6 address and the MTU is below
    /// 1,280. [`CallRefused::AddressInUse`]: it is ours with another prefix.
    /// [`CallRefused::LimitReached`]: see `addresses_max`.
    pub fn add_address(&mut self, address: InterfaceAddress) -> Result<(), CallRefused> {
        if let Some(added) = self.interface.add(address, self.addresses_max)? {
            self.routes.connect(added);
        }
        Ok(())
    }

    /// Takes an address away, and the route to its network unless another address lies there.
    ///
    /// # Errors
    ///
    /// [`CallRefused::AddressNotOurs`]; [`CallRefused::Invalid`] for a loopback address.
    pub fn remove_address(&mut self, address: IpAddr) -> Result<(), CallRefused> {
        let removed = self.interface.remove(address)?;
        self.routes.disconnect(removed);
        Ok(())
    }

    /// Adds a route, or replaces the one with the same prefix.
    ///
    /// # Errors
    ///
    /// [`CallRefused::Invalid`]: the prefix is too long. [`CallRefused::FamilyMismatch`] or
    /// [`CallRefused::AddressNotOurs`]: its source address does not fit.
    /// [`CallRefused::LimitReached`]: see `routes_max`.
    pub fn add_route(&mut self, route: Route) -> Result<(), CallRefused> {
        if let Some(source) = route.source
            && !self.interface.is_ours(source)
        {
            return Err(CallRefused::AddressNotOurs);
        }
        self.routes.add(route, self.routes_max)
    }

    /// Changes the device's MTU. Estimates of path MTUs stay, as far as they are lower.
    ///
    /// # Errors
    ///
    /// [`CallRefused::Invalid`]: below 68, or below 1,280 while we have an IPv6 address.
    pub fn set_mtu(&mut self, mtu_octets: u16) -> Result<(), CallRefused> {
        self.interface.set_mtu(mtu_octets)
    }

    /// One more socket wants what is sent to `group` (RFC 1112 §7.1).
    ///
    /// # Errors
    ///
    /// [`CallRefused::NotAGroup`]; [`CallRefused::LimitReached`]: see `groups_max`.
    pub fn join_group(&mut self, group: IpAddr) -> Result<Membership, CallRefused> {
        self.interface.join(group, self.groups_max)
    }

    /// One socket less wants what is sent to `group`.
    ///
    /// # Errors
    ///
    /// [`CallRefused::NotAMember`].
    pub fn leave_group(&mut self, group: IpAddr) -> Result<Membership, CallRefused> {
        self.interface.leave(group)
    }

    /// Whether what is sent to `group` is for us.
    pub fn is_our_group(&self, group: IpAddr) -> bool {
        self.interface.is_our_group(group)
    }

    /// Our first link-local address, or `::` if we have none.
    pub fn link_local(&self) -> Ipv6Addr {
        self.addresses()
            .find_map(|ours| match ours.address {
                IpAddr::V6(address) if address.is_unicast_link_local() => Some(address),
                IpAddr::V6(_) | IpAddr::V4(_) => None,
            })
            .unwrap_or(Ipv6Addr::UNSPECIFIED)
    }

    /// Our side of the device.
    pub fn status(&self) -> InterfaceStatus {
        InterfaceStatus {
            mtu_octets: self.interface.mtu_octets(),
            addresses: self.interface.addresses().collect(),
            groups: self.interface.groups(),
        }
    }

    /// Removes a route that was added. The routes to the networks of our addresses stay.
    ///
    /// # Errors
    ///
    /// [`CallRefused::NoSuchEntry`].
    pub fn remove_route(
        &mut self,
        destination: IpAddr,
        prefix_bits: u8,
    ) -> Result<(), CallRefused> {
        self.routes.remove(destination, prefix_bits)
    }

    /// Replaces the policy table of RFC 6724 §2.1. Of two rows with the same prefix the first one
    /// counts.
    ///
    /// # Errors
    ///
    /// [`CallRefused::LimitReached`]: more than 256 rows. [`CallRefused::Invalid`]: a prefix is too
    /// long.
    pub fn set_policies(&mut self, policies: &[Policy]) -> Result<(), CallRefused> {
        if policies.len() > POLICIES_MAX {
            return Err(CallRefused::LimitReached);
        }
        if policies.iter().any(|row| row.prefix_bits > 128) {
            return Err(CallRefused::Invalid);
        }
        self.policies = PolicyTable::new(policies);
        Ok(())
    }

    /// A packet came in: is it valid, ours and whole?
    pub fn packet_arrives(
        &mut self,
        cx: &mut Context<'_>,
        packet: Packet,
        arrival: Arrival,
    ) -> Input {
        input::packet_arrives(self, cx, packet, arrival)
    }

    /// How to reach `destination`, from `source` if it is given (RFC 1122 §3.3.4.2: it is then kept).
    ///
    /// # Errors
    ///
    /// [`CallRefused::FamilyMismatch`]; [`CallRefused::AddressNotOurs`]: `source` is not ours, or is a
    /// loopback address and `destination` is outside; [`CallRefused::NoRoute`]: no route leads there,
    /// or we have no address to send from.
    pub fn route(&self, destination: IpAddr, source: Option<IpAddr>) -> Result<Path, CallRefused> {
        if let Some(source) = source {
            if source.is_ipv4() != destination.is_ipv4() {
                return Err(CallRefused::FamilyMismatch);
            }
            if !self.interface.is_ours(source) && !self.interface.stands_in_for(source) {
                return Err(CallRefused::AddressNotOurs);
            }
        }
        if self.interface.is_ours(destination) {
            return Ok(Path {
                source: source.unwrap_or(destination),
                path_mtu_octets: output::LOOPBACK_MTU_OCTETS,
                link_mtu_octets: output::LOOPBACK_MTU_OCTETS,
                way: Way::Loopback,
            });
        }
        let preference = self.look_up(destination).ok_or(CallRefused::NoRoute)?;
        let source = match source {
            Some(source) if source.is_loopback() => return Err(CallRefused::AddressNotOurs),
            Some(source) => source,
            None => self
                .source_for(destination, preference)
                .map(|candidate| candidate.address)
                .ok_or(CallRefused::NoRoute)?,
        };
        let link_mtu_octets = self.interface.mtu_octets();
        Ok(Path {
            source,
            path_mtu_octets: self.path_mtus.get(destination, link_mtu_octets),
            link_mtu_octets,
            way: Way::Device,
        })
    }

    /// For which destinations packets from the device are taken.
    pub fn set_reach(&mut self, reach: Reach) {
        self.interface.set_reach(reach);
    }

    /// Whether `address` means us and nobody else. All of 127.0.0.0/8 does.
    pub fn is_ours(&self, address: IpAddr) -> bool {
        self.interface.is_ours(address)
    }

    /// To how many hosts `address` speaks.
    pub fn cast_of(&self, address: IpAddr) -> Cast {
        self.interface.cast_of(address)
    }

    /// Our addresses, loopback first, then in the order in which they were added.
    pub fn addresses(&self) -> impl Iterator<Item = InterfaceAddress> {
        self.interface.addresses()
    }

    /// Sorts `destinations` so that the one to try first comes first (RFC 6724 §6).
    pub fn sort_destinations(&self, destinations: &mut [IpAddr]) {
        source_address::sort_destinations(&self.policies, destinations, |destination| {
            if self.interface.is_ours(destination) {
                let ours = self.addresses().find(|ours| ours.address == destination);
                return Candidate::new(destination, ours.map_or(8, |ours| ours.prefix_bits));
            }
            self.source_for(destination, self.look_up(destination)?)
        });
    }

    /// Makes packets of a datagram: header, checksum, fragments. They are appended to `out`.
    ///
    /// # Errors
    ///
    /// Nothing was sent, and nothing counted. [`CallRefused::MessageTooLong`]: too long for the family,
    /// or for the path with fragmentation forbidden (RFC 6864 §4.3: DF is obeyed).
    /// [`CallRefused::LimitReached`]: it needs fragments, and all identifications to this destination
    /// were used within two minutes. [`CallRefused::AddressNotOurs`], [`CallRefused::FamilyMismatch`],
    /// [`CallRefused::NoRoute`]: its addresses cannot be used.
    pub fn emit(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: Outgoing,
        offload: Offload,
        out: &mut VecDeque<(Way, OutPacket)>,
    ) -> Result<(), CallRefused> {
        output::emit(self, cx, outgoing, offload, out)
    }

    /// A validated ICMP error says that a packet of `packet_octets` to `destination` was too big for a
    /// link of `mtu_octets`. The new path MTU, if that lowered it (RFC 1191 §3, RFC 8201 §4).
    pub fn path_mtu_learned(
        &mut self,
        cx: &mut Context<'_>,
        destination: IpAddr,
        mtu_octets: u32,
        packet_octets: u32,
    ) -> Option<u16> {
        let link_mtu_octets = self.interface.mtu_octets();
        let told = path_mtu::Told {
            mtu_octets,
            packet_octets,
        };
        let lowered =
            self.path_mtus
                .lower(cx.config, cx.now, destination, told, link_mtu_octets)?;
        cx.observe(|| Observation::PathMtuChanged {
            destination,
            mtu_octets: lowered,
        });
        Some(lowered)
    }

    /// Gives up what waited too long, and forgets path MTUs that are too old.
    pub fn time_passes(&mut self, cx: &mut Context<'_>) {
        self.reassembly.time_passes(cx);
        self.path_mtus.time_passes(cx.now);
    }

    /// The next reassembly timeout that its sender may be told about.
    pub fn next_report(&mut self) -> Option<Report> {
        self.reassembly.next_report()
    }

    /// When [`time_passes`](Self::time_passes) has something to do, or a report waits.
    pub fn next_deadline(&self) -> Option<Instant> {
        let timeout = millis(self.reassembly_timeout_ms);
        [
            self.reassembly.next_deadline(timeout),
            self.path_mtus.next_deadline(),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The route to a destination that is not ours. The limited broadcast and groups need none: the
    /// link is the device, and there is no other one that could be meant (RFC 1112 §6.1).
    fn look_up(&self, destination: IpAddr) -> Option<Preference> {
        if destination.is_unspecified() {
            return None;
        }
        let on_link = match destination {
            IpAddr::V4(address) => address.is_broadcast() || address.is_multicast(),
            IpAddr::V6(address) => address.is_multicast(),
        };
        self.routes
            .look_up(destination)
            .or(on_link.then(Preference::default))
    }

    /// The source that the route asks for, or the best one by RFC 6724 §5.
    fn source_for(&self, destination: IpAddr, preference: Preference) -> Option<Candidate> {
        let candidates = || {
            self.interface
                .on_device()
                .filter_map(|ours| Candidate::new(ours.address, ours.prefix_bits))
        };
        preference
            .source
            .and_then(|source| candidates().find(|candidate| candidate.address == source))
            .or_else(|| source_address::select_source(&self.policies, destination, candidates()))
    }
}

#[cfg(test)]
mod tests;
