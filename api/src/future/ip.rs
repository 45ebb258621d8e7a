//! Raw IP sockets for tasks: [`IPConn`].
//!
//! A call means what it means for threads; what waits there is a future here. As there, `read` shows
//! the header over IPv4 and `read_from` does not.

use std::future::poll_fn;

use super::waiting::Seated;
use crate::IPAddr;
use crate::channel::datagram_poll::Sending;
use crate::channel::stream::Which;
use crate::deadline::Deadline;
use crate::error::OpError;

/// A raw IP socket for tasks. Clones are the same socket, which is closed when the last one, blocking
/// ones included, is dropped.
#[derive(Clone, Debug)]
#[doc(alias = "net.IPConn")]
pub struct IPConn {
    conn: crate::IPConn,
}

impl From<crate::IPConn> for IPConn {
    fn from(conn: crate::IPConn) -> Self {
        Self { conn }
    }
}

impl From<IPConn> for crate::IPConn {
    fn from(conn: IPConn) -> Self {
        conn.conn
    }
}

impl AsRef<crate::IPConn> for IPConn {
    fn as_ref(&self) -> &crate::IPConn {
        &self.conn
    }
}

impl IPConn {
    /// Receives one payload, over IPv4 behind its header: how many octets were copied. What does not
    /// fit is thrown away; with a peer, payloads of others are skipped. Dropped before its end, it has taken nothing.
    ///
    /// # Errors
    ///
    /// With op `read`: `Timeout`, `Closed`.
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
    #[doc(alias = "ReadFromIP")]
    #[doc(alias = "recv_from")]
    pub async fn read_from(&self, octets: &mut [u8]) -> Result<(usize, IPAddr), OpError> {
        let mut seated = Seated::new(&self.conn, Which::Read);
        poll_fn(|cx| self.conn.poll_read_from(cx, &mut seated.waiting, octets)).await
    }

    /// Sends one payload to the peer, waiting for room. Dropped before its end, the payload may
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

    /// Sends one payload to `to`, waiting for room. The first one to a destination waits for the
    /// stack's verdict as well; later ones are told by the next call.
    ///
    /// # Errors
    ///
    /// With op `write`: [`Cause::WriteToConnected`](crate::Cause::WriteToConnected) if the socket
    /// has a peer, `ENETUNREACH`, `EMSGSIZE`, `Timeout`, `Closed`.
    #[doc(alias = "WriteTo")]
    #[doc(alias = "WriteToIP")]
    #[doc(alias = "send_to")]
    pub async fn write_to(&self, octets: &[u8], to: &IPAddr) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Write);
        let mut sending = Sending::default();
        poll_fn(|cx| {
            self.conn
                .poll_write_to(cx, &mut seated.waiting, &mut sending, (octets, to))
        })
        .await
    }

    /// Closes the socket: every call that waits fails with `Closed`. Closed it is at the first poll;
    /// ready once the stack has closed it.
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
    pub fn local_addr(&self) -> &IPAddr {
        self.conn.local_addr()
    }

    /// The peer's end, if there is one; known after `close` as well.
    #[doc(alias = "RemoteAddr")]
    pub fn remote_addr(&self) -> Option<&IPAddr> {
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
