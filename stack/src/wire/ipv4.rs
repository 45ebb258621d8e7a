//! The IPv4 header (RFC 791 §3.1), as far as a host reads and writes it (RFC 1122 §3.2.1).
//!
//! `ip/input.rs` parses, `ip/output.rs` emits, and `icmp` reads quoted headers with it. It checks
//! form and the header checksum; whether an address makes sense is asked in `ip`. We never emit
//! options.

use core::net::Ipv4Addr;

use etherparse::Ipv4HeaderSlice;
use etherparse::err::ipv4::{HeaderError, HeaderSliceError};
use thiserror::Error;

use super::checksum::Sum;
use super::packet::HeaderOctets;
use super::protocol::{Protocol, TrafficClass};

/// Octets of a header without options: all that we emit.
pub const IPV4_HEADER_OCTETS: usize = 20;
/// Where in the header the protocol field stands: what "protocol unreachable" is about.
pub const IPV4_PROTOCOL_POINTER: u16 = 9;

const FLAG_DONT_FRAGMENT: u16 = 0x4000;
const FLAG_MORE_FRAGMENTS: u16 = 0x2000;

/// Why octets are no IPv4 packet. The sender, or somebody on the path, is to blame for all of them.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Ipv4Rejected {
    /// RFC 1122 §3.2.1.1: the version is not 4.
    #[error("version is {version}, not 4")]
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
    /// IHL is below the five words that every header has.
    #[error("header length is {words} words, which is below 5")]
    HeaderLength {
        /// The field.
        words: u8,
    },
    /// RFC 1122 §3.2.1.2: the header checksum does not match.
    #[error("header checksum does not match")]
    Checksum,
    /// Total length is below the header or beyond the frame (RFC 1122 §3.2.1.8, BAD-01).
    #[error("total length {total_octets} is not from {header_octets} to {have_octets}")]
    TotalLength {
        /// The field.
        total_octets: usize,
        /// The header alone.
        header_octets: usize,
        /// What arrived.
        have_octets: usize,
    },
    /// An option has no length, a length below 2, or ends beyond the header (BAD-07).
    #[error("malformed option at octet {pointer}")]
    Option {
        /// Where the option begins, from the start of the packet.
        pointer: u8,
    },
    /// A loose or strict source route, which we refuse (RFC 7126 §4.3 and §4.4, BAD-08).
    #[error("source route at octet {pointer}")]
    SourceRoute {
        /// Where the option begins, from the start of the packet.
        pointer: u8,
    },
}

impl From<HeaderSliceError> for Ipv4Rejected {
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
            HeaderSliceError::Content(HeaderError::HeaderLengthSmallerThanHeader { ihl }) => {
                Self::HeaderLength { words: ihl }
            }
        }
    }
}

/// An IPv4 header without options. Lengths and the checksum are not fields: they are checked on the
/// way in and computed on the way out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ipv4Header {
    /// Source address.
    pub source: Ipv4Addr,
    /// Destination address.
    pub destination: Ipv4Addr,
    /// What the payload is.
    pub protocol: Protocol,
    /// Time to live.
    pub hop_limit: u8,
    /// Type of service: DSCP and ECN.
    pub traffic_class: TrafficClass,
    /// Identification; meaningless unless the datagram is or may be fragmented (RFC 6864 §4.1).
    pub identification: u16,
    /// DF.
    pub dont_fragment: bool,
    /// MF.
    pub more_fragments: bool,
    /// Fragment offset in octets: a multiple of 8, at most 65,528.
    pub fragment_offset_octets: u16,
}

/// A header that arrived, and where the packet's parts end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ParsedIpv4 {
    /// The header.
    pub header: Ipv4Header,
    /// Octets of the header with its options: the payload begins here.
    pub header_octets: usize,
    /// Total length: the payload ends here, what follows is link padding. In a quote, the length
    /// that the whole packet had.
    pub total_octets: usize,
}

impl ParsedIpv4 {
    /// True if the packet is a fragment of a datagram, not a whole one.
    pub const fn is_fragment(&self) -> bool {
        self.header.more_fragments || self.header.fragment_offset_octets != 0
    }
}

impl Ipv4Header {
    /// Reads the header at the front of `packet`, which is all that the device delivered.
    ///
    /// # Errors
    ///
    /// See [`Ipv4Rejected`].
    pub fn parse(packet: &[u8]) -> Result<ParsedIpv4, Ipv4Rejected> {
        let slice = Ipv4HeaderSlice::from_slice(packet)?;
        if !Sum::of(slice.slice()).is_valid() {
            return Err(Ipv4Rejected::Checksum);
        }
        let parsed = Self::read(&slice);
        if parsed.total_octets < parsed.header_octets || packet.len() < parsed.total_octets {
            return Err(Ipv4Rejected::TotalLength {
                total_octets: parsed.total_octets,
                header_octets: parsed.header_octets,
                have_octets: packet.len(),
            });
        }
        check_options(slice.options())?;
        Ok(parsed)
    }

    /// Reads the header at the front of a packet that an ICMP error quotes, where the payload is cut
    /// off and routers have changed fields without summing again: only version and IHL are checked.
    ///
    /// # Errors
    ///
    /// [`Ipv4Rejected::Version`], [`Ipv4Rejected::Truncated`] or [`Ipv4Rejected::HeaderLength`].
    pub fn parse_quoted(quote: &[u8]) -> Result<ParsedIpv4, Ipv4Rejected> {
        Ok(Self::read(&Ipv4HeaderSlice::from_slice(quote)?))
    }

    fn read(slice: &Ipv4HeaderSlice<'_>) -> ParsedIpv4 {
        let octets = slice.slice();
        ParsedIpv4 {
            header: Self {
                source: slice.source_addr(),
                destination: slice.destination_addr(),
                protocol: Protocol(slice.protocol().0),
                hop_limit: slice.ttl(),
                traffic_class: TrafficClass(octets[1]),
                identification: slice.identification(),
                dont_fragment: slice.dont_fragment(),
                more_fragments: slice.more_fragments(),
                // 13 bits of 8-octet units: the product fits 16 bits.
                fragment_offset_octets: slice.fragments_offset().value() << 3,
            },
            header_octets: octets.len(),
            total_octets: usize::from(slice.total_len()),
        }
    }

    /// Appends the header, with its checksum, of a packet with `payload_octets` of payload.
    ///
    /// A payload that does not fit the 16 bits of total length is a bug of ours.
    pub fn emit(&self, payload_octets: usize, out: &mut HeaderOctets) {
        let mut header = [0; IPV4_HEADER_OCTETS];
        self.write(payload_octets, &mut header);
        out.push(&header);
    }

    /// As [`emit`](Self::emit), with the option that has every router on the way look at the packet
    /// (RFC 2113 §2.1).
    pub fn emit_with_router_alert(&self, payload_octets: usize, out: &mut HeaderOctets) {
        let mut header = [0; IPV4_HEADER_OCTETS + 4];
        header[IPV4_HEADER_OCTETS..].copy_from_slice(&[option::ROUTER_ALERT, 4, 0, 0]);
        self.write(payload_octets, &mut header);
        out.push(&header);
    }

    /// Fills in the fields of `header`, whose options, if it has room for any, are there already.
    fn write<const OCTETS: usize>(&self, payload_octets: usize, header: &mut [u8; OCTETS]) {
        debug_assert!(self.fragment_offset_octets.is_multiple_of(8));
        let total_octets = OCTETS + payload_octets;
        debug_assert!(total_octets <= usize::from(u16::MAX));
        let total_octets = u16::try_from(total_octets).unwrap_or(u16::MAX);

        let mut fragment = self.fragment_offset_octets >> 3;
        if self.dont_fragment {
            fragment |= FLAG_DONT_FRAGMENT;
        }
        if self.more_fragments {
            fragment |= FLAG_MORE_FRAGMENTS;
        }
        header[0] = 0x40 | (OCTETS / 4) as u8;
        header[1] = self.traffic_class.0;
        header[2..4].copy_from_slice(&total_octets.to_be_bytes());
        header[4..6].copy_from_slice(&self.identification.to_be_bytes());
        header[6..8].copy_from_slice(&fragment.to_be_bytes());
        header[8] = self.hop_limit;
        header[9] = self.protocol.0;
        header[12..16].copy_from_slice(&self.source.octets());
        header[16..20].copy_from_slice(&self.destination.octets());
        let checksum = Sum::of(header).checksum();
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Option types (RFC 791 §3.1), with their copied flag and class.
mod option {
    pub(super) const END: u8 = 0;
    pub(super) const NO_OPERATION: u8 = 1;
    pub(super) const LOOSE_SOURCE_ROUTE: u8 = 131;
    pub(super) const STRICT_SOURCE_ROUTE: u8 = 137;
    /// RFC 2113 §2.1.
    pub(super) const ROUTER_ALERT: u8 = 148;
}

/// Walks the options for form only: we act on none of them, unknown ones included (RFC 1122
/// §3.2.1.8). Every step advances, so there are at most 40.
fn check_options(options: &[u8]) -> Result<(), Ipv4Rejected> {
    let mut rest = options;
    while let [kind, after @ ..] = rest {
        // At most 59: the header has 60 octets.
        let pointer = (IPV4_HEADER_OCTETS + options.len() - rest.len()) as u8;
        match *kind {
            option::END => break,
            option::NO_OPERATION => rest = after,
            kind => {
                let length = usize::from(after.first().copied().unwrap_or(0));
                if length < 2 || rest.len() < length {
                    return Err(Ipv4Rejected::Option { pointer });
                }
                if matches!(
                    kind,
                    option::LOOSE_SOURCE_ROUTE | option::STRICT_SOURCE_ROUTE
                ) {
                    return Err(Ipv4Rejected::SourceRoute { pointer });
                }
                rest = &rest[length..];
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
