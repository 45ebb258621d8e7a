//! The way out on one page: who has something to send, cut to size, given to IP.
//!
//! [`Stack::next_packet`](crate::Stack::next_packet) pulls; nothing is pushed, so acknowledgments
//! and answers leave once for a whole batch. This page never decides what a protocol sends.

use alloc::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::base::SeqNumber;
use crate::call::CallRefused;
use crate::context::Context;
use crate::discard::Discard;
use crate::ip::Way;
use crate::names;
use crate::stack::Protocols;
use crate::wire::packet::{HeaderOctets, Offload, OutPacket, Outgoing, Packet, ReceivedChecksum};
use crate::wire::protocol::Protocol;
use crate::wire::tcp::TcpFlags;

/// Packets, and datagrams that answer one, until they are pulled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outbox {
    ready: VecDeque<(Way, OutPacket)>,
    waiting: VecDeque<Outgoing>,
    /// Octets of `waiting`.
    octets: usize,
    to_ourselves: VecDeque<Packet>,
}

impl Outbox {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.waiting.is_empty() && self.to_ourselves.is_empty()
    }

    /// The oldest packet from ourselves to ourselves.
    pub(crate) fn next_to_ourselves(&mut self) -> Option<Packet> {
        self.to_ourselves.pop_front()
    }

    /// Whether a datagram of `octets` still fits.
    pub(crate) fn has_room(&self, cx: &Context<'_>, octets: usize) -> bool {
        self.octets + octets <= cx.config.outbox_octets_max as usize
            && self.waiting.len() < cx.config.outbox_datagrams_max as usize
    }

    /// Lets a datagram wait until it is pulled; one that does not fit is thrown away.
    pub(crate) fn push(&mut self, cx: &mut Context<'_>, outgoing: Outgoing) {
        if self.has_room(cx, outgoing.text.octets()) {
            self.octets += outgoing.text.octets();
            self.waiting.push_back(outgoing);
        } else {
            cx.discard(Discard::OutboxFull);
        }
    }
}

/// The most urgent packet that anybody has for the device. Those to ourselves are put aside.
pub(crate) fn next_packet(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    offload: Offload,
) -> Option<OutPacket> {
    loop {
        let outbox = &mut protocols.outbox;
        match outbox.ready.pop_front() {
            Some((Way::Device, packet)) => return Some(packet),
            Some((Way::Loopback, packet)) => {
                if outbox.to_ourselves.len() as u64 >= cx.config.loopback_packets_max {
                    cx.discard(Discard::LoopbackFull);
                } else {
                    outbox.to_ourselves.push_back(to_ourselves(&packet));
                }
                continue;
            }
            None => {}
        }
        let outgoing = next_outgoing(protocols, cx)?;
        hand_to_ip(protocols, cx, offload, outgoing);
    }
}

/// Answers and datagrams first, because they are few; then the connections in their own order.
fn next_outgoing(protocols: &mut Protocols, cx: &mut Context<'_>) -> Option<Outgoing> {
    if protocols.outbox.waiting.is_empty() {
        // A query goes into the outbox (UDP) or opens a connection (TCP).
        names::next_transmit(protocols, cx);
    }
    let waiting = protocols.outbox.waiting.pop_front();
    if let Some(outgoing) = &waiting {
        protocols.outbox.octets -= outgoing.text.octets();
    }
    waiting.or_else(|| protocols.tcp.next_segment(cx))
}

fn hand_to_ip(
    protocols: &mut Protocols,
    cx: &mut Context<'_>,
    offload: Offload,
    outgoing: Outgoing,
) {
    let Protocols { ip, outbox, .. } = protocols;
    let to_device = !ip.is_ours(outgoing.destination);
    let refused = match outgoing.segment_octets {
        Some(segment_octets) if to_device && !offload.segmentation => {
            let mut refused = None;
            for piece in Pieces::of(outgoing, usize::from(segment_octets)) {
                refused = refused.or(ip.emit(cx, piece, offload, &mut outbox.ready).err());
            }
            refused
        }
        Some(_) | None => ip.emit(cx, outgoing, offload, &mut outbox.ready).err(),
    };
    match refused {
        None => {}
        Some(CallRefused::MessageTooLong) => cx.discard(Discard::TooBigToSend),
        Some(CallRefused::LimitReached) => cx.discard(Discard::FragmentIdsExhausted),
        Some(_) => cx.discard(Discard::NoRoute),
    }
}

/// A packet to ourselves never was on a wire: its checksum is vouched for.
fn to_ourselves(packet: &OutPacket) -> Packet {
    let mut octets = BytesMut::with_capacity(packet.octets());
    octets.extend_from_slice(packet.header.as_slice());
    for slice in packet.text.slices() {
        octets.extend_from_slice(slice);
    }
    Packet {
        octets: Bytes::from(octets),
        checksum: ReceivedChecksum::Vouched,
        segment_octets: packet.segment_octets,
    }
}

/// The plain segments or datagrams that a superpacket stands for.
///
/// Software segmentation at the last moment: TCP's sequence number advances, and CWR stays on the
/// first piece, FIN and PSH on the last (what a device does with TSO). A UDP superpacket becomes
/// datagrams with the same header; their lengths are patched.
struct Pieces {
    whole: Outgoing,
    piece_octets: usize,
    offset: usize,
    finished: bool,
}

impl Pieces {
    fn of(whole: Outgoing, piece_octets: usize) -> Self {
        Self {
            whole,
            piece_octets: piece_octets.max(1),
            offset: 0,
            finished: false,
        }
    }
}

impl Iterator for Pieces {
    type Item = Outgoing;

    fn next(&mut self) -> Option<Outgoing> {
        if self.finished {
            return None;
        }
        let text = self.whole.text.slice(self.offset, self.piece_octets);
        let end = self.offset + text.octets();
        let is_first = self.offset == 0;
        let is_last = end >= self.whole.text.octets();
        let mut header = self.whole.header.clone();
        match self.whole.protocol {
            Protocol::TCP => patch_tcp(&mut header, self.offset, is_first, is_last),
            _ => patch_udp(&mut header, text.octets()),
        }
        self.offset = end;
        self.finished = is_last;
        Some(Outgoing {
            header,
            text,
            segment_octets: None,
            ..self.whole.clone()
        })
    }
}

fn patch_tcp(header: &mut HeaderOctets, offset: usize, is_first: bool, is_last: bool) {
    let octets = header.as_mut_slice();
    if let Some(seq) = octets.get_mut(4..8)
        && let Some(first) = seq.first_chunk::<4>()
    {
        let moved = SeqNumber::new(u32::from_be_bytes(*first)) + offset as u32;
        seq.copy_from_slice(&moved.raw().to_be_bytes());
    }
    if let Some(flags) = octets.get_mut(13) {
        let mut kept = TcpFlags(*flags);
        if !is_first {
            kept = kept.without(TcpFlags::CWR);
        }
        if !is_last {
            kept = kept.without(TcpFlags::FIN).without(TcpFlags::PSH);
        }
        *flags = kept.0;
    }
}

fn patch_udp(header: &mut HeaderOctets, text_octets: usize) {
    if let Some(length) = header.as_mut_slice().get_mut(4..6) {
        length.copy_from_slice(&((text_octets + 8) as u16).to_be_bytes());
    }
}
