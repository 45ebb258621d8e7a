//! The TCP conversations of a capture, each seen from one of its ends.
//!
//! `replay/mod.rs` splits a capture with [`split`] and plays each part. Which end is ours is said by
//! the caller, else by the capture itself, else it is the one that began. Nothing here changes a
//! packet.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use sidestep_stack::wire::flow::{Flow, Fragment};
use sidestep_stack::wire::protocol::Protocol;
use sidestep_stack::wire::tcp::{TcpFlags, TcpHeader};

use crate::capture::Captured;
use crate::capture::pcapng::Direction;

/// So many conversations of one capture are looked at.
const CONVERSATIONS_MAX: usize = 65_536;

/// An end that is ours: an address, or an address and a port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Side {
    address: IpAddr,
    port: Option<u16>,
}

impl Side {
    fn is(self, end: SocketAddr) -> bool {
        self.address == end.ip() && self.port.is_none_or(|port| port == end.port())
    }
}

impl FromStr for Side {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(end) = text.parse::<SocketAddr>() {
            return Ok(Self {
                address: end.ip(),
                port: Some(end.port()),
            });
        }
        let address = text
            .parse()
            .map_err(|_| "must be ADDRESS or ADDRESS:PORT, as in 192.0.2.2:80")?;
        Ok(Self {
            address,
            port: None,
        })
    }
}

/// A segment of a conversation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Segment {
    /// Nanoseconds since the first packet of the capture.
    pub at_nanos: u64,
    /// Which way it went, seen from our end.
    pub direction: Direction,
    /// Its header.
    pub header: TcpHeader,
    /// Its text.
    pub text: Vec<u8>,
    /// The whole packet, to be played.
    pub packet: Vec<u8>,
}

impl Segment {
    /// Whether all of these control bits are set.
    pub const fn has(&self, flags: TcpFlags) -> bool {
        self.header.flags.contains(flags)
    }

    /// SEG.LEN.
    pub const fn seg_len(&self) -> u32 {
        self.text.len() as u32 + self.has(TcpFlags::SYN) as u32 + self.has(TcpFlags::FIN) as u32
    }
}

/// A conversation, from its first SYN on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Conversation {
    /// Our end.
    pub local: SocketAddr,
    /// The other one.
    pub remote: SocketAddr,
    /// Its segments, in the order of the capture.
    pub segments: Vec<Segment>,
    /// Why there are no more.
    pub ends_with: EndsWith,
}

/// Why a conversation has no more segments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndsWith {
    /// The capture ends, or the conversation does.
    TheCapture,
    /// The capture lacks packets from there on, and says so.
    Losses,
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ⇄ {}", self.local, self.remote)
    }
}

/// What a capture was split into.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Split {
    /// What can be played, in the order in which it began.
    pub conversations: Vec<Conversation>,
    /// Packets that are no TCP, or of no conversation that can be played.
    pub other_packets: u64,
    /// Packets of which the capture holds only a part.
    pub cut_packets: u64,
    /// Packets of conversations whose beginning, or a part before, the capture has not.
    pub headless_packets: u64,
    /// Packets that the capture says it lacks.
    pub lost_packets: u64,
}

/// The conversations of `packets`. Where neither `sides` nor the capture says which end is ours, it
/// is the one that sent the first SYN.
pub fn split(packets: &[Captured], sides: &[Side]) -> Split {
    let mut split = Split::default();
    // By the two ends, the lower one first.
    let mut running: BTreeMap<(SocketAddr, SocketAddr), usize> = BTreeMap::new();
    let first_nanos = packets.iter().map(|it| it.at_nanos).min().unwrap_or(0);
    for captured in packets {
        if captured.lost_before > 0 {
            // What is missing may be of any of them: none can be followed further.
            for place in std::mem::take(&mut running).into_values() {
                if let Some(conversation) = split.conversations.get_mut(place) {
                    conversation.ends_with = EndsWith::Losses;
                }
            }
            split.lost_packets += captured.lost_before;
        }
        if captured.is_cut() {
            split.cut_packets += 1;
            continue;
        }
        let Some((flow, segment)) = segment(captured, first_nanos) else {
            split.other_packets += 1;
            continue;
        };
        let (source, destination) = (flow.source, flow.destination);
        let ends = (source.min(destination), source.max(destination));
        let known = running.get(&ends).copied();
        let is_syn = segment.has(TcpFlags::SYN) && !segment.has(TcpFlags::ACK);
        let begins = is_syn && known.is_none_or(|it| is_another(&split, it, source, &segment));
        if begins && split.conversations.len() < CONVERSATIONS_MAX {
            let (local, remote) = match whose(captured, sides, source, destination) {
                Some(Ours::Source) => (source, destination),
                Some(Ours::Destination) => (destination, source),
                None => {
                    split.other_packets += 1;
                    running.remove(&ends);
                    continue;
                }
            };
            running.insert(ends, split.conversations.len());
            split.conversations.push(Conversation {
                local,
                remote,
                segments: Vec::new(),
                ends_with: EndsWith::TheCapture,
            });
        }
        let place = running.get(&ends).copied();
        match place.and_then(|it| split.conversations.get_mut(it)) {
            Some(conversation) => {
                let direction = if source == conversation.local {
                    Direction::Out
                } else {
                    Direction::In
                };
                conversation.segments.push(Segment {
                    direction,
                    ..segment
                });
            }
            None if is_wanted(sides, source, destination) => split.headless_packets += 1,
            None => split.other_packets += 1,
        }
    }
    split
}

enum Ours {
    Source,
    Destination,
}

/// Which end is ours; `None` if the caller wants neither.
fn whose(
    captured: &Captured,
    sides: &[Side],
    source: SocketAddr,
    destination: SocketAddr,
) -> Option<Ours> {
    if !sides.is_empty() {
        let is_ours = |end| sides.iter().any(|side| side.is(end));
        return if is_ours(source) {
            Some(Ours::Source)
        } else {
            is_ours(destination).then_some(Ours::Destination)
        };
    }
    Some(match captured.direction {
        Some(Direction::In) => Ours::Destination,
        Some(Direction::Out) | None => Ours::Source,
    })
}

fn is_wanted(sides: &[Side], source: SocketAddr, destination: SocketAddr) -> bool {
    sides.is_empty()
        || sides
            .iter()
            .any(|side| side.is(source) || side.is(destination))
}

/// A SYN with another number than the one that began: the same ends are used again.
fn is_another(split: &Split, place: usize, source: SocketAddr, syn: &Segment) -> bool {
    let Some(conversation) = split.conversations.get(place) else {
        return true;
    };
    let from = if source == conversation.local {
        Direction::Out
    } else {
        Direction::In
    };
    let mut syns = conversation.segments.iter();
    let first = syns.find(|it| it.has(TcpFlags::SYN) && it.direction == from);
    // The other end's first SYN may cross ours (RFC 9293 §3.5, simultaneous open).
    first.is_some_and(|it| it.header.seq != syn.header.seq)
}

fn segment(captured: &Captured, first_nanos: u64) -> Option<(Flow, Segment)> {
    let packet = captured.ip_packet()?;
    let flow = Flow::of(packet)?;
    if flow.protocol != Protocol::TCP || flow.fragment != Fragment::Whole {
        return None;
    }
    let parsed = TcpHeader::parse(packet.get(flow.transport_at..)?).ok()?;
    let text = packet.get(flow.transport_at + parsed.header_octets..)?;
    let segment = Segment {
        at_nanos: captured.at_nanos - first_nanos,
        direction: Direction::Out,
        header: parsed.header,
        text: text.to_vec(),
        packet: packet.to_vec(),
    };
    Some((flow, segment))
}
