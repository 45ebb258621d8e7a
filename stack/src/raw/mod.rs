//! Raw sockets: the payloads of one IP protocol, as `ip4:icmp` and its like see them.
//!
//! The pages offer every datagram of a protocol that somebody asked for. A raw socket gets a copy;
//! what the stack itself does with the datagram is not changed by it.

mod socket;

#[cfg(test)]
mod tests;

pub use socket::{Claimed, Raw, Sender};
