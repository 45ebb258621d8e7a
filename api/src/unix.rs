//! Unix sockets: [`UnixConn`] and [`UnixListener`], on the networks `unix`, `unixgram` and
//! `unixpacket`.
//!
//! The host's kernel carries them, whichever [`Net`] they are asked of: they never leave the machine
//! and have no IP. Deadlines, closing and errors are those of every other connection.

#[cfg(feature = "async")]
mod poll;

use std::io::IoSlice;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use crate::NetAddr;
use crate::address::{Network, UnixAddr, UnixKind};
use crate::any_conn::{AnyConn, Conn, forward_conn};
use crate::buffers::Buffers;
use crate::deadline::Deadline;
use crate::error::{AddrError, AddrErrorKind, Op, OpError, UnknownNetworkError};
use crate::host::{self, HostUnix, HostUnixListener};
use crate::listener::Listener;
use crate::net::Net;
use crate::packet_conn::PacketConn;

pub use crate::host::UnixMsg;

/// A Unix socket: a stream, a stream of records, or a socket of datagrams with a peer or without.
/// Clones are the same socket, which is closed when the last one is dropped.
///
/// ```
/// use sidestep::{Net, UnixAddr};
///
/// let listener = Net::host().listen_unix("unix", &UnixAddr::stream("@sidestep-doc-conn"))?;
/// let conn = Net::host().dial("unix", "@sidestep-doc-conn")?;
/// let accepted = listener.accept_unix()?;
/// conn.write(b"hello")?;
/// let mut octets = [0; 8];
/// assert_eq!(accepted.read(&mut octets)?, 5);
/// assert_eq!(conn.remote_addr().unwrap().to_string(), "@sidestep-doc-conn");
/// # Ok::<(), sidestep::OpError>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "net.UnixConn")]
pub struct UnixConn(Arc<HostUnix>);

impl UnixConn {
    /// A socket of the host's kernel.
    pub(crate) fn of_host(socket: HostUnix) -> Self {
        Self(Arc::new(socket))
    }

    /// Receives octets or one message, waited for: how many octets were copied. On a stream and
    /// among records 0 is the end, for ever; of a message that does not fit the rest is thrown away.
    ///
    /// # Errors
    ///
    /// With op `read`: `Timeout`, `Closed`, `ECONNRESET`.
    #[doc(alias = "Read")]
    pub fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        self.0.read(octets)
    }

    /// As [`read`](Self::read), and who sent it: `None` if the sender has no name, and on a stream.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadFrom")]
    #[doc(alias = "ReadFromUnix")]
    pub fn read_from_unix(&self, octets: &mut [u8]) -> Result<(usize, Option<UnixAddr>), OpError> {
        self.0.read_from(octets)
    }

    /// As [`read_from_unix`](Self::read_from_unix), with up to `descriptors_max` descriptors that
    /// the sender passed along, at most 253. On a stream an empty buffer still takes one octet if
    /// descriptors are wanted, for they travel with it.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadMsgUnix")]
    pub fn read_msg_unix(
        &self,
        octets: &mut [u8],
        descriptors_max: usize,
    ) -> Result<UnixMsg, OpError> {
        self.0.read_msg(octets, descriptors_max)
    }

    /// Sends all of `octets` to the peer, waiting for room: on a stream as one piece that no other
    /// call parts, else as one message.
    ///
    /// # Errors
    ///
    /// With op `write`: `EPIPE` once the peer has closed, `ENOTCONN` without a peer, `EMSGSIZE` for
    /// a message that is too long, `Timeout`, `Closed`. [`OpError::written`] says how many octets
    /// were taken.
    #[doc(alias = "Write")]
    pub fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.0.write(octets)
    }

    /// Sends one datagram to `to`, waiting for room.
    ///
    /// # Errors
    ///
    /// With op `write`: [`Cause::WriteToConnected`](crate::Cause::WriteToConnected) if there is a peer, `EAFNOSUPPORT` if `to` is of
    /// another kind of socket, `ENOENT` and `ECONNREFUSED` if nobody is there, else as for
    /// [`write`](Self::write).
    #[doc(alias = "WriteTo")]
    #[doc(alias = "WriteToUnix")]
    pub fn write_to_unix(&self, octets: &[u8], to: &UnixAddr) -> Result<usize, OpError> {
        self.0.write_to(octets, to)
    }

    /// Sends `octets` and `descriptors` (at most 253) to `to`, or to the peer, in one call of the
    /// kernel. On a stream it may take less than all octets, and says how many; the descriptors go
    /// with the first one.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write) and [`write_to_unix`](Self::write_to_unix); `EINVAL` for too
    /// many descriptors.
    #[doc(alias = "WriteMsgUnix")]
    pub fn write_msg_unix(
        &self,
        octets: &[u8],
        descriptors: &[BorrowedFd<'_>],
        to: Option<&UnixAddr>,
    ) -> Result<usize, OpError> {
        self.0.write_msg(octets, descriptors, to)
    }

    /// Closes the socket: every call that waits fails with `Closed`. The file of a datagram socket
    /// stays, as in Go.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        self.0.close()
    }

    /// Takes no more from the peer: reads give the end of the stream.
    ///
    /// # Errors
    ///
    /// With op `close`: `Closed`, `ENOTCONN`.
    #[doc(alias = "CloseRead")]
    pub fn close_read(&self) -> Result<(), OpError> {
        self.0.close_read()
    }

    /// Ends our direction after what was written: the peer reads it, then the end of the stream.
    ///
    /// # Errors
    ///
    /// As for [`close_read`](Self::close_read).
    #[doc(alias = "CloseWrite")]
    pub fn close_write(&self) -> Result<(), OpError> {
        self.0.close_write()
    }

    /// Our end, `@` if it has no name; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(&self) -> &UnixAddr {
        self.0.local_addr()
    }

    /// The peer's end, `@` if it has no name; `None` without a peer. Known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    pub fn remote_addr(&self) -> Option<&UnixAddr> {
        self.0.remote_addr()
    }

    /// Sets the deadline of reads and writes, of those that wait now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.0.set_deadline(deadline)
    }

    /// Sets the deadline of reads.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.0.set_read_deadline(deadline)
    }

    /// Sets the deadline of writes.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.0.set_write_deadline(deadline)
    }

    /// Octets that the kernel keeps for reads. (Linux ignores it on Unix sockets, where the
    /// sender's limit counts.)
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetReadBuffer")]
    pub fn set_read_buffer(&self, octets: usize) -> Result<(), OpError> {
        self.0.set_read_buffer(octets)
    }

    /// Octets that the kernel takes before a write waits, and the longest message.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetWriteBuffer")]
    pub fn set_write_buffer(&self, octets: usize) -> Result<(), OpError> {
        self.0.set_write_buffer(octets)
    }

    /// A second descriptor of the same socket: it lives on after `close`. It does not block, and
    /// deadlines do not hold for it.
    ///
    /// # Errors
    ///
    /// With op `file`: it is closed, or the process has no descriptor left.
    #[doc(alias = "File")]
    pub fn file(&self) -> Result<OwnedFd, OpError> {
        self.0.file()
    }
}

impl Conn for UnixConn {
    forward_conn!(UnixConn);

    fn write_buffers(&self, buffers: &mut Buffers) -> Result<usize, OpError> {
        self.0.write_slices(buffers.slices_mut())
    }

    fn write_some_slices(&self, slices: &[IoSlice<'_>]) -> Result<usize, OpError> {
        self.0.write_some_slices(slices)
    }

    fn local_addr(&self) -> NetAddr {
        NetAddr::Unix(Self::local_addr(self).clone())
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        Self::remote_addr(self).cloned().map(NetAddr::Unix)
    }
}

impl PacketConn for UnixConn {
    /// A sender without a name is shown as `@`, where Go has no address.
    fn read_from(&self, octets: &mut [u8]) -> Result<(usize, NetAddr), OpError> {
        let (len, from) = self.read_from_unix(octets)?;
        let from = from.unwrap_or_else(|| UnixAddr::new(Self::local_addr(self).net, "@"));
        Ok((len, NetAddr::Unix(from)))
    }

    fn write_to(&self, octets: &[u8], to: &NetAddr) -> Result<usize, OpError> {
        match to {
            NetAddr::Unix(to) => self.write_to_unix(octets, to),
            _ => Err(self.0.not_of_this_network(to)),
        }
    }

    fn close(&self) -> Result<(), OpError> {
        Self::close(self)
    }

    fn local_addr(&self) -> NetAddr {
        NetAddr::Unix(Self::local_addr(self).clone())
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

/// Waits for connections at a Unix socket. Clones are the same listener, closed when the last one is
/// dropped. Closing it removes the file that it made.
#[derive(Clone, Debug)]
#[doc(alias = "net.UnixListener")]
pub struct UnixListener(Arc<HostUnixListener>);

impl UnixListener {
    /// A listener of the host's kernel.
    pub(crate) fn of_host(listener: HostUnixListener) -> Self {
        Self(Arc::new(listener))
    }

    /// The next connection, waited for until the deadline.
    ///
    /// # Errors
    ///
    /// With op `accept`: `Closed`, also if it is closed meanwhile; `Timeout`.
    #[doc(alias = "AcceptUnix")]
    pub fn accept_unix(&self) -> Result<UnixConn, OpError> {
        self.0.accept().map(UnixConn::of_host)
    }

    /// As [`accept_unix`](Self::accept_unix), in the type that all networks share.
    ///
    /// # Errors
    ///
    /// As for [`accept_unix`](Self::accept_unix).
    #[doc(alias = "Accept")]
    pub fn accept(&self) -> Result<AnyConn, OpError> {
        self.accept_unix().map(AnyConn::Unix)
    }

    /// Connections as they come; ends once the listener is closed.
    pub fn incoming(&self) -> impl Iterator<Item = Result<UnixConn, OpError>> + '_ {
        std::iter::from_fn(|| match self.accept_unix() {
            Err(error) if error.is_closed() => None,
            outcome => Some(outcome),
        })
    }

    /// Sets the deadline of `accept`, of one that waits now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.0.listening().set_deadline(deadline)
    }

    /// Whether [`close`](Self::close) removes the file that `listen` made: it does unless told
    /// otherwise, or unless the listener came from a descriptor.
    #[doc(alias = "SetUnlinkOnClose")]
    pub fn set_unlink_on_close(&self, unlink: bool) {
        self.0.set_unlink_on_close(unlink);
    }

    /// Removes the file and ends the listener: every `accept` fails with `Closed`; connections that
    /// were accepted live on.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        self.0.close()
    }

    /// Where it listens; known after `close` as well.
    #[doc(alias = "Addr")]
    pub fn addr(&self) -> &UnixAddr {
        self.0.listening().addr()
    }

    /// A second descriptor of the same listener: it lives on after `close`.
    ///
    /// # Errors
    ///
    /// With op `file`: it is closed, or the process has no descriptor left.
    #[doc(alias = "File")]
    pub fn file(&self) -> Result<OwnedFd, OpError> {
        self.0.listening().file()
    }
}

impl Listener for UnixListener {
    fn accept(&self) -> Result<AnyConn, OpError> {
        Self::accept(self)
    }

    fn close(&self) -> Result<(), OpError> {
        Self::close(self)
    }

    fn addr(&self) -> NetAddr {
        NetAddr::Unix(Self::addr(self).clone())
    }
}

impl Net {
    /// Connects on `unix`, `unixgram` or `unixpacket` to `remote`, from `local` if that is given. A
    /// `unixgram` socket with a `local` may do without a `remote`, which then has an empty name.
    ///
    /// # Errors
    ///
    /// With op `dial`: an unknown network, [`Cause::MissingAddress`](crate::Cause::MissingAddress), `ENOENT`, `ECONNREFUSED`,
    /// `EAGAIN` if the listener's backlog is full, `EINVAL` for a name that is too long.
    #[doc(alias = "DialUnix")]
    pub fn dial_unix(
        &self,
        network: &str,
        local: Option<&UnixAddr>,
        remote: &UnixAddr,
    ) -> Result<UnixConn, OpError> {
        self.dialer().dial_unix(network, local, remote)
    }

    /// Listens on `unix` or `unixpacket` at `local`. A name that begins with `@` is abstract; the
    /// empty one has the kernel choose an abstract name.
    ///
    /// # Errors
    ///
    /// With op `listen`: an unknown network, `EADDRINUSE` also if the file was left by somebody who
    /// is gone, `EACCES`, `ENOENT`, `EINVAL` for a name that is too long.
    #[doc(alias = "ListenUnix")]
    pub fn listen_unix(&self, network: &str, local: &UnixAddr) -> Result<UnixListener, OpError> {
        match Network::parse(network) {
            Ok(Network::Unix(kind @ (UnixKind::Stream | UnixKind::Packet))) => {
                host::listen_unix(kind, local, None).map(UnixListener::of_host)
            }
            _ => Err(unknown(Op::Listen, network, local)),
        }
    }

    /// A socket of datagrams on `unixgram` at `local`.
    ///
    /// # Errors
    ///
    /// As for [`listen_unix`](Self::listen_unix).
    #[doc(alias = "ListenUnixgram")]
    pub fn listen_unixgram(&self, network: &str, local: &UnixAddr) -> Result<UnixConn, OpError> {
        match Network::parse(network) {
            Ok(Network::Unix(UnixKind::Datagram)) => {
                host::listen_unixgram(local).map(UnixConn::of_host)
            }
            _ => Err(unknown(Op::Listen, network, local)),
        }
    }
}

/// `listen` on a Unix network. (Go lets `unixgram` through and fails at the first `Accept`.)
pub(crate) fn listen(
    kind: UnixKind,
    address: &str,
    backlog: Option<usize>,
) -> Result<UnixListener, OpError> {
    let local = UnixAddr::new(kind, address);
    match kind {
        UnixKind::Stream | UnixKind::Packet => {
            host::listen_unix(kind, &local, backlog).map(UnixListener::of_host)
        }
        UnixKind::Datagram => Err(unexpected_type(&local)),
    }
}

/// `listen_packet` on a Unix network. (Go makes a listening stream of `unix` that cannot be read.)
pub(crate) fn listen_packet(kind: UnixKind, address: &str) -> Result<UnixConn, OpError> {
    let local = UnixAddr::new(kind, address);
    match kind {
        UnixKind::Datagram => host::listen_unixgram(&local).map(UnixConn::of_host),
        UnixKind::Stream | UnixKind::Packet => Err(unexpected_type(&local)),
    }
}

fn unexpected_type(local: &UnixAddr) -> OpError {
    let error = AddrError::new(AddrErrorKind::UnexpectedAddressType, &local.to_string());
    OpError::new(Op::Listen, Network::Unix(local.net).as_str(), error)
        .with_addr(NetAddr::Unix(local.clone()))
}

fn unknown(op: Op, network: &str, addr: &UnixAddr) -> OpError {
    OpError::new(op, network.to_owned(), UnknownNetworkError(network.into()))
        .with_addr(NetAddr::Unix(addr.clone()))
}

/// [`Net::dial_unix`]: the host's kernel carries it, whatever network is entered.
///
/// # Errors
///
/// As for [`Net::dial_unix`].
#[doc(alias = "DialUnix")]
pub fn dial_unix(
    network: &str,
    local: Option<&UnixAddr>,
    remote: &UnixAddr,
) -> Result<UnixConn, OpError> {
    Net::host().dial_unix(network, local, remote)
}

/// [`Net::listen_unix`]: the host's kernel carries it, whatever network is entered.
///
/// # Errors
///
/// As for [`Net::listen_unix`].
#[doc(alias = "ListenUnix")]
pub fn listen_unix(network: &str, local: &UnixAddr) -> Result<UnixListener, OpError> {
    Net::host().listen_unix(network, local)
}

/// [`Net::listen_unixgram`]: the host's kernel carries it, whatever network is entered.
///
/// # Errors
///
/// As for [`Net::listen_unixgram`].
#[doc(alias = "ListenUnixgram")]
pub fn listen_unixgram(network: &str, local: &UnixAddr) -> Result<UnixConn, OpError> {
    Net::host().listen_unixgram(network, local)
}
