//! An [`IPConn`] for tasks: what `future/` polls.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait.

use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};

use super::{IPConn, PAYLOAD_OCTETS_MAX, copy_with_header};
use crate::channel::datagram_poll::Sending;
use crate::channel::stream::Which;
use crate::channel::waiters::Seat;
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::future::waiting::{Leave, Waiting};
use crate::packet_conn::copy_datagram;
use crate::{IPAddr, NetAddr};

impl IPConn {
    pub(crate) fn poll_read_from(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
        call: SysCall,
    ) -> Poll<Result<(usize, IPAddr), OpError>> {
        loop {
            let datagram = ready!(self.0.socket.poll_receive(cx, waiting, call))?;
            if self.hears(&datagram) {
                let len = match call {
                    SysCall::Read => copy_with_header(octets, &datagram),
                    _ => copy_datagram(octets, &datagram.octets),
                };
                return Poll::Ready(Ok((len, self.shown(datagram.remote.ip()))));
            }
        }
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        sending: &mut Sending,
        octets: &[u8],
    ) -> Poll<Result<usize, OpError>> {
        let failed = |cause| self.0.socket.failed(Op::Write, cause);
        let remote = self.0.remote.as_ref().and_then(|remote| remote.ip);
        let remote = remote
            .ok_or(Cause::sys(SysCall::Write, Errno::EDESTADDRREQ))
            .map_err(failed)?;
        let datagram = (octets, remote);
        self.poll_send(cx, waiting, sending, datagram, SysCall::Write)
            .map_err(failed)
    }

    pub(crate) fn poll_write_to(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        sending: &mut Sending,
        (octets, to): (&[u8], &IPAddr),
    ) -> Poll<Result<usize, OpError>> {
        let failed = |cause| {
            OpError::new(Op::Write, self.0.socket.network.as_str(), cause)
                .with_source(NetAddr::IP(self.0.local.clone()))
                .with_addr(NetAddr::IP(to.clone()))
        };
        if self.0.remote.is_some() {
            return Poll::Ready(Err(failed(Cause::WriteToConnected)));
        }
        let ip = self.remote_of(to).map_err(failed)?;
        self.poll_send(cx, waiting, sending, (octets, ip), SysCall::WriteTo)
            .map_err(failed)
    }

    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        sending: &mut Sending,
        (octets, to): (&[u8], IpAddr),
        call: SysCall,
    ) -> Poll<Result<usize, Cause>> {
        if octets.len() > PAYLOAD_OCTETS_MAX {
            return Poll::Ready(Err(Cause::sys(call, Errno::EMSGSIZE)));
        }
        let datagram = (octets, Some(SocketAddr::new(to, 0)));
        self.0
            .socket
            .poll_send(cx, waiting, sending, datagram, call)
    }

    /// As `close`; ready once the stack has closed the socket.
    pub(crate) async fn close_and_settle(&self) -> Result<(), OpError> {
        self.0.socket.close_and_settle().await
    }
}

impl Leave for IPConn {
    fn leave(&self, which: Which, seat: &mut Seat) {
        self.0.socket.channel.leave(which, seat);
    }
}
