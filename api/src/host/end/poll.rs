//! An [`End`] for tasks. `conn/poll.rs`, `udp/poll.rs` and `future/` poll with these.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait.

use std::io::IoSlice;
use std::mem;
use std::task::{Context, Poll, ready};

use rustix::io::Errno as Raw;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};

use super::{Carries, End};
use crate::address::NetAddr;
use crate::channel::stream::Which;
use crate::channel::stream_poll::Writing;
use crate::channel::waiters::Seat;
use crate::error::{Op, OpError, SysCall};
use crate::future::waiting::Waiting;
use crate::host::socket::Way;

impl<A: Clone + Into<NetAddr>> End<A> {
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        self.poll_receive(cx, waiting, octets, RecvFlags::empty())
    }

    pub(crate) fn poll_peek(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        self.poll_receive(cx, waiting, octets, RecvFlags::PEEK)
    }

    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
        flags: RecvFlags,
    ) -> Poll<Result<usize, OpError>> {
        let failed = |cause| self.failed(Op::Read, cause);
        if octets.is_empty() {
            return Poll::Ready(self.socket.check_open().map(|()| 0).map_err(failed));
        }
        self.socket
            .poll_perform(cx, waiting, (Way::In, SysCall::Read), |fd| {
                recv(fd, &mut *octets, flags).map(|(_, octets)| octets)
            })
            .map_err(failed)
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        writing: &mut Writing,
        octets: &[u8],
    ) -> Poll<Result<(), OpError>> {
        let failed = |cause| self.failed(Op::Write, cause);
        if self.carries == Carries::Messages {
            writing.written = ready!(self.poll_write_message(cx, waiting, octets))?;
            return Poll::Ready(Ok(()));
        }
        if !writing.has_turn {
            ready!(self.socket.poll_turn(cx, waiting)).map_err(failed)?;
            writing.has_turn = true;
        }
        loop {
            let rest = octets.get(writing.written..).unwrap_or_default();
            let sent = ready!(self.socket.poll_perform(
                cx,
                waiting,
                (Way::Out, SysCall::Write),
                |fd| send(fd, rest, SendFlags::NOSIGNAL)
            ));
            match sent {
                Ok(octets) => writing.written += octets,
                Err(cause) => {
                    self.end_writing(writing);
                    return Poll::Ready(Err(failed(cause)));
                }
            }
            if writing.written >= octets.len() {
                self.end_writing(writing);
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// One message.
    pub(crate) fn poll_write_message(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &[u8],
    ) -> Poll<Result<usize, OpError>> {
        self.socket
            .poll_perform(cx, waiting, (Way::Out, SysCall::Write), |fd| {
                send(fd, octets, SendFlags::NOSIGNAL)
            })
            .map_err(|cause| self.failed(Op::Write, cause))
    }

    pub(crate) fn poll_write_some(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize, OpError>> {
        let failed = |cause| self.failed(Op::Write, cause);
        loop {
            ready!(self.socket.poll_turn(cx, waiting)).map_err(failed)?;
            let sent = self.socket.at_once(SysCall::Write, |fd| {
                let mut no_extras = SendAncillaryBuffer::default();
                match sendmsg(fd, pieces, &mut no_extras, SendFlags::NOSIGNAL) {
                    Err(Raw::AGAIN | Raw::INTR) => Ok(None),
                    sent => sent.map(Some),
                }
            });
            // The turn is not kept while waiting, so that it cannot be lost with the task.
            self.socket.end_turn();
            if let Some(octets) = sent.map_err(failed)? {
                return Poll::Ready(Ok(octets));
            }
            ready!(self.socket.poll_writable(cx, waiting)).map_err(failed)?;
        }
    }

    pub(crate) fn end_writing(&self, writing: &mut Writing) {
        if mem::take(&mut writing.has_turn) {
            self.socket.end_turn();
        }
    }

    pub(crate) fn leave(&self, which: Which, seat: &mut Seat) {
        self.socket.leave(which.into(), seat);
    }
}
