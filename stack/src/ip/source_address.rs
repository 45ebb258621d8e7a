//! Which of our addresses to send from, and which of several destinations to try first (RFC 6724).
//!
//! `ip/mod.rs` asks once for each new path, the resolver for each answer. IPv4 addresses take part as
//! IPv4-mapped ones (§3.2). Rules that speak of what we do not have are skipped where they stand: home
//! addresses (rule 4), a second interface (rule 5) and tunnels (rule 7 of §6).

use alloc::vec::Vec;
use core::cmp::Reverse;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::prefix::{Family, common_bits, leading, mapped};
pub use crate::call::Policy;

/// How far an address is meant to be known (RFC 6724 §3.1); the values are those of RFC 4291 §2.7.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Scope(u8);

impl Scope {
    const LINK_LOCAL: Self = Self(0x2);
    const SITE_LOCAL: Self = Self(0x5);
    const ORGANIZATION_LOCAL: Self = Self(0x8);
    const GLOBAL: Self = Self(0xe);

    /// Scope(A) of RFC 6724 §3.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => Self::of_v4(address),
                None => Self::of_v6(address),
            },
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        if address.is_loopback() || address.is_link_local() {
            return Self::LINK_LOCAL;
        }
        // RFC 2365 §6 for groups; RFC 6724 has no word about them.
        match address.octets() {
            [224, 0, 0, _] => Self::LINK_LOCAL,
            [239, 255, _, _] => Self::SITE_LOCAL,
            [239, 192..=195, _, _] => Self::ORGANIZATION_LOCAL,
            _ => Self::GLOBAL,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_multicast() {
            return Self(address.octets()[1] & 0x0f);
        }
        if address.is_loopback() || address.is_unicast_link_local() {
            return Self::LINK_LOCAL;
        }
        if leading(address.to_bits(), 10) == 0xfec0 << 112 {
            return Self::SITE_LOCAL;
        }
        Self::GLOBAL
    }
}

const fn row(prefix: [u16; 8], prefix_bits: u8, precedence: u8, label: u8) -> Policy {
    let [a, b, c, d, e, f, g, h] = prefix;
    Policy {
        prefix: Ipv6Addr::new(a, b, c, d, e, f, g, h),
        prefix_bits,
        precedence,
        label,
    }
}

/// The nine rows of RFC 6724 §2.1.
pub const DEFAULT_POLICIES: [Policy; 9] = [
    row([0, 0, 0, 0, 0, 0, 0, 1], 128, 50, 0),
    row([0; 8], 0, 40, 1),
    row([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, 35, 4),
    row([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, 30, 2),
    row([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, 5, 5),
    row([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, 3, 13),
    row([0; 8], 96, 1, 3),
    row([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, 1, 11),
    row([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, 1, 12),
];

/// The policy table: longest prefix first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PolicyTable(Vec<Policy>);

impl Default for PolicyTable {
    fn default() -> Self {
        Self::new(&DEFAULT_POLICIES)
    }
}

impl PolicyTable {
    /// A table of these rows; of two with the same prefix the first one counts, and a prefix longer
    /// than an address matches nothing.
    pub fn new(policies: &[Policy]) -> Self {
        let mut rows: Vec<Policy> = policies
            .iter()
            .copied()
            .filter(|row| row.prefix_bits <= 128)
            .collect();
        rows.sort_by_key(|row| Reverse(row.prefix_bits));
        Self(rows)
    }

    fn look_up(&self, address: IpAddr) -> Option<&Policy> {
        let bits = mapped(address).to_bits();
        self.0.iter().find(|row| {
            leading(bits, row.prefix_bits) == leading(row.prefix.to_bits(), row.prefix_bits)
        })
    }

    fn label(&self, address: IpAddr) -> Option<u8> {
        self.look_up(address).map(|row| row.label)
    }

    fn precedence(&self, address: IpAddr) -> u8 {
        self.look_up(address).map_or(0, |row| row.precedence)
    }
}

/// Whether an address should still be used for something new (RFC 4862 §2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Standing {
    /// It may be used without restriction.
    #[default]
    Preferred,
    /// It is valid, but on its way out.
    Deprecated,
}

/// Whether an address is meant to be known (RFC 8981 §1.2).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Publicity {
    /// It stays the same.
    #[default]
    Public,
    /// It changes, for privacy.
    Temporary,
}

/// One of our addresses on the outgoing interface (RFC 6724 §4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// The address: never a group, never unspecified.
    pub address: IpAddr,
    /// How many of its leading bits name the network.
    pub prefix_bits: u8,
    /// See [`Standing`].
    pub standing: Standing,
    /// See [`Publicity`].
    pub publicity: Publicity,
}

impl Candidate {
    /// A preferred public address; `None` if it can be no source (RFC 6724 §4).
    pub fn new(address: IpAddr, prefix_bits: u8) -> Option<Self> {
        if address.is_multicast() || address.is_unspecified() {
            return None;
        }
        Some(Self {
            address,
            prefix_bits,
            standing: Standing::default(),
            publicity: Publicity::default(),
        })
    }

    /// CommonPrefixLen(S, D) of RFC 6724 §2.2.
    fn common_prefix_bits(&self, destination: IpAddr) -> u8 {
        let above = match Family::of(self.address) {
            Family::V4 => 96,
            Family::V6 => 0,
        };
        let common = common_bits(
            mapped(self.address).to_bits(),
            mapped(destination).to_bits(),
        );
        common.min(self.prefix_bits.saturating_add(above))
    }
}

/// Rule 2 of RFC 6724 §5 as a rank: scopes that reach the destination come first, the smallest of
/// them foremost; then those that do not, the largest foremost.
fn scope_rank(source: Scope, destination: Scope) -> (bool, u8) {
    if source >= destination {
        (true, u8::MAX - source.0)
    } else {
        (false, source.0)
    }
}

/// The best source for `destination` among `candidates` of its family (RFC 6724 §5), or none.
pub fn select_source(
    policies: &PolicyTable,
    destination: IpAddr,
    candidates: impl Iterator<Item = Candidate>,
) -> Option<Candidate> {
    let scope = Scope::of(destination);
    let label = policies.label(destination);
    let rank = |candidate: &Candidate| {
        (
            candidate.address == destination,                // Rule 1
            scope_rank(Scope::of(candidate.address), scope), // Rule 2
            candidate.standing == Standing::Preferred,       // Rule 3
            policies.label(candidate.address) == label,      // Rule 6
            candidate.publicity == Publicity::Temporary,     // Rule 7
            candidate.common_prefix_bits(destination),       // Rule 8
        )
    };
    let mut best: Option<Candidate> = None;
    for candidate in candidates {
        if Family::of(candidate.address) != Family::of(destination) {
            continue;
        }
        // The earliest of equals stays, so that the choice is the same in every run.
        if best
            .as_ref()
            .is_none_or(|best| rank(&candidate) > rank(best))
        {
            best = Some(candidate);
        }
    }
    best
}

/// Sorts `destinations` so that the one to try first comes first (RFC 6724 §6).
///
/// `source_of` is Source(D). Rule 9 compares only within a family, which is no total order; between
/// families that tie up to there, the family that came first in the list goes first (§6 lets rules
/// 9 and 10 be superseded).
pub fn sort_destinations(
    policies: &PolicyTable,
    destinations: &mut [IpAddr],
    source_of: impl Fn(IpAddr) -> Option<Candidate>,
) {
    let Some(first_family) = destinations.first().map(|first| Family::of(*first)) else {
        return;
    };
    destinations.sort_by_cached_key(|destination| {
        let destination = *destination;
        let scope = Scope::of(destination);
        let source = source_of(destination);
        let same_scope = source.is_some_and(|source| Scope::of(source.address) == scope);
        let preferred = source.is_some_and(|source| source.standing == Standing::Preferred);
        let same_label = source
            .is_some_and(|source| policies.label(source.address) == policies.label(destination));
        let common_bits = source.map_or(0, |source| source.common_prefix_bits(destination));
        (
            Reverse(source.is_some()),                 // Rule 1
            Reverse(same_scope),                       // Rule 2
            Reverse(preferred),                        // Rule 3
            Reverse(same_label),                       // Rule 5
            Reverse(policies.precedence(destination)), // Rule 6
            scope,                                     // Rule 8
            Family::of(destination) != first_family,
            Reverse(common_bits), // Rule 9; rule 10: the sort is stable
        )
    });
}

#[cfg(test)]
mod tests;
