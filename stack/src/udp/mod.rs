//! UDP (RFC 768, RFC 1122 §4.1): sockets with bounded queues.
//!
//! The pages call [`Udp::datagram_arrives`] for what IP delivers and pass on what
//! [`Udp::datagram`] makes. UDP never chooses a route or a source address: they come in as values.

mod input;
mod members;
mod output;
mod socket;

#[cfg(test)]
mod tests;

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub use input::Input;
use members::Members;
pub use output::Target;
use socket::Socket;

use crate::base::{Key, Random, Table};
use crate::call::{
    CallRefused, Families, GroupLoop, Local, OpenSocket, ReceivedDatagram, SocketId, SocketOptions,
};
use crate::config::Config;
use crate::context::Context;
use crate::event::Event;
use crate::socket::demux::covers;
use crate::socket::{Demux, FourTuple, ports};

/// All UDP sockets of a stack.
#[derive(Clone, Debug)]
pub struct Udp {
    sockets: Table<Socket>,
    demux: Demux,
    members: Members,
    /// Sockets that have something to tell; each is in it at most once.
    ready: VecDeque<SocketId>,
    queued_octets: usize,
}

impl Udp {
    /// No sockets.
    pub fn new(_config: &Config, random: &mut Random) -> Self {
        Self {
            sockets: Table::new(),
            demux: Demux::new(random),
            members: Members::default(),
            ready: VecDeque::new(),
            queued_octets: 0,
        }
    }

    /// How many sockets there are.
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// True if there is no socket.
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// Octets that wait in all queues.
    pub const fn queued_octets(&self) -> usize {
        self.queued_octets
    }

    /// A socket. `source` is our address towards `call.remote`; it must be given if that is.
    ///
    /// # Errors
    ///
    /// `AddressInUse`, `PortsExhausted` or `LimitReached`.
    pub fn open(
        &mut self,
        cx: &mut Context<'_>,
        call: &OpenSocket,
        source: Option<IpAddr>,
    ) -> Result<(SocketId, SocketAddr), CallRefused> {
        if self.sockets.len() as u64 >= cx.config.sockets_max {
            return Err(CallRefused::LimitReached);
        }
        let peer = call.remote.zip(source);
        let mut local = call.local;
        if let Some((_, source)) = peer {
            local.address = Some(source);
        }
        if local.port == 0 {
            local.port = self
                .free_port(cx, local, peer)
                .ok_or(CallRefused::PortsExhausted)?;
        }
        let key = self
            .sockets
            .insert(Socket::new(local, call.remote, cx.config));
        let taken = match peer {
            Some((remote, source)) => {
                let tuple = FourTuple {
                    local: SocketAddr::new(source, local.port),
                    remote,
                };
                // A connected socket shares its port only with sockets connected elsewhere.
                if self.demux.conflicts(&local) {
                    Err(crate::socket::InUse)
                } else {
                    self.demux.connect(tuple, key)
                }
            }
            None => self.demux.bind_as(local, key, call.reuse_port),
        };
        if taken.is_err() {
            self.sockets.remove(key);
            return Err(CallRefused::AddressInUse);
        }
        Ok((
            SocketId(key),
            SocketAddr::new(shown_address(&local), local.port),
        ))
    }

    /// Takes the oldest datagram. An error that an earlier one met comes first, once (RFC 1122
    /// §4.1.3.3).
    ///
    /// # Errors
    ///
    /// `NoSuchEntry` or `Pending`.
    pub fn receive(&mut self, socket: SocketId) -> Result<Option<ReceivedDatagram>, CallRefused> {
        let entry = self
            .sockets
            .get_mut(socket.0)
            .ok_or(CallRefused::NoSuchEntry)?;
        if let Some(error) = entry.error.take() {
            return Err(CallRefused::Pending(error));
        }
        let datagram = entry.take();
        if let Some(datagram) = &datagram {
            self.queued_octets -= datagram.octets.len();
        }
        Ok(datagram)
    }

    /// Changes settings of a socket; what is `None` stays.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn set_options(
        &mut self,
        config: &Config,
        socket: SocketId,
        options: &SocketOptions,
    ) -> Result<(), CallRefused> {
        let entry = self.sockets.get_mut(socket.0);
        let entry = entry.ok_or(CallRefused::NoSuchEntry)?;
        entry.settings.set(config, options);
        Ok(())
    }

    /// Makes a socket a member of `group` (RFC 1112 §7.1). That the host belongs to it is the
    /// caller's to see to.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`, `NotAGroup`, `FamilyMismatch`, `AlreadyMember`, or `LimitReached`: see
    /// `socket_groups_max` and `memberships_max`.
    pub fn join(
        &mut self,
        config: &Config,
        socket: SocketId,
        group: IpAddr,
    ) -> Result<(), CallRefused> {
        let entry = self.sockets.get_mut(socket.0);
        let entry = entry.ok_or(CallRefused::NoSuchEntry)?;
        if !group.is_multicast() {
            return Err(CallRefused::NotAGroup);
        }
        let is_of_family = match entry.local.address {
            Some(address) => address.is_ipv4() == group.is_ipv4(),
            None => covers(entry.local.families, group),
        };
        if !is_of_family {
            return Err(CallRefused::FamilyMismatch);
        }
        if entry.groups.contains(&group) {
            return Err(CallRefused::AlreadyMember);
        }
        if entry.groups.len() as u64 >= config.socket_groups_max
            || self.members.memberships() as u64 >= config.memberships_max
        {
            return Err(CallRefused::LimitReached);
        }
        entry.groups.push(group);
        self.members.join(group, entry.local.port, socket.0);
        Ok(())
    }

    /// Ends a membership.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry` or `NotAMember`.
    pub fn leave(&mut self, socket: SocketId, group: IpAddr) -> Result<(), CallRefused> {
        let entry = self.sockets.get_mut(socket.0);
        let entry = entry.ok_or(CallRefused::NoSuchEntry)?;
        let place = entry.groups.iter().position(|joined| *joined == group);
        entry.groups.remove(place.ok_or(CallRefused::NotAMember)?);
        self.members.leave(group, entry.local.port, socket.0);
        Ok(())
    }

    /// Whether members on this host hear what a socket sends to a group.
    pub fn group_loop(&self, socket: SocketId) -> GroupLoop {
        self.sockets
            .get(socket.0)
            .map_or(GroupLoop::Unheard, |entry| entry.settings.group_loop)
    }

    /// Ends a socket and what waits in its queue. Gives the groups that it belonged to.
    ///
    /// # Errors
    ///
    /// `NoSuchEntry`.
    pub fn close(&mut self, socket: SocketId) -> Result<Vec<IpAddr>, CallRefused> {
        let entry = self
            .sockets
            .remove(socket.0)
            .ok_or(CallRefused::NoSuchEntry)?;
        self.queued_octets -= entry.queued_octets();
        match entry.four_tuple() {
            Some(tuple) => self.demux.disconnect(&tuple, socket.0),
            None => self.demux.unbind(&entry.local, socket.0),
        }
        for group in &entry.groups {
            self.members.leave(*group, entry.local.port, socket.0);
        }
        Ok(entry.groups)
    }

    /// A socket that has a datagram or an error to fetch.
    pub fn next_event(&mut self) -> Option<Event> {
        while let Some(socket) = self.ready.pop_front() {
            if let Some(entry) = self.sockets.get_mut(socket.0) {
                entry.is_ready = false;
                return Some(Event::DatagramArrived(socket));
            }
        }
        None
    }

    fn make_ready(&mut self, key: Key) {
        if let Some(entry) = self.sockets.get_mut(key)
            && !entry.is_ready
        {
            entry.is_ready = true;
            self.ready.push_back(SocketId(key));
        }
    }

    /// A port that nobody is bound to, and for a connected socket none that is connected to its
    /// peer already.
    fn free_port(
        &self,
        cx: &mut Context<'_>,
        local: Local,
        peer: Option<(SocketAddr, IpAddr)>,
    ) -> Option<u16> {
        let demux = &self.demux;
        ports::choose(cx.random, |port| {
            let is_connected = peer.is_some_and(|(remote, source)| {
                let local = SocketAddr::new(source, port);
                demux.connected(&FourTuple { local, remote }).is_some()
            });
            is_connected || demux.conflicts(&Local { port, ..local })
        })
    }
}

/// How a binding prints: a wildcard of both families as the IPv6 one.
fn shown_address(local: &Local) -> IpAddr {
    local.address.unwrap_or(match local.families {
        Families::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        Families::Both | Families::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    })
}
