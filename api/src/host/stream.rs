//! A TCP connection of the host kernel.
//!
//! `conn.rs` makes a `TCPConn` of it. All methods take `&self` and may be called from many threads;
//! none of them reads ahead or keeps octets back.

#[cfg(feature = "async")]
mod poll;

use std::borrow::Cow;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::io::Errno as Raw;
use rustix::net::{
    RecvFlags, SendFlags, Shutdown, SocketType, bind, connect, recv, send, shutdown, sockopt,
};

use super::options::{self, Family};
use super::socket::{Socket, Way};
use crate::address::{NetAddr, Network, TCPAddr};
use crate::deadline::Deadline;
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::socket_options::{KeepAliveConfig, SocketOptions};

/// How often a dial is repeated that met itself, or a port that was just taken.
const DIAL_ATTEMPTS: usize = 3;

/// A connection that the kernel keeps.
#[derive(Debug)]
pub struct HostStream {
    socket: Socket,
    network: Network,
    local: TCPAddr,
    remote: TCPAddr,
}

/// Opens a connection to the one address `remote`, from `local` if given.
///
/// # Errors
///
/// With op `dial`: the deadline passed, or what the kernel says.
pub fn dial_tcp(
    network: Network,
    local: Option<&TCPAddr>,
    remote: &TCPAddr,
    deadline: Deadline,
) -> Result<HostStream, OpError> {
    let mut attempt = 1;
    loop {
        let result = dial_once(network, local, remote, deadline);
        // A connect to a port of our own range may meet itself as in a simultaneous open, and a
        // port may be taken between choice and use. Both are by accident only if the port was
        // chosen by the kernel.
        let port_was_chosen = local.is_none_or(|local| local.port == 0);
        let by_accident = match &result {
            Ok(stream) => stream.local == stream.remote,
            Err(cause) => cause.errno() == Some(Errno::EADDRNOTAVAIL),
        };
        if by_accident && port_was_chosen && attempt < DIAL_ATTEMPTS {
            attempt += 1;
            continue;
        }
        return result.map_err(|cause| {
            OpError::new(Op::Dial, network.as_str(), cause)
                .with_source(local.cloned().map(NetAddr::TCP))
                .with_addr(NetAddr::TCP(remote.clone()))
        });
    }
}

fn dial_once(
    network: Network,
    local: Option<&TCPAddr>,
    remote: &TCPAddr,
    deadline: Deadline,
) -> Result<HostStream, Cause> {
    if deadline.has_passed() {
        return Err(Cause::Timeout);
    }
    let remote = remote.to_socket_addr(options::interface_index)?;
    let family = Family::to_reach(&remote);
    let descriptor = options::open(family, SocketType::STREAM)?;
    if let Some(local) = local {
        let address = family.address(local.ip, &local.zone, local.port)?;
        bind(&descriptor, &address).map_err(|error| Cause::sys(SysCall::Bind, error.into()))?;
    }
    let socket = Socket::new(descriptor);
    socket.set_deadline(&[Way::Out], deadline)?;
    let started = socket.at_once(SysCall::Connect, |fd| match connect(fd, &remote) {
        Err(Raw::INPROGRESS | Raw::INTR) => Ok(()),
        other => other,
    });
    started?;
    socket.wait_writable()?;
    socket.at_once(SysCall::Connect, |fd| sockopt::socket_error(fd)?)?;
    socket.set_deadline(&[Way::Out], Deadline::NONE)?;
    HostStream::new(socket, network, remote)
}

impl HostStream {
    fn new(socket: Socket, network: Network, remote: SocketAddr) -> Result<Self, Cause> {
        let local = socket.at_once(SysCall::GetSockName, |fd| Ok(options::local(fd)))??;
        socket.at_once(SysCall::SetSockOpt, |fd| {
            Ok(options::set_stream_defaults(fd))
        })??;
        Ok(Self {
            socket,
            network,
            local: options::tcp_addr(local),
            remote: options::tcp_addr(remote),
        })
    }

    /// A connection that was accepted.
    pub(super) fn accepted(
        descriptor: OwnedFd,
        network: Network,
        remote: SocketAddr,
    ) -> Result<Self, Cause> {
        Self::new(Socket::new(descriptor), network, remote)
    }

    /// Receives up to `buffer.len()` octets; 0 is the end of the stream, or an empty buffer.
    ///
    /// # Errors
    ///
    /// With op `read`.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, OpError> {
        if buffer.is_empty() {
            return self
                .socket
                .check_open()
                .map(|()| 0)
                .map_err(|cause| self.failed(Op::Read, cause));
        }
        self.socket
            .perform(Way::In, SysCall::Read, |fd| {
                recv(fd, &mut *buffer, RecvFlags::empty()).map(|(_, octets)| octets)
            })
            .map_err(|cause| self.failed(Op::Read, cause))
    }

    /// Sends all `octets`, which no octet of another call parts.
    ///
    /// # Errors
    ///
    /// With op `write`; [`OpError::written`] says how many octets were taken before.
    pub fn write(&self, octets: &[u8]) -> Result<usize, OpError> {
        let mut written = 0;
        self.write_all(octets, &mut written)
            .map_err(|cause| self.failed(Op::Write, cause).with_written(written))?;
        Ok(written)
    }

    fn write_all(&self, octets: &[u8], written: &mut usize) -> Result<(), Cause> {
        let _turn = self.socket.write_turn()?;
        loop {
            let rest = octets.get(*written..).unwrap_or_default();
            *written += self.socket.perform(Way::Out, SysCall::Write, |fd| {
                send(fd, rest, SendFlags::NOSIGNAL)
            })?;
            if *written >= octets.len() {
                return Ok(());
            }
        }
    }

    /// Ends the connection: every call that waits fails with `Closed`, queued octets are still sent
    /// by the kernel, and the peer is reset if octets from it were not read.
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
    /// It was closed before, or the connection is not established any more.
    #[doc(alias = "CloseRead")]
    pub fn close_read(&self) -> Result<(), OpError> {
        self.shutdown(Shutdown::Read)
    }

    /// Ends our sending: the peer reads the end of the stream after what was written.
    ///
    /// # Errors
    ///
    /// It was closed before, or the connection is not established any more.
    #[doc(alias = "CloseWrite")]
    pub fn close_write(&self) -> Result<(), OpError> {
        self.shutdown(Shutdown::Write)
    }

    fn shutdown(&self, how: Shutdown) -> Result<(), OpError> {
        self.socket
            .at_once(SysCall::Shutdown, |fd| shutdown(fd, how))
            .map_err(|cause| self.failed(Op::Close, cause))
    }

    /// Our end; known after `close` as well.
    pub const fn local_addr(&self) -> &TCPAddr {
        &self.local
    }

    /// The peer's end; known after `close` as well.
    pub const fn remote_addr(&self) -> &TCPAddr {
        &self.remote
    }

    /// The network that it was dialled or listened for on.
    pub const fn network(&self) -> Network {
        self.network
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

    /// True, the default, sends small segments at once instead of gathering them (Nagle).
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetNoDelay")]
    pub fn set_nodelay(&self, nodelay: bool) -> Result<(), OpError> {
        self.set_option(|fd| sockopt::set_tcp_nodelay(fd, nodelay))
    }

    /// What `close` does with octets that were not sent: `None` sends them in the background, zero
    /// throws them away and resets the peer.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetLinger")]
    pub fn set_linger(&self, linger: Option<Duration>) -> Result<(), OpError> {
        self.set_option(|fd| sockopt::set_socket_linger(fd, linger))
    }

    /// Switches keep-alive on or off.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetKeepAlive")]
    pub fn set_keep_alive(&self, keep_alive: bool) -> Result<(), OpError> {
        self.set_option(|fd| sockopt::set_socket_keepalive(fd, keep_alive))
    }

    /// Silence before the first probe, time between probes, and how many unanswered ones end the
    /// connection; `None` leaves one as it is. The kernel counts in whole seconds.
    ///
    /// # Errors
    ///
    /// It was closed before, or a value is out of the kernel's range.
    #[doc(alias = "SetKeepAliveConfig")]
    #[doc(alias = "SetKeepAlivePeriod")]
    pub fn set_keep_alive_times(
        &self,
        idle: Option<Duration>,
        interval: Option<Duration>,
        probes_max: Option<u32>,
    ) -> Result<(), OpError> {
        self.set_option(|fd| {
            if let Some(idle) = idle {
                sockopt::set_tcp_keepidle(fd, whole_seconds(idle))?;
            }
            if let Some(interval) = interval {
                sockopt::set_tcp_keepintvl(fd, whole_seconds(interval))?;
            }
            if let Some(probes_max) = probes_max {
                sockopt::set_tcp_keepcnt(fd, probes_max)?;
            }
            Ok(())
        })
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

    /// Sets what `options` say of a connection that is open.
    ///
    /// # Errors
    ///
    /// It was closed before, or a value is out of the kernel's range.
    pub(crate) fn set_options(&self, options: &SocketOptions) -> Result<(), OpError> {
        if let Some(nodelay) = options.nodelay {
            self.set_nodelay(nodelay)?;
        }
        if let Some(keep_alive) = options.keep_alive {
            self.set_keep_alive_config(keep_alive)?;
        }
        if let Some(timeout) = options.user_timeout {
            let millis = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
            self.set_option(|fd| sockopt::set_tcp_user_timeout(fd, millis.max(1)))?;
        }
        Ok(())
    }

    /// Switches keep-alive off, or on with these times.
    ///
    /// # Errors
    ///
    /// As for [`set_keep_alive_times`](Self::set_keep_alive_times).
    pub fn set_keep_alive_config(&self, config: KeepAliveConfig) -> Result<(), OpError> {
        let Some(times) = config.times() else {
            return self.set_keep_alive(false);
        };
        self.set_keep_alive(true)?;
        self.set_keep_alive_times(
            Some(times.idle),
            Some(times.interval),
            Some(times.probes_max),
        )
    }

    /// Chooses the algorithm of congestion control by the kernel's name for it.
    ///
    /// # Errors
    ///
    /// It was closed before, or the kernel knows no such algorithm.
    pub fn set_congestion(&self, algorithm: &str) -> Result<(), OpError> {
        self.set_option(|fd| sockopt::set_tcp_congestion(fd, algorithm))
    }

    fn set_option(
        &self,
        action: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> rustix::io::Result<()>,
    ) -> Result<(), OpError> {
        self.socket
            .at_once(SysCall::SetSockOpt, |fd| action(fd.as_fd()))
            .map_err(|cause| self.not_set(cause))
    }

    fn net(&self) -> Cow<'static, str> {
        self.network.as_str().into()
    }

    fn failed(&self, op: Op, cause: Cause) -> OpError {
        OpError::new(op, self.net(), cause)
            .with_source(NetAddr::TCP(self.local.clone()))
            .with_addr(NetAddr::TCP(self.remote.clone()))
    }

    fn not_set(&self, cause: Cause) -> OpError {
        OpError::new(Op::Set, self.net(), cause).with_addr(NetAddr::TCP(self.local.clone()))
    }
}

/// Rounded up, as Go does: half a second must not become none.
fn whole_seconds(duration: Duration) -> Duration {
    let up = u64::from(duration.subsec_nanos() > 0);
    Duration::from_secs(duration.as_secs().saturating_add(up))
}
