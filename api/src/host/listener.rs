//! A listener of the host kernel, and how one of TCP is made.
//!
//! `listener.rs` of the crate makes a `TCPListener` of it, `unix.rs` beside this file one of Unix
//! sockets. Handshakes that the peer aborted are skipped, never told to the user.

#[cfg(feature = "async")]
mod poll;

use std::fs;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno as Raw, fcntl_dupfd_cloexec};
use rustix::net::{SocketAddrAny, SocketFlags, SocketType, acceptfrom_with, bind, listen, sockopt};

use super::options::{self, Family};
use super::socket::{Socket, Way};
use super::stream::HostStream;
use crate::address::{NetAddr, Network, TCPAddr};
use crate::deadline::Deadline;
use crate::error::{Cause, Op, OpError, SysCall};
use crate::socket_options::SocketOptions;

/// The backlog where the kernel does not tell its own.
const BACKLOG_DEFAULT: i32 = 4_096;

/// A listener of the kernel at an `A`.
#[derive(Debug)]
pub struct Listening<A> {
    socket: Socket,
    network: Network,
    local: A,
    /// What accepted connections begin with.
    options: SocketOptions,
}

/// A TCP listener that the kernel keeps.
pub type HostListener = Listening<TCPAddr>;

/// Listens at `local`: no IP, 0.0.0.0 and `::` cover all families of `network`; port 0 lets the
/// kernel choose. `backlog` is how many connections may wait; `None` is the kernel's own limit.
///
/// # Errors
///
/// With op `listen`: what the kernel says.
pub fn listen_tcp(
    network: Network,
    local: &TCPAddr,
    backlog: Option<usize>,
) -> Result<HostListener, OpError> {
    listen_tcp_with(network, local, backlog, SocketOptions::default())
}

/// As [`listen_tcp`], with options for the listener and its connections.
///
/// # Errors
///
/// As for [`listen_tcp`].
pub fn listen_tcp_with(
    network: Network,
    local: &TCPAddr,
    backlog: Option<usize>,
    options: SocketOptions,
) -> Result<HostListener, OpError> {
    listen_once(network, local, backlog, options).map_err(|cause| {
        OpError::new(Op::Listen, network.as_str(), cause).with_addr(NetAddr::TCP(local.clone()))
    })
}

fn listen_once(
    network: Network,
    local: &TCPAddr,
    backlog: Option<usize>,
    set: SocketOptions,
) -> Result<HostListener, Cause> {
    let family = Family::to_bind(network, local.ip);
    let (descriptor, family) = options::open_to_bind(family, SocketType::STREAM)?;
    options::set(sockopt::set_socket_reuseaddr(&descriptor, true))?;
    options::set_before_use(descriptor.as_fd(), family, &set)?;
    let address = family.address(local.ip, &local.zone, local.port)?;
    bind(&descriptor, &address).map_err(|error| Cause::sys(SysCall::Bind, error.into()))?;
    wait_for_connections(&descriptor, backlog)?;
    let local = options::tcp_addr(options::local(&descriptor)?);
    let listening = HostListener::new(Socket::new(descriptor), network, local);
    Ok(HostListener {
        options: set,
        ..listening
    })
}

/// Lets the kernel take connections: `backlog` of them may wait, or as many as it likes.
pub(super) fn wait_for_connections(
    descriptor: impl AsFd,
    backlog: Option<usize>,
) -> Result<(), Cause> {
    let backlog = backlog.map_or_else(somaxconn, |backlog| {
        i32::try_from(backlog).unwrap_or(i32::MAX)
    });
    listen(descriptor, backlog).map_err(|error| Cause::sys(SysCall::Listen, error.into()))
}

fn somaxconn() -> i32 {
    fs::read_to_string("/proc/sys/net/core/somaxconn")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(BACKLOG_DEFAULT)
}

impl HostListener {
    /// Waits for a connection.
    ///
    /// # Errors
    ///
    /// With op `accept`: the deadline passed, the listener was closed, or the process has no
    /// descriptor left.
    #[doc(alias = "AcceptTCP")]
    pub fn accept(&self) -> Result<HostStream, OpError> {
        self.accept_with(|descriptor, address| self.connection(descriptor, address))
    }

    /// The connection of `descriptor`; `None` if it was reset meanwhile.
    fn connection(
        &self,
        descriptor: OwnedFd,
        address: Option<SocketAddrAny>,
    ) -> Option<Result<HostStream, Cause>> {
        let remote = address
            .and_then(|address| SocketAddr::try_from(address).ok())
            .or_else(|| options::peer(&descriptor))?;
        let open = || {
            let stream = HostStream::accepted(descriptor, self.network, remote)?;
            stream
                .set_options(&self.options)
                .map_err(|error| error.err().clone())?;
            Ok(stream)
        };
        Some(open())
    }
}

impl<A> Listening<A> {
    pub(super) fn new(socket: Socket, network: Network, local: A) -> Self {
        Self {
            socket,
            network,
            local,
            options: SocketOptions::default(),
        }
    }

    /// Where it listens; known after `close` as well.
    #[doc(alias = "Addr")]
    pub const fn addr(&self) -> &A {
        &self.local
    }

    /// The network that it listens on.
    pub const fn network(&self) -> Network {
        self.network
    }
}

impl<A: Clone + Into<NetAddr>> Listening<A> {
    /// Waits for a connection that `wrap` takes; `None` is one that is gone already.
    pub(super) fn accept_with<T>(
        &self,
        wrap: impl Fn(OwnedFd, Option<SocketAddrAny>) -> Option<Result<T, Cause>>,
    ) -> Result<T, OpError> {
        let accept = || loop {
            let accepted = self.socket.perform(Way::In, SysCall::Accept, accept_once);
            let (descriptor, address) = accepted?;
            if let Some(outcome) = wrap(descriptor, address) {
                return outcome;
            }
        };
        accept().map_err(|cause| self.failed(Op::Accept, cause))
    }

    /// Ends the listener; connections that were accepted live on.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn close(&self) -> Result<(), OpError> {
        self.socket
            .close()
            .map_err(|cause| self.failed(Op::Close, cause))
    }

    /// Sets the deadline for `accept`; accepted connections have their own.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetDeadline")]
    pub fn set_deadline(&self, deadline: impl Into<Deadline>) -> Result<(), OpError> {
        self.socket
            .set_deadline(&[Way::In], deadline.into())
            .map_err(|cause| self.failed(Op::Set, cause))
    }

    /// A second descriptor of the same listener: it lives on after `close`. It does not block, and
    /// the deadline does not hold for it.
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

    fn failed(&self, op: Op, cause: Cause) -> OpError {
        OpError::new(op, self.network.as_str(), cause).with_addr(self.local.clone().into())
    }
}

/// One call of the kernel.
fn accept_once(descriptor: BorrowedFd<'_>) -> rustix::io::Result<(OwnedFd, Option<SocketAddrAny>)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match acceptfrom_with(descriptor, flags) {
        // The peer went away before anybody took the connection: on to the next.
        Err(Raw::CONNABORTED) => Err(Raw::INTR),
        other => other,
    }
}
