//! Ephemeral ports that outsiders cannot guess (RFC 6056).
//!
//! Called when a connection is opened or a socket is bound without a port. It remembers nothing:
//! who uses which port is asked of the caller.

use crate::base::Random;

/// The first ephemeral port (RFC 6056 §3.2).
pub const FIRST: u16 = 1_024;

/// So many ports there are to choose from.
pub const COUNT: u32 = u16::MAX as u32 - FIRST as u32 + 1;

/// Random tries before every port is tried in turn.
const RANDOM_TRIES: u32 = 32;

/// A port for which `in_use` is false, or `None` if there is none.
///
/// The simple random selection of RFC 6056 §3.3.2; where most ports are taken, the search goes on
/// upwards from a random port (§3.3.1), so that a free one is always found.
pub fn choose(random: &mut Random, in_use: impl Fn(u16) -> bool) -> Option<u16> {
    for _ in 0..RANDOM_TRIES {
        let port = FIRST + random.below(COUNT) as u16;
        if !in_use(port) {
            return Some(port);
        }
    }
    let start = random.below(COUNT);
    (0..COUNT)
        .map(|step| FIRST + ((start + step) % COUNT) as u16)
        .find(|port| !in_use(*port))
}
