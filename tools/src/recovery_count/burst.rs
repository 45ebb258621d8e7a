//! A device whose packets of a certain part of a stream are lost when they are sent for the first time.
//!
//! It stands between a sender's device and the joined link, and sees every packet as it leaves.
//! Whatever was sent before, or begins elsewhere, passes: so the burst is the same whoever
//! sends, and its retransmissions arrive.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::os::fd::BorrowedFd;

use etherparse::{Ipv4Slice, TcpSlice};
use sidestep::device::{Capabilities, Device, OutPacket, Packet, RoomSignal};

/// See the module. It is about the first connection that is opened through it.
#[derive(Debug)]
pub struct BurstLoss<D> {
    inner: D,
    lost: Range<u64>,
    /// The number of the first octet of text.
    first: Option<u32>,
    /// How many octets of text have left.
    sent: u64,
    lost_packets: u32,
}

impl<D> BurstLoss<D> {
    /// A device like `inner`, of whose stream the octets `lost` are lost once.
    pub const fn new(inner: D, lost: Range<u64>) -> Self {
        Self {
            inner,
            lost,
            first: None,
            sent: 0,
            lost_packets: 0,
        }
    }

    /// Packets that were lost so far.
    pub const fn lost_packets(&self) -> u32 {
        self.lost_packets
    }

    /// Whether a packet passes.
    fn passes(&mut self, packet: &[u8]) -> bool {
        let Some((seq, is_syn, octets)) = segment(packet) else {
            return true;
        };
        if is_syn {
            self.first = Some(seq.wrapping_add(1));
            return true;
        }
        let Some(first) = self.first.filter(|_| octets > 0) else {
            return true;
        };
        // A transfer is far shorter than a lap of the sequence space.
        let begins_at = u64::from(seq.wrapping_sub(first));
        let is_new = begins_at >= self.sent;
        self.sent = self.sent.max(begins_at + octets);
        if is_new && self.lost.contains(&begins_at) {
            self.lost_packets += 1;
            return false;
        }
        true
    }
}

/// SEG.SEQ, SYN and the octets of text of a TCP segment over IPv4.
fn segment(packet: &[u8]) -> Option<(u32, bool, u64)> {
    let ip = Ipv4Slice::from_slice(packet).ok()?;
    let payload = ip.payload();
    if payload.ip_number != etherparse::IpNumber::TCP || payload.fragmented {
        return None;
    }
    let tcp = TcpSlice::from_slice(payload.payload).ok()?;
    let octets = tcp.payload().len() as u64;
    Some((tcp.sequence_number(), tcp.syn(), octets))
}

impl<D: Device> Device for BurstLoss<D> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn receive(&mut self, batch: &mut Vec<Packet>, packets_max: usize) -> io::Result<()> {
        let before = batch.len();
        let outcome = self.inner.receive(batch, packets_max);
        let arrived = batch.split_off(before.min(batch.len()));
        batch.extend(
            arrived
                .into_iter()
                .filter(|packet| self.passes(&packet.octets)),
        );
        outcome
    }

    fn transmit(&mut self, batch: &mut VecDeque<OutPacket>) -> io::Result<()> {
        self.inner.transmit(batch)
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.inner.descriptor()
    }

    fn name(&self) -> Option<&str> {
        self.inner.name()
    }

    fn room_signal(&self) -> RoomSignal {
        self.inner.room_signal()
    }
}
