//! TCP connections for tasks: [`TCPConn`].
//!
//! `dial.rs` and `listener.rs` make them. A call means what it means for threads; what waits there
//! is a future here. The settings are the same calls: they wait for the packet thread at most,
//! never for the network.

use std::future::poll_fn;
use std::io::IoSlice;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::halves::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use super::waiting::{Seated, Waiting};
use super::write::{Source, Write};
use crate::TCPAddr;
use crate::channel::stream::Which;
use crate::conn::TCPInfo;
use crate::deadline::Deadline;
use crate::error::OpError;
use crate::socket_options::KeepAliveConfig;

/// A TCP connection for tasks. Clones are the same connection, which is closed when the last one,
/// blocking ones included, is dropped.
///
/// With the feature `tokio` it is `tokio::io::{AsyncRead, AsyncWrite}`, with `futures-io` that
/// crate's `AsyncRead` and `AsyncWrite`; shutting those down is [`close_write`](Self::close_write).
#[derive(Debug)]
#[doc(alias = "net.TCPConn")]
pub struct TCPConn {
    pub(super) conn: crate::TCPConn,
    pub(super) reading: Waiting,
    pub(super) writing: Waiting,
}

impl From<crate::TCPConn> for TCPConn {
    fn from(conn: crate::TCPConn) -> Self {
        Self {
            conn,
            reading: Waiting::in_slot(),
            writing: Waiting::in_slot(),
        }
    }
}

impl From<TCPConn> for crate::TCPConn {
    fn from(conn: TCPConn) -> Self {
        conn.conn
    }
}

impl Clone for TCPConn {
    fn clone(&self) -> Self {
        self.conn.clone().into()
    }
}

impl AsRef<crate::TCPConn> for TCPConn {
    fn as_ref(&self) -> &crate::TCPConn {
        &self.conn
    }
}

impl TCPConn {
    /// Receives up to `octets.len()` octets, waiting for the first; 0 is the end of the stream, for
    /// ever, or an empty buffer. Dropped before its end, it has taken nothing.
    ///
    /// # Errors
    ///
    /// With op `read`: `Timeout` once the deadline has passed, even if octets wait; `Closed`; after
    /// a reset `ECONNRESET`, once.
    #[doc(alias = "Read")]
    pub async fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Read);
        poll_fn(|cx| self.conn.poll_read(cx, &mut seated.waiting, octets)).await
    }

    /// Receives up to `octets_max` octets without copying them; empty at the end of the stream.
    /// Dropped before its end, it has taken nothing.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub async fn read_bytes(&self, octets_max: usize) -> Result<Bytes, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Read);
        poll_fn(|cx| {
            self.conn
                .poll_read_bytes(cx, &mut seated.waiting, octets_max)
        })
        .await
    }

    /// As [`read`](Self::read), but the octets stay for the next read.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub async fn peek(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Read);
        poll_fn(|cx| self.conn.poll_peek(cx, &mut seated.waiting, octets)).await
    }

    /// Sends all of `octets`: ready once the last one was taken, which is not to say that it has
    /// arrived. The octets of one call are never mixed with those of another. Dropped before its
    /// end, it has taken what [`Write::written`] said.
    ///
    /// # Errors
    ///
    /// With op `write`: `Timeout`, `Closed`, `ECONNRESET` once after a reset, else `EPIPE`.
    /// [`OpError::written`] says how many octets were taken.
    #[doc(alias = "Write")]
    pub fn write<'a>(&'a self, octets: &'a [u8]) -> Write<'a> {
        Write::new(&self.conn, Source::Borrowed(octets))
    }

    /// As [`write`](Self::write), without copying.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn write_bytes(&self, octets: Bytes) -> Write<'_> {
        Write::new(&self.conn, Source::Shared(octets))
    }

    /// Sends what there is room for, at least one octet. Dropped before its end, it has taken
    /// nothing.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub async fn write_some(&self, octets: &[u8]) -> Result<usize, OpError> {
        self.write_vectored(&[IoSlice::new(octets)]).await
    }

    /// As [`write_some`](Self::write_some), of several pieces.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub async fn write_vectored(&self, pieces: &[IoSlice<'_>]) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Write);
        poll_fn(|cx| self.conn.poll_write_some(cx, &mut seated.waiting, pieces)).await
    }

    /// As [`read`](Self::read), polled. Only the task that polled last is woken.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        self.conn.poll_read(cx, &mut self.reading, octets)
    }

    /// As [`peek`](Self::peek), polled. Only the task that polled last is woken.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn poll_peek(
        &mut self,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        self.conn.poll_peek(cx, &mut self.reading, octets)
    }

    /// As [`write_vectored`](Self::write_vectored), polled. Only the task that polled last is woken.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize, OpError>> {
        self.conn.poll_write_some(cx, &mut self.writing, pieces)
    }

    /// Closes the connection: see [`TCPConn::close`](crate::TCPConn::close). It does not wait.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        self.conn.close()
    }

    /// The two directions, for as long as the connection is borrowed.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        let Self {
            conn,
            reading,
            writing,
        } = self;
        (
            ReadHalf {
                conn,
                waiting: reading,
            },
            WriteHalf {
                conn,
                waiting: writing,
            },
        )
    }

    /// The two directions, to be owned by two tasks. Dropping the one that writes ends our
    /// direction.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (
            OwnedReadHalf {
                conn: self.conn.clone(),
                waiting: self.reading,
            },
            OwnedWriteHalf {
                conn: self.conn,
                waiting: self.writing,
                on_drop: super::halves::OnDrop::CloseWrite,
            },
        )
    }
}

/// Calls that do not wait for the network are those of the blocking type.
macro_rules! same_calls {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl TCPConn {$(
            $(#[$doc])*
            pub fn $name(&self, $($argument: $type),*) -> $result {
                self.conn.$name($($argument),*)
            }
        )*}
    };
}

same_calls! {
    /// See [`TCPConn::close_write`](crate::TCPConn::close_write).
    ///
    /// # Errors
    ///
    /// With op `close`: `Closed`, or `ENOTCONN` if the connection has failed.
    #[doc(alias = "CloseWrite")]
    close_write() -> Result<(), OpError>;
    /// See [`TCPConn::close_read`](crate::TCPConn::close_read).
    ///
    /// # Errors
    ///
    /// As for [`close_write`](Self::close_write).
    #[doc(alias = "CloseRead")]
    close_read() -> Result<(), OpError>;
    /// Our end; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    local_addr() -> &TCPAddr;
    /// The peer's end; known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    remote_addr() -> &TCPAddr;
    /// Sets the deadline of reads and writes: absolute, kept until it is changed, and seen at once
    /// by tasks and threads that wait.
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed.
    #[doc(alias = "SetDeadline")]
    set_deadline(deadline: impl Into<Deadline>) -> Result<(), OpError>;
    /// Sets the deadline of reads.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetReadDeadline")]
    set_read_deadline(deadline: impl Into<Deadline>) -> Result<(), OpError>;
    /// Sets the deadline of writes.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetWriteDeadline")]
    set_write_deadline(deadline: impl Into<Deadline>) -> Result<(), OpError>;
    /// See [`TCPConn::set_nodelay`](crate::TCPConn::set_nodelay).
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed or has failed.
    #[doc(alias = "SetNoDelay")]
    set_nodelay(nodelay: bool) -> Result<(), OpError>;
    /// See [`TCPConn::set_keep_alive`](crate::TCPConn::set_keep_alive).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetKeepAlive")]
    set_keep_alive(keep_alive: bool) -> Result<(), OpError>;
    /// See [`TCPConn::set_keep_alive_config`](crate::TCPConn::set_keep_alive_config).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetKeepAliveConfig")]
    set_keep_alive_config(config: impl Into<KeepAliveConfig>) -> Result<(), OpError>;
    /// See [`TCPConn::set_keep_alive_period`](crate::TCPConn::set_keep_alive_period).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetKeepAlivePeriod")]
    set_keep_alive_period(idle: Duration) -> Result<(), OpError>;
    /// See [`TCPConn::set_congestion`](crate::TCPConn::set_congestion).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    set_congestion(algorithm: &str) -> Result<(), OpError>;
    /// See [`TCPConn::set_linger`](crate::TCPConn::set_linger).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetLinger")]
    set_linger(linger: Option<Duration>) -> Result<(), OpError>;
    /// See [`TCPConn::set_cork`](crate::TCPConn::set_cork).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    set_cork(cork: bool) -> Result<(), OpError>;
    /// See [`TCPConn::set_quick_ack`](crate::TCPConn::set_quick_ack).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    set_quick_ack(quick_ack: bool) -> Result<(), OpError>;
    /// See [`TCPConn::set_user_timeout`](crate::TCPConn::set_user_timeout).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    set_user_timeout(timeout: Duration) -> Result<(), OpError>;
    /// See [`TCPConn::set_read_buffer`](crate::TCPConn::set_read_buffer).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetReadBuffer")]
    set_read_buffer(octets: usize) -> Result<(), OpError>;
    /// See [`TCPConn::set_write_buffer`](crate::TCPConn::set_write_buffer).
    ///
    /// # Errors
    ///
    /// As for [`set_nodelay`](Self::set_nodelay).
    #[doc(alias = "SetWriteBuffer")]
    set_write_buffer(octets: usize) -> Result<(), OpError>;
    /// See [`TCPConn::info`](crate::TCPConn::info).
    ///
    /// # Errors
    ///
    /// With op `set`: the connection is closed or gone; `NotSupported` on the host.
    info() -> Result<TCPInfo, OpError>;
}
