//! A [`UDPConn`] for tasks: what `future/` polls.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait.

use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use super::{Inner, StackUdp, UDPConn, check_size};
use crate::channel::datagram_poll::Sending;
use crate::channel::stream::Which;
use crate::channel::waiters::Seat;
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::future::waiting::{Leave, Waiting};
use crate::packet_conn::{copy_datagram, destination, wrong_family};
use crate::{NetAddr, UDPAddr};

impl UDPConn {
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        match &*self.0 {
            Inner::Stack(conn) => conn
                .socket
                .poll_receive(cx, waiting, SysCall::Read)
                .map_ok(|datagram| copy_datagram(octets, &datagram.octets)),
            Inner::Host(conn) => conn.poll_read(cx, waiting, octets),
        }
    }

    pub(crate) fn poll_read_from(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<(usize, UDPAddr), OpError>> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let received = ready!(conn.socket.poll_receive(cx, waiting, SysCall::ReadFrom))?;
                let len = copy_datagram(octets, &received.octets);
                Poll::Ready(Ok((len, conn.shown(received.remote))))
            }
            Inner::Host(conn) => conn.poll_read_from(cx, waiting, octets),
        }
    }

    pub(crate) fn poll_write(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        sending: &mut Sending,
        octets: &[u8],
    ) -> Poll<Result<usize, OpError>> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return conn.poll_write_message(cx, waiting, octets),
        };
        let failed = |cause| conn.socket.failed(Op::Write, cause);
        conn.check_write(octets).map_err(failed)?;
        conn.socket
            .poll_send(cx, waiting, sending, (octets, None), SysCall::Write)
            .map_err(failed)
    }

    pub(crate) fn poll_write_to(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        sending: &mut Sending,
        (octets, to): (&[u8], &UDPAddr),
    ) -> Poll<Result<usize, OpError>> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return conn.poll_write_to(cx, waiting, octets, to),
        };
        let failed = |cause| conn.failed_to(to, cause);
        let remote = conn.check_write_to(octets, to).map_err(failed)?;
        let datagram = (octets, Some(remote));
        conn.socket
            .poll_send(cx, waiting, sending, datagram, SysCall::WriteTo)
            .map_err(failed)
    }

    /// As `write_to` or, without `to`, `write`; `None` if there is no room now. What becomes of the
    /// datagram is told by the next call.
    pub(crate) fn try_send(
        &self,
        octets: &[u8],
        to: Option<&UDPAddr>,
    ) -> Result<Option<usize>, OpError> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return conn.try_send(octets, to),
        };
        match to {
            None => conn
                .check_write(octets)
                .and_then(|()| conn.socket.try_send(octets, None, SysCall::Write))
                .map_err(|cause| conn.socket.failed(Op::Write, cause)),
            Some(to) => conn
                .check_write_to(octets, to)
                .and_then(|remote| conn.socket.try_send(octets, Some(remote), SysCall::WriteTo))
                .map_err(|cause| conn.failed_to(to, cause)),
        }
    }

    pub(crate) fn poll_send_ready(&self, cx: &mut Context<'_>, waiting: &mut Waiting) -> Poll<()> {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.poll_send_ready(cx, waiting),
            Inner::Host(conn) => conn.poll_send_ready(cx, waiting),
        }
    }

    /// As `close`; the port is free once the future is ready.
    pub(crate) async fn close_and_settle(&self) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.close_and_settle().await,
            Inner::Host(conn) => conn.close(),
        }
    }
}

impl StackUdp {
    fn check_write(&self, octets: &[u8]) -> Result<(), Cause> {
        let remote = self.remote.as_ref();
        let remote = remote.ok_or(Cause::sys(SysCall::Write, Errno::EDESTADDRREQ))?;
        check_size(octets, remote, SysCall::Write)
    }

    fn check_write_to(&self, octets: &[u8], to: &UDPAddr) -> Result<SocketAddr, Cause> {
        if self.remote.is_some() {
            return Err(Cause::WriteToConnected);
        }
        check_size(octets, to, SysCall::WriteTo)?;
        let ip = destination(self.socket.network, to.ip)?;
        Ok(SocketAddr::new(ip, to.port))
    }

    fn failed_to(&self, to: &UDPAddr, cause: Cause) -> OpError {
        let cause = wrong_family(to.ip, cause);
        OpError::new(Op::Write, self.socket.network.as_str(), cause)
            .with_source(NetAddr::UDP(self.local.clone()))
            .with_addr(NetAddr::UDP(to.clone()))
    }
}

impl Leave for UDPConn {
    fn leave(&self, which: Which, seat: &mut Seat) {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.channel.leave(which, seat),
            Inner::Host(conn) => conn.leave(which, seat),
        }
    }
}
