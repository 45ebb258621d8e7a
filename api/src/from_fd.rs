//! Sockets that somebody else has opened: a descriptor becomes a connection, a listener or a socket
//! of datagrams (Go's `FileConn` and its kin).
//!
//! systemd's socket activation, a socket pair, a descriptor that came over a Unix socket. They are
//! sockets of the host's kernel, whichever network is entered. The descriptor is taken over, not
//! copied as in Go, and is closed if it is no such socket.

use std::os::fd::OwnedFd;

use crate::any_conn::AnyConn;
use crate::conn::TCPConn;
use crate::error::{Cause, Errno, Op, OpError};
use crate::host::{self, Opened, OpenedListener};
use crate::ip::IPConn;
use crate::listener::{AnyListener, TCPListener};
use crate::packet_conn::AnyPacketConn;
use crate::udp::UDPConn;
use crate::unix::{UnixConn, UnixListener};

/// The connection behind `descriptor`.
///
/// # Errors
///
/// With op `file`: it is no socket, or none of a network that we know.
///
/// ```
/// use std::os::unix::net::UnixStream;
///
/// let (ours, theirs) = UnixStream::pair()?;
/// let conn = sidestep::conn_from_fd(ours.into())?;
/// let other = sidestep::conn_from_fd(theirs.into())?;
/// conn.write(b"hello")?;
/// assert_eq!(other.read(&mut [0; 8])?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "FileConn")]
pub fn conn_from_fd(descriptor: OwnedFd) -> Result<AnyConn, OpError> {
    match host::open_descriptor(descriptor).map_err(failed)? {
        Opened::Stream(socket) => Ok(TCPConn::of_host(socket).into()),
        Opened::Datagram(socket) => Ok(UDPConn::of_host(socket).into()),
        Opened::Raw(socket) => Ok(IPConn::of_host(socket).into()),
        Opened::Unix(socket) => Ok(UnixConn::of_host(socket).into()),
    }
}

/// The listener behind `descriptor`. Closing it leaves the file of a Unix socket alone, unless
/// [`UnixListener::set_unlink_on_close`] says otherwise.
///
/// # Errors
///
/// As for [`conn_from_fd`]; `EINVAL` for a socket that cannot listen.
#[doc(alias = "FileListener")]
pub fn listener_from_fd(descriptor: OwnedFd) -> Result<AnyListener, OpError> {
    match host::open_listener_descriptor(descriptor).map_err(failed)? {
        OpenedListener::Stream(listener) => Ok(AnyListener::TCP(TCPListener::of_host(listener))),
        OpenedListener::Unix(listener) => Ok(AnyListener::Unix(UnixListener::of_host(listener))),
    }
}

/// The socket of datagrams behind `descriptor`.
///
/// # Errors
///
/// As for [`conn_from_fd`]; `EINVAL` for a TCP socket.
#[doc(alias = "FilePacketConn")]
pub fn packet_conn_from_fd(descriptor: OwnedFd) -> Result<AnyPacketConn, OpError> {
    match host::open_descriptor(descriptor).map_err(failed)? {
        Opened::Datagram(socket) => Ok(AnyPacketConn::UDP(UDPConn::of_host(socket))),
        Opened::Raw(socket) => Ok(AnyPacketConn::IP(IPConn::of_host(socket))),
        Opened::Unix(socket) => Ok(AnyPacketConn::Unix(UnixConn::of_host(socket))),
        Opened::Stream(_) => Err(failed(Cause::Errno(Errno::EINVAL))),
    }
}

fn failed(cause: Cause) -> OpError {
    OpError::new(Op::File, "file+net", cause)
}
