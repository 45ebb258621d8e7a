//! A packet as it crosses the doors, and a datagram as it crosses between the layers.
//!
//! Devices, the two pages and the transports exchange these values. A packet may be a *super*packet:
//! up to 64 KiB with one header that stands for many (design: offload metadata in virtio's terms).
//! Nothing here parses or routes.

use alloc::vec::Vec;
use core::net::IpAddr;

use bytes::Bytes;

use super::cause::Cause;
use super::protocol::{Protocol, TrafficClass};

/// What the device does for packets on their way out.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Offload {
    /// It finishes transport checksums (virtio: NEEDS_CSUM).
    pub partial_checksum: bool,
    /// It cuts superpackets (TSO, USO).
    pub segmentation: bool,
}

/// What the device vouches for about a packet that it received.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ReceivedChecksum {
    /// Nothing: the transport checksum must be verified.
    #[default]
    Unverified,
    /// The device says that the transport checksum is right, or that it never left the machine.
    Vouched,
}

/// A (super)packet on its way in: octets from the IP header on.
#[derive(Clone, Debug)]
pub struct Packet {
    /// From the first octet of the IP header to the end of what the device delivered.
    pub octets: Bytes,
    /// Whether the transport checksum still has to be verified.
    pub checksum: ReceivedChecksum,
    /// For a superpacket of several segments or datagrams: octets of payload in each but the last.
    pub segment_octets: Option<u16>,
}

impl Packet {
    /// A plain packet about which nobody vouches for anything.
    pub const fn new(octets: Bytes) -> Self {
        Self {
            octets,
            checksum: ReceivedChecksum::Unverified,
            segment_octets: None,
        }
    }
}

/// Payload on its way out: slices that are sent one after the other and never copied here.
///
/// The first slice is kept apart so that the common case of one slice allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Text {
    first: Bytes,
    rest: Vec<Bytes>,
    octets: usize,
}

impl Text {
    /// No octets.
    pub const fn new() -> Self {
        Self {
            first: Bytes::new(),
            rest: Vec::new(),
            octets: 0,
        }
    }

    /// Adds `slice` to the end.
    pub fn push(&mut self, slice: Bytes) {
        if slice.is_empty() {
            return;
        }
        self.octets += slice.len();
        if self.first.is_empty() {
            self.first = slice;
        } else {
            self.rest.push(slice);
        }
    }

    /// How many octets all slices hold.
    pub const fn octets(&self) -> usize {
        self.octets
    }

    /// True if there is no octet.
    pub const fn is_empty(&self) -> bool {
        self.octets == 0
    }

    /// The slices, in order; none of them is empty.
    pub fn slices(&self) -> impl Iterator<Item = &Bytes> {
        core::iter::once(&self.first)
            .chain(&self.rest)
            .filter(|slice| !slice.is_empty())
    }

    /// The part that begins at `offset` and holds `octets` octets, shared and not copied.
    /// Shorter where the text ends earlier.
    pub fn slice(&self, offset: usize, octets: usize) -> Self {
        let mut part = Self::new();
        let mut skip = offset;
        let mut want = octets;
        for slice in self.slices() {
            if want == 0 {
                break;
            }
            if skip >= slice.len() {
                skip -= slice.len();
                continue;
            }
            let take = want.min(slice.len() - skip);
            part.push(slice.slice(skip..skip + take));
            want -= take;
            skip = 0;
        }
        part
    }
}

impl From<Bytes> for Text {
    fn from(octets: Bytes) -> Self {
        let mut text = Self::new();
        text.push(octets);
        text
    }
}

/// The most octets of headers in front of a payload: IPv4 or IPv6 with a fragment header, and TCP.
pub const HEADER_OCTETS_MAX: usize = 128;

/// Headers on their way out, held in place so that sending allocates nothing.
#[derive(Clone)]
pub struct HeaderOctets {
    octets: [u8; HEADER_OCTETS_MAX],
    len: usize,
}

impl HeaderOctets {
    /// No header yet.
    pub const fn new() -> Self {
        Self {
            octets: [0; HEADER_OCTETS_MAX],
            len: 0,
        }
    }

    /// Appends `octets`; what does not fit in [`HEADER_OCTETS_MAX`] is a bug of ours.
    pub fn push(&mut self, octets: &[u8]) {
        let end = self.len + octets.len();
        debug_assert!(end <= HEADER_OCTETS_MAX);
        if let Some(room) = self.octets.get_mut(self.len..end) {
            room.copy_from_slice(octets);
            self.len = end;
        }
    }

    /// What was appended.
    pub fn as_slice(&self) -> &[u8] {
        &self.octets[..self.len]
    }

    /// What was appended, to be patched (checksums).
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.octets[..self.len]
    }
}

impl Default for HeaderOctets {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for HeaderOctets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:02x?}", self.as_slice())
    }
}

/// Where a checksum remains to be filled in by the device (virtio's csum_start and csum_offset).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PartialChecksum {
    /// Where summing starts, in octets from the first octet of the packet.
    pub start: u16,
    /// Where the sum goes, in octets from `start`.
    pub offset: u16,
}

/// A (super)packet on its way out: headers, then slices of payload.
#[derive(Clone, Debug, Default)]
pub struct OutPacket {
    /// IP and transport header.
    pub header: HeaderOctets,
    /// What follows the headers.
    pub text: Text,
    /// `Some` if the device offered to finish the transport checksum and is asked to.
    pub partial_checksum: Option<PartialChecksum>,
    /// `Some` if the device offered to cut the payload into pieces of this many octets.
    pub segment_octets: Option<u16>,
    /// Why it leaves: `Some` in every packet of the stack.
    pub cause: Option<Cause>,
}

impl OutPacket {
    /// Octets of the headers and the payload together.
    pub fn octets(&self) -> usize {
        self.header.as_slice().len() + self.text.octets()
    }

    /// All octets in one piece, for devices, captures and tests that need them so.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(self.octets());
        octets.extend_from_slice(self.header.as_slice());
        for slice in self.text.slices() {
            octets.extend_from_slice(slice);
        }
        octets
    }
}

/// To how many hosts a destination address speaks.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Cast {
    /// To one: us.
    #[default]
    Unicast,
    /// To all on our network: 255.255.255.255 or a network's last address.
    Broadcast,
    /// To a group.
    Multicast,
}

/// What `ip` hands up to `icmp`, `udp`, `raw` and `tcp`: one whole datagram that was for us.
#[derive(Clone, Debug)]
pub struct Datagram {
    /// Who says to have sent it.
    pub source: IpAddr,
    /// Which of our addresses, or which group, it was sent to.
    pub destination: IpAddr,
    /// Whether `destination` is ours alone.
    pub cast: Cast,
    /// What the payload is.
    pub protocol: Protocol,
    /// IPv4's time to live, IPv6's hop limit.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: TrafficClass,
    /// The transport header and its payload. Link padding is gone.
    pub payload: Bytes,
    /// The packet from its IP header on, for quoting in an ICMP error and for raw sockets.
    /// For a reassembled datagram: the first fragment.
    pub packet: Bytes,
    /// Whether the transport checksum still has to be verified.
    pub checksum: ReceivedChecksum,
    /// For a superpacket: octets of transport payload in each of its parts but the last.
    pub segment_octets: Option<u16>,
    /// Offset of `payload`'s protocol field (IPv4: 9; IPv6: the next-header field that named it),
    /// from the start of `packet`: what a parameter problem points at.
    pub protocol_pointer: u16,
}

/// Whether a datagram may be fragmented on its way.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Fragmentation {
    /// DF is set; a datagram over the path MTU is refused.
    Forbidden,
    /// DF is clear; we fragment to the path MTU ourselves, and IPv4 routers may.
    #[default]
    Allowed,
}

/// What `icmp`, `udp`, `raw` and `tcp` hand down to `ip`: transport header and payload.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// One of our addresses.
    pub source: IpAddr,
    /// Where it goes; the same family as `source`.
    pub destination: IpAddr,
    /// What the payload is.
    pub protocol: Protocol,
    /// Time to live or hop limit.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: TrafficClass,
    /// Whether it may be fragmented.
    pub fragmentation: Fragmentation,
    /// The transport header. Its checksum field is zero: `egress` fills it in (over the
    /// pseudo-header, this header and `text`), whole or partial, as the device allows.
    pub header: HeaderOctets,
    /// What follows the transport header.
    pub text: Text,
    /// For a TCP or UDP superpacket: the most octets of `text` in one packet on the wire.
    pub segment_octets: Option<u16>,
    /// Why it is sent.
    pub cause: Cause,
}
