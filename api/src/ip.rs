//! Raw IP sockets: [`IPConn`], payloads of one protocol such as ICMP.
//!
//! `dial("ip4:icmp", …)` and `listen_packet("ip6:ipv6-icmp", …)` make them. Payloads are sent without
//! an IP header: the stack writes it, and for ICMPv6 the checksum. What was received over IPv4 is
//! shown as Go shows it: `read` and `read_msg` keep the IPv4 header in front, `read_from` strips it.
//! Over IPv6 there is never a header (RFC 3542 §3).

mod messages;
#[cfg(feature = "async")]
mod poll;

use std::net::{IpAddr, SocketAddr};
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
use crate::listener::shown_ip;
use crate::net::{Backend, Net};
use crate::packet_conn::{PacketConn, StackSocket, copy_datagram, destination};
use crate::{IPAddr, NetAddr};

/// The largest payload of a packet.
const PAYLOAD_OCTETS_MAX: usize = 65_515;

/// A raw IP socket. Clones are the same socket, which is closed when the last one is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "net.IPConn")]
pub struct IPConn(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    socket: StackSocket,
    local: IPAddr,
    remote: Option<IPAddr>,
}

impl IPConn {
    /// Receives one payload, waited for: how many octets were copied. Over IPv4 its header comes
    /// first, with its options. What does not fit is thrown away. With a peer, payloads of others are
    /// skipped. With an empty buffer it returns 0 at once and takes nothing, as in Go.
    ///
    /// # Errors
    ///
    /// With op `read`: `Timeout`, `Closed`.
    #[doc(alias = "Read")]
    pub fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        if octets.is_empty() {
            self.0.socket.check_open(Op::Read)?;
            return Ok(0);
        }
        let datagram = self.receive(SysCall::Read)?;
        Ok(copy_with_header(octets, &datagram))
    }

    /// Receives one payload, without any header, and from whom it came.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadFrom")]
    pub fn read_from(&self, octets: &mut [u8]) -> Result<(usize, IPAddr), OpError> {
        let datagram = self.receive(SysCall::ReadFrom)?;
        let len = copy_datagram(octets, &datagram.octets);
        Ok((len, self.shown(datagram.remote.ip())))
    }

    fn receive(&self, call: SysCall) -> Result<ReceivedDatagram, OpError> {
        loop {
            let datagram = self.0.socket.receive(call)?;
            if self.hears(&datagram) {
                return Ok(datagram);
            }
        }
    }

    /// With a peer, only what it sent.
    fn hears(&self, datagram: &ReceivedDatagram) -> bool {
        let peer = self.0.remote.as_ref().and_then(|remote| remote.ip);
        peer.is_none_or(|peer| peer == datagram.remote.ip())
    }

    /// The sender as users see it: with the zone of an address that needs one.
    fn shown(&self, ip: IpAddr) -> IPAddr {
        IPAddr {
            ip: Some(ip),
            zone: self.0.socket.shared.zone_of(ip),
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
        let write = || {
            let remote = self.0.remote.as_ref().and_then(|remote| remote.ip);
            let remote = remote.ok_or(Cause::sys(SysCall::Write, Errno::EDESTADDRREQ))?;
            self.send(octets, remote, SysCall::Write)
        };
        write().map_err(|cause| self.0.socket.failed(Op::Write, cause))
    }

    /// Sends one payload to `to`, waiting for room.
    ///
    /// # Errors
    ///
    /// With op `write`: [`Cause::WriteToConnected`] if there is a peer, else as for
    /// [`write`](Self::write).
    #[doc(alias = "WriteTo")]
    pub fn write_to(&self, octets: &[u8], to: &IPAddr) -> Result<usize, OpError> {
        let write = || {
            if self.0.remote.is_some() {
                return Err(Cause::WriteToConnected);
            }
            let ip = self.remote_of(to)?;
            self.send(octets, ip, SysCall::WriteTo)
        };
        write().map_err(|cause| {
            OpError::new(Op::Write, self.0.socket.network.as_str(), cause)
                .with_source(NetAddr::IP(self.0.local.clone()))
                .with_addr(NetAddr::IP(to.clone()))
        })
    }

    fn send(&self, octets: &[u8], to: IpAddr, call: SysCall) -> Result<usize, Cause> {
        if octets.len() > PAYLOAD_OCTETS_MAX {
            return Err(Cause::sys(call, Errno::EMSGSIZE));
        }
        self.0
            .socket
            .send(octets, Some(SocketAddr::new(to, 0)), call)
    }

    /// Closes the socket: every call that waits fails with `Closed`.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        self.0.socket.close()
    }

    /// Our end; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(&self) -> &IPAddr {
        &self.0.local
    }

    /// The peer's end, if there is one; known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    pub fn remote_addr(&self) -> Option<&IPAddr> {
        self.0.remote.as_ref()
    }

    /// Sets the deadline of reads and writes, of those that wait now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.0.socket.set_deadline(Which::Both, deadline.into())
    }

    /// Sets the deadline of reads.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.0.socket.set_deadline(Which::Read, deadline.into())
    }

    /// Sets the deadline of writes.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.0.socket.set_deadline(Which::Write, deadline.into())
    }
}

impl Conn for IPConn {
    forward_conn!(IPConn);

    /// One packet.
    fn write_buffers(&self, buffers: &mut Buffers) -> Result<usize, OpError> {
        buffers.write_joined(|octets| self.write(octets))
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
        let NetAddr::IP(to) = to else {
            let cause = Cause::sys(SysCall::WriteTo, Errno::EINVAL);
            return Err(
                OpError::new(Op::Write, self.0.socket.network.as_str(), cause)
                    .with_source(NetAddr::IP(self.0.local.clone()))
                    .with_addr(to.clone()),
            );
        };
        Self::write_to(self, octets, to)
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
        local: Option<IpAddr>,
        remote: &IPAddr,
    ) -> Result<IPConn, OpError> {
        let open = || {
            let ip = destination(network, remote.ip)?;
            let own = local
                .map(|own| own.to_canonical())
                .filter(|own| !own.is_unspecified());
            if own.is_some_and(|own| own.is_ipv4() != ip.is_ipv4()) {
                let kind = AddrErrorKind::NoSuitableAddress;
                return Err(AddrError::new(kind, &ip.to_string()).into());
            }
            let bound = Local {
                address: own,
                families: if ip.is_ipv4() {
                    Families::V4
                } else {
                    Families::V6
                },
                port: 0,
            };
            let remote = IPAddr {
                ip: Some(ip),
                zone: remote.zone.clone(),
            };
            self.open_raw(network, protocol, bound, Some(remote), SysCall::Bind)
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
            let bound = address::local(network, local.ip, 0);
            self.open_raw(network, protocol, bound, None, SysCall::Bind)
        };
        open().map_err(|cause| {
            OpError::new(Op::Listen, network.as_str(), cause).with_addr(NetAddr::IP(local.clone()))
        })
    }

    fn open_raw(
        &self,
        network: Network,
        protocol: Protocol,
        local: Local,
        remote: Option<IPAddr>,
        call: SysCall,
    ) -> Result<IPConn, Cause> {
        let Backend::Stack(shared) = &self.0 else {
            return Err(Cause::NotSupported);
        };
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
            .map_err(|failure| cause(failure, call))?;
        let local = IPAddr::from(shown_ip(&local));
        Ok(IPConn(Arc::new(Inner {
            socket: StackSocket {
                channel,
                network,
                local: NetAddr::IP(local.clone()),
                remote: remote.clone().map(NetAddr::IP),
                shared: Arc::clone(shared),
            },
            local,
            remote,
        })))
    }
}

/// Copies what fits of a payload and the IPv4 header in front of it.
fn copy_with_header(octets: &mut [u8], datagram: &ReceivedDatagram) -> usize {
    let header = copy_datagram(octets, &datagram.ip_header);
    let room = octets.get_mut(header..).unwrap_or_default();
    header + copy_datagram(room, &datagram.octets)
}

mod apply;
