//! UDP sockets: [`UDPConn`], with a peer or without one (RFC 768).
//!
//! `dial.rs` and `packet_conn.rs` make them. There is no `std::io::Read` here: an empty datagram
//! reads as 0 octets, which generic code takes for the end of a stream.

mod messages;
mod multicast;
#[cfg(feature = "async")]
mod poll;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use sidestep_stack::call::{Families, Local, OpenSocket, ReusePort};

use crate::address::{self, Network};
use crate::any_conn::{Conn, forward_conn};
use crate::buffers::Buffers;
use crate::channel::datagram::DatagramChannel;
use crate::channel::failure::{Failure, Source};
use crate::channel::stream::Which;
use crate::channel::ticket;
use crate::conn_io::cause;
use crate::deadline::Deadline;
use crate::driver::request::Request;
use crate::error::{AddrError, AddrErrorKind, Cause, Errno, Op, OpError, SysCall};
use crate::host::{self, HostSocket};
use crate::listener::shown_ip;
use crate::net::{Backend, Net, Shared};
use crate::packet_conn::{PacketConn, StackSocket, copy_datagram, destination, wrong_family};
use crate::{NetAddr, UDPAddr};

pub use multicast::listen_multicast_udp;

/// The largest payload of a datagram over IPv4 and over IPv6 without jumbograms.
const PAYLOAD_V4_OCTETS_MAX: usize = 65_507;
const PAYLOAD_V6_OCTETS_MAX: usize = 65_527;

/// A UDP socket. Clones are the same socket, which is closed when the last one is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "net.UDPConn")]
pub struct UDPConn(Arc<Inner>);

#[derive(Debug)]
enum Inner {
    Stack(StackUdp),
    Host(HostSocket),
}

#[derive(Debug)]
struct StackUdp {
    socket: StackSocket,
    local: UDPAddr,
    remote: Option<UDPAddr>,
}

impl UDPConn {
    /// A socket of the host's kernel.
    pub(crate) fn of_host(socket: HostSocket) -> Self {
        Self(Arc::new(Inner::Host(socket)))
    }

    /// Receives one datagram, waited for: how many of its octets were copied. What does not fit is
    /// thrown away ([`read_msg`](Self::read_msg) tells); an empty datagram gives 0. With an empty
    /// buffer it returns 0 at once and takes nothing, as in Go.
    ///
    /// # Errors
    ///
    /// With op `read`: `Timeout`, `Closed`, or once what an earlier datagram met, as `ECONNREFUSED`
    /// on a socket with a peer.
    #[doc(alias = "Read")]
    pub fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        match &*self.0 {
            // As in Go: reading nothing takes no datagram, and succeeds past the deadline.
            Inner::Stack(conn) if octets.is_empty() => conn.socket.check_held().map(|()| 0),
            Inner::Stack(conn) => {
                let datagram = conn.socket.receive(SysCall::Read)?;
                Ok(copy_datagram(octets, &datagram.octets))
            }
            Inner::Host(conn) => conn.read(octets),
        }
    }

    /// As [`read`](Self::read), and from whom it came; IPv4 senders are always shown as IPv4.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadFrom")]
    pub fn read_from(&self, octets: &mut [u8]) -> Result<(usize, UDPAddr), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let datagram = conn.socket.receive(SysCall::ReadFrom)?;
                Ok((
                    copy_datagram(octets, &datagram.octets),
                    conn.shown(datagram.remote),
                ))
            }
            Inner::Host(conn) => conn.read_from(octets),
        }
    }

    /// Sends one datagram to the peer, waiting for room.
    ///
    /// # Errors
    ///
    /// With op `write`: `EDESTADDRREQ` without a peer, `EMSGSIZE` if it is too long, `Timeout`,
    /// `Closed`, or once what an earlier datagram met.
    #[doc(alias = "Write")]
    pub fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let write = || {
                    let remote = conn
                        .remote
                        .as_ref()
                        .ok_or(Cause::sys(SysCall::Write, Errno::EDESTADDRREQ))?;
                    check_size(octets, remote, SysCall::Write)?;
                    conn.socket.send(octets, None, SysCall::Write)
                };
                write().map_err(|cause| conn.socket.failed(Op::Write, cause))
            }
            Inner::Host(conn) => conn.write(octets),
        }
    }

    /// Sends one datagram to `to`, waiting for room. The first one to a destination waits for the
    /// stack's verdict as well; later ones are told by the next call.
    ///
    /// # Errors
    ///
    /// With op `write`: [`Cause::WriteToConnected`] if the socket has a peer, `ENETUNREACH`,
    /// `EMSGSIZE`, `Timeout`, `Closed`.
    #[doc(alias = "WriteTo")]
    pub fn write_to(&self, octets: &[u8], to: &UDPAddr) -> Result<usize, OpError> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return conn.write_to(octets, to),
        };
        let write = || {
            if conn.remote.is_some() {
                return Err(Cause::WriteToConnected);
            }
            check_size(octets, to, SysCall::WriteTo)?;
            let remote = conn.remote_of(to)?;
            conn.socket.send(octets, Some(remote), SysCall::WriteTo)
        };
        write().map_err(|cause| {
            let cause = wrong_family(to.ip, cause);
            OpError::new(Op::Write, conn.socket.network.as_str(), cause)
                .with_source(NetAddr::UDP(conn.local.clone()))
                .with_addr(NetAddr::UDP(to.clone()))
        })
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
    pub fn local_addr(&self) -> &UDPAddr {
        match &*self.0 {
            Inner::Stack(conn) => &conn.local,
            Inner::Host(conn) => conn.local_addr(),
        }
    }

    /// The peer's end, if there is one; known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    pub fn remote_addr(&self) -> Option<&UDPAddr> {
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

/// A datagram that no packet can carry is refused before it is queued.
fn check_size(octets: &[u8], to: &UDPAddr, call: SysCall) -> Result<(), Cause> {
    let is_v6 = to.ip.is_some_and(|ip| ip.to_canonical().is_ipv6());
    let most = if is_v6 {
        PAYLOAD_V6_OCTETS_MAX
    } else {
        PAYLOAD_V4_OCTETS_MAX
    };
    if octets.len() > most {
        return Err(Cause::sys(call, Errno::EMSGSIZE));
    }
    Ok(())
}

impl Conn for UDPConn {
    forward_conn!(UDPConn);

    /// One datagram.
    fn write_buffers(&self, buffers: &mut Buffers) -> Result<usize, OpError> {
        match &*self.0 {
            Inner::Stack(_) => buffers.write_joined(|octets| self.write(octets)),
            Inner::Host(conn) => conn.write_slices(buffers.slices_mut()),
        }
    }

    fn local_addr(&self) -> NetAddr {
        NetAddr::UDP(Self::local_addr(self).clone())
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        Self::remote_addr(self).cloned().map(NetAddr::UDP)
    }
}

impl PacketConn for UDPConn {
    fn read_from(&self, octets: &mut [u8]) -> Result<(usize, NetAddr), OpError> {
        let (len, from) = Self::read_from(self, octets)?;
        Ok((len, NetAddr::UDP(from)))
    }

    fn write_to(&self, octets: &[u8], to: &NetAddr) -> Result<usize, OpError> {
        let NetAddr::UDP(to) = to else {
            let network = match &*self.0 {
                Inner::Stack(conn) => conn.socket.network,
                Inner::Host(conn) => conn.network(),
            };
            return Err(OpError::new(
                Op::Write,
                network.as_str(),
                Cause::sys(SysCall::WriteTo, Errno::EINVAL),
            )
            .with_source(NetAddr::UDP(Self::local_addr(self).clone()))
            .with_addr(to.clone()));
        };
        Self::write_to(self, octets, to)
    }

    fn close(&self) -> Result<(), OpError> {
        Self::close(self)
    }

    fn local_addr(&self) -> NetAddr {
        NetAddr::UDP(Self::local_addr(self).clone())
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
    /// A UDP socket that exchanges datagrams with `remote` only, from `local` if that is given.
    ///
    /// # Errors
    ///
    /// With op `dial`: an unknown network, no suitable address, `ENETUNREACH`, `EADDRINUSE`.
    #[doc(alias = "DialUDP")]
    pub fn dial_udp(
        &self,
        network: &str,
        local: Option<&UDPAddr>,
        remote: &UDPAddr,
    ) -> Result<UDPConn, OpError> {
        self.dialer().dial_udp(network, local, remote)
    }

    pub(crate) fn udp_dial(
        &self,
        network: Network,
        local: Option<&UDPAddr>,
        remote: &UDPAddr,
    ) -> Result<UDPConn, OpError> {
        let shared = match &self.0 {
            Backend::Stack(shared) => shared,
            Backend::Host => {
                // The kernel knows what 0.0.0.0 and `::` mean, but not what no address means.
                let ip = match remote.ip {
                    None => destination(network, None).ok(),
                    some => some,
                };
                let there = UDPAddr {
                    ip,
                    ..remote.clone()
                };
                return host::dial_udp(network, local, &there)
                    .map(UDPConn::of_host)
                    .map_err(|error| error.with_addr(NetAddr::UDP(remote.clone())));
            }
        };
        let open = || {
            let ip = destination(network, remote.ip)?;
            let families = if ip.is_ipv4() {
                Families::V4
            } else {
                Families::V6
            };
            let bound = Local {
                address: local
                    .and_then(|local| local.ip)
                    .filter(|ip| !ip.is_unspecified()),
                families,
                port: local.map_or(0, |local| local.port),
            };
            let peer = SocketAddr::new(ip, remote.port);
            shared.check_zone(&remote.zone)?;
            let (channel, ours) =
                open_socket(shared, bound, Some(peer), ReusePort::No, SysCall::Connect)?;
            let remote = UDPAddr {
                ip: Some(ip),
                ..remote.clone()
            };
            Ok(of_stack(shared, channel, network, ours, Some(remote)))
        };
        open().map_err(|cause: Cause| {
            OpError::new(Op::Dial, network.as_str(), cause)
                .with_source(local.cloned().map(NetAddr::UDP))
                .with_addr(NetAddr::UDP(remote.clone()))
        })
    }

    /// A UDP socket without a peer at `local`; `None` is a port of the stack's choice on all
    /// addresses.
    ///
    /// # Errors
    ///
    /// With op `listen`: an unknown network, `EADDRINUSE`, `EADDRNOTAVAIL`.
    #[doc(alias = "ListenUDP")]
    pub fn listen_udp(&self, network: &str, local: Option<&UDPAddr>) -> Result<UDPConn, OpError> {
        self.listen_config().listen_udp(network, local)
    }

    /// A socket at a group's address is bound to the wildcard and shares its port, as in Go; it joins
    /// nothing.
    pub(crate) fn udp_socket(
        &self,
        network: Network,
        local: &UDPAddr,
        reuse_port: ReusePort,
    ) -> Result<UDPConn, OpError> {
        let shared = match &self.0 {
            Backend::Stack(shared) => shared,
            Backend::Host => {
                return host::listen_udp(network, local).map(UDPConn::of_host);
            }
        };
        let open = || {
            if let Some(ip) = local.ip
                && !ip.is_unspecified()
                && !network.carries(ip)
            {
                let error = AddrError::new(AddrErrorKind::NoSuitableAddress, &ip.to_string());
                return Err(error.into());
            }
            shared.check_zone(&local.zone)?;
            let group = local.ip.filter(|ip| ip.to_canonical().is_multicast());
            let (bound, reuse_port) = match group {
                Some(group) => (
                    multicast::group_place(group.to_canonical(), local.port),
                    ReusePort::Yes,
                ),
                None => (address::local(network, local.ip, local.port), reuse_port),
            };
            let (channel, ours) = open_socket(shared, bound, None, reuse_port, SysCall::Bind)?;
            let ours = SocketAddr::new(shown_ip(&bound), ours.port());
            Ok(of_stack(shared, channel, network, ours, None))
        };
        open().map_err(|cause: Cause| {
            OpError::new(Op::Listen, network.as_str(), cause).with_addr(NetAddr::UDP(local.clone()))
        })
    }
}

fn of_stack(
    shared: &Arc<Shared>,
    channel: Arc<DatagramChannel>,
    network: Network,
    local: SocketAddr,
    remote: Option<UDPAddr>,
) -> UDPConn {
    let local = UDPAddr::from(local);
    UDPConn(Arc::new(Inner::Stack(StackUdp {
        socket: StackSocket {
            channel,
            network,
            local: NetAddr::UDP(local.clone()),
            remote: remote.clone().map(NetAddr::UDP),
            shared: Arc::clone(shared),
        },
        local,
        remote,
    })))
}

fn open_socket(
    shared: &Shared,
    local: Local,
    remote: Option<SocketAddr>,
    reuse_port: ReusePort,
    call: SysCall,
) -> Result<(Arc<DatagramChannel>, SocketAddr), Cause> {
    let channel = Arc::new(DatagramChannel::new(
        shared.datagram_limits,
        shared.attention(),
    ));
    let (ticket, answer) = ticket::pair();
    let request = Request::OpenSocket {
        open: OpenSocket {
            local,
            remote,
            reuse_port,
        },
        channel: Arc::clone(&channel),
        answer,
    };
    let ours = shared
        .mailbox
        .post(request, Deadline::NONE)
        .and_then(|()| ticket.wait(Deadline::NONE))
        .and_then(|answer| answer.map_err(Failure::Refused))
        .map_err(|failure| cause(failure, call))?;
    debug_assert!(matches!(channel.source(), Some(Source::Socket(_))));
    Ok((channel, ours))
}

mod apply;
