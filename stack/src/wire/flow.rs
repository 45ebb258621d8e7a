//! Between which ends a packet goes: addresses, protocol, and ports if it has them.
//!
//! Captures, routers of simulated networks and watchers ask. It believes whatever the octets say,
//! checks nothing, and is never asked on the way of a packet through the stack.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::protocol::Protocol;

/// So many extension headers are looked behind.
const EXTENSION_HEADERS_MAX: usize = 8;

/// See the module.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Flow {
    /// What the payload is.
    pub protocol: Protocol,
    /// From whom; the port is 0 where the protocol has none, and in all fragments but the first.
    pub source: SocketAddr,
    /// To whom.
    pub destination: SocketAddr,
    /// Where the transport header begins, in octets from the first one.
    pub transport_at: usize,
    /// Whether it is a part of a datagram only.
    pub fragment: Fragment,
}

/// Which part of a datagram a packet is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Fragment {
    /// All of it.
    Whole,
    /// The first part, with the transport header.
    First,
    /// A later part.
    Later,
}

impl Flow {
    /// The flow of the packet that begins with these octets; `None` if they are too few, or no IP.
    pub fn of(packet: &[u8]) -> Option<Self> {
        let mut flow = match packet.first()? >> 4 {
            4 => Self::of_v4(packet)?,
            6 => Self::of_v6(packet)?,
            _ => return None,
        };
        let has_ports = matches!(flow.protocol, Protocol::TCP | Protocol::UDP);
        if has_ports && flow.fragment != Fragment::Later {
            flow.source.set_port(be16(packet, flow.transport_at)?);
            flow.destination
                .set_port(be16(packet, flow.transport_at + 2)?);
        }
        Some(flow)
    }

    /// The same flow in the other direction.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            ..self
        }
    }

    fn of_v4(packet: &[u8]) -> Option<Self> {
        let header_octets = usize::from(packet.first()? & 0xf) * 4;
        let [more_and_offset, source, destination] = [6, 12, 16].map(|at| be32(packet, at));
        let more_and_offset = (more_and_offset? >> 16) as u16;
        Some(Self {
            protocol: Protocol(*packet.get(9)?),
            source: SocketAddr::new(Ipv4Addr::from_bits(source?).into(), 0),
            destination: SocketAddr::new(Ipv4Addr::from_bits(destination?).into(), 0),
            transport_at: header_octets,
            fragment: fragment(more_and_offset & 0x2000 != 0, more_and_offset & 0x1fff),
        })
    }

    fn of_v6(packet: &[u8]) -> Option<Self> {
        let address = |at: usize| -> Option<IpAddr> {
            let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
            Some(Ipv6Addr::from(octets).into())
        };
        let mut flow = Self {
            protocol: Protocol(*packet.get(6)?),
            source: SocketAddr::new(address(8)?, 0),
            destination: SocketAddr::new(address(24)?, 0),
            transport_at: 40,
            fragment: Fragment::Whole,
        };
        for _ in 0..EXTENSION_HEADERS_MAX {
            let at = flow.transport_at;
            let length = match flow.protocol {
                // Hop-by-hop options, routing, destination options.
                Protocol(0 | 43 | 60) => 8 + 8 * usize::from(*packet.get(at + 1)?),
                Protocol::FRAGMENT => {
                    let offset_and_more = be16(packet, at + 2)?;
                    flow.fragment = fragment(offset_and_more & 1 != 0, offset_and_more >> 3);
                    8
                }
                _ => break,
            };
            flow.protocol = Protocol(*packet.get(at)?);
            flow.transport_at += length;
            if flow.fragment == Fragment::Later {
                break;
            }
        }
        Some(flow)
    }
}

const fn fragment(more: bool, offset: u16) -> Fragment {
    match (more, offset) {
        (false, 0) => Fragment::Whole,
        (true, 0) => Fragment::First,
        (_, _) => Fragment::Later,
    }
}

fn be16(octets: &[u8], at: usize) -> Option<u16> {
    let pair: [u8; 2] = octets.get(at..at + 2)?.try_into().ok()?;
    Some(u16::from_be_bytes(pair))
}

fn be32(octets: &[u8], at: usize) -> Option<u32> {
    let four: [u8; 4] = octets.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(four))
}

#[cfg(test)]
mod tests;
