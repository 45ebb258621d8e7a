//! What is behind the `sidestep` command, for tests and programs that want it without the command.
//!
//! Stacks on devices, services to talk to, a name server, echo requests, octets made from a seed, and
//! the demo. Nothing here parses arguments or prints: that is the command's part, in `cli/`.

pub mod book;
pub mod bring_up;
pub mod capture;
pub mod demo;
pub mod drill;
pub mod fuzz;
pub mod grid;
pub mod link;
pub mod name_server;
pub mod namespace;
pub mod octets;
pub mod packet;
pub mod peer;
pub mod ping;
pub mod recovery_count;
pub mod serve;
pub mod sim;
