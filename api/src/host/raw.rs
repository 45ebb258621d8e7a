//! Raw IP sockets of the host kernel, for which it asks for rights (raw(7)).
//!
//! `ip.rs` makes an `IPConn` of them. The kernel gives IPv4 packets with their header, which `read`
//! keeps and `read_from` strips, as in Go; it writes headers, and checksums of ICMPv6, itself.

mod messages;
#[cfg(feature = "async")]
mod poll;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::os::fd::OwnedFd;

use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrAny, SocketFlags, SocketType, bind, connect,
    recvfrom, sendto, socket_with, sockopt,
};
use sidestep_stack::wire::protocol::Protocol;

use super::end::{Carries, End};
use super::options::{self, Family};
use super::socket::{Socket, Way};
use crate::address::{IPAddr, Network, UDPAddr};
use crate::error::{Cause, Errno, Op, OpError, SysCall};

/// The least octets of an IPv4 header (RFC 791 §3.1).
const HEADER_OCTETS_MIN: usize = 20;

/// A raw IP socket that the kernel keeps.
pub type HostRaw = End<IPAddr>;

/// A socket that exchanges packets of `protocol` with `remote` only, from `local` if given.
///
/// # Errors
///
/// `EPERM` without the right to open it; else what the kernel says.
pub fn dial_ip(
    network: Network,
    protocol: Protocol,
    local: Option<&IPAddr>,
    remote: &IPAddr,
) -> Result<HostRaw, Cause> {
    let peer = with_port(remote).to_socket_addr(options::interface_index)?;
    let family = Family::to_reach(&peer);
    let descriptor = open(family, protocol)?;
    if let Some(local) = local {
        let address = family.address(local.ip, &local.zone, 0)?;
        bind(&descriptor, &address).map_err(|error| Cause::sys(SysCall::Bind, error.into()))?;
    }
    connect(&descriptor, &peer).map_err(|error| Cause::sys(SysCall::Connect, error.into()))?;
    of_descriptor(descriptor, network, Some(ip_addr(peer)))
}

/// A socket at `local` that exchanges packets of `protocol` with everybody. If no family is asked
/// for it carries IPv6, as in Go.
///
/// # Errors
///
/// As for [`dial_ip`].
pub fn listen_ip(network: Network, protocol: Protocol, local: &IPAddr) -> Result<HostRaw, Cause> {
    let family = Family::to_bind(network, local.ip);
    let (descriptor, family) = match open(family, protocol) {
        Err(Cause::Sys(error))
            if family == Family::V6AndV4 && error.errno == Errno::EAFNOSUPPORT =>
        {
            (open(Family::V4, protocol)?, Family::V4)
        }
        opened => (opened?, family),
    };
    let address = family.address(local.ip, &local.zone, 0)?;
    bind(&descriptor, &address).map_err(|error| Cause::sys(SysCall::Bind, error.into()))?;
    of_descriptor(descriptor, network, None)
}

/// Not [`options::open`]: a raw socket of IPv6 carries nothing else, and may not be told so.
fn open(family: Family, protocol: Protocol) -> Result<OwnedFd, Cause> {
    let domain = match family {
        Family::V4 => AddressFamily::INET,
        Family::V6Only | Family::V6AndV4 => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let number = NonZeroU32::new(protocol.0.into()).map(rustix::net::Protocol::from_raw);
    let descriptor = socket_with(domain, SocketType::RAW, flags, number)
        .map_err(|error| Cause::sys(SysCall::Socket, error.into()))?;
    options::set(sockopt::set_socket_broadcast(&descriptor, true))?;
    Ok(descriptor)
}

/// The raw socket behind `descriptor`, which does not block.
pub(super) fn of_descriptor(
    descriptor: OwnedFd,
    network: Network,
    peer: Option<IPAddr>,
) -> Result<HostRaw, Cause> {
    let local = ip_addr(options::local(&descriptor)?);
    let socket = Socket::new(descriptor);
    Ok(HostRaw::new(
        socket,
        network,
        Carries::Messages,
        local,
        peer,
    ))
}

/// With the zone as the name of an interface. The port is the protocol's number, and of no use.
pub(super) fn ip_addr(address: SocketAddr) -> IPAddr {
    let UDPAddr { ip, zone, .. } = options::udp_addr(address);
    IPAddr { ip, zone }
}

/// Raw sockets have no ports, but the kernel's addresses have.
fn with_port(addr: &IPAddr) -> UDPAddr {
    UDPAddr {
        ip: addr.ip,
        port: 0,
        zone: addr.zone.clone(),
    }
}

impl HostRaw {
    /// The peer's end, if it has one; known after `close` as well.
    pub const fn remote_addr(&self) -> Option<&IPAddr> {
        self.remote.as_ref()
    }

    /// Receives a packet without its IPv4 header, and says from whom.
    ///
    /// # Errors
    ///
    /// With op `read`.
    #[doc(alias = "ReadFromIP")]
    pub fn read_from(&self, buffer: &mut [u8]) -> Result<(usize, IPAddr), OpError> {
        let received = self.socket.perform(Way::In, SysCall::ReadFrom, |fd| {
            let (_, octets, from) = recvfrom(fd, &mut *buffer, RecvFlags::empty())?;
            Ok((octets, from))
        });
        let (octets, from) = received.map_err(|cause| self.failed(Op::Read, cause))?;
        Ok(self.without_header(buffer, octets, from))
    }

    /// What was received as users see it.
    fn without_header(
        &self,
        buffer: &mut [u8],
        octets: usize,
        from: Option<SocketAddrAny>,
    ) -> (usize, IPAddr) {
        let from = from
            .and_then(|from| SocketAddr::try_from(from).ok())
            .map(ip_addr)
            .or_else(|| self.remote.clone())
            .unwrap_or_default();
        let octets = if from.ip.is_some_and(|ip| ip.is_ipv4()) {
            strip_header(buffer, octets)
        } else {
            octets
        };
        (octets, from)
    }

    /// Sends a payload to `to`.
    ///
    /// # Errors
    ///
    /// With op `write`; [`Cause::WriteToConnected`] if there is a peer.
    #[doc(alias = "WriteToIP")]
    pub fn write_to(&self, octets: &[u8], to: &IPAddr) -> Result<usize, OpError> {
        let write = || {
            let address = self.address_of(to)?;
            self.socket.perform(Way::Out, SysCall::WriteTo, |fd| {
                sendto(fd, octets, SendFlags::NOSIGNAL, &address)
            })
        };
        write().map_err(|cause| self.not_sent(to.clone(), cause))
    }

    /// Where a payload for `to` goes; nowhere from a socket that has a peer.
    fn address_of(&self, to: &IPAddr) -> Result<SocketAddr, Cause> {
        if self.remote.is_some() {
            return Err(Cause::WriteToConnected);
        }
        Ok(self.family().address(to.ip, &to.zone, 0)?)
    }

    /// A raw socket carries one family, whatever it was asked for.
    fn family(&self) -> Family {
        match self.local.ip {
            Some(IpAddr::V4(_)) => Family::V4,
            Some(IpAddr::V6(_)) | None => Family::V6Only,
        }
    }
}

/// Moves the payload of the IPv4 packet of `octets` octets to the front of `buffer`: how long it is.
/// What is no whole header is left alone, as in Go.
pub(super) fn strip_header(buffer: &mut [u8], octets: usize) -> usize {
    let Some(first) = buffer.first().copied() else {
        return octets;
    };
    let header_octets = usize::from(first & 0x0f) * 4;
    if first >> 4 != 4 || header_octets < HEADER_OCTETS_MIN || header_octets > octets {
        return octets;
    }
    buffer.copy_within(header_octets..octets, 0);
    octets - header_octets
}
