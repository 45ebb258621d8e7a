//! What `dial` and `listen` give when the network is known at run time only: [`AnyConn`] and
//! [`AnyListener`].
//!
//! They forward to the types of their networks and add nothing.

use std::sync::Arc;

use super::{IPConn, PipeConn, TCPConn, TCPListener, UDPConn, UnixConn, UnixListener};
use crate::NetAddr;
use crate::any_conn::Conn;
use crate::deadline::Deadline;
use crate::error::OpError;

/// A connection of any network, for tasks. Clones are the same connection.
#[derive(Clone, Debug)]
#[doc(alias = "net.Conn")]
#[non_exhaustive]
pub enum AnyConn {
    /// A TCP connection.
    TCP(TCPConn),
    /// A UDP socket with a peer.
    UDP(UDPConn),
    /// A raw IP socket with a peer.
    IP(IPConn),
    /// A Unix socket with a peer.
    Unix(UnixConn),
    /// An end of a pipe in memory.
    Pipe(PipeConn),
    /// A connection that somebody else makes. Of it nothing is known but calls that block, so a task
    /// that reads or writes blocks its thread.
    Other(Arc<dyn Conn>),
}

impl AnyConn {
    /// The same connection, for threads.
    fn as_conn(&self) -> &dyn Conn {
        match self {
            Self::TCP(conn) => AsRef::<crate::TCPConn>::as_ref(conn),
            Self::UDP(conn) => AsRef::<crate::UDPConn>::as_ref(conn),
            Self::IP(conn) => AsRef::<crate::IPConn>::as_ref(conn),
            Self::Unix(conn) => AsRef::<crate::UnixConn>::as_ref(conn),
            Self::Pipe(conn) => AsRef::<crate::PipeConn>::as_ref(conn),
            Self::Other(conn) => &**conn,
        }
    }

    /// Receives up to `octets.len()` octets, waiting for the first. On a stream 0 is the end; on a
    /// network of datagrams it is an empty one.
    ///
    /// # Errors
    ///
    /// With op `read`.
    #[doc(alias = "Read")]
    pub async fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        match self {
            Self::TCP(conn) => conn.read(octets).await,
            Self::UDP(conn) => conn.read(octets).await,
            Self::IP(conn) => conn.read(octets).await,
            Self::Unix(conn) => conn.read(octets).await,
            Self::Pipe(conn) => conn.read(octets).await,
            Self::Other(conn) => conn.read(octets),
        }
    }

    /// Sends all of `octets`, not mixed with those of other calls; a datagram is one call.
    ///
    /// # Errors
    ///
    /// With op `write`; [`OpError::written`] says how many octets were taken before.
    #[doc(alias = "Write")]
    pub async fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        match self {
            Self::TCP(conn) => conn.write(octets).await,
            Self::UDP(conn) => conn.write(octets).await,
            Self::IP(conn) => conn.write(octets).await,
            Self::Unix(conn) => conn.write(octets).await,
            Self::Pipe(conn) => conn.write(octets).await,
            Self::Other(conn) => conn.write(octets),
        }
    }

    /// Closes the connection: every call that waits fails with `Closed`.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub async fn close(&self) -> Result<(), OpError> {
        match self {
            Self::TCP(conn) => conn.close(),
            Self::UDP(conn) => conn.close().await,
            Self::IP(conn) => conn.close().await,
            Self::Unix(conn) => conn.close(),
            Self::Pipe(conn) => conn.close(),
            Self::Other(conn) => conn.close(),
        }
    }

    /// Our end; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(&self) -> NetAddr {
        self.as_conn().local_addr()
    }

    /// The peer's end; known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    pub fn remote_addr(&self) -> Option<NetAddr> {
        self.as_conn().remote_addr()
    }

    /// Sets the deadline of reads and writes, of those that wait now as well.
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.as_conn().set_deadline(deadline.into())
    }

    /// Sets the deadline of reads.
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.as_conn().set_read_deadline(deadline.into())
    }

    /// Sets the deadline of writes.
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.as_conn().set_write_deadline(deadline.into())
    }

    /// The TCP connection, if it is one.
    ///
    /// # Errors
    ///
    /// It is of another network, and given back.
    // What is given back is what came in; nothing is gained by boxing it.
    #[allow(clippy::result_large_err)]
    pub fn into_tcp(self) -> Result<TCPConn, Self> {
        match self {
            Self::TCP(conn) => Ok(conn),
            other => Err(other),
        }
    }

    /// The UDP socket, if it is one.
    ///
    /// # Errors
    ///
    /// It is of another network, and given back.
    // What is given back is what came in; nothing is gained by boxing it.
    #[allow(clippy::result_large_err)]
    pub fn into_udp(self) -> Result<UDPConn, Self> {
        match self {
            Self::UDP(conn) => Ok(conn),
            other => Err(other),
        }
    }
}

impl From<crate::AnyConn> for AnyConn {
    fn from(conn: crate::AnyConn) -> Self {
        match conn {
            crate::AnyConn::TCP(conn) => Self::TCP(conn.into()),
            crate::AnyConn::UDP(conn) => Self::UDP(conn.into()),
            crate::AnyConn::IP(conn) => Self::IP(conn.into()),
            crate::AnyConn::Unix(conn) => Self::Unix(conn.into()),
            crate::AnyConn::Pipe(conn) => Self::Pipe(conn.into()),
            crate::AnyConn::Other(conn) => Self::Other(conn),
        }
    }
}

impl From<AnyConn> for crate::AnyConn {
    fn from(conn: AnyConn) -> Self {
        match conn {
            AnyConn::TCP(conn) => Self::TCP(conn.into()),
            AnyConn::UDP(conn) => Self::UDP(conn.into()),
            AnyConn::IP(conn) => Self::IP(conn.into()),
            AnyConn::Unix(conn) => Self::Unix(conn.into()),
            AnyConn::Pipe(conn) => Self::Pipe(conn.into()),
            AnyConn::Other(conn) => Self::Other(conn),
        }
    }
}

impl From<TCPConn> for AnyConn {
    fn from(conn: TCPConn) -> Self {
        Self::TCP(conn)
    }
}

/// A listener of any network, for tasks. Clones are the same listener.
#[derive(Clone, Debug)]
#[doc(alias = "net.Listener")]
#[non_exhaustive]
pub enum AnyListener {
    /// For TCP connections.
    TCP(TCPListener),
    /// For connections of Unix sockets.
    Unix(UnixListener),
}

impl AnyListener {
    /// See [`TCPListener::accept`].
    ///
    /// # Errors
    ///
    /// With op `accept`.
    #[doc(alias = "Accept")]
    pub async fn accept(&self) -> Result<AnyConn, OpError> {
        match self {
            Self::TCP(listener) => listener.accept().await.map(AnyConn::TCP),
            Self::Unix(listener) => listener.accept().await.map(AnyConn::Unix),
        }
    }

    /// See [`TCPListener::close`].
    ///
    /// # Errors
    ///
    /// With op `close`.
    #[doc(alias = "Close")]
    pub async fn close(&self) -> Result<(), OpError> {
        match self {
            Self::TCP(listener) => listener.close().await,
            Self::Unix(listener) => listener.close(),
        }
    }

    /// See [`TCPListener::set_deadline`].
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        match self {
            Self::TCP(listener) => listener.set_deadline(deadline),
            Self::Unix(listener) => listener.set_deadline(deadline),
        }
    }

    /// Where it listens; known after `close` as well.
    #[doc(alias = "Addr")]
    pub fn addr(&self) -> NetAddr {
        match self {
            Self::TCP(listener) => NetAddr::TCP(listener.addr().clone()),
            Self::Unix(listener) => NetAddr::Unix(listener.addr().clone()),
        }
    }

    /// The TCP listener, if it is one.
    ///
    /// # Errors
    ///
    /// It is of another network, and given back.
    // What is given back is what came in; nothing is gained by boxing it.
    #[allow(clippy::result_large_err)]
    pub fn into_tcp(self) -> Result<TCPListener, Self> {
        match self {
            Self::TCP(listener) => Ok(listener),
            other @ Self::Unix(_) => Err(other),
        }
    }
}

impl From<crate::AnyListener> for AnyListener {
    fn from(listener: crate::AnyListener) -> Self {
        match listener {
            crate::AnyListener::TCP(listener) => Self::TCP(listener.into()),
            crate::AnyListener::Unix(listener) => Self::Unix(listener.into()),
        }
    }
}

impl From<AnyListener> for crate::AnyListener {
    fn from(listener: AnyListener) -> Self {
        match listener {
            AnyListener::TCP(listener) => Self::TCP(listener.into()),
            AnyListener::Unix(listener) => Self::Unix(listener.into()),
        }
    }
}
