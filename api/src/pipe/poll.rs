//! A [`PipeConn`] for tasks: what `future/` polls.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait.

use std::task::{Context, Poll};

use super::{PipeConn, failed};
use crate::channel::pipe::{PipeWriteFailure, Took, Until};
use crate::channel::stream::Which;
use crate::channel::waiters::Seat;
use crate::error::{Op, OpError};
use crate::future::waiting::{Leave, Waiting};

impl PipeConn {
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        let lane = &self.0.incoming;
        waiting
            .until(
                cx,
                || lane.read_deadline(),
                |cx, seat| lane.poll_read(cx, seat, octets),
            )
            .map_ok(|took| match took {
                Took::Octets(count) => count,
                Took::End => 0,
            })
            .map_err(|failure| failed(Op::Read, failure))
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

    /// `holding` says whether the octets are held out to the other end; who gives up then calls
    /// [`take_back`](Self::take_back).
    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        holding: &mut bool,
        (octets, until): (&[u8], Until),
    ) -> Poll<Result<usize, OpError>> {
        let lane = &self.0.outgoing;
        waiting
            .until(
                cx,
                || lane.write_deadline(),
                |cx, seat| lane.poll_write(cx, seat, holding, octets, until),
            )
            .map_err(|PipeWriteFailure { written, failure }| {
                failed(Op::Write, failure).with_written(written)
            })
    }

    /// Holds nothing out any more: how many octets were taken.
    pub(crate) fn take_back(&self, holding: &mut bool) -> usize {
        self.0.outgoing.take_back(holding)
    }

    /// The other end reads the end of the stream; it can still be read from.
    pub(crate) fn close_write(&self) {
        self.0.outgoing.close_writer();
    }
}

impl Leave for PipeConn {
    fn leave(&self, which: Which, seat: &mut Seat) {
        match which {
            Which::Read | Which::Both => self.0.incoming.leave_readers(seat),
            Which::Write => self.0.outgoing.leave_writers(seat),
        }
    }
}
