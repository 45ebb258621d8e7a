//! UDP to groups of hosts: joining and leaving them, and Go's `ListenMulticastUDP` (RFC 1112, RFC 4291
//! §2.7).
//!
//! A socket receives what is sent to the groups that it joined and to those that every host belongs
//! to, whichever other sockets joined elsewhere; Linux also gives a wildcard socket what others asked
//! for, unless `IP_MULTICAST_ALL` is off. The stack tells routers of its groups with IGMP and MLD.

use std::net::IpAddr;
use std::sync::Arc;

use sidestep_stack::Call;
use sidestep_stack::call::{GroupLoop, Local, ReusePort, SocketOptions};

use super::{Inner, UDPConn, of_stack, open_socket};
use crate::address::{Families, Network};
use crate::channel::failure::Source;
use crate::error::{
    AddrError, AddrErrorKind, Cause, Errno, Op, OpError, SysCall, UnknownNetworkError,
};
use crate::host;
use crate::interfaces::{DEVICE_INDEX, Interface};
use crate::net::{Backend, Net};
use crate::{NetAddr, UDPAddr};

impl UDPConn {
    /// Joins `group` on `interface`; `None` is the one that the network would choose, on a stack its
    /// device. Several sockets may join one group; each gets a copy of what is sent there.
    ///
    /// # Errors
    ///
    /// With op `set`: `EINVAL` if it is no group, `EADDRINUSE` if the socket is a member already,
    /// `ENODEV` for an interface that has no groups, `ENOBUFS` where a limit is reached (20 groups of
    /// one socket, as in Linux); it is closed.
    #[doc(alias = "JoinGroup")]
    #[doc(alias = "join_multicast_v4")]
    #[doc(alias = "join_multicast_v6")]
    pub fn join_group(&self, interface: Option<&Interface>, group: IpAddr) -> Result<(), OpError> {
        let call = |socket| Call::JoinGroup { socket, group };
        match &*self.0 {
            Inner::Stack(conn) => conn.membership(interface, call),
            Inner::Host(conn) => conn.join_group(interface.map(|one| one.index), group),
        }
    }

    /// Leaves `group` on `interface`. Closing the socket leaves all of its groups.
    ///
    /// # Errors
    ///
    /// With op `set`: `EADDRNOTAVAIL` if the socket is no member; else as for
    /// [`join_group`](Self::join_group).
    #[doc(alias = "LeaveGroup")]
    #[doc(alias = "leave_multicast_v4")]
    #[doc(alias = "leave_multicast_v6")]
    pub fn leave_group(&self, interface: Option<&Interface>, group: IpAddr) -> Result<(), OpError> {
        let call = |socket| Call::LeaveGroup { socket, group };
        match &*self.0 {
            Inner::Stack(conn) => conn.membership(interface, call),
            Inner::Host(conn) => conn.leave_group(interface.map(|one| one.index), group),
        }
    }

    /// Sets the hop limit of what is sent to groups from now on. It is 1 unless set, which stays on
    /// the link (RFC 1112 §6.1); 0 stays on this host.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetMulticastTTL")]
    #[doc(alias = "SetMulticastHopLimit")]
    pub fn set_multicast_hop_limit(&self, hop_limit: u8) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.set(SocketOptions {
                group_hop_limit: Some(hop_limit),
                ..SocketOptions::default()
            }),
            Inner::Host(conn) => conn.set_multicast_hop_limit(hop_limit),
        }
    }

    /// Whether members on this host hear what this socket sends to a group: true unless set, but
    /// false for the sockets of [`Net::listen_multicast_udp`], as in Go.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetMulticastLoopback")]
    pub fn set_multicast_loopback(&self, on: bool) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.set(SocketOptions {
                group_loop: Some(if on {
                    GroupLoop::Heard
                } else {
                    GroupLoop::Unheard
                }),
                ..SocketOptions::default()
            }),
            Inner::Host(conn) => conn.set_multicast_loopback(on),
        }
    }
}

impl super::StackUdp {
    fn membership(
        &self,
        interface: Option<&Interface>,
        call: impl FnOnce(sidestep_stack::call::SocketId) -> Call,
    ) -> Result<(), OpError> {
        if interface.is_some_and(|interface| interface.index != DEVICE_INDEX) {
            let cause = Cause::sys(SysCall::SetSockOpt, Errno::ENODEV);
            return Err(self.socket.failed(Op::Set, cause));
        }
        match self.socket.channel.source() {
            Some(Source::Socket(socket)) => self.socket.set(call(socket)),
            _ => Err(self.socket.failed(Op::Set, Cause::Closed)),
        }
    }
}

impl Net {
    /// A UDP socket that receives what is sent to the group and port of `group`, on `interface` or
    /// the one that the network would choose. It is bound to the wildcard, so that others may listen
    /// to the port's groups too; what it sends to a group is not heard on this host. It also receives
    /// what is sent to the port directly.
    ///
    /// # Errors
    ///
    /// With op `listen`: an unknown network, no address (`missing address`), `EINVAL` if the address
    /// is no group, `EADDRINUSE` if a socket that does not share has the port, and as for
    /// [`UDPConn::join_group`].
    #[doc(alias = "ListenMulticastUDP")]
    pub fn listen_multicast_udp(
        &self,
        network: &str,
        interface: Option<&Interface>,
        group: &UDPAddr,
    ) -> Result<UDPConn, OpError> {
        let failed = |cause: Cause| {
            OpError::new(Op::Listen, network.to_owned(), cause)
                .with_addr(NetAddr::UDP(group.clone()))
        };
        let parsed = Network::parse(network).map_err(failed)?;
        if !matches!(parsed, Network::UDP(_)) {
            return Err(failed(UnknownNetworkError(network.into()).into()));
        }
        let Some(ip) = group.ip.map(|ip| ip.to_canonical()) else {
            return Err(failed(Cause::MissingAddress));
        };
        if !parsed.carries(ip) {
            let error = AddrError::new(AddrErrorKind::NoSuitableAddress, &ip.to_string());
            return Err(failed(error.into()));
        }
        if !ip.is_multicast() {
            return Err(failed(Cause::sys(SysCall::SetSockOpt, Errno::EINVAL)));
        }
        let shared = match &self.0 {
            Backend::Stack(shared) => shared,
            Backend::Host => {
                return host::listen_multicast_udp(
                    parsed,
                    interface.map(|interface| interface.index),
                    (ip, group.port),
                )
                .map(|socket| UDPConn(Arc::new(Inner::Host(socket))))
                .map_err(failed);
            }
        };
        let local = group_place(ip, group.port);
        let (channel, ours) =
            open_socket(shared, local, None, ReusePort::Yes, SysCall::Bind).map_err(failed)?;
        let conn = of_stack(shared, channel, parsed, ours, None);
        let set = conn
            .set_multicast_loopback(false)
            .and_then(|()| conn.join_group(interface, ip));
        match set {
            Ok(()) => Ok(conn),
            Err(error) => Err(failed(error.err().clone())),
        }
    }
}

/// Where a socket that is to hear a group is bound: on the wildcard of the group's family.
pub(super) fn group_place(group: IpAddr, port: u16) -> Local {
    Local {
        address: None,
        families: if group.is_ipv4() {
            Families::V4
        } else {
            Families::V6
        },
        port,
    }
}

/// [`Net::listen_multicast_udp`] on the current network.
///
/// # Errors
///
/// As for [`Net::listen_multicast_udp`], and [`Cause::NoStack`].
#[doc(alias = "ListenMulticastUDP")]
pub fn listen_multicast_udp(
    network: &str,
    interface: Option<&Interface>,
    group: &UDPAddr,
) -> Result<UDPConn, OpError> {
    Net::current_for(Op::Listen, network)?.listen_multicast_udp(network, interface, group)
}
