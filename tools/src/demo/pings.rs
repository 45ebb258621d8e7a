//! Echo requests through raw IP sockets (RFC 1122 §3.2.2.6, RFC 4443 §4).
//!
//! The other end's stack answers them without any program's help. A payload longer than the MTU
//! crosses in fragments, both ways.

use std::time::Duration;

use super::check::Unmet;
use super::pair::{Pair, Whose};
use crate::octets::Pattern;
use crate::ping::Pinger;

/// Nothing, what `ping` sends, and more than two packets hold.
const SIZES: [u64; 3] = [0, 56, 4_000];
/// Tells the demo's requests from others.
const IDENTIFIER: u16 = 0x51de;
/// How long one reply may take.
const WAIT: Duration = Duration::from_secs(2);

/// Every request finds its reply.
pub(super) fn there_and_back(pair: &Pair) -> Result<String, Unmet> {
    let mut pinger = match pair.client.whose {
        Whose::Sidestep => Pinger::new(&pair.client.net, pair.server.address, IDENTIFIER)?,
        Whose::Kernel => Pinger::from_kernel(pair.server.address, IDENTIFIER)?,
    };
    let mut times = Vec::new();
    for (sequence, size) in (1..).zip(SIZES) {
        let payload = Pattern::new(size, size).to_vec();
        times.push(pinger.ping(sequence, &payload, WAIT)?.time);
    }
    let best = times.into_iter().min().unwrap_or_default();
    Ok(format!("{SIZES:?} octets, {} µs at best", best.as_micros()))
}
