//! Numbers of the capture formats: pcapng (draft-ietf-opsawg-pcapng §4, §10) and classic pcap
//! (draft-ietf-opsawg-pcap), and the types of links.
//!
//! The writer and the reader share them. Nothing here reads or writes.

/// Block types (draft-ietf-opsawg-pcapng §4, §11.1).
pub(super) mod block {
    pub(in super::super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    pub(in super::super) const INTERFACE_DESCRIPTION: u32 = 1;
    pub(in super::super) const PACKET: u32 = 2;
    pub(in super::super) const SIMPLE_PACKET: u32 = 3;
    pub(in super::super) const INTERFACE_STATISTICS: u32 = 5;
    pub(in super::super) const ENHANCED_PACKET: u32 = 6;
}

/// Option codes, by the block that they belong to.
pub(super) mod option {
    pub(in super::super) const END: u16 = 0;
    pub(in super::super) const COMMENT: u16 = 1;
    pub(in super::super) const SHB_HARDWARE: u16 = 2;
    pub(in super::super) const SHB_OS: u16 = 3;
    pub(in super::super) const SHB_USER_APPLICATION: u16 = 4;
    pub(in super::super) const IF_NAME: u16 = 2;
    pub(in super::super) const IF_DESCRIPTION: u16 = 3;
    pub(in super::super) const IF_TS_RESOLUTION: u16 = 9;
    pub(in super::super) const IF_TS_OFFSET: u16 = 14;
    pub(in super::super) const EPB_FLAGS: u16 = 2;
    pub(in super::super) const EPB_DROP_COUNT: u16 = 4;
    pub(in super::super) const ISB_RECEIVED: u16 = 4;
    pub(in super::super) const ISB_DROPPED: u16 = 5;
}

/// The byte-order magic of a section (§4.1).
pub(super) const BYTE_ORDER: u32 = 0x1a2b_3c4d;

/// The magics of classic pcap: times in microseconds, in nanoseconds.
pub(super) const CLASSIC_MICROS: u32 = 0xa1b2_c3d4;
pub(super) const CLASSIC_NANOS: u32 = 0xa1b2_3c4d;

/// What a packet begins with (the LINKTYPE registry of tcpdump.org).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: a family in the byte order of the machine that wrote it.
    pub const NULL: Self = Self(0);
    /// IEEE 802.3.
    pub const ETHERNET: Self = Self(1);
    /// An IP header, of either version.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback: a family in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked".
    pub const LINUX_SLL: Self = Self(113);
    /// An IPv4 header.
    pub const IPV4: Self = Self(228);
    /// An IPv6 header.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked", version 2.
    pub const LINUX_SLL2: Self = Self(276);

    /// The IP packet in a frame of such a link; `None` if it holds none, or nobody here knows the
    /// link.
    pub fn ip_packet(self, frame: &[u8]) -> Option<&[u8]> {
        let at = match self {
            // Some systems write the number of the BSD device for the same thing.
            Self::RAW | Self::IPV4 | Self::IPV6 | Self(12 | 14) => 0,
            Self::NULL | Self::LOOP => 4,
            Self::LINUX_SLL => 16,
            Self::LINUX_SLL2 => 20,
            Self::ETHERNET => ethernet_payload_at(frame)?,
            _ => return None,
        };
        let packet = frame.get(at..)?;
        let octets = match packet.first()? >> 4 {
            4 => usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?])),
            6 => 40 + usize::from(u16::from_be_bytes([*packet.get(4)?, *packet.get(5)?])),
            _ => return None,
        };
        // What an Ethernet frame is padded with is not the packet's.
        Some(packet.get(..octets).unwrap_or(packet))
    }
}

/// Behind the addresses, the tags of VLANs and the type.
fn ethernet_payload_at(frame: &[u8]) -> Option<usize> {
    const VLAN: [u16; 2] = [0x8100, 0x88a8];
    const IP: [u16; 2] = [0x0800, 0x86dd];
    let mut at = 12;
    for _ in 0..3 {
        let kind = u16::from_be_bytes([*frame.get(at)?, *frame.get(at + 1)?]);
        if IP.contains(&kind) {
            return Some(at + 2);
        }
        if !VLAN.contains(&kind) {
            return None;
        }
        at += 4;
    }
    None
}

/// Which way a packet went, seen from the interface.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Direction {
    /// It came.
    In,
    /// It left.
    Out,
}
