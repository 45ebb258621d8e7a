//! The fixed IPv6 header and the fragment header (RFC 8200 §3 and §4.5).
//!
//! `ip/input.rs` parses the fixed header first, asks whether the packet is for us, and only then
//! walks the extension headers with `wire/ipv6_chain.rs`; `ip/output.rs` emits. Nothing here acts on
//! an option.

use core::net::Ipv6Addr;

use etherparse::Ipv6HeaderSlice;
use etherparse::err::ipv6::{HeaderError, HeaderSliceError};
use thiserror::Error;

use super::packet::HeaderOctets;
use super::protocol::{Protocol, TrafficClass};

/// Octets of the fixed header.
pub const IPV6_HEADER_OCTETS: usize = 40;
/// Octets of a fragment header.
pub const IPV6_FRAGMENT_HEADER_OCTETS: usize = 8;
/// Where in the fixed header the payload length stands.
pub const IPV6_PAYLOAD_LENGTH_POINTER: u16 = 4;
/// Where in the fixed header the next-header field stands.
pub const IPV6_NEXT_HEADER_POINTER: u16 = 6;

/// Why octets are no IPv6 packet. The sender, or somebody on the path, is to blame for all of them.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Ipv6Rejected {
    /// The version is not 6.
    #[error("version is {version}, not 6")]
    Version {
        /// The field.
        version: u8,
    },
    /// The packet ends before its header does.
    #[error("packet holds {have_octets} octets, its header needs {need_octets}")]
    Truncated {
        /// What arrived.
        have_octets: usize,
        /// What the header needs.
        need_octets: usize,
    },
    /// Payload length is zero: a jumbogram, or nothing at all (BAD-14).
    #[error("payload length is zero")]
    NoPayload,
    /// Payload length is beyond the frame.
    #[error("packet holds {have_octets} octets, its payload length needs {need_octets}")]
    PayloadLength {
        /// What arrived.
        have_octets: usize,
        /// The fixed header and its payload length together.
        need_octets: usize,
    },
}

impl From<HeaderSliceError> for Ipv6Rejected {
    fn from(error: HeaderSliceError) -> Self {
        match error {
            HeaderSliceError::Len(error) => Self::Truncated {
                have_octets: error.len,
                need_octets: error.required_len,
            },
            HeaderSliceError::Content(HeaderError::UnexpectedVersion { version_number }) => {
                Self::Version {
                    version: version_number,
                }
            }
        }
    }
}

/// The fixed header. The payload length is not a field: it is checked on the way in and computed on
/// the way out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ipv6Header {
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// What follows the fixed header: an extension header or the payload.
    pub next_header: Protocol,
    /// Hop limit.
    pub hop_limit: u8,
    /// DSCP and ECN.
    pub traffic_class: TrafficClass,
    /// Flow label: 20 bits (RFC 6437).
    pub flow_label: u32,
}

/// A fixed header that arrived, and where the packet ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParsedIpv6 {
    /// The header.
    pub header: Ipv6Header,
    /// Octets of the fixed header and its payload length: what follows is link padding. In a quote,
    /// the length that the whole packet had.
    pub total_octets: usize,
}

impl Ipv6Header {
    /// Reads the fixed header at the front of `packet`, which is all that the device delivered.
    ///
    /// # Errors
    ///
    /// See [`Ipv6Rejected`].
    pub fn parse(packet: &[u8]) -> Result<ParsedIpv6, Ipv6Rejected> {
        let parsed = Self::parse_quoted(packet)?;
        if parsed.total_octets == IPV6_HEADER_OCTETS {
            return Err(Ipv6Rejected::NoPayload);
        }
        if packet.len() < parsed.total_octets {
            return Err(Ipv6Rejected::PayloadLength {
                have_octets: packet.len(),
                need_octets: parsed.total_octets,
            });
        }
        Ok(parsed)
    }

    /// Reads the fixed header at the front of a packet that an ICMP error quotes, where the payload
    /// is cut off.
    ///
    /// # Errors
    ///
    /// [`Ipv6Rejected::Version`] or [`Ipv6Rejected::Truncated`].
    pub fn parse_quoted(quote: &[u8]) -> Result<ParsedIpv6, Ipv6Rejected> {
        let slice = Ipv6HeaderSlice::from_slice(quote)?;
        Ok(ParsedIpv6 {
            header: Self {
                source: slice.source_addr(),
                destination: slice.destination_addr(),
                next_header: Protocol(slice.next_header().0),
                hop_limit: slice.hop_limit(),
                traffic_class: TrafficClass(slice.traffic_class()),
                flow_label: slice.flow_label().value(),
            },
            total_octets: IPV6_HEADER_OCTETS + usize::from(slice.payload_length()),
        })
    }

    /// Appends the header of a packet in which `payload_octets` follow it, extension headers
    /// included.
    ///
    /// A payload that does not fit the 16 bits of payload length is a bug of ours.
    pub fn emit(&self, payload_octets: usize, out: &mut HeaderOctets) {
        debug_assert!(payload_octets <= usize::from(u16::MAX));
        let payload_octets = u16::try_from(payload_octets).unwrap_or(u16::MAX);
        let version_class_label =
            6 << 28 | u32::from(self.traffic_class.0) << 20 | self.flow_label & 0x000f_ffff;
        out.push(&version_class_label.to_be_bytes());
        out.push(&payload_octets.to_be_bytes());
        out.push(&[self.next_header.0, self.hop_limit]);
        out.push(&self.source.octets());
        out.push(&self.destination.octets());
    }
}

/// The fragment header (RFC 8200 §4.5).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FragmentHeader {
    /// What the fragmentable part begins with.
    pub next_header: Protocol,
    /// Where this piece belongs, in octets from the start of the fragmentable part: a multiple of 8,
    /// at most 65,528.
    pub offset_octets: u16,
    /// M: this is not the last piece.
    pub more: bool,
    /// Names the original packet among those between two hosts.
    pub identification: u32,
}

impl FragmentHeader {
    /// The header in `octets`. The reserved bits are ignored.
    pub const fn read(octets: [u8; IPV6_FRAGMENT_HEADER_OCTETS]) -> Self {
        let [next_header, _, high, low, a, b, c, d] = octets;
        Self {
            next_header: Protocol(next_header),
            offset_octets: u16::from_be_bytes([high, low]) & 0xfff8,
            more: low & 1 == 1,
            identification: u32::from_be_bytes([a, b, c, d]),
        }
    }

    /// True if it says that this piece is the whole: an atomic fragment (RFC 6946 §2).
    pub const fn is_atomic(&self) -> bool {
        self.offset_octets == 0 && !self.more
    }

    /// Appends the header.
    pub fn emit(&self, out: &mut HeaderOctets) {
        debug_assert!(self.offset_octets.is_multiple_of(8));
        out.push(&[self.next_header.0, 0]);
        out.push(&(self.offset_octets & 0xfff8 | u16::from(self.more)).to_be_bytes());
        out.push(&self.identification.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
