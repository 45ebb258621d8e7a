//! [`Dialer`]: how a connection is dialled, as a builder with Go's fields.
//!
//! `Net::dial` and the free functions are a dialer with nothing set. Names are resolved first, then
//! the addresses are raced or tried in turn. What is opened belongs to the caller; the dialer keeps
//! nothing and may be used any number of times, from several threads.

#[cfg(feature = "async")]
mod tasks;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use bytes::Bytes;

use super::drive::drive;
use super::race::{Groups, Race};
use super::tcp::TcpRacer;
use crate::address::{Families, Host, Network, Purpose, Target, UnixKind};
use crate::any_conn::AnyConn;
use crate::cancel::CancelToken;
use crate::conn::TCPConn;
use crate::deadline::Deadline;
use crate::error::{AddrError, AddrErrorKind, Cause, Op, OpError, UnknownNetworkError};
use crate::host;
use crate::ip::IPConn;
use crate::net::Net;
use crate::packet_conn::destination;
use crate::resolver::Resolver;
use crate::socket_options::{Control, KeepAliveConfig, SocketOptions, tcp_option_builders};
use crate::udp::UDPConn;
use crate::unix::UnixConn;
use crate::{Addr, IPAddr, NetAddr, TCPAddr, UDPAddr, UnixAddr, Zone};

/// The delay after which the other family is tried, too (RFC 8305 §8 says 250 ms, Go 300 ms).
const FALLBACK_DELAY: Duration = Duration::from_millis(300);

/// How to dial: timeouts, our own end, keep-alive, cancellation. Go's `net.Dialer`.
///
/// Methods take and give the value, so that they can be chained; clones are independent.
///
/// ```
/// use sidestep::{Dialer, Net};
/// use std::time::Duration;
///
/// let (client, server) = Net::memory_pair()?;
/// let listener = server.listen("tcp", ":80")?;
/// let conn = client
///     .dialer()
///     .timeout(Duration::from_secs(5))
///     .local_addr("192.0.2.1:0".parse::<sidestep::TCPAddr>()?)
///     .dial("tcp", "192.0.2.2:80")?;
/// assert_eq!(conn.remote_addr().unwrap().to_string(), "192.0.2.2:80");
/// # drop(listener);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "net.Dialer")]
#[must_use = "a dialer does nothing before it dials"]
pub struct Dialer {
    net: Option<Net>,
    timeout: Option<Duration>,
    deadline: Deadline,
    local_addr: Option<NetAddr>,
    fallback_delay: Option<Duration>,
    options: SocketOptions,
    control: Option<Control>,
    resolver: Option<Resolver>,
    cancel: Option<CancelToken>,
    text: Option<Bytes>,
}

impl Default for Dialer {
    fn default() -> Self {
        Self::new()
    }
}

impl Dialer {
    /// No timeout, no deadline; the other family after 300 ms; keep-alive after 15 s; on the
    /// network that the thread has entered, else on the installed one.
    pub const fn new() -> Self {
        Self {
            net: None,
            timeout: None,
            deadline: Deadline::NONE,
            local_addr: None,
            fallback_delay: Some(FALLBACK_DELAY),
            options: SocketOptions::GO,
            control: None,
            resolver: None,
            cancel: None,
            text: None,
        }
    }

    /// On which network to dial.
    pub fn on(mut self, net: &Net) -> Self {
        self.net = Some(net.clone());
        self
    }

    /// How long a dial may take at most, resolving the name included; the time is shared between
    /// the addresses. `None` is no limit, zero fails at once (in Go zero is no limit).
    #[doc(alias = "Timeout")]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// The moment after which dials fail. Of it and [`timeout`](Self::timeout) the earlier holds.
    #[doc(alias = "Deadline")]
    pub fn deadline(mut self, deadline: impl Into<Deadline>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// Our own end. It must be of the network that is dialled; a port of 0 is chosen by the stack.
    #[doc(alias = "LocalAddr")]
    pub fn local_addr(mut self, local_addr: impl Into<NetAddr>) -> Self {
        self.local_addr = Some(local_addr.into());
        self
    }

    /// How long the addresses of the first one's family have for themselves before those of the
    /// other family are tried as well (RFC 6555, "Happy Eyeballs"): 300 ms unless set. `None` tries
    /// all in order, one at a time; Go says that with a negative time. Only for `tcp`, which has
    /// both families.
    #[doc(alias = "FallbackDelay")]
    #[doc(alias = "DualStack")]
    pub fn fallback_delay(mut self, delay: impl Into<Option<Duration>>) -> Self {
        self.fallback_delay = delay.into();
        self
    }

    /// TCP Fast Open (RFC 7413): `text`, at most 2,048 octets of it, is the first that the connection
    /// says. It goes with the SYN if the server gave a cookie before, and after the handshake if not, and
    /// it may arrive twice, at several of the server's addresses even: only for what may be done twice.
    /// Other networks than TCP take no notice.
    #[doc(alias = "TCP_FASTOPEN_CONNECT")]
    pub fn fast_open(mut self, text: impl Into<Bytes>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// When a silent peer is asked whether it is still there: a time, `None` for never, or a
    /// [`KeepAliveConfig`].
    #[doc(alias = "KeepAlive")]
    #[doc(alias = "KeepAliveConfig")]
    pub fn keep_alive(mut self, keep_alive: impl Into<KeepAliveConfig>) -> Self {
        self.options.keep_alive = Some(keep_alive.into());
        self
    }

    tcp_option_builders!();

    /// What sees, and may change, the options of each socket before it is used. It is given the
    /// network with its family (`tcp4`), and the address; an error of it ends that attempt. It is
    /// called by one thread at a time, and must not dial with the same dialer.
    #[doc(alias = "Control")]
    #[doc(alias = "ControlContext")]
    pub fn control(
        mut self,
        hook: impl FnMut(&str, &str, &mut SocketOptions) -> Result<(), Cause> + Send + 'static,
    ) -> Self {
        self.control = Some(Control::new(hook));
        self
    }

    /// Who looks names up: the network's own resolver unless set. Its queries go over the network
    /// that is dialled, unless it was made for another one.
    #[doc(alias = "Resolver")]
    pub fn resolver(mut self, resolver: &Resolver) -> Self {
        self.resolver = Some(resolver.clone());
        self
    }

    /// What takes back dials that wait: they fail with [`Cause::Canceled`].
    #[doc(alias = "Cancel")]
    #[doc(alias = "DialContext")]
    pub fn cancel(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// Opens a connection to `address` on `tcp`, `udp` (each also with 4 or 6), an `ip` network or a
    /// Unix one. See [`Net::dial`].
    ///
    /// # Errors
    ///
    /// As for [`Net::dial`]; and `Timeout`, [`Cause::Canceled`], and
    /// `mismatched local address type`.
    #[doc(alias = "Dial")]
    #[doc(alias = "DialContext")]
    pub fn dial(&self, network: &str, address: &str) -> Result<AnyConn, OpError> {
        crate::trace::dial(network, address, || self.dial_untold(network, address))
    }

    fn dial_untold(&self, network: &str, address: &str) -> Result<AnyConn, OpError> {
        let deadline = self.deadline_of_a_dial();
        let failed = |cause: Cause| OpError::new(Op::Dial, network.to_owned(), cause);
        let parsed = Network::parse(network).map_err(failed)?;
        if let Network::Unix(kind) = parsed {
            return self.dial_unix_network(kind, address, deadline);
        }
        let net = self.net(network)?;
        let target = Target::parse(parsed, address, Purpose::Dial).map_err(failed)?;
        let resolver = self.resolver.clone().unwrap_or_default();
        let resolver = resolver.for_dial(&net, deadline, self.cancel.as_ref());
        let found = resolver.find_target(&target).map_err(failed)?;
        match self.begin(net, network, &target, &found, deadline)? {
            Begun::Open(conn) => Ok(conn),
            Begun::Race(race) => drive(*race, self.cancel.as_ref())
                .map(AnyConn::TCP)
                .map_err(|error| no_address(network, error)),
        }
    }

    /// Tries the addresses of `target`, of which `found` are those of its name: opens what needs no
    /// handshake, and prepares the race for what does.
    fn begin(
        &self,
        net: Net,
        network: &str,
        target: &Target,
        found: &[IpAddr],
        deadline: Deadline,
    ) -> Result<Begun, OpError> {
        let failed = |cause: Cause| OpError::new(Op::Dial, network.to_owned(), cause);
        let parsed = target.network;
        let addresses = candidates(target, found)
            .and_then(|addresses| self.suiting(parsed, addresses))
            .map_err(|error| failed(error.into()))?;
        let port = target.port;
        match parsed {
            Network::TCP(families) => {
                let addresses = addresses
                    .into_iter()
                    .map(|(ip, zone)| TCPAddr { ip, port, zone })
                    .collect();
                let race = self.race(net, parsed, families, addresses, deadline);
                Ok(Begun::Race(Box::new(race)))
            }
            Network::UDP(_) | Network::IP(..) | Network::Unix(_) => self
                .in_turn(&net, parsed, network, port, addresses, deadline)
                .map(Begun::Open),
        }
    }

    /// The race for a TCP connection to one of `addresses`.
    pub(crate) fn race(
        &self,
        net: Net,
        network: Network,
        families: Families,
        addresses: Vec<TCPAddr>,
        deadline: Deadline,
    ) -> Race<TcpRacer> {
        let groups = match self.fallback_delay {
            Some(_) if families == Families::Both => Groups::split(addresses, |address| {
                address.ip.is_some_and(|ip| ip.to_canonical().is_ipv4())
            }),
            Some(_) | None => Groups::one(addresses),
        };
        let local = match &self.local_addr {
            Some(NetAddr::TCP(local)) => Some(local.clone()),
            Some(_) | None => None,
        };
        let delay = self.fallback_delay.unwrap_or_default();
        Race::new(self.racer(net, network, local), groups, delay, deadline)
    }

    fn racer(&self, net: Net, network: Network, local: Option<TCPAddr>) -> TcpRacer {
        TcpRacer {
            net,
            network,
            local,
            options: self.options,
            control: self.control.clone(),
            text: self.text.clone(),
        }
    }

    /// Networks without handshakes: the first address that can be used is.
    fn in_turn(
        &self,
        net: &Net,
        network: Network,
        name: &str,
        port: u16,
        addresses: Vec<(Option<IpAddr>, Zone)>,
        deadline: Deadline,
    ) -> Result<AnyConn, OpError> {
        let mut first_error = None;
        for (ip, zone) in addresses {
            let outcome = match network {
                Network::UDP(_) => {
                    let remote = UDPAddr { ip, port, zone };
                    self.open_udp(net, network, self.local_udp(), &remote, deadline)
                        .map(AnyConn::UDP)
                }
                Network::IP(..) => {
                    let remote = IPAddr { ip, zone };
                    self.open_ip(net, network, name, self.local_ip(), &remote, deadline)
                        .map(AnyConn::IP)
                }
                Network::TCP(_) | Network::Unix(_) => {
                    let cause = Cause::NotSupported;
                    Err(OpError::new(Op::Dial, name.to_owned(), cause))
                }
            };
            match outcome {
                Ok(conn) => return Ok(conn),
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        Err(first_error
            .unwrap_or_else(|| OpError::new(Op::Dial, name.to_owned(), Cause::MissingAddress)))
    }

    /// Opens a TCP connection to `remote`, from `local` if that is given, else from
    /// [`local_addr`](Self::local_addr).
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
        let race = self.tcp_race(network, local, remote)?;
        drive(race, self.cancel.as_ref()).map_err(|error| no_address(network, error))
    }

    /// The race, of one, to `remote`.
    fn tcp_race(
        &self,
        network: &str,
        local: Option<&TCPAddr>,
        remote: &TCPAddr,
    ) -> Result<Race<TcpRacer>, OpError> {
        let net = self.net(network)?;
        let parsed = typed(
            network,
            |parsed| matches!(parsed, Network::TCP(_)),
            || {
                (
                    local.cloned().map(NetAddr::TCP),
                    NetAddr::TCP(remote.clone()),
                )
            },
        )?;
        let own = match &self.local_addr {
            Some(NetAddr::TCP(own)) => Some(own),
            Some(_) | None => None,
        };
        let racer = self.racer(net, parsed, local.or(own).cloned());
        let groups = Groups::one(vec![remote.clone()]);
        let deadline = self.deadline_of_a_dial();
        Ok(Race::new(racer, groups, Duration::ZERO, deadline))
    }

    /// A UDP socket that exchanges datagrams with `remote` only.
    ///
    /// # Errors
    ///
    /// As for [`Net::dial_udp`], `Timeout` if the deadline has passed, and [`Cause::Canceled`].
    #[doc(alias = "DialUDP")]
    pub fn dial_udp(
        &self,
        network: &str,
        local: Option<&UDPAddr>,
        remote: &UDPAddr,
    ) -> Result<UDPConn, OpError> {
        let net = self.net(network)?;
        let parsed = typed(
            network,
            |parsed| matches!(parsed, Network::UDP(_)),
            || {
                (
                    local.cloned().map(NetAddr::UDP),
                    NetAddr::UDP(remote.clone()),
                )
            },
        )?;
        let local = local.or(self.local_udp());
        self.open_udp(&net, parsed, local, remote, self.deadline_of_a_dial())
    }

    /// A raw socket that exchanges payloads of one protocol with `remote` only. `network` names the
    /// protocol: `ip4:icmp`, `ip6:58`.
    ///
    /// # Errors
    ///
    /// As for [`Net::dial_ip`], `Timeout` if the deadline has passed, and [`Cause::Canceled`].
    #[doc(alias = "DialIP")]
    pub fn dial_ip(
        &self,
        network: &str,
        local: Option<&IPAddr>,
        remote: &IPAddr,
    ) -> Result<IPConn, OpError> {
        let net = self.net(network)?;
        let parsed = typed(
            network,
            |parsed| matches!(parsed, Network::IP(..)),
            || (local.cloned().map(NetAddr::IP), NetAddr::IP(remote.clone())),
        )?;
        let local = local.or(self.local_ip());
        let deadline = self.deadline_of_a_dial();
        self.open_ip(&net, parsed, network, local, remote, deadline)
    }

    fn open_udp(
        &self,
        net: &Net,
        network: Network,
        local: Option<&UDPAddr>,
        remote: &UDPAddr,
        deadline: Deadline,
    ) -> Result<UDPConn, OpError> {
        let failed = |cause| {
            OpError::new(Op::Dial, network.as_str(), cause)
                .with_source(local.cloned().map(NetAddr::UDP))
                .with_addr(NetAddr::UDP(remote.clone()))
        };
        self.may_open(deadline).map_err(failed)?;
        let options = self
            .options_for(network, remote.ip, &remote.to_string())
            .map_err(failed)?;
        let conn = net.udp_dial(network, local, remote)?;
        conn.apply(&options).map_err(failed)?;
        Ok(conn)
    }

    fn open_ip(
        &self,
        net: &Net,
        network: Network,
        name: &str,
        local: Option<&IPAddr>,
        remote: &IPAddr,
        deadline: Deadline,
    ) -> Result<IPConn, OpError> {
        let failed = |cause| {
            OpError::new(Op::Dial, name.to_owned(), cause)
                .with_source(local.cloned().map(NetAddr::IP))
                .with_addr(NetAddr::IP(remote.clone()))
        };
        self.may_open(deadline).map_err(failed)?;
        let Network::IP(_, protocol) = network else {
            return Err(failed(Cause::NotSupported));
        };
        let options = self
            .options_for(network, remote.ip, &remote.to_string())
            .map_err(failed)?;
        // As in Go its errors have the network's whole name, protocol included.
        let conn = net
            .raw_dial(network, protocol, local, remote)
            .map_err(|error| failed(error.err().clone()))?;
        conn.apply(&options).map_err(failed)?;
        Ok(conn)
    }

    /// The host's kernel carries it, whatever the network.
    fn dial_unix_network(
        &self,
        kind: UnixKind,
        address: &str,
        deadline: Deadline,
    ) -> Result<AnyConn, OpError> {
        let failed = |cause| OpError::new(Op::Dial, Network::Unix(kind).as_str(), cause);
        if address.is_empty() {
            return Err(failed(Cause::MissingAddress));
        }
        let local = match &self.local_addr {
            None => None,
            Some(NetAddr::Unix(local)) if local.net == kind => Some(local),
            Some(other) => {
                let mismatch = AddrErrorKind::MismatchedLocalAddressType;
                return Err(failed(AddrError::new(mismatch, &other.to_string()).into()));
            }
        };
        let remote = UnixAddr::new(kind, address);
        self.open_unix(kind, local, &remote, deadline)
            .map(AnyConn::Unix)
    }

    /// Connects on `unix`, `unixgram` or `unixpacket` to `remote`, from `local` if that is given. See
    /// [`Net::dial_unix`].
    ///
    /// # Errors
    ///
    /// As for [`Net::dial_unix`], `Timeout` if the deadline has passed, and [`Cause::Canceled`].
    #[doc(alias = "DialUnix")]
    pub fn dial_unix(
        &self,
        network: &str,
        local: Option<&UnixAddr>,
        remote: &UnixAddr,
    ) -> Result<UnixConn, OpError> {
        let parsed = typed(
            network,
            |parsed| matches!(parsed, Network::Unix(_)),
            || {
                (
                    local.cloned().map(NetAddr::Unix),
                    NetAddr::Unix(remote.clone()),
                )
            },
        )?;
        let Network::Unix(kind) = parsed else {
            return Err(OpError::new(
                Op::Dial,
                network.to_owned(),
                Cause::NotSupported,
            ));
        };
        let own = match &self.local_addr {
            Some(NetAddr::Unix(own)) => Some(own),
            Some(_) | None => None,
        };
        self.open_unix(kind, local.or(own), remote, self.deadline_of_a_dial())
    }

    fn open_unix(
        &self,
        kind: UnixKind,
        local: Option<&UnixAddr>,
        remote: &UnixAddr,
        deadline: Deadline,
    ) -> Result<UnixConn, OpError> {
        let failed = |cause| {
            OpError::new(Op::Dial, Network::Unix(kind).as_str(), cause)
                .with_source(local.cloned().map(NetAddr::Unix))
                .with_addr(NetAddr::Unix(remote.clone()))
        };
        self.may_open(deadline).map_err(failed)?;
        host::dial_unix(kind, local, remote, deadline).map(UnixConn::of_host)
    }

    /// The options for a socket without a handshake, once the hook has seen them.
    fn options_for(
        &self,
        network: Network,
        ip: Option<IpAddr>,
        address: &str,
    ) -> Result<SocketOptions, Cause> {
        let mut options = SocketOptions::default();
        if let Some(control) = &self.control {
            let ip = destination(network, ip)?;
            let name = network.as_str().trim_end_matches(['4', '6']);
            let family = if ip.is_ipv4() { '4' } else { '6' };
            control.call(&format!("{name}{family}"), address, &mut options)?;
        }
        Ok(options)
    }

    /// What opens at once looks at the time and the token once.
    fn may_open(&self, deadline: Deadline) -> Result<(), Cause> {
        if self.cancel.as_ref().is_some_and(CancelToken::is_canceled) {
            return Err(Cause::Canceled);
        }
        if deadline.has_passed() {
            return Err(Cause::Timeout);
        }
        Ok(())
    }

    fn local_udp(&self) -> Option<&UDPAddr> {
        match &self.local_addr {
            Some(NetAddr::UDP(local)) => Some(local),
            Some(_) | None => None,
        }
    }

    fn local_ip(&self) -> Option<&IPAddr> {
        match &self.local_addr {
            Some(NetAddr::IP(local)) => Some(local),
            Some(_) | None => None,
        }
    }

    fn net(&self, network: &str) -> Result<Net, OpError> {
        match &self.net {
            Some(net) => Ok(net.clone()),
            None => Net::current_for(Op::Dial, network),
        }
    }

    /// The deadline of a dial that begins now.
    pub(crate) fn deadline_of_a_dial(&self) -> Deadline {
        let by_timeout = self.timeout.map_or(Deadline::NONE, Deadline::from);
        self.deadline.min(by_timeout)
    }

    /// Those of `addresses` that our own end can reach: it must be of the network, and unless it is
    /// a wildcard of the address's family.
    fn suiting(
        &self,
        network: Network,
        mut addresses: Vec<(Option<IpAddr>, Zone)>,
    ) -> Result<Vec<(Option<IpAddr>, Zone)>, AddrError> {
        let Some(local) = &self.local_addr else {
            return Ok(addresses);
        };
        let refused = |kind| AddrError::new(kind, &local.to_string());
        let kind = match network {
            Network::TCP(_) => "tcp",
            Network::UDP(_) => "udp",
            Network::IP(..) => "ip",
            Network::Unix(_) => network.as_str(),
        };
        if local.network() != kind {
            return Err(refused(AddrErrorKind::MismatchedLocalAddressType));
        }
        if let Some(own) = local.ip().filter(|ip| !ip.is_unspecified()) {
            let own_is_v4 = own.to_canonical().is_ipv4();
            addresses.retain(|(ip, _)| {
                ip.is_none_or(|ip| ip.is_unspecified() || ip.to_canonical().is_ipv4() == own_is_v4)
            });
        }
        if addresses.is_empty() {
            return Err(refused(AddrErrorKind::NoSuitableAddress));
        }
        Ok(addresses)
    }
}

/// A dial whose name is resolved.
enum Begun {
    Open(AnyConn),
    Race(Box<Race<TcpRacer>>),
}

/// The error of a race, which has none if there was no address.
fn no_address(network: &str, error: Option<OpError>) -> OpError {
    error.unwrap_or_else(|| OpError::new(Op::Dial, network.to_owned(), Cause::MissingAddress))
}

/// What to try for a target, in order and as the user knows it: `::` may mean `::1` or 127.0.0.1.
fn candidates(target: &Target, found: &[IpAddr]) -> Result<Vec<(Option<IpAddr>, Zone)>, AddrError> {
    // Which families suit the network, and what to say if none does, is the target's to know.
    let reachable = target.dial_addresses(found)?;
    let carries = |ip: &IpAddr| target.network.carries(*ip);
    Ok(match &target.host {
        Host::Empty => vec![(None, Zone::NONE)],
        Host::Literal(ip, zone) if ip.is_unspecified() && ip.is_ipv6() => [
            IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        ]
        .into_iter()
        .filter(carries)
        .map(|ip| (Some(ip), zone.clone()))
        .collect(),
        Host::Literal(ip, zone) => vec![(Some(*ip), zone.clone())],
        Host::Name(_) => reachable
            .into_iter()
            .map(|(ip, zone)| (Some(ip), zone))
            .collect(),
    })
}

/// Reads the network of a typed dial, which must be of one kind. Its errors name both ends.
fn typed(
    network: &str,
    is_kind: impl FnOnce(Network) -> bool,
    ends: impl FnOnce() -> (Option<NetAddr>, NetAddr),
) -> Result<Network, OpError> {
    let cause = match Network::parse(network) {
        Ok(parsed) if is_kind(parsed) => return Ok(parsed),
        Ok(_) => UnknownNetworkError(network.into()).into(),
        Err(cause) => cause,
    };
    let (source, addr) = ends();
    Err(OpError::new(Op::Dial, network.to_owned(), cause)
        .with_source(source)
        .with_addr(addr))
}
