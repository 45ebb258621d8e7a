//! The UDP header (RFC 768; its checksum over IPv6: RFC 8200 §8.1).
//!
//! `udp/input.rs` parses, `udp/output.rs` emits, and `egress.rs` takes the rule about a sum of zero
//! from here. It knows no ports: zero is a number like any other here.

use core::net::IpAddr;

use thiserror::Error;

use super::checksum::Sum;
use super::packet::{HeaderOctets, ReceivedChecksum};
use super::protocol::Protocol;

/// Octets of the header.
pub const UDP_HEADER_OCTETS: usize = 8;
/// Where in the header the checksum stands.
pub const UDP_CHECKSUM_OFFSET: usize = 6;

/// Why octets are no UDP datagram. The sender, or somebody on the path, is to blame for all of them.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum UdpRejected {
    /// The packet ends before the header does.
    #[error("packet holds {have_octets} octets, a header needs 8")]
    Truncated {
        /// What arrived.
        have_octets: usize,
    },
    /// The length field is below 8 or beyond the packet. Zero is no way out: that is for jumbograms
    /// (RFC 2675 §4), which we refuse.
    #[error("length is {length_octets}, the packet holds {have_octets} octets")]
    Length {
        /// The field.
        length_octets: u16,
        /// What arrived.
        have_octets: usize,
    },
    /// The checksum does not match.
    #[error("checksum does not match")]
    Checksum,
    /// No checksum over IPv6 (RFC 8200 §8.1).
    #[error("no checksum over IPv6")]
    ChecksumMissing,
}

/// A UDP header. Length and checksum are not fields: they are checked on the way in and computed on
/// the way out.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct UdpHeader {
    /// Source port; 0 if the sender wants no reply.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
}

/// A header that arrived, and where the datagram ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParsedUdp {
    /// The header.
    pub header: UdpHeader,
    /// The length field: the payload is what lies between octet 8 and here. What follows is ignored.
    pub total_octets: usize,
}

impl UdpHeader {
    /// Reads and verifies `datagram`, which is all of the IP payload.
    ///
    /// # Errors
    ///
    /// See [`UdpRejected`].
    pub fn parse(
        source: IpAddr,
        destination: IpAddr,
        datagram: &[u8],
        checksum: ReceivedChecksum,
    ) -> Result<ParsedUdp, UdpRejected> {
        let have_octets = datagram.len();
        let Some(&[a, b, c, d, e, f, g, h]) = datagram.first_chunk::<UDP_HEADER_OCTETS>() else {
            return Err(UdpRejected::Truncated { have_octets });
        };
        let length_octets = u16::from_be_bytes([e, f]);
        let total_octets = usize::from(length_octets);
        let covered = match datagram.get(..total_octets) {
            Some(covered) if total_octets >= UDP_HEADER_OCTETS => covered,
            _ => {
                return Err(UdpRejected::Length {
                    length_octets,
                    have_octets,
                });
            }
        };
        if checksum == ReceivedChecksum::Unverified {
            verify(source, destination, covered, u16::from_be_bytes([g, h]))?;
        }
        Ok(ParsedUdp {
            header: Self {
                source_port: u16::from_be_bytes([a, b]),
                destination_port: u16::from_be_bytes([c, d]),
            },
            total_octets,
        })
    }

    /// Appends the header of a datagram with `payload_octets`, with a checksum of zero.
    ///
    /// A payload that does not fit the 16 bits of length is a bug of ours.
    pub fn emit(&self, payload_octets: usize, out: &mut HeaderOctets) {
        let total_octets = UDP_HEADER_OCTETS + payload_octets;
        debug_assert!(total_octets <= usize::from(u16::MAX));
        let length_octets = u16::try_from(total_octets).unwrap_or(u16::MAX);
        out.push(&self.source_port.to_be_bytes());
        out.push(&self.destination_port.to_be_bytes());
        out.push(&length_octets.to_be_bytes());
        out.push(&[0, 0]);
    }
}

/// What goes into the checksum field for `sum`: a computed zero is sent as all ones, because zero
/// says that there is no checksum (RFC 768, RFC 1122 §4.1.3.4).
pub fn udp_checksum(sum: Sum) -> u16 {
    match sum.checksum() {
        0 => 0xffff,
        checksum => checksum,
    }
}

/// Verifies the checksum `field` of the datagram `covered`, which includes it.
fn verify(
    source: IpAddr,
    destination: IpAddr,
    covered: &[u8],
    field: u16,
) -> Result<(), UdpRejected> {
    if field == 0 {
        return if destination.is_ipv4() {
            Ok(())
        } else {
            Err(UdpRejected::ChecksumMissing)
        };
    }
    let mut sum = Sum::pseudo_header(source, destination, Protocol::UDP, covered.len());
    sum.add(covered);
    if sum.is_valid() {
        Ok(())
    } else {
        Err(UdpRejected::Checksum)
    }
}

#[cfg(test)]
mod tests;
