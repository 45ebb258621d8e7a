//! A UDP socket of the host kernel, connected or not.
//!
//! `udp.rs` makes a `UDPConn` of it. One call moves one datagram; one that is longer than the buffer
//! is cut silently, as in Go.

#[cfg(feature = "async")]
mod poll;

use std::borrow::Cow;
use std::net::SocketAddr;

use rustix::net::{
    RecvFlags, SendFlags, SocketType, bind, connect, recv, recvfrom, send, sendto, sockopt,
};

use super::options::{self, Family};
use super::socket::{Socket, Way};
use crate::address::{NetAddr, Network, UDPAddr};
use crate::deadline::Deadline;
use crate::error::{Cause, Op, OpError, SysCall};

/// A socket that the kernel keeps.
#[derive(Debug)]
pub struct HostSocket {
    socket: Socket,
    network: Network,
    family: Family,
    local: UDPAddr,
    remote: Option<UDPAddr>,
}

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
    Ok(HostSocket {
        socket: Socket::new(descriptor),
        network,
        family,
        local,
        remote: Some(options::udp_addr(peer)),
    })
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
    Ok(HostSocket {
        socket: Socket::new(descriptor),
        network,
        family,
        local,
        remote: None,
    })
}

impl HostSocket {
    /// Receives a datagram, from the peer if there is one. With an empty buffer it returns 0 and
    /// takes no datagram.
    ///
    /// # Errors
    ///
    /// With op `read`; `ECONNREFUSED` once after a datagram that nobody took.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, OpError> {
        if buffer.is_empty() {
            return self
                .socket
                .check_open()
                .map(|()| 0)
                .map_err(|cause| self.failed(Op::Read, cause));
        }
        self.socket
            .perform(Way::In, SysCall::Read, |fd| {
                recv(fd, &mut *buffer, RecvFlags::empty()).map(|(_, octets)| octets)
            })
            .map_err(|cause| self.failed(Op::Read, cause))
    }

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

    /// Sends a datagram to the peer.
    ///
    /// # Errors
    ///
    /// With op `write`; `EDESTADDRREQ` without a peer, `EMSGSIZE` for one that is too long.
    pub fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.socket
            .perform(Way::Out, SysCall::Write, |fd| {
                send(fd, octets, SendFlags::NOSIGNAL)
            })
            .map_err(|cause| self.failed(Op::Write, cause))
    }

    /// Sends a datagram to `to`.
    ///
    /// # Errors
    ///
    /// With op `write`; [`Cause::WriteToConnected`] if there is a peer.
    #[doc(alias = "WriteToUDP")]
    pub fn write_to(&self, octets: &[u8], to: &UDPAddr) -> Result<usize, OpError> {
        self.write_to_once(octets, to).map_err(|cause| {
            OpError::new(Op::Write, self.net(), cause)
                .with_source(NetAddr::UDP(self.local.clone()))
                .with_addr(NetAddr::UDP(to.clone()))
        })
    }

    fn write_to_once(&self, octets: &[u8], to: &UDPAddr) -> Result<usize, Cause> {
        if self.remote.is_some() {
            return Err(Cause::WriteToConnected);
        }
        let address = self.family.address(to.ip, &to.zone, to.port)?;
        self.socket.perform(Way::Out, SysCall::WriteTo, |fd| {
            sendto(fd, octets, SendFlags::NOSIGNAL, &address)
        })
    }

    /// Ends the socket: every call that waits fails with `Closed`.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn close(&self) -> Result<(), OpError> {
        self.socket
            .close()
            .map_err(|cause| self.failed(Op::Close, cause))
    }

    /// Our end; known after `close` as well.
    pub const fn local_addr(&self) -> &UDPAddr {
        &self.local
    }

    /// The peer's end, if it has one; known after `close` as well.
    pub const fn remote_addr(&self) -> Option<&UDPAddr> {
        self.remote.as_ref()
    }

    /// The network that it was dialled or listened for on.
    pub const fn network(&self) -> Network {
        self.network
    }

    /// Sets both deadlines.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.set_deadlines(&[Way::In, Way::Out], deadline.into())
    }

    /// Sets the deadline for reads, also for those that wait already.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.set_deadlines(&[Way::In], deadline.into())
    }

    /// Sets the deadline for writes, also for those that wait already.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.set_deadlines(&[Way::Out], deadline.into())
    }

    fn set_deadlines(&self, ways: &[Way], deadline: Deadline) -> Result<(), OpError> {
        self.socket
            .set_deadline(ways, deadline)
            .map_err(|cause| self.not_set(cause))
    }

    /// Octets that the kernel keeps for reads.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetReadBuffer")]
    pub fn set_read_buffer(&self, octets: usize) -> Result<(), OpError> {
        self.socket
            .at_once(SysCall::SetSockOpt, |fd| {
                sockopt::set_socket_recv_buffer_size(fd, octets)
            })
            .map_err(|cause| self.not_set(cause))
    }

    /// Octets that the kernel takes before a write waits.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetWriteBuffer")]
    pub fn set_write_buffer(&self, octets: usize) -> Result<(), OpError> {
        self.socket
            .at_once(SysCall::SetSockOpt, |fd| {
                sockopt::set_socket_send_buffer_size(fd, octets)
            })
            .map_err(|cause| self.not_set(cause))
    }

    fn net(&self) -> Cow<'static, str> {
        self.network.as_str().into()
    }

    fn failed(&self, op: Op, cause: Cause) -> OpError {
        OpError::new(op, self.net(), cause)
            .with_source(NetAddr::UDP(self.local.clone()))
            .with_addr(self.remote.clone().map(NetAddr::UDP))
    }

    fn not_set(&self, cause: Cause) -> OpError {
        OpError::new(Op::Set, self.net(), cause).with_addr(NetAddr::UDP(self.local.clone()))
    }
}
