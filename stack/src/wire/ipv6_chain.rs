//! The walk over IPv6's extension headers (RFC 8200 §4): strictly in order, bounded, once.
//!
//! `ip/input.rs` calls it for packets that are for us, fragments and reassembled packets included.
//! It says what the upper layer is and where it begins, or which reply of RFC 4443 §3.4 a bad header
//! asks for; whether that reply is sent is decided in `icmp`. It never follows a routing header.

use thiserror::Error;

use super::ipv6::{
    FragmentHeader, IPV6_FRAGMENT_HEADER_OCTETS, IPV6_HEADER_OCTETS, IPV6_NEXT_HEADER_POINTER,
    IPV6_PAYLOAD_LENGTH_POINTER, Ipv6Header,
};
use super::protocol::Protocol;

/// Pad1 options in a row (RFC 8504 §5.3): a sender that aligns needs no more.
const PAD1_RUN_MAX: usize = 7;
/// Extension headers come in units of so many octets.
const UNIT_OCTETS: usize = 8;
/// The largest payload length of a reassembled packet.
const PAYLOAD_OCTETS_MAX: usize = 65_535;

const OPTION_PAD1: u8 = 0;
const OPTION_JUMBO_PAYLOAD: u8 = 0xc2;

/// The codes of ICMPv6 type 4 (RFC 4443 §3.4, RFC 7112 §6).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ParameterProblemCode {
    /// 0: erroneous header field.
    ErroneousField,
    /// 1: unrecognized next header.
    UnknownNextHeader,
    /// 2: unrecognized option.
    UnknownOption,
    /// 3: the first fragment does not hold the whole header chain.
    IncompleteFirstFragment,
}

impl ParameterProblemCode {
    /// The code as it stands in the message.
    pub const fn code(self) -> u8 {
        match self {
            Self::ErroneousField => 0,
            Self::UnknownNextHeader => 1,
            Self::UnknownOption => 2,
            Self::IncompleteFirstFragment => 3,
        }
    }
}

/// Whether a reply may be sent about a packet that went to a group (RFC 4443 §2.4(e.3)).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ToGroup {
    /// Even then: an option whose top bits are 10.
    Replied,
    /// Not then.
    Silent,
}

/// The ICMPv6 parameter problem that a bad header asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ParameterProblem {
    /// What is wrong.
    pub code: ParameterProblemCode,
    /// Where, in octets from the start of the packet.
    pub pointer: u16,
    /// Whether the reply goes out if the packet went to a group.
    pub to_group: ToGroup,
}

/// What is wrong with a chain of headers.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
pub enum ChainFault {
    /// A header is cut off, in the wrong place, or one too many; or an option overruns it.
    #[error("malformed, misplaced or superfluous extension header")]
    Extension,
    /// An option that we do not know asks to discard the packet (RFC 8200 §4.2).
    #[error("unknown option that must not be skipped")]
    UnknownOption,
    /// A jumbo payload option (RFC 2675, BAD-14).
    #[error("jumbo payload option")]
    Jumbo,
    /// A routing header with segments left (RFC 8200 §4.4, RFC 5095 §3).
    #[error("routing header with segments left")]
    RoutingHeader,
    /// A fragment that is not the last one, or not even that, has an impossible length.
    #[error("fragment of an impossible length")]
    FragmentLength,
    /// The reassembled packet would be longer than 65,535 octets.
    #[error("fragment ends beyond the longest packet")]
    FragmentTooLong,
    /// The first fragment does not hold the whole chain of headers (RFC 8200 §4.5, RFC 7112 §5).
    #[error("first fragment without the whole header chain")]
    IncompleteFirstFragment,
}

/// A chain of headers that goes no further.
#[derive(Clone, Copy, Debug, Eq, Error, Hash, PartialEq)]
#[error("{fault}")]
pub struct ChainRejected {
    /// Why: it becomes a `Discard`.
    pub fault: ChainFault,
    /// What to tell the sender, if anything.
    pub reply: Option<ParameterProblem>,
}

impl ChainRejected {
    const fn silent(fault: ChainFault) -> Self {
        Self { fault, reply: None }
    }

    const fn replied(fault: ChainFault, code: ParameterProblemCode, pointer: usize) -> Self {
        Self::replied_as(fault, code, pointer, ToGroup::Silent)
    }

    const fn replied_as(
        fault: ChainFault,
        code: ParameterProblemCode,
        pointer: usize,
        to_group: ToGroup,
    ) -> Self {
        Self {
            fault,
            reply: Some(ParameterProblem {
                code,
                // The walk stays within a packet of at most 65,575 octets, and it can only point
                // beyond 16 bits into the last 40: there the pointer is cut to the largest.
                pointer: if pointer > u16::MAX as usize {
                    u16::MAX
                } else {
                    pointer as u16
                },
                to_group,
            }),
        }
    }
}

/// A fragment header that the walk met.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct ChainFragment {
    /// The header.
    pub header: FragmentHeader,
    /// Where it begins, from the start of the packet. What is in front of it is the unfragmentable
    /// part: a reassembled packet is that part, with `next_header_pointer` and the payload length
    /// patched, and then the fragmentable part.
    pub header_offset: usize,
    /// Where the next-header field stands that says that a fragment header follows.
    pub next_header_pointer: u16,
}

/// Where a walk ended: at the upper layer, or at the payload of a fragment.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Chain {
    /// What is at `payload_offset`: an upper layer, known or not, or [`Protocol::NO_NEXT_HEADER`].
    /// In a fragment that is not atomic: what the fragmentable part begins with.
    pub protocol: Protocol,
    /// Where the next-header field stands that named `protocol`.
    pub protocol_pointer: u16,
    /// Where the payload begins, from the start of the packet.
    pub payload_offset: usize,
    /// The fragment header, if there is one.
    pub fragment: Option<ChainFragment>,
}

impl Chain {
    /// Walks the extension headers of `packet`, from its fixed header to the end of its payload
    /// length (link padding is gone), and at most `headers_max` of them.
    ///
    /// The walk of a fragment ends at its fragment header, except if it is atomic (RFC 6946 §4).
    /// Walk the reassembled packet again: there the rest of the chain is, and pointers are right.
    ///
    /// # Errors
    ///
    /// See [`ChainRejected`].
    pub fn walk(
        packet: &[u8],
        header: &Ipv6Header,
        headers_max: usize,
    ) -> Result<Self, ChainRejected> {
        let mut chain = Self {
            protocol: header.next_header,
            protocol_pointer: IPV6_NEXT_HEADER_POINTER,
            payload_offset: IPV6_HEADER_OCTETS,
            fragment: None,
        };
        for _ in 0..=headers_max {
            let extension = match chain.protocol {
                Protocol::HOP_BY_HOP if chain.payload_offset != IPV6_HEADER_OCTETS => {
                    return Err(ChainRejected::replied(
                        ChainFault::Extension,
                        ParameterProblemCode::UnknownNextHeader,
                        usize::from(chain.protocol_pointer),
                    ));
                }
                Protocol::HOP_BY_HOP | Protocol::DESTINATION_OPTIONS => {
                    let extension = chain.extension(packet)?;
                    check_options(packet, chain.payload_offset, extension)?;
                    extension
                }
                Protocol::ROUTING => {
                    let extension = chain.extension(packet)?;
                    check_routing(packet, chain.payload_offset)?;
                    extension
                }
                Protocol::FRAGMENT => {
                    let fragment = chain.fragment(packet)?;
                    if !fragment.header.is_atomic() {
                        chain.enter_fragment(fragment);
                        check_fragment(packet, &chain, &fragment)?;
                        if fragment.header.offset_octets == 0 {
                            check_first_fragment(packet, &chain, headers_max)?;
                        }
                        return Ok(chain);
                    }
                    chain.enter_fragment(fragment);
                    continue;
                }
                _ => return Ok(chain),
            };
            chain.pass(packet, extension)?;
        }
        Err(ChainRejected::silent(ChainFault::Extension))
    }

    /// Octets of the extension header at `payload_offset`, which all lie within `packet`.
    fn extension(&self, packet: &[u8]) -> Result<usize, ChainRejected> {
        let at = self.payload_offset;
        let Some(units) = packet.get(at + 1) else {
            // The chain ends nowhere: the field that promises another header is wrong.
            return Err(erroneous(usize::from(self.protocol_pointer)));
        };
        let octets = (usize::from(*units) + 1) * UNIT_OCTETS;
        if packet.len() < at + octets {
            return Err(erroneous(at + 1));
        }
        Ok(octets)
    }

    /// The fragment header at `payload_offset`. A second one in a chain is refused.
    fn fragment(&self, packet: &[u8]) -> Result<ChainFragment, ChainRejected> {
        // Beyond 16 bits no pointer of ours reaches, and no fragment fits behind.
        if self.fragment.is_some() || self.payload_offset > usize::from(u16::MAX) {
            return Err(ChainRejected::silent(ChainFault::Extension));
        }
        let octets = packet
            .get(self.payload_offset..)
            .and_then(<[u8]>::first_chunk::<IPV6_FRAGMENT_HEADER_OCTETS>)
            .ok_or_else(|| erroneous(usize::from(self.protocol_pointer)))?;
        Ok(ChainFragment {
            header: FragmentHeader::read(*octets),
            header_offset: self.payload_offset,
            next_header_pointer: self.protocol_pointer,
        })
    }

    /// Moves behind the fragment header.
    const fn enter_fragment(&mut self, fragment: ChainFragment) {
        self.protocol = fragment.header.next_header;
        self.protocol_pointer = fragment.header_offset as u16;
        self.payload_offset = fragment.header_offset + IPV6_FRAGMENT_HEADER_OCTETS;
        self.fragment = Some(fragment);
    }

    /// Moves behind an extension header of `octets`, which begins with its next-header field.
    fn pass(&mut self, packet: &[u8], octets: usize) -> Result<(), ChainRejected> {
        let at = self.payload_offset;
        let (Some(next_header), Ok(pointer)) = (packet.get(at), u16::try_from(at)) else {
            return Err(ChainRejected::silent(ChainFault::Extension));
        };
        self.protocol = Protocol(*next_header);
        self.protocol_pointer = pointer;
        self.payload_offset = at + octets;
        Ok(())
    }
}

const fn erroneous(pointer: usize) -> ChainRejected {
    ChainRejected::replied(
        ChainFault::Extension,
        ParameterProblemCode::ErroneousField,
        pointer,
    )
}

/// The options of the header of `octets` at `at`, by their top bits (RFC 8200 §4.2).
fn check_options(packet: &[u8], at: usize, octets: usize) -> Result<(), ChainRejected> {
    let end = at + octets;
    let mut option = at + 2;
    let mut pad1_run = 0;
    // Every step advances, so the header's 2,048 octets bound the loop.
    while option < end {
        let Some(kind) = packet.get(option).copied() else {
            return Err(ChainRejected::silent(ChainFault::Extension));
        };
        if kind == OPTION_PAD1 {
            pad1_run += 1;
            if pad1_run > PAD1_RUN_MAX {
                return Err(ChainRejected::silent(ChainFault::Extension));
            }
            option += 1;
            continue;
        }
        pad1_run = 0;
        if option + 1 >= end {
            return Err(erroneous(option));
        }
        let length = packet.get(option + 1).copied().map_or(0, usize::from);
        if end < option + 2 + length {
            return Err(erroneous(option + 1));
        }
        check_option(kind, option)?;
        option += 2 + length;
    }
    Ok(())
}

/// An option other than Pad1, of type `kind`, that begins at `pointer`.
const fn check_option(kind: u8, pointer: usize) -> Result<(), ChainRejected> {
    let fault = if kind == OPTION_JUMBO_PAYLOAD {
        ChainFault::Jumbo
    } else {
        ChainFault::UnknownOption
    };
    let unknown = ParameterProblemCode::UnknownOption;
    match kind >> 6 {
        // Skip it: PadN and router alert are of this kind, and we act on neither.
        0 => Ok(()),
        1 => Err(ChainRejected::silent(fault)),
        2 => Err(ChainRejected::replied_as(
            fault,
            unknown,
            pointer,
            ToGroup::Replied,
        )),
        _ => Err(ChainRejected::replied(fault, unknown, pointer)),
    }
}

/// We know no routing type, so a header with segments left is an error at its type (RFC 8200 §4.4).
fn check_routing(packet: &[u8], at: usize) -> Result<(), ChainRejected> {
    match packet.get(at + 3) {
        Some(0) => Ok(()),
        _ => Err(ChainRejected::replied(
            ChainFault::RoutingHeader,
            ParameterProblemCode::ErroneousField,
            at + 2,
        )),
    }
}

/// The length of a fragment (RFC 8200 §4.5): `chain` stands behind its header.
fn check_fragment(
    packet: &[u8],
    chain: &Chain,
    fragment: &ChainFragment,
) -> Result<(), ChainRejected> {
    let octets = packet.len().saturating_sub(chain.payload_offset);
    if fragment.header.more && !octets.is_multiple_of(UNIT_OCTETS) {
        return Err(ChainRejected::replied(
            ChainFault::FragmentLength,
            ParameterProblemCode::ErroneousField,
            usize::from(IPV6_PAYLOAD_LENGTH_POINTER),
        ));
    }
    // A piece with nothing in it brings a reassembly no nearer to its end.
    if octets == 0 {
        return Err(ChainRejected::silent(ChainFault::FragmentLength));
    }
    let unfragmentable = fragment.header_offset - IPV6_HEADER_OCTETS;
    let payload_octets = unfragmentable + usize::from(fragment.header.offset_octets) + octets;
    if payload_octets > PAYLOAD_OCTETS_MAX {
        return Err(ChainRejected::replied(
            ChainFault::FragmentTooLong,
            ParameterProblemCode::ErroneousField,
            fragment.header_offset + 2,
        ));
    }
    Ok(())
}

/// A first fragment holds all headers up to and including that of the upper layer (RFC 8200 §4.5,
/// RFC 7112 §5). `chain` stands behind its fragment header.
///
/// Options are not looked at here: that is done once, when the packet is whole.
fn check_first_fragment(
    packet: &[u8],
    chain: &Chain,
    headers_max: usize,
) -> Result<(), ChainRejected> {
    let incomplete = ChainRejected::replied(
        ChainFault::IncompleteFirstFragment,
        ParameterProblemCode::IncompleteFirstFragment,
        0,
    );
    let mut chain = *chain;
    for _ in 0..=headers_max {
        match chain.protocol {
            Protocol::HOP_BY_HOP | Protocol::DESTINATION_OPTIONS | Protocol::ROUTING => {
                let extension = chain.extension(packet).map_err(|_| incomplete)?;
                chain.pass(packet, extension)?;
            }
            // A fragment within a fragment.
            Protocol::FRAGMENT => return Err(ChainRejected::silent(ChainFault::Extension)),
            protocol => {
                let have = packet.len().saturating_sub(chain.payload_offset);
                return if have < upper_header_octets(protocol, packet, chain.payload_offset) {
                    Err(incomplete)
                } else {
                    Ok(())
                };
            }
        }
    }
    Err(ChainRejected::silent(ChainFault::Extension))
}

/// Octets of the header of an upper layer at `at`, as far as we know it.
fn upper_header_octets(protocol: Protocol, packet: &[u8], at: usize) -> usize {
    match protocol {
        Protocol::TCP => {
            // Options are part of the header: a flag or port must not hide in the second fragment.
            let words = packet.get(at + 12).map_or(5, |octet| octet >> 4);
            usize::from(words.max(5)) * 4
        }
        Protocol::UDP | Protocol::ICMP_V6 => 8,
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
