//! Unix sockets for tasks: [`UnixConn`] and [`UnixListener`].
//!
//! A call means what it means for threads; what waits there is a future here. What does not wait is
//! called on the blocking type, which [`AsRef`] gives.

use std::future::poll_fn;
use std::io::IoSlice;
use std::task::{Context, Poll};

use super::waiting::{Seated, Waiting};
use crate::UnixAddr;
use crate::channel::stream::Which;
use crate::channel::stream_poll::Writing;
use crate::deadline::Deadline;
use crate::error::OpError;

/// A Unix socket for tasks. Clones are the same socket, which is closed when the last one, blocking
/// ones included, is dropped.
#[derive(Debug)]
#[doc(alias = "net.UnixConn")]
pub struct UnixConn {
    pub(super) conn: crate::UnixConn,
    pub(super) reading: Waiting,
    pub(super) writing: Waiting,
}

impl From<crate::UnixConn> for UnixConn {
    fn from(conn: crate::UnixConn) -> Self {
        Self {
            conn,
            reading: Waiting::in_slot(),
            writing: Waiting::in_slot(),
        }
    }
}

impl From<UnixConn> for crate::UnixConn {
    fn from(conn: UnixConn) -> Self {
        conn.conn
    }
}

impl Clone for UnixConn {
    fn clone(&self) -> Self {
        self.conn.clone().into()
    }
}

impl AsRef<crate::UnixConn> for UnixConn {
    fn as_ref(&self) -> &crate::UnixConn {
        &self.conn
    }
}

/// A write that has the writer's turn, and gives it up when it is dropped.
struct Turn<'a> {
    conn: &'a crate::UnixConn,
    writing: Writing,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.conn.end_writing(&mut self.writing);
    }
}

impl UnixConn {
    /// As [`UnixConn::read`](crate::UnixConn::read). Dropped before its end, it has taken nothing.
    ///
    /// # Errors
    ///
    /// With op `read`.
    #[doc(alias = "Read")]
    pub async fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Read);
        poll_fn(|cx| self.conn.poll_read(cx, &mut seated.waiting, octets)).await
    }

    /// As [`read`](Self::read), and who sent it: `None` if the sender has no name.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadFromUnix")]
    pub async fn read_from_unix(
        &self,
        octets: &mut [u8],
    ) -> Result<(usize, Option<UnixAddr>), OpError> {
        let mut seated = Seated::new(&self.conn, Which::Read);
        poll_fn(|cx| self.conn.poll_read_from(cx, &mut seated.waiting, octets)).await
    }

    /// As [`UnixConn::write`](crate::UnixConn::write). Dropped before its end, some octets may have
    /// been taken.
    ///
    /// # Errors
    ///
    /// With op `write`.
    #[doc(alias = "Write")]
    pub async fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Write);
        let mut turn = Turn {
            conn: &self.conn,
            writing: Writing::default(),
        };
        poll_fn(|cx| {
            self.conn
                .poll_write(cx, &mut seated.waiting, &mut turn.writing, octets)
        })
        .await?;
        Ok(turn.writing.written)
    }

    /// As [`UnixConn::write_to_unix`](crate::UnixConn::write_to_unix).
    ///
    /// # Errors
    ///
    /// With op `write`.
    #[doc(alias = "WriteToUnix")]
    pub async fn write_to_unix(&self, octets: &[u8], to: &UnixAddr) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Write);
        poll_fn(|cx| self.conn.poll_write_to(cx, &mut seated.waiting, octets, to)).await
    }

    /// [`read`](Self::read) for a task that polls: the one that polled last is woken.
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

    /// Sends what there is room for, at least one octet; the task that polled last is woken.
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

    /// Closes the socket: tasks and threads that wait fail with `Closed`.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        self.conn.close()
    }

    /// Ends our direction after what was written.
    ///
    /// # Errors
    ///
    /// With op `close`.
    #[doc(alias = "CloseWrite")]
    pub fn close_write(&self) -> Result<(), OpError> {
        self.conn.close_write()
    }

    /// Our end; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(&self) -> &UnixAddr {
        self.conn.local_addr()
    }

    /// The peer's end, if there is one; known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    pub fn remote_addr(&self) -> Option<&UnixAddr> {
        self.conn.remote_addr()
    }

    /// Sets the deadline of reads and writes, of those that wait now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.conn.set_deadline(deadline)
    }
}

/// A listener of Unix sockets for tasks. Clones are the same listener.
#[derive(Debug)]
#[doc(alias = "net.UnixListener")]
pub struct UnixListener {
    listener: crate::UnixListener,
    waiting: Waiting,
}

impl From<crate::UnixListener> for UnixListener {
    fn from(listener: crate::UnixListener) -> Self {
        Self {
            listener,
            waiting: Waiting::in_slot(),
        }
    }
}

impl From<UnixListener> for crate::UnixListener {
    fn from(listener: UnixListener) -> Self {
        listener.listener
    }
}

impl Clone for UnixListener {
    fn clone(&self) -> Self {
        self.listener.clone().into()
    }
}

impl AsRef<crate::UnixListener> for UnixListener {
    fn as_ref(&self) -> &crate::UnixListener {
        &self.listener
    }
}

impl UnixListener {
    /// The next connection. Dropped before its end, it has taken none.
    ///
    /// # Errors
    ///
    /// With op `accept`: `Closed`, also if it is closed meanwhile; `Timeout`.
    #[doc(alias = "Accept")]
    #[doc(alias = "AcceptUnix")]
    pub async fn accept(&self) -> Result<UnixConn, OpError> {
        let mut seated = Seated::new(&self.listener, Which::Read);
        poll_fn(|cx| self.listener.poll_accept(cx, &mut seated.waiting))
            .await
            .map(UnixConn::from)
    }

    /// [`accept`](Self::accept) for a task that polls: the one that polled last is woken.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Result<UnixConn, OpError>> {
        self.listener
            .poll_accept(cx, &mut self.waiting)
            .map_ok(UnixConn::from)
    }

    /// Removes the file and ends the listener.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        self.listener.close()
    }

    /// Where it listens; known after `close` as well.
    #[doc(alias = "Addr")]
    pub fn addr(&self) -> &UnixAddr {
        self.listener.addr()
    }

    /// Sets the deadline of `accept`, of one that waits now as well.
    ///
    /// # Errors
    ///
    /// With op `set`: it is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.listener.set_deadline(deadline)
    }
}
