//! Networks in one process that run in virtual time, repeat to the byte by seed, and can be forked.
//!
//! A [`World`] has hosts (each a `Stack` and [applications](app)), routers, switches, and links
//! ([`crate::link`]). It is a value: a clone of it is a fork, and both branches go the same way from
//! there. Rules are checked after every step, and one that does not hold is a [`Failure`] with the
//! seed that repeats it. Code that is written against the traits of the `sidestep` crate runs in a
//! [`theatre`], beside a world. [`sweep`] runs many seeds, each a world of its own kind.

pub mod app;
mod digest;
mod failure;
mod host;
pub mod near_wrap;
pub mod record;
mod router;
pub mod sweep;
pub mod theatre;
pub mod transfer;
mod watch;
mod world;

pub use digest::{Digest, Way};
pub use failure::{Discontent, Failure, HAPPENINGS_MAX, Happening, Violation};
pub use host::{BuildError, Checks, Host, NewHost};
pub use router::{Router, RouterCounters, Switch};
pub use world::{CableId, Crossing, Limits, NodeId, Ran, World};

/// The seed of a stack, or of any other part: 32 octets that follow from a small number.
pub fn seed_of(number: u64) -> [u8; 32] {
    let mut seed = *b"sidestep world, number........  ";
    seed[24..].copy_from_slice(&number.to_le_bytes());
    seed
}
