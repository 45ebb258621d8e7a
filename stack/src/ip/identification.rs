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
mod tests {
    use super::*;
    use core::net::Ipv4Addr;
    use std::collections::HashSet;

    const US: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const A: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    const B: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 3));

    fn new() -> Identifications {
        Identifications::new(&mut Random::new([9; 32]))
    }

    #[test]
    fn rfc6864_02_a_lap_has_no_repeats_and_the_next_one_waits_for_the_old_to_die() {
        let mut ids = new();
        let mut seen = HashSet::new();
        for step in 0..65_536_u64 {
            // The second half is used a second after the first.
            let now = Instant::from_secs(step / 32_768);
            let id = ids.next_v4(US, A, Protocol::UDP, now).unwrap();
            assert!(seen.insert(id));
        }
        let just_before = Instant::from_nanos(120_000_000_000 - 1);
        assert_eq!(ids.next_v4(US, A, Protocol::UDP, just_before), None);
        for _ in 0..32_768 {
            assert!(
                ids.next_v4(US, A, Protocol::UDP, Instant::from_secs(120))
                    .is_some()
            );
        }
        assert_eq!(
            ids.next_v4(US, A, Protocol::UDP, Instant::from_secs(120)),
            None
        );
        assert!(
            ids.next_v4(US, A, Protocol::UDP, Instant::from_secs(121))
                .is_some()
        );
    }

    #[test]
    fn bad_12_two_observers_see_no_shared_sequence() {
        let mut ids = new();
        let mut seen = [std::vec::Vec::new(), std::vec::Vec::new()];
        for _ in 0..1_000 {
            for (place, peer) in [A, B].into_iter().enumerate() {
                let id = ids.next_v4(US, peer, Protocol::UDP, Instant::ZERO).unwrap();
                seen[place].push(i64::from(id));
            }
        }
        for observed in &seen {
            let small_steps = observed
                .windows(2)
                .filter(|pair| (1..=4).contains(&(pair[1] - pair[0])));
            assert!(small_steps.count() < 10);
        }
        let shared = seen[0]
            .iter()
            .zip(&seen[1])
            .filter(|(a, b)| (*a - *b).abs() < 4);
        assert!(shared.count() < 10);
    }

    #[test]
    fn rfc8200_13_fragment_identifications_do_not_repeat_or_count() {
        let mut ids = new();
        let mut seen = HashSet::new();
        let mut last = 0_u32;
        for _ in 0..10_000 {
            let id = ids.next_v6(US, A, Protocol::UDP);
            assert!(seen.insert(id));
            assert!(id.wrapping_sub(last) > 16);
            last = id;
        }
    }
}
