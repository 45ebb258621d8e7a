//! The workbench of the claims: a stack in virtual time, a scripted peer, a bad link.
//!
//! The tests in `tests/` are written with these words. Packets are built here by hand and read back
//! with etherparse, never with the stack's own wire code: whoever checks must not share the mistake.

// A failed claim is a panic with a message; that is what a test helper is for.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used)]

pub mod expect;
pub mod flood_device;
pub mod full;
pub mod go_net;
pub mod host;
pub mod latency;
pub mod ledger;
pub mod lossy_device;
pub mod namespace_net;
pub mod oracle;
pub mod scene;
pub mod stream;

pub use sidestep_tools::packet::{craft, seen};
