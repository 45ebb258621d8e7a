//! What UDP and raw sockets of the userspace stack share when a task polls them.
//!
//! `udp/poll.rs` and `ip/poll.rs` give it its types, as `udp.rs` and `ip.rs` do for threads.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;
use sidestep_stack::call::{ReceivedDatagram, SendDatagram};

use super::waiting::Waiting;
use crate::channel::datagram_poll::Sending;
use crate::channel::failure::Failure;
use crate::channel::stream::Which;
use crate::conn_io::cause;
use crate::error::{Cause, Op, OpError, SysCall};
use crate::packet_conn::StackSocket;

fn departing(octets: &[u8], remote: Option<SocketAddr>) -> SendDatagram {
    SendDatagram {
        remote,
        octets: Bytes::copy_from_slice(octets),
        ..SendDatagram::default()
    }
}

impl StackSocket {
    /// One datagram; fails with op `read`.
    pub(crate) fn poll_receive(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        call: SysCall,
    ) -> Poll<Result<ReceivedDatagram, OpError>> {
        waiting
            .until(
                cx,
                || self.channel.deadline(Which::Read),
                |cx, seat| self.channel.poll_receive(cx, seat),
            )
            .map_err(|failure| self.failed(Op::Read, cause(failure, call)))
    }

    /// Sends `octets` to `remote`, or to the peer; fails with a cause for op `write`.
    pub(crate) fn poll_send(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        sending: &mut Sending,
        (octets, remote): (&[u8], Option<SocketAddr>),
        call: SysCall,
    ) -> Poll<Result<usize, Cause>> {
        waiting
            .until(
                cx,
                || self.channel.deadline(Which::Write),
                |cx, seat| {
                    self.channel
                        .poll_send(cx, seat, sending, || departing(octets, remote))
                },
            )
            .map_ok(|()| octets.len())
            .map_err(|failure| cause(failure, call))
    }

    /// Sends if there is room now; `None`: there is none.
    pub(crate) fn try_send(
        &self,
        octets: &[u8],
        remote: Option<SocketAddr>,
        call: SysCall,
    ) -> Result<Option<usize>, Cause> {
        self.channel
            .try_send(departing(octets, remote))
            .map(|sent| sent.map(|()| octets.len()))
            .map_err(|failure| cause(failure, call))
    }

    /// Ready once a datagram may be sent, or something else is to be told.
    pub(crate) fn poll_send_ready(&self, cx: &mut Context<'_>, waiting: &mut Waiting) -> Poll<()> {
        waiting.until(
            cx,
            || self.channel.deadline(Which::Write),
            |cx, seat| self.channel.poll_send_ready(cx, seat),
        )
    }

    /// As `close`; the port is free once the future is ready.
    pub(crate) async fn close_and_settle(&self) -> Result<(), OpError> {
        self.channel.close().map_err(|failure: Failure| {
            self.failed(Op::Close, cause(failure, SysCall::Shutdown))
        })?;
        self.shared.settled(self.channel.source()).await;
        Ok(())
    }
}
