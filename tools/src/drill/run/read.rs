//! A packet that the host sent, in the numbers of the script.
//!
//! The runner reads every packet with etherparse first, so that checksums, lengths and options are
//! right whatever the script looks at. What comes out can be compared with what the script says and
//! printed in its language.

use std::net::{IpAddr, SocketAddr};

use super::flow::{Flow, Flows, Numbers, Transport};
use crate::drill::ast::{
    Checksum, Contents, Datagram, Direction, DontFragment, Echo, Ecn, Family, IcmpKind,
    IcmpMessage, IpFields, Packet, Payload, Ports, Quoted, SackBlock, Segment, TcpFlags, TcpOption,
    TcpOptions,
};
use crate::drill::pattern;
use crate::packet::craft::{self, protocol};
use crate::packet::seen::{self, Seen};

/// A packet in the script's numbers, and the flow that it belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Read {
    /// What the script could say of it.
    pub(super) packet: Packet,
    /// Its flow, if it has one.
    pub(super) flow: Option<usize>,
    /// What is wrong with it, whatever the script says.
    pub(super) wrong: Option<String>,
    /// Its text or payload.
    pub(super) text: Vec<u8>,
}

impl Read {
    /// The packet, with its payload in the words that `said` has for one, so that both can be
    /// compared: "the pattern" is what the application wrote, even where the script spelled that out.
    pub(super) fn in_words_of(&self, said: &Packet) -> Packet {
        let mut packet = self.packet.clone();
        match (&said.contents, &mut packet.contents) {
            (Contents::Tcp(said), Contents::Tcp(actual)) => {
                self.say_payload(&said.payload, &mut actual.payload);
            }
            (Contents::Udp(said), Contents::Udp(actual)) => {
                self.say_payload(&said.payload, &mut actual.payload);
            }
            _ => {}
        }
        packet
    }

    fn say_payload(&self, said: &Payload, actual: &mut Payload) {
        match said {
            Payload::Octets(_) => *actual = Payload::Octets(self.text.clone()),
            Payload::Zeroes if self.text.iter().all(|octet| *octet == 0) => {
                *actual = Payload::Zeroes;
            }
            Payload::Pattern | Payload::Zeroes | Payload::Any => {}
        }
    }
}

/// Reads a packet. Only a fragment, or a protocol that scripts have no words for, is refused.
pub(super) fn read(seen: &Seen, flows: &Flows) -> Result<Read, String> {
    match &seen.payload {
        seen::Payload::Tcp(segment) => Ok(read_segment(seen, segment, flows)),
        seen::Payload::Udp {
            source_port,
            destination_port,
            octets,
            ..
        } => {
            let source = SocketAddr::new(seen.ip.source, *source_port);
            let destination = SocketAddr::new(seen.ip.destination, *destination_port);
            Ok(read_datagram(seen, source, destination, octets, flows))
        }
        seen::Payload::Icmp {
            kind,
            code,
            word,
            rest,
        } => Ok(read_icmp(seen, (*kind, *code), *word, rest, flows)),
        seen::Payload::Fragment { protocol, .. } => {
            Err(format!("a fragment of a packet of protocol {protocol}"))
        }
        seen::Payload::Other { protocol, .. } => Err(format!("a packet of protocol {protocol}")),
    }
}

fn packet(seen: &Seen, contents: Contents) -> Packet {
    Packet {
        direction: Direction::Outbound,
        ip: IpFields {
            ecn: Some(match seen.ip.traffic_class & 3 {
                0 => Ecn::NotCapable,
                1 => Ecn::Ect1,
                2 => Ecn::Ect0,
                _ => Ecn::Ce,
            }),
            tos: Some(seen.ip.traffic_class),
            ttl: Some(seen.ip.hop_limit),
            flow_label: flow_label(seen),
            dont_fragment: seen
                .ip
                .source
                .is_ipv4()
                .then_some(match seen.ip.dont_fragment {
                    true => DontFragment::Set,
                    false => DontFragment::Clear,
                }),
        },
        contents,
    }
}

fn flow_label(seen: &Seen) -> Option<u32> {
    let word = seen.octets.first_chunk::<4>()?;
    match seen.ip.source {
        IpAddr::V4(_) => None,
        IpAddr::V6(_) => Some(u32::from_be_bytes(*word) & 0x000f_ffff),
    }
}

/// The ports, where the packet does not belong to the flow that lines without ports are about.
fn ports_unless_current(
    flows: &Flows,
    transport: Transport,
    flow: Option<usize>,
    ports: Ports,
) -> Option<Ports> {
    let is_current = flow.is_some() && flow == flows.current(transport);
    (!is_current).then_some(ports)
}

fn read_segment(seen: &Seen, segment: &craft::Segment, flows: &Flows) -> Read {
    let local = SocketAddr::new(segment.ip.source, segment.source_port);
    let remote = SocketAddr::new(segment.ip.destination, segment.destination_port);
    let flow = flows.find(Transport::Tcp, local, remote).or_else(|| {
        let is_syn = segment.flags & craft::flags::SYN != 0;
        let unfinished = flows.find_unfinished(Transport::Tcp, remote);
        unfinished.filter(|_| is_syn)
    });
    let known = flow.and_then(|index| flows.get(index));
    let is_syn = segment.flags & craft::flags::SYN != 0;
    let host = match known {
        Some(flow) if flow.host_is_known => flow.host,
        // The first SYN of a side has the number 0 until the script says otherwise.
        _ if is_syn => Numbers {
            script: 0,
            live: segment.seq,
        },
        _ => Numbers::default(),
    };
    let peer = known.map(|flow| flow.peer).unwrap_or_default();
    let stamps = known.and_then(|flow| flow.stamps);
    let (payload, wrong) = match known {
        Some(flow) => payload(flow, host, segment),
        None if segment.text.is_empty() => (Payload::Pattern, None),
        None => (Payload::Octets(segment.text.clone()), None),
    };
    let has = |flag| segment.flags & flag != 0;
    let reserved = seen.octets.get(seen.octets.len() - segment_octets(seen)..);
    let accurate = reserved
        .and_then(|tcp| tcp.get(12))
        .is_some_and(|it| it & 1 != 0);
    let contents = Contents::Tcp(Segment {
        ports: ports_unless_current(
            flows,
            Transport::Tcp,
            flow,
            Ports {
                source: segment.source_port,
                destination: segment.destination_port,
            },
        ),
        flags: TcpFlags(u16::from(segment.flags) | if accurate { TcpFlags::AE } else { 0 }),
        seq: host.to_script(segment.seq),
        octets: u32::try_from(segment.text.len()).unwrap_or(u32::MAX),
        ack: has(craft::flags::ACK).then(|| peer.to_script(segment.ack)),
        window: Some(segment.window),
        urgent: Some(segment.urgent),
        options: TcpOptions::List(options(&segment.options, peer, stamps)),
        payload,
        checksum: Checksum::Right,
    });
    Read {
        packet: packet(seen, contents),
        flow,
        wrong,
        text: segment.text.clone(),
    }
}

/// Octets from the TCP header on.
fn segment_octets(seen: &Seen) -> usize {
    let header = match seen.ip.source {
        IpAddr::V4(_) => 20 + seen.ip.options.len(),
        IpAddr::V6(_) => 40,
    };
    seen.octets.len().saturating_sub(header)
}

/// What the text is, and what is wrong with it.
fn payload(flow: &Flow, host: Numbers, segment: &craft::Segment) -> (Payload, Option<String>) {
    let octets = segment.text.len();
    if octets == 0 {
        return (Payload::Pattern, None);
    }
    let syn = u32::from(segment.flags & craft::flags::SYN != 0);
    let offset = host.offset(segment.seq.wrapping_add(syn));
    let end = offset + octets as u64;
    // A probe may carry the octet before the stream, which is nobody's.
    if offset > u64::from(u32::MAX) / 2 {
        return (Payload::Pattern, None);
    }
    if segment.text == flow.written.at(offset, octets) {
        let wrong = (end > flow.written_octets).then(|| {
            format!(
                "it carries the octets up to {end} of a stream of which the application has \
                 written {}",
                flow.written_octets
            )
        });
        return (Payload::Pattern, wrong);
    }
    let said = match segment.text.iter().all(|octet| *octet == 0) {
        true => Payload::Zeroes,
        false => Payload::Octets(segment.text.clone()),
    };
    (said, None)
}

fn options(octets: &[u8], peer: Numbers, stamps: Option<Numbers>) -> Vec<TcpOption> {
    let mut list = Vec::new();
    let mut rest = octets;
    while let [kind, tail @ ..] = rest {
        match kind {
            0 => {
                list.push(TcpOption::End);
                break;
            }
            1 => {
                list.push(TcpOption::Nop);
                rest = tail;
            }
            kind => {
                let length = tail.first().map_or(0, |length| usize::from(*length));
                let Some(body) = rest.get(2..length) else {
                    list.push(TcpOption::Raw(rest.to_vec()));
                    break;
                };
                list.push(one_option(*kind, body, peer, stamps));
                rest = rest.get(length..).unwrap_or_default();
            }
        }
    }
    list
}

fn one_option(kind: u8, body: &[u8], peer: Numbers, stamps: Option<Numbers>) -> TcpOption {
    let word = |at: usize| {
        let octets = body.get(at..).and_then(|rest| rest.first_chunk::<4>());
        octets.map_or(0, |octets| u32::from_be_bytes(*octets))
    };
    match (kind, body) {
        (2, [a, b]) => TcpOption::Mss(u16::from_be_bytes([*a, *b])),
        (3, [shift]) => TcpOption::WindowScale(*shift),
        (4, []) => TcpOption::SackPermitted,
        (5, blocks) if blocks.len().is_multiple_of(8) => TcpOption::Sack(
            (0..blocks.len() / 8)
                .map(|index| SackBlock {
                    left: peer.to_script(word(index * 8)),
                    right: peer.to_script(word(index * 8 + 4)),
                })
                .collect(),
        ),
        (8, stamp) if stamp.len() == 8 => TcpOption::Timestamps {
            value: stamps.map_or(word(0), |stamps| stamps.to_script(word(0))),
            echo: word(4),
        },
        (19, digest) => TcpOption::Md5(digest.to_vec()),
        (28, [a, b]) => TcpOption::UserTimeout(u16::from_be_bytes([*a, *b])),
        (34, cookie) => TcpOption::FastOpen(cookie.to_vec()),
        (254, [0xf9, 0x89, cookie @ ..]) => TcpOption::FastOpenExperimental(cookie.to_vec()),
        (253, [a, b, octets @ ..]) => TcpOption::Experimental {
            id: u16::from_be_bytes([*a, *b]),
            octets: octets.to_vec(),
        },
        (kind, octets) => TcpOption::Unknown {
            kind,
            octets: octets.to_vec(),
        },
    }
}

fn read_datagram(
    seen: &Seen,
    source: SocketAddr,
    destination: SocketAddr,
    octets: &[u8],
    flows: &Flows,
) -> Read {
    let flow = flows
        .find(Transport::Udp, source, destination)
        .or_else(|| flows.find_unfinished(Transport::Udp, destination));
    let known = flow.and_then(|index| flows.get(index));
    let expected = known.and_then(|flow| flow.unseen.front());
    let patterned = pattern::octets(Direction::Outbound, 0, octets.len());
    let payload = match expected {
        _ if octets == &patterned[..] => Payload::Pattern,
        Some(expected) if expected == octets => Payload::Octets(octets.to_vec()),
        _ if octets.iter().all(|octet| *octet == 0) => Payload::Zeroes,
        _ => Payload::Octets(octets.to_vec()),
    };
    let wrong = match expected {
        Some(expected) if expected != octets => {
            Some("its payload is not what the application sent".to_owned())
        }
        Some(_) | None => None,
    };
    let ports = Ports {
        source: source.port(),
        destination: destination.port(),
    };
    let contents = Contents::Udp(Datagram {
        ports: ports_unless_current(flows, Transport::Udp, flow, ports),
        octets: u32::try_from(octets.len()).unwrap_or(u32::MAX),
        payload,
        checksum: Checksum::Right,
    });
    Read {
        packet: packet(seen, contents),
        flow,
        wrong,
        text: octets.to_vec(),
    }
}

fn read_icmp(
    seen: &Seen,
    (icmp_type, code): (u8, u8),
    word: [u8; 4],
    rest: &[u8],
    flows: &Flows,
) -> Read {
    let family = match seen.ip.source {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    };
    let is_echo = match family {
        Family::V4 => matches!(icmp_type, 0 | 8),
        Family::V6 => matches!(icmp_type, 128 | 129),
    };
    let [a, b, c, d] = word;
    let mtu = match (family, icmp_type, code) {
        (Family::V4, 3, 4) => Some(u32::from(u16::from_be_bytes([c, d]))),
        (Family::V6, 2, _) => Some(u32::from_be_bytes(word)),
        _ => None,
    };
    let wrong = (is_echo && rest != &pattern::octets(Direction::Inbound, 0, rest.len())[..])
        .then(|| "it does not echo what arrived".to_owned());
    let quoted = if is_echo { None } else { quoted(rest, flows) };
    let contents = Contents::Icmp(IcmpMessage {
        kind: IcmpKind {
            family,
            icmp_type,
            code,
        },
        mtu,
        echo: is_echo.then(|| Echo {
            id: u16::from_be_bytes([a, b]),
            sequence: u16::from_be_bytes([c, d]),
        }),
        quoted,
        octets: if is_echo {
            u32::try_from(rest.len()).unwrap_or(u32::MAX)
        } else {
            0
        },
        checksum: Checksum::Right,
    });
    Read {
        packet: packet(seen, contents),
        flow: None,
        wrong,
        text: Vec::new(),
    }
}

/// The packet of the runner that an error quotes.
fn quoted(rest: &[u8], flows: &Flows) -> Option<Quoted> {
    let (header, number, total, ends) = match rest.first()? >> 4 {
        4 => {
            let header = usize::from(rest.first()? & 15) * 4;
            let total = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
            let source: [u8; 4] = rest.get(12..16)?.try_into().ok()?;
            let destination: [u8; 4] = rest.get(16..20)?.try_into().ok()?;
            let ends: (IpAddr, IpAddr) = (source.into(), destination.into());
            (header, *rest.get(9)?, total, ends)
        }
        6 => {
            let total = 40 + usize::from(u16::from_be_bytes([*rest.get(4)?, *rest.get(5)?]));
            let source: [u8; 16] = rest.get(8..24)?.try_into().ok()?;
            let destination: [u8; 16] = rest.get(24..40)?.try_into().ok()?;
            let ends: (IpAddr, IpAddr) = (source.into(), destination.into());
            (40, *rest.get(6)?, total, ends)
        }
        _ => return None,
    };
    let transport = rest.get(header..)?;
    let port = |at: usize| {
        Some(u16::from_be_bytes([
            *transport.get(at)?,
            *transport.get(at + 1)?,
        ]))
    };
    let payload = total.saturating_sub(header);
    match number {
        protocol::UDP => Some(Quoted::Udp {
            octets: u32::try_from(payload.saturating_sub(8)).ok()?,
        }),
        protocol::TCP => {
            let remote = SocketAddr::new(ends.0, port(0)?);
            let local = SocketAddr::new(ends.1, port(2)?);
            let seq = u32::from_be_bytes(*transport.get(4..)?.first_chunk::<4>()?);
            let flow = flows.find(Transport::Tcp, local, remote);
            let peer = flow
                .and_then(|index| flows.get(index))
                .map(|flow| flow.peer);
            let header = transport
                .get(12)
                .map_or(20, |octet| usize::from(octet >> 4) * 4);
            Some(Quoted::Tcp {
                seq: peer.unwrap_or_default().to_script(seq),
                octets: u32::try_from(payload.saturating_sub(header)).ok()?,
            })
        }
        _ => None,
    }
}
