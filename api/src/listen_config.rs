//! [`ListenConfig`]: how to listen, as a builder with Go's fields and those that Go lacks.
//!
//! `Net::listen`, `Net::listen_packet` and the free functions are one with nothing set. The wildcard
//! rules are Linux's (go-net §1.5): an empty host, 0.0.0.0 and `::` under `tcp` all listen on both
//! families. It keeps nothing of what it opens.

use std::net::IpAddr;
use std::time::Duration;

use sidestep_stack::call::Admission;

use crate::address::{Families, Network, Purpose, Target};
use crate::cancel::CancelToken;
use crate::deadline::Deadline;
use crate::error::{AddrError, AddrErrorKind, Cause, Op, OpError, UnknownNetworkError};
use crate::ip::IPConn;
use crate::listener::{AnyListener, TCPListener};
use crate::net::Net;
use crate::packet_conn::AnyPacketConn;
use crate::socket_options::{
    Control, KeepAliveConfig, ReusePort, SocketOptions, tcp_option_builders,
};
use crate::udp::UDPConn;
use crate::unix;
use crate::{IPAddr, NetAddr, TCPAddr, UDPAddr, Zone};

/// Connections that may wait to be accepted, as Linux's `somaxconn`.
const BACKLOG: usize = 4_096;

/// How to listen: backlog, shared ports, keep-alive of what is accepted. Go's `net.ListenConfig`.
///
/// ```
/// use sidestep::Net;
///
/// let (_client, server) = Net::memory_pair()?;
/// let config = server.listen_config().backlog(16).reuse_port(true);
/// let one = config.listen("tcp", ":80")?;
/// let other = config.listen("tcp", ":80")?;
/// assert_eq!(one.addr(), other.addr());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Connections that are accepted begin with the options of their listener:
///
/// ```
/// use sidestep::{CongestionAlgorithm, Net};
///
/// let (client, server) = Net::memory_pair()?;
/// let config = server.listen_config();
/// let config = config.congestion(CongestionAlgorithm::Bbr).maximum_segment(500);
/// let listener = config.listen_tcp("tcp", Some(&"192.0.2.2:80".parse()?))?;
/// let dialled = client.dial_tcp("tcp", None, &"192.0.2.2:80".parse()?)?;
/// let info = listener.accept_tcp()?.info()?;
/// assert_eq!(info.congestion_algorithm, CongestionAlgorithm::Bbr);
/// // 12 octets of each segment are for timestamps.
/// assert_eq!((info.advertised_mss, dialled.info()?.snd_mss), (500, 488));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "net.ListenConfig")]
#[must_use = "a listen config does nothing before it listens"]
pub struct ListenConfig {
    net: Option<Net>,
    options: SocketOptions,
    backlog: usize,
    opening: OpeningSettings,
    control: Option<Control>,
    cancel: Option<CancelToken>,
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self::new()
    }
}

/// What the parts of a listener are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenSettings {
    pub(crate) options: SocketOptions,
    /// Connections that may wait to be accepted.
    pub(crate) backlog: usize,
    /// What is done before a connection is handed over.
    pub(crate) opening: OpeningSettings,
}

/// What a listener of the userspace stack does with a SYN and what follows it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpeningSettings {
    pub(crate) defer_accept: Option<Duration>,
    pub(crate) fast_open: u32,
    pub(crate) admission: Admission,
}

impl ListenConfig {
    /// A backlog of 4,096; a port of one's own; keep-alive after 15 s; on the network that the
    /// thread has entered, else on the installed one.
    pub fn new() -> Self {
        Self {
            net: None,
            options: SocketOptions::GO,
            backlog: BACKLOG,
            opening: OpeningSettings::default(),
            control: None,
            cancel: None,
        }
    }

    /// On which network to listen.
    pub fn on(mut self, net: &Net) -> Self {
        self.net = Some(net.clone());
        self
    }

    /// What sees, and may change, the options of each socket before it is bound. It is given the
    /// network with its family (`tcp6` for both families), and the address; an error of it ends the
    /// call. It is called by one thread at a time, and must not listen with the same config.
    #[doc(alias = "Control")]
    pub fn control(
        mut self,
        hook: impl FnMut(&str, &str, &mut SocketOptions) -> Result<(), Cause> + Send + 'static,
    ) -> Self {
        self.control = Some(Control::new(hook));
        self
    }

    /// When the silent peer of an accepted connection is asked whether it is still there: a time,
    /// `None` for never, or a [`KeepAliveConfig`].
    #[doc(alias = "KeepAlive")]
    #[doc(alias = "KeepAliveConfig")]
    pub fn keep_alive(mut self, keep_alive: impl Into<KeepAliveConfig>) -> Self {
        self.options.keep_alive = Some(keep_alive.into());
        self
    }

    tcp_option_builders!();

    /// How many connections may wait to be accepted, at least 1; those that come when it is full
    /// wait outside and are let in when their SYN is repeated. 4,096 unless set.
    pub const fn backlog(mut self, connections: usize) -> Self {
        self.backlog = if connections == 0 { 1 } else { connections };
        self
    }

    /// Connections are accepted only when text has come, or the end, or so much time has passed; the
    /// oldest of too many that say nothing is reset. Not on [`Net::host`], where it does nothing.
    #[doc(alias = "TCP_DEFER_ACCEPT")]
    pub const fn defer_accept(mut self, patience: Duration) -> Self {
        self.opening.defer_accept = Some(patience);
        self
    }

    /// TCP Fast Open (RFC 7413): so many connections may be accepted with the text of their SYN before
    /// the peer has proved to be where that came from; 0, the default, is off. The text of a SYN may
    /// come twice, so that it must be harmless to do twice what it asks for. Not on [`Net::host`].
    #[doc(alias = "TCP_FASTOPEN")]
    pub const fn fast_open(mut self, pending: u32) -> Self {
        self.opening.fast_open = pending;
        self
    }

    /// Every SYN is offered to [`TCPListener::accept_syn`] and answered only once that has decided: for
    /// a forwarder, which has to find out first whether it can connect. Those that were let in do not
    /// count for the backlog once their handshake is over. Not on [`Net::host`].
    pub const fn ask_first(mut self) -> Self {
        self.opening.admission = Admission::Ask;
        self
    }

    /// Whether several listeners or sockets may have the same port. All of them must say so. Each
    /// flow belongs to one of them, chosen by a keyed hash of its ends.
    #[doc(alias = "SO_REUSEPORT")]
    pub const fn reuse_port(mut self, reuse_port: bool) -> Self {
        self.options.reuse_port = if reuse_port {
            ReusePort::Yes
        } else {
            ReusePort::No
        };
        self
    }

    /// What takes the call back while it looks a name up. What was opened stays open.
    pub fn cancel(mut self, token: &CancelToken) -> Self {
        self.cancel = Some(token.clone());
        self
    }

    /// Listens on `tcp`, `tcp4`, `tcp6`, `unix` or `unixpacket` at `address`. See [`Net::listen`].
    ///
    /// # Errors
    ///
    /// As for [`Net::listen`], and [`Cause::Canceled`].
    #[doc(alias = "Listen")]
    pub fn listen(&self, network: &str, address: &str) -> Result<AnyListener, OpError> {
        crate::trace::listen(network, address, || self.listen_untold(network, address))
    }

    fn listen_untold(&self, network: &str, address: &str) -> Result<AnyListener, OpError> {
        let net = self.net(network)?;
        let failed = |cause: Cause| OpError::new(Op::Listen, network.to_owned(), cause);
        let parsed = Network::parse(network).map_err(failed)?;
        let unexpected = || AddrError::new(AddrErrorKind::UnexpectedAddressType, address);
        if let Network::Unix(kind) = parsed {
            return unix::listen(kind, address, Some(self.backlog)).map(AnyListener::Unix);
        }
        let (ip, zone, port) = self.one_address(&net, parsed, address).map_err(failed)?;
        match parsed {
            Network::TCP(_) => self
                .open_tcp(&net, parsed, &TCPAddr { ip, port, zone })
                .map(AnyListener::TCP),
            Network::UDP(_) => {
                let addr = NetAddr::UDP(UDPAddr { ip, port, zone });
                Err(failed(unexpected().into()).with_addr(addr))
            }
            Network::IP(..) => {
                let addr = NetAddr::IP(IPAddr { ip, zone });
                Err(failed(unexpected().into()).with_addr(addr))
            }
            Network::Unix(_) => Err(failed(unexpected().into())),
        }
    }

    /// A socket of datagrams on `udp`, `udp4`, `udp6`, an `ip` network or `unixgram`. See
    /// [`Net::listen_packet`].
    ///
    /// # Errors
    ///
    /// As for [`Net::listen_packet`], and [`Cause::Canceled`].
    #[doc(alias = "ListenPacket")]
    pub fn listen_packet(&self, network: &str, address: &str) -> Result<AnyPacketConn, OpError> {
        crate::trace::listen(network, address, || {
            self.listen_packet_untold(network, address)
        })
    }

    fn listen_packet_untold(&self, network: &str, address: &str) -> Result<AnyPacketConn, OpError> {
        let net = self.net(network)?;
        let failed = |cause: Cause| OpError::new(Op::Listen, network.to_owned(), cause);
        let parsed = Network::parse(network).map_err(failed)?;
        if let Network::Unix(kind) = parsed {
            return unix::listen_packet(kind, address).map(AnyPacketConn::Unix);
        }
        let (ip, zone, port) = self.one_address(&net, parsed, address).map_err(failed)?;
        match parsed {
            Network::UDP(_) => self
                .open_udp(&net, parsed, &UDPAddr { ip, port, zone })
                .map(AnyPacketConn::UDP),
            Network::IP(..) => self
                .open_ip(&net, parsed, network, &IPAddr { ip, zone })
                .map(AnyPacketConn::IP),
            Network::TCP(_) | Network::Unix(_) => {
                let error = AddrError::new(AddrErrorKind::UnexpectedAddressType, address);
                let addr = NetAddr::TCP(TCPAddr { ip, port, zone });
                Err(failed(error.into()).with_addr(addr))
            }
        }
    }

    /// Listens on `tcp`, `tcp4` or `tcp6` at `local`; `None` is a port of the stack's choice on all
    /// addresses.
    ///
    /// # Errors
    ///
    /// As for [`listen`](Self::listen).
    #[doc(alias = "ListenTCP")]
    pub fn listen_tcp(
        &self,
        network: &str,
        local: Option<&TCPAddr>,
    ) -> Result<TCPListener, OpError> {
        let net = self.net(network)?;
        let addr = local.cloned().map(NetAddr::TCP);
        let parsed = typed(network, |parsed| matches!(parsed, Network::TCP(_)), addr)?;
        self.open_tcp(&net, parsed, local.unwrap_or(&TCPAddr::default()))
    }

    /// A UDP socket without a peer at `local`; `None` is a port of the stack's choice on all
    /// addresses.
    ///
    /// # Errors
    ///
    /// As for [`listen_packet`](Self::listen_packet).
    #[doc(alias = "ListenUDP")]
    pub fn listen_udp(&self, network: &str, local: Option<&UDPAddr>) -> Result<UDPConn, OpError> {
        let net = self.net(network)?;
        let addr = local.cloned().map(NetAddr::UDP);
        let parsed = typed(network, |parsed| matches!(parsed, Network::UDP(_)), addr)?;
        self.open_udp(&net, parsed, local.unwrap_or(&UDPAddr::default()))
    }

    /// A raw socket of one protocol without a peer at `local`; `None` is all addresses. `network`
    /// names the protocol: `ip4:icmp`, `ip6:58`.
    ///
    /// # Errors
    ///
    /// As for [`listen_packet`](Self::listen_packet).
    #[doc(alias = "ListenIP")]
    pub fn listen_ip(&self, network: &str, local: Option<&IPAddr>) -> Result<IPConn, OpError> {
        let net = self.net(network)?;
        let addr = local.cloned().map(NetAddr::IP);
        let parsed = typed(network, |parsed| matches!(parsed, Network::IP(..)), addr)?;
        self.open_ip(&net, parsed, network, local.unwrap_or(&IPAddr::default()))
    }

    fn net(&self, network: &str) -> Result<Net, OpError> {
        match &self.net {
            Some(net) => Ok(net.clone()),
            None => Net::current_for(Op::Listen, network),
        }
    }

    /// The one address that a text means to a listener.
    fn one_address(
        &self,
        net: &Net,
        network: Network,
        address: &str,
    ) -> Result<(Option<IpAddr>, Zone, u16), Cause> {
        let target = Target::parse(network, address, Purpose::Listen)?;
        if self.cancel.as_ref().is_some_and(CancelToken::is_canceled) {
            return Err(Cause::Canceled);
        }
        let found = net.find(&target, Deadline::NONE)?;
        let (ip, zone) = target.listen_address(&found)?.unzip();
        Ok((ip, zone.unwrap_or_default(), target.port))
    }

    fn open_tcp(
        &self,
        net: &Net,
        network: Network,
        local: &TCPAddr,
    ) -> Result<TCPListener, OpError> {
        let addr = NetAddr::TCP(local.clone());
        let options = self.options_for(network, local.ip, &addr)?;
        let settings = ListenSettings {
            options,
            backlog: self.backlog,
            opening: self.opening,
        };
        net.listen_on(network, local, settings)
    }

    fn open_udp(&self, net: &Net, network: Network, local: &UDPAddr) -> Result<UDPConn, OpError> {
        let addr = NetAddr::UDP(local.clone());
        let options = self.options_for(network, local.ip, &addr)?;
        let failed =
            |cause| OpError::new(Op::Listen, network.as_str(), cause).with_addr(addr.clone());
        let conn = net.udp_socket(network, local, options.reuse_port)?;
        conn.apply(&options).map_err(failed)?;
        Ok(conn)
    }

    fn open_ip(
        &self,
        net: &Net,
        network: Network,
        name: &str,
        local: &IPAddr,
    ) -> Result<IPConn, OpError> {
        let Network::IP(_, protocol) = network else {
            return Err(OpError::new(
                Op::Listen,
                name.to_owned(),
                Cause::NotSupported,
            ));
        };
        let addr = NetAddr::IP(local.clone());
        let options = self.options_for(network, local.ip, &addr)?;
        // As in Go its errors have the network's whole name, protocol included.
        let failed =
            |cause| OpError::new(Op::Listen, name.to_owned(), cause).with_addr(addr.clone());
        let conn = net
            .raw_socket(network, protocol, local)
            .map_err(|error| failed(error.err().clone()))?;
        conn.apply(&options).map_err(failed)?;
        Ok(conn)
    }

    /// The options for a socket at `addr`, once the hook has seen them.
    fn options_for(
        &self,
        network: Network,
        ip: Option<IpAddr>,
        addr: &NetAddr,
    ) -> Result<SocketOptions, OpError> {
        let mut options = self.options;
        if let Some(control) = &self.control {
            let name = with_family(network, ip);
            control
                .call(&name, &addr.to_string(), &mut options)
                .map_err(|cause| {
                    OpError::new(Op::Listen, network.as_str(), cause).with_addr(addr.clone())
                })?;
        }
        Ok(options)
    }
}

/// The network's name with the family of a socket bound to `ip`: `tcp6` carries both.
fn with_family(network: Network, ip: Option<IpAddr>) -> String {
    let name = network.as_str();
    match (network.families(), ip) {
        (Families::V4 | Families::V6, _) => name.to_owned(),
        (Families::Both, Some(ip)) if !ip.is_unspecified() && ip.to_canonical().is_ipv4() => {
            format!("{name}4")
        }
        (Families::Both, _) => format!("{name}6"),
    }
}

/// Reads the network of a typed listen, which must be of one kind.
fn typed(
    network: &str,
    is_kind: impl FnOnce(Network) -> bool,
    addr: Option<NetAddr>,
) -> Result<Network, OpError> {
    let cause = match Network::parse(network) {
        Ok(parsed) if is_kind(parsed) => return Ok(parsed),
        Ok(_) => UnknownNetworkError(network.into()).into(),
        Err(cause) => cause,
    };
    Err(OpError::new(Op::Listen, network.to_owned(), cause).with_addr(addr))
}

impl Net {
    /// A [`ListenConfig`] for this network.
    #[doc(alias = "ListenConfig")]
    pub fn listen_config(&self) -> ListenConfig {
        ListenConfig::new().on(self)
    }

    /// Listens on `tcp`, `tcp4` or `tcp6` at `address`: `host:port`, where port 0 or none lets the
    /// stack choose one, and an empty host, 0.0.0.0 or `::` means all addresses. A host that is a
    /// name is looked up, and one of its addresses is used, IPv4 preferred.
    ///
    /// # Errors
    ///
    /// With op `listen`: an unknown network, an address that says nothing, `EADDRINUSE`,
    /// `EADDRNOTAVAIL`, or what the look-up met.
    #[doc(alias = "Listen")]
    pub fn listen(&self, network: &str, address: &str) -> Result<AnyListener, OpError> {
        self.listen_config().listen(network, address)
    }

    /// A socket of datagrams on `udp`, `udp4`, `udp6` or an `ip` network, at `address` (without a
    /// port for `ip`). The wildcard rules are those of [`listen`](Self::listen).
    ///
    /// # Errors
    ///
    /// With op `listen`, as for [`listen`](Self::listen).
    #[doc(alias = "ListenPacket")]
    pub fn listen_packet(&self, network: &str, address: &str) -> Result<AnyPacketConn, OpError> {
        self.listen_config().listen_packet(network, address)
    }

    /// Listens on `tcp`, `tcp4` or `tcp6` at `local`; `None` is a port of the stack's choice on all
    /// addresses.
    ///
    /// # Errors
    ///
    /// As for [`listen`](Self::listen).
    #[doc(alias = "ListenTCP")]
    pub fn listen_tcp(
        &self,
        network: &str,
        local: Option<&TCPAddr>,
    ) -> Result<TCPListener, OpError> {
        self.listen_config().listen_tcp(network, local)
    }

    /// A raw socket of one protocol without a peer at `local`; `None` is all addresses. `network`
    /// names the protocol: `ip4:icmp`, `ip6:58`.
    ///
    /// # Errors
    ///
    /// With op `listen`, as for [`listen_packet`](Self::listen_packet).
    #[doc(alias = "ListenIP")]
    pub fn listen_ip(&self, network: &str, local: Option<&IPAddr>) -> Result<IPConn, OpError> {
        self.listen_config().listen_ip(network, local)
    }
}
