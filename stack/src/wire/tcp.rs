//! The TCP header (RFC 9293 §3.1).
//!
//! `tcp/input.rs` parses arriving segments with it, `tcp/output.rs` emits. It checks form only:
//! whether a segment makes sense for a connection is asked elsewhere.

use etherparse::TcpHeaderSlice;
use etherparse::err::tcp::{HeaderError, HeaderSliceError};
use thiserror::Error;

use super::packet::HeaderOctets;
use super::tcp_options::{TcpOptionRejected, TcpOptions};
use crate::base::SeqNumber;

/// Octets of a header without options.
pub const TCP_HEADER_OCTETS: usize = 20;
/// Where in the header the checksum stands.
pub const TCP_CHECKSUM_OFFSET: usize = 16;

/// Why octets are no TCP header. The peer, or somebody on the path, is to blame for all of them.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TcpRejected {
    /// The segment ends before its header does (RFC 9293 §3.1).
    #[error("segment holds {have_octets} octets, its header needs {need_octets}")]
    Truncated {
        /// What arrived.
        have_octets: usize,
        /// What the header needs.
        need_octets: usize,
    },
    /// The data offset is less than the five words that every header has.
    #[error("data offset is {words} words, which is below 5")]
    DataOffset {
        /// The field.
        words: u8,
    },
    /// An option has an impossible length (MUST-7).
    #[error(transparent)]
    Option(#[from] TcpOptionRejected),
}

impl From<HeaderSliceError> for TcpRejected {
    fn from(error: HeaderSliceError) -> Self {
        match error {
            HeaderSliceError::Len(error) => Self::Truncated {
                have_octets: error.len,
                need_octets: error.required_len,
            },
            HeaderSliceError::Content(HeaderError::DataOffsetTooSmall { data_offset }) => {
                Self::DataOffset { words: data_offset }
            }
        }
    }
}

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

/// A header that arrived, and where it ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ParsedTcp {
    /// The header.
    pub header: TcpHeader,
    /// Its octets, options and padding included: the text begins here.
    pub header_octets: usize,
}

impl TcpHeader {
    /// Reads the header at the front of `segment`. The reserved bits are ignored, and the checksum
    /// is not looked at: see [`Sum`](super::checksum::Sum).
    ///
    /// # Errors
    ///
    /// See [`TcpRejected`].
    pub fn parse(segment: &[u8]) -> Result<ParsedTcp, TcpRejected> {
        let slice = TcpHeaderSlice::from_slice(segment)?;
        let octets = slice.slice();
        Ok(ParsedTcp {
            header: Self {
                source_port: slice.source_port(),
                destination_port: slice.destination_port(),
                seq: SeqNumber::new(slice.sequence_number()),
                ack: SeqNumber::new(slice.acknowledgment_number()),
                flags: TcpFlags(octets[13]),
                window: slice.window_size(),
                urgent_pointer: slice.urgent_pointer(),
                options: TcpOptions::parse(slice.options())?,
            },
            header_octets: octets.len(),
        })
    }

    /// Octets that [`emit`](Self::emit) appends: always a multiple of four, 60 at most.
    pub const fn header_octets(&self) -> usize {
        TCP_HEADER_OCTETS + self.options.octets()
    }

    /// Appends the header to `out`, with a checksum of zero.
    pub fn emit(&self, out: &mut HeaderOctets) {
        let options = self.options.emit();
        let words = (TCP_HEADER_OCTETS + options.as_slice().len()) / 4;
        out.push(&self.source_port.to_be_bytes());
        out.push(&self.destination_port.to_be_bytes());
        out.push(&self.seq.raw().to_be_bytes());
        out.push(&self.ack.raw().to_be_bytes());
        out.push(&[(words as u8) << 4, self.flags.0]);
        out.push(&self.window.to_be_bytes());
        out.push(&[0, 0]);
        out.push(&self.urgent_pointer.to_be_bytes());
        out.push(options.as_slice());
    }
}

#[cfg(test)]
mod tests;
