//! A [`TCPConn`] for tasks: what `future/` polls.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait. The
//! deadlines of the connection hold, and wake the task.

use std::io::IoSlice;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{Inner, TCPConn};
use crate::channel::stream::Which;
use crate::channel::stream_poll::{Text, Writing};
use crate::channel::waiters::Seat;
use crate::error::{Op, OpError, SysCall};
use crate::future::waiting::{Leave, Waiting};

impl TCPConn {
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        match &*self.0 {
            Inner::Stack(conn) => waiting
                .until(
                    cx,
                    || conn.stream.deadline(Which::Read),
                    |cx, seat| conn.stream.poll_read(cx, seat, octets),
                )
                .map_err(|failure| conn.failed(Op::Read, failure, SysCall::Read)),
            Inner::Host(conn) => conn.poll_read(cx, waiting, octets),
        }
    }

    pub(crate) fn poll_read_bytes(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets_max: usize,
    ) -> Poll<Result<Bytes, OpError>> {
        match &*self.0 {
            Inner::Stack(conn) => waiting
                .until(
                    cx,
                    || conn.stream.deadline(Which::Read),
                    |cx, seat| conn.stream.poll_read_bytes(cx, seat, octets_max),
                )
                .map_err(|failure| conn.failed(Op::Read, failure, SysCall::Read)),
            Inner::Host(conn) => {
                let mut octets = vec![0; octets_max.min(64 * 1024)];
                conn.poll_read(cx, waiting, &mut octets).map_ok(|len| {
                    octets.truncate(len);
                    octets.into()
                })
            }
        }
    }

    /// Hands what a read gives to `each`, piece by piece; the end of the stream gives none.
    #[cfg(feature = "tokio")]
    pub(crate) fn poll_read_buf(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        buf: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<Result<(), OpError>> {
        let octets_max = buf.remaining();
        match &*self.0 {
            Inner::Stack(conn) => waiting
                .until(
                    cx,
                    || conn.stream.deadline(Which::Read),
                    |cx, seat| conn.stream.poll_take(cx, seat, octets_max),
                )
                .map_ok(|taken| taken.slices().for_each(|slice| buf.put_slice(slice)))
                .map_err(|failure| conn.failed(Op::Read, failure, SysCall::Read)),
            Inner::Host(conn) => {
                let octets = buf.initialize_unfilled();
                conn.poll_read(cx, waiting, octets)
                    .map_ok(|len| buf.advance(len))
            }
        }
    }

    pub(crate) fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        match &*self.0 {
            Inner::Stack(conn) => waiting
                .until(
                    cx,
                    || conn.stream.deadline(Which::Read),
                    |cx, seat| conn.stream.poll_peek(cx, seat, octets),
                )
                .map_err(|failure| conn.failed(Op::Read, failure, SysCall::Read)),
            Inner::Host(conn) => conn.poll_peek(cx, waiting, octets),
        }
    }

    /// Ready once all of `text` was taken; `writing` says how far it has come.
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        writing: &mut Writing,
        text: Text<'_>,
    ) -> Poll<Result<(), OpError>> {
        let outcome = match &*self.0 {
            Inner::Stack(conn) => waiting
                .until(
                    cx,
                    || conn.stream.deadline(Which::Write),
                    |cx, seat| conn.stream.poll_write(cx, seat, writing, text),
                )
                .map_err(|failure| conn.failed(Op::Write, failure, SysCall::Write)),
            Inner::Host(conn) => conn.poll_write(cx, waiting, writing, text.as_slice()),
        };
        outcome.map_err(|error| error.with_written(writing.written))
    }

    /// The writer of `writing` goes away before its end.
    pub(crate) fn end_writing(&self, writing: &mut Writing) {
        match &*self.0 {
            Inner::Stack(conn) => conn.stream.end_writing(writing),
            Inner::Host(conn) => conn.end_writing(writing),
        }
    }

    pub(crate) fn poll_write_some(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize, OpError>> {
        match &*self.0 {
            Inner::Stack(conn) => waiting
                .until(
                    cx,
                    || conn.stream.deadline(Which::Write),
                    |cx, seat| conn.stream.poll_write_some(cx, seat, pieces),
                )
                .map_err(|failure| conn.failed(Op::Write, failure, SysCall::Write)),
            Inner::Host(conn) => conn.poll_write_some(cx, waiting, pieces),
        }
    }
}

impl TCPConn {
    /// True if both are handles of one connection.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        std::sync::Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Leave for TCPConn {
    fn leave(&self, which: Which, seat: &mut Seat) {
        match &*self.0 {
            Inner::Stack(conn) => conn.stream.leave(which, seat),
            Inner::Host(conn) => conn.leave(which, seat),
        }
    }
}
