//! Octets on the wire and what they mean: one file for each header.
//!
//! `parse` turns octets into a value or says what is wrong with them, `emit` does the reverse.
//! Nothing here knows of connections, sockets or time.

pub mod cause;
pub mod checksum;
pub mod dns_message;
pub mod dns_name;
pub mod flow;
pub mod group;
pub mod icmpv4;
pub mod icmpv6;
pub mod ipv4;
pub mod ipv6;
pub mod ipv6_chain;
pub mod membership;
pub mod packet;
pub mod path_error;
pub mod protocol;
pub mod report;
pub mod tcp;
pub mod tcp_options;
pub mod udp;
