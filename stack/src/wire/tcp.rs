//! The TCP header (RFC 9293 §3.1).
//!
//! `tcp/input.rs` parses arriving segments with it, `tcp/output.rs` emits. It checks form only:
//! whether a segment makes sense for a connection is asked elsewhere.

use super::tcp_options::TcpOptions;
use crate::base::SeqNumber;

/// The control bits, FIN being the lowest (RFC 9293 §3.1; CWR and ECE: RFC 3168).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from sender.
    pub const FIN: Self = Self(0x01);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x02);
    /// Reset the connection.
    pub const RST: Self = Self(0x04);
    /// Push.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgment field is significant.
    pub const ACK: Self = Self(0x10);
    /// The urgent pointer is significant.
    pub const URG: Self = Self(0x20);
    /// ECN echo.
    pub const ECE: Self = Self(0x40);
    /// Congestion window reduced.
    pub const CWR: Self = Self(0x80);

    /// True if all bits of `other` are set here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of both.
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These bits without those of `other`.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// A TCP header. The checksum is not a field: it is verified before and computed after.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TcpHeader {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// SEG.SEQ.
    pub seq: SeqNumber,
    /// SEG.ACK; meaningless without [`TcpFlags::ACK`].
    pub ack: SeqNumber,
    /// The control bits.
    pub flags: TcpFlags,
    /// SEG.WND as it stands in the header, not scaled.
    pub window: u16,
    /// SEG.UP; meaningless without [`TcpFlags::URG`].
    pub urgent_pointer: u16,
    /// The options.
    pub options: TcpOptions,
}
