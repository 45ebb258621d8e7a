//! The octets that `...` stands for: each depends on its direction and its place in the stream.
//!
//! Packetdrill sends zeroes and looks at no payload. Here an octet that is lost, repeated, swapped or
//! from the wrong direction shows at once, and the place of a wrong one can be told. Octets follow from
//! SplitMix64 of the place, so any part can be made without what is before it.

use bytes::Bytes;

use super::ast::Direction;

/// The octet at `offset` of the stream of `direction` (0 is the first octet after the SYN; of a
/// datagram, its own first octet).
pub const fn octet(direction: Direction, offset: u64) -> u8 {
    let word = word(direction, offset / 8);
    word.to_le_bytes()[(offset % 8) as usize]
}

/// `octets` octets from `offset` on.
pub fn octets(direction: Direction, offset: u64, octets: usize) -> Bytes {
    (0..octets as u64)
        .map(|index| octet(direction, offset.wrapping_add(index)))
        .collect()
}

/// SplitMix64's output for one word of one direction.
const fn word(direction: Direction, index: u64) -> u64 {
    let seed = match direction {
        Direction::Inbound => 0x696e_626f_756e_6421,
        Direction::Outbound => 0x6f75_7462_6f75_6e64,
    };
    let mut word = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed;
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests;
