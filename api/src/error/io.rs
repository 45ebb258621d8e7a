//! From our errors to `std::io::Error` and back.
//!
//! `io::Read` and `io::Write` can only fail with the latter; the [`OpError`] stays inside it. An
//! expired deadline is `TimedOut` here, where std's sockets say `WouldBlock`.

use std::io::{Error, ErrorKind};

use super::{AddrError, Cause, DNSError, DNSErrorKind, Errno, OpError};

impl OpError {
    /// The nearest of std's kinds.
    pub fn kind(&self) -> ErrorKind {
        kind_of(self.err())
    }

    /// The `OpError` that an [`io::Error`](Error) was made from.
    pub fn in_io_error(error: &Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

fn kind_of(cause: &Cause) -> ErrorKind {
    match cause {
        Cause::Timeout => ErrorKind::TimedOut,
        // Interrupted would make std's loops try again for ever.
        Cause::Canceled => ErrorKind::ConnectionAborted,
        Cause::Closed | Cause::StackGone => ErrorKind::NotConnected,
        Cause::Addr(_)
        | Cause::UnknownNetwork(_)
        | Cause::Parse(_)
        | Cause::Interface(_)
        | Cause::MissingAddress
        | Cause::WriteToConnected => ErrorKind::InvalidInput,
        Cause::NotSupported | Cause::NoStack => ErrorKind::Unsupported,
        Cause::DNS(error) => kind_of_look_up(error),
        Cause::Sys(error) => kind_of_errno(error.errno),
        Cause::Errno(errno) => kind_of_errno(*errno),
        Cause::ClosedPipe => ErrorKind::BrokenPipe,
    }
}

fn kind_of_look_up(error: &DNSError) -> ErrorKind {
    match error.err {
        DNSErrorKind::NoSuchHost | DNSErrorKind::UnknownPort => ErrorKind::NotFound,
        DNSErrorKind::UnrecognizedAddress => ErrorKind::InvalidInput,
        DNSErrorKind::Timeout => ErrorKind::TimedOut,
        DNSErrorKind::Canceled => ErrorKind::ConnectionAborted,
        DNSErrorKind::ServerMisbehaving
        | DNSErrorKind::LameReferral
        | DNSErrorKind::NoAnswer
        | DNSErrorKind::InvalidNames
        | DNSErrorKind::ServiceNameInvalid => ErrorKind::InvalidData,
        DNSErrorKind::NoServer => ErrorKind::HostUnreachable,
        DNSErrorKind::StackGone => ErrorKind::NotConnected,
        DNSErrorKind::NoStack => ErrorKind::Unsupported,
    }
}

/// std's own table is the one to agree with, except that it takes `EAGAIN` for `WouldBlock`.
fn kind_of_errno(errno: Errno) -> ErrorKind {
    if errno == Errno::EAGAIN {
        return ErrorKind::TimedOut;
    }
    Error::from_raw_os_error(errno.raw()).kind()
}

impl From<OpError> for Error {
    fn from(error: OpError) -> Self {
        Self::new(error.kind(), error)
    }
}

impl From<DNSError> for Error {
    fn from(error: DNSError) -> Self {
        Self::new(kind_of_look_up(&error), error)
    }
}

impl From<AddrError> for Error {
    fn from(error: AddrError) -> Self {
        Self::new(ErrorKind::InvalidInput, error)
    }
}
