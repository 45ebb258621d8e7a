//! Runs a program in a user and a network namespace of its own: `in-own-network PROGRAM ARGUMENTS…`.
//!
//! A user namespace can only be entered by a process with one thread, which the test harness never
//! is; so `namespace_net` has a test that lacks the right of root run again through this. Where the
//! machine forbids it, it says so and counts as skipped.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use sidestep_tests::namespace_net::ENTERED;
use sidestep_tools::namespace::enter_own_network;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        eprintln!("usage: in-own-network PROGRAM ARGUMENTS...");
        return ExitCode::FAILURE;
    };
    if let Err(error) = enter_own_network() {
        println!("SKIPPED: {error}; {}", error.hint().unwrap_or_default());
        return ExitCode::SUCCESS;
    }
    let error = Command::new(program)
        .args(arguments)
        .env(ENTERED, "1")
        .exec();
    eprintln!("cannot be run: {error}");
    ExitCode::FAILURE
}
