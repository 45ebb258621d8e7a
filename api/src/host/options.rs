//! Making kernel sockets, their addresses and their options.
//!
//! Defaults are Go's: no Nagle, keep-alive after 15 s, addresses of closed listeners usable at
//! once. Used by the other files of `host` only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, getpeername, getsockname, netdevice, socket_with,
    sockopt,
};

use crate::address::{Families, Network, TCPAddr, UDPAddr, Zone};
use crate::error::{AddrError, AddrErrorKind, Cause, Errno, SysCall};
use crate::socket_options::{ReusePort, SocketOptions};

/// Silence before the first probe, and time between probes: Go's default.
const KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(15);

/// A family of sockets, and what an IPv6 one does with IPv4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Family {
    V4,
    V6Only,
    V6AndV4,
}

impl Family {
    /// The family for a socket that is bound to `ip` on `network` (go-net §1.5).
    pub(super) fn to_bind(network: Network, ip: Option<IpAddr>) -> Self {
        let families = network.families();
        match ip.map(|ip| ip.to_canonical()) {
            Some(IpAddr::V4(ip)) if !ip.is_unspecified() => Self::V4,
            Some(IpAddr::V6(ip)) if !ip.is_unspecified() => Self::V6Only,
            _ => match families {
                Families::Both => Self::V6AndV4,
                Families::V4 => Self::V4,
                Families::V6 => Self::V6Only,
            },
        }
    }

    /// The family of a socket on `network` that is bound to `ip`.
    pub(super) fn of_bound(network: Network, ip: Option<IpAddr>) -> Self {
        match ip {
            Some(IpAddr::V4(_)) => Self::V4,
            Some(IpAddr::V6(_)) | None => Self::to_bind(network, ip),
        }
    }

    /// The family for a socket that is connected to `remote`.
    pub(super) const fn to_reach(remote: &SocketAddr) -> Self {
        match remote {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6Only,
        }
    }

    /// The socket address of `ip` in this family. No IP, and a wildcard, become the family's own
    /// wildcard; IPv4 is mapped where the socket carries both.
    pub(super) fn address(
        self,
        ip: Option<IpAddr>,
        zone: &Zone,
        port: u16,
    ) -> Result<SocketAddr, AddrError> {
        let refused = |kind| {
            let text = ip.map(|ip| ip.to_string()).unwrap_or_default();
            Err(AddrError::new(kind, &text))
        };
        let ip = ip.map(|ip| ip.to_canonical());
        match (self, ip) {
            (Self::V4, None) => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
            (Self::V4, Some(IpAddr::V4(ip))) => Ok((ip, port).into()),
            (Self::V4, Some(IpAddr::V6(ip))) if ip.is_unspecified() => {
                Ok((Ipv4Addr::UNSPECIFIED, port).into())
            }
            (Self::V4, Some(IpAddr::V6(_))) => refused(AddrErrorKind::NonIPv4),
            (Self::V6Only | Self::V6AndV4, None) => Ok((Ipv6Addr::UNSPECIFIED, port).into()),
            (Self::V6Only | Self::V6AndV4, Some(IpAddr::V4(ip))) if ip.is_unspecified() => {
                Ok((Ipv6Addr::UNSPECIFIED, port).into())
            }
            // A socket for IPv6 only is told by the kernel that it reaches no IPv4, as in Go.
            (Self::V6Only | Self::V6AndV4, Some(IpAddr::V4(ip))) => {
                Ok((ip.to_ipv6_mapped(), port).into())
            }
            (Self::V6Only | Self::V6AndV4, Some(IpAddr::V6(ip))) => {
                match zone.scope_id(interface_index) {
                    Some(scope_id) => Ok(SocketAddrV6::new(ip, port, 0, scope_id).into()),
                    None => refused(AddrErrorKind::UnknownZone),
                }
            }
        }
    }
}

/// A socket that never blocks and is not inherited by other programs.
pub(super) fn open(family: Family, kind: SocketType) -> Result<OwnedFd, Cause> {
    let domain = match family {
        Family::V4 => AddressFamily::INET,
        Family::V6Only | Family::V6AndV4 => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let descriptor = socket_with(domain, kind, flags, None)
        .map_err(|error| Cause::sys(SysCall::Socket, error.into()))?;
    let only_v6 = match family {
        Family::V4 => None,
        Family::V6Only => Some(true),
        Family::V6AndV4 => Some(false),
    };
    if let Some(only_v6) = only_v6 {
        set(sockopt::set_ipv6_v6only(&descriptor, only_v6))?;
    }
    Ok(descriptor)
}

/// Opens a socket for `family`; if the host has no IPv6, one that was to carry both carries IPv4.
pub(super) fn open_to_bind(family: Family, kind: SocketType) -> Result<(OwnedFd, Family), Cause> {
    match open(family, kind) {
        Err(Cause::Sys(error))
            if family == Family::V6AndV4 && error.errno == Errno::EAFNOSUPPORT =>
        {
            Ok((open(Family::V4, kind)?, Family::V4))
        }
        opened => Ok((opened?, family)),
    }
}

/// What every connection begins with.
pub(super) fn set_stream_defaults(descriptor: BorrowedFd<'_>) -> Result<(), Cause> {
    set(sockopt::set_tcp_nodelay(descriptor, true))?;
    set(sockopt::set_socket_keepalive(descriptor, true))?;
    set(sockopt::set_tcp_keepidle(descriptor, KEEP_ALIVE_PERIOD))?;
    set(sockopt::set_tcp_keepintvl(descriptor, KEEP_ALIVE_PERIOD))
}

/// What must be set before a socket is bound or connected.
pub(super) fn set_before_use(
    descriptor: BorrowedFd<'_>,
    family: Family,
    options: &SocketOptions,
) -> Result<(), Cause> {
    if options.reuse_port == ReusePort::Yes {
        set(sockopt::set_socket_reuseport(descriptor, true))?;
    }
    if let Some(octets) = options.read_buffer_octets {
        set(sockopt::set_socket_recv_buffer_size(descriptor, octets))?;
    }
    if let Some(octets) = options.write_buffer_octets {
        set(sockopt::set_socket_send_buffer_size(descriptor, octets))?;
    }
    let carries_v4 = family != Family::V6Only;
    let carries_v6 = family != Family::V4;
    if let Some(hop_limit) = options.hop_limit.map(|limit| limit.max(1)) {
        if carries_v4 {
            set(sockopt::set_ip_ttl(descriptor, hop_limit.into()))?;
        }
        if carries_v6 {
            set(sockopt::set_ipv6_unicast_hops(descriptor, Some(hop_limit)))?;
        }
    }
    if let Some(traffic_class) = options.dscp.map(|dscp| dscp << 2) {
        if carries_v4 {
            set(sockopt::set_ip_tos(descriptor, traffic_class))?;
        }
        if carries_v6 {
            set(sockopt::set_ipv6_tclass(descriptor, traffic_class.into()))?;
        }
    }
    Ok(())
}

/// Names the failure of a `setsockopt`.
pub(super) fn set<T>(result: rustix::io::Result<T>) -> Result<T, Cause> {
    result.map_err(|error| Cause::sys(SysCall::SetSockOpt, error.into()))
}

/// Our end of a socket.
pub(super) fn local(descriptor: impl AsFd) -> Result<SocketAddr, Cause> {
    let name_failed = |errno| Cause::sys(SysCall::GetSockName, errno);
    let address = getsockname(descriptor).map_err(|error| name_failed(error.into()))?;
    SocketAddr::try_from(address).map_err(|error| name_failed(error.into()))
}

/// The peer's end of a socket, if it has one.
pub(super) fn peer(descriptor: impl AsFd) -> Option<SocketAddr> {
    let address = getpeername(descriptor).ok()??;
    SocketAddr::try_from(address).ok()
}

/// With the zone as the name of an interface, as Go prints it.
pub(super) fn tcp_addr(address: SocketAddr) -> TCPAddr {
    let mut named = TCPAddr::from(address);
    named.zone = zone_name(named.zone);
    named
}

/// As [`tcp_addr`].
pub(super) fn udp_addr(address: SocketAddr) -> UDPAddr {
    let mut named = UDPAddr::from(address);
    named.zone = zone_name(named.zone);
    named
}

fn zone_name(zone: Zone) -> Zone {
    let name = |index| {
        let asked = any_socket()?;
        netdevice::index_to_name(asked, index).ok()
    };
    match zone.as_str().parse().ok().and_then(name) {
        Some(name) => Zone::new(&name),
        None => zone,
    }
}

/// The index of the interface called `name`.
pub(crate) fn interface_index(name: &str) -> Option<u32> {
    netdevice::name_to_index(any_socket()?, name).ok()
}

/// A socket to ask about interfaces.
fn any_socket() -> Option<OwnedFd> {
    let flags = SocketFlags::CLOEXEC;
    socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)
        .or_else(|_| socket_with(AddressFamily::INET6, SocketType::DGRAM, flags, None))
        .ok()
}
