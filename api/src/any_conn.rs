//! What all connections share: the trait [`Conn`], and [`AnyConn`], which is what `dial` gives.
//!
//! `conn.rs`, `udp.rs`, `ip.rs`, `unix.rs` and `pipe.rs` implement the trait; `conn_io.rs` adds std's
//! `Read` and `Write`. Nothing here knows what a connection stands on.

use std::fmt::Debug;
use std::io::IoSlice;
use std::sync::Arc;

use crate::NetAddr;
use crate::buffers::Buffers;
use crate::conn::TCPConn;
use crate::deadline::Deadline;
use crate::error::OpError;
use crate::ip::IPConn;
use crate::pipe::PipeConn;
use crate::udp::UDPConn;
use crate::unix::UnixConn;

/// A connection with a peer, whatever the network: what Go's `net.Conn` is.
///
/// All methods may be called from several threads at once. `std::io::Read` and `Write` are there
/// for `&dyn Conn` and `Box<dyn Conn>`.
#[doc(alias = "net.Conn")]
pub trait Conn: Debug + Send + Sync {
    /// Receives up to `octets.len()` octets, waiting for the first. On a stream 0 is the end, for
    /// ever; on a network of datagrams it is an empty one.
    ///
    /// # Errors
    ///
    /// With op `read`: a deadline, a close, or what became of the connection.
    #[doc(alias = "Read")]
    fn read(&self, octets: &mut [u8]) -> Result<usize, OpError>;

    /// Sends all of `octets`, waiting for room. The octets of one call are never mixed with those of
    /// another.
    ///
    /// # Errors
    ///
    /// With op `write`; [`OpError::written`] says how many octets were taken before.
    #[doc(alias = "Write")]
    fn write(&self, octets: &[u8]) -> Result<usize, OpError>;

    /// Sends what there is room for, at least one octet: the shape of `std::io::Write`.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    fn write_some(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.write(octets)
    }

    /// Sends all of `buffers`, in one go where the network can, and takes out what was sent; on a
    /// network of datagrams they are one datagram. [`Buffers::write_to`] is the way to call it.
    ///
    /// # Errors
    ///
    /// With op `writev`, or `write` where it is one write after the other; [`OpError::written`] says
    /// how many octets were taken before.
    #[doc(alias = "writeBuffers")]
    fn write_buffers(&self, buffers: &mut Buffers) -> Result<usize, OpError> {
        buffers.write_each(|slice| self.write(slice))
    }

    /// Sends what there is room for, at least one octet: the shape of `write_vectored` of
    /// `std::io::Write`.
    ///
    /// # Errors
    ///
    /// As for [`write_buffers`](Self::write_buffers).
    fn write_some_slices(&self, slices: &[IoSlice<'_>]) -> Result<usize, OpError> {
        match slices.iter().find(|slice| !slice.is_empty()) {
            Some(first) => self.write_some(first),
            None => Ok(0),
        }
    }

    /// Closes the connection: every call that waits fails with `Closed`; what was written goes out
    /// in the background.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    fn close(&self) -> Result<(), OpError>;

    /// Our end; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    fn local_addr(&self) -> NetAddr;

    /// The peer's end; known after `close` as well. `None` for a socket without a peer.
    #[doc(alias = "RemoteAddr")]
    fn remote_addr(&self) -> Option<NetAddr>;

    /// Sets the deadline of reads and writes, of those that wait now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed.
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

macro_rules! forward_conn {
    ($type:ty) => {
        fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
            <$type>::read(self, octets)
        }

        fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
            <$type>::write(self, octets)
        }

        fn close(&self) -> Result<(), OpError> {
            <$type>::close(self)
        }

        fn set_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
            <$type>::set_deadline(self, deadline)
        }

        fn set_read_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
            <$type>::set_read_deadline(self, deadline)
        }

        fn set_write_deadline(&self, deadline: Deadline) -> Result<(), OpError> {
            <$type>::set_write_deadline(self, deadline)
        }
    };
}
pub(crate) use forward_conn;

/// A connection of any network: what `dial` gives. Clones are the same connection.
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
    /// A connection that somebody else makes: a simulator, a test, another library.
    Other(Arc<dyn Conn>),
}

impl AnyConn {
    /// A connection that somebody else makes, in the type that a [`Listener`](crate::Listener) gives.
    pub fn other(conn: impl Conn + 'static) -> Self {
        Self::Other(Arc::new(conn))
    }

    fn as_conn(&self) -> &dyn Conn {
        match self {
            Self::TCP(conn) => conn,
            Self::UDP(conn) => conn,
            Self::IP(conn) => conn,
            Self::Unix(conn) => conn,
            Self::Pipe(conn) => conn,
            Self::Other(conn) => &**conn,
        }
    }

    /// See [`Conn::read`].
    ///
    /// # Errors
    ///
    /// With op `read`.
    #[doc(alias = "Read")]
    pub fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        self.as_conn().read(octets)
    }

    /// See [`Conn::write`].
    ///
    /// # Errors
    ///
    /// With op `write`.
    #[doc(alias = "Write")]
    pub fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.as_conn().write(octets)
    }

    /// See [`Conn::write_some`].
    ///
    /// # Errors
    ///
    /// With op `write`.
    pub fn write_some(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.as_conn().write_some(octets)
    }

    /// See [`Conn::close`].
    ///
    /// # Errors
    ///
    /// With op `close`.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        self.as_conn().close()
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

    /// See [`Conn::set_deadline`].
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.as_conn().set_deadline(deadline.into())
    }

    /// See [`Conn::set_read_deadline`].
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.as_conn().set_read_deadline(deadline.into())
    }

    /// See [`Conn::set_write_deadline`].
    ///
    /// # Errors
    ///
    /// With op `set`.
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.as_conn().set_write_deadline(deadline.into())
    }

    /// The TCP connection, if it is one.
    pub const fn as_tcp(&self) -> Option<&TCPConn> {
        match self {
            Self::TCP(conn) => Some(conn),
            Self::UDP(_) | Self::IP(_) | Self::Unix(_) | Self::Pipe(_) | Self::Other(_) => None,
        }
    }

    /// The UDP socket, if it is one.
    pub const fn as_udp(&self) -> Option<&UDPConn> {
        match self {
            Self::UDP(conn) => Some(conn),
            Self::TCP(_) | Self::IP(_) | Self::Unix(_) | Self::Pipe(_) | Self::Other(_) => None,
        }
    }

    /// The raw IP socket, if it is one.
    pub const fn as_ip(&self) -> Option<&IPConn> {
        match self {
            Self::IP(conn) => Some(conn),
            Self::TCP(_) | Self::UDP(_) | Self::Unix(_) | Self::Pipe(_) | Self::Other(_) => None,
        }
    }

    /// The Unix socket, if it is one.
    pub const fn as_unix(&self) -> Option<&UnixConn> {
        match self {
            Self::Unix(conn) => Some(conn),
            Self::TCP(_) | Self::UDP(_) | Self::IP(_) | Self::Pipe(_) | Self::Other(_) => None,
        }
    }
}

impl Conn for AnyConn {
    forward_conn!(AnyConn);

    fn write_buffers(&self, buffers: &mut Buffers) -> Result<usize, OpError> {
        self.as_conn().write_buffers(buffers)
    }

    fn write_some_slices(&self, slices: &[IoSlice<'_>]) -> Result<usize, OpError> {
        self.as_conn().write_some_slices(slices)
    }

    fn write_some(&self, octets: &[u8]) -> Result<usize, OpError> {
        Self::write_some(self, octets)
    }

    fn local_addr(&self) -> NetAddr {
        Self::local_addr(self)
    }

    fn remote_addr(&self) -> Option<NetAddr> {
        Self::remote_addr(self)
    }
}

macro_rules! from_conn {
    ($($conn:ident => $variant:ident),*) => {$(
        impl From<$conn> for AnyConn {
            fn from(conn: $conn) -> Self {
                Self::$variant(conn)
            }
        }
    )*};
}

from_conn!(TCPConn => TCP, UDPConn => UDP, IPConn => IP, UnixConn => Unix, PipeConn => Pipe);
