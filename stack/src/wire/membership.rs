//! What hosts and routers say about groups: IGMP and MLD in all versions (RFC 1112 appendix I, RFC
//! 2236 §2, RFC 3376 §4; RFC 2710 §3, RFC 3810 §5).
//!
//! `group` parses queries with it and emits reports. The two families differ in numbers and lengths
//! only. Nothing here knows who belongs to which group.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bytes::Bytes;

use super::checksum::Sum;
use super::group;
use super::packet::HeaderOctets;
use super::protocol::Protocol;
use crate::base::Duration;

/// Who speaks how, oldest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// IGMPv1.
    First,
    /// IGMPv2 and MLDv1.
    Second,
    /// IGMPv3 and MLDv2.
    Third,
}

/// A router asks who belongs to groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Query {
    /// How it speaks.
    pub version: Version,
    /// About one group, or about all of them.
    pub group: Option<IpAddr>,
    /// About these senders only; not empty only where there is a group.
    pub sources: Vec<IpAddr>,
    /// Answers are due by then.
    pub respond_within: Duration,
    /// How often the router wants changes to be told, if it says so.
    pub robustness: Option<u8>,
    /// How often it asks, if it says so.
    pub interval: Option<Duration>,
}

/// A message that concerns a host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Message {
    /// A router asks.
    Query(Query),
    /// Another host tells, in an older version, that it belongs to this group.
    Report(IpAddr),
    /// For routers.
    Other,
}

/// Types of IGMP.
mod igmp {
    pub(super) const QUERY: u8 = 0x11;
    pub(super) const REPORT_V1: u8 = 0x12;
    pub(super) const REPORT_V2: u8 = 0x16;
    pub(super) const LEAVE: u8 = 0x17;
    pub(super) const REPORT_V3: u8 = 0x22;
}

/// Types of MLD, which are ICMPv6's.
pub mod mld {
    /// A router asks.
    pub const QUERY: u8 = 130;
    /// MLDv1: a host belongs to a group.
    pub const REPORT_V1: u8 = 131;
    /// MLDv1: a host no longer does.
    pub const DONE: u8 = 132;
    /// MLDv2: what a host belongs to.
    pub const REPORT_V2: u8 = 143;
}

/// Silence of an IGMPv1 router means 10 seconds (RFC 3376 §4.1.1).
const RESPOND_WITHIN_V1: Duration = Duration::from_secs(10);

/// Lengths of an older message, and of a query of the third version without sources.
const IGMP_OCTETS: usize = 8;
const IGMP_QUERY_OCTETS: usize = 12;
const MLD_OCTETS: usize = 24;
const MLD_QUERY_OCTETS: usize = 28;

/// Reads an IGMP message; `None` if it is cut off or damaged.
pub fn parse_igmp(message: &[u8]) -> Option<Message> {
    if !Sum::of(message).is_valid() {
        return None;
    }
    let [kind, code, _, _, rest @ ..] = message else {
        return None;
    };
    let about = Ipv4Addr::from(*rest.first_chunk::<4>()?);
    let is_general = about.is_unspecified();
    let named = (!is_general).then_some(IpAddr::V4(about));
    Some(match *kind {
        igmp::QUERY if message.len() == IGMP_OCTETS => Message::Query(Query {
            version: match code {
                0 => Version::First,
                _ => Version::Second,
            },
            group: named,
            sources: Vec::new(),
            respond_within: match code {
                0 => RESPOND_WITHIN_V1,
                tenths => Duration::from_millis(u64::from(*tenths) * 100),
            },
            robustness: None,
            interval: None,
        }),
        igmp::QUERY => {
            let fields = message.get(IGMP_OCTETS..IGMP_QUERY_OCTETS)?;
            let sources = addresses(message.get(IGMP_QUERY_OCTETS..)?, fields, |octets| {
                Some(Ipv4Addr::from(*octets.first_chunk::<4>()?).into())
            })?;
            let tenths = float(u32::from(*code), 7, 4);
            third(named, sources, Duration::from_millis(tenths * 100), fields)?
        }
        igmp::REPORT_V1 | igmp::REPORT_V2 => named.map_or(Message::Other, Message::Report),
        _ => Message::Other,
    })
}

/// Reads an MLD message whose checksum was found right; `None` if it is cut off.
pub fn parse_mld(message: &[u8]) -> Option<Message> {
    let [kind, _, _, _, code_0, code_1, ..] = message else {
        return None;
    };
    let code = u32::from(u16::from_be_bytes([*code_0, *code_1]));
    let about = Ipv6Addr::from(*message.get(8..)?.first_chunk::<16>()?);
    let named = (!about.is_unspecified()).then_some(IpAddr::V6(about));
    Some(match *kind {
        mld::QUERY if message.len() == MLD_OCTETS => Message::Query(Query {
            version: Version::Second,
            group: named,
            sources: Vec::new(),
            respond_within: Duration::from_millis(u64::from(code)),
            robustness: None,
            interval: None,
        }),
        mld::QUERY => {
            let fields = message.get(MLD_OCTETS..MLD_QUERY_OCTETS)?;
            let sources = addresses(message.get(MLD_QUERY_OCTETS..)?, fields, |octets| {
                Some(Ipv6Addr::from(*octets.first_chunk::<16>()?).into())
            })?;
            let within = Duration::from_millis(float(code, 15, 12));
            third(named, sources, within, fields)?
        }
        mld::REPORT_V1 => named.map_or(Message::Other, Message::Report),
        _ => Message::Other,
    })
}

/// A query of the third version. `fields` holds the robustness, the interval and a count.
fn third(
    group: Option<IpAddr>,
    sources: Vec<IpAddr>,
    respond_within: Duration,
    fields: &[u8],
) -> Option<Message> {
    let [robustness, interval, ..] = *fields else {
        return None;
    };
    Some(Message::Query(Query {
        version: Version::Third,
        group,
        sources,
        respond_within,
        robustness: Some(robustness & 0x07).filter(|robustness| *robustness > 0),
        interval: Some(interval)
            .filter(|code| *code > 0)
            .map(|code| Duration::from_secs(float(u32::from(code), 7, 4))),
    }))
}

/// The addresses that the count in `fields` promises.
fn addresses(
    octets: &[u8],
    fields: &[u8],
    read: impl Fn(&[u8]) -> Option<IpAddr>,
) -> Option<Vec<IpAddr>> {
    let count = usize::from(u16::from_be_bytes(*fields.get(2..)?.first_chunk()?));
    let mut sources = Vec::new();
    let mut rest = octets;
    for _ in 0..count {
        let address = read(rest)?;
        rest = rest.get(if address.is_ipv4() { 4 } else { 16 }..)?;
        sources.push(address);
    }
    Some(sources)
}

/// A number as it is below the top of `bits`, else with three bits of exponent in front of
/// `mantissa_bits` (RFC 3376 §4.1.1, RFC 3810 §5.1.3).
fn float(code: u32, bits: u32, mantissa_bits: u32) -> u64 {
    if code < 1 << bits {
        return u64::from(code);
    }
    let mantissa = u64::from(code & ((1 << mantissa_bits) - 1)) | 1 << mantissa_bits;
    let exponent = (code >> mantissa_bits) & 0x07;
    mantissa << (exponent + 3)
}

/// Whether the packet carries a router alert: an option of IPv4 (RFC 2113), or a hop-by-hop option of
/// IPv6 (RFC 2711). Queries of the second version on must.
pub fn has_router_alert(packet: &[u8]) -> bool {
    match packet.first().map(|octet| octet >> 4) {
        Some(4) => {
            let end = usize::from(packet.first().map_or(0, |octet| octet & 0x0f)) * 4;
            has_option(packet.get(20..end), &[0], 1, 0x94)
        }
        Some(6) if packet.get(6) == Some(&0) => {
            let end = packet
                .get(41)
                .map_or(0, |eights| usize::from(*eights) * 8 + 48);
            // Pad1 stands alone, and no option ends the list.
            has_option(packet.get(42..end), &[], 0, 5)
        }
        _ => false,
    }
}

/// Walks options of a kind and a length. `alone` is the kind without a length; the length counts the
/// two octets in front where `ends` lists what ends an IPv4 list. At most 2,048 steps: each advances.
fn has_option(options: Option<&[u8]>, ends: &[u8], alone: u8, wanted: u8) -> bool {
    let mut rest = options.unwrap_or_default();
    while let [kind, after @ ..] = rest {
        if *kind == wanted {
            return true;
        }
        if ends.contains(kind) {
            return false;
        }
        let octets = match (*kind == alone, after.first(), ends.is_empty()) {
            (true, _, _) => 1,
            (false, Some(length), true) => usize::from(*length) + 2,
            (false, Some(length), false) => usize::from(*length).max(2),
            (false, None, _) => return false,
        };
        rest = rest.get(octets..).unwrap_or_default();
    }
    false
}

/// What a host tells about one group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Record {
    /// It belongs to it: an answer.
    IsMember,
    /// It listens to these senders: an answer to a query about them.
    IsMemberFor(Vec<IpAddr>),
    /// It belongs to it from now on.
    Joins,
    /// It no longer does.
    Leaves,
}

/// A message of a host, and where it goes.
#[derive(Clone, Debug)]
pub struct Told {
    /// The group of routers, or of all members.
    pub destination: IpAddr,
    /// IGMP, or a hop-by-hop header with a router alert and MLD behind it.
    pub protocol: Protocol,
    /// What follows the IP header; checksums are filled in.
    pub header: HeaderOctets,
    /// What follows that.
    pub text: Bytes,
}

/// What a host that speaks `version` says about `group`; `None` where that version has no words for
/// it. `source` is the address that it speaks from, for the checksum of MLD.
pub fn emit(version: Version, group: IpAddr, record: &Record, source: IpAddr) -> Option<Told> {
    match (group, source) {
        (IpAddr::V4(group), IpAddr::V4(_)) => emit_igmp(version, group, record),
        (IpAddr::V6(group), IpAddr::V6(source)) => emit_mld(version, group, record, source),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

fn emit_igmp(version: Version, group: Ipv4Addr, record: &Record) -> Option<Told> {
    let mut message = Vec::with_capacity(16);
    let destination = match version {
        Version::Third => {
            message.extend_from_slice(&[igmp::REPORT_V3, 0, 0, 0, 0, 0, 0, 1]);
            push_record(&mut message, group.into(), record);
            group::IGMP_ROUTERS
        }
        Version::First | Version::Second => {
            let (kind, destination) = match (record, version) {
                (Record::Leaves, Version::First) => return None,
                (Record::Leaves, _) => (igmp::LEAVE, group::ALL_ROUTERS),
                (_, Version::First) => (igmp::REPORT_V1, group),
                (_, _) => (igmp::REPORT_V2, group),
            };
            message.extend_from_slice(&[kind, 0, 0, 0]);
            message.extend_from_slice(&group.octets());
            destination
        }
    };
    let checksum = Sum::of(&message).checksum();
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    Some(Told {
        destination: destination.into(),
        protocol: Protocol::IGMP,
        header: HeaderOctets::new(),
        text: Bytes::from(message),
    })
}

fn emit_mld(version: Version, group: Ipv6Addr, record: &Record, source: Ipv6Addr) -> Option<Told> {
    let mut message = Vec::with_capacity(28);
    let destination = match version {
        Version::Third => {
            message.extend_from_slice(&[mld::REPORT_V2, 0, 0, 0, 0, 0, 0, 1]);
            push_record(&mut message, group.into(), record);
            group::MLD_ROUTERS
        }
        Version::First | Version::Second => {
            let (kind, destination) = match record {
                Record::Leaves => (mld::DONE, group::LINK_ALL_ROUTERS),
                Record::IsMember | Record::IsMemberFor(_) | Record::Joins => {
                    (mld::REPORT_V1, group)
                }
            };
            message.extend_from_slice(&[kind, 0, 0, 0, 0, 0, 0, 0]);
            message.extend_from_slice(&group.octets());
            destination
        }
    };
    let mut sum = Sum::pseudo_header(
        source.into(),
        destination.into(),
        Protocol::ICMP_V6,
        message.len(),
    );
    sum.add(&message);
    let checksum = sum.checksum();
    if let Some(field) = message.get_mut(2..4) {
        field.copy_from_slice(&checksum.to_be_bytes());
    }
    let mut header = HeaderOctets::new();
    // Hop-by-hop options: router alert about MLD (RFC 2711 §2.1), and two octets of padding.
    header.push(&[Protocol::ICMP_V6.0, 0, 5, 2, 0, 0, 1, 0]);
    Some(Told {
        destination: destination.into(),
        protocol: Protocol::HOP_BY_HOP,
        header,
        text: Bytes::from(message),
    })
}

/// One record of a report of the third version (RFC 3376 §4.2.12, RFC 3810 §5.2.12).
fn push_record(message: &mut Vec<u8>, group: IpAddr, record: &Record) {
    // We listen to all senders or to none: "exclude nobody", "include nobody".
    let (kind, sources): (u8, &[IpAddr]) = match record {
        Record::IsMemberFor(sources) => (1, sources),
        Record::IsMember => (2, &[]),
        Record::Leaves => (3, &[]),
        Record::Joins => (4, &[]),
    };
    let count = u16::try_from(sources.len()).unwrap_or(u16::MAX);
    message.extend_from_slice(&[kind, 0]);
    message.extend_from_slice(&count.to_be_bytes());
    for address in core::iter::once(&group)
        .chain(sources)
        .take(usize::from(count) + 1)
    {
        match address {
            IpAddr::V4(address) => message.extend_from_slice(&address.octets()),
            IpAddr::V6(address) => message.extend_from_slice(&address.octets()),
        }
    }
}

#[cfg(test)]
mod tests;
