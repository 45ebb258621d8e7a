//! UDP sockets for tasks: [`UDPConn`].
//!
//! A call means what it means for threads; what waits there is a future here. The poll forms never
//! wait for the stack's verdict about a new destination: that is told by the next call.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use super::waiting::{Seated, Waiting};
use crate::UDPAddr;
use crate::channel::datagram_poll::Sending;
use crate::channel::stream::Which;
use crate::deadline::Deadline;
use crate::error::OpError;

/// A UDP socket for tasks. Clones are the same socket, which is closed when the last one, blocking
/// ones included, is dropped.
#[derive(Debug)]
#[doc(alias = "net.UDPConn")]
pub struct UDPConn {
    conn: crate::UDPConn,
    reading: Waiting,
    writing: Waiting,
}

impl From<crate::UDPConn> for UDPConn {
    fn from(conn: crate::UDPConn) -> Self {
        Self {
            conn,
            reading: Waiting::in_slot(),
            writing: Waiting::in_slot(),
        }
    }
}

impl From<UDPConn> for crate::UDPConn {
    fn from(conn: UDPConn) -> Self {
        conn.conn
    }
}

impl Clone for UDPConn {
    fn clone(&self) -> Self {
        self.conn.clone().into()
    }
}

impl AsRef<crate::UDPConn> for UDPConn {
    fn as_ref(&self) -> &crate::UDPConn {
        &self.conn
    }
}

impl UDPConn {
    /// Receives one datagram: how many of its octets were copied. What does not fit is thrown away;
    /// an empty datagram gives 0. Dropped before its end, it has taken nothing.
    ///
    /// # Errors
    ///
    /// With op `read`: `Timeout`, `Closed`, or once what an earlier datagram met, as `ECONNREFUSED`
    /// on a socket with a peer.
    #[doc(alias = "Read")]
    #[doc(alias = "recv")]
    pub async fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Read);
        poll_fn(|cx| self.conn.poll_read(cx, &mut seated.waiting, octets)).await
    }

    /// As [`read`](Self::read), and from whom it came.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    #[doc(alias = "ReadFrom")]
    #[doc(alias = "ReadFromUDP")]
    #[doc(alias = "recv_from")]
    pub async fn read_from(&self, octets: &mut [u8]) -> Result<(usize, UDPAddr), OpError> {
        let mut seated = Seated::new(&self.conn, Which::Read);
        poll_fn(|cx| self.conn.poll_read_from(cx, &mut seated.waiting, octets)).await
    }

    /// Sends one datagram to the peer, waiting for room. Dropped before its end, the datagram may
    /// or may not leave.
    ///
    /// # Errors
    ///
    /// With op `write`: `EDESTADDRREQ` without a peer, `EMSGSIZE` if it is too long, `Timeout`,
    /// `Closed`, or once what an earlier datagram met.
    #[doc(alias = "Write")]
    #[doc(alias = "send")]
    pub async fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Write);
        let mut sending = Sending::default();
        poll_fn(|cx| {
            self.conn
                .poll_write(cx, &mut seated.waiting, &mut sending, octets)
        })
        .await
    }

    /// Sends one datagram to `to`, waiting for room. The first one to a destination waits for the
    /// stack's verdict as well; later ones are told by the next call.
    ///
    /// # Errors
    ///
    /// With op `write`: [`Cause::WriteToConnected`](crate::Cause::WriteToConnected) if the socket
    /// has a peer, `ENETUNREACH`, `EMSGSIZE`, `Timeout`, `Closed`.
    #[doc(alias = "WriteTo")]
    #[doc(alias = "WriteToUDP")]
    #[doc(alias = "send_to")]
    pub async fn write_to(&self, octets: &[u8], to: &UDPAddr) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Write);
        let mut sending = Sending::default();
        poll_fn(|cx| {
            self.conn
                .poll_write_to(cx, &mut seated.waiting, &mut sending, (octets, to))
        })
        .await
    }

    /// As [`read_from`](Self::read_from), polled. Only the task that polled last is woken.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn poll_read_from(
        &mut self,
        cx: &mut Context<'_>,
        octets: &mut [u8],
    ) -> Poll<Result<(usize, UDPAddr), OpError>> {
        self.conn.poll_read_from(cx, &mut self.reading, octets)
    }

    /// Sends a datagram to the peer, once there is room. Only the task that polled last is woken.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<Result<usize, OpError>> {
        self.poll_send(cx, octets, None)
    }

    /// Sends a datagram to `to`, once there is room. Only the task that polled last is woken.
    ///
    /// # Errors
    ///
    /// As for [`write_to`](Self::write_to).
    pub fn poll_write_to(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
        to: &UDPAddr,
    ) -> Poll<Result<usize, OpError>> {
        self.poll_send(cx, octets, Some(to))
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
        to: Option<&UDPAddr>,
    ) -> Poll<Result<usize, OpError>> {
        loop {
            if let Some(sent) = self.conn.try_send(octets, to)? {
                return Poll::Ready(Ok(sent));
            }
            ready!(self.poll_write_ready(cx));
        }
    }

    /// Ready once [`try_write`](Self::try_write) is worth trying. Only the task that polled last is
    /// woken.
    pub fn poll_write_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.conn.poll_send_ready(cx, &mut self.writing)
    }

    /// Sends a datagram to the peer if there is room now; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn try_write(&self, octets: &[u8]) -> Result<Option<usize>, OpError> {
        self.conn.try_send(octets, None)
    }

    /// Sends a datagram to `to` if there is room now; `None` if there is none.
    ///
    /// # Errors
    ///
    /// As for [`write_to`](Self::write_to).
    pub fn try_write_to(&self, octets: &[u8], to: &UDPAddr) -> Result<Option<usize>, OpError> {
        self.conn.try_send(octets, Some(to))
    }

    /// Closes the socket: every call that waits fails with `Closed`. Closed it is at the first poll;
    /// ready once the port is free.
    ///
    /// # Errors
    ///
    /// With op `close`: it was closed before.
    #[doc(alias = "Close")]
    pub async fn close(&self) -> Result<(), OpError> {
        self.conn.close_and_settle().await
    }

    /// Our end; known after `close` as well.
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(&self) -> &UDPAddr {
        self.conn.local_addr()
    }

    /// The peer's end, if there is one; known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    pub fn remote_addr(&self) -> Option<&UDPAddr> {
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

    /// Sets the deadline of reads.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.conn.set_read_deadline(deadline)
    }

    /// Sets the deadline of writes.
    ///
    /// # Errors
    ///
    /// As for [`set_deadline`](Self::set_deadline).
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.conn.set_write_deadline(deadline)
    }
}
