//! Services to talk to: echo, discard, chargen and files over HTTP.
//!
//! `sidestep serve` and the demo run [`Server`] over any listener, whoever's stack is below it.
//! Each connection has a thread; how many there may be is bounded, and the rest wait in the backlog.

pub mod http;
mod server;
mod services;

pub use server::{Server, ServerCounts};
pub use services::{Service, chargen_line, packets};
