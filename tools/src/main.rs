//! The `sidestep` command: see `sidestep --help`.
//!
//! All of it is in `cli/`, one file for each subcommand; what they do is in the library.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}
