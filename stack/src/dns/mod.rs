//! The stub resolver: which server is asked what, and what its replies mean (RFC 1035 §5, §7).
//!
//! The page `stack.rs` carries look-ups in, gives each [`Transmit`] a fresh UDP socket with a
//! random port or a TCP connection of its own (RFC 5452 §9.2), and brings the octets back. Nothing
//! here owns a socket, and no octet from the network is believed before it matches its query.

mod answer;
mod exchange;
mod hosts;
mod lookup;
mod resolver;
mod search;
mod server;
#[cfg(test)]
mod tests;

pub use exchange::{ExchangeId, Transmit, Transport};
pub use resolver::Dns;
