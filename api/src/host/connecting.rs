//! A TCP connection of the host kernel that is being opened, without waiting.
//!
//! Several of them race each other in `dial`: whoever waits polls their descriptors. One that is
//! dropped closes its socket.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::Poll;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno as Raw;
use rustix::net::{SocketType, bind, connect, sockopt};

use super::options::{self, Family};
use super::stream::HostStream;
use crate::address::{Network, TCPAddr};
use crate::error::{Cause, Errno, SysCall};
use crate::socket_options::SocketOptions;

/// How often a dial is begun that met itself, or a port that was just taken.
const DIAL_ATTEMPTS: usize = 3;

/// See the module.
#[derive(Debug)]
pub struct HostConnecting {
    network: Network,
    local: Option<TCPAddr>,
    remote: SocketAddr,
    options: SocketOptions,
    /// Until it is the connection's.
    descriptor: Option<OwnedFd>,
    attempt: usize,
}

impl HostConnecting {
    /// Begins to open a connection to `remote`, from `local` if given.
    ///
    /// # Errors
    ///
    /// What the kernel says at once.
    pub fn begin(
        network: Network,
        local: Option<TCPAddr>,
        remote: TCPAddr,
        options: SocketOptions,
    ) -> Result<Self, Cause> {
        let remote = remote.to_socket_addr(options::interface_index)?;
        let mut attempt = 1;
        loop {
            match begin_once(local.as_ref(), &remote, &options) {
                Ok(descriptor) => {
                    return Ok(Self {
                        network,
                        local,
                        remote,
                        options,
                        descriptor: Some(descriptor),
                        attempt,
                    });
                }
                Err(cause) if is_spurious(&cause, local.as_ref()) && attempt < DIAL_ATTEMPTS => {
                    attempt += 1;
                }
                Err(cause) => return Err(cause),
            }
        }
    }

    /// Whether it is open. What can be written to is worth asking again.
    pub fn poll(&mut self) -> Poll<Result<HostStream, Cause>> {
        loop {
            match self.poll_once() {
                Poll::Ready(Ok(None)) => self.attempt += 1,
                Poll::Ready(Ok(Some(stream))) => return Poll::Ready(Ok(stream)),
                Poll::Ready(Err(cause)) => {
                    let again = is_spurious(&cause, self.local.as_ref());
                    if !again || self.attempt >= DIAL_ATTEMPTS {
                        return Poll::Ready(Err(cause));
                    }
                    self.attempt += 1;
                }
                Poll::Pending => return Poll::Pending,
            }
            let begun = begin_once(self.local.as_ref(), &self.remote, &self.options)?;
            self.descriptor = Some(begun);
        }
    }

    /// `None`: it met itself, and should be begun again.
    fn poll_once(&mut self) -> Poll<Result<Option<HostStream>, Cause>> {
        let Some(descriptor) = self.descriptor.take() else {
            return Poll::Ready(Err(Cause::Closed));
        };
        let mut fds = [PollFd::new(&descriptor, PollFlags::OUT)];
        match poll(&mut fds, Some(&Timespec::default())) {
            Ok(0) | Err(Raw::INTR) => {
                self.descriptor = Some(descriptor);
                return Poll::Pending;
            }
            Ok(_) => {}
            Err(error) => return Poll::Ready(Err(Cause::sys(SysCall::Poll, error.into()))),
        }
        let failed = |error: Raw| Cause::sys(SysCall::Connect, error.into());
        sockopt::socket_error(&descriptor)
            .map_err(failed)?
            .map_err(failed)?;
        let ours = options::local(&descriptor)?;
        let port_was_chosen = self.local.as_ref().is_none_or(|local| local.port == 0);
        // As in a simultaneous open: nobody is there but ourselves.
        if ours == self.remote && port_was_chosen && self.attempt < DIAL_ATTEMPTS {
            return Poll::Ready(Ok(None));
        }
        let stream = HostStream::accepted(descriptor, self.network, self.remote)?;
        stream
            .set_options(&self.options)
            .map_err(|error| error.err().clone())?;
        Poll::Ready(Ok(Some(stream)))
    }

    /// What to poll for writing.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }
}

/// A port may be taken between choice and use; that is an accident only if the kernel chose it.
fn is_spurious(cause: &Cause, local: Option<&TCPAddr>) -> bool {
    let port_was_chosen = local.is_none_or(|local| local.port == 0);
    port_was_chosen && cause.errno() == Some(Errno::EADDRNOTAVAIL)
}

fn begin_once(
    local: Option<&TCPAddr>,
    remote: &SocketAddr,
    set: &SocketOptions,
) -> Result<OwnedFd, Cause> {
    let family = Family::to_reach(remote);
    let descriptor = options::open(family, SocketType::STREAM)?;
    options::set_before_use(descriptor.as_fd(), family, set)?;
    if let Some(local) = local {
        let address = family.address(local.ip, &local.zone, local.port)?;
        bind(&descriptor, &address).map_err(|error| Cause::sys(SysCall::Bind, error.into()))?;
    }
    match connect(&descriptor, remote) {
        Ok(()) | Err(Raw::INPROGRESS | Raw::INTR) => Ok(descriptor),
        Err(error) => Err(Cause::sys(SysCall::Connect, error.into())),
    }
}
