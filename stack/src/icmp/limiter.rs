//! How many ICMP errors may leave (RFC 4443 §2.4(f), RFC 1812 §4.3.2.8).
//!
//! `icmp/output.rs` asks before each error. Each destination has a token bucket of its own, and all of
//! them share one whose tokens have a random price: a counter that strangers share would tell one of
//! them what the others did (BAD-24). Echo replies are no errors and not limited here.

use core::net::IpAddr;

use crate::base::aged::AgedMap;
use crate::base::{Instant, Random};
use crate::config::Config;
use crate::context::Context;

/// A token in the buckets' unit.
const TOKEN: u64 = 1_000;
/// The shared bucket holds what flows in during so many parts of a second.
const TOTAL_BURST_PARTS: u64 = 10;

#[derive(Clone, Copy, Debug)]
struct Bucket {
    millitokens: u64,
    filled_at: Instant,
}

impl Bucket {
    const fn full(burst: u64, now: Instant) -> Self {
        Self {
            millitokens: burst * TOKEN,
            filled_at: now,
        }
    }

    fn fill(&mut self, per_second: u64, burst: u64, now: Instant) {
        // A token in a second is a millitoken in a million nanoseconds.
        let nanos = self.filled_at.until(now).as_nanos();
        let flowed = u64::try_from(nanos * u128::from(per_second) / 1_000_000).unwrap_or(u64::MAX);
        if flowed > 0 {
            self.millitokens = self.millitokens.saturating_add(flowed).min(burst * TOKEN);
            self.filled_at = now;
        }
    }

    const fn take(&mut self, millitokens: u64) -> bool {
        if self.millitokens < millitokens {
            return false;
        }
        self.millitokens -= millitokens;
        true
    }
}

/// Token buckets of all destinations.
#[derive(Clone, Debug)]
pub(super) struct Limiter {
    /// The one that was used longest ago makes room.
    destinations: AgedMap<IpAddr, Bucket>,
    total: Bucket,
}

impl Limiter {
    /// All buckets are full when the stack begins.
    pub(super) fn new(config: &Config, random: &mut Random) -> Self {
        Self {
            destinations: AgedMap::new(random.key()),
            total: Bucket::full(total_burst(config), Instant::ZERO),
        }
    }

    /// Whether an error may be sent to `destination` now.
    pub(super) fn allow(&mut self, cx: &mut Context<'_>, destination: IpAddr) -> bool {
        // The order matters: who is limited for himself takes nothing from the others.
        self.allow_destination(cx, destination) && self.allow_total(cx)
    }

    fn allow_destination(&mut self, cx: &Context<'_>, destination: IpAddr) -> bool {
        let per_second = cx.config.icmp_errors_per_second;
        let burst = cx.config.icmp_errors_burst;
        if per_second == 0 {
            return false;
        }
        let mut bucket = match self.destinations.get(&destination) {
            Some(bucket) => *bucket,
            None => {
                if self.destinations.len() >= cx.config.icmp_limiter_entries_max as usize {
                    self.destinations.remove_oldest();
                }
                Bucket::full(burst, cx.now)
            }
        };
        bucket.fill(per_second, burst, cx.now);
        let allowed = bucket.take(TOKEN);
        self.destinations.insert(destination, bucket);
        allowed
    }

    fn allow_total(&mut self, cx: &mut Context<'_>) -> bool {
        // On average one token, but nobody knows what the last error cost.
        let price = 1 + u64::from(cx.random.below(2 * TOKEN as u32));
        let per_second = cx.config.icmp_errors_total_per_second;
        self.total.fill(per_second, total_burst(cx.config), cx.now);
        self.total.take(price)
    }
}

/// What the shared bucket holds; nothing if no error may be sent at all.
const fn total_burst(config: &Config) -> u64 {
    config
        .icmp_errors_total_per_second
        .div_ceil(TOTAL_BURST_PARTS)
}
