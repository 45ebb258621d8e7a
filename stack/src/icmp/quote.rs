//! The packet that an ICMP error quotes: did we send it? (RFC 1122 §3.2.2, RFC 4443 §2.4, RFC 5927 §4)
//!
//! `icmp/input.rs` calls it for errors that arrive, `icmp/output.rs` to see what a packet carries that
//! it would answer. The transport that is named looks at the rest: only it knows what is in flight.

use core::net::IpAddr;

use bytes::Bytes;

use crate::wire::ipv4::Ipv4Header;
use crate::wire::ipv6::{
    FragmentHeader, IPV6_FRAGMENT_HEADER_OCTETS, IPV6_HEADER_OCTETS, Ipv6Header,
};
use crate::wire::path_error::Quote;
use crate::wire::protocol::Protocol;
use crate::wire::{icmpv4, icmpv6};

/// An error quotes at least so much of what follows the IP headers (RFC 792, RFC 1122 §3.2.2).
const TRANSPORT_OCTETS_MIN: usize = 8;

/// Where the payload of a packet is, read without trust in anything behind the fixed header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Anatomy {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: Protocol,
    pub(super) payload_at: usize,
    /// By the packet's own length field.
    pub(super) packet_octets: usize,
    pub(super) fragment: Fragment,
}

/// Which part of a datagram a packet is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fragment {
    /// The beginning, or all of it.
    First,
    /// Not the beginning: no transport header is in it.
    Later,
}

impl Anatomy {
    /// Reads the headers in front of `packet`, which may be cut off anywhere.
    pub(super) fn of(packet: &[u8], extension_headers_max: usize) -> Option<Self> {
        match packet.first()? >> 4 {
            4 => Self::of_v4(packet),
            6 => Self::of_v6(packet, extension_headers_max),
            _ => None,
        }
    }

    fn of_v4(packet: &[u8]) -> Option<Self> {
        let parsed = Ipv4Header::parse_quoted(packet).ok()?;
        let header = parsed.header;
        Some(Self {
            source: header.source.into(),
            destination: header.destination.into(),
            protocol: header.protocol,
            payload_at: parsed.header_octets,
            packet_octets: parsed.total_octets,
            fragment: fragment(header.fragment_offset_octets),
        })
    }

    fn of_v6(packet: &[u8], extension_headers_max: usize) -> Option<Self> {
        let parsed = Ipv6Header::parse_quoted(packet).ok()?;
        let header = parsed.header;
        let mut anatomy = Self {
            source: header.source.into(),
            destination: header.destination.into(),
            protocol: header.next_header,
            payload_at: IPV6_HEADER_OCTETS,
            packet_octets: parsed.total_octets,
            fragment: Fragment::First,
        };
        for _ in 0..=extension_headers_max {
            let at = anatomy.payload_at;
            let octets = match anatomy.protocol {
                Protocol::HOP_BY_HOP | Protocol::ROUTING | Protocol::DESTINATION_OPTIONS => {
                    (usize::from(*packet.get(at + 1)?) + 1) * 8
                }
                Protocol::FRAGMENT => {
                    let header = packet
                        .get(at..)?
                        .first_chunk::<IPV6_FRAGMENT_HEADER_OCTETS>()?;
                    anatomy.fragment = fragment(FragmentHeader::read(*header).offset_octets);
                    IPV6_FRAGMENT_HEADER_OCTETS
                }
                _ => return Some(anatomy),
            };
            anatomy.protocol = Protocol(*packet.get(at)?);
            anatomy.payload_at = at + octets;
            if anatomy.fragment == Fragment::Later {
                return Some(anatomy);
            }
        }
        None
    }

    /// Whether `packet` carries an ICMP error, about which no other error may be sent.
    pub(super) fn is_icmp_error(&self, packet: &[u8]) -> bool {
        let kind = packet.get(self.payload_at).copied();
        match self.protocol {
            // Too short to say what it is: silence is the safer mistake.
            Protocol::ICMP_V4 => kind.is_none_or(icmpv4::is_error),
            Protocol::ICMP_V6 => kind.is_none_or(icmpv6::is_error),
            _ => false,
        }
    }
}

const fn fragment(offset_octets: u16) -> Fragment {
    if offset_octets == 0 {
        Fragment::First
    } else {
        Fragment::Later
    }
}

/// The packet that `quote` is the beginning of, if we could have sent it to where the error reached us:
/// whole up to the transport's first eight octets, from our address, no later fragment, no ICMP error.
pub(super) fn parse(
    quote: &Bytes,
    error_destination: IpAddr,
    extension_headers_max: usize,
    is_ours: impl Fn(IpAddr) -> bool,
) -> Option<Quote> {
    let anatomy = Anatomy::of(quote, extension_headers_max)?;
    let transport = quote.get(anatomy.payload_at..)?;
    let plausible = anatomy.source == error_destination
        && is_ours(anatomy.source)
        && !anatomy.destination.is_unspecified()
        && anatomy.fragment == Fragment::First
        && transport.len() >= TRANSPORT_OCTETS_MIN
        && anatomy.packet_octets >= anatomy.payload_at + TRANSPORT_OCTETS_MIN
        && !anatomy.is_icmp_error(quote);
    if !plausible {
        return None;
    }
    // What a router quotes beyond the packet's own end is not part of it.
    let end = quote.len().min(anatomy.packet_octets);
    Some(Quote {
        source: anatomy.source,
        destination: anatomy.destination,
        protocol: anatomy.protocol,
        transport: quote.slice(anatomy.payload_at..end),
        packet_octets: anatomy.packet_octets as u32,
    })
}
