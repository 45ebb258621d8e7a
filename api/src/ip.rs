//! Raw IP sockets: [`IPConn`], payloads of one protocol such as ICMP.
//!
//! `dial("ip4:icmp", …)` and `listen_packet("ip6:ipv6-icmp", …)` make them. Payloads are sent without
//! an IP header: the stack writes it, and for ICMPv6 the checksum. What was received over IPv4 is
//! shown as Go shows it: `read` and `read_msg` keep the IPv4 header in front, `read_from` strips it.
//! Over IPv6 there is never a header (RFC 3542 §3). On the host's network they are raw sockets of its
//! kernel, for which it asks for rights (`CAP_NET_RAW`).

mod messages;
#[cfg(feature = "async")]
mod poll;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use sidestep_stack::call::{Families, Local, ReceivedDatagram};
use sidestep_stack::wire::protocol::Protocol;

use crate::address::{self, Network};
use crate::any_conn::{Conn, forward_conn};
use crate::buffers::Buffers;
use crate::channel::datagram::DatagramChannel;
use crate::channel::failure::Failure;
use crate::channel::stream::Which;
use crate::channel::ticket;
use crate::conn_io::cause;
use crate::deadline::Deadline;
use crate::driver::request::Request;
use crate::error::{AddrError, AddrErrorKind, Cause, Errno, Op, OpError, SysCall};
use crate::host::{self, HostRaw};
use crate::listener::shown_ip;
use crate::net::{Backend, Net, Shared};
use crate::packet_conn::{PacketConn, StackSocket, copy_datagram, destination};
use crate::{IPAddr, NetAddr};

/// The largest payload of a packet.
const PAYLOAD_OCTETS_MAX: usize = 65_515;

/// A raw IP socket. Clones are the same socket, which is closed when the last one is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "net.IPConn")]
pub struct IPConn(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    Stack(StackIp),
    Host(HostRaw),
}

#[derive(Debug)]
struct StackIp {
    socket: StackSocket,
    local: IPAddr,
    remote: Option<IPAddr>,
}

impl IPConn {
    /// A raw socket of the host's kernel.
    pub(crate) fn of_host(socket: HostRaw) -> Self {
        Self(Arc::new(Inner::Host(socket)))
    }

    /// Receives one payload, waited for: how many octets were copied. Over IPv4 its header comes
    /// first, with its options. What does not fit is thrown away. With a peer, payloads of others are
    /// skipped. With an empty buffer it returns 0 at once and takes nothing, as in Go.
    ///
    /// # Errors
    ///
    /// With op `read`: `Timeout`, `Closed`.
    #[doc(alias = "Read")]
    pub fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) if octets.is_empty() => conn.socket.check_open(Op::Read).map(|()| 0),
            Inner::Stack(conn) => {
                let datagram = conn.receive(SysCall::Read)?;
                Ok(copy_with_header(octets, &datagram))
            }
            Inner::Host(conn) => conn.read(octets),
        }
    }

    /// Receives one payload, without any header, and from whom it came. The host's kernel wants room
    /// for the IPv4 header nonetheless, as in Go.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadFrom")]
    pub fn read_from(&self, octets: &mut [u8]) -> Result<(usize, IPAddr), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let datagram = conn.receive(SysCall::ReadFrom)?;
                let len = copy_datagram(octets, &datagram.octets);
                Ok((len, conn.shown(datagram.remote.ip())))
            }
            Inner::Host(conn) => conn.read_from(octets),
        }
    }

    /// Sends one payload to the peer, waiting for room.
    ///
    /// # Errors
    ///
    /// With op `write`: `EDESTADDRREQ` without a peer, `EMSGSIZE`, `ENETUNREACH`, `Timeout`,
    /// `Closed`.
    #[doc(alias = "Write")]
    pub fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return conn.write(octets),
        };
        let write = || conn.send(octets, conn.peer()?, SysCall::Write);
        write().map_err(|cause| conn.socket.failed(Op::Write, cause))
    }

    /// Sends one payload to `to`, waiting for room.
    ///
    /// # Errors
    ///
    /// With op `write`: [`Cause::WriteToConnected`] if there is a peer, else as for
    /// [`write`](Self::write).
    #[doc(alias = "WriteTo")]
    pub fn write_to(&self, octets: &[u8], to: &IPAddr) -> Result<usize, OpError> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return conn.write_to(octets, to),
        };
        let write = || conn.send(octets, conn.free_to(to)?, SysCall::WriteTo);
        write().map_err(|cause| conn.not_sent(NetAddr::IP(to.clone()), cause))
    }

    /// Closes the socket: every call that waits fails with `Closed`.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.close(),
            Inner::Host(conn) => conn.close(),
        }
    }

    /// Our end; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(&self) -> &IPAddr {
        match &*self.0 {
            Inner::Stack(conn) => &conn.local,
            Inner::Host(conn) => conn.local_addr(),
        }
    }

    /// The peer's end, if there is one; known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    pub fn remote_addr(&self) -> Option<&IPAddr> {
        match &*self.0 {
            Inner::Stack(conn) => conn.remote.as_ref(),
            Inner::Host(conn) => conn.remote_addr(),
        }
    }

    /// A descriptor of the same socket for other programs: it lives on after `close`. It does not
    /// block, and deadlines do not hold for it.
    ///
    /// # Errors
    ///
    /// With op `file`: it is closed; [`Cause::NotSupported`] for one of the userspace stack, which
    /// has no descriptor.
    #[doc(alias = "File")]
    pub fn file(&self) -> Result<OwnedFd, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => Err(conn.socket.failed(Op::File, Cause::NotSupported)),
            Inner::Host(conn) => conn.file(),
        }
    }

    /// Sets the deadline of reads and writes, of those that wait now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.set_deadline(Which::Both, deadline.into()),
            Inner::Host(conn) => conn.set_deadline(deadline),
        }
    }

    /// Sets the deadline of reads.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.set_deadline(Which::Read, deadline.into()),
            Inner::Host(conn) => conn.set_read_deadline(deadline),
        }
    }

    /// Sets the deadline of writes.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.set_deadline(Which::Write, deadline.into()),
            Inner::Host(conn) => conn.set_write_deadline(deadline),
        }
    }
}

impl StackIp {
    fn receive(&self, call: SysCall) -> Result<ReceivedDatagram, OpError> {
        loop {
            let datagram = self.socket.receive(call)?;
            if self.hears(&datagram) {
                return Ok(datagram);
            }
        }
    }

    /// With a peer, only what it sent.
    fn hears(&self, datagram: &ReceivedDatagram) -> bool {
        let peer = self.remote.as_ref().and_then(|remote| remote.ip);
        peer.is_none_or(|peer| peer == datagram.remote.ip())
    }

    /// The sender as users see it: with the zone of an address that needs one.
    fn shown(&self, ip: IpAddr) -> IPAddr {
        IPAddr {
            ip: Some(ip),
            zone: self.socket.shared.zone_of(ip),
        }
    }

    fn peer(&self) -> Result<IpAddr, Cause> {
        let peer = self.remote.as_ref().and_then(|remote| remote.ip);
        peer.ok_or(Cause::sys(SysCall::Write, Errno::EDESTADDRREQ))
    }

    /// Where a payload for `to` goes; nowhere from a socket that has a peer.
    fn free_to(&self, to: &IPAddr) -> Result<IpAddr, Cause> {
        if self.remote.is_some() {
            return Err(Cause::WriteToConnected);
        }
        self.remote_of(to)
    }

    fn send(&self, octets: &[u8], to: IpAddr, call: SysCall) -> Result<usize, Cause> {
        if octets.len() > PAYLOAD_OCTETS_MAX {
            return Err(Cause::sys(call, Errno::EMSGSIZE));
        }
        self.socket.send(octets, Some(SocketAddr::new(to, 0)), call)
    }

    fn not_sent(&self, to: NetAddr, cause: Cause) -> OpError {
        OpError::new(Op::Write, self.socket.network.as_str(), cause)
            .with_source(NetAddr::IP(self.local.clone()))
            .with_addr(to)
    }
}

impl Conn for IPConn {
    forward_conn!(IPConn);

    /// One packet.
    fn write_buffers(&self, buffers: &mut Buffers) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(_) => buffers.write_joined(|octets| self.write(octets)),
            Inner::Host(conn) => conn.write_slices(buffers.slices_mut()),
        }
    }

    fn local_addr(&self) -> NetAddr {
        NetAddr::IP(Self::local_addr(self).clone())
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        Self::remote_addr(self).cloned().map(NetAddr::IP)
    }
}

impl PacketConn for IPConn {
    fn read_from(&self, octets: &mut [u8]) -> Result<(usize, NetAddr), OpError> {
        let (len, from) = Self::read_from(self, octets)?;
        Ok((len, NetAddr::IP(from)))
    }

    fn write_to(&self, octets: &[u8], to: &NetAddr) -> Result<usize, OpError> {
        match (to, &*self.0) {
            (NetAddr::IP(to), _) => Self::write_to(self, octets, to),
            (other, Inner::Stack(conn)) => {
                Err(conn.not_sent(other.clone(), Cause::Errno(Errno::EINVAL)))
            }
            (other, Inner::Host(conn)) => Err(conn.not_of_this_network(other)),
        }
    }

    fn close(&self) -> Result<(), OpError> {
        Self::close(self)
    }

    fn local_addr(&self) -> NetAddr {
        NetAddr::IP(Self::local_addr(self).clone())
    }

    fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        Self::set_deadline(self, deadline)
    }

    fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        Self::set_read_deadline(self, deadline)
    }

    fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        Self::set_write_deadline(self, deadline)
    }
}

impl Net {
    pub(crate) fn raw_dial(
        &self,
        network: Network,
        protocol: Protocol,
        local: Option<&IPAddr>,
        remote: &IPAddr,
    ) -> Result<IPConn, OpError> {
        let open = || {
            let there = IPAddr {
                ip: Some(destination(network, remote.ip)?),
                zone: remote.zone.clone(),
            };
            match &self.0 {
                Backend::Stack(shared) => dial_on(shared, network, protocol, local, there),
                Backend::Host => {
                    host::dial_ip(network, protocol, local, &there).map(IPConn::of_host)
                }
            }
        };
        open().map_err(|cause| {
            OpError::new(Op::Dial, network.as_str(), cause).with_addr(NetAddr::IP(remote.clone()))
        })
    }

    pub(crate) fn raw_socket(
        &self,
        network: Network,
        protocol: Protocol,
        local: &IPAddr,
    ) -> Result<IPConn, OpError> {
        let open = || {
            if let Some(ip) = local.ip
                && !ip.is_unspecified()
                && !network.carries(ip)
            {
                let error = AddrError::new(AddrErrorKind::NoSuitableAddress, &ip.to_string());
                return Err(error.into());
            }
            match &self.0 {
                Backend::Stack(shared) => {
                    shared.check_zone(&local.zone)?;
                    let bound = address::local(network, local.ip, 0);
                    open_on(shared, network, protocol, bound, None)
                }
                Backend::Host => host::listen_ip(network, protocol, local).map(IPConn::of_host),
            }
        };
        open().map_err(|cause| {
            OpError::new(Op::Listen, network.as_str(), cause).with_addr(NetAddr::IP(local.clone()))
        })
    }
}

fn dial_on(
    shared: &Arc<Shared>,
    network: Network,
    protocol: Protocol,
    local: Option<&IPAddr>,
    remote: IPAddr,
) -> Result<IPConn, Cause> {
    for zone in local
        .map(|local| &local.zone)
        .into_iter()
        .chain([&remote.zone])
    {
        shared.check_zone(zone)?;
    }
    let is_v4 = remote.ip.is_some_and(|ip| ip.is_ipv4());
    let own = local
        .and_then(|local| local.ip)
        .map(|own| own.to_canonical())
        .filter(|own| !own.is_unspecified());
    if own.is_some_and(|own| own.is_ipv4() != is_v4) {
        let kind = AddrErrorKind::NoSuitableAddress;
        return Err(AddrError::new(kind, &remote.to_string()).into());
    }
    let bound = Local {
        address: own,
        families: if is_v4 { Families::V4 } else { Families::V6 },
        port: 0,
    };
    open_on(shared, network, protocol, bound, Some(remote))
}

fn open_on(
    shared: &Arc<Shared>,
    network: Network,
    protocol: Protocol,
    local: Local,
    remote: Option<IPAddr>,
) -> Result<IPConn, Cause> {
    let channel = Arc::new(DatagramChannel::new(
        shared.datagram_limits,
        shared.attention(),
    ));
    let (ticket, answer) = ticket::pair();
    let request = Request::OpenRaw {
        local,
        protocol,
        channel: Arc::clone(&channel),
        answer,
    };
    shared
        .mailbox
        .post(request, Deadline::NONE)
        .and_then(|()| ticket.wait(Deadline::NONE))
        .and_then(|answer| answer.map_err(Failure::Refused))
        .map_err(|failure| cause(failure, SysCall::Bind))?;
    let local = IPAddr::from(shown_ip(&local));
    Ok(IPConn(Arc::new(Inner::Stack(StackIp {
        socket: StackSocket {
            channel,
            network,
            local: NetAddr::IP(local.clone()),
            remote: remote.clone().map(NetAddr::IP),
            shared: Arc::clone(shared),
        },
        local,
        remote,
    }))))
}

/// Copies what fits of a payload and the IPv4 header in front of it.
fn copy_with_header(octets: &mut [u8], datagram: &ReceivedDatagram) -> usize {
    let header = copy_datagram(octets, &datagram.ip_header);
    let room = octets.get_mut(header..).unwrap_or_default();
    header + copy_datagram(room, &datagram.octets)
}

mod apply;
