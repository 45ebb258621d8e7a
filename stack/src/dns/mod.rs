//! The stub resolver: which server is asked what, and what its replies mean (RFC 1035 §5, §7).
//!
//! Look-ups go in with [`Resolver::ask`]; queries come out of [`Resolver::next_query`], each with the
//! name of the UDP socket or TCP connection that it wants, and the octets that arrive there are
//! brought back. Nothing here owns a socket or reads a clock, and no octet from the network is
//! believed before it matches its query. A [`Stack`](crate::Stack) runs the same resolver over its
//! own UDP and TCP: see [`Call::LookUp`](crate::Call::LookUp).

mod answer;
mod arrange;
mod asking;
mod cache;
mod exchange;
mod hosts;
mod lookup;
mod owners;
mod resolver;
mod reverse;
mod search;
mod server;
mod standalone;
mod stream;
#[cfg(test)]
mod tests;

pub use exchange::{Carrier, ExchangeId, Transmit, Transport};
pub use resolver::Dns;
pub use reverse::reverse_name;
pub use standalone::{Cached, Resolver};
pub use stream::StreamId;
