//! What an application may ask of the stack: plain data (RFC 9293 §3.10.1 to §3.10.6 for TCP).
//!
//! [`Stack::user_calls`](crate::Stack::user_calls) takes a [`Call`] and answers at once with a
//! [`Reply`] or a reason why not. What takes longer is told later by an [`Event`](crate::Event).
//! No call ever blocks, and none of them carries code.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use bytes::Bytes;
use thiserror::Error;

use crate::base::{Duration, Key};
pub use crate::status::Status;
use crate::wire::protocol::{Protocol, TrafficClass};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub Key);
    )*};
}

ids! {
    /// Names a TCP connection, from OPEN until [`Event::Released`](crate::Event::Released).
    ConnectionId;
    /// Names a TCP listener.
    ListenerId;
    /// Names a UDP socket.
    SocketId;
    /// Names a raw IP socket.
    RawId;
    /// Names a look-up of a host name.
    LookupId;
    /// Names a resolver besides the stack's own.
    ResolverId;
}

/// Which families a wildcard covers.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Families {
    /// IPv4 and IPv6.
    #[default]
    Both,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// What a listener or a socket is bound to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Local {
    /// One of our addresses; `None` for all addresses of `families`.
    pub address: Option<IpAddr>,
    /// Which families a wildcard covers; ignored if there is an address.
    pub families: Families,
    /// The port; 0 lets the stack choose one (RFC 6056).
    pub port: u16,
}

/// OPEN, active (RFC 9293 §3.9.1.1, §3.10.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OpenConnection {
    /// To whom.
    pub remote: SocketAddr,
    /// From which of our addresses; `None` lets the stack choose (RFC 6724).
    pub local_address: Option<IpAddr>,
    /// From which port; 0 lets the stack choose (RFC 6056).
    pub local_port: u16,
    /// Settings that hold from the SYN on.
    pub options: ConnectionOptions,
}

/// When the peer is asked whether it is still there (RFC 9293 §3.8.4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeepAlive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// So many unanswered probes end the connection.
    pub probes_max: u32,
}

/// How a connection finds out how much the path carries.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum CongestionAlgorithm {
    /// RFC 5681 with the recovery of RFC 6582.
    Reno,
    /// RFC 9438 with HyStart++ (RFC 9406).
    #[default]
    Cubic,
    /// draft-ietf-ccwg-bbr, the third version of BBR; always paced.
    Bbr,
}

impl CongestionAlgorithm {
    /// All that exist, each in the place that its number in [`Config`](crate::Config) names.
    pub const ALL: [Self; 3] = [Self::Reno, Self::Cubic, Self::Bbr];

    /// The name, as Linux has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reno => "reno",
            Self::Cubic => "cubic",
            Self::Bbr => "bbr",
        }
    }

    /// The one of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Whether a connection takes part in explicit congestion notification (RFC 3168 §6.1.1).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum EcnUse {
    /// It neither asks nor answers.
    Never,
    /// It asks when it opens actively, and answers a peer that asks.
    Ask,
    /// It answers a peer that asks.
    #[default]
    Answer,
}

impl EcnUse {
    /// All that exist, each in the place that its number in [`Config`](crate::Config) names: those of
    /// Linux's `tcp_ecn`.
    pub const ALL: [Self; 3] = [Self::Never, Self::Ask, Self::Answer];
}

/// Settings of one connection. `None` means the default in [`Config`](crate::Config).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConnectionOptions {
    /// Nagle's algorithm (RFC 9293 §3.7.4): true switches it off.
    pub no_delay: Option<bool>,
    /// Keep-alive; `Some(None)` switches it off.
    pub keep_alive: Option<Option<KeepAlive>>,
    /// R2 as a time: the connection fails when text was unacknowledged for so long (RFC 9293
    /// §3.8.3); `Some(None)` never, and a time of zero gives the choice back to
    /// [`r2_retransmissions`](crate::Config::r2_retransmissions), as Linux's `TCP_USER_TIMEOUT` does.
    pub user_timeout: Option<Option<Duration>>,
    /// The most received octets that wait for the application.
    pub receive_buffer_octets: Option<usize>,
    /// The most octets that wait to be sent or acknowledged.
    pub send_buffer_octets: Option<usize>,
    /// True: the user timeout is told to the peer, and the peer's is followed within
    /// [`user_timeout_min_ms`](crate::Config::user_timeout_min_ms) and
    /// [`user_timeout_max_ms`](crate::Config::user_timeout_max_ms) unless `user_timeout` was chosen
    /// (RFC 5482).
    pub user_timeout_option: Option<bool>,
    /// The most text in one segment, sent or received: bounds what both sides' MSS options say.
    pub mss_octets_max: Option<u16>,
    /// True: text is acknowledged at once; false: acknowledgments may wait (RFC 9293 §3.8.6.3).
    pub quick_ack: Option<bool>,
    /// True: segments that are not full wait for more text, for as long as
    /// [`sws_override_ms`](crate::Config::sws_override_ms) while nothing is in flight; false: they go.
    pub cork: Option<bool>,
    /// Hop limit of the segments (MUST-49).
    pub hop_limit: Option<u8>,
    /// DSCP of the segments (MUST-48); the ECN bits are TCP's own.
    pub dscp: Option<u8>,
    /// The algorithm of congestion control.
    pub congestion: Option<CongestionAlgorithm>,
    /// Explicit congestion notification (RFC 3168); it counts before the handshake only.
    pub ecn: Option<EcnUse>,
}

/// Whether a port may have several owners.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum ReusePort {
    /// One owner.
    #[default]
    No,
    /// Any number of owners that all say so; each flow belongs to one of them, chosen by a keyed
    /// hash of its ends, as with Linux's `SO_REUSEPORT`.
    Yes,
}

/// Who decides whether a SYN is answered.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Admission {
    /// Every SYN is, while there is room.
    #[default]
    Automatic,
    /// The user is asked by [`Event::SynArrived`](crate::Event::SynArrived) and answers with
    /// [`Call::Decide`]: as a forwarder does, which has to find out first whether it can connect.
    Ask,
}

/// What becomes of a SYN that the user was asked about.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Decision {
    /// The SYN-ACK is sent; the connection comes by [`Call::Accept`] once the handshake is over.
    Accept,
    /// The peer is told that nobody listens.
    Reset,
    /// The peer hears nothing.
    Drop,
}

/// OPEN, passive.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Listen {
    /// Where.
    pub local: Local,
    /// The most connections that wait to be accepted; `None` is the default of `Config`.
    pub backlog: Option<usize>,
    /// Settings that accepted connections begin with.
    pub options: ConnectionOptions,
    /// Whether other listeners may have the same port.
    pub reuse_port: ReusePort,
    /// Connections are offered only when text came, or the end, or so much time has passed; the
    /// oldest of too many that say nothing is reset. Linux: `TCP_DEFER_ACCEPT`.
    pub defer_accept: Option<Duration>,
    /// Who decides whether a SYN is answered.
    pub admission: Admission,
    /// So many connections may be handed over, with the text of their SYN, before the peer has
    /// proved to be where the SYN came from (RFC 7413 §4.2); 0 is off. Such text may come twice.
    pub fast_open: u32,
}

/// How much of a connection to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shutdown {
    /// CLOSE of RFC 9293 §3.10.4: a FIN after all queued text; receiving goes on.
    Write,
    /// Text that arrives from now on is thrown away; nothing is sent.
    Read,
}

/// What becomes of a connection whose handle the application gives up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Release {
    /// Both directions end: queued text is delivered in the background, then FIN. If received text
    /// is unread or arrives later, the peer is sent a RST (RFC 9293 §3.6.1, SHLD-3).
    Close,
    /// As `Close`, but the application knows of received text that it did not read.
    CloseUnread,
    /// ABORT (RFC 9293 §3.10.5): queues are dropped, the peer is sent a RST.
    Abort,
}

/// A UDP socket (RFC 768).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct OpenSocket {
    /// Where it receives; port 0 lets the stack choose.
    pub local: Local,
    /// `Some`: it exchanges datagrams with this peer only, and hears of errors.
    pub remote: Option<SocketAddr>,
    /// Whether others may be bound to the same place, as listeners of groups are (RFC 1112 §7.1).
    /// What is sent to a group goes to all its members among them; what is sent to us alone to one.
    /// A connected socket shares nothing.
    pub reuse_port: ReusePort,
}

/// Whether what a socket sends to a group is heard by the group's members on this host (RFC 1112
/// §6.1).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum GroupLoop {
    /// It is.
    #[default]
    Heard,
    /// Only others on the network hear it.
    Unheard,
}

/// Settings of a UDP or raw socket. `None` leaves what there is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SocketOptions {
    /// Hop limit of what it sends to one host; [`Config`](crate::Config)'s until it is set.
    pub hop_limit: Option<u8>,
    /// Hop limit of what it sends to groups: 1 until it is set, and 0 stays on this host (RFC 1112
    /// §6.1).
    pub group_hop_limit: Option<u8>,
    /// Whether members on this host hear what it sends to a group.
    pub group_loop: Option<GroupLoop>,
    /// DSCP and ECN of what it sends; zero until it is set.
    pub traffic_class: Option<TrafficClass>,
    /// The most octets that wait in the stack for the application; one datagram always may.
    pub receive_buffer_octets: Option<usize>,
}

/// A datagram of a UDP or raw socket.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SendDatagram {
    /// To whom; `None` on a connected socket. The port is ignored by raw sockets.
    pub remote: Option<SocketAddr>,
    /// From which of our addresses; `None` lets the stack choose.
    pub source: Option<IpAddr>,
    /// The payload: up to 65,507 octets over IPv4, 65,527 over IPv6.
    pub octets: Bytes,
    /// Hop limit; `None` is the socket's.
    pub hop_limit: Option<u8>,
    /// DSCP and ECN; `None` is the socket's.
    pub traffic_class: Option<TrafficClass>,
}

/// What is wanted of a name.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LookUp {
    /// The name, as the user wrote it; ignored for [`Question::Pointer`].
    pub name: String,
    /// What is asked about it.
    pub question: Question,
    /// By whose settings; `None` is the stack's own, of [`Call::SetResolver`].
    pub resolver: Option<ResolverId>,
}

impl LookUp {
    /// `question` about `name`.
    pub fn new(name: impl Into<String>, question: Question) -> Self {
        Self {
            name: name.into(),
            question,
            resolver: None,
        }
    }

    /// The same, asked by the settings of `resolver`.
    #[must_use]
    pub fn asking(mut self, resolver: ResolverId) -> Self {
        self.resolver = Some(resolver);
        self
    }

    /// The addresses of `name`.
    pub fn addresses(name: impl Into<String>, families: Families) -> Self {
        Self::new(name, Question::Addresses(families))
    }

    /// The names of `address`.
    pub fn pointer(address: IpAddr) -> Self {
        Self::new(String::new(), Question::Pointer(address))
    }
}

/// What can be asked about a name. Each has its variant of [`Answer`](crate::event::Answer).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Question {
    /// Its addresses (A and AAAA; RFC 1035 §3.4.1, RFC 3596 §2.2). Go: `LookupIPAddr`.
    Addresses(Families),
    /// The name at the end of its aliases, if that has an address. Go: `LookupCNAME`.
    CanonicalName,
    /// Who takes its mail (MX; RFC 1035 §3.3.9). Go: `LookupMX`.
    MailExchanges,
    /// Its zone's servers (NS; RFC 1035 §3.3.11). Go: `LookupNS`.
    NameServers,
    /// Where a service is, for a name like `_service._proto.name` (SRV; RFC 2782). Go: `LookupSRV`.
    Services,
    /// Its texts (TXT; RFC 1035 §3.3.14). Go: `LookupTXT`.
    Texts,
    /// The names of an address (PTR; RFC 1035 §3.5, RFC 3596 §2.5). Go: `LookupAddr`.
    Pointer(IpAddr),
}

/// How names are resolved: what `/etc/resolv.conf` and `/etc/hosts` say, already read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ResolverSettings {
    /// Up to three servers, in order.
    pub servers: Vec<SocketAddr>,
    /// Domains to try for names with few dots.
    pub search: Vec<String>,
    /// A name with at least so many dots is tried as it is first.
    pub ndots: u8,
    /// How long one try waits.
    pub timeout: Option<Duration>,
    /// How often all servers are tried.
    pub attempts: Option<u32>,
    /// The text of a hosts file.
    pub hosts: String,
    /// `rotate`: every query begins with the server after the one that the query before it began
    /// with.
    pub rotate: bool,
    /// `single-request`: A and AAAA are asked for one after the other, not at once.
    pub single_request: bool,
    /// `use-vc`: all queries go over TCP.
    pub use_vc: bool,
    /// `trust-ad`: queries ask for the AD bit (RFC 6840 §5.7).
    pub trust_ad: bool,
    /// Go's `StrictErrors`: a temporary failure of one query fails the whole look-up.
    pub strict_errors: bool,
    /// 0x20: letters of a query have random case, and the reply must repeat it
    /// (draft-vixie-dnsext-dns0x20).
    pub randomise_case: bool,
    /// Keeps answers; `None`, the default, keeps none, as Go does.
    pub cache: Option<CacheSettings>,
}

/// How much of what servers said is kept, and for how long at most.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheSettings {
    /// Answers, negative ones included. `Config::dns_cache_entries_max` bounds it.
    pub entries_max: u32,
    /// Octets of all answers and their names. `Config::dns_cache_octets_max` bounds it.
    pub octets_max: u64,
    /// The most time that an answer is kept, whatever its TTL says (RFC 2181 §8).
    pub ttl_max: Duration,
    /// The most time that "no such name" and "no such data" are kept (RFC 2308 §5).
    pub negative_ttl_max: Duration,
}

impl Default for CacheSettings {
    /// 1,024 answers in 1 MiB, for a day; denials for three hours (RFC 2308 §5).
    fn default() -> Self {
        Self {
            entries_max: 1_024,
            octets_max: 1 << 20,
            ttl_max: Duration::from_secs(86_400),
            negative_ttl_max: Duration::from_secs(10_800),
        }
    }
}

/// For which destinations packets from the device are taken.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Reach {
    /// For our own addresses, as of any host (RFC 1122 §3.2.1.3).
    #[default]
    OurAddresses,
    /// For any host's address, as if all were ours: for what stands in for a whole network, such as
    /// the end of a VPN or a sandbox. Listeners on a wildcard hear of all of them, and answer from
    /// the address that was asked; connections may be opened from any address as well.
    AnyAddress,
}

/// An address of ours and the network around it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct InterfaceAddress {
    /// The address.
    pub address: IpAddr,
    /// How many leading bits name the network.
    pub prefix_bits: u8,
}

/// Where packets to a prefix go. The device is point-to-point: a gateway needs no neighbour.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Route {
    /// The prefix's address.
    pub destination: IpAddr,
    /// The prefix's length.
    pub prefix_bits: u8,
    /// The preferred source address, if any.
    pub source: Option<IpAddr>,
}

/// One row of the policy table (RFC 6724 §2.1).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Policy {
    /// The prefix's address.
    pub prefix: Ipv6Addr,
    /// The prefix's length.
    pub prefix_bits: u8,
    /// Destinations with more of it are tried first.
    pub precedence: u8,
    /// Source and destination with the same label suit each other.
    pub label: u8,
}

/// Something asked of the stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Call {
    /// Adds an address, and a route to its network.
    AddAddress(InterfaceAddress),
    /// Removes an address. Connections that use it live on until they fail.
    RemoveAddress(IpAddr),
    /// Adds or replaces a route.
    AddRoute(Route),
    /// Removes a route that was added. [`Reply::Done`].
    RemoveRoute {
        /// The prefix's address.
        destination: IpAddr,
        /// The prefix's length.
        prefix_bits: u8,
    },
    /// Replaces the policy table of RFC 6724 §2.1. [`Reply::Done`].
    SetPolicies(Vec<Policy>),
    /// Changes the device's MTU, in octets.
    SetMtu(u16),
    /// For which destinations packets are taken. [`Reply::Done`].
    SetReach(Reach),
    /// Asks for the device's side of us. [`Reply::Interface`].
    Interface,
    /// Replaces the settings of the stack's own resolver.
    SetResolver(ResolverSettings),
    /// Adds a resolver with settings of its own. [`Reply::Resolver`].
    AddResolver(ResolverSettings),
    /// Ends it; look-ups that go on keep its settings. [`Reply::Done`].
    RemoveResolver(ResolverId),

    /// OPEN, active. [`Reply::Connection`], then `Established` or `Failed`.
    OpenConnection(OpenConnection),
    /// OPEN, active, with text that goes with the SYN if the server gave a cookie before (RFC 7413),
    /// else after it. It may arrive twice. [`Reply::Connection`]; as much of the text as the send
    /// buffer has room for is taken.
    OpenFast {
        /// How to open.
        open: OpenConnection,
        /// The first text.
        text: Bytes,
    },
    /// Decides about a SYN of [`Event::SynArrived`](crate::Event::SynArrived). [`Reply::Done`].
    Decide {
        /// Which one.
        connection: ConnectionId,
        /// What becomes of it.
        decision: Decision,
    },
    /// OPEN, passive. [`Reply::Listener`], then `Acceptable` for each connection.
    Listen(Listen),
    /// Takes the oldest waiting connection. [`Reply::Accepted`].
    Accept(ListenerId),
    /// Ends a listener: what waits in its queues is reset. [`Reply::Done`].
    CloseListener(ListenerId),
    /// SEND (RFC 9293 §3.10.2). [`Reply::Sent`] says how many octets were taken; `Writable` comes
    /// when there is room again.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// What to send.
        octets: Bytes,
    },
    /// RECEIVE (RFC 9293 §3.10.3). [`Reply::Received`]; its room in the window opens.
    Receive {
        /// On which connection.
        connection: ConnectionId,
        /// The most octets to take.
        octets_max: usize,
    },
    /// CLOSE in one direction. [`Reply::Done`].
    Shutdown {
        /// Which connection.
        connection: ConnectionId,
        /// Which direction.
        direction: Shutdown,
    },
    /// The application gives its handle up; no more events come but `Released`. [`Reply::Done`].
    Release {
        /// Which connection.
        connection: ConnectionId,
        /// How.
        how: Release,
    },
    /// STATUS (RFC 9293 §3.10.6). [`Reply::Status`].
    Status(ConnectionId),
    /// Changes settings; fields that are `None` stay. [`Reply::Done`].
    SetOptions {
        /// Of which connection.
        connection: ConnectionId,
        /// The new settings.
        options: ConnectionOptions,
    },

    /// A UDP socket. [`Reply::Socket`], then `DatagramArrived`.
    OpenSocket(OpenSocket),
    /// Sends a datagram. [`Reply::Done`].
    SendDatagram {
        /// From which socket.
        socket: SocketId,
        /// What.
        datagram: SendDatagram,
    },
    /// Takes the oldest datagram. [`Reply::Datagram`].
    ReceiveDatagram(SocketId),
    /// Changes settings; fields that are `None` stay. [`Reply::Done`].
    SetSocketOptions {
        /// Of which socket.
        socket: SocketId,
        /// The new settings.
        options: SocketOptions,
    },
    /// Becomes a member of a group on the device (RFC 1112 §7.1). [`Reply::Done`]. It is a member
    /// until it leaves or the socket ends.
    JoinGroup {
        /// Which socket.
        socket: SocketId,
        /// Which group.
        group: IpAddr,
    },
    /// Gives a membership back. [`Reply::Done`].
    LeaveGroup {
        /// Which socket.
        socket: SocketId,
        /// Which group.
        group: IpAddr,
    },
    /// Ends a UDP socket. [`Reply::Done`].
    CloseSocket(SocketId),

    /// A raw socket: payloads of one protocol, both ways. [`Reply::Raw`].
    OpenRaw {
        /// The family and, if given, the address.
        local: Local,
        /// Which payloads.
        protocol: Protocol,
    },
    /// Sends a payload; its IP header is made here, and for ICMPv6 its checksum. [`Reply::Done`].
    SendRaw {
        /// From which socket.
        socket: RawId,
        /// What.
        datagram: SendDatagram,
    },
    /// Takes the oldest payload. [`Reply::Datagram`].
    ReceiveRaw(RawId),
    /// Changes settings; fields that are `None` stay, and those about loops do not matter.
    /// [`Reply::Done`].
    SetRawOptions {
        /// Of which socket.
        socket: RawId,
        /// The new settings.
        options: SocketOptions,
    },
    /// Ends a raw socket. [`Reply::Done`].
    CloseRaw(RawId),

    /// Asks about a name or an address. [`Reply::Lookup`], then `LookedUp`.
    LookUp(LookUp),
    /// The application no longer waits. [`Reply::Done`].
    CancelLookUp(LookupId),
}

/// A datagram that arrived.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReceivedDatagram {
    /// From whom. The port is 0 for raw sockets.
    pub remote: SocketAddr,
    /// To which of our addresses (RFC 1122 §4.1.3.5).
    pub destination: IpAddr,
    /// The payload.
    pub octets: Bytes,
    /// Time to live or hop limit on arrival.
    pub hop_limit: u8,
    /// DSCP and ECN on arrival.
    pub traffic_class: TrafficClass,
    /// For a raw socket of IPv4: the header that `octets` came behind, with its options. A datagram
    /// that came in fragments has that of the first one, with the length of the whole.
    pub ip_header: Bytes,
}

/// Our side of the device, as [`Call::Interface`] finds it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct InterfaceStatus {
    /// Octets of the largest packet that it takes.
    pub mtu_octets: u16,
    /// Our addresses, 127.0.0.1 and ::1 first, then in the order in which they were added.
    pub addresses: Vec<InterfaceAddress>,
    /// The groups that we belong to, sorted: those of every host, those of our addresses, and those
    /// that sockets have joined.
    pub groups: Vec<IpAddr>,
}

/// What RECEIVE found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Received {
    /// Slices in order; empty if nothing waits.
    pub slices: Vec<Bytes>,
    /// True once everything up to the peer's FIN has been taken: there is no more to come.
    pub end_of_stream: bool,
}

/// The answer to a call that was taken.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    /// It is done.
    Done,
    /// A connection is being opened.
    Connection {
        /// Its name.
        connection: ConnectionId,
        /// Our end of it.
        local: SocketAddr,
    },
    /// A listener exists.
    Listener {
        /// Its name.
        listener: ListenerId,
        /// Its port; chosen here if 0 was asked for.
        port: u16,
    },
    /// A connection was waiting, or none was.
    Accepted(Option<Accepted>),
    /// So many octets were taken.
    Sent(usize),
    /// See [`Received`].
    Received(Received),
    /// See [`Status`].
    Status(alloc::boxed::Box<Status>),
    /// A UDP socket exists.
    Socket {
        /// Its name.
        socket: SocketId,
        /// Its end; the address is unspecified for a wildcard.
        local: SocketAddr,
    },
    /// A raw socket exists.
    Raw(RawId),
    /// See [`InterfaceStatus`].
    Interface(alloc::boxed::Box<InterfaceStatus>),
    /// A datagram was waiting, or none was.
    Datagram(Option<ReceivedDatagram>),
    /// A look-up goes on.
    Lookup(LookupId),
    /// A resolver exists.
    Resolver(ResolverId),
}

/// A connection taken from the accept queue.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Accepted {
    /// Its name.
    pub connection: ConnectionId,
    /// Our end.
    pub local: SocketAddr,
    /// The peer's end.
    pub remote: SocketAddr,
}

/// Why a call was not taken. Nothing has changed.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum CallRefused {
    /// Caller: the name is of nothing that exists (any more). RFC 9293: "connection does not exist".
    #[error("no such connection, listener or socket")]
    NoSuchEntry,
    /// Caller: the address is none of ours.
    #[error("cannot assign requested address")]
    AddressNotOurs,
    /// Caller: another one has this address and port.
    #[error("address already in use")]
    AddressInUse,
    /// Limit: all ports to this destination are in use (RFC 6056).
    #[error("no port is free")]
    PortsExhausted,
    /// Path: no route leads there.
    #[error("network is unreachable")]
    NoRoute,
    /// Caller: the remote address cannot be one host (MUST-46), or its port is 0.
    #[error("remote address is not that of one host")]
    RemoteNotUnicast,
    /// Caller: local and remote address are of different families.
    #[error("address families differ")]
    FamilyMismatch,
    /// Caller: our direction was closed before. RFC 9293: "connection closing".
    #[error("connection closing")]
    Closing,
    /// Caller: the connection is not yet, or no longer, synchronized.
    #[error("connection is not established")]
    NotConnected,
    /// Caller: a datagram without a destination on an unconnected socket.
    #[error("destination address required")]
    DestinationRequired,
    /// Caller: a datagram with a destination on a connected socket.
    #[error("socket is connected")]
    AlreadyConnected,
    /// Caller: longer than the protocol allows, or than the path with DF.
    #[error("message too long")]
    MessageTooLong,
    /// Peer or path: the error that an earlier datagram met, told once (RFC 1122 §4.1.3.3).
    #[error("{0}")]
    Pending(#[from] crate::event::SocketError),
    /// Caller: an address, prefix, MTU or setting is out of its range.
    #[error("invalid argument")]
    Invalid,
    /// Caller: the address to join or leave is no group.
    #[error("not a multicast group")]
    NotAGroup,
    /// Caller: the socket belongs to the group already.
    #[error("socket belongs to the group already")]
    AlreadyMember,
    /// Caller: the socket does not belong to the group.
    #[error("socket does not belong to the group")]
    NotAMember,
    /// Limit: the stack holds as many as `Config` allows.
    #[error("limit of the stack reached")]
    LimitReached,
}
