//! A cable in memory between two stacks, for tests, demos and machines without a TUN.
//!
//! Each end is a [`Device`]; both may live in one thread or in two. The queue of each direction is
//! bounded in packets and octets: a full one makes the sender wait, and never loses a packet.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use parking_lot::Mutex;

use super::buffers::Buffers;
use super::{Capabilities, Device, OutPacket, Packet, RoomSignal};
use crate::bell::Bell;
use sidestep_stack::wire::packet::ReceivedChecksum;

/// Who finishes checksums and cuts superpackets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Offload {
    /// The cable: superpackets and unfinished checksums cross it as they are, and what never left
    /// memory is vouched for.
    #[default]
    Cable,
    /// The stacks: only whole packets of up to the MTU cross it, as on a plain wire.
    Stack,
}

/// How a cable is made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemoryOptions {
    /// Octets of the largest packet on the wire, from 68 (RFC 791 §3.2) on.
    pub mtu_octets: u16,
    /// Packets that may wait in each direction; at least one always may.
    pub queue_packets_max: usize,
    /// Octets that may wait in each direction; a packet that is larger waits alone.
    pub queue_octets_max: usize,
    /// Who does the work that a clever device takes over.
    pub offload: Offload,
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            mtu_octets: 1_500,
            queue_packets_max: 1_024,
            queue_octets_max: 4 * 1024 * 1024,
            offload: Offload::Cable,
        }
    }
}

/// One end of a cable.
#[derive(Debug)]
pub struct MemoryDevice {
    cable: Arc<Cable>,
    side: Side,
    buffers: Buffers,
    /// Packets on their way into the queue; kept for its allocation.
    hand_over: Vec<Packet>,
}

#[derive(Debug)]
struct Cable {
    options: MemoryOptions,
    /// One bell for each end, outside the lock so that it can be lent to a poll.
    bells: [Bell; 2],
    state: Mutex<[End; 2]>,
}

/// What one end has to know: guarded by the lock, and told to sleepers by the end's bell.
#[derive(Debug)]
struct End {
    /// Packets that wait to be received here.
    queue: VecDeque<Packet>,
    /// Octets of all packets in `queue`.
    octets: usize,
    /// This end was refused room, and has not been told since that there is some.
    wants_room: bool,
    /// It was told, and has not transmitted since.
    has_room: bool,
    /// The bell is ringing.
    rings: bool,
    /// Its device was dropped.
    gone: bool,
}

impl End {
    const fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            octets: 0,
            wants_room: false,
            has_room: false,
            rings: false,
            gone: false,
        }
    }

    fn has_room_for(&self, options: &MemoryOptions, octets: usize) -> bool {
        self.queue.is_empty()
            || (self.queue.len() < options.queue_packets_max
                && self.octets.saturating_add(octets) <= options.queue_octets_max)
    }

    /// A sleeping sender is woken for half a queue of room, not for each packet.
    fn is_half_empty(&self, options: &MemoryOptions) -> bool {
        self.queue.len() <= options.queue_packets_max / 2
            && self.octets <= options.queue_octets_max / 2
    }

    fn ring(&mut self, bell: &Bell) {
        if !self.rings {
            self.rings = true;
            bell.ring();
        }
    }

    /// Silences the bell if there is nothing left to come for.
    fn settle(&mut self, bell: &Bell, other_is_gone: bool) {
        if self.rings && self.queue.is_empty() && !self.has_room && !other_is_gone {
            self.rings = false;
            bell.silence();
        }
    }
}

/// Which end of the cable.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    A,
    B,
}

impl Side {
    const fn index(self) -> usize {
        self as usize
    }

    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// A new cable: its two ends. A packet sent into one comes out of the other, once and in order.
///
/// # Errors
///
/// No descriptor is left for a bell, or the MTU is below 68 octets.
pub fn cable(options: MemoryOptions) -> io::Result<(MemoryDevice, MemoryDevice)> {
    if options.mtu_octets < 68 {
        return Err(rustix::io::Errno::INVAL.into());
    }
    let cable = Arc::new(Cable {
        options,
        bells: [Bell::new()?, Bell::new()?],
        state: Mutex::new([End::new(), End::new()]),
    });
    let end = |side| MemoryDevice {
        cable: Arc::clone(&cable),
        side,
        buffers: Buffers::new(),
        hand_over: Vec::new(),
    };
    Ok((end(Side::A), end(Side::B)))
}

impl Device for MemoryDevice {
    fn capabilities(&self) -> Capabilities {
        let offload = self.cable.options.offload == Offload::Cable;
        Capabilities {
            mtu_octets: self.cable.options.mtu_octets,
            partial_checksum: offload,
            segmentation: offload,
        }
    }

    fn receive(&mut self, batch: &mut Vec<Packet>, packets_max: usize) -> io::Result<()> {
        let Cable {
            options,
            bells,
            state,
        } = &*self.cable;
        let (me, other) = (self.side.index(), self.side.other().index());
        let mut ends = state.lock();
        let other_is_gone = ends[other].gone;

        let end = &mut ends[me];
        let packets = end.queue.len().min(packets_max);
        for packet in end.queue.drain(..packets) {
            end.octets = end.octets.saturating_sub(packet.octets.len());
            batch.push(packet);
        }
        let half_empty = end.is_half_empty(options);
        end.settle(&bells[me], other_is_gone);

        if half_empty && ends[other].wants_room {
            ends[other].wants_room = false;
            ends[other].has_room = true;
            ends[other].ring(&bells[other]);
        }
        // What was sent before the other end went away is still delivered.
        if other_is_gone && packets == 0 && packets_max > 0 {
            return Err(gone());
        }
        Ok(())
    }

    fn transmit(&mut self, batch: &mut VecDeque<OutPacket>) -> io::Result<()> {
        let (me, other) = (self.side.index(), self.side.other().index());
        {
            let mut ends = self.cable.state.lock();
            let other_is_gone = ends[other].gone;
            ends[me].has_room = false;
            ends[me].settle(&self.cable.bells[me], other_is_gone);
            if other_is_gone {
                // Nobody hears us any more. The cable is gone once what was sent to us is received.
                if ends[me].queue.is_empty() {
                    batch.pop_front();
                    return Err(gone());
                }
                batch.clear();
                return Ok(());
            }
        }
        // Packets are copied outside the lock, so the room is asked for again at each round; only
        // this end takes room away, so what was seen to be there stays there.
        let mut result = Ok(());
        while result.is_ok() && self.room(batch) {
            result = self.transmit_what_fits(batch);
        }
        result
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.cable.bells[self.side.index()].descriptor()
    }

    fn room_signal(&self) -> RoomSignal {
        RoomSignal::Readable
    }
}

impl MemoryDevice {
    /// True if the first of `batch` would fit now. If not, this end will be told when it does.
    fn room(&self, batch: &VecDeque<OutPacket>) -> bool {
        let Some(first) = batch.front() else {
            return false;
        };
        let mut ends = self.cable.state.lock();
        let queue = &ends[self.side.other().index()];
        let room = queue.has_room_for(&self.cable.options, first.octets());
        ends[self.side.index()].wants_room = !room;
        room
    }

    fn transmit_what_fits(&mut self, batch: &mut VecDeque<OutPacket>) -> io::Result<()> {
        let options = self.cable.options;
        let other = self.side.other().index();
        let (mut packets_left, mut octets_left) = {
            let queue = &self.cable.state.lock()[other];
            (
                options
                    .queue_packets_max
                    .max(1)
                    .saturating_sub(queue.queue.len()),
                options.queue_octets_max.saturating_sub(queue.octets),
            )
        };
        let mut result = Ok(());
        while packets_left > 0 {
            // The first one fits: `room` said so, also if it is larger than the whole queue.
            let fits =
                |packet: &OutPacket| self.hand_over.is_empty() || packet.octets() <= octets_left;
            if !batch.front().is_some_and(fits) {
                break;
            }
            let Some(packet) = batch.pop_front() else {
                break;
            };
            if let Err(error) = check(&options, &packet) {
                result = Err(error);
                break;
            }
            packets_left -= 1;
            octets_left = octets_left.saturating_sub(packet.octets());
            let packet = self.carry(&packet);
            self.hand_over.push(packet);
        }

        let mut ends = self.cable.state.lock();
        let end = &mut ends[other];
        if !self.hand_over.is_empty() {
            for packet in self.hand_over.drain(..) {
                end.octets += packet.octets.len();
                end.queue.push_back(packet);
            }
            end.ring(&self.cable.bells[other]);
        }
        result
    }

    /// The packet as the other end receives it.
    fn carry(&mut self, packet: &OutPacket) -> Packet {
        Packet {
            octets: self.buffers.gather(packet),
            checksum: match packet.partial_checksum {
                // It never left memory.
                Some(_) => ReceivedChecksum::Vouched,
                None => ReceivedChecksum::Unverified,
            },
            segment_octets: packet.segment_octets,
        }
    }
}

impl Drop for MemoryDevice {
    fn drop(&mut self) {
        let mut ends = self.cable.state.lock();
        let (me, other) = (self.side.index(), self.side.other().index());
        ends[me].gone = true;
        ends[me].queue = VecDeque::new();
        ends[me].octets = 0;
        ends[other].ring(&self.cable.bells[other]);
    }
}

/// What a wire of this kind cannot carry.
fn check(options: &MemoryOptions, packet: &OutPacket) -> io::Result<()> {
    let offloaded = packet.partial_checksum.is_some() || packet.segment_octets.is_some();
    if offloaded && options.offload == Offload::Stack {
        return Err(rustix::io::Errno::OPNOTSUPP.into());
    }
    let on_the_wire = match packet.segment_octets {
        None => packet.octets(),
        // What comes before the text in each of the packets that this one stands for.
        Some(segment) => {
            let text = packet.text.octets().min(usize::from(segment));
            packet.header.as_slice().len() + text
        }
    };
    if on_the_wire > usize::from(options.mtu_octets) {
        return Err(rustix::io::Errno::MSGSIZE.into());
    }
    Ok(())
}

fn gone() -> io::Error {
    io::Error::from(io::ErrorKind::BrokenPipe)
}
