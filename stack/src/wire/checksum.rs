//! The Internet checksum (RFC 1071), its pseudo-headers (RFC 9293 §3.1, RFC 8200 §8.1) and its
//! incremental update (RFC 1624).
//!
//! Every parser and `egress.rs` use it. It sums in native byte order and swaps once at the end, as
//! RFC 1071 §2(B) allows, and it knows no header beyond the pseudo-header; that a UDP sum of zero is
//! sent as 0xFFFF is a rule of `wire/udp.rs`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::protocol::Protocol;

/// Octets summed in one round of the unrolled loop.
const ROUND_OCTETS: usize = 64;
/// Octets of one machine word.
const WORD_OCTETS: usize = 8;

/// A ones' complement sum that is being built, slice by slice; slices may have odd lengths.
///
/// What is in a field on the wire is either [`Sum::checksum`] (complemented, the usual case) or
/// [`Sum::partial`] (not complemented, where a device completes it).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sum {
    /// Words of 16 and 32 bits in native byte order; the spare upper bits take the carries.
    words: u64,
    /// Whether so many octets were added that the next one is the low half of a word.
    parity: Parity,
}

/// Where in a 16-bit word the next octet goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Parity {
    #[default]
    Even,
    Odd,
}

impl Sum {
    /// Nothing summed.
    pub const fn new() -> Self {
        Self {
            words: 0,
            parity: Parity::Even,
        }
    }

    /// The sum of `octets`.
    pub fn of(octets: &[u8]) -> Self {
        let mut sum = Self::new();
        sum.add(octets);
        sum
    }

    /// The pseudo-header of either family, for `payload_octets` of transport header and payload.
    ///
    /// `destination` is the final one (RFC 8200 §8.1). Both addresses are of one family; if they are
    /// not, the sum is merely wrong.
    pub fn pseudo_header(
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        payload_octets: usize,
    ) -> Self {
        let words = sum_address(source) + sum_address(destination);
        // IPv4 has 16 bits for the length, IPv6 32: the upper half is zero where IPv4 ends.
        let length = u64::from((payload_octets as u32).to_be());
        let protocol = u64::from(u16::from(protocol.0).to_be());
        Self {
            words: words + length + protocol,
            parity: Parity::Even,
        }
    }

    /// [`Sum::pseudo_header`] for IPv4 (RFC 9293 §3.1).
    pub fn pseudo_header_v4(
        source: Ipv4Addr,
        destination: Ipv4Addr,
        protocol: Protocol,
        payload_octets: usize,
    ) -> Self {
        Self::pseudo_header(source.into(), destination.into(), protocol, payload_octets)
    }

    /// [`Sum::pseudo_header`] for IPv6 (RFC 8200 §8.1).
    pub fn pseudo_header_v6(
        source: Ipv6Addr,
        destination: Ipv6Addr,
        protocol: Protocol,
        payload_octets: usize,
    ) -> Self {
        Self::pseudo_header(source.into(), destination.into(), protocol, payload_octets)
    }

    /// Adds the next `octets` of the message.
    pub fn add(&mut self, octets: &[u8]) {
        let words = fold(sum_words(octets));
        // A slice that begins in the middle of a word has its halves the other way round
        // (RFC 1071 §2(B)).
        let words = match self.parity {
            Parity::Even => words,
            Parity::Odd => words.swap_bytes(),
        };
        self.words += u64::from(words);
        if octets.len() % 2 == 1 {
            self.parity = match self.parity {
                Parity::Even => Parity::Odd,
                Parity::Odd => Parity::Even,
            };
        }
    }

    /// The folded sum, not complemented: what stands in the field when a device is to add the rest
    /// (virtio's `VIRTIO_NET_HDR_F_NEEDS_CSUM`).
    pub fn partial(self) -> u16 {
        u16::from_be(fold(self.words))
    }

    /// The checksum: the complement of the sum.
    pub fn checksum(self) -> u16 {
        !self.partial()
    }

    /// True if what was summed includes a checksum that fits.
    pub fn is_valid(self) -> bool {
        self.checksum() == 0
    }
}

/// The checksum of a message of which `old` became `new`, by equation 3 of RFC 1624.
///
/// `checksum`, `old` and `new` are 16-bit fields as they stand in the header, read big-endian.
pub const fn update(checksum: u16, old: u16, new: u16) -> u16 {
    let mut sum = (!checksum) as u32 + (!old) as u32 + new as u32;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    !(sum as u16)
}

/// [`update`] for a field of several 16-bit words, such as an address. A word that is missing on one
/// side counts as zero, an odd last octet as the high half of its word.
pub fn update_octets(mut checksum: u16, old: &[u8], new: &[u8]) -> u16 {
    let word = |octets: &[u8], at: usize| {
        let high = octets.get(at).copied().unwrap_or(0);
        let low = octets.get(at + 1).copied().unwrap_or(0);
        u16::from_be_bytes([high, low])
    };
    for at in (0..old.len().max(new.len())).step_by(2) {
        checksum = update(checksum, word(old, at), word(new, at));
    }
    checksum
}

/// Sums `octets` as 64-bit words in native byte order with end-around carry.
///
/// Four chains of additions run side by side, so that none waits for the carry of another.
fn sum_words(octets: &[u8]) -> u64 {
    let (rounds, rest) = octets.as_chunks::<ROUND_OCTETS>();
    let mut chains = [0_u64; 4];
    for round in rounds {
        let (words, _) = round.as_chunks::<WORD_OCTETS>();
        let (fours, _) = words.as_chunks::<4>();
        for four in fours {
            for (chain, word) in chains.iter_mut().zip(four) {
                *chain = add_with_carry(*chain, u64::from_ne_bytes(*word));
            }
        }
    }
    let (words, rest) = rest.as_chunks::<WORD_OCTETS>();
    for word in words {
        chains[0] = add_with_carry(chains[0], u64::from_ne_bytes(*word));
    }
    // At most seven octets are left: a word of each smaller size, no loop.
    let (fours, rest) = rest.as_chunks::<4>();
    if let [four] = fours {
        chains[1] = add_with_carry(chains[1], u64::from(u32::from_ne_bytes(*four)));
    }
    let (twos, rest) = rest.as_chunks::<2>();
    if let [two] = twos {
        chains[2] = add_with_carry(chains[2], u64::from(u16::from_ne_bytes(*two)));
    }
    if let [last] = rest {
        // The missing half of the word counts as zero (RFC 1071 §4.1).
        chains[3] = add_with_carry(chains[3], u64::from(u16::from_ne_bytes([*last, 0])));
    }
    chains.into_iter().fold(0, add_with_carry)
}

/// An address as 32-bit words in native byte order, added up: at most 34 bits.
fn sum_address(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u64::from(u32::from_ne_bytes(address.octets())),
        IpAddr::V6(address) => {
            let octets = address.octets();
            let (words, _) = octets.as_chunks::<4>();
            let words = words
                .iter()
                .map(|word| u64::from(u32::from_ne_bytes(*word)));
            words.sum()
        }
    }
}

const fn add_with_carry(a: u64, b: u64) -> u64 {
    let (sum, carry) = a.overflowing_add(b);
    sum + carry as u64
}

/// Folds 64 bits into 16 with end-around carry.
const fn fold(words: u64) -> u16 {
    let mut sum = (words & 0xffff_ffff) + (words >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

#[cfg(test)]
mod tests;
