//! The script runner: packetdrill's language, for three back ends.
//!
//! A script says which system calls an application makes, which packets arrive and which ones have to
//! leave, and when. [`parse`] reads it; the runner executes it; [`ladder`](ladder::ladder) draws what
//! was different. The command `sidestep drill` prints, nothing here does.

pub mod ast;
pub mod backend;
pub mod constants;
pub mod error;
pub mod expression;
pub mod ladder;
mod lexer;
pub mod options;
mod parser;
pub mod pattern;
mod printer;
pub mod report;
pub mod run;
pub mod suite;
pub mod sysctl;

pub use parser::{parse, parse_octets};

pub use run::{Settings, run};
