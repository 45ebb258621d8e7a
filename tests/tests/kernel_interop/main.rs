//! Sidestep against the kernel: std's sockets on one side of a TUN, Sidestep's on the other.
//!
//! Each test has a network namespace of its own and runs over IPv4 and IPv6; no other program is
//! needed. The kernel is the peer that everybody will meet, so what it says decides.

// A failed claim is a panic with a message.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

mod bad_link;
mod crowds;
mod datagrams;
mod endings;
mod grid;
mod groups;
mod kernel;
mod pings;
mod streams;
