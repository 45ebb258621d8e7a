//! What is behind the `sidestep` command, for tests and programs that want it without the command.
//!
//! Services to talk to, a name server, echo requests, octets made from a seed, and the demo. Nothing
//! here parses arguments or prints: that is the command's part, in `cli/`.

pub mod namespace;
pub mod octets;
