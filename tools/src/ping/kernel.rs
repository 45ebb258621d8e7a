//! A raw socket of the kernel, for echo requests that the kernel's own stack sends.
//!
//! The demo uses it inside its namespace, where it has the right to. The socket is connected, so that
//! only what the peer sent comes back; a wait ends at its deadline.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, connect, ipproto, recv,
    send, socket_with,
};
use sidestep::Deadline;

/// See the module.
#[derive(Debug)]
pub(super) struct RawSocket(OwnedFd);

impl RawSocket {
    /// For echo messages to and from `address`.
    pub(super) fn open(address: IpAddr) -> io::Result<Self> {
        let (family, protocol): (AddressFamily, Protocol) = match address {
            IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP),
            IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6),
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::RAW, flags, Some(protocol))?;
        connect(&socket, &SocketAddr::new(address, 0))?;
        Ok(Self(socket))
    }

    /// Sends one message; the kernel makes its IP header.
    pub(super) fn send(&self, message: &[u8]) -> io::Result<()> {
        send(&self.0, message, SendFlags::empty())?;
        Ok(())
    }

    /// Waits for a message; `None` if none came before `deadline`.
    pub(super) fn receive(&self, room: &mut [u8], deadline: Deadline) -> io::Result<Option<usize>> {
        loop {
            match recv(&self.0, &mut *room, RecvFlags::empty()) {
                Ok((octets, _)) => return Ok(Some(octets)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            if deadline.has_passed() {
                return Ok(None);
            }
            let left = deadline
                .remaining()
                .and_then(|left| Timespec::try_from(left).ok());
            let mut waiting = [PollFd::new(&self.0, PollFlags::IN)];
            match poll(&mut waiting, left.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}
