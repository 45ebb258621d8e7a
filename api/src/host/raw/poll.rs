//! A [`HostRaw`] for tasks. `ip/poll.rs` polls with it.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait.

use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendFlags, recvfrom, sendto};

use super::HostRaw;
use crate::address::IPAddr;
use crate::error::{Op, OpError, SysCall};
use crate::future::waiting::Waiting;
use crate::host::socket::Way;

impl HostRaw {
    pub(crate) fn poll_read_from(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<(usize, IPAddr), OpError>> {
        let received = self
            .socket
            .poll_perform(cx, waiting, (Way::In, SysCall::ReadFrom), |fd| {
                let (_, octets, from) = recvfrom(fd, &mut *octets, RecvFlags::empty())?;
                Ok((octets, from))
            });
        let (len, from) = ready!(received).map_err(|cause| self.failed(Op::Read, cause))?;
        Poll::Ready(Ok(self.without_header(octets, len, from)))
    }

    pub(crate) fn poll_write_to(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &[u8],
        to: &IPAddr,
    ) -> Poll<Result<usize, OpError>> {
        let address = self
            .address_of(to)
            .map_err(|cause| self.not_sent(to.clone(), cause))?;
        self.socket
            .poll_perform(cx, waiting, (Way::Out, SysCall::WriteTo), |fd| {
                sendto(fd, octets, SendFlags::NOSIGNAL, &address)
            })
            .map_err(|cause| self.not_sent(to.clone(), cause))
    }
}
