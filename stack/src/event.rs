//! What an application is told: plain data, pulled with
//! [`Stack::next_event`](crate::Stack::next_event).
//!
//! Events say *that* something is so; the octets are fetched by a call. An event that is still in
//! the queue is not repeated, so the queue is bounded by the number of entries.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use thiserror::Error;

use crate::call::{ConnectionId, ListenerId, LookupId, RawId, SocketId};

/// Why a connection ended before its time.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum ConnectionError {
    /// Peer: a RST answered our SYN.
    #[error("connection refused")]
    Refused,
    /// Peer: a RST ended a connection that was open (RFC 9293 §3.10.7.4).
    #[error("connection reset by peer")]
    Reset,
    /// Path: nothing was acknowledged until R2 or the user timeout (RFC 9293 §3.8.3).
    #[error("connection timed out")]
    TimedOut,
    /// Path: ICMP says that the host cannot be reached (while opening).
    #[error("no route to host")]
    HostUnreachable,
    /// Path: ICMP says that the network cannot be reached (while opening).
    #[error("network is unreachable")]
    NetworkUnreachable,
    /// Caller: ABORT.
    #[error("connection aborted")]
    Aborted,
}

/// What ICMP told about a path; it never ends an open connection (RFC 5461, RFC 5927 §5.2).
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum SoftError {
    /// Network unreachable.
    #[error("network is unreachable")]
    NetworkUnreachable,
    /// Host unreachable.
    #[error("no route to host")]
    HostUnreachable,
    /// Protocol unreachable.
    #[error("protocol not available")]
    ProtocolUnreachable,
    /// Port unreachable.
    #[error("connection refused")]
    PortUnreachable,
    /// Communication prohibited by an administrator.
    #[error("communication prohibited")]
    Prohibited,
    /// The hop limit ran out on the way, or reassembly took too long.
    #[error("time exceeded")]
    TimeExceeded,
    /// A router or host did not like a header field.
    #[error("parameter problem")]
    ParameterProblem,
    /// An ICMPv6 error of a type that we do not know (RFC 4443 §2.4(a)).
    #[error("unknown ICMP error")]
    UnknownType,
    /// R1 was reached: retransmissions go unanswered (RFC 9293 §3.8.3, SHLD-9).
    #[error("peer does not answer")]
    NoAnswer,
}

/// What an earlier datagram of a socket met.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum SocketError {
    /// Nobody listens on the port (connected sockets only).
    #[error("connection refused")]
    Refused,
    /// The host cannot be reached.
    #[error("no route to host")]
    HostUnreachable,
    /// The network cannot be reached.
    #[error("network is unreachable")]
    NetworkUnreachable,
    /// Larger than the path takes.
    #[error("message too long")]
    MessageTooLong,
}

/// Why a name was not resolved.
#[derive(Clone, Debug, Eq, Error, Hash, PartialEq)]
pub enum LookupError {
    /// The name does not exist, or has no address of the wanted family.
    #[error("no such host")]
    NotFound,
    /// No server answered in time.
    #[error("i/o timeout")]
    TimedOut,
    /// A server failed (SERVFAIL); trying later may help.
    #[error("server misbehaving")]
    ServerFailed,
    /// A server refused, or its answer made no sense.
    #[error("server misbehaving")]
    ServerMisbehaving,
    /// A server neither knew the answer nor asked others (RFC 1034 §4.3.1).
    #[error("lame referral")]
    LameReferral,
    /// A server's reply did not even fit a stream.
    #[error("no answer from DNS server")]
    NoAnswer,
    /// What a server called the canonical name is no domain name.
    #[error("DNS response contained records which contain invalid names")]
    InvalidNames,
    /// What a server called the name of a service is no domain name.
    #[error("SRV header name is invalid")]
    ServiceNameInvalid,
    /// No server is known, or none can be reached.
    #[error("no server can be reached")]
    NoServer,
    /// The name cannot be put into a query.
    #[error("no such host")]
    NameInvalid,
}

/// Who takes mail for a name (RFC 1035 §3.3.9).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct MX {
    /// The host, with a dot at the end.
    #[doc(alias = "Host")]
    pub host: String,
    /// Lower ones are to be tried first.
    #[doc(alias = "Pref")]
    pub pref: u16,
}

/// A server of a zone (RFC 1035 §3.3.11).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct NS {
    /// The host, with a dot at the end.
    #[doc(alias = "Host")]
    pub host: String,
}

/// Where a service is (RFC 2782).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SRV {
    /// The host, with a dot at the end.
    #[doc(alias = "Target")]
    pub target: String,
    /// The port there.
    #[doc(alias = "Port")]
    pub port: u16,
    /// Lower ones are to be tried first.
    #[doc(alias = "Priority")]
    pub priority: u16,
    /// Among equal priorities: the share of clients that should try it first.
    #[doc(alias = "Weight")]
    pub weight: u16,
}

/// What was found: one variant for each [`Question`](crate::call::Question). None of the lists is
/// empty unless [`LookedUp::left_out`] says that all their records were left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// Addresses, the one to try first first (RFC 6724 §6).
    Addresses(Vec<IpAddr>),
    /// The name at the end of the aliases, with a dot at the end.
    CanonicalName(String),
    /// By preference; equal ones in random order (RFC 5321 §5.1).
    MailExchanges(Vec<MX>),
    /// In the order of the reply.
    NameServers(Vec<NS>),
    /// The services, and under which name they were found.
    Services {
        /// The name at the end of the aliases, with a dot at the end.
        name: String,
        /// By priority; equal ones in random order by weight (RFC 2782, page 3).
        services: Vec<SRV>,
    },
    /// The strings of each record, joined (as Go does), in the order of the reply. They may hold any
    /// octets.
    Texts(Vec<Bytes>),
    /// Names from a server end with a dot; those of the hosts file only if they have a dot inside,
    /// as in Go.
    Names(Vec<String>),
}

impl Answer {
    /// The addresses, if they were asked for; else none.
    pub fn addresses(&self) -> &[IpAddr] {
        match self {
            Self::Addresses(addresses) => addresses,
            Self::CanonicalName(_)
            | Self::MailExchanges(_)
            | Self::NameServers(_)
            | Self::Services { .. }
            | Self::Texts(_)
            | Self::Names(_) => &[],
        }
    }

    /// As [`addresses`](Self::addresses), by value.
    pub fn into_addresses(self) -> Vec<IpAddr> {
        match self {
            Self::Addresses(addresses) => addresses,
            Self::CanonicalName(_)
            | Self::MailExchanges(_)
            | Self::NameServers(_)
            | Self::Services { .. }
            | Self::Texts(_)
            | Self::Names(_) => Vec::new(),
        }
    }
}

/// A finished look-up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LookedUp {
    /// Which one.
    pub lookup: LookupId,
    /// What was found, or why there is nothing.
    pub result: Result<Answer, LookupError>,
    /// Records that are not part of the answer because a name in them is no domain name. If there
    /// are any, Go returns [`LookupError::InvalidNames`], without a server, beside the rest.
    pub left_out: usize,
    /// The server that said so, as `address:port`, if one did.
    pub server: Option<String>,
}

/// A SYN at a listener that asks before it answers
/// ([`Admission::Ask`](crate::call::Admission::Ask)).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SynArrived {
    /// At which listener.
    pub listener: ListenerId,
    /// What [`Call::Decide`](crate::Call::Decide) names it by.
    pub connection: ConnectionId,
    /// To which of our ends.
    pub local: SocketAddr,
    /// From whom.
    pub remote: SocketAddr,
    /// The MSS that the peer advertised, or the default that stands for it.
    pub mss: u16,
    /// Its window scale, if it offers scaling (RFC 7323 §2).
    pub window_scale: Option<u8>,
    /// Whether it offers SACK (RFC 2018 §2).
    pub sack_permitted: bool,
    /// Whether it offers timestamps (RFC 7323 §3).
    pub timestamps: bool,
}

/// Something the application should know.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// A dialled connection is synchronized: it can send and receive.
    Established(ConnectionId),
    /// A connection waits to be accepted.
    Acceptable(ListenerId),
    /// A SYN waits for a decision, for as long as `Config::syn_decision_ms` says.
    SynArrived(SynArrived),
    /// There is text, or the end of the stream, to RECEIVE.
    Readable(ConnectionId),
    /// SEND would take octets again.
    Writable(ConnectionId),
    /// The connection ended before its time. Its name lives until it is released.
    Failed {
        /// Which one.
        connection: ConnectionId,
        /// Why.
        error: ConnectionError,
    },
    /// The urgent pointer appeared or advanced (RFC 9293 §3.8.5, MUST-32).
    Urgent(ConnectionId),
    /// Trouble on the path that may pass (RFC 9293 §3.9.1.8).
    Soft {
        /// Of which connection.
        connection: ConnectionId,
        /// What.
        error: SoftError,
    },
    /// The record of a connection is gone (TIME-WAIT included) and its name with it.
    Released(ConnectionId),
    /// A datagram, or an error, waits at a UDP socket.
    DatagramArrived(SocketId),
    /// A payload waits at a raw socket.
    RawArrived(RawId),
    /// A look-up has ended.
    LookedUp(LookedUp),
}
