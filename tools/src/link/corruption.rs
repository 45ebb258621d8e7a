//! The stage that changes octets: a bit, a burst, the end cut off, garbage.
//!
//! [`Link`](super::Link) sends every packet and every copy through it. One bit, or a burst of up to
//! 15 bits, never passes an internet checksum that covers it (RFC 1071); garbage passes one time in 65,536, so
//! a claim about integrity should not use it. An empty packet stays as it is.

use bytes::{Bytes, BytesMut};

use super::chance::{Chance, Stage};
use super::counters::Counters;
use super::recipe::Recipe;

/// The internet checksum notices every burst up to here.
const BURST_BITS_MAX: u64 = 15;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Corruption {
    random: Chance,
}

impl Corruption {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Chance::new(seed, Stage::Corruption),
        }
    }

    /// The packet as it goes on.
    pub(super) fn packet_arrives(
        &mut self,
        recipe: &Recipe,
        counters: &mut Counters,
        packet: Bytes,
    ) -> Bytes {
        // All four are drawn first, so that what happens to a packet does not move the others on.
        let [bit, burst, cut, garbage] = [
            recipe.corrupt,
            recipe.corrupt_burst,
            recipe.truncate,
            recipe.garbage,
        ]
        .map(|share| (!share.is_none()).then(|| (self.random.happens(share), self.random.bits())))
        .map(|drawn| drawn.filter(|(happens, _)| *happens).map(|(_, bits)| bits));
        if packet.is_empty() || [bit, burst, cut, garbage].iter().all(Option::is_none) {
            return packet;
        }
        let mut octets = BytesMut::from(&packet[..]);
        if let Some(bits) = bit {
            counters.corrupted_bit += 1;
            flip(&mut octets, scale(bits, bits_of(&packet)));
        }
        if let Some(bits) = burst {
            counters.corrupted_burst += 1;
            flip_burst(&mut octets, bits);
        }
        if let Some(bits) = garbage {
            counters.garbage += 1;
            let first = scale(bits, packet.len() as u64) as usize;
            for octet in &mut octets[first..] {
                *octet = self.random.bits() as u8;
            }
        }
        if let Some(bits) = cut {
            counters.truncated += 1;
            // At least one octet is left, and at least one is gone unless there was only one.
            let left = 1 + scale(bits, (packet.len() as u64).saturating_sub(1));
            octets.truncate(left as usize);
        }
        octets.freeze()
    }
}

const fn bits_of(packet: &Bytes) -> u64 {
    packet.len() as u64 * 8
}

/// From 0 to `bound - 1`.
fn scale(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

fn flip(octets: &mut [u8], bit: u64) {
    if let Some(octet) = octets.get_mut((bit / 8) as usize) {
        *octet ^= 0x80 >> (bit % 8);
    }
}

/// Flips the first and the last bit of a window of 2 to 15 bits, and those between by chance.
fn flip_burst(octets: &mut [u8], bits: u64) {
    let all = octets.len() as u64 * 8;
    let window = (2 + (bits & 0xffff) * (BURST_BITS_MAX - 1) / 0x1_0000).min(all);
    let first = scale(bits, all - window + 1);
    let middle = bits >> 16;
    for at in 0..window {
        if at == 0 || at == window - 1 || middle >> at & 1 == 1 {
            flip(octets, first + at);
        }
    }
}
