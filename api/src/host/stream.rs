//! A TCP connection of the host kernel: how it is opened, and the options of TCP.
//!
//! `conn.rs` makes a `TCPConn` of it. What it shares with other sockets is in `end.rs`; nothing here
//! moves an octet.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno as Raw;
use rustix::net::{SocketType, bind, connect, sockopt};

use super::end::{Carries, End};
use super::options::{self, Family};
use super::socket::{Socket, Way};
use crate::address::{NetAddr, Network, TCPAddr, Zone};
use crate::deadline::Deadline;
use crate::error::{Cause, Errno, Op, OpError, SysCall};
use crate::socket_options::{KeepAliveConfig, SocketOptions};

/// How often a dial is repeated that met itself, or a port that was just taken.
const DIAL_ATTEMPTS: usize = 3;

/// A TCP connection that the kernel keeps.
pub type HostStream = End<TCPAddr>;

/// What stands for the peer of a socket that was brought here without one.
static NOBODY: TCPAddr = TCPAddr {
    ip: None,
    port: 0,
    zone: Zone::NONE,
};

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
            Ok(stream) => stream.local_addr() == stream.remote_addr(),
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
    HostStream::open(socket, network, Some(remote))
}

impl HostStream {
    /// The connection of `socket`, with Go's defaults.
    pub(super) fn open(
        socket: Socket,
        network: Network,
        remote: Option<SocketAddr>,
    ) -> Result<Self, Cause> {
        let local = socket.at_once(SysCall::GetSockName, |fd| Ok(options::local(fd)))??;
        socket.at_once(SysCall::SetSockOpt, |fd| {
            Ok(options::set_stream_defaults(fd))
        })??;
        Ok(Self::new(
            socket,
            network,
            Carries::Octets,
            options::tcp_addr(local),
            remote.map(options::tcp_addr),
        ))
    }

    /// A connection that was accepted.
    pub(super) fn accepted(
        descriptor: OwnedFd,
        network: Network,
        remote: SocketAddr,
    ) -> Result<Self, Cause> {
        Self::open(Socket::new(descriptor), network, Some(remote))
    }

    /// The peer's end; known after `close` as well.
    pub const fn remote_addr(&self) -> &TCPAddr {
        match &self.remote {
            Some(remote) => remote,
            None => &NOBODY,
        }
    }

    /// True, the default, sends small segments at once instead of gathering them (Nagle).
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetNoDelay")]
    pub fn set_nodelay(&self, nodelay: bool) -> Result<(), OpError> {
        self.set_connection_option(|fd| sockopt::set_tcp_nodelay(fd, nodelay))
    }

    /// True holds segments back that are not full, for 200 ms at most.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn set_cork(&self, cork: bool) -> Result<(), OpError> {
        self.set_connection_option(|fd| sockopt::set_tcp_cork(fd, cork))
    }

    /// True lets acknowledgments wait for nothing, until the kernel thinks better of it.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn set_quick_ack(&self, quick_ack: bool) -> Result<(), OpError> {
        self.set_connection_option(|fd| sockopt::set_tcp_quickack(fd, quick_ack))
    }

    /// The connection fails when octets were unacknowledged for so long; zero is the kernel's choice.
    ///
    /// # Errors
    ///
    /// It was closed before.
    pub fn set_user_timeout(&self, timeout: Duration) -> Result<(), OpError> {
        let millis = timeout.as_nanos().div_ceil(1_000_000);
        let millis = u32::try_from(millis).unwrap_or(u32::MAX);
        self.set_connection_option(|fd| sockopt::set_tcp_user_timeout(fd, millis))
    }

    /// What `close` does with octets that were not sent: `None` sends them in the background, zero
    /// throws them away and resets the peer.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetLinger")]
    pub fn set_linger(&self, linger: Option<Duration>) -> Result<(), OpError> {
        self.set_connection_option(|fd| sockopt::set_socket_linger(fd, linger))
    }

    /// Switches keep-alive on or off.
    ///
    /// # Errors
    ///
    /// It was closed before.
    #[doc(alias = "SetKeepAlive")]
    pub fn set_keep_alive(&self, keep_alive: bool) -> Result<(), OpError> {
        self.set_connection_option(|fd| sockopt::set_socket_keepalive(fd, keep_alive))
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
        self.set_connection_option(|fd| {
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
            self.set_user_timeout(timeout)?;
        }
        if let Some(cork) = options.cork {
            self.set_cork(cork)?;
        }
        if let Some(quick_ack) = options.quick_ack {
            self.set_quick_ack(quick_ack)?;
        }
        if let Some(algorithm) = options.congestion {
            self.set_congestion(algorithm.name())?;
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
        self.set_connection_option(|fd| sockopt::set_tcp_congestion(fd, algorithm))
    }
}

/// Rounded up, as Go does: half a second must not become none.
fn whole_seconds(duration: Duration) -> Duration {
    let up = u64::from(duration.subsec_nanos() > 0);
    Duration::from_secs(duration.as_secs().saturating_add(up))
}
