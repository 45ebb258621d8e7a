//! A [`HostUnix`] and a [`HostUnixListener`] for tasks. `unix/poll.rs` of the crate polls with these.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait.

use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};

use super::{HostUnix, HostUnixListener, unix_addr};
use crate::address::UnixAddr;
use crate::error::{Op, OpError, SysCall};
use crate::future::waiting::Waiting;
use crate::host::socket::Way;

impl HostUnix {
    pub(crate) fn poll_read_from(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<(usize, Option<UnixAddr>), OpError>> {
        let received = self
            .socket
            .poll_perform(cx, waiting, (Way::In, SysCall::ReadFrom), |fd| {
                let (_, octets, from) = recvfrom(fd, &mut *octets, RecvFlags::empty())?;
                Ok((octets, from))
            });
        let (octets, from) = ready!(received).map_err(|cause| self.failed(Op::Read, cause))?;
        let from = from.and_then(|address| unix_addr(self.kind(), address));
        Poll::Ready(Ok((octets, from)))
    }

    pub(crate) fn poll_write_to(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &[u8],
        to: &UnixAddr,
    ) -> Poll<Result<usize, OpError>> {
        let failed = |cause| self.not_sent(to.clone(), cause);
        let name = self.name_of(to).map_err(failed)?;
        self.socket
            .poll_perform(cx, waiting, (Way::Out, SysCall::WriteTo), |fd| {
                sendto(fd, octets, SendFlags::NOSIGNAL, &name)
            })
            .map_err(failed)
    }
}

impl HostUnixListener {
    pub(crate) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Result<HostUnix, OpError>> {
        self.listening
            .poll_accept_with(cx, waiting, |descriptor, address| {
                Some(self.connection(descriptor, address))
            })
    }
}
