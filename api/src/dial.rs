//! Dialling: from a network's name and an address's text to a connection, and the crate's free
//! functions.
//!
//! Names are resolved first; the addresses found are tried in order, each with its share of the time
//! that is left (go-net contract 15). The error is that of the first address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sidestep_stack::call::OpenConnection;

use crate::address::{Network, Purpose, Target};
use crate::any_conn::AnyConn;
use crate::channel::failure::Failure;
use crate::channel::stream::Stream;
use crate::conn::{TCPConn, default_options};
use crate::conn_io::cause;
use crate::deadline::Deadline;
use crate::driver::request::{Opening, Request};
use crate::error::{AddrError, AddrErrorKind, Cause, DNSError, DNSErrorKind, Op, OpError, SysCall};
use crate::host;
use crate::listener::{AnyListener, unknown_network};
use crate::net::{Backend, Net, Shared};
use crate::packet_conn::{AnyPacketConn, destination};
use crate::{IPAddr, NetAddr, TCPAddr, UDPAddr};

/// An address gets at least so much of the time that is left.
const SHARE_MIN: Duration = Duration::from_secs(2);

/// A dial to ourselves that met itself is tried so often again.
const SELF_CONNECTS_MAX: usize = 2;

impl Net {
    /// Opens a connection to `address` on `tcp`, `udp` (each also with 4 or 6) or an `ip` network:
    /// `host:port`, or only a host for `ip`. An empty host, 0.0.0.0 and `::` mean this host.
    ///
    /// # Errors
    ///
    /// With op `dial`: an unknown network, an address that says nothing, what the look-up met, and
    /// for the first address `ECONNREFUSED`, `ETIMEDOUT`, `ENETUNREACH`, `EHOSTUNREACH`.
    #[doc(alias = "Dial")]
    pub fn dial(&self, network: &str, address: &str) -> Result<AnyConn, OpError> {
        self.dial_until(network, address, Deadline::NONE)
    }

    /// As [`dial`](Self::dial), for at most `timeout`, resolving the name included. A timeout of
    /// zero fails at once.
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
        self.dial_until(network, address, Deadline::from(timeout))
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
        let deadline = deadline.into();
        let failed = |cause: Cause| OpError::new(Op::Dial, network.to_owned(), cause);
        let parsed = Network::parse(network).map_err(failed)?;
        let target = Target::parse(parsed, address, Purpose::Dial).map_err(failed)?;
        if deadline.has_passed() {
            return Err(failed(Cause::Timeout));
        }
        let found = self.find(&target, deadline).map_err(failed)?;
        let addresses = target
            .dial_addresses(&found)
            .map_err(|error| failed(error.into()))?;
        let count = addresses.len();
        let mut first_error = None;
        for (tried, (ip, zone)) in addresses.into_iter().enumerate() {
            let share = share(deadline, count - tried);
            let outcome = match parsed {
                Network::TCP(_) => {
                    let port = target.port;
                    let ip = Some(ip);
                    self.tcp_dial(parsed, None, &TCPAddr { ip, port, zone }, share)
                        .map(AnyConn::TCP)
                }
                Network::UDP(_) => {
                    let port = target.port;
                    let ip = Some(ip);
                    self.udp_dial(parsed, None, &UDPAddr { ip, port, zone })
                        .map(AnyConn::UDP)
                }
                Network::IP(_, protocol) => {
                    let remote = IPAddr { ip: Some(ip), zone };
                    self.raw_dial(parsed, protocol, &remote).map(AnyConn::IP)
                }
                Network::Unix(_) => Err(failed(Cause::NotSupported)),
            };
            match outcome {
                Ok(conn) => return Ok(conn),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
            if deadline.has_passed() {
                break;
            }
        }
        Err(first_error.unwrap_or_else(|| failed(Cause::MissingAddress)))
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
        self.dial_tcp_until(network, local, remote, Deadline::NONE)
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
        let parsed = Network::parse(network)
            .map_err(|cause| OpError::new(Op::Dial, network.to_owned(), cause))?;
        if !matches!(parsed, Network::TCP(_)) {
            return Err(unknown_network(Op::Dial, network));
        }
        self.tcp_dial(parsed, local, remote, deadline.into())
    }

    fn tcp_dial(
        &self,
        network: Network,
        local: Option<&TCPAddr>,
        remote: &TCPAddr,
        deadline: Deadline,
    ) -> Result<TCPConn, OpError> {
        let shared = match &self.0 {
            Backend::Stack(shared) => shared,
            Backend::Host => {
                return host::dial_tcp(network, local, remote, deadline).map(TCPConn::of_host);
            }
        };
        let open = || {
            let ip = destination(network, remote.ip)?;
            let from = local
                .and_then(|local| local.ip)
                .filter(|ip| !ip.is_unspecified());
            if from.is_some_and(|from| from.is_ipv4() != ip.is_ipv4()) {
                let text = ip.to_string();
                return Err(AddrError::new(AddrErrorKind::NoSuitableAddress, &text).into());
            }
            let remote = TCPAddr {
                ip: Some(ip),
                ..remote.clone()
            };
            let open = OpenConnection {
                remote: SocketAddr::new(ip, remote.port),
                local_address: from,
                local_port: local.map_or(0, |local| local.port),
                options: default_options(),
            };
            let (stream, ours) = connect(shared, &open, deadline)
                .map_err(|failure| cause(failure, SysCall::Connect))?;
            let shared = Arc::clone(shared);
            Ok(TCPConn::of_stack(stream, network, ours, remote, shared))
        };
        open().map_err(|cause: Cause| {
            OpError::new(Op::Dial, network.as_str(), cause)
                .with_source(local.cloned().map(NetAddr::TCP))
                .with_addr(NetAddr::TCP(remote.clone()))
        })
    }
}

/// Opens a connection and waits until it is open.
fn connect(
    shared: &Shared,
    open: &OpenConnection,
    deadline: Deadline,
) -> Result<(Arc<Stream>, SocketAddr), Failure> {
    let mut self_connects = 0;
    loop {
        let stream = Arc::new(Stream::opening(shared.stream_limits, shared.attention()));
        shared.mailbox.post(
            Request::Dial {
                open: open.clone(),
                opening: Opening::new(Arc::clone(&stream)),
            },
            deadline,
        )?;
        match stream.wait_open(deadline) {
            // The port that was chosen is the one that was dialled: nobody is there but we
            // ourselves (simultaneous open, RFC 9293 §3.5).
            Ok(ours)
                if ours == open.remote
                    && open.local_port == 0
                    && self_connects < SELF_CONNECTS_MAX =>
            {
                self_connects += 1;
                let _ = stream.abort();
            }
            Ok(ours) => return Ok((stream, ours)),
            Err(failure) => {
                // Nobody will ever use it: not the record, nor a SYN that is still on its way.
                let _ = stream.abort();
                return Err(failure);
            }
        }
    }
}

/// The deadline of one of `addresses_left` addresses: an equal share of the time that is left, but
/// at least two seconds of it.
fn share(deadline: Deadline, addresses_left: usize) -> Deadline {
    let Some(left) = deadline.remaining() else {
        return Deadline::NONE;
    };
    let count = u32::try_from(addresses_left).unwrap_or(u32::MAX).max(1);
    let share = (left / count).max(SHARE_MIN).min(left);
    Deadline::from(share).min(deadline)
}

/// [`Net::dial`] on the network that this thread has entered, else on the installed one.
///
/// # Errors
///
/// As for [`Net::dial`], and [`Cause::NoStack`] if there is neither.
#[doc(alias = "Dial")]
pub fn dial(network: &str, address: &str) -> Result<AnyConn, OpError> {
    Net::current_for(Op::Dial, network)?.dial(network, address)
}

/// [`Net::dial_timeout`] on the current network.
///
/// # Errors
///
/// As for [`Net::dial_timeout`], and [`Cause::NoStack`].
#[doc(alias = "DialTimeout")]
pub fn dial_timeout(network: &str, address: &str, timeout: Duration) -> Result<AnyConn, OpError> {
    Net::current_for(Op::Dial, network)?.dial_timeout(network, address, timeout)
}

/// [`Net::listen`] on the current network.
///
/// # Errors
///
/// As for [`Net::listen`], and [`Cause::NoStack`].
#[doc(alias = "Listen")]
pub fn listen(network: &str, address: &str) -> Result<AnyListener, OpError> {
    Net::current_for(Op::Listen, network)?.listen(network, address)
}

/// [`Net::listen_packet`] on the current network.
///
/// # Errors
///
/// As for [`Net::listen_packet`], and [`Cause::NoStack`].
#[doc(alias = "ListenPacket")]
pub fn listen_packet(network: &str, address: &str) -> Result<AnyPacketConn, OpError> {
    Net::current_for(Op::Listen, network)?.listen_packet(network, address)
}

/// [`Net::lookup_host`] on the current network.
///
/// # Errors
///
/// As for [`Net::lookup_host`], and that there is no network.
#[doc(alias = "LookupHost")]
pub fn lookup_host(host: &str) -> Result<Vec<String>, DNSError> {
    Net::current()
        .ok_or_else(|| DNSError::new(DNSErrorKind::NoStack, host))?
        .lookup_host(host)
}

/// [`Net::lookup_ip`] on the current network.
///
/// # Errors
///
/// As for [`lookup_host`].
#[doc(alias = "LookupIP")]
pub fn lookup_ip(host: &str) -> Result<Vec<IpAddr>, DNSError> {
    Net::current()
        .ok_or_else(|| DNSError::new(DNSErrorKind::NoStack, host))?
        .lookup_ip(host)
}
