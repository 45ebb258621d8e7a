//! A write of a whole call: [`Write`], the future that `write` of a stream gives.
//!
//! It keeps the writer's turn until its end, so the octets of one call stay together whoever else
//! writes. Dropped before, it gives the turn up and can be asked before what it has taken.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::waiting::Seated;
use crate::channel::stream::Which;
use crate::channel::stream_poll::{Text, Writing};
use crate::error::OpError;

/// What is being written.
pub(super) enum Source<'a> {
    Borrowed(&'a [u8]),
    Shared(Bytes),
}

/// Sends all octets of one call, in order and not mixed with those of others; the future of
/// [`TCPConn::write`](super::TCPConn::write).
///
/// Dropping it stops the write where it is. To know where that is, poll it by reference and ask
/// [`written`](Self::written).
#[must_use = "nothing is written until it is polled"]
pub struct Write<'a> {
    conn: &'a crate::TCPConn,
    source: Source<'a>,
    seated: Seated<'a, crate::TCPConn>,
    writing: Writing,
}

impl<'a> Write<'a> {
    pub(super) fn new(conn: &'a crate::TCPConn, source: Source<'a>) -> Self {
        Self {
            conn,
            source,
            seated: Seated::new(conn, Which::Write),
            writing: Writing::default(),
        }
    }

    /// Octets that were taken so far. Those are sent, whatever becomes of this future.
    pub const fn written(&self) -> usize {
        self.writing.written
    }
}

impl Future for Write<'_> {
    type Output = Result<usize, OpError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            conn,
            source,
            seated,
            writing,
        } = &mut *self;
        let text = match source {
            Source::Borrowed(octets) => Text::Borrowed(octets),
            Source::Shared(octets) => Text::Shared(octets),
        };
        ready!(conn.poll_write(cx, &mut seated.waiting, writing, text))?;
        Poll::Ready(Ok(writing.written))
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        self.conn.end_writing(&mut self.writing);
    }
}

impl fmt::Debug for Write<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write")
            .field("written", &self.written())
            .finish_non_exhaustive()
    }
}
