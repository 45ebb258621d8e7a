//! Why a name was not resolved: Go's `DNSError`.
//!
//! Made by the look-ups of `lookup.rs` from what the stack's resolver tells, or by `host.rs` from
//! what the host's says. The flags answer questions that programs should not ask of the text.

use std::fmt;

use sidestep_stack::event::LookupError;
use thiserror::Error;

use super::NetError;

/// What went wrong with a look-up.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[non_exhaustive]
pub enum DNSErrorKind {
    /// The name does not exist, has no address of the wanted family, or can be no name.
    #[error("no such host")]
    NoSuchHost,
    /// No server answered in time.
    #[error("i/o timeout")]
    Timeout,
    /// A cancel token was used.
    #[error("operation was canceled")]
    Canceled,
    /// A server failed, refused, or made no sense.
    #[error("server misbehaving")]
    ServerMisbehaving,
    /// A server neither knew the answer nor asked others.
    #[error("lame referral")]
    LameReferral,
    /// A server's reply did not even fit a stream.
    #[error("no answer from DNS server")]
    NoAnswer,
    /// An answer had names in it that are no domain names; the rest of it may come with this error.
    #[error("DNS response contained records which contain invalid names")]
    InvalidNames,
    /// What a server called the name of a service is no domain name.
    #[error("SRV header name is invalid")]
    ServiceNameInvalid,
    /// No server is known, or none can be reached.
    #[error("no server can be reached")]
    NoServer,
    /// The text in the place of an address is none.
    #[error("unrecognized address")]
    UnrecognizedAddress,
    /// A service's name is neither in our table nor in `/etc/services`.
    #[error("unknown port")]
    UnknownPort,
    /// The packet thread has ended.
    #[error("the network stack is gone")]
    StackGone,
    /// No `Net` was entered by this thread, and none is installed.
    #[error("no network stack: call Net::enter() or Net::install() first, or use Net::host()")]
    NoStack,
}

/// A name that was not resolved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DNSError {
    /// What went wrong.
    #[doc(alias = "Err")]
    pub err: DNSErrorKind,
    /// The name that was looked up.
    #[doc(alias = "Name")]
    pub name: Box<str>,
    /// The server that said so, as `address:port`.
    #[doc(alias = "Server")]
    pub server: Option<Box<str>>,
    /// No server answered in time.
    #[doc(alias = "IsTimeout")]
    pub is_timeout: bool,
    /// Another try may help.
    #[doc(alias = "IsTemporary")]
    pub is_temporary: bool,
    /// The name does not exist.
    #[doc(alias = "IsNotFound")]
    pub is_not_found: bool,
}

impl DNSError {
    /// `err` is what the look-up of `name` met; the flags follow from it.
    pub fn new(err: DNSErrorKind, name: &str) -> Self {
        Self {
            err,
            name: name.into(),
            server: None,
            is_timeout: matches!(err, DNSErrorKind::Timeout),
            is_temporary: matches!(err, DNSErrorKind::NoServer),
            is_not_found: matches!(err, DNSErrorKind::NoSuchHost | DNSErrorKind::UnknownPort),
        }
    }

    /// What the stack's resolver told about `name`.
    pub fn from_lookup(name: &str, error: &LookupError, server: Option<&str>) -> Self {
        let (kind, is_temporary) = match error {
            LookupError::NotFound | LookupError::NameInvalid => (DNSErrorKind::NoSuchHost, false),
            LookupError::TimedOut => (DNSErrorKind::Timeout, false),
            LookupError::ServerFailed => (DNSErrorKind::ServerMisbehaving, true),
            LookupError::ServerMisbehaving => (DNSErrorKind::ServerMisbehaving, false),
            LookupError::LameReferral => (DNSErrorKind::LameReferral, false),
            LookupError::NoAnswer => (DNSErrorKind::NoAnswer, false),
            LookupError::InvalidNames => (DNSErrorKind::InvalidNames, false),
            LookupError::ServiceNameInvalid => (DNSErrorKind::ServiceNameInvalid, false),
            LookupError::NoServer => (DNSErrorKind::NoServer, true),
        };
        Self {
            is_temporary,
            ..Self::new(kind, name)
        }
        .with_server(server)
    }

    /// Adds the server.
    #[must_use]
    pub fn with_server(mut self, server: Option<&str>) -> Self {
        self.server = server.filter(|text| !text.is_empty()).map(Into::into);
        self
    }
}

impl fmt::Display for DNSError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lookup {}", self.name)?;
        if let Some(server) = &self.server {
            write!(f, " on {server}")?;
        }
        write!(f, ": {}", self.err)
    }
}

impl std::error::Error for DNSError {}

impl NetError for DNSError {
    fn timeout(&self) -> bool {
        self.is_timeout
    }

    fn temporary(&self) -> bool {
        self.is_timeout || self.is_temporary
    }
}
