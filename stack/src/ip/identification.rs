//! The identification that ties fragments together (RFC 6864 for IPv4, RFC 8200 §4.5 and RFC 7739 for
//! IPv6).
//!
//! `ip/output.rs` takes one for each datagram that may be fragmented. An identification is a count that
//! went through a permutation of its own for each pair of hosts and protocol: it never repeats within
//! one lap, and tells nobody how much we send to others. Packets with DF have none: they carry 0.

use alloc::vec::Vec;
use core::hash::{BuildHasher, Hash};
use core::net::IpAddr;

use crate::base::keyed::Keyed;
use crate::base::{Duration, Instant, Random};
use crate::wire::protocol::Protocol;

/// How long a datagram may live in the network (RFC 6864 §4.3, RFC 791 §3.2): an IPv4
/// identification is not used again for so long.
pub(crate) const DATAGRAM_LIFETIME: Duration = Duration::from_secs(120);

/// Counts that share the identifications of IPv4. Hosts that fall on the same one share a budget of
/// 65,536 datagrams in [`DATAGRAM_LIFETIME`], but never an identification.
const COUNTS: usize = 512;
/// An IPv4 lap has two halves; each of them may begin again once its last use is old enough.
const HALF_LAP: u16 = 1 << 15;

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    next: u16,
    /// When each half was last used.
    used_at: [Option<Instant>; 2],
}

/// Identifications of both families.
#[derive(Clone, Debug)]
pub(crate) struct Identifications {
    keyed: Keyed,
    /// Empty until the first IPv4 datagram without DF.
    counts: Vec<Count>,
    v6_next: u32,
}

impl Identifications {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            keyed: Keyed::new(random.key()),
            counts: Vec::new(),
            v6_next: random.bits_32(),
        }
    }

    /// The next identification for an IPv4 datagram without DF; `None` if all of them were used
    /// within the lifetime of a datagram (RFC 6864 §4.3).
    pub(crate) fn next_v4(
        &mut self,
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
        now: Instant,
    ) -> Option<u16> {
        let secret = self.secret(source, destination, protocol);
        if self.counts.is_empty() {
            self.counts.resize(COUNTS, Count::default());
        }
        let count = self.counts.get_mut(secret as usize % COUNTS)?;
        let half = usize::from(count.next >= HALF_LAP);
        let used_at = count.used_at.get_mut(half)?;
        let begins = count.next % HALF_LAP == 0;
        if begins && used_at.is_some_and(|at| at.until(now) < DATAGRAM_LIFETIME) {
            return None;
        }
        *used_at = Some(now);
        let raw = count.next;
        count.next = raw.wrapping_add(1);
        Some(permute(u32::from(raw), 8, secret) as u16)
    }

    /// The next identification for an IPv6 packet that is fragmented.
    pub(crate) fn next_v6(
        &mut self,
        source: IpAddr,
        destination: IpAddr,
        protocol: Protocol,
    ) -> u32 {
        let raw = self.v6_next;
        self.v6_next = raw.wrapping_add(1);
        permute(raw, 16, self.secret(source, destination, protocol))
    }

    fn secret(&self, source: IpAddr, destination: IpAddr, protocol: Protocol) -> u64 {
        self.keyed.hash_one(Tuple {
            source,
            destination,
            protocol,
        })
    }
}

#[derive(Hash)]
struct Tuple {
    source: IpAddr,
    destination: IpAddr,
    protocol: Protocol,
}

/// A permutation of the numbers of twice `half_bits` bits: a Feistel network whose rounds mix in
/// `secret`. Whoever sees its values learns at most the secret of his own tuple.
fn permute(value: u32, half_bits: u32, secret: u64) -> u32 {
    let mask = (1 << half_bits) - 1;
    let (mut left, mut right) = ((value >> half_bits) & mask, value & mask);
    for round in 0..6 {
        let mixed = (secret ^ u64::from(right) ^ (round << 40))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
            ^ secret.rotate_left(11 * round as u32 + 7);
        let mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (left, right) = (right, left ^ (mixed >> 40) as u32 & mask);
    }
    (left << half_bits) | right
}

#[cfg(test)]
mod tests;
