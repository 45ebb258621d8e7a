//! Dialling: from a network's name and an address's text to a connection, and the crate's free
//! functions.
//!
//! [`Dialer`] is the whole of it; what is here are its short forms. [`race`] decides which address is
//! tried when (go-net contract 15), [`tcp`] opens connections, [`drive`] waits for them.

mod dialer;
pub(crate) mod drive;
mod free;
pub(crate) mod race;
pub(crate) mod tcp;

use std::time::Duration;

pub use dialer::Dialer;
pub use free::{
    dial, dial_ip, dial_tcp, dial_timeout, dial_udp, listen, listen_ip, listen_packet, listen_tcp,
    listen_udp,
};

use crate::any_conn::AnyConn;
use crate::conn::TCPConn;
use crate::deadline::Deadline;
use crate::error::OpError;
use crate::ip::IPConn;
use crate::net::Net;
use crate::{IPAddr, TCPAddr};

impl Net {
    /// A [`Dialer`] for this network.
    #[doc(alias = "Dialer")]
    pub fn dialer(&self) -> Dialer {
        Dialer::new().on(self)
    }

    /// Opens a connection to `address` on `tcp`, `udp` (each also with 4 or 6) or an `ip` network:
    /// `host:port`, or only a host for `ip`. An empty host, 0.0.0.0 and `::` mean this host. The
    /// addresses of a name are raced as [`Dialer::fallback_delay`] says.
    ///
    /// # Errors
    ///
    /// With op `dial`: an unknown network, an address that says nothing, what the look-up met, and
    /// for the first address `ECONNREFUSED`, `ETIMEDOUT`, `ENETUNREACH`, `EHOSTUNREACH`.
    #[doc(alias = "Dial")]
    pub fn dial(&self, network: &str, address: &str) -> Result<AnyConn, OpError> {
        self.dialer().dial(network, address)
    }

    /// As [`dial`](Self::dial), for at most `timeout`, resolving the name included; the time is
    /// shared between the addresses. A timeout of zero fails at once (in Go it is none).
    ///
    /// # Errors
    ///
    /// As for [`dial`](Self::dial), and `Timeout`.
    #[doc(alias = "DialTimeout")]
    pub fn dial_timeout(
        &self,
        network: &str,
        address: &str,
        timeout: Duration,
    ) -> Result<AnyConn, OpError> {
        self.dialer().timeout(timeout).dial(network, address)
    }

    /// As [`dial`](Self::dial), until `deadline`.
    ///
    /// # Errors
    ///
    /// As for [`dial`](Self::dial), and `Timeout`.
    #[doc(alias = "Dialer.Deadline")]
    pub fn dial_until(
        &self,
        network: &str,
        address: &str,
        deadline: impl Into<Deadline>,
    ) -> Result<AnyConn, OpError> {
        self.dialer().deadline(deadline).dial(network, address)
    }

    /// Opens a TCP connection to `remote`, from `local` if that is given.
    ///
    /// # Errors
    ///
    /// As for [`dial`](Self::dial).
    #[doc(alias = "DialTCP")]
    pub fn dial_tcp(
        &self,
        network: &str,
        local: Option<&TCPAddr>,
        remote: &TCPAddr,
    ) -> Result<TCPConn, OpError> {
        self.dialer().dial_tcp(network, local, remote)
    }

    /// As [`dial_tcp`](Self::dial_tcp), until `deadline`.
    ///
    /// # Errors
    ///
    /// As for [`dial`](Self::dial), and `Timeout`.
    pub fn dial_tcp_until(
        &self,
        network: &str,
        local: Option<&TCPAddr>,
        remote: &TCPAddr,
        deadline: impl Into<Deadline>,
    ) -> Result<TCPConn, OpError> {
        self.dialer()
            .deadline(deadline)
            .dial_tcp(network, local, remote)
    }

    /// A raw socket that exchanges payloads of one protocol with `remote` only, from `local` if that
    /// is given. `network` names the protocol: `ip4:icmp`, `ip6:58`.
    ///
    /// # Errors
    ///
    /// With op `dial`: an unknown network, no suitable address, `ENETUNREACH`.
    #[doc(alias = "DialIP")]
    pub fn dial_ip(
        &self,
        network: &str,
        local: Option<&IPAddr>,
        remote: &IPAddr,
    ) -> Result<IPConn, OpError> {
        self.dialer().dial_ip(network, local, remote)
    }
}
