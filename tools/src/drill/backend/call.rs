//! System calls and what comes of them: plain data with Linux's numbers (its manual, section 2).
//!
//! The runner makes a [`Syscall`] of each call in a script and compares the [`Outcome`]; back ends
//! carry them out. Numbers of options and flags are not checked here: that is the host's part.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use sidestep::error::Errno;
use sidestep_stack::Instant;

/// A descriptor of the back end, which need not be the number that the script expects.
pub type Fd = i32;

/// Which kind of socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SocketKind {
    /// `SOCK_STREAM`: TCP.
    Stream,
    /// `SOCK_DGRAM`: UDP.
    Datagram,
}

/// Whether calls wait (`O_NONBLOCK`).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Blocking {
    /// They do.
    #[default]
    Yes,
    /// They fail with `EAGAIN` instead.
    No,
}

/// The value of a socket option.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum OptionValue {
    /// An `int`.
    Number(i32),
    /// A `struct linger`: seconds, if it is on.
    Linger {
        /// `l_onoff`.
        on: i32,
        /// `l_linger`.
        seconds: i32,
    },
    /// A `struct timeval`.
    Time(Duration),
    /// Something else, such as the name of an algorithm.
    Octets(Vec<u8>),
}

/// One entry of `poll`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PollEntry {
    /// Which socket.
    pub fd: Fd,
    /// What is asked.
    pub events: i16,
}

/// A call of the application.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Syscall {
    /// `socket`
    Socket {
        /// True for `AF_INET6`.
        family: SocketFamily,
        /// Which kind.
        kind: SocketKind,
        /// `SOCK_NONBLOCK`.
        blocking: Blocking,
    },
    /// `bind`
    Bind {
        /// Which socket.
        fd: Fd,
        /// Where.
        address: SocketAddr,
    },
    /// `listen`
    Listen {
        /// Which socket.
        fd: Fd,
        /// How many may wait.
        backlog: i32,
    },
    /// `accept`, `accept4`
    Accept {
        /// Which listener.
        fd: Fd,
        /// `SOCK_NONBLOCK` for the new one.
        blocking: Blocking,
    },
    /// `connect`
    Connect {
        /// Which socket.
        fd: Fd,
        /// To whom.
        address: SocketAddr,
    },
    /// `read`, `recv`, `recvfrom`, `recvmsg`
    Receive {
        /// Which socket.
        fd: Fd,
        /// The most octets.
        octets_max: usize,
        /// `MSG_*`.
        flags: i32,
    },
    /// `write`, `send`, `sendto`, `sendmsg`
    Send {
        /// Which socket.
        fd: Fd,
        /// What.
        octets: Bytes,
        /// `MSG_*`.
        flags: i32,
        /// To whom, if not to the one that the socket is connected to.
        to: Option<SocketAddr>,
    },
    /// `close`
    Close {
        /// Which socket.
        fd: Fd,
    },
    /// `shutdown`
    Shutdown {
        /// Which socket.
        fd: Fd,
        /// `SHUT_RD` 0, `SHUT_WR` 1, `SHUT_RDWR` 2.
        how: i32,
    },
    /// `poll`
    Poll {
        /// What is asked.
        entries: Vec<PollEntry>,
        /// How long; negative is for ever.
        timeout_ms: i32,
    },
    /// `setsockopt`
    SetOption {
        /// Which socket.
        fd: Fd,
        /// `SOL_*` or `IPPROTO_*`.
        level: i32,
        /// Which option.
        name: i32,
        /// To what.
        value: OptionValue,
    },
    /// `getsockopt`
    GetOption {
        /// Which socket.
        fd: Fd,
        /// `SOL_*` or `IPPROTO_*`.
        level: i32,
        /// Which option.
        name: i32,
    },
    /// `fcntl`
    Fcntl {
        /// Which socket.
        fd: Fd,
        /// `F_GETFL`, `F_SETFL`.
        command: i32,
        /// The flags to set.
        argument: i32,
    },
    /// `ioctl` that asks for a number.
    Ioctl {
        /// Which socket.
        fd: Fd,
        /// `FIONREAD` (`SIOCINQ`), `SIOCOUTQ`, `SIOCOUTQNSD`, `SIOCATMARK`.
        request: i64,
    },
}

/// `AF_INET` or `AF_INET6`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SocketFamily {
    /// IPv4.
    V4,
    /// IPv6; such a socket also speaks IPv4 unless it was told otherwise.
    V6,
}

impl Syscall {
    /// Its name in the manual.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Socket { .. } => "socket",
            Self::Bind { .. } => "bind",
            Self::Listen { .. } => "listen",
            Self::Accept { .. } => "accept",
            Self::Connect { .. } => "connect",
            Self::Receive { .. } => "recv",
            Self::Send { .. } => "send",
            Self::Close { .. } => "close",
            Self::Shutdown { .. } => "shutdown",
            Self::Poll { .. } => "poll",
            Self::SetOption { .. } => "setsockopt",
            Self::GetOption { .. } => "getsockopt",
            Self::Fcntl { .. } => "fcntl",
            Self::Ioctl { .. } => "ioctl",
        }
    }
}

/// What came of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// What it returned, or the error number.
    pub result: Result<i64, Errno>,
    /// What was received.
    pub octets: Vec<u8>,
    /// The other end: of `accept` and `recvfrom`.
    pub address: Option<SocketAddr>,
    /// `revents` of each entry of `poll`.
    pub ready: Vec<i16>,
    /// What `getsockopt` found.
    pub value: Option<OptionValue>,
    /// What `ioctl` found.
    pub number: Option<i64>,
}

impl Outcome {
    /// It returned `result`.
    pub const fn of(result: i64) -> Self {
        Self {
            result: Ok(result),
            octets: Vec::new(),
            address: None,
            ready: Vec::new(),
            value: None,
            number: None,
        }
    }

    /// It returned 0.
    pub const fn done() -> Self {
        Self::of(0)
    }

    /// It returned -1.
    pub fn failed(errno: Errno) -> Self {
        Self {
            result: Err(errno),
            ..Self::of(0)
        }
    }

    /// So much was received.
    pub fn received(octets: Vec<u8>) -> Self {
        Self {
            result: Ok(i64::try_from(octets.len()).unwrap_or(i64::MAX)),
            octets,
            ..Self::of(0)
        }
    }
}

impl From<Errno> for Outcome {
    fn from(errno: Errno) -> Self {
        Self::failed(errno)
    }
}

/// A call that has ended, and when.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ended {
    /// When.
    pub at: Instant,
    /// With what.
    pub outcome: Outcome,
}
