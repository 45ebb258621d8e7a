//! A bad link between two hosts, in one direction, as a value: packets and moments go in, packets
//! and moments come out.
//!
//! A [`Recipe`] is the text that says what the link does, and a [`Link`] does it. The simulator, the
//! tests and `sidestep link` ([`real_time`]) use the same one, which reads no clock and does no I/O: the same recipe,
//! seed, packets and moments give the same outcome on any machine (integers only, ChaCha12). A link
//! has no sides: two hosts have two of them, one for each direction.
//!
//! A packet meets the stages in this order, whatever the order of the keys in the recipe:
//!
//! 1. **MTU**: what is too big is fragmented, or dropped with or without an ICMP message;
//! 2. **loss**: `drop` (scripted), `every`, `gilbert` (bursty), `loss` (independent);
//! 3. **duplication**: from here on the copy is a packet of its own;
//! 4. **corruption**: `corrupt`, `corrupt-burst`, `truncate`, `garbage`;
//! 5. **bottleneck**: a `rate` or a `trace` behind a queue, which drops or marks;
//! 6. **reordering**: a packet waits until others have overtaken it;
//! 7. **delay** and jitter.
//!
//! Each stage draws its chances from a source of its own, so that adding a key to a recipe does not
//! change what the other stages do with the same packets.

mod bottleneck;
mod chance;
mod corruption;
mod counters;
mod delay;
mod ecn;
mod impaired;
mod loss;
mod mtu;
mod queue;
pub mod real_time;
mod recipe;
mod reorder;
mod trace;
mod value;

pub use counters::Counters;
pub use impaired::{HELD_OCTETS_MAX, HELD_PACKETS_MAX, Link, Transit};
pub use recipe::{
    Distribution, Ecn, Gilbert, Icmp, KEYS, Key, Management, Order, Recipe, RecipeError,
    RecipeProblem,
};
pub use trace::{OPPORTUNITY_OCTETS, Trace, TraceError};
pub use value::{Limit, PacketRanges, Rate, Share, ValueError, read_octets};

#[cfg(test)]
mod tests;
