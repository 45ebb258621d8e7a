//! What servers say besides addresses: Go's `MX`, `NS` and `SRV`, in the order to be tried in.
//!
//! `resolver/lookup.rs` makes them from the stack's answers. Names end with a dot, as in Go.

use rand::Rng;
use rand::RngExt as _;

/// A mail exchange (RFC 1035 §3.3.9).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct MX {
    /// The host that takes the mail; `.` takes none (RFC 7505 §3).
    #[doc(alias = "Host")]
    pub host: String,
    /// A lower value is tried first.
    #[doc(alias = "Pref")]
    pub pref: u16,
}

/// A name server (RFC 1035 §3.3.11).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NS {
    /// The host that knows the zone.
    #[doc(alias = "Host")]
    pub host: String,
}

/// Where a service is (RFC 2782).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SRV {
    /// The host; `.` says that the service is not there.
    #[doc(alias = "Target")]
    pub target: String,
    /// Its port.
    #[doc(alias = "Port")]
    pub port: u16,
    /// A lower value is tried first.
    #[doc(alias = "Priority")]
    pub priority: u16,
    /// Within a priority, one with a greater weight is more likely to be tried first.
    #[doc(alias = "Weight")]
    pub weight: u16,
}

/// By preference; those of the same are in random order (RFC 5321 §5.1).
pub(super) fn sort_exchanges(exchanges: &mut [MX], random: &mut impl Rng) {
    shuffle(exchanges, random);
    exchanges.sort_by_key(|exchange| exchange.pref);
}

/// By priority; those of the same are in an order drawn by weight (RFC 2782).
pub(super) fn sort_services(services: &mut [SRV], random: &mut impl Rng) {
    // Those of weight 0 come first, so that they have a small chance of being drawn.
    services.sort_by_key(|service| (service.priority, service.weight));
    for group in services.chunk_by_mut(|one, other| one.priority == other.priority) {
        draw_by_weight(group, random);
    }
}

fn draw_by_weight(mut rest: &mut [SRV], random: &mut impl Rng) {
    let mut sum: u64 = rest.iter().map(|service| u64::from(service.weight)).sum();
    while sum > 0 && rest.len() > 1 {
        let drawn = random.random_range(0..sum);
        let mut passed = 0;
        let chosen = rest.iter().position(|service| {
            passed += u64::from(service.weight);
            passed > drawn
        });
        rest.swap(0, chosen.unwrap_or(0));
        let Some((first, others)) = rest.split_first_mut() else {
            return;
        };
        sum -= u64::from(first.weight);
        rest = others;
    }
}

fn shuffle<T>(items: &mut [T], random: &mut impl Rng) {
    for last in 1..items.len() {
        items.swap(last, random.random_range(0..=last));
    }
}

#[cfg(test)]
mod tests;
