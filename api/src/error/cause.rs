//! Why an operation failed: a closed set, so that programs match on it and not on its text.
//!
//! The stack's own refusals and failures are translated into it here, in one place, so that both
//! backends name the same trouble with the same word. No variant carries free text.

use std::fmt;

use sidestep_stack::call::CallRefused;
use sidestep_stack::event::{ConnectionError, SocketError};
use thiserror::Error;

use super::{DNSError, Errno, NetError};

/// Why an [`OpError`](super::OpError) came about.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// A deadline passed.
    #[error("i/o timeout")]
    Timeout,
    /// The connection, listener or socket was closed here.
    #[error("use of closed network connection")]
    Closed,
    /// A cancel token was used.
    #[error("operation was canceled")]
    Canceled,
    /// An address does not say what it must.
    #[error(transparent)]
    Addr(#[from] AddrError),
    /// The network's name is none that we know.
    #[error(transparent)]
    UnknownNetwork(#[from] UnknownNetworkError),
    /// A text is not of the kind that it should be.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A name could not be resolved.
    #[error(transparent)]
    DNS(#[from] DNSError),
    /// The stack, or the host's kernel, refused or failed.
    #[error(transparent)]
    Sys(#[from] SysError),
    /// What the kernel would say, said by us: it was not asked. Go prints it without a call, too.
    #[error("{0}")]
    Errno(Errno),
    /// An end of a pipe was closed: Go's `io.ErrClosedPipe`, which it gives bare. So does the text
    /// of an [`OpError`](super::OpError) with this cause.
    #[error("io: read/write on closed pipe")]
    #[doc(alias = "ErrClosedPipe")]
    ClosedPipe,
    /// There is no such interface.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// There is no address to dial.
    #[error("missing address")]
    MissingAddress,
    /// A datagram with a destination, on a socket that has a peer.
    #[error("use of WriteTo with pre-connected connection")]
    #[doc(alias = "ErrWriteToConnected")]
    WriteToConnected,
    /// The network is known, but this backend does not carry it.
    #[error("network not supported")]
    NotSupported,
    /// The packet thread has ended: its device is gone, or it was shut down. Nothing that belongs
    /// to this `Net` will ever work again.
    #[error("the network stack is gone")]
    StackGone,
    /// No `Net` was entered by this thread, and none is installed.
    #[error("no network stack: call Net::enter() or Net::install() first, or use Net::host()")]
    NoStack,
}

impl Cause {
    /// The system's error number, if there is one.
    pub const fn errno(&self) -> Option<Errno> {
        match self {
            Self::Sys(error) => Some(error.errno),
            Self::Errno(errno) => Some(*errno),
            Self::ClosedPipe
            | Self::Timeout
            | Self::Closed
            | Self::Canceled
            | Self::Addr(_)
            | Self::UnknownNetwork(_)
            | Self::Parse(_)
            | Self::DNS(_)
            | Self::Interface(_)
            | Self::MissingAddress
            | Self::WriteToConnected
            | Self::NotSupported
            | Self::StackGone
            | Self::NoStack => None,
        }
    }

    /// `call` failed with `errno`.
    pub const fn sys(call: SysCall, errno: Errno) -> Self {
        Self::Sys(SysError { call, errno })
    }

    /// What a refused call of the stack means for the user who made it as `call`.
    pub fn refused(call: SysCall, refused: CallRefused) -> Self {
        // The stack binds and connects in one call; whoever chose the local end meets this in `bind`.
        let bind = match call {
            SysCall::Connect => SysCall::Bind,
            call => call,
        };
        match refused {
            CallRefused::NoSuchEntry => Self::Closed,
            CallRefused::AddressNotOurs => Self::sys(bind, Errno::EADDRNOTAVAIL),
            CallRefused::AddressInUse => Self::sys(bind, Errno::EADDRINUSE),
            CallRefused::PortsExhausted => Self::sys(call, Errno::EADDRNOTAVAIL),
            CallRefused::NoRoute | CallRefused::RemoteNotUnicast => {
                Self::sys(call, Errno::ENETUNREACH)
            }
            CallRefused::FamilyMismatch => Self::sys(call, Errno::EAFNOSUPPORT),
            CallRefused::Closing => Self::sys(call, Errno::EPIPE),
            CallRefused::NotConnected => Self::sys(call, Errno::ENOTCONN),
            CallRefused::DestinationRequired => Self::sys(call, Errno::EDESTADDRREQ),
            CallRefused::AlreadyConnected => Self::WriteToConnected,
            CallRefused::MessageTooLong => Self::sys(call, Errno::EMSGSIZE),
            CallRefused::Pending(error) => Self::sys(call, error.into()),
            CallRefused::Invalid | CallRefused::NotAGroup => Self::sys(call, Errno::EINVAL),
            CallRefused::AlreadyMember => Self::sys(call, Errno::EADDRINUSE),
            CallRefused::NotAMember => Self::sys(call, Errno::EADDRNOTAVAIL),
            CallRefused::LimitReached => Self::sys(call, Errno::ENOBUFS),
        }
    }
}

impl NetError for Cause {
    fn timeout(&self) -> bool {
        match self {
            Self::Timeout => true,
            Self::DNS(error) => error.timeout(),
            Self::Sys(error) => error.timeout(),
            Self::Errno(errno) => errno.is_timeout(),
            Self::ClosedPipe
            | Self::Closed
            | Self::Canceled
            | Self::Addr(_)
            | Self::UnknownNetwork(_)
            | Self::Parse(_)
            | Self::Interface(_)
            | Self::MissingAddress
            | Self::WriteToConnected
            | Self::NotSupported
            | Self::StackGone
            | Self::NoStack => false,
        }
    }

    fn temporary(&self) -> bool {
        match self {
            Self::DNS(error) => error.temporary(),
            _ => self.timeout(),
        }
    }
}

/// Which call of the socket interface met an error. Both backends use the names of the kernel's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[allow(missing_docs)]
pub enum SysCall {
    Socket,
    Bind,
    Listen,
    Connect,
    Accept,
    Read,
    ReadFrom,
    Write,
    WriteTo,
    Shutdown,
    SetSockOpt,
    GetSockOpt,
    GetSockName,
    EventFd,
    Poll,
    WriteV,
    RecvMsg,
    SendMsg,
    Dup,
    SetNonblock,
    Netlink,
}

impl SysCall {
    /// The call's name in the manual.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Socket => "socket",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Connect => "connect",
            Self::Accept => "accept",
            Self::Read => "read",
            Self::ReadFrom => "recvfrom",
            Self::Write => "write",
            Self::WriteTo => "sendto",
            Self::Shutdown => "shutdown",
            Self::SetSockOpt => "setsockopt",
            Self::GetSockOpt => "getsockopt",
            Self::GetSockName => "getsockname",
            Self::EventFd => "eventfd",
            Self::Poll => "poll",
            Self::WriteV => "writev",
            Self::RecvMsg => "recvmsg",
            Self::SendMsg => "sendmsg",
            Self::Dup => "dup",
            Self::SetNonblock => "setnonblock",
            Self::Netlink => "netlinkrib",
        }
    }
}

impl fmt::Display for SysCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A call of the socket interface that failed: Go's `os.SyscallError`.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("{call}: {errno}")]
#[doc(alias = "SyscallError")]
pub struct SysError {
    /// Which call.
    pub call: SysCall,
    /// With what.
    pub errno: Errno,
}

impl NetError for SysError {
    fn timeout(&self) -> bool {
        self.errno.is_timeout()
    }

    fn temporary(&self) -> bool {
        self.errno.is_timeout()
    }
}

/// What is wrong with an address.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum AddrErrorKind {
    /// There is no colon after the host.
    #[error("missing port in address")]
    MissingPort,
    /// An IPv6 address without brackets, or something after the port.
    #[error("too many colons in address")]
    TooManyColons,
    /// A bracket opens in the wrong place.
    #[error("unexpected '[' in address")]
    UnexpectedOpenBracket,
    /// A bracket closes in the wrong place.
    #[error("unexpected ']' in address")]
    UnexpectedCloseBracket,
    /// A bracket is not closed.
    #[error("missing ']' in address")]
    MissingCloseBracket,
    /// A port that is negative or over 65,535.
    #[error("invalid port")]
    InvalidPort,
    /// No address of the host is of the family that the network asks for.
    #[error("no suitable address found")]
    NoSuitableAddress,
    /// An address of TCP was given for UDP, or the like.
    #[error("unexpected address type")]
    UnexpectedAddressType,
    /// The local address is of another network than the one to dial.
    #[error("mismatched local address type")]
    MismatchedLocalAddressType,
    /// A protocol name that neither we nor `/etc/protocols` know.
    #[error("unknown IP protocol specified")]
    UnknownIPProtocol,
    /// A network without ports where one with ports must stand.
    #[error("unknown network")]
    UnknownNetwork,
    /// A text that is no hardware address.
    #[error("invalid MAC address")]
    InvalidMAC,
    /// A host name where only an address can be understood.
    #[error("not an IP address")]
    NotLiteral,
    /// An IPv6 address on a socket that carries IPv4 only.
    #[error("non-IPv4 address")]
    NonIPv4,
    /// An IPv4 address on a socket that carries IPv6 only.
    #[error("non-IPv6 address")]
    NonIPv6,
    /// A zone that is neither a number nor the name of an interface.
    #[error("unknown zone")]
    UnknownZone,
}

/// An address that does not say what it must.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddrError {
    /// What is wrong.
    #[doc(alias = "Err")]
    pub err: AddrErrorKind,
    /// With which text.
    #[doc(alias = "Addr")]
    pub addr: Box<str>,
}

impl AddrError {
    /// `err` is wrong with `addr`.
    pub fn new(err: AddrErrorKind, addr: &str) -> Self {
        Self {
            err,
            addr: addr.into(),
        }
    }
}

impl fmt::Display for AddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.addr.is_empty() {
            write!(f, "address {}: ", self.addr)?;
        }
        write!(f, "{}", self.err)
    }
}

impl std::error::Error for AddrError {}

impl NetError for AddrError {
    fn timeout(&self) -> bool {
        false
    }

    fn temporary(&self) -> bool {
        false
    }
}

/// A network's name that is none that we know.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("unknown network {0}")]
pub struct UnknownNetworkError(pub Box<str>);

impl NetError for UnknownNetworkError {
    fn timeout(&self) -> bool {
        false
    }

    fn temporary(&self) -> bool {
        false
    }
}

/// Why no interface was found.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum InterfaceError {
    /// None has this index or name.
    #[error("no such network interface")]
    NoSuchInterface,
    /// Indexes begin with 1.
    #[error("invalid network interface index")]
    InvalidIndex,
    /// The empty name is none.
    #[error("invalid network interface name")]
    InvalidName,
}

/// A text that is not of the kind that it should be.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("invalid {kind}: {text}")]
pub struct ParseError {
    /// Of what kind: `CIDR address`, `IP address`.
    #[doc(alias = "Type")]
    pub kind: &'static str,
    /// The text.
    #[doc(alias = "Text")]
    pub text: Box<str>,
}

impl NetError for ParseError {
    fn timeout(&self) -> bool {
        false
    }

    fn temporary(&self) -> bool {
        false
    }
}

impl From<ConnectionError> for Errno {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Refused => Self::ECONNREFUSED,
            ConnectionError::Reset => Self::ECONNRESET,
            ConnectionError::TimedOut => Self::ETIMEDOUT,
            ConnectionError::HostUnreachable => Self::EHOSTUNREACH,
            ConnectionError::NetworkUnreachable => Self::ENETUNREACH,
            ConnectionError::Aborted => Self::ECONNABORTED,
        }
    }
}

impl From<SocketError> for Errno {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Refused => Self::ECONNREFUSED,
            SocketError::HostUnreachable => Self::EHOSTUNREACH,
            SocketError::NetworkUnreachable => Self::ENETUNREACH,
            SocketError::MessageTooLong => Self::EMSGSIZE,
        }
    }
}
