//! Sockets of datagrams: the trait [`PacketConn`], [`AnyPacketConn`], and `listen_packet`.
//!
//! What the two kinds share over the userspace stack is `StackSocket`: a channel, its addresses
//! and its errors. `udp.rs` and `ip.rs` give it its types.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use sidestep_stack::Call;
use sidestep_stack::call::{self, Families, ReceivedDatagram, SendDatagram};
use sidestep_stack::wire::protocol::{Ecn, TrafficClass};

use crate::NetAddr;
use crate::address::Network;
use crate::channel::datagram::DatagramChannel;
use crate::channel::failure::{Failure, Source};
use crate::channel::stream::Which;
use crate::conn_io::cause;
use crate::deadline::Deadline;
use crate::error::{AddrError, AddrErrorKind, Cause, Errno, Op, OpError, SysCall};
use crate::ip::IPConn;
use crate::net::Shared;
use crate::socket_options::SocketOptions;
use crate::udp::UDPConn;
use crate::unix::UnixConn;

/// A socket of datagrams, whatever the network: Go's `net.PacketConn`.
#[doc(alias = "net.PacketConn")]
pub trait PacketConn: Debug + Send + Sync {
    /// Receives one datagram, waited for: how many of its octets were copied, and from whom. What
    /// does not fit in `octets` is thrown away.
    ///
    /// # Errors
    ///
    /// With op `read`: a deadline, a close, or what an earlier datagram met.
    #[doc(alias = "ReadFrom")]
    fn read_from(&self, octets: &mut [u8]) -> Result<(usize, NetAddr), OpError>;

    /// Sends one datagram to `to`, waiting for room.
    ///
    /// # Errors
    ///
    /// With op `write`; [`Cause::WriteToConnected`] if the socket has a peer.
    #[doc(alias = "WriteTo")]
    fn write_to(&self, octets: &[u8], to: &NetAddr) -> Result<usize, OpError>;

    /// Closes the socket: every call that waits fails with `Closed`.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    fn close(&self) -> Result<(), OpError>;

    /// Our end; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    fn local_addr(&self) -> NetAddr;

    /// Sets the deadline of reads and writes, of those that wait now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetDeadline")]
    fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError>;

    /// Sets the deadline of reads.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetReadDeadline")]
    fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError>;

    /// Sets the deadline of writes.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetWriteDeadline")]
    fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError>;
}

/// A socket of datagrams of any network: what `listen_packet` gives.
#[derive(Clone, Debug)]
#[doc(alias = "net.PacketConn")]
#[non_exhaustive]
pub enum AnyPacketConn {
    /// A UDP socket.
    UDP(UDPConn),
    /// A raw IP socket.
    IP(IPConn),
    /// A Unix socket of datagrams.
    Unix(UnixConn),
}

macro_rules! forward {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self, $($argument: $type),*) -> $result {
            match self {
                Self::UDP(conn) => PacketConn::$name(conn, $($argument),*),
                Self::IP(conn) => PacketConn::$name(conn, $($argument),*),
                Self::Unix(conn) => PacketConn::$name(conn, $($argument),*),
            }
        }
    )*};
}

impl AnyPacketConn {
    forward! {
        /// See [`PacketConn::read_from`].
        ///
        /// # Errors
        ///
        /// With op `read`.
        #[doc(alias = "ReadFrom")]
        read_from(octets: &mut [u8]) -> Result<(usize, NetAddr), OpError>;
        /// See [`PacketConn::write_to`].
        ///
        /// # Errors
        ///
        /// With op `write`.
        #[doc(alias = "WriteTo")]
        write_to(octets: &[u8], to: &NetAddr) -> Result<usize, OpError>;
        /// See [`PacketConn::close`].
        ///
        /// # Errors
        ///
        /// With op `close`.
        #[doc(alias = "Close")]
        close() -> Result<(), OpError>;
        /// Our end; known after `close` as well.
        #[doc(alias = "LocalAddr")]
        local_addr() -> NetAddr;
    }

    /// See [`PacketConn::set_deadline`].
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        PacketConn::set_deadline(self, deadline.into())
    }

    /// See [`PacketConn::set_read_deadline`].
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        PacketConn::set_read_deadline(self, deadline.into())
    }

    /// See [`PacketConn::set_write_deadline`].
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        PacketConn::set_write_deadline(self, deadline.into())
    }

    /// The UDP socket, if it is one.
    pub const fn as_udp(&self) -> Option<&UDPConn> {
        match self {
            Self::UDP(conn) => Some(conn),
            Self::IP(_) | Self::Unix(_) => None,
        }
    }

    /// The raw socket, if it is one.
    pub const fn as_ip(&self) -> Option<&IPConn> {
        match self {
            Self::IP(conn) => Some(conn),
            Self::UDP(_) | Self::Unix(_) => None,
        }
    }

    /// The Unix socket, if it is one.
    pub const fn as_unix(&self) -> Option<&UnixConn> {
        match self {
            Self::Unix(conn) => Some(conn),
            Self::UDP(_) | Self::IP(_) => None,
        }
    }
}

impl PacketConn for AnyPacketConn {
    fn read_from(&self, octets: &mut [u8]) -> Result<(usize, NetAddr), OpError> {
        Self::read_from(self, octets)
    }

    fn write_to(&self, octets: &[u8], to: &NetAddr) -> Result<usize, OpError> {
        Self::write_to(self, octets, to)
    }

    fn close(&self) -> Result<(), OpError> {
        Self::close(self)
    }

    fn local_addr(&self) -> NetAddr {
        Self::local_addr(self)
    }

    fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        match self {
            Self::UDP(conn) => conn.set_deadline(deadline),
            Self::IP(conn) => conn.set_deadline(deadline),
            Self::Unix(conn) => conn.set_deadline(deadline),
        }
    }

    fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        match self {
            Self::UDP(conn) => conn.set_read_deadline(deadline),
            Self::IP(conn) => conn.set_read_deadline(deadline),
            Self::Unix(conn) => conn.set_read_deadline(deadline),
        }
    }

    fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
        match self {
            Self::UDP(conn) => conn.set_write_deadline(deadline),
            Self::IP(conn) => conn.set_write_deadline(deadline),
            Self::Unix(conn) => conn.set_write_deadline(deadline),
        }
    }
}

/// The smallest buffer that can be set, in octets, as in Linux (socket(7)).
pub(crate) const BUFFER_OCTETS_MIN: usize = 2_048;

/// A socket of the userspace stack.
#[derive(Debug)]
pub(crate) struct StackSocket {
    pub(crate) channel: Arc<DatagramChannel>,
    pub(crate) network: Network,
    pub(crate) local: NetAddr,
    pub(crate) remote: Option<NetAddr>,
    /// Keeps the packet thread.
    pub(crate) shared: Arc<Shared>,
}

impl Drop for StackSocket {
    fn drop(&mut self) {
        let _ = self.channel.close();
    }
}

impl StackSocket {
    /// Sets what `options` name.
    pub(crate) fn apply(&self, options: &SocketOptions) -> Result<(), Cause> {
        let options = call::SocketOptions {
            hop_limit: options.hop_limit.map(|limit| limit.max(1)),
            traffic_class: options
                .dscp
                .map(|dscp| TrafficClass::new(dscp, Ecn::NotCapable)),
            receive_buffer_octets: options.read_buffer_octets,
            ..call::SocketOptions::default()
        };
        if options == call::SocketOptions::default() {
            return Ok(());
        }
        let call = match self.channel.source() {
            Some(Source::Socket(socket)) => Call::SetSocketOptions { socket, options },
            Some(Source::Raw(socket)) => Call::SetRawOptions { socket, options },
            Some(Source::Connection(_) | Source::Listener(_)) | None => return Err(Cause::Closed),
        };
        self.shared
            .call(call, Deadline::NONE)
            .map(|_| ())
            .map_err(|failure| cause(failure, SysCall::SetSockOpt))
    }

    pub(crate) fn failed(&self, op: Op, cause: Cause) -> OpError {
        let error = OpError::new(op, self.network.as_str(), cause);
        match (op, &self.remote) {
            (Op::Set | Op::Close, None) | (Op::Set, Some(_)) => error.with_addr(self.local.clone()),
            (_, remote) => error
                .with_source(self.local.clone())
                .with_addr(remote.clone()),
        }
    }

    /// Fails with op `read` if the socket was closed.
    pub(crate) fn check_held(&self) -> Result<(), OpError> {
        self.channel
            .check_held()
            .map_err(|failure| self.failed(Op::Read, cause(failure, SysCall::Read)))
    }

    /// One datagram; fails with op `read`.
    pub(crate) fn receive(&self, call: SysCall) -> Result<ReceivedDatagram, OpError> {
        self.channel
            .receive()
            .map_err(|failure| self.failed(Op::Read, cause(failure, call)))
    }

    /// Fails if the socket is closed: what a call that moves nothing asks.
    pub(crate) fn check_open(&self, op: Op) -> Result<(), OpError> {
        self.channel
            .check_open()
            .map_err(|failure| self.failed(op, cause(failure, SysCall::Read)))
    }

    /// Has the packet thread change a setting of the socket.
    pub(crate) fn set(&self, call: Call) -> Result<(), OpError> {
        self.check_open(Op::Set)?;
        self.shared
            .call(call, Deadline::NONE)
            .map(|_| ())
            .map_err(|failure| self.failed(Op::Set, cause(failure, SysCall::SetSockOpt)))
    }

    /// Sends `datagram`, waiting for room; fails with a cause for op `write`.
    pub(crate) fn send_datagram(
        &self,
        datagram: SendDatagram,
        call: SysCall,
    ) -> Result<usize, Cause> {
        let octets = datagram.octets.len();
        self.channel
            .send(datagram)
            .map(|()| octets)
            .map_err(|failure| cause(failure, call))
    }

    /// Sends `octets` to `remote`, or to the peer; fails with a cause for op `write`.
    pub(crate) fn send(
        &self,
        octets: &[u8],
        remote: Option<SocketAddr>,
        call: SysCall,
    ) -> Result<usize, Cause> {
        let datagram = SendDatagram {
            remote,
            octets: Bytes::copy_from_slice(octets),
            ..SendDatagram::default()
        };
        self.send_datagram(datagram, call)
    }

    pub(crate) fn set_deadline(&self, which: Which, deadline: Deadline) -> Result<(), OpError> {
        self.channel
            .set_deadline(which, deadline)
            .map_err(|failure| self.failed(Op::Set, cause(failure, SysCall::SetSockOpt)))
    }

    pub(crate) fn close(&self) -> Result<(), OpError> {
        self.channel.close().map_err(|failure: Failure| {
            self.failed(Op::Close, cause(failure, SysCall::Shutdown))
        })?;
        self.shared.settle(self.channel.source());
        Ok(())
    }
}

/// The destination that `ip` means on `network`: none, 0.0.0.0 and `::` are this host.
pub(crate) fn destination(network: Network, ip: Option<IpAddr>) -> Result<IpAddr, Cause> {
    let ip = match ip.map(|ip| ip.to_canonical()) {
        None if network.families() == Families::V6 => Ipv6Addr::LOCALHOST.into(),
        None => Ipv4Addr::LOCALHOST.into(),
        Some(IpAddr::V4(ip)) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        Some(IpAddr::V6(ip)) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        Some(ip) => ip,
    };
    if network.carries(ip) {
        Ok(ip)
    } else {
        Err(AddrError::new(AddrErrorKind::NoSuitableAddress, &ip.to_string()).into())
    }
}

/// What Go says of a destination whose family the socket does not carry: an IPv6 address is none for
/// an IPv4 socket, and from an IPv6 socket no IPv4 network can be reached.
pub(crate) fn wrong_family(to: Option<IpAddr>, cause: Cause) -> Cause {
    let is_it = match &cause {
        Cause::Addr(error) => error.err == AddrErrorKind::NoSuitableAddress,
        cause => cause.errno() == Some(Errno::EAFNOSUPPORT),
    };
    match to.map(|ip| ip.to_canonical()) {
        Some(IpAddr::V6(ip)) if is_it => {
            AddrError::new(AddrErrorKind::NonIPv4, &ip.to_string()).into()
        }
        Some(IpAddr::V4(_)) if is_it => Cause::sys(SysCall::WriteTo, Errno::ENETUNREACH),
        _ => cause,
    }
}

/// Copies what fits; a longer datagram is cut short.
pub(crate) fn copy_datagram(octets: &mut [u8], datagram: &[u8]) -> usize {
    let len = octets.len().min(datagram.len());
    octets[..len].copy_from_slice(&datagram[..len]);
    len
}
