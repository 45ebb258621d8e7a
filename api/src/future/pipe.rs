//! Ends of a pipe for tasks: [`PipeConn`].
//!
//! A call means what it means for threads; what waits there is a future here. A task at one end and
//! a thread at the other do well together.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::waiting::{Seated, Waiting};
use crate::channel::pipe::Until;
use crate::channel::stream::Which;
use crate::deadline::Deadline;
use crate::error::OpError;

/// An end of a [`pipe`](crate::pipe()) for tasks. Clones are the same end, which is closed when the
/// last one, blocking ones included, is dropped.
#[derive(Debug)]
#[doc(alias = "net.Pipe")]
pub struct PipeConn {
    pub(super) conn: crate::PipeConn,
    pub(super) reading: Waiting,
    writing: Writer,
}

/// What `poll_write` keeps from one poll to the next.
#[derive(Debug)]
struct Writer {
    conn: crate::PipeConn,
    waiting: Waiting,
    /// Octets are held out to the other end.
    holding: bool,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.conn.take_back(&mut self.holding);
    }
}

impl From<crate::PipeConn> for PipeConn {
    fn from(conn: crate::PipeConn) -> Self {
        Self {
            writing: Writer {
                conn: conn.clone(),
                waiting: Waiting::in_slot(),
                holding: false,
            },
            conn,
            reading: Waiting::in_slot(),
        }
    }
}

impl From<PipeConn> for crate::PipeConn {
    fn from(conn: PipeConn) -> Self {
        conn.conn
    }
}

impl Clone for PipeConn {
    fn clone(&self) -> Self {
        self.conn.clone().into()
    }
}

impl AsRef<crate::PipeConn> for PipeConn {
    fn as_ref(&self) -> &crate::PipeConn {
        &self.conn
    }
}

impl PipeConn {
    /// As [`PipeConn::read`](crate::PipeConn::read). Dropped before its end, it has taken nothing.
    ///
    /// # Errors
    ///
    /// With op `read`.
    #[doc(alias = "Read")]
    pub async fn read(&self, octets: &mut [u8]) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Read);
        poll_fn(|cx| self.conn.poll_read(cx, &mut seated.waiting, octets)).await
    }

    /// As [`PipeConn::write`](crate::PipeConn::write). Dropped before its end, some octets may have
    /// been taken; the rest never will be.
    ///
    /// # Errors
    ///
    /// With op `write`.
    #[doc(alias = "Write")]
    pub async fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        let mut seated = Seated::new(&self.conn, Which::Write);
        let mut writer = Writer {
            conn: self.conn.clone(),
            waiting: Waiting::in_slot(),
            holding: false,
        };
        let what = (octets, Until::AllIsTaken);
        poll_fn(|cx| {
            self.conn
                .poll_write(cx, &mut seated.waiting, &mut writer.holding, what)
        })
        .await
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

    /// Ready once a read has taken some of `octets`, which must be the same at every poll until
    /// then; the task that polled last is woken.
    ///
    /// # Errors
    ///
    /// As for [`write`](Self::write).
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<Result<usize, OpError>> {
        if octets.is_empty() {
            // The traits take 0 for done; nobody would come to meet it.
            return Poll::Ready(Ok(0));
        }
        let Writer {
            waiting, holding, ..
        } = &mut self.writing;
        let what = (octets, Until::SomeIsTaken);
        self.conn.poll_write(cx, waiting, holding, what)
    }

    /// Ends our direction: the other end reads the end of the stream.
    pub fn close_write(&self) {
        self.conn.close_write();
    }

    /// Closes this end. Repeating it succeeds.
    ///
    /// # Errors
    ///
    /// None; the result is that of every connection's `close`.
    #[doc(alias = "Close")]
    pub fn close(&self) -> Result<(), OpError> {
        self.conn.close()
    }

    /// Sets the deadline of reads and writes, of those that wait now as well.
    ///
    /// # Errors
    ///
    /// [`Cause::ClosedPipe`](crate::Cause::ClosedPipe) if either end is closed.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.conn.set_deadline(deadline)
    }
}
