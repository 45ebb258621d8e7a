//! `sidestep demo`: shows that it works, on this machine, now.

use clap::Args;

use super::options::CaptureOptions;
use super::{Failure, output};
use sidestep_tools::demo;

const HELP: &str = "\
It makes a user and network namespace of its own with a TUN device inside, so it needs no rights and
touches nothing of this machine. Where that is not allowed, it connects two Sidestep stacks with a
cable in memory, and says why.

Examples:
  sidestep demo
  sidestep demo --json
  sidestep demo --memory   # without the TUN device, also where it would work";

/// Checks Sidestep against the kernel over a TUN device: TCP, UDP, ping, names and errors
#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// Prints one JSON object: {"ok", "device", "checks": [{"name", "ok", "detail", "ms"}]}
    #[arg(long)]
    json: bool,
    /// Uses the cable in memory even where a TUN device is allowed
    #[arg(long)]
    memory: bool,
    /// The seed of both stacks' chance; without it they ask the operating system
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    capture: CaptureOptions,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let options = demo::Options {
        device: if arguments.memory {
            demo::Device::Memory
        } else {
            demo::Device::TunIfAllowed
        },
        seed: arguments.seed,
        written: arguments.capture.written(),
    };
    let report = demo::run(&options);
    if arguments.json {
        output::line(report.to_json())?;
    } else {
        if let Some(why) = &report.why {
            output::line(format_args!("{why}\n"))?;
        }
        output::line(&report)?;
    }
    if report.ok() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}
