//! A packet of the script, as octets for the host under test.
//!
//! The runner calls it for `<`. Whatever the script does not say is plain and right; whatever it says
//! is done, also where it is wrong.

use std::net::IpAddr;

use thiserror::Error;

use super::flow::{Flow, Numbers};
use crate::drill::ast::{
    Checksum, Datagram, Direction, DontFragment, Ecn, Family, IcmpMessage, IpFields, Payload,
    Quoted, SackBlock, Segment, TcpFlags, TcpOption, TcpOptions,
};
use crate::drill::pattern;
use crate::packet::craft::{self, Ip, fill_checksum, option, protocol};

/// What a packet cannot be.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum CannotBuild {
    /// A TCP header holds 40 octets of options.
    #[error("{octets} octets of options do not fit a TCP header")]
    Options {
        /// How many there are.
        octets: usize,
    },
    /// The length field of IP has 16 bits.
    #[error("{octets} octets do not fit a packet")]
    TooLong {
        /// How many there are.
        octets: usize,
    },
    /// `<...>` has no meaning for what is sent.
    #[error("options of an inbound segment must be said")]
    AnyOptions,
    /// An ICMP error quotes what was sent, and nothing was.
    #[error("there is no packet that the ICMP message can be about")]
    NothingToQuote,
    /// A flow more than there may be.
    #[error("the script has too many connections")]
    TooManyFlows,
}

/// The most octets of a payload that fits any packet.
const PAYLOAD_OCTETS_MAX: usize = 65_535 - 40 - 60;

/// The IP header of a packet from `source` to `destination`.
fn header(source: IpAddr, destination: IpAddr, fields: IpFields) -> Ip {
    let mut ip = Ip::new(source, destination);
    if let Some(tos) = fields.tos {
        ip.traffic_class = tos;
    }
    if let Some(ecn) = fields.ecn {
        ip.traffic_class = (ip.traffic_class & 0xfc) | ecn_bits(ecn);
    }
    if let Some(ttl) = fields.ttl {
        ip.hop_limit = ttl;
    }
    ip.dont_fragment = fields.dont_fragment == Some(DontFragment::Set);
    ip
}

/// The bits of an ECN field (RFC 3168 §5).
pub(super) const fn ecn_bits(ecn: Ecn) -> u8 {
    match ecn {
        Ecn::NotCapable => 0,
        Ecn::Ect1 => 1,
        // What is sent has to be one of both.
        Ecn::Ect0 | Ecn::Ect01 => 2,
        Ecn::Ce => 3,
    }
}

/// The packet around a payload.
fn packet(ip: &Ip, fields: IpFields, number: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = ip.packet(number, payload);
    if let (Some(label), IpAddr::V6(_)) = (fields.flow_label, ip.source) {
        let [_, a, b, c] = label.to_be_bytes();
        if let Some([_, one, two, three]) = packet.first_chunk_mut::<4>() {
            *one = (*one & 0xf0) | (a & 0x0f);
            (*two, *three) = (b, c);
        }
    }
    packet
}

fn check_length(octets: u32) -> Result<usize, CannotBuild> {
    let octets = octets as usize;
    if octets <= PAYLOAD_OCTETS_MAX {
        Ok(octets)
    } else {
        Err(CannotBuild::TooLong { octets })
    }
}

/// A TCP segment of the runner's end of `flow`.
pub(super) fn segment(
    flow: &mut Flow,
    said: &Segment,
    fields: IpFields,
) -> Result<Vec<u8>, CannotBuild> {
    if !flow.peer_is_known {
        flow.peer_is_known = true;
        // Numbers count from the SYN, whatever its own is. One that is not 0 is meant as it is, as in
        // packetdrill: a script may want its numbers to wrap.
        if said.flags.has(TcpFlags::SYN) {
            flow.peer.script = said.seq;
            if said.seq != 0 {
                flow.peer.live = said.seq;
                flow.peer_may_restart = true;
            }
        }
    } else if !said.flags.has(TcpFlags::SYN) {
        flow.name_peer(said.seq);
    }
    let is_syn = said.flags.has(TcpFlags::SYN) && !said.flags.has(TcpFlags::ACK);
    if is_syn && flow.host_is_known && said.seq != flow.peer.script {
        flow.asked_again = Some(Numbers {
            script: said.seq,
            live: flow.peer.to_live(said.seq),
        });
    }
    let text = text(flow, said)?;
    let options = options(flow, &said.options)?;
    let ack = match said.ack {
        Some(ack) => flow.host.to_live(ack),
        None if said.flags.has(TcpFlags::ACK) => flow.host.to_live(0),
        None => 0,
    };
    let ip = header(flow.remote.ip(), flow.local.ip(), fields);
    let crafted = craft::Segment {
        ip: ip.clone(),
        source_port: flow.remote.port(),
        destination_port: flow.local.port(),
        seq: flow.peer.to_live(said.seq),
        ack,
        flags: said.flags.0 as u8,
        window: said.window.unwrap_or(0),
        urgent: said.urgent.unwrap_or(0),
        options,
        text,
    };
    let mut tcp = crafted.tcp();
    if said.flags.has(TcpFlags::AE)
        && let Some(octet) = tcp.get_mut(12)
    {
        *octet |= 1;
        fill_checksum(&ip, protocol::TCP, &mut tcp, 16);
    }
    spoil(&mut tcp, 16, said.checksum);
    Ok(packet(&ip, fields, protocol::TCP, &tcp))
}

/// Makes a checksum wrong if the script wants that.
fn spoil(octets: &mut [u8], at: usize, checksum: Checksum) {
    if checksum == Checksum::Wrong
        && let Some(octet) = octets.get_mut(at)
    {
        *octet ^= 0x55;
    }
}

fn text(flow: &mut Flow, said: &Segment) -> Result<Vec<u8>, CannotBuild> {
    let octets = check_length(said.octets)?;
    let syn = u32::from(said.flags.has(TcpFlags::SYN));
    let first = flow.peer.to_live(said.seq.wrapping_add(syn));
    let offset = flow.peer.offset(first);
    match &said.payload {
        Payload::Pattern | Payload::Any => Ok(flow.arrived.at(offset, octets)),
        Payload::Zeroes => {
            flow.arrived.spell(offset, vec![0; octets]);
            Ok(vec![0; octets])
        }
        Payload::Octets(text) => {
            flow.arrived.spell(offset, text.clone());
            Ok(text.clone())
        }
    }
}

fn options(flow: &Flow, said: &TcpOptions) -> Result<Vec<u8>, CannotBuild> {
    let TcpOptions::List(list) = said else {
        return Err(CannotBuild::AnyOptions);
    };
    let mut octets = Vec::new();
    for one in list {
        octets.extend(one_option(flow, one));
    }
    if octets.len().next_multiple_of(4) > 40 {
        return Err(CannotBuild::Options {
            octets: octets.len(),
        });
    }
    Ok(octets)
}

fn one_option(flow: &Flow, said: &TcpOption) -> Vec<u8> {
    let with = |kind: u8, parts: &[&[u8]]| {
        let body: Vec<u8> = parts.concat();
        let mut octets = vec![kind, (body.len() + 2).min(255) as u8];
        octets.extend(body);
        octets
    };
    match said {
        TcpOption::End => option::END.to_vec(),
        TcpOption::Nop => option::NOP.to_vec(),
        TcpOption::Mss(octets) => option::mss(*octets).to_vec(),
        TcpOption::WindowScale(shift) => option::window_scale(*shift).to_vec(),
        TcpOption::SackPermitted => option::SACK_PERMITTED.to_vec(),
        TcpOption::Sack(blocks) => option::sack(&live_blocks(flow.host, blocks)),
        TcpOption::Timestamps { value, echo } => {
            // Zero says that there is nothing to echo.
            let echo = match (*echo, flow.stamps) {
                (0, _) | (_, None) => *echo,
                (echo, Some(stamps)) => stamps.to_live(echo),
            };
            option::timestamps(*value, echo).to_vec()
        }
        TcpOption::FastOpen(cookie) => with(34, &[cookie]),
        TcpOption::FastOpenExperimental(cookie) => with(254, &[&[0xf9, 0x89], cookie]),
        TcpOption::Md5(digest) => with(19, &[digest]),
        TcpOption::UserTimeout(value) => with(28, &[&value.to_be_bytes()]),
        TcpOption::Experimental { id, octets } => with(253, &[&id.to_be_bytes(), octets]),
        TcpOption::Unknown { kind, octets } => with(*kind, &[octets]),
        TcpOption::Raw(octets) => octets.clone(),
    }
}

fn live_blocks(host: Numbers, blocks: &[SackBlock]) -> Vec<(u32, u32)> {
    blocks
        .iter()
        .map(|block| (host.to_live(block.left), host.to_live(block.right)))
        .collect()
}

/// What a datagram holds.
pub(super) fn datagram_payload(direction: Direction, said: &Payload, octets: usize) -> Vec<u8> {
    match said {
        Payload::Pattern | Payload::Any => pattern::octets(direction, 0, octets).to_vec(),
        Payload::Zeroes => vec![0; octets],
        Payload::Octets(text) => text.clone(),
    }
}

/// Datagrams that wait to be read, of which the oldest are forgotten first.
const UNREAD_MAX: usize = 1_024;

/// A UDP datagram of the runner's end of `flow`.
pub(super) fn datagram(
    flow: &mut Flow,
    said: &Datagram,
    fields: IpFields,
) -> Result<Vec<u8>, CannotBuild> {
    let octets = check_length(said.octets)?;
    let payload = datagram_payload(Direction::Inbound, &said.payload, octets);
    let ip = header(flow.remote.ip(), flow.local.ip(), fields);
    let mut udp = craft::udp(&ip, flow.remote.port(), flow.local.port(), &payload);
    spoil(&mut udp, 6, said.checksum);
    if said.checksum == Checksum::Right {
        if flow.unread.len() == UNREAD_MAX {
            flow.unread.pop_front();
        }
        flow.unread.push_back(payload);
    }
    Ok(packet(&ip, fields, protocol::UDP, &udp))
}

/// Who an ICMP message goes between, and the flow of the packet that it quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct IcmpEnds<'a> {
    /// The host under test.
    pub(super) local: IpAddr,
    /// The runner.
    pub(super) remote: IpAddr,
    /// The flow that an error is about.
    pub(super) flow: Option<&'a Flow>,
    /// The last packet that the host sent in that flow.
    pub(super) last: Option<&'a [u8]>,
}

/// An ICMP message to the host.
pub(super) fn icmp(
    ends: IcmpEnds<'_>,
    said: &IcmpMessage,
    fields: IpFields,
) -> Result<Vec<u8>, CannotBuild> {
    let ip = header(ends.remote, ends.local, fields);
    let octets = check_length(said.octets)?;
    let (word, rest) = match said.echo {
        Some(echo) => {
            let [a, b] = echo.id.to_be_bytes();
            let [c, d] = echo.sequence.to_be_bytes();
            let payload = pattern::octets(Direction::Inbound, 0, octets);
            ([a, b, c, d], payload.to_vec())
        }
        None => {
            let mtu = said.mtu.unwrap_or(0).to_be_bytes();
            let [.., a, b] = mtu;
            let word = match said.kind.family {
                Family::V4 => [0, 0, a, b],
                Family::V6 => mtu,
            };
            (word, quote(ends, said.quoted)?)
        }
    };
    let mut message = craft::icmp(&ip, said.kind.icmp_type, said.kind.code, word, &rest);
    spoil(&mut message, 2, said.checksum);
    let number = craft::icmp_protocol(ends.remote);
    Ok(packet(&ip, fields, number, &message))
}

/// Octets of the offending packet that routers of both families send back at least (RFC 792; RFC 4443
/// §2.4(c) asks for more, but no more than the least MTU).
const QUOTE_V4_OCTETS: usize = 28;
const QUOTE_V6_OCTETS: usize = 1_280 - 48;

fn quote(ends: IcmpEnds<'_>, said: Option<Quoted>) -> Result<Vec<u8>, CannotBuild> {
    let limit = match ends.local {
        IpAddr::V4(_) => QUOTE_V4_OCTETS,
        IpAddr::V6(_) => QUOTE_V6_OCTETS,
    };
    let whole = match (said, ends.flow) {
        (Some(Quoted::Tcp { seq, octets }), Some(flow)) => quoted_segment(flow, seq, octets)?,
        (Some(Quoted::Udp { octets }), Some(flow)) => {
            let payload = pattern::octets(Direction::Outbound, 0, check_length(octets)?);
            let ip = header(flow.local.ip(), flow.remote.ip(), IpFields::default());
            let udp = craft::udp(&ip, flow.local.port(), flow.remote.port(), &payload);
            ip.packet(protocol::UDP, &udp)
        }
        (None, _) => ends.last.ok_or(CannotBuild::NothingToQuote)?.to_vec(),
        (Some(_), None) => return Err(CannotBuild::NothingToQuote),
    };
    Ok(whole.into_iter().take(limit).collect())
}

fn quoted_segment(flow: &Flow, seq: u32, octets: u32) -> Result<Vec<u8>, CannotBuild> {
    let seq = flow.host.to_live(seq);
    let text = flow
        .written
        .at(flow.host.offset(seq), check_length(octets)?);
    let mut ip = header(flow.local.ip(), flow.remote.ip(), IpFields::default());
    ip.dont_fragment = true;
    let segment = craft::Segment {
        ip,
        source_port: flow.local.port(),
        destination_port: flow.remote.port(),
        seq,
        ack: flow.peer.live.wrapping_add(1),
        flags: craft::flags::ACK,
        window: 1_000,
        urgent: 0,
        options: Vec::new(),
        text,
    };
    Ok(segment.packet())
}
