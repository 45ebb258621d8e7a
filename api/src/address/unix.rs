//! Addresses of Unix sockets: a path, an abstract name, or none, and which kind of socket it is.
//!
//! `unix.rs` binds and connects with them, `host/unix.rs` translates them for the kernel. They are
//! plain values: nothing here looks into the file system.

use std::ffi::{OsStr, OsString};
use std::fmt;

use super::{Addr, NetAddr, Network, UnixKind};
use crate::error::{Cause, UnknownNetworkError};

/// An end of a Unix socket (unix(7)).
///
/// ```
/// use sidestep::{UnixAddr, resolve_unix_addr};
/// let addr = resolve_unix_addr("unix", "/run/echo.sock")?;
/// assert_eq!(addr, UnixAddr::stream("/run/echo.sock"));
/// assert_eq!(addr.to_string(), "/run/echo.sock");
/// # Ok::<(), sidestep::Cause>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixAddr {
    /// A path of the file system, or a name that begins with `@`: one of Linux's abstract names,
    /// whose first octet `@` stands for NUL. A socket that is not bound is shown as `@`; nothing
    /// at all stands for no address.
    #[doc(alias = "Name")]
    pub name: OsString,
    /// Which kind of socket: Go's `unix`, `unixgram` or `unixpacket`.
    #[doc(alias = "Net")]
    pub net: UnixKind,
}

impl UnixAddr {
    /// The socket of kind `net` called `name`.
    pub fn new(net: UnixKind, name: impl Into<OsString>) -> Self {
        Self {
            name: name.into(),
            net,
        }
    }

    /// The stream socket called `name`: network `unix`.
    pub fn stream(name: impl Into<OsString>) -> Self {
        Self::new(UnixKind::Stream, name)
    }

    /// The datagram socket called `name`: network `unixgram`.
    pub fn datagram(name: impl Into<OsString>) -> Self {
        Self::new(UnixKind::Datagram, name)
    }

    /// The socket of records called `name`: network `unixpacket`.
    pub fn packet(name: impl Into<OsString>) -> Self {
        Self::new(UnixKind::Packet, name)
    }

    /// True for an abstract name, also that of a socket that is not bound.
    pub fn is_abstract(&self) -> bool {
        self.name.as_encoded_bytes().first() == Some(&b'@')
    }

    /// True if it stands for no address.
    pub fn is_empty(&self) -> bool {
        self.name.is_empty()
    }
}

impl Addr for UnixAddr {
    fn network(&self) -> &'static str {
        Network::Unix(self.net).as_str()
    }
}

/// The name; octets that are no UTF-8 are shown as U+FFFD.
impl fmt::Display for UnixAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.name.display(), f)
    }
}

impl From<UnixAddr> for NetAddr {
    fn from(addr: UnixAddr) -> Self {
        Self::Unix(addr)
    }
}

/// The address called `address` on `unix`, `unixgram` or `unixpacket`. Nothing is looked up: any
/// name will do.
///
/// # Errors
///
/// [`Cause::UnknownNetwork`] for any other network.
#[doc(alias = "ResolveUnixAddr")]
pub fn resolve_unix_addr(network: &str, address: impl AsRef<OsStr>) -> Result<UnixAddr, Cause> {
    let name = address.as_ref();
    match network {
        "unix" => Ok(UnixAddr::stream(name)),
        "unixgram" => Ok(UnixAddr::datagram(name)),
        "unixpacket" => Ok(UnixAddr::packet(name)),
        _ => Err(UnknownNetworkError(network.into()).into()),
    }
}
