//! A [`HostSocket`] for tasks. `udp/poll.rs` polls with it.
//!
//! Each form does what the method of its name does, and says "pending" where that would wait.

use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use rustix::io::Errno as Raw;
use rustix::net::{RecvFlags, SendFlags, recvfrom, send, sendto};

use super::HostSocket;
use crate::address::UDPAddr;
use crate::error::{Cause, Op, OpError, SysCall};
use crate::future::waiting::Waiting;
use crate::host::options;
use crate::host::socket::Way;

impl HostSocket {
    pub(crate) fn poll_read_from(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &mut [u8],
    ) -> Poll<Result<(usize, UDPAddr), OpError>> {
        let received = self
            .socket
            .poll_perform(cx, waiting, (Way::In, SysCall::ReadFrom), |fd| {
                let (_, octets, from) = recvfrom(fd, &mut *octets, RecvFlags::empty())?;
                Ok((octets, from))
            });
        let (octets, from) = ready!(received).map_err(|cause| self.failed(Op::Read, cause))?;
        let from = from.and_then(|from| SocketAddr::try_from(from).ok());
        let from = from.map(options::udp_addr).or_else(|| self.remote.clone());
        Poll::Ready(Ok((octets, from.unwrap_or_default())))
    }

    pub(crate) fn poll_write_to(
        &self,
        cx: &mut Context<'_>,
        waiting: &mut Waiting,
        octets: &[u8],
        to: &UDPAddr,
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

    /// Sends to `to`, or to the peer, if there is room now.
    pub(crate) fn try_send(
        &self,
        octets: &[u8],
        to: Option<&UDPAddr>,
    ) -> Result<Option<usize>, OpError> {
        let attempt = || {
            let address = to.map(|to| self.address_of(to)).transpose()?;
            self.socket.check(Way::Out)?;
            let sent = self.socket.at_once(SysCall::Write, |fd| {
                let sent = match &address {
                    Some(address) => sendto(fd, octets, SendFlags::NOSIGNAL, address),
                    None => send(fd, octets, SendFlags::NOSIGNAL),
                };
                match sent {
                    Ok(octets) => Ok(Some(octets)),
                    Err(Raw::AGAIN | Raw::INTR) => Ok(None),
                    Err(error) => Err(error),
                }
            })?;
            Ok(sent)
        };
        attempt().map_err(|cause: Cause| match to {
            Some(to) => self.not_sent(to.clone(), cause),
            None => self.failed(Op::Write, cause),
        })
    }

    pub(crate) fn poll_send_ready(&self, cx: &mut Context<'_>, waiting: &mut Waiting) -> Poll<()> {
        // What went wrong is told by the send that follows.
        self.socket.poll_writable(cx, waiting).map(|_| ())
    }
}
