//! The names of the language: constants of the socket interface with their numbers on Linux, errors,
//! socket options and ICMP kinds.
//!
//! The parser turns names into numbers here and the printer turns them back; the kernel back end hands
//! the numbers on. The tables are closed: a name that is not in them is an error of the script.

use core::fmt;

use super::ast::{Family, IcmpKind};

/// A name with its number.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Constant {
    /// The name; empty for a plain number.
    pub name: &'static str,
    /// The number.
    pub value: i64,
}

macro_rules! constants {
    ($($(#[$doc:meta])* $table:ident = { $($name:ident = $value:literal),* $(,)? };)*) => {$(
        $(#[$doc])*
        pub const $table: &[Constant] = &[$(Constant { name: stringify!($name), value: $value }),*];
    )*};
}

constants! {
    /// Address families.
    FAMILIES = { AF_INET = 2, AF_INET6 = 10, PF_INET = 2, PF_INET6 = 10 };
    /// Socket kinds.
    SOCKET_KINDS = { SOCK_STREAM = 1, SOCK_DGRAM = 2 };
    /// Flags that `socket` and `accept4` take.
    SOCKET_FLAGS = { SOCK_NONBLOCK = 0o4000, SOCK_CLOEXEC = 0o2000000 };
    /// Protocols of `socket`.
    PROTOCOLS = { IPPROTO_IP = 0, IPPROTO_TCP = 6, IPPROTO_UDP = 17 };
    /// Levels of socket options.
    LEVELS = {
        SOL_SOCKET = 1, SOL_IP = 0, SOL_TCP = 6, SOL_UDP = 17, SOL_IPV6 = 41,
        IPPROTO_IP = 0, IPPROTO_TCP = 6, IPPROTO_UDP = 17, IPPROTO_IPV6 = 41,
    };
    /// Flags of `send`, `recv` and their kin.
    MESSAGE_FLAGS = {
        MSG_OOB = 0x1, MSG_PEEK = 0x2, MSG_DONTROUTE = 0x4, MSG_CTRUNC = 0x8, MSG_TRUNC = 0x20,
        MSG_DONTWAIT = 0x40, MSG_EOR = 0x80, MSG_WAITALL = 0x100, MSG_CONFIRM = 0x800,
        MSG_ERRQUEUE = 0x2000, MSG_NOSIGNAL = 0x4000, MSG_MORE = 0x8000, MSG_ZEROCOPY = 0x4000000,
        MSG_FASTOPEN = 0x20000000,
    };
    /// Events of `poll`.
    POLL_FLAGS = {
        POLLIN = 0x1, POLLPRI = 0x2, POLLOUT = 0x4, POLLERR = 0x8, POLLHUP = 0x10, POLLNVAL = 0x20,
        POLLRDNORM = 0x40, POLLRDBAND = 0x80, POLLWRNORM = 0x100, POLLWRBAND = 0x200,
        POLLMSG = 0x400, POLLRDHUP = 0x2000,
    };
    /// Status flags of `fcntl`, and the descriptor's one.
    FILE_FLAGS = {
        O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_APPEND = 0o2000, O_NONBLOCK = 0o4000,
        O_NDELAY = 0o4000, O_ASYNC = 0o20000, FD_CLOEXEC = 1,
    };
    /// Commands of `fcntl`.
    FCNTL_COMMANDS = { F_GETFD = 1, F_SETFD = 2, F_GETFL = 3, F_SETFL = 4 };
    /// Requests of `ioctl`.
    IOCTL_REQUESTS = {
        SIOCINQ = 0x541b, FIONREAD = 0x541b, SIOCOUTQ = 0x5411, TIOCOUTQ = 0x5411,
        SIOCOUTQNSD = 0x894b, SIOCATMARK = 0x8905, FIONBIO = 0x5421,
    };
    /// Directions of `shutdown`.
    SHUTDOWN_DIRECTIONS = { SHUT_RD = 0, SHUT_WR = 1, SHUT_RDWR = 2 };
    /// Values that socket options take by name.
    OPTION_VALUES = {
        IP_PMTUDISC_DONT = 0, IP_PMTUDISC_WANT = 1, IP_PMTUDISC_DO = 2, IP_PMTUDISC_PROBE = 3,
        IP_PMTUDISC_INTERFACE = 4, IP_PMTUDISC_OMIT = 5,
        IPV6_PMTUDISC_DONT = 0, IPV6_PMTUDISC_WANT = 1, IPV6_PMTUDISC_DO = 2,
        IPV6_PMTUDISC_PROBE = 3, INADDR_ANY = 0,
    };
    /// States and phases that `tcpi_state` and `tcpi_ca_state` are compared with, and the bits of
    /// `tcpi_options`.
    INFO_VALUES = {
        TCP_ESTABLISHED = 1, TCP_SYN_SENT = 2, TCP_SYN_RECV = 3, TCP_FIN_WAIT1 = 4,
        TCP_FIN_WAIT2 = 5, TCP_TIME_WAIT = 6, TCP_CLOSE = 7, TCP_CLOSE_WAIT = 8, TCP_LAST_ACK = 9,
        TCP_LISTEN = 10, TCP_CLOSING = 11, TCP_NEW_SYN_RECV = 12,
        TCP_CA_Open = 0, TCP_CA_Disorder = 1, TCP_CA_CWR = 2, TCP_CA_Recovery = 3, TCP_CA_Loss = 4,
        TCPI_OPT_TIMESTAMPS = 1, TCPI_OPT_SACK = 2, TCPI_OPT_WSCALE = 4, TCPI_OPT_ECN = 8,
        TCPI_OPT_ECN_SEEN = 16, TCPI_OPT_SYN_DATA = 32,
    };
    /// Errors by their names.
    ERRORS = {
        EPERM = 1, ENOENT = 2, EINTR = 4, EIO = 5, EBADF = 9, EAGAIN = 11, EWOULDBLOCK = 11,
        ENOMEM = 12, EACCES = 13, EFAULT = 14, EBUSY = 16, EINVAL = 22, EMFILE = 24, EPIPE = 32,
        EDOM = 33, ERANGE = 34, ENOTSOCK = 88, EDESTADDRREQ = 89, EMSGSIZE = 90, EPROTOTYPE = 91,
        ENOPROTOOPT = 92, EPROTONOSUPPORT = 93, EOPNOTSUPP = 95, EAFNOSUPPORT = 97,
        EADDRINUSE = 98, EADDRNOTAVAIL = 99, ENETDOWN = 100, ENETUNREACH = 101, ENETRESET = 102,
        ECONNABORTED = 103, ECONNRESET = 104, ENOBUFS = 105, EISCONN = 106, ENOTCONN = 107,
        ESHUTDOWN = 108, ETIMEDOUT = 110, ECONNREFUSED = 111, EHOSTDOWN = 112, EHOSTUNREACH = 113,
        EALREADY = 114, EINPROGRESS = 115,
    };
}

/// The constant of this name in a table.
pub fn by_name(table: &[Constant], name: &str) -> Option<Constant> {
    table.iter().copied().find(|it| it.name == name)
}

/// The first constant of this number in a table.
pub fn by_value(table: &[Constant], value: i64) -> Option<Constant> {
    table.iter().copied().find(|it| it.value == value)
}

/// Constants joined by `|`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Flags(Vec<Constant>);

impl Flags {
    /// These, in this order.
    pub const fn new(flags: Vec<Constant>) -> Self {
        Self(flags)
    }

    /// The flags of these names in a table. Names that are not in it are left out.
    pub fn named(table: &[Constant], names: &[&str]) -> Self {
        Self(names.iter().filter_map(|it| by_name(table, it)).collect())
    }

    /// All bits that are set.
    pub fn bits(&self) -> i64 {
        self.0.iter().fold(0, |bits, flag| bits | flag.value)
    }

    /// True if the flag of this name was said, or a number that contains it.
    pub fn has(&self, table: &[Constant], name: &str) -> bool {
        by_name(table, name)
            .is_some_and(|flag| flag.value != 0 && self.bits() & flag.value == flag.value)
    }

    /// True if none was said.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Flags {
    /// As the script has it; `0` if there is none.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return formatter.write_str("0");
        }
        for (index, flag) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("|")?;
            }
            if flag.name.is_empty() {
                write!(formatter, "{:#x}", flag.value)?;
            } else {
                formatter.write_str(flag.name)?;
            }
        }
        Ok(())
    }
}

/// An error of a system call, by its number on Linux.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Errno(pub i32);

impl Errno {
    /// The error of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        let constant = by_name(ERRORS, name)?;
        i32::try_from(constant.value).ok().map(Self)
    }

    /// Its name, if it is in the table.
    pub fn name(self) -> Option<&'static str> {
        by_value(ERRORS, i64::from(self.0)).map(|it| it.name)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "E{}", self.0),
        }
    }
}

macro_rules! socket_options {
    ($($level:ident { $($variant:ident = $name:ident, $number:literal;)* })*) => {
        /// The socket options of the language, spelled as in C without the underlines.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[allow(missing_docs)]
        pub enum SocketOption {
            $($($variant,)*)*
        }

        impl SocketOption {
            /// All of them.
            pub const ALL: &'static [Self] = &[$($(Self::$variant,)*)*];

            /// The name of the level, as it is printed.
            pub const fn level_name(self) -> &'static str {
                match self {
                    $($(Self::$variant => stringify!($level),)*)*
                }
            }

            /// The name.
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$variant => stringify!($name),)*)*
                }
            }

            /// The number on Linux.
            pub const fn number(self) -> i32 {
                match self {
                    $($(Self::$variant => $number,)*)*
                }
            }
        }
    };
}

socket_options! {
    SOL_SOCKET {
        SoReuseAddr = SO_REUSEADDR, 2;
        SoType = SO_TYPE, 3;
        SoError = SO_ERROR, 4;
        SoDontRoute = SO_DONTROUTE, 5;
        SoBroadcast = SO_BROADCAST, 6;
        SoSndBuf = SO_SNDBUF, 7;
        SoRcvBuf = SO_RCVBUF, 8;
        SoKeepAlive = SO_KEEPALIVE, 9;
        SoOobInline = SO_OOBINLINE, 10;
        SoPriority = SO_PRIORITY, 12;
        SoLinger = SO_LINGER, 13;
        SoReusePort = SO_REUSEPORT, 15;
        SoRcvLowat = SO_RCVLOWAT, 18;
        SoSndLowat = SO_SNDLOWAT, 19;
        SoRcvTimeo = SO_RCVTIMEO, 20;
        SoSndTimeo = SO_SNDTIMEO, 21;
        SoTimestamp = SO_TIMESTAMP, 29;
        SoAcceptConn = SO_ACCEPTCONN, 30;
        SoSndBufForce = SO_SNDBUFFORCE, 32;
        SoRcvBufForce = SO_RCVBUFFORCE, 33;
        SoMark = SO_MARK, 36;
        SoTimestamping = SO_TIMESTAMPING, 37;
        SoProtocol = SO_PROTOCOL, 38;
        SoDomain = SO_DOMAIN, 39;
        SoMaxPacingRate = SO_MAX_PACING_RATE, 47;
        SoIncomingCpu = SO_INCOMING_CPU, 49;
        SoZerocopy = SO_ZEROCOPY, 60;
    }
    SOL_TCP {
        TcpNoDelay = TCP_NODELAY, 1;
        TcpMaxSeg = TCP_MAXSEG, 2;
        TcpCork = TCP_CORK, 3;
        TcpKeepIdle = TCP_KEEPIDLE, 4;
        TcpKeepIntvl = TCP_KEEPINTVL, 5;
        TcpKeepCnt = TCP_KEEPCNT, 6;
        TcpSynCnt = TCP_SYNCNT, 7;
        TcpLinger2 = TCP_LINGER2, 8;
        TcpDeferAccept = TCP_DEFER_ACCEPT, 9;
        TcpWindowClamp = TCP_WINDOW_CLAMP, 10;
        TcpInfo = TCP_INFO, 11;
        TcpQuickAck = TCP_QUICKACK, 12;
        TcpCongestion = TCP_CONGESTION, 13;
        TcpMd5Sig = TCP_MD5SIG, 14;
        TcpThinLinearTimeouts = TCP_THIN_LINEAR_TIMEOUTS, 16;
        TcpUserTimeout = TCP_USER_TIMEOUT, 18;
        TcpFastOpen = TCP_FASTOPEN, 23;
        TcpTimestamp = TCP_TIMESTAMP, 24;
        TcpNotSentLowat = TCP_NOTSENT_LOWAT, 25;
        TcpSaveSyn = TCP_SAVE_SYN, 27;
        TcpFastOpenConnect = TCP_FASTOPEN_CONNECT, 30;
        TcpFastOpenNoCookie = TCP_FASTOPEN_NO_COOKIE, 34;
        TcpInq = TCP_INQ, 36;
    }
    SOL_IP {
        IpTos = IP_TOS, 1;
        IpTtl = IP_TTL, 2;
        IpMtuDiscover = IP_MTU_DISCOVER, 10;
        IpRecvErr = IP_RECVERR, 11;
        IpRecvTtl = IP_RECVTTL, 12;
        IpRecvTos = IP_RECVTOS, 13;
        IpMtu = IP_MTU, 14;
        IpFreebind = IP_FREEBIND, 15;
        IpMinTtl = IP_MINTTL, 21;
        IpBindAddressNoPort = IP_BIND_ADDRESS_NO_PORT, 24;
    }
    SOL_IPV6 {
        Ipv6UnicastHops = IPV6_UNICAST_HOPS, 16;
        Ipv6MtuDiscover = IPV6_MTU_DISCOVER, 23;
        Ipv6Mtu = IPV6_MTU, 24;
        Ipv6RecvErr = IPV6_RECVERR, 25;
        Ipv6Only = IPV6_V6ONLY, 26;
        Ipv6RecvHopLimit = IPV6_RECVHOPLIMIT, 51;
        Ipv6DontFrag = IPV6_DONTFRAG, 62;
        Ipv6RecvTClass = IPV6_RECVTCLASS, 66;
        Ipv6TClass = IPV6_TCLASS, 67;
        Ipv6MinHopCount = IPV6_MINHOPCOUNT, 73;
    }
    SOL_UDP {
        UdpCork = UDP_CORK, 1;
        UdpSegment = UDP_SEGMENT, 103;
        UdpGro = UDP_GRO, 104;
    }
}

impl SocketOption {
    /// The number of the level on Linux.
    pub fn level(self) -> i32 {
        by_name(LEVELS, self.level_name())
            .and_then(|it| i32::try_from(it.value).ok())
            .unwrap_or(-1)
    }

    /// The option of this level and name.
    pub fn by_name(level: i64, name: &str) -> Option<Self> {
        // The names of ancillary messages that differ from the option that asks for them.
        let name = match name {
            "TCP_CM_INQ" => "TCP_INQ",
            other => other,
        };
        Self::ALL
            .iter()
            .copied()
            .find(|it| i64::from(it.level()) == level && it.name() == name)
    }

    /// The option of this level and number.
    pub fn by_number(level: i64, number: i64) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|it| i64::from(it.level()) == level && i64::from(it.number()) == number)
    }
}

/// One line of the table of ICMP kinds: the type's name, the code's name, and both numbers.
struct IcmpName {
    family: Family,
    type_name: &'static str,
    /// Empty for code 0 of a type that has no others by name.
    code_name: &'static str,
    icmp_type: u8,
    code: u8,
}

macro_rules! icmp_names {
    ($($family:ident $type_name:ident $($code_name:ident)? = $icmp_type:literal, $code:literal;)*) => {
        const ICMP_NAMES: &[IcmpName] = &[$(IcmpName {
            family: Family::$family,
            type_name: stringify!($type_name),
            code_name: concat!($(stringify!($code_name))?),
            icmp_type: $icmp_type,
            code: $code,
        }),*];
    };
}

icmp_names! {
    V4 echo_reply = 0, 0;
    V4 unreachable net_unreachable = 3, 0;
    V4 unreachable host_unreachable = 3, 1;
    V4 unreachable protocol_unreachable = 3, 2;
    V4 unreachable port_unreachable = 3, 3;
    V4 unreachable frag_needed = 3, 4;
    V4 unreachable source_route_failed = 3, 5;
    V4 unreachable net_unknown = 3, 6;
    V4 unreachable host_unknown = 3, 7;
    V4 unreachable source_host_isolated = 3, 8;
    V4 unreachable net_prohibited = 3, 9;
    V4 unreachable host_prohibited = 3, 10;
    V4 unreachable net_unreachable_for_tos = 3, 11;
    V4 unreachable host_unreachable_for_tos = 3, 12;
    V4 unreachable packet_filtered = 3, 13;
    V4 unreachable precedence_violation = 3, 14;
    V4 unreachable precedence_cutoff = 3, 15;
    V4 source_quench = 4, 0;
    V4 redirect net = 5, 0;
    V4 redirect host = 5, 1;
    V4 echo_request = 8, 0;
    V4 time_exceeded exceeded_ttl = 11, 0;
    V4 time_exceeded exceeded_fragment = 11, 1;
    V4 parameter_problem = 12, 0;
    V6 unreachable no_route = 1, 0;
    V6 unreachable prohibited = 1, 1;
    V6 unreachable beyond_scope = 1, 2;
    V6 unreachable address_unreachable = 1, 3;
    V6 unreachable port_unreachable = 1, 4;
    V6 unreachable policy_failed = 1, 5;
    V6 unreachable reject_route = 1, 6;
    V6 packet_too_big = 2, 0;
    V6 time_exceeded exceeded_hop_limit = 3, 0;
    V6 time_exceeded exceeded_fragment = 3, 1;
    V6 parameter_problem header_field = 4, 0;
    V6 parameter_problem next_header = 4, 1;
    V6 parameter_problem option = 4, 2;
    V6 echo_request = 128, 0;
    V6 echo_reply = 129, 0;
}

/// Other spellings that scripts have for codes.
const ICMP_CODE_ALIASES: &[(&str, &str)] = &[
    ("noroute", "no_route"),
    ("net_unreachable", "no_route"),
    ("adm_prohibited", "prohibited"),
    ("host_unreachable", "address_unreachable"),
    ("addr_unreachable", "address_unreachable"),
    ("not_neighbour", "beyond_scope"),
];

/// The ICMP kind of these names. Without a code's name it is code 0, if the type has no names for its
/// codes or its first one is meant.
pub fn icmp_by_name(family: Family, type_name: &str, code_name: Option<&str>) -> Option<IcmpKind> {
    let of_type = |code_name: &str| {
        ICMP_NAMES.iter().find(|it| {
            it.family == family && it.type_name == type_name && it.code_name == code_name
        })
    };
    let line = match code_name {
        Some(code_name) => of_type(code_name).or_else(|| {
            let (_, other) = ICMP_CODE_ALIASES.iter().find(|it| it.0 == code_name)?;
            of_type(other)
        }),
        None => ICMP_NAMES
            .iter()
            .find(|it| it.family == family && it.type_name == type_name && it.code == 0),
    }?;
    Some(IcmpKind {
        family,
        icmp_type: line.icmp_type,
        code: line.code,
    })
}

/// True if `name` is the name of a code of this type, so that it can follow it.
pub fn is_icmp_code(family: Family, type_name: &str, name: &str) -> bool {
    !name.is_empty() && icmp_by_name(family, type_name, Some(name)).is_some()
}

/// The names of an ICMP kind as the language has them; numbers where it has no names.
pub fn icmp_name(kind: IcmpKind) -> String {
    let line = ICMP_NAMES.iter().find(|it| {
        it.family == kind.family && it.icmp_type == kind.icmp_type && it.code == kind.code
    });
    match line {
        Some(line) if line.code_name.is_empty() => line.type_name.to_owned(),
        Some(line) => format!("{} {}", line.type_name, line.code_name),
        None => format!("type {} code {}", kind.icmp_type, kind.code),
    }
}
