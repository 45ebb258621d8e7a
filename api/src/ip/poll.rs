//! An [`IPConn`] for tasks: what `future/` polls.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait.

use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll, ready};

use sidestep_stack::call::ReceivedDatagram;

use super::{IPConn, Inner, PAYLOAD_OCTETS_MAX, StackIp, copy_with_header};
use crate::channel::datagram_poll::Sending;
use crate::channel::stream::Which;
use crate::channel::waiters::Seat;
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::future::waiting::{Leave, Waiting};
use crate::packet_conn::copy_datagram;
use crate::{IPAddr, NetAddr};

impl IPConn {
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<usize, OpError>> {
        match &*self.0 {
            Inner::Stack(conn) if octets.is_empty() => {
                Poll::Ready(conn.socket.check_open(Op::Read).map(|()| 0))
            }
            Inner::Stack(conn) => {
                let datagram = ready!(conn.poll_receive(cx, waiting, SysCall::Read))?;
                Poll::Ready(Ok(copy_with_header(octets, &datagram)))
            }
            Inner::Host(conn) => conn.poll_read(cx, waiting, octets),
        }
    }

    pub(crate) fn poll_read_from(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<(usize, IPAddr), OpError>> {
        match &*self.0 {
            Inner::Stack(conn) => {
                let datagram = ready!(conn.poll_receive(cx, waiting, SysCall::ReadFrom))?;
                let len = copy_datagram(octets, &datagram.octets);
                Poll::Ready(Ok((len, conn.shown(datagram.remote.ip()))))
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
        let peer = conn.peer().map_err(failed)?;
        conn.poll_send(cx, waiting, sending, (octets, peer), SysCall::Write)
            .map_err(failed)
    }

    pub(crate) fn poll_write_to(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        sending: &mut Sending,
        (octets, to): (&[u8], &IPAddr),
    ) -> Poll<Result<usize, OpError>> {
        let conn = match &*self.0 {
            Inner::Stack(conn) => conn,
            Inner::Host(conn) => return conn.poll_write_to(cx, waiting, octets, to),
        };
        let failed = |cause| conn.not_sent(NetAddr::IP(to.clone()), cause);
        let ip = conn.free_to(to).map_err(failed)?;
        conn.poll_send(cx, waiting, sending, (octets, ip), SysCall::WriteTo)
            .map_err(failed)
    }

    /// As `close`; ready once the stack has closed the socket.
    pub(crate) async fn close_and_settle(&self) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.close_and_settle().await,
            Inner::Host(conn) => conn.close(),
        }
    }
}

impl StackIp {
    fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        call: SysCall,
    ) -> Poll<Result<ReceivedDatagram, OpError>> {
        loop {
            let datagram = ready!(self.socket.poll_receive(cx, waiting, call))?;
            if self.hears(&datagram) {
                return Poll::Ready(Ok(datagram));
            }
        }
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
        self.socket.poll_send(cx, waiting, sending, datagram, call)
    }
}

impl Leave for IPConn {
    fn leave(&self, which: Which, seat: &mut Seat) {
        match &*self.0 {
            Inner::Stack(conn) => conn.socket.channel.leave(which, seat),
            Inner::Host(conn) => conn.leave(which, seat),
        }
    }
}
