//! The system's error numbers with the texts that Linux programs know, the same on both backends.
//!
//! The stack has no system beneath it, but its refusals are those of a socket interface, and
//! programs know them by these names. Numbers are those of the machine that this is compiled for.

use std::fmt;
use std::io;

use rustix::io::Errno as Raw;

macro_rules! errnos {
    ($($name:ident = $raw:ident, $text:literal;)*) => {
        impl Errno {
            $(#[doc = $text] pub const $name: Self = Self(Raw::$raw);)*

            /// The text, if we know the number.
            pub fn text(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some($text),)*
                    _ => None,
                }
            }

            /// The name, as in `ECONNREFUSED`, if we know the number.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

/// A number of the system's table of errors.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
#[doc(alias = "syscall.Errno")]
pub struct Errno(Raw);

errnos! {
    EPERM = PERM, "operation not permitted";
    ENOENT = NOENT, "no such file or directory";
    EINTR = INTR, "interrupted system call";
    EIO = IO, "input/output error";
    ENXIO = NXIO, "no such device or address";
    EBADF = BADF, "bad file descriptor";
    EAGAIN = AGAIN, "resource temporarily unavailable";
    ENOMEM = NOMEM, "cannot allocate memory";
    EACCES = ACCESS, "permission denied";
    EFAULT = FAULT, "bad address";
    EBUSY = BUSY, "device or resource busy";
    EEXIST = EXIST, "file exists";
    ENODEV = NODEV, "no such device";
    EINVAL = INVAL, "invalid argument";
    ENFILE = NFILE, "too many open files in system";
    EMFILE = MFILE, "too many open files";
    ENOSPC = NOSPC, "no space left on device";
    EPIPE = PIPE, "broken pipe";
    ERANGE = RANGE, "numerical result out of range";
    ENAMETOOLONG = NAMETOOLONG, "file name too long";
    ENOSYS = NOSYS, "function not implemented";
    EPROTO = PROTO, "protocol error";
    EBADFD = BADFD, "file descriptor in bad state";
    EUSERS = USERS, "too many users";
    ENOTSOCK = NOTSOCK, "socket operation on non-socket";
    EDESTADDRREQ = DESTADDRREQ, "destination address required";
    EMSGSIZE = MSGSIZE, "message too long";
    EPROTOTYPE = PROTOTYPE, "protocol wrong type for socket";
    ENOPROTOOPT = NOPROTOOPT, "protocol not available";
    EPROTONOSUPPORT = PROTONOSUPPORT, "protocol not supported";
    ESOCKTNOSUPPORT = SOCKTNOSUPPORT, "socket type not supported";
    EOPNOTSUPP = OPNOTSUPP, "operation not supported";
    EPFNOSUPPORT = PFNOSUPPORT, "protocol family not supported";
    EAFNOSUPPORT = AFNOSUPPORT, "address family not supported by protocol";
    EADDRINUSE = ADDRINUSE, "address already in use";
    EADDRNOTAVAIL = ADDRNOTAVAIL, "cannot assign requested address";
    ENETDOWN = NETDOWN, "network is down";
    ENETUNREACH = NETUNREACH, "network is unreachable";
    ENETRESET = NETRESET, "network dropped connection on reset";
    ECONNABORTED = CONNABORTED, "software caused connection abort";
    ECONNRESET = CONNRESET, "connection reset by peer";
    ENOBUFS = NOBUFS, "no buffer space available";
    EISCONN = ISCONN, "transport endpoint is already connected";
    ENOTCONN = NOTCONN, "transport endpoint is not connected";
    ESHUTDOWN = SHUTDOWN, "cannot send after transport endpoint shutdown";
    ETIMEDOUT = TIMEDOUT, "connection timed out";
    ECONNREFUSED = CONNREFUSED, "connection refused";
    EHOSTDOWN = HOSTDOWN, "host is down";
    EHOSTUNREACH = HOSTUNREACH, "no route to host";
    EALREADY = ALREADY, "operation already in progress";
    EINPROGRESS = INPROGRESS, "operation now in progress";
    ECANCELED = CANCELED, "operation canceled";
}

impl Errno {
    /// The number itself.
    pub const fn raw(self) -> i32 {
        self.0.raw_os_error()
    }

    /// The error with the number `raw`.
    pub fn from_raw(raw: i32) -> Self {
        Self(Raw::from_raw_os_error(raw))
    }

    /// The number inside `error`; `EIO` for an error that did not come from the system.
    pub fn of(error: &io::Error) -> Self {
        error.raw_os_error().map_or(Self::EIO, Self::from_raw)
    }

    /// True for what Go's `Errno.Timeout` holds true.
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::EAGAIN | Self::ETIMEDOUT)
    }
}

impl From<Raw> for Errno {
    fn from(raw: Raw) -> Self {
        Self(raw)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text() {
            Some(text) => f.write_str(text),
            None => write!(f, "errno {}", self.raw()),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.raw()),
        }
    }
}
