//! Numbers of a captured segment, changed to those of the stack that it is played to.
//!
//! The peer's own numbers stay. What it says of ours (acknowledgments, SACK blocks, echoed
//! timestamps) was about the numbers of another run. A checksum that was right is right again, and
//! one that was wrong stays wrong.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use sidestep_stack::wire::checksum::Sum;
use sidestep_stack::wire::flow::Flow;
use sidestep_stack::wire::protocol::Protocol;
use sidestep_stack::wire::tcp::{TCP_CHECKSUM_OFFSET, TcpFlags};

use super::conversation::Segment;

/// Our addresses in every run, and those of the peer.
pub(super) const OUR_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
pub(super) const THEIR_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(super) const OUR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
pub(super) const THEIR_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// So many of our timestamps are remembered: older ones are not echoed any more.
const STAMPS_MAX: usize = 65_536;

const SACK: u8 = 5;
const TIMESTAMPS: u8 = 8;

/// What our numbers of the capture are in this run.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    /// What is added to a sequence number of ours.
    seq: u32,
    /// TSval of the capture, and what ours was.
    stamps: BTreeMap<u32, u32>,
    /// What is added to a timestamp that is not known.
    stamp: u32,
}

/// Whether the checksums of segments that arrived can be trusted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Checksums {
    /// They are as they were on the wire.
    Real,
    /// None of them is right: the machine that captured left them to its device.
    Offloaded,
}

impl Numbers {
    /// `captured` and `ours` are the same segment, in the capture and in this run.
    pub(super) fn pair(&mut self, captured: &Segment, ours: &Segment) {
        if captured.has(TcpFlags::SYN) && ours.has(TcpFlags::SYN) {
            self.seq = ours
                .header
                .seq
                .raw()
                .wrapping_sub(captured.header.seq.raw());
        }
        if let (Some(captured), Some(ours)) = (
            captured.header.options.timestamps,
            ours.header.options.timestamps,
        ) {
            if self.stamps.len() >= STAMPS_MAX {
                self.stamps.pop_first();
            }
            self.stamps.insert(captured.value, ours.value);
            self.stamp = ours.value.wrapping_sub(captured.value);
        }
    }

    fn stamp(&self, captured: u32) -> u32 {
        // Zero is no time: it stands where nothing is echoed.
        match (captured, self.stamps.get(&captured)) {
            (0, _) => 0,
            (_, Some(ours)) => *ours,
            (_, None) => captured.wrapping_add(self.stamp),
        }
    }

    /// The packet of a segment that arrived, as our peer would send it now.
    pub(super) fn rewrite(&self, segment: &Segment, checksums: Checksums) -> Vec<u8> {
        let mut packet = segment.packet.clone();
        let Some(flow) = Flow::of(&packet) else {
            return packet;
        };
        let was_right = checksums == Checksums::Offloaded || is_right(&packet, &flow);
        let Some(tcp) = packet.get_mut(flow.transport_at..) else {
            return packet;
        };
        if segment.has(TcpFlags::ACK) {
            add32(tcp, 8, self.seq);
        }
        let end = tcp.get(12).map_or(0, |it| usize::from(it >> 4) * 4);
        self.rewrite_options(tcp, end);
        set_addresses(&mut packet, flow.source.ip().is_ipv4());
        if let Some(flow) = Flow::of(&packet) {
            set_checksum(&mut packet, &flow, was_right);
        }
        packet
    }

    fn rewrite_options(&self, tcp: &mut [u8], end: usize) {
        let mut at = 20;
        while at < end {
            let (Some(kind), length) = (tcp.get(at).copied(), tcp.get(at + 1).copied()) else {
                return;
            };
            let length = match kind {
                0 => return,
                1 => 1,
                _ => usize::from(length.unwrap_or(0)),
            };
            if length == 0 || at + length > end {
                return;
            }
            match kind {
                SACK => {
                    for edge in (at + 2..at + length).step_by(4) {
                        add32(tcp, edge, self.seq);
                    }
                }
                TIMESTAMPS if length == 10 => {
                    if let Some(echo) = get32(tcp, at + 6) {
                        put32(tcp, at + 6, self.stamp(echo));
                    }
                }
                _ => {}
            }
            at += length;
        }
    }
}

/// From the peer to us, whoever they were: addresses that a stack takes, also where the capture has
/// those of one machine or of a group.
fn set_addresses(packet: &mut [u8], is_v4: bool) {
    if !is_v4 {
        if let Some(addresses) = packet.get_mut(8..40) {
            addresses[..16].copy_from_slice(&THEIR_V6.octets());
            addresses[16..].copy_from_slice(&OUR_V6.octets());
        }
        return;
    }
    let header_octets = packet.first().map_or(0, |it| usize::from(it & 0xf) * 4);
    let Some(header) = packet.get_mut(..header_octets) else {
        return;
    };
    if header.len() < 20 {
        return;
    }
    header[12..16].copy_from_slice(&THEIR_V4.octets());
    header[16..20].copy_from_slice(&OUR_V4.octets());
    header[10..12].fill(0);
    let checksum = Sum::of(header).checksum();
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Whether the checksum of a packet is right.
pub(super) fn is_right(packet: &[u8], flow: &Flow) -> bool {
    sum(packet, flow).is_valid()
}

fn sum(packet: &[u8], flow: &Flow) -> Sum {
    let tcp = packet.get(flow.transport_at..).unwrap_or_default();
    let (source, destination) = (flow.source.ip(), flow.destination.ip());
    let mut sum = Sum::pseudo_header(source, destination, Protocol::TCP, tcp.len());
    sum.add(tcp);
    sum
}

fn set_checksum(packet: &mut [u8], flow: &Flow, is_to_be_right: bool) {
    let at = flow.transport_at + TCP_CHECKSUM_OFFSET;
    if packet.len() < at + 2 {
        return;
    }
    packet[at..at + 2].fill(0);
    let mut checksum = sum(packet, flow).checksum();
    if !is_to_be_right {
        checksum ^= 1;
    }
    packet[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
}

fn get32(octets: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = octets.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

fn put32(octets: &mut [u8], at: usize, value: u32) {
    if let Some(field) = octets.get_mut(at..at + 4) {
        field.copy_from_slice(&value.to_be_bytes());
    }
}

fn add32(octets: &mut [u8], at: usize, more: u32) {
    if let Some(value) = get32(octets, at) {
        put32(octets, at, value.wrapping_add(more));
    }
}
