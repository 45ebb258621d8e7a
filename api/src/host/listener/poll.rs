//! A [`HostListener`] for tasks. `listener/poll.rs` polls with it.
//!
//! Handshakes that the peer aborted are skipped, as by `accept`.

use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use rustix::io::Errno as Raw;
use rustix::net::{SocketFlags, acceptfrom_with};

use super::HostListener;
use crate::channel::waiters::Seat;
use crate::error::{Op, OpError, SysCall};
use crate::future::waiting::Waiting;
use crate::host::options;
use crate::host::socket::Way;
use crate::host::stream::HostStream;

impl HostListener {
    pub(crate) fn poll_accept(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
    ) -> Poll<Result<HostStream, OpError>> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let failed = |cause| self.failed(Op::Accept, cause);
        loop {
            let accepted =
                self.socket
                    .poll_perform(cx, waiting, (Way::In, SysCall::Accept), |fd| {
                        match acceptfrom_with(fd, flags) {
                            // The peer went away before anybody took the connection.
                            Err(Raw::CONNABORTED) => Err(Raw::INTR),
                            other => other,
                        }
                    });
            let (descriptor, address) = ready!(accepted).map_err(failed)?;
            let remote = address
                .and_then(|address| SocketAddr::try_from(address).ok())
                .or_else(|| options::peer(&descriptor));
            // Without a peer it was reset meanwhile.
            if let Some(remote) = remote {
                let stream = HostStream::accepted(descriptor, self.network, remote);
                return Poll::Ready(stream.map_err(failed));
            }
        }
    }

    pub(crate) fn leave(&self, seat: &mut Seat) {
        self.socket.leave(Way::In, seat);
    }
}
