//! A [`Listening`] for tasks: what `listener/poll.rs` of the crate and `future/` poll.
//!
//! Handshakes that the peer aborted are skipped, as by `accept`.

use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use rustix::net::SocketAddrAny;

use super::{HostListener, Listening, accept_once};
use crate::address::NetAddr;
use crate::channel::waiters::Seat;
use crate::error::{Cause, Op, OpError, SysCall};
use crate::future::waiting::Waiting;
use crate::host::socket::Way;
use crate::host::stream::HostStream;

impl HostListener {
    pub(crate) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Result<HostStream, OpError>> {
        self.poll_accept_with(cx, waiting, |descriptor, address| {
            self.connection(descriptor, address)
        })
    }
}

impl<A: Clone + Into<NetAddr>> Listening<A> {
    /// As `accept_with`, without waiting.
    pub(in crate::host) fn poll_accept_with<T>(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        wrap: impl Fn(OwnedFd, Option<SocketAddrAny>) -> Option<Result<T, Cause>>,
    ) -> Poll<Result<T, OpError>> {
        let failed = |cause| self.failed(Op::Accept, cause);
        loop {
            let call = (Way::In, SysCall::Accept);
            let accepted = self.socket.poll_perform(cx, waiting, call, accept_once);
            let (descriptor, address) = ready!(accepted).map_err(failed)?;
            if let Some(outcome) = wrap(descriptor, address) {
                return Poll::Ready(outcome.map_err(failed));
            }
        }
    }
}

impl<A> Listening<A> {
    pub(crate) fn leave(&self, seat: &mut Seat) {
        self.socket.leave(Way::In, seat);
    }
}
