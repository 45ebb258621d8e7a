//! What a UDP socket of the host kernel does beyond moving single datagrams: messages, options,
//! groups.
//!
//! `udp/messages.rs` and `udp/multicast.rs` call it. Control messages are not spoken, so that where a
//! datagram was sent to, and its hop limit, stay unknown.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;

use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SocketType, bind, recvmsg, sockopt,
};

use super::datagram::HostSocket;
use super::end::Carries;
use super::options::{self, Family};
use super::socket::{Socket, Way};
use crate::address::{Network, Zone};
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::message::{Msg, MsgOptions};

/// A socket that is bound to the wildcard, shares its port, and belongs to a group.
///
/// # Errors
///
/// What the kernel says.
pub fn listen_multicast_udp(
    network: Network,
    interface: Option<u32>,
    (group, port): (IpAddr, u16),
) -> Result<HostSocket, Cause> {
    let family = match group {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6Only,
    };
    let descriptor = options::open(family, SocketType::DGRAM)?;
    options::set(sockopt::set_socket_reuseaddr(&descriptor, true))?;
    let address = family.address(None, &Zone::NONE, port)?;
    bind(&descriptor, &address).map_err(|error| Cause::sys(SysCall::Bind, error.into()))?;
    match group {
        IpAddr::V4(_) => options::set(sockopt::set_ip_multicast_loop(&descriptor, false))?,
        IpAddr::V6(_) => options::set(sockopt::set_ipv6_multicast_loop(&descriptor, false))?,
    }
    options::set(join(rustix::fd::AsFd::as_fd(&descriptor), interface, group))?;
    let local = options::udp_addr(options::local(&descriptor)?);
    Ok(HostSocket::new(
        Socket::new(descriptor),
        network,
        Carries::Messages,
        local,
        None,
    ))
}

fn join(fd: BorrowedFd<'_>, interface: Option<u32>, group: IpAddr) -> rustix::io::Result<()> {
    match group {
        IpAddr::V4(group) => sockopt::set_ip_add_membership_with_ifindex(
            fd,
            &group,
            &Ipv4Addr::UNSPECIFIED,
            interface.unwrap_or(0),
        ),
        IpAddr::V6(group) => sockopt::set_ipv6_add_membership(fd, &group, interface.unwrap_or(0)),
    }
}

fn leave(fd: BorrowedFd<'_>, interface: Option<u32>, group: IpAddr) -> rustix::io::Result<()> {
    match group {
        IpAddr::V4(group) => sockopt::set_ip_drop_membership_with_ifindex(
            fd,
            &group,
            &Ipv4Addr::UNSPECIFIED,
            interface.unwrap_or(0),
        ),
        IpAddr::V6(group) => sockopt::set_ipv6_drop_membership(fd, &group, interface.unwrap_or(0)),
    }
}

/// Tries once to receive a message.
pub(super) fn receive(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> rustix::io::Result<Msg> {
    let mut nothing = RecvAncillaryBuffer::default();
    let received = recvmsg(
        fd,
        &mut [IoSliceMut::new(buffer)],
        &mut nothing,
        RecvFlags::empty(),
    )?;
    let from = received
        .address
        .and_then(|from| SocketAddr::try_from(from).ok())
        .map(options::udp_addr);
    Ok(Msg {
        n: received.bytes,
        truncated: received.flags.contains(ReturnFlags::TRUNC),
        from: from.unwrap_or_default(),
        ..Msg::default()
    })
}

impl HostSocket {
    /// Receives a datagram, and says from whom and whether all of it fitted.
    ///
    /// # Errors
    ///
    /// With op `read`.
    pub fn read_msg(&self, buffer: &mut [u8]) -> Result<Msg, OpError> {
        self.socket
            .perform(Way::In, SysCall::RecvMsg, |fd| receive(fd, &mut *buffer))
            .map(|msg| self.as_from_peer(msg))
            .map_err(|cause| self.failed(Op::Read, cause))
    }

    /// The same if a datagram is there now.
    pub(crate) fn try_read_msg(&self, buffer: &mut [u8]) -> Option<Msg> {
        self.socket
            .at_once(SysCall::RecvMsg, |fd| receive(fd, buffer))
            .map(|msg| self.as_from_peer(msg))
            .ok()
    }

    /// The kernel may leave the sender out where there is only one.
    fn as_from_peer(&self, mut msg: Msg) -> Msg {
        if let (None, Some(peer)) = (msg.from.ip, &self.remote) {
            msg.from = peer.clone();
        }
        msg
    }

    /// Sends a datagram as `options` say.
    ///
    /// # Errors
    ///
    /// With op `write`; [`Cause::NotSupported`] for what only control messages can say.
    pub fn write_msg(&self, octets: &[u8], options: &MsgOptions) -> Result<usize, OpError> {
        let not_sent = |cause| {
            let error = self.failed(Op::Write, cause);
            match &options.to {
                Some(to) => error.with_addr(crate::NetAddr::UDP(to.clone())),
                None => error,
            }
        };
        if options.is_more_than_an_address() {
            return Err(not_sent(Cause::NotSupported));
        }
        match (&options.to, &self.remote) {
            (Some(_), Some(_)) => Err(not_sent(Cause::WriteToConnected)),
            (None, None) => Err(not_sent(Cause::MissingAddress)),
            (Some(to), None) => self.write_to(octets, to),
            (None, Some(_)) => self.write(octets),
        }
    }

    fn is_v4(&self) -> bool {
        matches!(self.local_addr().ip, Some(IpAddr::V4(_)))
    }

    fn set(
        &self,
        option: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<()>,
    ) -> Result<(), OpError> {
        self.socket
            .at_once(SysCall::SetSockOpt, option)
            .map_err(|cause| self.not_set(cause))
    }

    /// Hop limit of what is sent to one host.
    ///
    /// # Errors
    ///
    /// `EINVAL` for 0; it was closed before.
    pub fn set_hop_limit(&self, hop_limit: u8) -> Result<(), OpError> {
        if hop_limit == 0 {
            return Err(self.not_set(Cause::sys(SysCall::SetSockOpt, Errno::EINVAL)));
        }
        let is_v4 = self.is_v4();
        self.set(|fd| {
            if !is_v4 {
                sockopt::set_ipv6_unicast_hops(fd, Some(hop_limit))?;
            }
            // A socket of both families sends IPv4 as well.
            let v4 = sockopt::set_ip_ttl(fd, u32::from(hop_limit));
            if is_v4 { v4 } else { Ok(()) }
        })
    }

    /// DSCP and ECN of what is sent.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn set_tos(&self, tos: u8) -> Result<(), OpError> {
        let is_v4 = self.is_v4();
        self.set(|fd| {
            if !is_v4 {
                sockopt::set_ipv6_tclass(fd, u32::from(tos))?;
            }
            let v4 = sockopt::set_ip_tos(fd, tos);
            if is_v4 { v4 } else { Ok(()) }
        })
    }

    /// Joins a group.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn join_group(&self, interface: Option<u32>, group: IpAddr) -> Result<(), OpError> {
        self.set(|fd| join(fd, interface, group))
    }

    /// Leaves a group.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn leave_group(&self, interface: Option<u32>, group: IpAddr) -> Result<(), OpError> {
        self.set(|fd| leave(fd, interface, group))
    }

    /// Hop limit of what is sent to groups.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn set_multicast_hop_limit(&self, hop_limit: u8) -> Result<(), OpError> {
        let is_v4 = self.is_v4();
        self.set(|fd| match is_v4 {
            true => sockopt::set_ip_multicast_ttl(fd, u32::from(hop_limit)),
            false => sockopt::set_ipv6_multicast_hops(fd, u32::from(hop_limit)),
        })
    }

    /// Whether members on this host hear what is sent to groups.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn set_multicast_loopback(&self, on: bool) -> Result<(), OpError> {
        let is_v4 = self.is_v4();
        self.set(|fd| match is_v4 {
            true => sockopt::set_ip_multicast_loop(fd, on),
            false => sockopt::set_ipv6_multicast_loop(fd, on),
        })
    }
}
