//! Packets made by hand and packets read by a second opinion, for whoever checks or provokes a stack.
//!
//! [`craft`] builds packets, right or wrong on purpose; [`seen`] reads what a stack emitted with
//! etherparse. Neither shares a line with the stack's own wire code.

pub mod craft;
pub mod seen;
