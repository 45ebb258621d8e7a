//! Which connection, listener or socket a packet is for, and which port a new one gets.
//!
//! Used by `tcp` and `udp`. It holds keys and addresses only, never the things they name.

pub mod demux;
pub mod ports;

#[cfg(test)]
mod tests;

pub use demux::{Demux, FourTuple, InUse};
