//! A [`TCPListener`] for tasks: what `future/` polls.
//!
//! `accept` that says "pending" where the other would wait, and a close that does not keep the
//! executor's thread.

use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Inner, TCPListener};
use crate::TCPAddr;
use crate::channel::stream::Which;
use crate::channel::waiters::Seat;
use crate::conn::TCPConn;
use crate::error::{Op, OpError};
use crate::future::waiting::{Leave, Waiting};

impl TCPListener {
    pub(crate) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Result<TCPConn, OpError>> {
        let listener = match &*self.0 {
            Inner::Stack(listener) => listener,
            Inner::Host(listener) => {
                return listener.poll_accept(cx, waiting).map_ok(TCPConn::of_host);
            }
        };
        loop {
            let arrival = std::task::ready!(waiting.until(
                cx,
                || listener.channel.deadline(),
                |cx, seat| listener.channel.poll_accept(cx, seat),
            ))
            .map_err(|failure| listener.failed(Op::Accept, failure))?;
            let (local, remote) = (arrival.local, arrival.remote);
            if let Some(stream) = arrival.into_stream() {
                return Poll::Ready(Ok(TCPConn::of_stack(
                    stream,
                    listener.network,
                    local,
                    TCPAddr::from(remote),
                    Arc::clone(&listener.shared),
                )));
            }
        }
    }

    /// As `close`; the port is free once the future is ready.
    pub(crate) async fn close_and_settle(&self) -> Result<(), OpError> {
        match &*self.0 {
            Inner::Stack(listener) => {
                listener
                    .channel
                    .close()
                    .map_err(|failure| listener.failed(Op::Close, failure))?;
                if let Some(questions) = &listener.questions {
                    let _ = questions.close();
                }
                listener.shared.settled(listener.channel.source()).await;
                Ok(())
            }
            Inner::Host(listener) => listener.close(),
        }
    }
}

impl Leave for TCPListener {
    fn leave(&self, _which: Which, seat: &mut Seat) {
        match &*self.0 {
            Inner::Stack(listener) => listener.channel.leave(seat),
            Inner::Host(listener) => listener.leave(seat),
        }
    }
}
