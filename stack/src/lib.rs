//! A TCP/IP stack as one value: packets, calls and time go in, packets and events come out.
//!
//! [`Stack`] has the three doors in and the three doors out of RFC 9293 §3.10. It does no I/O,
//! reads no clock and starts no thread; the same seed and inputs give the same packets, byte for
//! byte, on any machine, and a clone of it is a fork of its world.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod base;
pub mod call;
pub mod config;
pub mod context;
pub mod discard;
pub mod dns;
pub mod event;
pub mod group;
pub mod icmp;
pub mod ip;
pub mod observe;
pub mod raw;
pub mod socket;
pub mod status;
pub mod tcp;
pub mod udp;
pub mod wire;

mod calls;
mod egress;
mod ingress;
mod names;
mod stack;

pub use base::{Duration, Instant};
pub use call::{Call, CallRefused, Reply};
pub use config::Config;
pub use event::Event;
pub use stack::{Counters, Stack};
pub use status::Status;
pub use wire::packet::{Offload, OutPacket, Packet};
