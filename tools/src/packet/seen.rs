//! A packet that a stack emitted, read with etherparse.
//!
//! The hosts of the tests read every packet with this, so checksums, lengths and
//! options are verified everywhere and not only where a test asks (RFC 9293 MUST-2, MUST-65,
//! MUST-68, MUST-69; RFC 1122 §3.2.1.3). Nothing here uses the stack's own wire code.

use std::net::IpAddr;

use etherparse::{IpNumber, Ipv4Slice, Ipv6Slice, TcpSlice, UdpSlice};
use thiserror::Error;

use super::craft::{Ip, Segment, checksum, flags, protocol, pseudo_header};

/// What is wrong with a packet, in a sentence.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{0}")]
pub struct Wrong(String);

macro_rules! wrong {
    ($($message:tt)*) => { Wrong(format!($($message)*)) };
}

/// As `assert!` and its like, but whoever reads the packet decides what follows.
macro_rules! ensure {
    ($holds:expr, $($message:tt)*) => {
        if !$holds {
            return Err(wrong!($($message)*));
        }
    };
}

macro_rules! ensure_eq {
    ($left:expr, $right:expr, $message:literal $(, $more:expr)*) => {{
        let (left, right) = (&$left, &$right);
        ensure!(left == right, concat!($message, ": {:?} and {:?}"), $($more,)* left, right);
    }};
}

macro_rules! ensure_ne {
    ($left:expr, $right:expr, $($message:tt)*) => { ensure!($left != $right, $($message)*) };
}

/// What a packet holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Payload {
    /// A TCP segment.
    Tcp(Segment),
    /// A UDP datagram.
    Udp {
        /// Source port.
        source_port: u16,
        /// Destination port.
        destination_port: u16,
        /// The checksum as it stands in the header.
        checksum: u16,
        /// The payload.
        octets: Vec<u8>,
    },
    /// ICMPv4 or ICMPv6.
    Icmp {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// The four octets after the checksum.
        word: [u8; 4],
        /// The rest.
        rest: Vec<u8>,
    },
    /// A fragment.
    Fragment {
        /// What the whole datagram holds.
        protocol: u8,
        /// Where it begins, in octets.
        offset: usize,
        /// Whether more follow.
        more: bool,
        /// The octets.
        octets: Vec<u8>,
    },
    /// Something else.
    Other {
        /// Which protocol.
        protocol: u8,
        /// The octets.
        octets: Vec<u8>,
    },
}

/// A packet that left a stack.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    /// The IP header.
    pub ip: Ip,
    /// What it holds.
    pub payload: Payload,
    /// The packet as it was.
    pub octets: Vec<u8>,
}

impl Seen {
    /// Reads a packet.
    ///
    /// # Panics
    ///
    /// With the reason, if anything about it is wrong: for tests.
    #[allow(clippy::panic)]
    #[track_caller]
    pub fn read(octets: &[u8]) -> Self {
        match Self::try_read(octets) {
            Ok(seen) => seen,
            Err(wrong) => panic!("{wrong}"),
        }
    }

    /// Reads a packet.
    ///
    /// # Errors
    ///
    /// What no conforming host may send.
    pub fn try_read(octets: &[u8]) -> Result<Self, Wrong> {
        match octets.first().map(|first| first >> 4) {
            Some(4) => read_v4(octets),
            Some(6) => read_v6(octets),
            _ => Err(wrong!(
                "emitted a packet that is neither IPv4 nor IPv6: {octets:02x?}"
            )),
        }
    }

    /// The TCP segment, if it is one.
    pub fn tcp(&self) -> Option<&Segment> {
        match &self.payload {
            Payload::Tcp(segment) => Some(segment),
            _ => None,
        }
    }

    /// Type and code, if it is an ICMP message.
    pub fn icmp(&self) -> Option<(u8, u8)> {
        match &self.payload {
            Payload::Icmp { kind, code, .. } => Some((*kind, *code)),
            _ => None,
        }
    }
}

fn read_v4(octets: &[u8]) -> Result<Seen, Wrong> {
    let slice = Ipv4Slice::from_slice(octets)
        .map_err(|error| wrong!("emitted a bad IPv4 packet: {error}: {octets:02x?}"))?;
    let header = slice.header();
    ensure_eq!(
        header.to_header().calc_header_checksum(),
        header.header_checksum(),
        "emitted an IPv4 header with a wrong checksum"
    );
    ensure_eq!(
        usize::from(header.total_len()),
        octets.len(),
        "total length differs from what was emitted"
    );
    ensure_ne!(header.ttl(), 0, "emitted a TTL of 0 (RFC 1122 §3.2.1.7)");
    let ip = Ip {
        source: IpAddr::V4(header.source_addr()),
        destination: IpAddr::V4(header.destination_addr()),
        hop_limit: header.ttl(),
        traffic_class: octets[1],
        identification: u32::from(header.identification()),
        dont_fragment: header.dont_fragment(),
        options: header.options().to_vec(),
    };
    let payload = slice.payload().payload;
    let payload = if header.is_fragmenting_payload() {
        Payload::Fragment {
            protocol: header.protocol().0,
            offset: usize::from(header.fragments_offset().value()) * 8,
            more: header.more_fragments(),
            octets: payload.to_vec(),
        }
    } else {
        read_transport(&ip, header.protocol(), payload)?
    };
    check_source(&ip)?;
    Ok(Seen {
        ip,
        payload,
        octets: octets.to_vec(),
    })
}

fn read_v6(octets: &[u8]) -> Result<Seen, Wrong> {
    let slice = Ipv6Slice::from_slice(octets)
        .map_err(|error| wrong!("emitted a bad IPv6 packet: {error}: {octets:02x?}"))?;
    let header = slice.header();
    ensure_eq!(
        usize::from(header.payload_length()) + 40,
        octets.len(),
        "payload length differs from what was emitted"
    );
    let mut ip = Ip {
        source: IpAddr::V6(header.source_addr()),
        destination: IpAddr::V6(header.destination_addr()),
        hop_limit: header.hop_limit(),
        traffic_class: header.traffic_class(),
        identification: 0,
        dont_fragment: false,
        options: Vec::new(),
    };
    let payload = if header.next_header() == IpNumber::IPV6_FRAGMENTATION_HEADER {
        let fragment = etherparse::Ipv6FragmentHeaderSlice::from_slice(&octets[40..])
            .map_err(|error| wrong!("emitted a bad fragment header: {error}"))?;
        ip.identification = fragment.identification();
        ensure!(
            fragment.is_fragmenting_payload(),
            "emitted an atomic fragment (RFC 8021)"
        );
        Payload::Fragment {
            protocol: fragment.next_header().0,
            offset: usize::from(fragment.fragment_offset().value()) * 8,
            more: fragment.more_fragments(),
            octets: octets[48..].to_vec(),
        }
    } else if let Some(message) = behind_router_alert(octets) {
        read_transport(&ip, IpNumber::IPV6_ICMP, message)?
    } else {
        ensure!(
            slice.extensions().is_empty(),
            "emitted an extension header that nobody asked for"
        );
        read_transport(&ip, header.next_header(), &octets[40..])?
    };
    // Before it has a link-local address, a host reports its groups from "::" (RFC 3590 §4).
    if behind_router_alert(octets).is_none() || !ip.source.is_unspecified() {
        check_source(&ip)?;
    }
    Ok(Seen {
        ip,
        payload,
        octets: octets.to_vec(),
    })
}

/// What stands behind a router alert for MLD (RFC 2711 §2.1, RFC 3810 §5), the one extension header that
/// a host sends by itself.
fn behind_router_alert(octets: &[u8]) -> Option<&[u8]> {
    const ALERT: [u8; 8] = [protocol::ICMP_V6, 0, 5, 2, 0, 0, 1, 0];
    let is_first = octets.get(6) == Some(&protocol::HOP_BY_HOP);
    octets.get(40..)?.strip_prefix(&ALERT).filter(|_| is_first)
}

/// RFC 1122 §3.2.1.3, RFC 4291 §2.7: a source address is that of one host.
fn check_source(ip: &Ip) -> Result<(), Wrong> {
    let one_host = match ip.source {
        IpAddr::V4(address) => {
            !address.is_multicast() && !address.is_broadcast() && !address.is_unspecified()
        }
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unspecified(),
    };
    ensure!(one_host, "emitted a packet from {}", ip.source);
    ensure!(
        !ip.source.is_loopback(),
        "a loopback address left the host (RFC 1122 §3.2.1.3)"
    );
    ensure!(
        !ip.destination.is_loopback(),
        "a packet to a loopback address left the host (RFC 1122 §3.2.1.3)"
    );
    Ok(())
}

fn read_transport(ip: &Ip, number: IpNumber, octets: &[u8]) -> Result<Payload, Wrong> {
    Ok(match number.0 {
        protocol::TCP => Payload::Tcp(read_tcp(ip, octets)?),
        protocol::UDP => read_udp(ip, octets)?,
        protocol::ICMP_V4 | protocol::ICMP_V6 => read_icmp(ip, number.0, octets)?,
        other => Payload::Other {
            protocol: other,
            octets: octets.to_vec(),
        },
    })
}

fn read_tcp(ip: &Ip, octets: &[u8]) -> Result<Segment, Wrong> {
    let slice = TcpSlice::from_slice(octets)
        .map_err(|error| wrong!("emitted a bad TCP header: {error}: {octets:02x?}"))?;
    let expected = match (ip.source, ip.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            slice.calc_checksum_ipv4(source.octets(), destination.octets())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            slice.calc_checksum_ipv6(source.octets(), destination.octets())
        }
        _ => return Err(wrong!("the families differ")),
    };
    let sum = expected.map_err(|error| wrong!("emitted a segment that fits no packet: {error}"))?;
    ensure_eq!(
        sum,
        slice.checksum(),
        "emitted a segment with a wrong checksum (MUST-2)"
    );
    ensure_eq!(
        octets[12] & 0x0f,
        0,
        "reserved bits are zero (RFC 9293 §3.1)"
    );
    let segment = Segment {
        ip: ip.clone(),
        source_port: slice.source_port(),
        destination_port: slice.destination_port(),
        seq: slice.sequence_number(),
        ack: slice.acknowledgment_number(),
        flags: octets[13],
        window: slice.window_size(),
        urgent: slice.urgent_pointer(),
        options: slice.options().to_vec(),
        text: slice.payload().to_vec(),
    };
    check_options(&segment)?;
    check_flags(&segment)?;
    Ok(segment)
}

/// Every option that leaves has a length octet, and only zeros follow an end of list
/// (RFC 9293 §3.1: MUST-68, MUST-69); MSS only leaves on a SYN (MUST-65).
fn check_options(segment: &Segment) -> Result<(), Wrong> {
    let mut rest = segment.options.as_slice();
    while let [kind, tail @ ..] = rest {
        rest = match kind {
            0 => {
                ensure!(
                    tail.iter().all(|octet| *octet == 0),
                    "padding is not zero (MUST-69)"
                );
                &[]
            }
            1 => tail,
            kind => {
                let length = usize::from(
                    *tail
                        .first()
                        .ok_or(wrong!("an option lacks its length (MUST-68)"))?,
                );
                ensure!(
                    (2..=rest.len()).contains(&length),
                    "option {kind} has a length of {length} (MUST-68)"
                );
                &rest[length..]
            }
        };
    }
    let syn = segment.flags & flags::SYN != 0;
    for (kind, length) in segment.option_kinds() {
        match kind {
            2 => ensure!(syn && length == 4, "MSS leaves on a SYN only (MUST-65)"),
            3 => ensure!(
                syn && length == 3,
                "window scale leaves on a SYN only (RFC 7323 §2.2)"
            ),
            4 => ensure!(
                syn && length == 2,
                "SACK-permitted leaves on a SYN only (RFC 2018 §2)"
            ),
            5 => ensure!(
                !syn && length % 8 == 2,
                "SACK has whole blocks, not on a SYN"
            ),
            8 => ensure_eq!(length, 10, "timestamps have ten octets"),
            28 => ensure_eq!(length, 4, "a user timeout has two octets (RFC 5482 §3)"),
            34 => ensure!(
                syn && (length == 2 || ((6..=18).contains(&length) && length % 2 == 0)),
                "Fast Open leaves on a SYN only, with a cookie of 4 to 16 octets (RFC 7413 §4.1.1)"
            ),
            other => {
                return Err(wrong!(
                    "emitted an option of kind {other} that nobody asked for"
                ));
            }
        }
    }
    Ok(())
}

/// Control bits that no conforming sender combines.
fn check_flags(segment: &Segment) -> Result<(), Wrong> {
    let has = |bit| segment.flags & bit != 0;
    if has(flags::SYN) {
        ensure!(
            !has(flags::FIN) && !has(flags::RST),
            "SYN with FIN or RST left the host"
        );
    } else if !has(flags::RST) {
        ensure!(
            has(flags::ACK),
            "only a SYN or RST may lack ACK (RFC 9293 §3.1)"
        );
    }
    if has(flags::RST) {
        ensure!(!has(flags::FIN), "RST with FIN left the host");
    }
    if !has(flags::ACK) {
        ensure_eq!(
            segment.ack,
            0,
            "the acknowledgment field is not zero without ACK"
        );
    }
    Ok(())
}

fn read_udp(ip: &Ip, octets: &[u8]) -> Result<Payload, Wrong> {
    let slice = UdpSlice::from_slice(octets)
        .map_err(|error| wrong!("emitted a bad UDP header: {error}: {octets:02x?}"))?;
    ensure_eq!(usize::from(slice.length()), octets.len(), "UDP length");
    ensure_ne!(
        slice.checksum(),
        0,
        "UDP without a checksum (RFC 1122 §4.1.3.4)"
    );
    let pseudo = pseudo_header(ip.source, ip.destination, protocol::UDP, octets.len());
    ensure_eq!(
        checksum(&[&pseudo, octets]),
        0,
        "emitted a datagram with a wrong checksum"
    );
    Ok(Payload::Udp {
        source_port: slice.source_port(),
        destination_port: slice.destination_port(),
        checksum: slice.checksum(),
        octets: slice.payload().to_vec(),
    })
}

fn read_icmp(ip: &Ip, number: u8, octets: &[u8]) -> Result<Payload, Wrong> {
    ensure!(
        octets.len() >= 8,
        "emitted an ICMP message of {} octets",
        octets.len()
    );
    match ip.source {
        IpAddr::V4(_) => {
            ensure_eq!(number, protocol::ICMP_V4, "ICMP of the other family");
            ensure_eq!(checksum(&[octets]), 0, "emitted ICMP with a wrong checksum");
        }
        IpAddr::V6(_) => {
            ensure_eq!(number, protocol::ICMP_V6, "ICMP of the other family");
            let pseudo = pseudo_header(ip.source, ip.destination, number, octets.len());
            ensure_eq!(
                checksum(&[&pseudo, octets]),
                0,
                "emitted ICMPv6 with a wrong checksum"
            );
        }
    }
    Ok(Payload::Icmp {
        kind: octets[0],
        code: octets[1],
        word: [octets[4], octets[5], octets[6], octets[7]],
        rest: octets[8..].to_vec(),
    })
}

/// What a segment's options say.
impl Segment {
    /// Kinds and lengths of all options that have a length.
    pub fn option_kinds(&self) -> Vec<(u8, usize)> {
        self.walk()
            .iter()
            .map(|option| (option[0], option.len()))
            .collect()
    }

    /// The octets of the first option of this kind, kind and length included.
    pub fn find_option(&self, kind: u8) -> Option<Vec<u8>> {
        self.walk().into_iter().find(|option| option[0] == kind)
    }

    /// Maximum segment size.
    pub fn mss(&self) -> Option<u16> {
        match self.find_option(2)?.as_slice() {
            [_, _, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
            _ => None,
        }
    }

    /// Window scale.
    pub fn scale(&self) -> Option<u8> {
        self.find_option(3)?.get(2).copied()
    }

    /// Whether SACK is permitted.
    pub fn sack_permitted(&self) -> bool {
        self.find_option(4).is_some()
    }

    /// TSval and TSecr.
    pub fn stamps(&self) -> Option<(u32, u32)> {
        let option = self.find_option(8)?;
        Some((be_32(option.get(2..6)?), be_32(option.get(6..10)?)))
    }

    /// SACK blocks, in the order of the header.
    pub fn sack_blocks(&self) -> Vec<(u32, u32)> {
        let option = self.find_option(5).unwrap_or_default();
        option
            .get(2..)
            .unwrap_or_default()
            .chunks_exact(8)
            .map(|block| (be_32(&block[..4]), be_32(&block[4..])))
            .collect()
    }

    /// True if all of these control bits are set.
    pub fn has(&self, letters: &str) -> bool {
        let wanted = super::craft::flags_of(letters);
        self.flags & wanted == wanted
    }

    /// True if every option ends where its length says, and within the header (MUST-7).
    pub fn options_are_whole(&self) -> bool {
        let mut rest = self.options.as_slice();
        while let [kind, tail @ ..] = rest {
            rest = match (kind, tail.first().map(|length| usize::from(*length))) {
                (0, _) => return true,
                (1, _) => tail,
                (_, Some(length)) if (2..=rest.len()).contains(&length) => &rest[length..],
                (_, _) => return false,
            };
        }
        true
    }

    fn walk(&self) -> Vec<Vec<u8>> {
        let mut options = Vec::new();
        let mut rest = self.options.as_slice();
        while let [kind, tail @ ..] = rest {
            match kind {
                0 => break,
                1 => rest = tail,
                _ => {
                    let length = usize::from(tail.first().copied().unwrap_or(0));
                    if length < 2 || length > rest.len() {
                        break;
                    }
                    options.push(rest[..length].to_vec());
                    rest = &rest[length..];
                }
            }
        }
        options
    }
}

fn be_32(octets: &[u8]) -> u32 {
    octets
        .iter()
        .take(4)
        .fold(0, |word, octet| (word << 8) | u32::from(*octet))
}
