//! A UDP socket of the host kernel, connected or not.
//!
//! `udp.rs` makes a `UDPConn` of it. One call moves one datagram; one that is longer than the buffer
//! is cut silently, as in Go.

#[cfg(feature = "async")]
mod poll;

use std::net::SocketAddr;

use rustix::net::{RecvFlags, SendFlags, SocketType, bind, connect, recvfrom, sendto, sockopt};

use super::end::{Carries, End};
use super::options::{self, Family};
use super::socket::{Socket, Way};
use crate::address::{NetAddr, Network, UDPAddr};
use crate::error::{Cause, Op, OpError, SysCall};

/// A UDP socket that the kernel keeps.
pub type HostSocket = End<UDPAddr>;

/// A socket that exchanges datagrams with `remote` only.
///
/// # Errors
///
/// With op `dial`: what the kernel says.
pub fn dial_udp(
    network: Network,
    local: Option<&UDPAddr>,
    remote: &UDPAddr,
) -> Result<HostSocket, OpError> {
    dial_once(network, local, remote).map_err(|cause| {
        OpError::new(Op::Dial, network.as_str(), cause)
            .with_source(local.cloned().map(NetAddr::UDP))
            .with_addr(NetAddr::UDP(remote.clone()))
    })
}

fn dial_once(
    network: Network,
    local: Option<&UDPAddr>,
    remote: &UDPAddr,
) -> Result<HostSocket, Cause> {
    let peer = remote.to_socket_addr(options::interface_index)?;
    let family = Family::to_reach(&peer);
    let descriptor = options::open(family, SocketType::DGRAM)?;
    options::set(sockopt::set_socket_broadcast(&descriptor, true))?;
    if let Some(local) = local {
        let address = family.address(local.ip, &local.zone, local.port)?;
        bind(&descriptor, &address).map_err(|error| Cause::sys(SysCall::Bind, error.into()))?;
    }
    connect(&descriptor, &peer).map_err(|error| Cause::sys(SysCall::Connect, error.into()))?;
    let local = options::udp_addr(options::local(&descriptor)?);
    // A wildcard became an address of this host.
    let peer = options::peer(&descriptor).unwrap_or(peer);
    let (socket, peer) = (Socket::new(descriptor), options::udp_addr(peer));
    Ok(HostSocket::new(
        socket,
        network,
        Carries::Messages,
        local,
        Some(peer),
    ))
}

/// A socket at `local` that exchanges datagrams with everybody.
///
/// # Errors
///
/// With op `listen`: what the kernel says.
pub fn listen_udp(network: Network, local: &UDPAddr) -> Result<HostSocket, OpError> {
    listen_once(network, local).map_err(|cause| {
        OpError::new(Op::Listen, network.as_str(), cause).with_addr(NetAddr::UDP(local.clone()))
    })
}

fn listen_once(network: Network, local: &UDPAddr) -> Result<HostSocket, Cause> {
    let family = Family::to_bind(network, local.ip);
    let (descriptor, family) = options::open_to_bind(family, SocketType::DGRAM)?;
    options::set(sockopt::set_socket_broadcast(&descriptor, true))?;
    let address = family.address(local.ip, &local.zone, local.port)?;
    bind(&descriptor, &address).map_err(|error| Cause::sys(SysCall::Bind, error.into()))?;
    let local = options::udp_addr(options::local(&descriptor)?);
    let socket = Socket::new(descriptor);
    Ok(HostSocket::new(
        socket,
        network,
        Carries::Messages,
        local,
        None,
    ))
}

impl HostSocket {
    /// Receives a datagram and says from whom.
    ///
    /// # Errors
    ///
    /// With op `read`.
    #[doc(alias = "ReadFromUDP")]
    pub fn read_from(&self, buffer: &mut [u8]) -> Result<(usize, UDPAddr), OpError> {
        let (octets, from) = self
            .socket
            .perform(Way::In, SysCall::ReadFrom, |fd| {
                let (_, octets, from) = recvfrom(fd, &mut *buffer, RecvFlags::empty())?;
                Ok((octets, from))
            })
            .map_err(|cause| self.failed(Op::Read, cause))?;
        let from = from.and_then(|from| SocketAddr::try_from(from).ok());
        let from = from.map(options::udp_addr).or_else(|| self.remote.clone());
        Ok((octets, from.unwrap_or_default()))
    }

    /// Sends a datagram to `to`.
    ///
    /// # Errors
    ///
    /// With op `write`; [`Cause::WriteToConnected`] if there is a peer.
    #[doc(alias = "WriteToUDP")]
    pub fn write_to(&self, octets: &[u8], to: &UDPAddr) -> Result<usize, OpError> {
        self.write_to_once(octets, to)
            .map_err(|cause| self.not_sent(to.clone(), cause))
    }

    fn write_to_once(&self, octets: &[u8], to: &UDPAddr) -> Result<usize, Cause> {
        let address = self.address_of(to)?;
        self.socket.perform(Way::Out, SysCall::WriteTo, |fd| {
            sendto(fd, octets, SendFlags::NOSIGNAL, &address)
        })
    }

    /// Where a datagram for `to` goes; nowhere from a socket that has a peer.
    fn address_of(&self, to: &UDPAddr) -> Result<SocketAddr, Cause> {
        if self.remote.is_some() {
            return Err(Cause::WriteToConnected);
        }
        let family = Family::of_bound(self.network(), self.local.ip);
        Ok(family.address(to.ip, &to.zone, to.port)?)
    }

    /// The peer's end, if it has one; known after `close` as well.
    pub const fn remote_addr(&self) -> Option<&UDPAddr> {
        self.remote.as_ref()
    }
}
