//! [`UnixConn`] and [`UnixListener`] for tasks: what `future/` polls.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait.

use std::io::IoSlice;
use std::task::{Context, Poll};

use super::{UnixConn, UnixListener};
use crate::UnixAddr;
use crate::channel::stream::Which;
use crate::channel::stream_poll::Writing;
use crate::channel::waiters::Seat;
use crate::error::OpError;
use crate::future::waiting::{Leave, Waiting};

impl UnixConn {
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        self.0.poll_read(cx, waiting, octets)
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn poll_read_buf(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<Result<(), OpError>> {
        let octets = buf.initialize_unfilled();
        self.poll_read(cx, waiting, octets)
            .map_ok(|len| buf.advance(len))
    }

    pub(crate) fn poll_read_from(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<(usize, Option<UnixAddr>), OpError>> {
        self.0.poll_read_from(cx, waiting, octets)
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        writing: &mut Writing,
        octets: &[u8],
    ) -> Poll<Result<(), OpError>> {
        self.0
            .poll_write(cx, waiting, writing, octets)
            .map_err(|error| error.with_written(writing.written))
    }

    pub(crate) fn poll_write_to(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &[u8],
        to: &UnixAddr,
    ) -> Poll<Result<usize, OpError>> {
        self.0.poll_write_to(cx, waiting, octets, to)
    }

    pub(crate) fn poll_write_some(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize, OpError>> {
        self.0.poll_write_some(cx, waiting, pieces)
    }

    /// The writer of `writing` goes away before its end.
    pub(crate) fn end_writing(&self, writing: &mut Writing) {
        self.0.end_writing(writing);
    }
}

impl Leave for UnixConn {
    fn leave(&self, which: Which, seat: &mut Seat) {
        self.0.leave(which, seat);
    }
}

impl UnixListener {
    pub(crate) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Result<UnixConn, OpError>> {
        self.0.poll_accept(cx, waiting).map_ok(UnixConn::of_host)
    }
}

impl Leave for UnixListener {
    fn leave(&self, _which: Which, seat: &mut Seat) {
        self.0.listening().leave(seat);
    }
}
