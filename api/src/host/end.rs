//! One end of a kernel socket that carries octets or messages: what streams, datagram sockets, Unix
//! and raw sockets have in common.
//!
//! Reading, writing, deadlines, closing and the errors with both addresses are here; `stream.rs`,
//! `datagram.rs`, `unix.rs` and `raw.rs` open them and add what only their kind can do. All methods
//! take `&self` and may be called from many threads; none reads ahead or keeps octets back.

#[cfg(feature = "async")]
mod poll;

use std::collections::VecDeque;
use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use bytes::{Buf, Bytes};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, send, sendmsg, shutdown, sockopt,
};

use super::socket::{Socket, Way};
use crate::address::{NetAddr, Network};
use crate::deadline::Deadline;
use crate::error::{Cause, Errno, Op, OpError, SysCall};

/// So many slices go to the kernel in one call: its `UIO_MAXIOV`, and Go's.
const SLICES_MAX: usize = 1_024;

/// What one call of a socket moves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Carries {
    /// Octets in order, without borders: writes are repeated until all is taken.
    Octets,
    /// Whole messages: one call, one message.
    Messages,
}

/// A socket of the host's kernel whose ends are named by an `A`.
#[derive(Debug)]
pub struct End<A> {
    pub(super) socket: Socket,
    network: Network,
    carries: Carries,
    pub(super) local: A,
    pub(super) remote: Option<A>,
}

impl<A> End<A> {
    pub(super) fn new(
        socket: Socket,
        network: Network,
        carries: Carries,
        local: A,
        remote: Option<A>,
    ) -> Self {
        Self {
            socket,
            network,
            carries,
            local,
            remote,
        }
    }

    /// Our end; known after `close` as well.
    pub const fn local_addr(&self) -> &A {
        &self.local
    }

    /// The network that it was dialled or listened for on.
    pub const fn network(&self) -> Network {
        self.network
    }
}

impl<A: Clone + Into<NetAddr>> End<A> {
    /// Receives up to `buffer.len()` octets, or one message, of which what does not fit is thrown
    /// away. 0 is the end of a stream, an empty message, or an empty buffer, with which nothing is
    /// taken.
    ///
    /// # Errors
    ///
    /// With op `read`; `ECONNREFUSED` once after a datagram that nobody took.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, OpError> {
        let mut read = || {
            if buffer.is_empty() {
                return self.socket.check_open().map(|()| 0);
            }
            self.socket.perform(Way::In, SysCall::Read, |fd| {
                recv(fd, &mut *buffer, RecvFlags::empty()).map(|(_, octets)| octets)
            })
        };
        read().map_err(|cause| self.failed(Op::Read, cause))
    }

    /// Sends all `octets`, which no octet of another call parts; or one message, to the peer.
    ///
    /// # Errors
    ///
    /// With op `write`; [`OpError::written`] says how many octets were taken before. `EDESTADDRREQ`
    /// without a peer, `EMSGSIZE` for a message that is too long.
    pub fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        let mut written = 0;
        self.write_all(octets, &mut written)
            .map_err(|cause| self.failed(Op::Write, cause).with_written(written))?;
        Ok(written)
    }

    fn write_all(&self, octets: &[u8], written: &mut usize) -> Result<(), Cause> {
        let send_once = |octets: &[u8]| {
            self.socket.perform(Way::Out, SysCall::Write, |fd| {
                send(fd, octets, SendFlags::NOSIGNAL)
            })
        };
        if self.carries == Carries::Messages {
            *written = send_once(octets)?;
            return Ok(());
        }
        let _turn = self.socket.write_turn()?;
        loop {
            *written += send_once(octets.get(*written..).unwrap_or_default())?;
            if *written >= octets.len() {
                return Ok(());
            }
        }
    }

    /// Sends the slices one after the other, as [`write`](Self::write) does with octets that lie
    /// together, and takes out of `slices` what was sent; or one message made of all of them.
    ///
    /// # Errors
    ///
    /// With op `writev`. What was not sent is left in `slices`.
    #[doc(alias = "writev")]
    pub fn write_slices(&self, slices: &mut VecDeque<Bytes>) -> Result<usize, OpError> {
        let mut written = 0;
        self.write_all_slices(slices, &mut written)
            .map_err(|cause| self.failed(Op::WriteV, cause).with_written(written))?;
        Ok(written)
    }

    fn write_all_slices(
        &self,
        slices: &mut VecDeque<Bytes>,
        written: &mut usize,
    ) -> Result<(), Cause> {
        let _turn = match self.carries {
            Carries::Octets => Some(self.socket.write_turn()?),
            Carries::Messages => {
                self.socket.check(Way::Out)?;
                None
            }
        };
        while !slices.is_empty() {
            let batch: Vec<IoSlice<'_>> = slices
                .iter()
                .take(SLICES_MAX)
                .map(|slice| IoSlice::new(slice))
                .collect();
            let sent = self.send_slices(&batch)?;
            *written += sent;
            match self.carries {
                Carries::Octets => consume(slices, sent),
                // The message is gone, also if all of its slices were empty.
                Carries::Messages => {
                    slices.drain(..slices.len().min(SLICES_MAX));
                }
            }
        }
        Ok(())
    }

    /// Sends what there is room for, at least one octet.
    ///
    /// # Errors
    ///
    /// With op `writev`.
    pub fn write_some_slices(&self, slices: &[IoSlice<'_>]) -> Result<usize, OpError> {
        let some = slices.get(..SLICES_MAX).unwrap_or(slices);
        let write = || {
            let _turn = self.socket.write_turn()?;
            self.send_slices(some)
        };
        write().map_err(|cause| self.failed(Op::WriteV, cause))
    }

    /// One call of the kernel. It is `sendmsg`, which can be told not to raise a signal.
    fn send_slices(&self, slices: &[IoSlice<'_>]) -> Result<usize, Cause> {
        self.socket.perform(Way::Out, SysCall::WriteV, |fd| {
            let mut nothing = SendAncillaryBuffer::default();
            sendmsg(fd, slices, &mut nothing, SendFlags::NOSIGNAL)
        })
    }

    /// Ends the socket: every call that waits fails with `Closed`, queued octets are still sent by
    /// the kernel, and the peer of a stream is reset if octets from it were not read.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn close(&self) -> Result<(), OpError> {
        self.socket
            .close()
            .map_err(|cause| self.failed(Op::Close, cause))
    }

    /// Ends our receiving: reads give the end of the stream.
    ///
    /// # Errors
    ///
    /// It was closed before, or there is no connection any more.
    #[doc(alias = "CloseRead")]
    pub fn close_read(&self) -> Result<(), OpError> {
        self.shutdown(Shutdown::Read)
    }

    /// Ends our sending: the peer reads the end of the stream after what was written.
    ///
    /// # Errors
    ///
    /// It was closed before, or there is no connection any more.
    #[doc(alias = "CloseWrite")]
    pub fn close_write(&self) -> Result<(), OpError> {
        self.shutdown(Shutdown::Write)
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), OpError> {
        self.socket
            .at_once(SysCall::Shutdown, |fd| shutdown(fd, how))
            .map_err(|cause| self.failed(Op::Close, cause))?;
        // A write that waits on a Unix socket whose buffer is full hears nothing of it otherwise.
        self.socket.look_again();
        Ok(())
    }

    /// Sets both deadlines.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.set_deadlines(&[Way::In, Way::Out], deadline.into())
    }

    /// Sets the deadline for reads, also for those that wait already.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetReadDeadline")]
    pub fn set_read_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.set_deadlines(&[Way::In], deadline.into())
    }

    /// Sets the deadline for writes, also for those that wait already.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetWriteDeadline")]
    pub fn set_write_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.set_deadlines(&[Way::Out], deadline.into())
    }

    fn set_deadlines(&self, ways: &[Way], deadline: Deadline) -> Result<(), OpError> {
        self.socket
            .set_deadline(ways, deadline)
            .map_err(|cause| self.not_set(cause))
    }

    /// Octets that the kernel keeps for reads.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetReadBuffer")]
    pub fn set_read_buffer(&self, octets: usize) -> Result<(), OpError> {
        self.set_option(|fd| sockopt::set_socket_recv_buffer_size(fd, octets))
    }

    /// Octets that the kernel takes before a write waits.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetWriteBuffer")]
    pub fn set_write_buffer(&self, octets: usize) -> Result<(), OpError> {
        self.set_option(|fd| sockopt::set_socket_send_buffer_size(fd, octets))
    }

    /// A second descriptor of the same socket: it lives on after `close`. It does not block, and
    /// deadlines do not hold for it.
    ///
    /// # Errors
    ///
    /// With op `file`: it was closed before, or the process has no descriptor left.
    #[doc(alias = "File")]
    pub fn file(&self) -> Result<OwnedFd, OpError> {
        self.socket
            .at_once(SysCall::Dup, |fd| fcntl_dupfd_cloexec(fd, 0))
            .map_err(|cause| self.failed(Op::File, cause))
    }

    /// As [`set_option`](Self::set_option), for what the connection does: as in Go, the error names
    /// both ends.
    pub(super) fn set_connection_option(
        &self,
        action: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<()>,
    ) -> Result<(), OpError> {
        self.socket
            .at_once(SysCall::SetSockOpt, |fd| action(fd.as_fd()))
            .map_err(|cause| self.failed(Op::Set, cause))
    }

    pub(super) fn set_option(
        &self,
        action: impl FnOnce(BorrowedFd<'_>) -> rustix::io::Result<()>,
    ) -> Result<(), OpError> {
        self.socket
            .at_once(SysCall::SetSockOpt, |fd| action(fd.as_fd()))
            .map_err(|cause| self.not_set(cause))
    }

    pub(super) fn failed(&self, op: Op, cause: Cause) -> OpError {
        OpError::new(op, self.network.as_str(), cause)
            .with_source(self.local.clone().into())
            .with_addr(self.remote.clone().map(Into::into))
    }

    /// A message to somebody else than the peer was not sent.
    pub(super) fn not_sent(&self, to: impl Into<NetAddr>, cause: Cause) -> OpError {
        OpError::new(Op::Write, self.network.as_str(), cause)
            .with_source(self.local.clone().into())
            .with_addr(to.into())
    }

    /// The failure of a message to an address of another network.
    pub(crate) fn not_of_this_network(&self, to: &NetAddr) -> OpError {
        self.not_sent(to.clone(), Cause::Errno(Errno::EINVAL))
    }

    /// As in Go: what belongs to the socket and not to the peer names our end only.
    pub(super) fn not_set(&self, cause: Cause) -> OpError {
        OpError::new(Op::Set, self.network.as_str(), cause).with_addr(self.local.clone().into())
    }
}

/// Takes the first `octets` out of `slices`, and empty slices before what is left.
pub(crate) fn consume(slices: &mut VecDeque<Bytes>, octets: usize) {
    let mut left = octets;
    while let Some(first) = slices.front_mut() {
        if left < first.len() {
            first.advance(left);
            return;
        }
        left -= first.len();
        slices.pop_front();
    }
}
