//! What a call can fail with: Go's `OpError`, its causes, and the trait that they share.
//!
//! Every call of the crate returns one of these, whichever backend serves it; the texts are Go's,
//! letter by letter, because programs compare them. Nothing here decides what failed.

mod cause;
mod dns;
mod errno;
mod io;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::address::NetAddr;

pub use cause::{
    AddrError, AddrErrorKind, Cause, InterfaceError, ParseError, SysCall, SysError,
    UnknownNetworkError,
};
pub use dns::{DNSError, DNSErrorKind};
pub use errno::Errno;

/// What every error of this crate can be asked.
#[doc(alias = "Error")]
pub trait NetError: Error {
    /// True if a deadline passed, or the peer did not answer in time.
    #[doc(alias = "Timeout")]
    fn timeout(&self) -> bool;

    /// True if the same call may succeed later: a timeout, or a connection that the peer aborted
    /// before it was accepted.
    ///
    /// Go calls this ill-defined and deprecates it; it is here for programs that come from there.
    #[doc(alias = "Temporary")]
    fn temporary(&self) -> bool;
}

/// Which operation failed, in Go's word for it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Op {
    /// `dial`
    Dial,
    /// `listen`
    Listen,
    /// `accept`
    Accept,
    /// `read`
    Read,
    /// `write`
    Write,
    /// `readfrom`
    ReadFrom,
    /// `writeto`
    WriteTo,
    /// `set`
    Set,
    /// `close`
    Close,
    /// `file`
    File,
    /// `writev`
    WriteV,
    /// `route`: about interfaces.
    Route,
}

impl Op {
    /// Go's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dial => "dial",
            Self::Listen => "listen",
            Self::Accept => "accept",
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadFrom => "readfrom",
            Self::WriteTo => "writeto",
            Self::Set => "set",
            Self::Close => "close",
            Self::File => "file",
            Self::WriteV => "writev",
            Self::Route => "route",
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed operation: which, on what network, between which ends, and why.
///
/// Its text has Go's form: `dial tcp 192.0.2.1:80: connect: connection refused`. It is one pointer
/// wide, so that a `Result` on the fast path stays small.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpError(Box<Failure>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Failure {
    op: Op,
    net: Cow<'static, str>,
    source: Option<NetAddr>,
    addr: Option<NetAddr>,
    err: Cause,
    written: usize,
}

impl OpError {
    /// `op` on the network `net` failed with `err`; no address is known yet.
    ///
    /// `net` is the text of the network as the user gave it, also if no such network exists.
    pub fn new(op: Op, net: impl Into<Cow<'static, str>>, err: impl Into<Cause>) -> Self {
        Self(Box::new(Failure {
            op,
            net: net.into(),
            source: None,
            addr: None,
            err: err.into(),
            written: 0,
        }))
    }

    /// Adds our end.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Option<NetAddr>>) -> Self {
        self.0.source = source.into();
        self
    }

    /// Adds the peer's end, or for a listener our own.
    #[must_use]
    pub fn with_addr(mut self, addr: impl Into<Option<NetAddr>>) -> Self {
        self.0.addr = addr.into();
        self
    }

    /// Adds how many octets a write had taken before it failed.
    #[must_use]
    pub fn with_written(mut self, octets: usize) -> Self {
        self.0.written = octets;
        self
    }

    /// Which operation.
    #[doc(alias = "Op")]
    pub fn op(&self) -> Op {
        self.0.op
    }

    /// On what network, as in `tcp` or `udp6`.
    #[doc(alias = "Net")]
    pub fn net(&self) -> &str {
        &self.0.net
    }

    /// Our end of a connection, if there was one. (Go's field `Source`; the name `source` belongs
    /// to [`std::error::Error`].)
    #[doc(alias = "Source")]
    pub fn source_addr(&self) -> Option<&NetAddr> {
        self.0.source.as_ref()
    }

    /// The other end; for a listener or an unconnected socket our own.
    #[doc(alias = "Addr")]
    pub fn addr(&self) -> Option<&NetAddr> {
        self.0.addr.as_ref()
    }

    /// Why.
    #[doc(alias = "Err")]
    #[doc(alias = "Unwrap")]
    pub fn err(&self) -> &Cause {
        &self.0.err
    }

    /// How many octets a failed write had taken: they will arrive, or not, like any others.
    pub fn written(&self) -> usize {
        self.0.written
    }

    /// True if the connection, listener or socket was closed here, before or during the call; for a
    /// pipe also if the other end was.
    #[doc(alias = "ErrClosed")]
    pub fn is_closed(&self) -> bool {
        matches!(self.0.err, Cause::Closed | Cause::ClosedPipe)
    }

    /// The system's error number, if the cause has one.
    pub fn errno(&self) -> Option<Errno> {
        self.0.err.errno()
    }
}

impl NetError for OpError {
    fn timeout(&self) -> bool {
        self.0.err.timeout()
    }

    fn temporary(&self) -> bool {
        let aborted_before_accept = self.0.op == Op::Accept
            && matches!(self.errno(), Some(Errno::ECONNRESET | Errno::ECONNABORTED));
        aborted_before_accept || self.0.err.temporary()
    }
}

impl fmt::Display for OpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure {
            op,
            net,
            source,
            addr,
            err,
            ..
        } = &*self.0;
        if *err == Cause::ClosedPipe {
            return write!(f, "{err}");
        }
        write!(f, "{op}")?;
        if !net.is_empty() {
            write!(f, " {net}")?;
        }
        match (source, addr) {
            (Some(source), Some(addr)) => write!(f, " {source}->{addr}")?,
            (Some(one), None) | (None, Some(one)) => write!(f, " {one}")?,
            (None, None) => {}
        }
        write!(f, ": {err}")
    }
}

impl Error for OpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0.err)
    }
}
