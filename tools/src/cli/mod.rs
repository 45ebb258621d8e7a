//! Reads the arguments, runs one subcommand, and turns its end into an exit code.
//!
//! Each subcommand has a file here with its arguments, its help and its output. None of them knows
//! a protocol: what they do is in the library, or in the `sidestep` crate.

mod demo;
mod drill;
mod failure;
mod fuzz;
mod grid;
mod interrupt;
mod link;
mod nc;
mod options;
mod output;
mod ping;
mod recovery;
mod replay;
mod resolve;
mod serve;
mod sim;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

#[cfg(test)]
mod tests;

const EXIT_CODES: &str = "\
Exit codes:
  0  it worked, and every check holds
  1  it did not work: refused, unreachable, no such name, no reply, a check that fails
  2  the arguments make no sense
  3  the stack could not be brought up: a right or a device is missing (the message says what to do)";

/// Go's `net` on a TCP/IP stack of its own: see it work, and use it.
///
/// Packets cross a TUN device; the kernel's transport layer is not used on this side of it.
#[derive(Debug, Parser)]
#[command(name = "sidestep", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Arguments),
    Link(Box<link::Arguments>),
    Grid(Box<grid::Arguments>),
    Drill(drill::Arguments),
    Up(up::Arguments),
    Nc(nc::Arguments),
    Ping(ping::Arguments),
    Recovery(recovery::Arguments),
    Replay(replay::Arguments),
    Serve(serve::Arguments),
    Resolve(resolve::Arguments),
    Sim(Box<sim::Arguments>),
    Fuzz(fuzz::Arguments),
}

/// The whole command.
pub(super) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command {
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Link(arguments) => link::run(&arguments),
        Command::Grid(arguments) => grid::run(&arguments),
        Command::Drill(arguments) => drill::run(&arguments),
        Command::Up(arguments) => up::run(&arguments),
        Command::Nc(arguments) => nc::run(&arguments),
        Command::Ping(arguments) => ping::run(&arguments),
        Command::Recovery(arguments) => recovery::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Resolve(arguments) => resolve::run(&arguments),
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::from(failure.exit_code())
        }
    }
}
