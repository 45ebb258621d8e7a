//! Which connection, listener or socket a packet is for, and which port a new one gets.
//!
//! Used by `tcp`, `udp` and `raw`. It holds keys and addresses only, never the things they name.

pub mod demux;
pub mod ports;
pub mod settings;

#[cfg(test)]
mod tests;

pub use demux::{Demux, FourTuple, InUse};
pub use settings::Settings;
