//! Sidestep and the programs that everybody uses: curl, nginx, dig, socat and tshark.
//!
//! Each test has a network namespace of its own, with the program on the kernel's side of a TUN, and
//! runs over IPv4 and IPv6. They need programs, so they are ignored unless asked for; one that a
//! program is missing for says `SKIPPED:`, or fails if `SIDESTEP_REQUIRE` is 1.

// A failed claim is a panic with a message.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

mod captures;
mod names;
mod names_faults;
mod names_servers;
mod programs;
mod relays;
mod web;
