//! Every reason to throw a packet away: one variant, one counter and one test each.
//!
//! `*/input.rs` turns whatever is wrong with a packet into a [`Discard`] and counts it. A discard is
//! nobody's error: no call fails because of one.

use crate::wire::icmpv4::IcmpRejected;
use crate::wire::ipv4::Ipv4Rejected;
use crate::wire::ipv6::Ipv6Rejected;
use crate::wire::ipv6_chain::{ChainFault, ChainRejected};
use crate::wire::tcp::TcpRejected;
use crate::wire::udp::UdpRejected;

macro_rules! discards {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $clause:literal;)*) => {
        /// Why a packet went no further.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Discard {
            $($(#[$doc])* $name,)*
        }

        impl Discard {
            /// All reasons, in the order of their counters.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The reason as a counter's name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The clause that has us throw the packet away.
            pub const fn clause(self) -> &'static str {
                match self { $(Self::$name => $clause,)* }
            }
        }
    };
}

discards! {
    // IP
    /// The first nibble is neither 4 nor 6.
    IpVersion = "ip_version", "RFC 1122 §3.2.1.1";
    /// The packet ends before its header does.
    IpTruncated = "ip_truncated", "RFC 791 §3.1";
    /// A length field disagrees with another one or with the frame.
    IpLength = "ip_length", "RFC 1122 §3.2.1.8";
    /// The IPv4 header checksum does not match.
    Ipv4Checksum = "ipv4_checksum", "RFC 1122 §3.2.1.2";
    /// An IPv4 option overruns the header or has an impossible length.
    Ipv4Option = "ipv4_option", "RFC 1122 §3.2.1.8";
    /// The packet carries a source route, which we refuse.
    SourceRoute = "source_route", "RFC 1122 §3.2.1.8";
    /// The source cannot be one host: multicast, broadcast, loopback from the wire, class E.
    MartianSource = "martian_source", "RFC 1122 §3.2.1.3";
    /// The source is one of our own addresses, but the packet came from the wire.
    OwnSource = "own_source", "RFC 1122 §3.2.1.3";
    /// The destination is none of our addresses; a host does not forward.
    NotForUs = "not_for_us", "RFC 1122 §3.2.1.3";
    /// An extension header is malformed, misplaced, or there are too many.
    Ipv6Extension = "ipv6_extension", "RFC 8200 §4";
    /// An option's top bits ask to discard the packet.
    Ipv6OptionUnknown = "ipv6_option_unknown", "RFC 8200 §4.2";
    /// A routing header with segments left.
    RoutingHeader = "routing_header", "RFC 8200 §4.4, RFC 5095 §3";
    /// Payload length zero or a jumbo payload option.
    Jumbogram = "jumbogram", "RFC 2675 §3";
    /// Nothing follows the header.
    NoNextHeader = "no_next_header", "RFC 8200 §4.7";
    /// No protocol of ours has this number.
    ProtocolUnknown = "protocol_unknown", "RFC 1122 §3.2.2.1, RFC 8200 §4";
    // Fragments
    /// A fragment's length or offset is impossible.
    FragmentMalformed = "fragment_malformed", "RFC 791 §3.2, RFC 8200 §4.5";
    /// The datagram would be longer than 65,535 octets.
    FragmentTooLong = "fragment_too_long", "RFC 791 §3.2, RFC 8200 §4.5";
    /// Fragments overlap: the whole datagram goes.
    FragmentOverlap = "fragment_overlap", "RFC 5722 §4, RFC 8200 §4.5";
    /// An exact copy of a fragment that is already there.
    FragmentDuplicate = "fragment_duplicate", "RFC 8200 §4.5";
    /// The first fragment does not hold the whole header chain.
    FragmentTiny = "fragment_tiny", "RFC 7112 §5, RFC 3128 §2";
    /// The rest of the datagram did not come in time.
    FragmentTimeout = "fragment_timeout", "RFC 1122 §3.3.2, RFC 8200 §4.5";
    /// The memory for reassembly is used up; the oldest datagram went.
    FragmentMemory = "fragment_memory", "design §6";
    /// Fragments of one datagram disagree about ECN.
    FragmentEcn = "fragment_ecn", "RFC 3168 §5.3";
    // ICMP
    /// An ICMP message is shorter than its header.
    IcmpTruncated = "icmp_truncated", "RFC 792, RFC 4443 §2.1";
    /// The ICMP checksum does not match.
    IcmpChecksum = "icmp_checksum", "RFC 792, RFC 4443 §2.3";
    /// A type or code that we do not know.
    IcmpUnknown = "icmp_unknown", "RFC 1122 §3.2.2, RFC 4443 §2.4";
    /// The quoted packet is no packet that we could have sent.
    IcmpQuote = "icmp_quote", "RFC 5927 §4";
    /// Echo to a group is not answered.
    IcmpEchoToGroup = "icmp_echo_to_group", "RFC 1122 §3.2.2.6";
    /// A redirect; hosts behind a point-to-point device have no use for one.
    IcmpRedirect = "icmp_redirect", "RFC 1122 §3.2.2.2";
    /// Source quench is ignored.
    IcmpSourceQuench = "icmp_source_quench", "RFC 6633 §3";
    /// An echo reply that no raw socket waits for.
    IcmpEchoReplyUnclaimed = "icmp_echo_reply_unclaimed", "RFC 1122 §3.2.2.6";
    /// We would have sent an error, but the limiter said no.
    IcmpRateLimited = "icmp_rate_limited", "RFC 4443 §2.4(f)";
    // Groups
    /// An IGMP or MLD message that is damaged, or that no router of this link can have sent.
    MembershipIgnored = "membership_ignored", "RFC 3376 §9, RFC 3810 §6.2";
    // UDP
    /// The UDP length is below 8 or beyond the packet.
    UdpLength = "udp_length", "RFC 768";
    /// The UDP checksum does not match, or is missing over IPv6.
    UdpChecksum = "udp_checksum", "RFC 1122 §4.1.3.4, RFC 8200 §8.1";
    /// No socket has this port.
    UdpNoSocket = "udp_no_socket", "RFC 1122 §4.1.3.1";
    /// The socket's queue is full.
    UdpQueueFull = "udp_queue_full", "design §5.4";
    /// The raw socket's queue is full.
    RawQueueFull = "raw_queue_full", "design §5.4";
    // TCP
    /// The packet ends before the TCP header does, or the data offset is below 5.
    TcpHeader = "tcp_header", "RFC 9293 §3.1";
    /// An option has an impossible length.
    TcpOption = "tcp_option", "RFC 9293 §3.1, MUST-7";
    /// The TCP checksum does not match.
    TcpChecksum = "tcp_checksum", "RFC 9293 §3.1, MUST-3";
    /// Sent to or from a group.
    TcpNotUnicast = "tcp_not_unicast", "RFC 9293 §3.9.2.3, MUST-57, MUST-63";
    /// Port zero.
    TcpPortZero = "tcp_port_zero", "RFC 6335 §6";
    /// No connection, and a reset that needs no answer, or was answered by a reset.
    TcpNoConnection = "tcp_no_connection", "RFC 9293 §3.10.7.1";
    /// A listener does not take this segment.
    TcpNotForListener = "tcp_not_for_listener", "RFC 9293 §3.10.7.2";
    /// SYN-SENT does not take this segment.
    TcpNotForSynSent = "tcp_not_for_syn_sent", "RFC 9293 §3.10.7.3";
    /// Outside the receive window.
    TcpOutsideWindow = "tcp_outside_window", "RFC 9293 §3.10.7.4";
    /// No ACK bit in a synchronized state.
    TcpNoAck = "tcp_no_ack", "RFC 9293 §3.10.7.4";
    /// Acknowledges what was never sent, or is too old to be true.
    TcpUnacceptableAck = "tcp_unacceptable_ack", "RFC 9293 §3.10.7.4, RFC 5961 §5.2";
    /// The timestamp is older than the last one.
    TcpPaws = "tcp_paws", "RFC 7323 §5.3";
    /// Timestamps were agreed, and this segment has none.
    TcpTimestampMissing = "tcp_timestamp_missing", "RFC 7323 §3.2";
    /// A reset that is in the window but not at RCV.NXT: challenged.
    TcpResetChallenged = "tcp_reset_challenged", "RFC 5961 §3.2";
    /// A SYN in a synchronized state: challenged.
    TcpSynChallenged = "tcp_syn_challenged", "RFC 5961 §4.2";
    /// A reset in TIME-WAIT is ignored.
    TcpResetInTimeWait = "tcp_reset_in_time_wait", "RFC 1337 §3";
    /// A SYN in TIME-WAIT that does not prove to be new.
    TcpSynInTimeWait = "tcp_syn_in_time_wait", "RFC 6191 §2";
    /// The listener's SYN queue is full.
    TcpSynQueueFull = "tcp_syn_queue_full", "RFC 4987 §3";
    /// The listener's accept queue is full.
    TcpAcceptQueueFull = "tcp_accept_queue_full", "RFC 9293 §3.10.7.2";
    /// A SYN that the user was asked about, or decided against.
    TcpSynUndecided = "tcp_syn_undecided", "RFC 9293 §3.10.7.2";
    /// An ACK at a listener that lately answered with cookies, but does not bring one of them.
    TcpCookieWrong = "tcp_cookie_wrong", "RFC 4987 §3.6";
    /// An ACK that is not looked at for a cookie, after many that did not bring one.
    TcpCookieUnchecked = "tcp_cookie_unchecked", "RFC 4987 §3.6";
    /// A segment that follows a lost one, which brings the cookie when it comes again.
    TcpCookieEarly = "tcp_cookie_early", "RFC 4987 §3.6";
    /// A Fast Open cookie that is not ours, or too old: the text on the SYN counts for nothing.
    TcpFastOpenCookie = "tcp_fast_open_cookie", "RFC 7413 §4.1.2";
    /// So many Fast Opens are pending that the text on another SYN counts for nothing.
    TcpFastOpenFull = "tcp_fast_open_full", "RFC 7413 §4.2";
    /// Out-of-order text that no memory is left for.
    TcpReassemblyFull = "tcp_reassembly_full", "design §6";
    /// Text that no memory is left for.
    TcpMemoryFull = "tcp_memory_full", "design §6";
    /// Text or URG after the peer's FIN.
    TcpAfterFin = "tcp_after_fin", "RFC 9293 §3.10.7.4";
    /// The stack holds as many connections as it may.
    TcpConnectionsFull = "tcp_connections_full", "design §6";
    // Egress
    /// No route leads to the destination.
    NoRoute = "no_route", "RFC 1122 §3.3.1";
    /// Larger than the path MTU, and it must not be fragmented.
    TooBigToSend = "too_big_to_send", "RFC 6864 §4.3";
    /// It needs fragments, and every identification to this destination was used lately.
    FragmentIdsExhausted = "fragment_ids_exhausted", "RFC 6864 §4.3";
    /// Answers and datagrams outran those who pull them.
    OutboxFull = "outbox_full", "design §6";
    /// Packets from the stack to itself outran the bound of one turn.
    LoopbackFull = "loopback_full", "design §6";
    // DNS
    /// A reply that answers no question of ours, or is malformed.
    DnsReplyIgnored = "dns_reply_ignored", "RFC 5452 §9.1";
}

/// How often each reason struck.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DiscardCounters([u64; Discard::ALL.len()]);

impl Default for DiscardCounters {
    fn default() -> Self {
        Self([0; Discard::ALL.len()])
    }
}

impl DiscardCounters {
    /// One more for `reason`.
    pub fn count(&mut self, reason: Discard) {
        let counter = &mut self.0[reason as usize];
        *counter = counter.saturating_add(1);
    }

    /// How often `reason` struck.
    pub fn get(&self, reason: Discard) -> u64 {
        self.0[reason as usize]
    }

    /// All reasons with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Discard, u64)> {
        Discard::ALL
            .iter()
            .map(|reason| (*reason, self.get(*reason)))
    }

    /// How many packets were thrown away in all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

impl From<TcpRejected> for Discard {
    fn from(error: TcpRejected) -> Self {
        match error {
            TcpRejected::Truncated { .. } | TcpRejected::DataOffset { .. } => Self::TcpHeader,
            TcpRejected::Option(_) => Self::TcpOption,
        }
    }
}

impl From<Ipv4Rejected> for Discard {
    fn from(error: Ipv4Rejected) -> Self {
        match error {
            Ipv4Rejected::Version { .. } => Self::IpVersion,
            Ipv4Rejected::Truncated { .. } => Self::IpTruncated,
            Ipv4Rejected::HeaderLength { .. } | Ipv4Rejected::TotalLength { .. } => Self::IpLength,
            Ipv4Rejected::Checksum => Self::Ipv4Checksum,
            Ipv4Rejected::Option { .. } => Self::Ipv4Option,
            Ipv4Rejected::SourceRoute { .. } => Self::SourceRoute,
        }
    }
}

impl From<Ipv6Rejected> for Discard {
    fn from(error: Ipv6Rejected) -> Self {
        match error {
            Ipv6Rejected::Version { .. } => Self::IpVersion,
            Ipv6Rejected::Truncated { .. } => Self::IpTruncated,
            Ipv6Rejected::PayloadLength { .. } => Self::IpLength,
            Ipv6Rejected::NoPayload => Self::Jumbogram,
        }
    }
}

impl From<ChainRejected> for Discard {
    fn from(error: ChainRejected) -> Self {
        match error.fault {
            ChainFault::Extension => Self::Ipv6Extension,
            ChainFault::UnknownOption => Self::Ipv6OptionUnknown,
            ChainFault::Jumbo => Self::Jumbogram,
            ChainFault::RoutingHeader => Self::RoutingHeader,
            ChainFault::FragmentLength => Self::FragmentMalformed,
            ChainFault::FragmentTooLong => Self::FragmentTooLong,
            ChainFault::IncompleteFirstFragment => Self::FragmentTiny,
        }
    }
}

impl From<IcmpRejected> for Discard {
    fn from(error: IcmpRejected) -> Self {
        match error {
            IcmpRejected::Truncated { .. } => Self::IcmpTruncated,
            IcmpRejected::Checksum => Self::IcmpChecksum,
        }
    }
}

impl From<UdpRejected> for Discard {
    fn from(error: UdpRejected) -> Self {
        match error {
            UdpRejected::Truncated { .. } | UdpRejected::Length { .. } => Self::UdpLength,
            UdpRejected::Checksum | UdpRejected::ChecksumMissing => Self::UdpChecksum,
        }
    }
}

#[cfg(test)]
mod tests;
