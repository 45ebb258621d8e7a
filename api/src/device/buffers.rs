//! Buffers that received packets are written into and cut from, so that none is allocated for
//! each packet.
//!
//! A device owns one [`Buffers`]. Packets are slices of a shared chunk; once all slices of a chunk
//! are gone, its memory is used again. A chunk is small, since one kept packet keeps all of it.

use bytes::{Bytes, BytesMut};

use super::OutPacket;

/// Octets of one chunk: some twenty packets of an Ethernet.
const CHUNK_OCTETS: usize = 32 * 1024;

/// Packets from this size on get a buffer of their own: sharing would save nothing.
const SHARED_PACKET_OCTETS_MAX: usize = 4 * 1024;

/// Where a device writes the packets that it receives.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    chunk: BytesMut,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Room for one packet of up to `octets_max` octets. Follow with [`take`](Self::take).
    pub(super) fn room(&mut self, octets_max: usize) -> &mut [u8] {
        if self.chunk.len() < octets_max {
            // Gives up what is left, takes back a chunk that nobody uses, or allocates one. Zeroed
            // once for many packets, so that no octet is ever read that nobody wrote.
            self.chunk.clear();
            self.chunk.reserve(octets_max.max(CHUNK_OCTETS));
            let octets = self.chunk.capacity();
            self.chunk.resize(octets, 0);
        }
        &mut self.chunk[..octets_max]
    }

    /// The first `octets` octets of the last [`room`](Self::room), as a packet.
    pub(super) fn take(&mut self, octets: usize) -> Bytes {
        let octets = octets.min(self.chunk.len());
        self.chunk.split_to(octets).freeze()
    }

    /// One piece with all octets of `packet`.
    pub(super) fn gather(&mut self, packet: &OutPacket) -> Bytes {
        let octets = packet.octets();
        if octets > SHARED_PACKET_OCTETS_MAX {
            return Bytes::from(packet.to_vec());
        }
        let mut room = self.room(octets);
        for slice in std::iter::once(packet.header.as_slice())
            .chain(packet.text.slices().map(|slice| &slice[..]))
        {
            let (here, after) = room.split_at_mut(slice.len());
            here.copy_from_slice(slice);
            room = after;
        }
        self.take(octets)
    }
}
