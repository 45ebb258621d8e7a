//! Two ends of one family: who dials, and who listens.
//!
//! Every check of the demo takes a [`Pair`] and does not know which end is Sidestep, which is the
//! kernel, or what lies between them. That is what makes them one contract.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use sidestep::Net;

/// A port at which nobody in the demo listens.
pub(super) const CLOSED_PORT: u16 = 1;

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub(super) const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// What `dial` and `listen` call TCP over it.
    pub(super) const fn tcp(self) -> &'static str {
        match self {
            Self::V4 => "tcp4",
            Self::V6 => "tcp6",
        }
    }

    /// What `dial` and `listen_packet` call UDP over it.
    pub(super) const fn udp(self) -> &'static str {
        match self {
            Self::V4 => "udp4",
            Self::V6 => "udp6",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Whose stack an end has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whose {
    /// Ours.
    Sidestep,
    /// The host's, in the namespace of the demo.
    Kernel,
}

/// One end.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// Its stack.
    pub(super) net: Net,
    /// Whose it is.
    pub(super) whose: Whose,
    /// What the report calls it.
    pub(super) name: &'static str,
    /// Its address.
    pub(super) address: IpAddr,
}

/// Two ends.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    /// The family of both addresses.
    pub(super) family: Family,
    /// The end that dials.
    pub(super) client: End,
    /// The end that listens.
    pub(super) server: End,
    /// An address to which the client has no way.
    pub(super) nowhere: IpAddr,
}

impl Pair {
    /// Where the server is at `port`, as `dial` and `listen` take it.
    pub(super) fn server_at(&self, port: u16) -> String {
        SocketAddr::new(self.server.address, port).to_string()
    }
}
