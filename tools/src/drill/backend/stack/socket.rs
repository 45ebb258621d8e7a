//! A socket of the application: what it was told to be, and what it has become.
//!
//! The table keeps one for each descriptor. It is Linux's idea of a socket; the stack has none before
//! OPEN.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sidestep::error::Errno;
use sidestep_stack::call::{
    ConnectionId, ConnectionOptions, Families, KeepAlive, ListenerId, Local, ReusePort, SocketId,
};
use sidestep_stack::event::{ConnectionError, SocketError, SoftError};
use sidestep_stack::observe::State;
use sidestep_stack::{CallRefused, Config};

use crate::drill::backend::{Blocking, SocketFamily, SocketKind};

/// A descriptor's socket.
#[derive(Clone, Debug)]
pub(super) struct Socket {
    pub(super) family: SocketFamily,
    pub(super) kind: SocketKind,
    pub(super) blocking: Blocking,
    /// What `bind` said.
    pub(super) bound: Option<SocketAddr>,
    pub(super) chosen: Chosen,
    pub(super) role: Role,
    /// Whom `connect` named, where the first text is to go with the SYN.
    pub(super) named: Option<SocketAddr>,
}

/// What the application set.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) options: ConnectionOptions,
    pub(super) keep_alive: KeepAliveChoice,
    pub(super) keep: KeepAlive,
    pub(super) reuse_address: bool,
    pub(super) reuse_port: ReusePort,
    pub(super) families: Families,
    /// `SO_LINGER`: seconds, if it is on.
    pub(super) linger: Option<i32>,
    pub(super) receive_timeout: Option<Duration>,
    pub(super) send_timeout: Option<Duration>,
    /// `TCP_DEFER_ACCEPT`, if it is on.
    pub(super) defer_accept: Option<Duration>,
    /// `TCP_FASTOPEN`: 0 is off.
    pub(super) fast_open: u32,
    /// `TCP_FASTOPEN_CONNECT`: `connect` may wait for the first text.
    pub(super) connect_fast: bool,
}

/// `SO_KEEPALIVE`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum KeepAliveChoice {
    /// Nothing was said.
    Unsaid,
    /// Off.
    Off,
    /// On.
    On,
}

/// What a socket has become.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// Nothing yet.
    Fresh,
    /// It listens.
    Listener(ListenerId),
    /// It has, or had, a connection.
    Stream(Stream),
    /// It exchanges datagrams.
    Datagrams(Datagrams),
}

/// The TCP side of a socket.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) connection: ConnectionId,
    pub(super) local: SocketAddr,
    pub(super) opening: Opening,
    /// Linux's `sk_err`: told once.
    pub(super) error: Option<Errno>,
    /// Linux's `sk_err_soft`.
    pub(super) soft: Option<Errno>,
    /// It failed, or was reset.
    pub(super) is_over: bool,
    /// The state before the last change.
    pub(super) left: State,
    pub(super) reading_is_shut: bool,
    pub(super) writing_is_shut: bool,
    pub(super) urgent: bool,
    /// The last call said that more follows (`MSG_MORE`).
    pub(super) more_follows: bool,
}

/// How far an active OPEN has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Opening {
    /// The SYN is out.
    UnderWay,
    /// It is done, and no call has said so yet.
    Done,
    /// It is done, and the application knows.
    Told,
}

/// The UDP side of a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagrams {
    pub(super) socket: SocketId,
    pub(super) local: SocketAddr,
    pub(super) remote: Option<SocketAddr>,
    pub(super) waiting: usize,
}

impl Chosen {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            options: ConnectionOptions::default(),
            keep_alive: KeepAliveChoice::Unsaid,
            keep: KeepAlive {
                idle: Duration::from_millis(config.keep_alive_idle_ms),
                interval: Duration::from_millis(config.keep_alive_interval_ms),
                probes_max: u32::try_from(config.keep_alive_probes_max).unwrap_or(u32::MAX),
            },
            reuse_address: false,
            reuse_port: ReusePort::No,
            families: Families::Both,
            linger: None,
            defer_accept: None,
            fast_open: 0,
            connect_fast: false,
            receive_timeout: None,
            send_timeout: None,
        }
    }

    /// What a new connection begins with.
    pub(super) fn connection_options(&self) -> ConnectionOptions {
        ConnectionOptions {
            keep_alive: match self.keep_alive {
                KeepAliveChoice::Unsaid => None,
                KeepAliveChoice::Off => Some(None),
                KeepAliveChoice::On => Some(Some(self.keep)),
            },
            ..self.options.clone()
        }
    }
}

impl Socket {
    pub(super) fn local(&self) -> Local {
        let families = match self.family {
            SocketFamily::V4 => Families::V4,
            SocketFamily::V6 => self.chosen.families,
        };
        Local {
            address: self
                .bound
                .map(|bound| bound.ip())
                .filter(|address| !address.is_unspecified()),
            families,
            port: self.bound.map_or(0, |bound| bound.port()),
        }
    }

    /// The wildcard of its family.
    pub(super) const fn anywhere(&self) -> IpAddr {
        match self.family {
            SocketFamily::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            SocketFamily::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        }
    }

    pub(super) const fn stream(&self) -> Option<&Stream> {
        match &self.role {
            Role::Stream(stream) => Some(stream),
            Role::Fresh | Role::Listener(_) | Role::Datagrams(_) => None,
        }
    }

    pub(super) const fn stream_mut(&mut self) -> Option<&mut Stream> {
        match &mut self.role {
            Role::Stream(stream) => Some(stream),
            Role::Fresh | Role::Listener(_) | Role::Datagrams(_) => None,
        }
    }
}

impl Stream {
    pub(super) const fn new(connection: ConnectionId, local: SocketAddr, opening: Opening) -> Self {
        Self {
            connection,
            local,
            opening,
            error: None,
            soft: None,
            is_over: false,
            left: State::Closed,
            reading_is_shut: false,
            writing_is_shut: false,
            urgent: false,
            more_follows: false,
        }
    }

    /// The connection ended before its time.
    pub(super) const fn failed(&mut self, error: ConnectionError) {
        self.is_over = true;
        let errno = match error {
            ConnectionError::Refused => Errno::ECONNREFUSED,
            // tcp_reset() of Linux: whoever has only to write learns of it by EPIPE.
            ConnectionError::Reset if matches!(self.left, State::CloseWait) => Errno::EPIPE,
            ConnectionError::Reset => Errno::ECONNRESET,
            // tcp_write_err() of Linux: what the path said is more than that time has passed.
            ConnectionError::TimedOut => match self.soft {
                Some(soft) => soft,
                None => Errno::ETIMEDOUT,
            },
            ConnectionError::HostUnreachable => Errno::EHOSTUNREACH,
            ConnectionError::NetworkUnreachable => Errno::ENETUNREACH,
            ConnectionError::Aborted => Errno::ECONNABORTED,
        };
        self.error = Some(errno);
    }

    /// The path has told of trouble.
    pub(super) const fn troubled(&mut self, error: SoftError) {
        let errno = match error {
            SoftError::NetworkUnreachable => Errno::ENETUNREACH,
            SoftError::HostUnreachable | SoftError::TimeExceeded | SoftError::Prohibited => {
                Errno::EHOSTUNREACH
            }
            SoftError::ProtocolUnreachable => Errno::ENOPROTOOPT,
            SoftError::PortUnreachable => Errno::ECONNREFUSED,
            SoftError::ParameterProblem | SoftError::UnknownType => Errno::EPROTO,
            SoftError::NoAnswer => return,
        };
        self.soft = Some(errno);
    }
}

/// The error number that Linux has for a refusal.
pub(super) const fn errno_of(refused: CallRefused) -> Errno {
    match refused {
        CallRefused::NoSuchEntry => Errno::EBADF,
        CallRefused::AddressNotOurs | CallRefused::PortsExhausted => Errno::EADDRNOTAVAIL,
        CallRefused::AddressInUse => Errno::EADDRINUSE,
        CallRefused::NoRoute | CallRefused::RemoteNotUnicast => Errno::ENETUNREACH,
        CallRefused::FamilyMismatch => Errno::EAFNOSUPPORT,
        CallRefused::Closing => Errno::EPIPE,
        CallRefused::NotConnected => Errno::ENOTCONN,
        CallRefused::DestinationRequired => Errno::EDESTADDRREQ,
        CallRefused::AlreadyConnected => Errno::EISCONN,
        CallRefused::MessageTooLong => Errno::EMSGSIZE,
        CallRefused::Pending(SocketError::Refused) => Errno::ECONNREFUSED,
        CallRefused::Pending(SocketError::HostUnreachable) => Errno::EHOSTUNREACH,
        CallRefused::Pending(SocketError::NetworkUnreachable) => Errno::ENETUNREACH,
        CallRefused::Pending(SocketError::MessageTooLong) => Errno::EMSGSIZE,
        CallRefused::Invalid | CallRefused::NotAGroup => Errno::EINVAL,
        CallRefused::AlreadyMember => Errno::EADDRINUSE,
        CallRefused::NotAMember => Errno::EADDRNOTAVAIL,
        CallRefused::LimitReached => Errno::ENOBUFS,
    }
}
